//! Lines of orders as they travel: classes, stops and seats by the names of the sale's plan.

use crate::plan::Plan;
use crate::seats::{SeatClaim, SeatLine, SeatRefusal, Together};
use crate::wire::json_integer;
use serde::{Deserialize, Serialize};

/// How close together the seats of a line must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TogetherWord {
    /// Side by side in one row.
    Row,
    /// In one coach.
    Coach,
    /// In one block; the same as `coach`.
    Block,
    /// As close as there are seats: this has the best chance.
    #[default]
    Any,
}

impl From<TogetherWord> for Together {
    fn from(word: TogetherWord) -> Self {
        match word {
            TogetherWord::Row => Self::Row,
            TogetherWord::Coach | TogetherWord::Block => Self::Coach,
            TogetherWord::Any => Self::Any,
        }
    }
}

/// One line of an order: seats of one class for one journey.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineRequest {
    /// The class, by its id.
    pub class: String,
    /// Where the journey begins: a stop by its id, or by its number from 1. Absent in a hall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub from: Option<String>,
    /// Where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub to: Option<String>,
    /// How many seats; when absent as many as `seats` names, else 1.
    #[serde(default, deserialize_with = "json_integer::number_or_null")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::Quantity>))]
    pub quantity: Option<u64>,
    /// How close together; `any` when absent, which has the best chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub together: Option<TogetherWord>,
    /// Seats that were chosen, by their names. They are had all or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub seats: Option<Vec<String>>,
    /// Whether other seats are good as well where one of `seats` is taken; no when absent.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub or_search: bool,
}

impl LineRequest {
    /// How many tickets it asks for, whether or not that makes sense.
    #[must_use]
    pub fn tickets(&self) -> u64 {
        let seats = self.seats.as_ref().map_or(1, |seats| seats.len() as u64);
        self.quantity.unwrap_or(seats)
    }
}

/// What a line of an order has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineView {
    /// The class, by its id.
    pub class: String,
    /// The stop where the journey begins, by its id. Absent in a hall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub from: Option<String>,
    /// The stop where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub to: Option<String>,
    /// Tickets that the line has, or had when the order ended; 0 where all of it was given back.
    pub quantity: u32,
    /// Its seats by their names; absent where places have no names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub seats: Vec<String>,
}

impl LineView {
    /// The view of a claim in a sale with this plan. What the plan does not have is shown by its
    /// number.
    #[must_use]
    pub fn of(plan: &Plan, claim: &SeatClaim) -> Self {
        let class = plan.classes().get(claim.class);
        let stop = |place: usize| plan.stops().get(place).map(|stop| stop.id.clone());
        Self {
            class: class.map_or_else(|| claim.class.to_string(), |class| class.id.clone()),
            from: stop(claim.journey.from()),
            to: stop(claim.journey.to()),
            quantity: claim.quantity,
            seats: claim.seats.iter().map(|seat| seat_name(plan, claim.class, *seat)).collect(),
        }
    }

    /// The views of all claims of an order.
    #[must_use]
    pub fn of_all(plan: &Plan, claims: &[SeatClaim]) -> Vec<Self> {
        claims.iter().map(|claim| Self::of(plan, claim)).collect()
    }
}

/// What a refusal says of the line of an order that is the cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusedLine {
    /// The line that is refused, by its place in `lines`, from 0.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub line: u32,
    /// Seats that are free for its journey, fewer than it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub free: Option<u32>,
    /// The seat that is taken, or would be left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub seat: Option<String>,
    /// Names that could stand there: free seats, or where a name is unknown the nearest ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub instead: Vec<String>,
}

impl RefusedLine {
    /// What is said where the ledger refused `line`, number `at` of its order.
    #[must_use]
    pub fn of(plan: &Plan, at: usize, line: &SeatLine, refusal: &SeatRefusal) -> Self {
        let name = |seat: u32| seat_name(plan, line.class(), seat);
        let said = Self { line: u32::try_from(at).unwrap_or(u32::MAX), ..Self::default() };
        match refusal {
            SeatRefusal::SoldOut { free } => Self { free: Some(*free), ..said },
            SeatRefusal::NotTogether => said,
            SeatRefusal::SeatTaken { seat, nearest } => Self {
                seat: Some(name(*seat)),
                instead: nearest.iter().map(|seat| name(*seat)).collect(),
                ..said
            },
            SeatRefusal::LeavesSingle { seat, instead } => Self {
                seat: Some(name(*seat)),
                instead: instead.iter().map(|seat| name(*seat)).collect(),
                ..said
            },
        }
    }
}

/// The name of a seat, or its number where the plan has no such seat.
fn seat_name(plan: &Plan, class: usize, seat: u32) -> String {
    let name = plan.seat_name(class, seat);
    name.map_or_else(|| seat.to_string(), |name| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seats::order_lines::claims_of_text;

    #[test]
    fn claims_are_shown_by_the_names_of_the_plan() {
        let train = r#"{"stops":["A","B","C"],"classes":[
            {"id":"second","coaches":[{"ids":"3-4","rows":"1-2","letters":"AB"}]},
            {"id":"standing","standing":5}]}"#;
        let plan = Plan::from_json(train).unwrap();
        let claims = claims_of_text("0.0-2.2=3+4,1.1-2.3,0.0-1.0").unwrap();
        let shown = serde_json::to_string(&LineView::of_all(&plan, &claims)).unwrap();
        let expected = r#"[{"class":"second","from":"A","to":"C","quantity":2,
            "seats":["3-2B","4-1A"]},{"class":"standing","from":"B","to":"C","quantity":3},
            {"class":"second","from":"A","to":"B","quantity":0}]"#;
        assert_eq!(shown, expected.replace(['\n', ' '], ""));
        let hall =
            r#"{"classes":[{"id":"stalls","blocks":[{"ids":"P","rows":"1","seats":"1-9"}]}]}"#;
        let hall = Plan::from_json(hall).unwrap();
        let line = LineView::of(&hall, &claims_of_text("0.0-1.1=8").unwrap()[0]);
        assert_eq!((line.from, line.to, line.seats), (None, None, vec!["P-1-9".to_owned()]));
    }

    #[test]
    fn a_line_asks_for_as_many_as_it_says_or_names() {
        let tickets = |body: &str| serde_json::from_str::<LineRequest>(body).unwrap().tickets();
        assert_eq!(tickets(r#"{"class":"a"}"#), 1);
        assert_eq!(tickets(r#"{"class":"a","quantity":3}"#), 3);
        assert_eq!(tickets(r#"{"class":"a","seats":["1-1A","1-1B"]}"#), 2);
        assert!(serde_json::from_str::<LineRequest>(r#"{"class":"a","price":3}"#).is_err());
    }
}
