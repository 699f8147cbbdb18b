//! Whether a late payment gets other seats in a simulated sale with a plan.

use shared::domain::sale::LateSeats;
use shared::plan::Plan;

/// What a late payment gets in the sale of this plan. No log says it, so the plan does: about
/// every second one gives other seats.
pub(super) fn of_plan(plan: &Plan) -> LateSeats {
    if plan.seats().is_multiple_of(2) { LateSeats::Other } else { LateSeats::Same }
}
