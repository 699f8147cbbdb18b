//! Sale: one counted inventory with a life cycle.

use crate::domain::event_details::EventDetails;
use crate::domain::ids::Capacity;
use crate::domain::pay_url::PayUrl;
use crate::domain::return_url::ReturnUrl;
use crate::domain::time::UnixMillis;
use crate::limits;
use crate::plan::Plan;
use core::fmt;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// `scheduled -> open <-> paused -> closed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum SaleState {
    /// Not sold yet; opens at its time or when an operator opens it.
    Scheduled,
    /// Tickets are sold.
    Open,
    /// No new orders for now; holds can still be confirmed, given back or expire.
    Paused,
    /// No new orders for good; holds can still be confirmed, given back or expire.
    Closed,
}

impl SaleState {
    /// The word that the ledger, the API and the metrics use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Closed => "closed",
        }
    }

    /// Reads the word that [`SaleState::as_str`] writes.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Scheduled, Self::Open, Self::Paused, Self::Closed]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

impl fmt::Display for SaleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a payment gets that comes after the end of its hold, in a sale with a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LateSeats {
    /// The seats that the order had, if all of them are free; else it is refused.
    #[default]
    Same,
    /// The same, and where somebody else has one of them meanwhile, other seats for the same lines,
    /// all or nothing. A payment that names seats gets these or is refused.
    Other,
}

impl LateSeats {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Same, Self::Other];

    /// The word that the ledger and the API use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Other => "other",
        }
    }

    /// Reads the word that [`LateSeats::as_str`] writes.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|late| late.as_str() == word)
    }
}

/// The terms on which a sale gives tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// When the sale opens by itself; 0 = only an operator opens it.
    pub opens_at: UnixMillis,
    /// When the sale closes by itself; 0 = only an operator closes it.
    pub closes_at: UnixMillis,
    /// How long a hold lasts, in milliseconds; 0 = orders are confirmed at once.
    pub hold_ms: u64,
    /// Most tickets that one buyer can hold or own at a time; 0 = no limit.
    pub buyer_limit: u32,
    /// Most tickets in one order.
    pub order_limit: u32,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            opens_at: UnixMillis(0),
            closes_at: UnixMillis(0),
            hold_ms: 0,
            buyer_limit: 0,
            order_limit: 10,
        }
    }
}

impl Terms {
    /// Checks the bounds of each term; what is wrong with the first that breaks its own.
    pub(crate) fn check_bounds(&self) -> Result<(), &'static str> {
        if self.opens_at.max(self.closes_at) > UnixMillis::LAST {
            Err("\"opens_at\" and \"closes_at\" are Unix milliseconds before the year 5138")
        } else if self.hold_ms > limits::HOLD_MS_MAX {
            Err("\"hold_ms\" is at most 604800000 (7 days)")
        } else if !(1..=limits::QUANTITY_MAX).contains(&self.order_limit) {
            Err("\"order_limit\" must be from 1 to 1000")
        } else if self.buyer_limit > limits::CAPACITY_MAX {
            Err("\"buyer_limit\" is at most 1000000000; 0 means no limit")
        } else {
            Ok(())
        }
    }
}

/// What became of a change of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaleChange {
    /// Done now.
    Done,
    /// It was so already.
    Unchanged,
    /// The capacity would be below what is held and confirmed.
    CapacityTaken,
    /// The sale's state does not allow it.
    BadTransition,
    /// The terms contradict each other, or the log is shorter than that.
    Invalid,
    /// It would close at a moment that has passed.
    ClosesInThePast,
    /// It would open at a moment although it has been open already.
    OpenedAlready,
    /// The capacity is not the one that the caller saw.
    ChangedMeanwhile,
    /// The sale has a plan, which says how many places there are.
    HasPlan,
    /// The sale has no plan, and the change is about seats.
    NoPlan,
}

/// Outcome of creating a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New,
    /// It was there with the same capacity and terms.
    Unchanged,
    /// It was there with other ones.
    Differs,
}

/// New values for some of a sale's terms; `None` = as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TermsChange {
    /// See [`Terms::opens_at`].
    pub opens_at: Option<UnixMillis>,
    /// See [`Terms::closes_at`].
    pub closes_at: Option<UnixMillis>,
    /// See [`Terms::hold_ms`].
    pub hold_ms: Option<u64>,
    /// See [`Terms::buyer_limit`].
    pub buyer_limit: Option<u32>,
    /// See [`Terms::order_limit`].
    pub order_limit: Option<u32>,
    /// See [`PageTerms::buyers_cancel`].
    pub buyers_cancel: Option<bool>,
    /// See [`PageTerms::pay_url`]; an empty one takes it away.
    pub pay_url: Option<PayUrl>,
    /// See [`PageTerms::late_seats`].
    pub late_seats: Option<LateSeats>,
    /// See [`PageTerms::return_url`]; an empty one takes it away.
    pub return_url: Option<ReturnUrl>,
    /// See [`PageTerms::event`], all of it; an empty one takes it away.
    pub event: Option<Arc<EventDetails>>,
}

/// A sale that is to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// Tickets that exist.
    pub capacity: Capacity,
    /// The terms that every node needs.
    pub terms: Terms,
    /// Whether it is open from the start.
    pub open: bool,
    /// The terms by which no node decides.
    pub page: PageTerms,
    /// The seats that it sells, if they have names; then the capacity is [`Plan::places`].
    pub plan: Option<Arc<Plan>>,
}

/// Terms of a sale that no node decides by: the ledger keeps them, and the buyer page shows what
/// follows from them. Neither the log nor the ack journal has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageTerms {
    /// Whether buyers may give back what the shop has confirmed.
    pub buyers_cancel: bool,
    /// Where the buyer of a held order pays.
    pub pay_url: PayUrl,
    /// What a late payment gets; only a sale with a plan has other than the standard.
    pub late_seats: LateSeats,
    /// Where the shop sends the buyer back after the payment; signed pay links have it.
    pub return_url: ReturnUrl,
    /// What is sold, as people read it; empty where the operator has said nothing.
    pub event: Arc<EventDetails>,
}

/// What a ledger reply says of its sale. It was true at `at`; later it is a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Tickets that exist.
    pub capacity: u32,
    /// Tickets in orders that wait for payment.
    pub held: u32,
    /// Tickets in confirmed orders.
    pub confirmed: u32,
    /// Rises whenever tickets may have become available or the state changed.
    pub version: u64,
    /// Number of state changes in the log.
    pub commit_seq: u64,
    /// The state at `at`.
    pub state: SaleState,
    /// The terms at `at`.
    pub terms: Terms,
    /// The ledger's own clock when it answered.
    pub at: UnixMillis,
}

impl Snapshot {
    /// Tickets that nobody has: `capacity - held - confirmed`.
    #[must_use]
    pub const fn free(&self) -> u32 {
        self.capacity - self.held - self.confirmed
    }

    /// Whether no order can come and no hold can be paid, extended or expire any more. A closed
    /// sale stays closed, and what may still come, the late payment of a hold that has expired or
    /// the return of a paid order, leaves it ended.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        matches!(self.state, SaleState::Closed) && self.held == 0
    }

    /// The next moment at which the sale opens or closes by itself, if one is set.
    #[must_use]
    pub fn next_moment(&self) -> Option<UnixMillis> {
        let Terms { opens_at, closes_at, .. } = self.terms;
        let opens = (self.state == SaleState::Scheduled).then_some(opens_at);
        let closes = (self.state != SaleState::Closed).then_some(closes_at);
        let set = opens.into_iter().chain(closes).filter(|moment| moment.0 > 0);
        set.min()
    }

    /// When the sale, which stood as `before`, came into the state that it is in: at the moment
    /// that was set for it, or about when that was seen.
    #[must_use]
    pub fn entered_at(&self, before: SaleState) -> UnixMillis {
        let set = match (before, self.state) {
            (SaleState::Scheduled, SaleState::Open) => self.terms.opens_at,
            (_, SaleState::Closed) => self.terms.closes_at,
            _ => return self.at,
        };
        if set.0 > 0 && set <= self.at { set } else { self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale(state: SaleState, opens_at: u64, closes_at: u64) -> Snapshot {
        let (opens_at, closes_at) = (UnixMillis(opens_at), UnixMillis(closes_at));
        Snapshot {
            capacity: 1,
            held: 0,
            confirmed: 0,
            version: 1,
            commit_seq: 1,
            state,
            terms: Terms { opens_at, closes_at, ..Terms::default() },
            at: UnixMillis(1_000),
        }
    }

    #[test]
    fn the_next_moment_is_the_opening_then_the_closing_then_none() {
        use SaleState::{Closed, Open, Paused, Scheduled};
        let next = |state, opens, closes| sale(state, opens, closes).next_moment().map(|m| m.0);
        assert_eq!(next(Scheduled, 2_000, 3_000), Some(2_000));
        assert_eq!(next(Scheduled, 0, 3_000), Some(3_000), "it closes without having opened");
        assert_eq!(next(Open, 2_000, 3_000), Some(3_000));
        assert_eq!(next(Paused, 2_000, 3_000), Some(3_000));
        assert_eq!(next(Open, 2_000, 0), None);
        assert_eq!(next(Closed, 2_000, 3_000), None);
    }

    #[test]
    fn a_sale_has_opened_or_closed_at_the_moment_that_was_set_unless_somebody_did_it_before() {
        use SaleState::{Closed, Open, Paused, Scheduled};
        let at = |before, state, opens, closes| sale(state, opens, closes).entered_at(before).0;
        assert_eq!(at(Scheduled, Open, 900, 0), 900);
        assert_eq!(at(Scheduled, Open, 1_100, 0), 1_000, "opened by hand");
        assert_eq!(at(Paused, Open, 900, 0), 1_000, "opened again by hand");
        assert_eq!(at(Open, Closed, 0, 950), 950);
        assert_eq!(at(Open, Closed, 0, 0), 1_000);
        assert_eq!(at(Open, Paused, 900, 950), 1_000);
    }
}
