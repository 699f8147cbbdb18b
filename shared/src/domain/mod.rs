//! The domain: ids, time, sales, orders, outcomes, refusals and faults.

pub mod fault;
pub mod ids;
pub mod order;
pub mod order_number;
pub mod order_state;
pub mod outcome;
pub mod pay_url;
pub mod refusal;
pub mod sale;
pub mod time;
