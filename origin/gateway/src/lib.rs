//! A gateway: the native edge of lastseat, a thread a core, between buyers and nodes.
//!
//! [`front`] is everything between a socket and one call: connections and their bounds, HTTP/1.1
//! and HTTP/2, TLS, proxies before it, shutdown, the operators' listener. What a request means is
//! decided in `shared`; `shell` asks it and carries out what it decides.

#![warn(missing_docs)]

pub mod config;
pub mod front;
pub mod gateway;
mod shell;
