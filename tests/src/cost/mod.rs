//! What an order costs in Redis: memory by key and CPU time, at growing sizes of one sale. Behind
//! the program `ledger_cost`.

pub mod fill;
pub mod reading;
pub mod report;

pub use report::{CostRow, further, measure};
