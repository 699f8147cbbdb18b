//! Request and response bodies of sales for operators.

use super::sale_changes;
use futures_util::{StreamExt, TryStreamExt, stream};
use lastseat_ledger::{Created, Creation, Fault, Ledger};
use serde::{Deserialize, Serialize};
use shared::domain::sale::{PageTerms, Terms};
use shared::wire::json_integer;
use shared::wire::openapi::{BuyerLimit, HoldMs, Moment, OrderLimit};
use shared::{Capacity, Code, PayUrl, Problem, SaleId, SaleState, Snapshot, UnixMillis};
use utoipa::ToSchema;

/// A sale to be created. Body of `PUT /v1/admin/sales/{sale}`, what `lastseat sale create` sends.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSale {
    /// Tickets that exist.
    #[serde(deserialize_with = "json_integer::number")]
    #[schema(value_type = Capacity)]
    pub capacity: u64,
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
    /// `{order_id}`, and if you like `{number}` and `{sale}`. Nowhere when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_url: Option<String>,
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
        Ok(CheckedSale(Creation {
            capacity: Capacity::new(self.capacity).map_err(Problem::invalid)?,
            terms,
            open: self.open.unwrap_or(terms.opens_at.0 == 0),
            page: PageTerms {
                buyers_cancel: self.buyers_cancel.unwrap_or(false),
                pay_url: PayUrl::parse(self.pay_url.as_deref().unwrap_or_default())
                    .map_err(Problem::invalid)?,
            },
        }))
    }
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
    /// The sales whose ids come after `after`, at most a page.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn read(ledger: &Ledger, after: Option<&SaleId>) -> Result<Self, Fault> {
        let known = ledger.sales().await?;
        let mut rest = known.iter().filter(|sale| after.is_none_or(|after| *sale > after));
        let page: Vec<SaleId> = rest.by_ref().take(LIST_PAGE).cloned().collect();
        let last = page.last().map(ToString::to_string);
        let reports = page.into_iter().map(|sale| async move {
            let snapshot = ledger.snapshot(&sale).await?;
            Ok::<_, Fault>(snapshot.map(|snapshot| SaleReport::new(&sale, &snapshot)))
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
    /// Tickets that exist.
    #[schema(value_type = Capacity)]
    pub capacity: u32,
    /// Tickets that nobody has.
    pub free: u32,
    /// Tickets that wait for payment.
    pub held: u32,
    /// Tickets that are sold.
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
    /// The ledger's clock when it answered.
    pub now: UnixMillis,
}

impl SaleReport {
    /// The report on `sale`.
    #[must_use]
    pub fn new(sale: &SaleId, snapshot: &Snapshot) -> Self {
        let terms = &snapshot.terms;
        Self {
            sale: sale.to_string(),
            state: snapshot.state,
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
            (r#"{"capacity":1000000001}"#, "capacity"),
            (r#"{"capacity":-1}"#, "-1"),
            (r#"{"capacity":1,"tickets":1}"#, "tickets"),
            (r#"{"capacity":1,"order_limit":0}"#, "order_limit"),
            (r#"{"capacity":1,"opens_at":9,"closes_at":8}"#, "closes_at"),
            (r#"{"capacity":1,"opens_at":100000000000000}"#, "5138"),
            (r#"{"capacity":1,"pay_url":"https://shop.example/"}"#, "{order_id}"),
            (r#"{"capacity":1,"pay_url":7}"#, "string"),
        ] {
            let error = check(body).unwrap_err();
            assert!(error.contains(word), "{body}: {error}");
        }
    }
}
