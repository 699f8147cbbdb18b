//! The domain: ids, time, sales, orders, outcomes, refusals and faults.

pub mod event_details;
pub mod fault;
pub mod ids;
pub mod order;
pub mod order_number;
pub mod order_state;
pub mod outcome;
pub mod pay_url;
pub mod payment;
pub mod refusal;
pub mod return_url;
pub mod sale;
pub mod time;
pub(crate) mod web_address;
