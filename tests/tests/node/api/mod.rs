//! The nodes' API and the operator's commands, from outside: four node processes and a real Redis,
//! no edge.
//!
//! Each test starts a cluster of its own; none shares a port, a directory or a sale with another.

mod duplicates;
mod export;
mod find;
mod holds;
mod late_seats;
mod new_sales;
mod operators;
mod paid;
mod pay_url;
mod plans;
mod returns;
mod scoped_tokens;
mod seats;
mod shop;
mod targets;
mod terminal;
mod tokens;
