//! `lastseat relay`, from outside: a real Redis, the real program, a receiver that fails now and
//! then.

mod deliveries;
mod endings;
mod receiver;
mod shop;
