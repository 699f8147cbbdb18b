//! The simulator's two scenarios. Of faults: no rule breaks, and broken rules are seen. Of scale:
//! the goals of the quota protocol, and the known ways to get it wrong that only show where there
//! are many edges.

mod faults;
mod goals;
mod hazards;
