//! Many edges, simulated: the goals of the quota protocol, and the known ways to get it wrong that
//! only show where there are many.

mod goals;
mod hazards;
