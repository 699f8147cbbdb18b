//! Body with the places of a sale with a plan, leg by leg and part by part, as operators see them.

use super::seat_bodies::NamedStop;
use crate::sale_seats::SeatsView;
use core::ops::Range;
use serde::{Deserialize, Serialize};
use shared::plan::{PlanClass, PlanPart};
use shared::seats::Journey;
use shared::{SaleId, UnixMillis};
use utoipa::ToSchema;

/// Parts of all classes that are listed one by one; where there are more, neighbours are summed.
pub const PARTS_SHOWN_MAX: usize = 200;

/// The places of a sale with a plan. Answer to `GET /v1/admin/sales/{sale}/legs`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SaleLegs {
    /// The sale.
    #[schema(value_type = SaleId)]
    pub sale: String,
    /// The sale's version.
    pub version: u64,
    /// When that was so, by the ledger's clock.
    pub at: UnixMillis,
    /// Its stops, in the order in which a train comes to them; none in a hall. Leg 1 is from the
    /// first one to the second.
    pub stops: Vec<NamedStop>,
    /// Its classes.
    pub classes: Vec<ClassLegs>,
}

/// The places of a class.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClassLegs {
    /// What orders call it.
    pub class: String,
    /// What people read.
    pub name: String,
    /// Its seats, or its standing places, on each leg.
    pub places: u32,
    /// Its legs, in order; one in a hall.
    pub legs: Vec<LegPlaces>,
    /// The leg of which the fewest places can be had, by its number; the first one of several.
    pub worst_leg: u32,
    /// Its coaches or blocks on that leg; none where people stand.
    pub parts: Vec<PartTaken>,
}

/// The places of a class on one leg. `places = free + held + confirmed`, unless the ledger's data
/// is damaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LegPlaces {
    /// Its number, from 1.
    pub leg: u32,
    /// Places that nobody has.
    pub free: u32,
    /// Places that wait for payment.
    pub held: u32,
    /// Places that are sold.
    pub confirmed: u32,
    /// How many of the free places quotas leave. Absent = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub within_quotas: Option<u32>,
}

/// How much of a coach or block is taken; of neighbours together in a sale of many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartTaken {
    /// The id of the first one.
    pub id: String,
    /// What people read of it.
    pub name: String,
    /// The id of the last one; absent where it is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last: Option<String>,
    /// Seats of the class in it.
    pub seats: u32,
    /// Those that are held or sold.
    pub taken: u32,
}

impl SaleLegs {
    /// What `view` says.
    #[must_use]
    pub fn new(sale: &SaleId, view: &SeatsView) -> Self {
        let classes = view.plan.classes();
        let parts: usize = classes.iter().map(|class| class.parts().len()).sum();
        let together = parts.div_ceil(PARTS_SHOWN_MAX).max(1);
        let classes = classes.iter().enumerate();
        Self {
            sale: sale.to_string(),
            version: view.version,
            at: view.at,
            stops: NamedStop::all(&view.plan),
            classes: classes
                .map(|(number, class)| ClassLegs::of(view, number, class, together))
                .collect(),
        }
    }
}

impl ClassLegs {
    fn of(view: &SeatsView, number: usize, class: &PlanClass, together: usize) -> Self {
        let places = class.seats() + class.standing();
        let legs: Vec<LegPlaces> = (0..view.plan.legs())
            .filter_map(|leg| LegPlaces::of(view, number, places, Journey::new(leg, leg + 1)?))
            .collect();
        let worst_leg = legs.iter().min_by_key(|leg| leg.to_be_had()).map_or(1, |leg| leg.leg);
        let parts = class.parts().chunks(together);
        let plane = view.book.planes(number).map(|planes| planes.plane(worst_leg as usize - 1));
        Self {
            class: class.id.clone(),
            name: class.name.clone(),
            places,
            parts: parts.map(|parts| PartTaken::of(parts, plane.unwrap_or_default())).collect(),
            legs,
            worst_leg,
        }
    }
}

impl LegPlaces {
    fn of(view: &SeatsView, class: usize, places: u32, journey: Journey) -> Option<Self> {
        let leg = journey.from();
        let free = view.plan.free_on(&view.book, class, leg);
        let held = view.held.get(class)?.get(leg).copied()?;
        let within_quotas = view.journey(class, journey).free;
        Some(Self {
            leg: journey.to() as u32,
            free,
            held,
            confirmed: places.saturating_sub(free).saturating_sub(held),
            within_quotas: Some(within_quotas).filter(|within| *within < free),
        })
    }

    /// How many an order could have.
    fn to_be_had(&self) -> u32 {
        self.within_quotas.unwrap_or(self.free)
    }
}

impl PartTaken {
    /// Neighbours, of which there is one at least; `plane` says what is free.
    fn of(parts: &[PlanPart], plane: &[u32]) -> Self {
        let words = |part: &PlanPart| {
            let id = || format!("{} {}", part.kind.as_str(), part.id);
            part.name().unwrap_or_else(id)
        };
        let (first, last) = (parts.first(), parts.last().filter(|_| parts.len() > 1));
        let range = first.map_or(0, |part| part.seats().start)
            ..parts.last().map_or(0, |part| part.seats().end);
        let seats = range.end - range.start;
        Self {
            id: first.map_or_else(String::new, |part| part.id.clone()),
            name: first.map_or_else(String::new, words),
            last: last.map(|part| part.id.clone()),
            seats,
            taken: seats - count_free(plane, range),
        }
    }
}

/// How many seats of a range a plane has, of each word with one count.
fn count_free(plane: &[u32], seats: Range<u32>) -> u32 {
    let words = seats.start / u32::BITS..seats.end.div_ceil(u32::BITS);
    let in_word = |word: u32| {
        let first = word * u32::BITS;
        let from_start = u32::MAX << seats.start.saturating_sub(first);
        let after_end = (first + u32::BITS).saturating_sub(seats.end);
        let free = plane.get(word as usize).copied().unwrap_or(0);
        (free & from_start & (u32::MAX >> after_end)).count_ones()
    };
    words.map(in_word).sum()
}

#[cfg(test)]
mod tests;
