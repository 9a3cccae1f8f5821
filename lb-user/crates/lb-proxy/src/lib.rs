//! The user plane: listeners, HTTP proxy, TCP relay, TLS, and the I/O of health checks.
