//! `lastseat relay`, from outside: a real Redis, the real program, receivers that fail now and
//! then. First the relay of one sale, then that of all sales of a shop.

mod bodies;
mod by_hand;
mod deliveries;
mod endings;
mod endpoints;
mod pressure;
mod receiver;
mod shop;
mod stage;
mod takeover;
