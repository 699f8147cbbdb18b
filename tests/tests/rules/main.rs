//! What needs no server: the rules of `shared` under random input, the simulator, and what
//! documents, names and the shape of the code promise.

mod claims;
mod fuzz;
mod simulator;
mod tidy;
