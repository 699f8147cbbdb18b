//! Changes of a sale by operators.

use super::event_details;
use lastseat_ledger::{Ledger, Reply, SaleChange, TermsChange};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use shared::domain::sale::{LateSeats, Terms};
use shared::limits::CAPACITY_MAX;
use shared::wire::json_integer;
use shared::wire::openapi::{BuyerLimit, HoldMs, Moment, OrderLimit};
use shared::{
    Capacity, Code, EventDetails, PayUrl, Problem, Refusal, ReturnUrl, SaleId, Snapshot, UnixMillis,
};
use std::sync::Arc;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// How often a relative change of the capacity is tried when others change it at the same time.
const TRIES: usize = 16;
/// When to ask again after that, in milliseconds.
const AGAIN_MS: u32 = 250;

/// A request to change how many tickets there are. Body of `POST .../restock`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestockRequest {
    /// So many from now on; safe to repeat.
    #[serde(default, deserialize_with = "json_integer::given")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
    /// So many more than now, or fewer; each repeat changes it again.
    #[serde(default, deserialize_with = "json_integer::given")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add: Option<i64>,
}

/// One field or the other, which a type with two optional fields does not say.
impl PartialSchema for RestockRequest {
    fn schema() -> RefOr<Schema> {
        let one = |title: &str, field: &str, about: &str, schema: RefOr<Schema>| {
            ObjectBuilder::new()
                .title(Some(title))
                .description(Some(about))
                .property(field, schema)
                .required(field)
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        let most = f64::from(CAPACITY_MAX);
        let difference = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(-most))
            .maximum(Some(most));
        let to = "So many from now on; safe to repeat.";
        let by = "So many more than now, or fewer; each repeat changes it again.";
        OneOfBuilder::new()
            .description(Some("How many tickets there are from now on."))
            .item(one("RestockTo", "capacity", to, Capacity::schema()))
            .item(one("RestockBy", "add", by, difference.into()))
            .into()
    }
}

impl ToSchema for RestockRequest {}

/// A [`RestockRequest`] within its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restock {
    /// So many from now on.
    To(Capacity),
    /// So many more than now, or fewer.
    By(i64),
}

impl RestockRequest {
    /// Checks it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<Restock, Problem> {
        let most = i64::from(CAPACITY_MAX);
        match (self.capacity, self.add) {
            (Some(capacity), None) => {
                let capacity = Capacity::new(capacity).map_err(Problem::invalid)?;
                Ok(Restock::To(capacity))
            }
            (None, Some(add)) if (-most..=most).contains(&add) => Ok(Restock::By(add)),
            (None, Some(_)) => {
                let wrong = format!("\"add\" must be a whole number from -{most} to {most}");
                Err(Problem::invalid(wrong))
            }
            _ => Err(Problem::invalid("name either \"capacity\" or \"add\"")),
        }
    }
}

/// A request to change some terms. Body of `PATCH /v1/admin/sales/{sale}`, what `lastseat sale set`
/// sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct TermsRequest {
    /// When it opens by itself, in Unix milliseconds; 0 = not by itself.
    #[serde(default, deserialize_with = "json_integer::given")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Moment>, nullable = false)]
    pub opens_at: Option<u64>,
    /// When it closes by itself, in Unix milliseconds; 0 = not by itself.
    #[serde(default, deserialize_with = "json_integer::given")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Moment>, nullable = false)]
    pub closes_at: Option<u64>,
    /// How long a hold lasts, in milliseconds; 0 = orders are confirmed at once.
    #[serde(default, deserialize_with = "json_integer::given")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HoldMs>, nullable = false)]
    pub hold_ms: Option<u64>,
    /// Most tickets of one buyer; 0 = no limit.
    #[serde(default, deserialize_with = "json_integer::given")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BuyerLimit>, nullable = false)]
    pub buyer_limit: Option<u32>,
    /// Most tickets in one order.
    #[serde(default, deserialize_with = "json_integer::given")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OrderLimit>, nullable = false)]
    pub order_limit: Option<u32>,
    /// Whether buyers may give back what the shop has confirmed.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub buyers_cancel: Option<bool>,
    /// Where the buyer of a held order pays: https, at most 512 bytes, a template with
    /// `{order_id}`, and if you like `{number}` and `{sale}`, or with `{signed}`; empty = nowhere.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PayUrl>, nullable = false)]
    pub pay_url: Option<String>,
    /// What a late payment gets in a sale with a plan whose seats somebody else has by then: no
    /// seats (`same`), or `other` seats for the same lines.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub late_seats: Option<LateSeats>,
    /// Where the shop sends the buyer back after the payment: https, at most 512 bytes; pay links
    /// that are signed have it. Empty = nothing is said.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReturnUrl>, nullable = false)]
    pub return_url: Option<String>,
    /// What is sold, as people read it; in the place of all that was said of it. `{}` = nothing.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<EventDetails>, nullable = false)]
    pub event: Option<Value>,
}

/// A value that may be absent but not null.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl TermsRequest {
    /// Checks what can be checked without the sale.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<TermsChange, Problem> {
        if *self == Self::default() {
            return Err(Problem::invalid(
                "name at least one of \"opens_at\", \"closes_at\", \"hold_ms\", \"buyer_limit\", \
                 \"order_limit\", \"buyers_cancel\", \"pay_url\", \"late_seats\", \"return_url\", \
                 \"event\"",
            ));
        }
        let standard = Terms::default();
        Terms {
            opens_at: self.opens_at.map_or(standard.opens_at, UnixMillis),
            closes_at: self.closes_at.map_or(standard.closes_at, UnixMillis),
            hold_ms: self.hold_ms.unwrap_or(standard.hold_ms),
            buyer_limit: self.buyer_limit.unwrap_or(standard.buyer_limit),
            order_limit: self.order_limit.unwrap_or(standard.order_limit),
        }
        .check()?;
        Ok(TermsChange {
            opens_at: self.opens_at.map(UnixMillis),
            closes_at: self.closes_at.map(UnixMillis),
            hold_ms: self.hold_ms,
            buyer_limit: self.buyer_limit,
            order_limit: self.order_limit,
            buyers_cancel: self.buyers_cancel,
            pay_url: match &self.pay_url {
                Some(text) => Some(PayUrl::parse(text).map_err(Problem::invalid)?),
                None => None,
            },
            late_seats: self.late_seats,
            return_url: match &self.return_url {
                Some(text) => Some(ReturnUrl::parse(text).map_err(Problem::invalid)?),
                None => None,
            },
            event: self.event.as_ref().map(event_details::read).transpose()?.map(Arc::new),
        })
    }
}

/// Changes how many tickets there are. A relative change is made from the capacity that was seen,
/// and tried again if somebody else changed it meanwhile.
///
/// # Errors
/// See [`lastseat_ledger::Fault`].
pub async fn restock(ledger: &Ledger, sale: &SaleId, wanted: Restock) -> Reply<SaleChange> {
    let add = match wanted {
        Restock::To(capacity) => return ledger.restock(sale, capacity, None).await,
        Restock::By(add) => add,
    };
    let Some(mut snapshot) = ledger.snapshot(sale).await? else {
        return Ok(None);
    };
    for _ in 0..TRIES {
        let target = i64::from(snapshot.capacity).saturating_add(add);
        let Ok(target) = u64::try_from(target) else {
            return Ok(Some((snapshot, SaleChange::CapacityTaken)));
        };
        let seen = Capacity::new(snapshot.capacity.into());
        let (Ok(target), Ok(seen)) = (Capacity::new(target), seen) else {
            return Ok(Some((snapshot, SaleChange::Invalid)));
        };
        match ledger.restock(sale, target, Some(seen)).await? {
            Some((now, SaleChange::ChangedMeanwhile)) => snapshot = now,
            other => return Ok(other),
        }
    }
    Ok(Some((snapshot, SaleChange::ChangedMeanwhile)))
}

/// The "no" to a sale that would close at a moment before `now`.
#[must_use]
pub fn closes_in_the_past(now: UnixMillis) -> Problem {
    Problem {
        detail: format!(
            "\"closes_at\" has passed: by the ledger's clock it is {now}, in Unix milliseconds. To \
             end a sale now, close it; a closed sale stays closed."
        ),
        ..Problem::new(Code::BadTerms)
    }
}

/// The "no" that a change of a sale ended with, if it did.
#[must_use]
pub fn refused(change: SaleChange, sale: &Snapshot) -> Option<Problem> {
    let say = |code, detail| Problem { detail, ..Problem::new(code) };
    Some(match change {
        SaleChange::Done | SaleChange::Unchanged => return None,
        SaleChange::CapacityTaken => say(
            Code::CapacityTaken,
            format!(
                "The capacity cannot go below the {} tickets that are held ({}) or confirmed ({}).",
                sale.held + sale.confirmed,
                sale.held,
                sale.confirmed
            ),
        ),
        SaleChange::BadTransition => say(
            Code::BadTransition,
            format!(
                "The sale is {}. A sale goes scheduled, open, paused and open again, closed; \
                 a closed one stays as it is.",
                sale.state
            ),
        ),
        SaleChange::Invalid => Problem::new(Code::BadTerms),
        SaleChange::ClosesInThePast => closes_in_the_past(sale.at),
        SaleChange::OpenedAlready => say(
            Code::BadTerms,
            format!(
                "The sale is {}: it has opened already, so \"opens_at\" would do nothing. To stop \
                 it until then, pause it.",
                sale.state
            ),
        ),
        SaleChange::HasPlan => Problem::new(Code::HasPlan),
        SaleChange::NoPlan => say(
            Code::NoPlan,
            "This sale is one number of equal tickets: a late payment gets any that are free, and \
             \"late_seats\" is for sales with a plan."
                .to_owned(),
        ),
        SaleChange::ChangedMeanwhile => Problem::refusal(Refusal::Busy(AGAIN_MS)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restock_is_either_absolute_or_relative() {
        let read = |body| serde_json::from_str::<RestockRequest>(body).unwrap().check();
        let to = |n| Ok(Restock::To(Capacity::new(n).unwrap()));
        assert_eq!(read(r#"{"capacity":7}"#), to(7));
        assert_eq!(read(r#"{"add":-7}"#), Ok(Restock::By(-7)));
        for body in ["{}", r#"{"capacity":7,"add":7}"#, r#"{"capacity":1000000001}"#] {
            assert!(read(body).unwrap_err().detail.contains("apacity"), "{body}");
        }
    }

    #[test]
    fn no_value_is_no_request() {
        for body in [r#"{"opens_at":null}"#, r#"{"order_limit":null}"#, r#"{"buyers_cancel":null}"#]
        {
            assert!(serde_json::from_str::<TermsRequest>(body).is_err());
        }
        assert!(serde_json::from_str::<RestockRequest>(r#"{"capacity":7,"add":null}"#).is_err());
    }

    #[test]
    fn terms_are_checked_before_the_ledger_is_asked() {
        let read = |body| serde_json::from_str::<TermsRequest>(body).unwrap().check();
        let at = UnixMillis(1_795_428_000_000);
        assert_eq!(read(r#"{"closes_at":1795428000000}"#).unwrap().closes_at, Some(at));
        assert_eq!(read(r#"{"opens_at":1795428000000}"#).unwrap().closes_at, None);
        for (body, word) in [
            ("{}", "at least one"),
            (r#"{"order_limit":0}"#, "order_limit"),
            (r#"{"hold_ms":604800001}"#, "hold_ms"),
            (r#"{"opens_at":9,"closes_at":8}"#, "closes_at"),
            (r#"{"opens_at":1795428000}"#, "write 1795428000000"),
            (r#"{"pay_url":"http://shop.example/{order_id}"}"#, "https://"),
            (r#"{"closes_at":1795428000}"#, "in the year 1970"),
        ] {
            assert!(read(body).unwrap_err().detail.contains(word), "{body}");
        }
    }
}
