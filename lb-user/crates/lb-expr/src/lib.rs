//! The expression language: samples, fetches, converters, ACLs, log formats.
