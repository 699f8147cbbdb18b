//! The whole system, from outside: real edges, four node processes, a real Redis.
//!
//! Each test starts what it needs and stops it; none shares a port, a directory or a sale with
//! another.

mod commands;
mod crowds;
mod lone_clients;
mod plans;
mod repeats;
mod spread;
mod wrong_requests;
