//! The run-time state: servers, balancing, checks, counters and the changes to them.
