//! The audit of a sale with a plan: each damage of its seats is named, and repaired from its
//! orders.

mod damages;
mod stored;
mod torn;
