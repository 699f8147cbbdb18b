//! Bodies about what a sale with a plan sells, and what is left of it.

use crate::sale_seats::{FreePlaces, SeatsView};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::plan::{Plan, PlanClass, PlanPart, PlanStop};
use shared::seats::Journey;
use shared::{SaleId, UnixMillis};
use utoipa::ToSchema;

/// The most free places that are told as a number: whoever plans for more looks again.
pub const FREE_SHOWN_MAX: u32 = 20;
/// Journeys of one answer: those of two classes of the longest train.
pub const JOURNEYS_SHOWN_MAX: usize = 4_096;

/// What a sale with a plan sells. Answer to `GET /v1/sales/{sale}/plan`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    /// The sale.
    #[schema(value_type = SaleId)]
    pub sale: String,
    /// Between two stops that follow each other; 1 in a hall.
    pub legs: u32,
    /// Its stops, in the order in which a train comes to them; none in a hall.
    pub stops: Vec<NamedStop>,
    /// Its classes.
    pub classes: Vec<ClassView>,
    /// Numbers that several classes together may not exceed, on each leg.
    pub quotas: Vec<QuotaView>,
    /// The plan itself in its shortest form, which `PUT /v1/admin/sales/{sale}` takes.
    #[schema(value_type = Object)]
    pub plan: Value,
}

/// A stop.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NamedStop {
    /// Its place, from 1, by which an order may name it, too.
    pub number: u32,
    /// What orders call it.
    pub id: String,
    /// What people read.
    pub name: String,
}

/// A class.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClassView {
    /// What orders call it.
    pub id: String,
    /// What people read.
    pub name: String,
    /// Seats with names; 0 where people stand.
    pub seats: u32,
    /// Places without names, on each leg.
    pub standing: u32,
    /// Its coaches or blocks, in the order of their seats.
    pub blocks: Vec<BlockView>,
}

/// Those of the seats of a coach or block that are of one class.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BlockView {
    /// Its id.
    pub id: String,
    /// `coach` or `block`.
    pub kind: String,
    /// What people read in the place of "coach 5", if that is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// How many seats.
    pub seats: u32,
}

/// A quota.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QuotaView {
    /// Its id.
    pub id: String,
    /// What people read.
    pub name: String,
    /// Ids of its classes.
    pub classes: Vec<String>,
    /// What may be taken of them at a time, on each leg.
    pub size: u32,
}

/// What is left of a sale with a plan. Answer to `GET /v1/sales/{sale}/seats`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SeatsLeft {
    /// The sale.
    #[schema(value_type = SaleId)]
    pub sale: String,
    /// The sale's version.
    pub version: u64,
    /// When that was so, by the ledger's clock.
    pub at: UnixMillis,
    /// The classes that were asked for.
    pub classes: Vec<ClassLeft>,
}

/// What is left of a class.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClassLeft {
    /// The class.
    pub class: String,
    /// Its journeys, by their stops of departure, then of arrival. One without stops in a hall.
    pub journeys: Vec<JourneyLeft>,
    /// The seats of the coach or block that was asked for, in its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seats: Option<Vec<SeatLeft>>,
}

/// What is left of a class for one journey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JourneyLeft {
    /// Where it begins; absent in a hall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub from: Option<String>,
    /// Where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub to: Option<String>,
    /// Places that are free all the way, at most 20.
    pub free: u32,
    /// There are more than that. Absent = no.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    #[schema(required = false)]
    pub more: bool,
    /// None is free and some are held, which may come back. Absent = no.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    #[schema(required = false)]
    pub all_held: bool,
}

/// A seat of a map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeatLeft {
    /// Its name.
    pub seat: String,
    /// Whether it is free all the way.
    pub free: bool,
}

/// What of the seats is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeatsWanted<'a> {
    /// One class; all when absent.
    pub(crate) class: Option<usize>,
    /// One coach or block of it, seat by seat.
    pub(crate) block: Option<&'a PlanPart>,
    /// One journey; all when absent.
    pub(crate) journey: Option<Journey>,
}

impl PlanView {
    /// The view of `plan`.
    #[must_use]
    pub fn new(sale: &SaleId, plan: &Plan) -> Self {
        let quotas = plan.quotas().iter();
        let of = |classes: &[usize]| {
            let ids = classes.iter().filter_map(|place| plan.classes().get(*place));
            ids.map(|class| class.id.clone()).collect()
        };
        Self {
            sale: sale.to_string(),
            legs: plan.legs() as u32,
            stops: NamedStop::all(plan),
            classes: plan.classes().iter().map(ClassView::of).collect(),
            quotas: quotas
                .map(|quota| QuotaView {
                    id: quota.id.clone(),
                    name: quota.name.clone(),
                    classes: of(&quota.classes),
                    size: quota.size,
                })
                .collect(),
            // Texts and numbers alone: nothing in it can fail.
            plan: serde_json::to_value(plan.to_document()).unwrap_or_default(),
        }
    }
}

impl NamedStop {
    /// The stops of `plan`.
    pub(crate) fn all(plan: &Plan) -> Vec<Self> {
        let stops = (1..).zip(plan.stops());
        let named = |(number, stop): (u32, &PlanStop)| Self {
            number,
            id: stop.id.clone(),
            name: stop.name.clone(),
        };
        stops.map(named).collect()
    }
}

impl ClassView {
    fn of(class: &PlanClass) -> Self {
        let blocks = class.parts().iter().map(|part| BlockView {
            id: part.id.clone(),
            kind: part.kind.as_str().to_owned(),
            name: part.name(),
            seats: part.seats().end - part.seats().start,
        });
        Self {
            id: class.id.clone(),
            name: class.name.clone(),
            seats: class.seats(),
            standing: class.standing(),
            blocks: blocks.collect(),
        }
    }
}

impl SeatsLeft {
    /// What `view` says of what is wanted.
    #[must_use]
    pub(crate) fn new(sale: &SaleId, view: &SeatsView, wanted: SeatsWanted<'_>) -> Self {
        let classes = match wanted.class {
            Some(class) => class..class + 1,
            None => 0..view.plan.classes().len(),
        };
        Self {
            sale: sale.to_string(),
            version: view.version,
            at: view.at,
            classes: classes.map(|class| ClassLeft::of(view, class, wanted)).collect(),
        }
    }
}

impl ClassLeft {
    fn of(view: &SeatsView, class: usize, wanted: SeatsWanted<'_>) -> Self {
        let journeys = match wanted.journey {
            Some(journey) => vec![(journey, view.journey(class, journey))],
            None => view.journeys(class),
        };
        let of_class = view.plan.classes().get(class);
        let seats = wanted.block.zip(of_class).map(|(block, of_class)| {
            let free = view.free_seats(class, wanted.journey.unwrap_or(Journey::HALL));
            let is_free = |seat: u32| {
                let word = free.get(seat as usize / 32).copied().unwrap_or(0);
                word >> (seat % 32) & 1 == 1
            };
            let named = block.seats().filter_map(|seat| Some((seat, of_class.name_of(seat)?)));
            let seats =
                named.map(|(seat, name)| SeatLeft { seat: name.to_string(), free: is_free(seat) });
            seats.collect()
        });
        Self {
            class: of_class.map_or_else(String::new, |class| class.id.clone()),
            journeys: journeys
                .into_iter()
                .map(|(journey, places)| JourneyLeft::of(&view.plan, journey, places))
                .collect(),
            seats,
        }
    }
}

impl JourneyLeft {
    fn of(plan: &Plan, journey: Journey, places: FreePlaces) -> Self {
        let stop = |place: usize| plan.stops().get(place).map(|stop| stop.id.clone());
        Self {
            from: stop(journey.from()),
            to: stop(journey.to()),
            free: places.free.min(FREE_SHOWN_MAX),
            more: places.free > FREE_SHOWN_MAX,
            all_held: places.all_held,
        }
    }
}
