//! The audit on damaged data: it names what is damaged, never fails because of it, and its repair
//! plan repairs it.
//!
//! The damage is done to a real sale on a real Redis, past lastseat; a plan is run as an operator
//! runs it, by `sh` with `redis-cli`.

mod by_plan;
mod damages;
mod operators;
mod random;
mod repairs;
mod stage;
mod standing;
