//! Equation of each leg of each class: places = free + held + confirmed.

use super::sale_read::SaleRead;
use serde::{Deserialize, Serialize};
use shared::ledger_model::seat_recount::SeatRecount;
use shared::plan::Plan;
use std::ops::Range;

/// One leg of a class of a sale with a plan, recounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditedLeg {
    /// The id of the class.
    pub class: String,
    /// The stop where the leg begins; absent in a hall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The stop where it ends; absent in a hall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Seats or standing places that exist.
    pub places: u64,
    /// What is left of them: places - held - confirmed. Below 0 where more were sold.
    pub free: i64,
    /// Places in held orders.
    pub held: u64,
    /// Places in confirmed orders.
    pub confirmed: u64,
    /// Places that are free by the seats that the ledger keeps; absent where they cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_says_free: Option<u64>,
}

impl AuditedLeg {
    /// Whether orders and ledger say the same, and not more was sold than there is.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let said = self.ledger_says_free.and_then(|free| i64::try_from(free).ok());
        self.free >= 0 && said == Some(self.free)
    }
}

/// Where the legs `legs` lie, as ` from Dijon to Lyon`; nothing in a hall.
pub(super) fn between(plan: &Plan, legs: &Range<usize>) -> String {
    match (plan.stops().get(legs.start), plan.stops().get(legs.end)) {
        (Some(from), Some(to)) => format!(" from {} to {}", from.name, to.name),
        _ => String::new(),
    }
}

/// Every leg of every class: first those on which something differs, then those with the fewest
/// free places.
pub(super) fn legs(plan: &Plan, counted: &SeatRecount, look: &SaleRead) -> Vec<AuditedLeg> {
    let read = look.seats.as_deref().and_then(|bytes| plan.read_seats(bytes));
    let book = read.as_ref().map(|(book, _)| book);
    let stop = |at: usize| plan.stops().get(at).map(|stop| stop.id.clone());
    let mut legs = Vec::new();
    for (number, class) in plan.classes().iter().enumerate() {
        let places = u64::from(class.seats()) + u64::from(class.standing());
        for leg in 0..plan.legs() {
            let held = u64::from(counted.held[number][leg]);
            let confirmed = u64::from(counted.confirmed[number][leg]);
            let says = book.map(|book| plan.free_on(book, number, leg));
            legs.push(AuditedLeg {
                class: class.id.clone(),
                from: stop(leg),
                to: stop(leg + 1),
                places,
                free: signed(places) - signed(held + confirmed),
                held,
                confirmed,
                ledger_says_free: says.map(u64::from),
            });
        }
    }
    legs.sort_by_key(|leg| (leg.is_whole(), leg.free));
    legs
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
