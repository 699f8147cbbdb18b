//! Request and response bodies of sales for operators.

use super::{event_details, sale_changes};
use futures_util::{StreamExt, TryStreamExt, stream};
use lastseat_ledger::{Created, Creation, Fault, Ledger};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::domain::sale::{LateSeats, PageTerms, Terms};
use shared::limits::CAPACITY_MAX;
use shared::plan::stored::PlanShape;
use shared::plan::{Plan, PlanErrors};
use shared::wire::json_integer;
use shared::wire::openapi::{BuyerLimit, HoldMs, Moment, OrderLimit};
use shared::{
    Capacity, Code, EventDetails, PayUrl, Problem, ReturnUrl, SaleId, SaleState, Snapshot,
    UnixMillis,
};
use std::sync::Arc;
use utoipa::ToSchema;

/// A sale to be created. Body of `PUT /v1/admin/sales/{sale}`, what `lastseat sale create` sends.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSale {
    /// Tickets that exist, in a sale without a plan.
    #[serde(default, deserialize_with = "json_integer::given")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Capacity, required = false)]
    pub capacity: Option<u64>,
    /// What it sells, seat by seat, in the place of `capacity`: a plan as
    /// `docs/howto/plans.md` describes it. It stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    pub plan: Option<Value>,
    /// When it opens by itself, in Unix milliseconds.
    #[serde(default, deserialize_with = "json_integer::number_or_null")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Moment>)]
    pub opens_at: Option<u64>,
    /// When it closes by itself, in Unix milliseconds.
    #[serde(default, deserialize_with = "json_integer::number_or_null")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Moment>)]
    pub closes_at: Option<u64>,
    /// How long a hold lasts, in milliseconds; absent or 0 = orders are confirmed at once.
    #[serde(default, deserialize_with = "json_integer::number_or_null")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HoldMs>)]
    pub hold_ms: Option<u64>,
    /// Most tickets of one buyer; absent or 0 = no limit.
    #[serde(default, deserialize_with = "json_integer::number_or_null")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BuyerLimit>)]
    pub buyer_limit: Option<u32>,
    /// Most tickets in one order.
    #[serde(default, deserialize_with = "json_integer::number_or_null")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OrderLimit>)]
    pub order_limit: Option<u32>,
    /// Whether buyers may give back what the shop has confirmed; no when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyers_cancel: Option<bool>,
    /// Where the buyer of a held order pays: https, at most 512 bytes, a template with
    /// `{order_id}`, and if you like `{number}` and `{sale}`, or with `{signed}`. Nowhere when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PayUrl>)]
    pub pay_url: Option<String>,
    /// What a late payment gets in a sale with a plan whose seats somebody else has by then: no
    /// seats (`same`, and when absent), or `other` seats for the same lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_seats: Option<LateSeats>,
    /// Where the shop sends the buyer back after the payment: https, at most 512 bytes; pay links
    /// that are signed have it. Nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReturnUrl>)]
    pub return_url: Option<String>,
    /// What is sold, as people read it. Nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<EventDetails>)]
    pub event: Option<Value>,
    /// Whether it is open from the start. When absent: yes, unless it has a time to open at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
}

/// A [`NewSale`] within its bounds.
#[derive(Clone, Debug)]
pub struct CheckedSale(Creation);

impl CheckedSale {
    /// Creates the sale, or finds it as it was created; whether it is new. The inner error is a
    /// refusal: it is there with other terms, or would close at a moment that has passed.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn create(
        &self,
        ledger: &Ledger,
        sale: &SaleId,
    ) -> Result<Result<(Snapshot, bool), Problem>, Fault> {
        // Not where it is there: whoever repeats the call later is answered that nothing differs.
        let now = ledger.now();
        let closes_in_the_past = (UnixMillis(1)..=now).contains(&self.0.terms.closes_at);
        if closes_in_the_past && ledger.snapshot(sale).await?.is_none() {
            return Ok(Err(sale_changes::closes_in_the_past(now)));
        }
        let (snapshot, created) = ledger.create_sale_as(sale, &self.0).await?;
        Ok(match created {
            Created::New => Ok((snapshot, true)),
            Created::Unchanged => Ok((snapshot, false)),
            Created::Differs => Err(Problem::new(Code::SaleExists)),
        })
    }
}

impl NewSale {
    /// Checks the bounds.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<CheckedSale, Problem> {
        let standard = Terms::default();
        let terms = Terms {
            opens_at: self.opens_at.map_or(standard.opens_at, UnixMillis),
            closes_at: self.closes_at.map_or(standard.closes_at, UnixMillis),
            hold_ms: self.hold_ms.unwrap_or(standard.hold_ms),
            buyer_limit: self.buyer_limit.unwrap_or(standard.buyer_limit),
            order_limit: self.order_limit.unwrap_or(standard.order_limit),
        };
        terms.check()?;
        let (capacity, plan) = self.places()?;
        if self.late_seats.is_some() && plan.is_none() {
            return Err(Problem::invalid(
                "\"late_seats\" is for a sale with a plan: name no capacity",
            ));
        }
        Ok(CheckedSale(Creation {
            capacity,
            terms,
            open: self.open.unwrap_or(terms.opens_at.0 == 0),
            page: PageTerms {
                buyers_cancel: self.buyers_cancel.unwrap_or(false),
                pay_url: PayUrl::parse(self.pay_url.as_deref().unwrap_or_default())
                    .map_err(Problem::invalid)?,
                late_seats: self.late_seats.unwrap_or_default(),
                return_url: ReturnUrl::parse(self.return_url.as_deref().unwrap_or_default())
                    .map_err(Problem::invalid)?,
                event: match &self.event {
                    Some(event) => Arc::new(event_details::read(event)?),
                    None => Arc::default(),
                },
            },
            plan,
        }))
    }

    /// What it sells: so many tickets, or a plan.
    fn places(&self) -> Result<(Capacity, Option<Arc<Plan>>), Problem> {
        match (self.capacity, &self.plan) {
            (Some(capacity), None) => {
                Ok((Capacity::new(capacity).map_err(Problem::invalid)?, None))
            }
            (None, Some(plan)) => {
                let plan = Plan::from_json(&plan.to_string()).map_err(wrong_plan)?;
                let places = plan.places();
                let capacity = Capacity::new(places).map_err(|_| {
                    Problem::invalid(format!(
                        "The plan has {places} places on legs, each seat and standing place once \
                         on each leg, and a sale has at most {CAPACITY_MAX}: take fewer standing \
                         places, or sell them in a sale of their own."
                    ))
                })?;
                Ok((capacity, Some(Arc::new(plan))))
            }
            (None, None) => Err(Problem::invalid(
                "Say what the sale sells: \"capacity\", a number of equal tickets, or \"plan\".",
            )),
            (Some(_), Some(_)) => Err(Problem::invalid(
                "A sale has a \"capacity\" or a \"plan\", not both: the plan says how many places \
                 there are.",
            )),
        }
    }
}

/// All that is wrong with a plan, a line each.
fn wrong_plan(errors: PlanErrors) -> Problem {
    let lines = errors.sentences().into_iter().map(|error| format!("plan: {error}"));
    Problem { detail: lines.collect::<Vec<_>>().join("\n"), ..Problem::new(Code::Invalid) }
}

/// Many sales, a page of them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SaleList {
    /// By id.
    pub sales: Vec<SaleReport>,
    /// The last id of the page, if there are more behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_after: Option<String>,
}

/// Sales on one page of a list; each costs a call to the ledger.
const LIST_PAGE: usize = 1_000;
/// Of these, so many are read at a time.
const LIST_AT_ONCE: usize = 32;

impl SaleList {
    /// The sales that `is_shown` lets through and whose ids come after `after`, at most a page;
    /// also those that have ended.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn read(
        ledger: &Ledger,
        after: Option<&SaleId>,
        is_shown: impl Fn(&SaleId) -> bool,
    ) -> Result<Self, Fault> {
        let known = ledger.all_sales().await?;
        let rest = known.iter().filter(|sale| after.is_none_or(|after| *sale > after));
        let mut rest = rest.filter(|sale| is_shown(sale));
        let page: Vec<SaleId> = rest.by_ref().take(LIST_PAGE).cloned().collect();
        let last = page.last().map(ToString::to_string);
        let reports = page.into_iter().map(|sale| async move {
            let Some(snapshot) = ledger.snapshot(&sale).await? else { return Ok(None) };
            let plan = ledger.plan_shape(&sale).await?.map(PlanNote::of_shape);
            Ok::<_, Fault>(Some(SaleReport::new(&sale, &snapshot, plan)))
        });
        let reports: Vec<Option<SaleReport>> =
            stream::iter(reports).buffered(LIST_AT_ONCE).try_collect().await?;
        // A sale is listed before it is created.
        let sales = reports.into_iter().flatten().collect();
        Ok(Self { sales, next_after: rest.next().and(last) })
    }
}

/// A sale with all its numbers.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SaleReport {
    /// The sale.
    #[schema(value_type = SaleId)]
    pub sale: String,
    /// Its state.
    pub state: SaleState,
    /// How large the sale's plan is; absent where it has none. With a plan, `capacity`, `free`,
    /// `held` and `confirmed` count places on legs: each seat and standing place once on each leg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub plan: Option<PlanNote>,
    /// Tickets that exist, or places on legs.
    #[schema(value_type = Capacity)]
    pub capacity: u32,
    /// Those that nobody has.
    pub free: u32,
    /// Those that wait for payment.
    pub held: u32,
    /// Those that are sold.
    pub confirmed: u32,
    /// Orders that were ever granted; only where one sale is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub orders: Option<u64>,
    /// Rises whenever tickets may have become available or the state changed.
    pub version: u64,
    /// Number of state changes in the log.
    pub commit_seq: u64,
    /// When it opens by itself; 0 = not by itself.
    pub opens_at: UnixMillis,
    /// When it closes by itself; 0 = not by itself.
    pub closes_at: UnixMillis,
    /// How long a hold lasts, in milliseconds; 0 = orders are confirmed at once.
    #[schema(value_type = HoldMs)]
    pub hold_ms: u64,
    /// Most tickets of one buyer; 0 = no limit.
    #[schema(value_type = BuyerLimit)]
    pub buyer_limit: u32,
    /// Most tickets in one order.
    #[schema(value_type = OrderLimit)]
    pub order_limit: u32,
    /// Whether buyers may give back what the shop has confirmed; only where one sale is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub buyers_cancel: Option<bool>,
    /// Where the buyer of a held order pays, a template; only where one sale is asked for and has
    /// one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pay_url: Option<String>,
    /// What a late payment gets whose seats somebody else has; only where one sale is asked for and
    /// has a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub late_seats: Option<LateSeats>,
    /// Where the shop sends the buyer back; only where one sale is asked for and has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub return_url: Option<String>,
    /// What is sold, as people read it; only where one sale is asked for and something was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub event: Option<EventDetails>,
    /// The ledger's clock when it answered.
    pub now: UnixMillis,
}

/// How large the plan of a sale is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanNote {
    /// What the numbers of the sale count: always `places on legs`.
    pub counts: String,
    /// Legs of each seat; 1 in a hall.
    pub legs: u32,
    /// Classes.
    pub classes: u32,
}

impl PlanNote {
    const COUNTS: &str = "places on legs";

    /// Of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let (legs, classes) = (plan.legs() as u32, plan.classes().len() as u32);
        Self { counts: Self::COUNTS.to_owned(), legs, classes }
    }

    /// Of what a ledger says.
    #[must_use]
    pub fn of_shape(shape: PlanShape) -> Self {
        let PlanShape { legs, classes, .. } = shape;
        Self { counts: Self::COUNTS.to_owned(), legs, classes }
    }
}

impl CheckedSale {
    /// Whether its pay links are to be signed.
    #[must_use]
    pub fn signs(&self) -> bool {
        self.0.page.pay_url.is_signed()
    }

    /// How large its plan is, if it has one.
    #[must_use]
    pub fn plan_note(&self) -> Option<PlanNote> {
        self.0.plan.as_deref().map(PlanNote::of)
    }
}

impl SaleReport {
    /// The report on `sale`, which has this plan or none.
    #[must_use]
    pub fn new(sale: &SaleId, snapshot: &Snapshot, plan: Option<PlanNote>) -> Self {
        let terms = &snapshot.terms;
        Self {
            sale: sale.to_string(),
            state: snapshot.state,
            plan,
            capacity: snapshot.capacity,
            free: snapshot.free(),
            held: snapshot.held,
            confirmed: snapshot.confirmed,
            orders: None,
            version: snapshot.version,
            commit_seq: snapshot.commit_seq,
            opens_at: terms.opens_at,
            closes_at: terms.closes_at,
            hold_ms: terms.hold_ms,
            buyer_limit: terms.buyer_limit,
            order_limit: terms.order_limit,
            buyers_cancel: None,
            pay_url: None,
            late_seats: None,
            return_url: None,
            event: None,
            now: snapshot.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> Result<CheckedSale, String> {
        let wanted: NewSale = serde_json::from_str(body).map_err(|e| e.to_string())?;
        wanted.check().map_err(|problem| problem.detail)
    }

    #[test]
    fn a_sale_is_open_from_the_start_unless_it_has_a_time_to_open_at() {
        assert!(check(r#"{"capacity":1}"#).unwrap().0.open);
        assert!(!check(r#"{"capacity":1,"opens_at":8000000000000}"#).unwrap().0.open);
        assert!(check(r#"{"capacity":1,"opens_at":0}"#).unwrap().0.open);
        assert!(!check(r#"{"capacity":1,"open":false}"#).unwrap().0.open);
    }

    #[test]
    fn each_wrong_sale_is_told_what_is_wrong() {
        for (body, word) in [
            (r"{}", "capacity"),
            (r#"{"capacity":1,"plan":{"classes":[]}}"#, "not both"),
            (r#"{"plan":{"classes":[]}}"#, "plan: "),
            (r#"{"plan":{"classes":[{"id":"a b","standing":1},{"id":"c"}]}}"#, "\n"),
            (r#"{"plan":{"format":2,"news":1}}"#, "format: 2"),
            (
                r#"{"plan":{"stops":["A","B","C"],"classes":[{"id":"s","standing":900000000}]}}"#,
                "1800000000 places on legs",
            ),
            (r#"{"capacity":1000000001}"#, "capacity"),
            (r#"{"capacity":-1}"#, "-1"),
            (r#"{"capacity":1,"tickets":1}"#, "tickets"),
            (r#"{"capacity":1,"order_limit":0}"#, "order_limit"),
            (r#"{"capacity":1,"opens_at":9,"closes_at":8}"#, "closes_at"),
            (r#"{"capacity":1,"opens_at":100000000000000}"#, "5138"),
            (r#"{"capacity":1,"pay_url":"https://shop.example/"}"#, "{order_id}"),
            (r#"{"capacity":1,"pay_url":7}"#, "string"),
            (r#"{"capacity":1,"late_seats":"other"}"#, "with a plan"),
            (r#"{"plan":{"classes":[{"id":"c","standing":1}]},"late_seats":"best"}"#, "`other`"),
        ] {
            let error = check(body).unwrap_err();
            assert!(error.contains(word), "{body}: {error}");
        }
    }
}
