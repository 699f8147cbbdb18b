//! The nodes' API and the operator's commands, from outside: four node processes and a real Redis,
//! no edge.
//!
//! Each test starts a cluster of its own; none shares a port, a directory or a sale with another.

mod actors;
mod duplicates;
mod event;
mod export;
mod find;
mod holds;
mod late_seats;
mod new_sales;
mod operators;
mod paid;
mod pay_link;
mod pay_url;
mod payments;
mod people;
mod plans;
mod returns;
mod scoped_tokens;
mod seats;
mod shop;
mod targets;
mod terminal;
mod tokens;
mod watching;
