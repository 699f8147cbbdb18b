//! Event log format of a sale: one entry for each change, with a dense `commit_seq`.
//!
//! Only before an entry that begins with [`Event::Healed`] numbers are missing: those were lost and
//! are not given again.
//!
//! An entry is text: a head line `1 <at> <version>`, then one line an event. `prelude.lua` writes
//! it, this file reads it; the model writes it too, and a test holds the two against each other. An
//! entry of a sale that has a plan begins with `2 <at> <version>`: events of it have claims at
//! their ends (and `g` the lines before them), and a later version may add words to the head line.
//! One such word is `by=<name>`: who made the last event, or all of an entry that creates the sale.
//! Readers of earlier versions take a head line of format 1 with more words for damage, so there
//! the field `actors` of the sale says it; this one takes such a line as well.

use crate::auth::actor::Actor;
use crate::domain::ids::{BuyerId, OrderId};
use crate::domain::order::Order;
use crate::domain::payment::PaymentNote;
use crate::domain::sale::{SaleState, Terms};
use crate::domain::time::UnixMillis;
use crate::plan::Plan;
use crate::seats::SeatClaim;
use crate::seats::order_lines::{OrderSeats, claims_of_text, text_of_claims};
use core::fmt;
use std::sync::Arc;

/// Begins the word of a head line that says who made the change.
const BY: &str = "by=";

/// One change of a sale or of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The sale was created.
    Created {
        /// Tickets that exist.
        capacity: u32,
        /// Its terms.
        terms: Terms,
        /// Its first state.
        state: SaleState,
    },
    /// The sale that was just created has this plan.
    Plan(Arc<Plan>),
    /// The sale entered a state.
    State(SaleState),
    /// The sale has a new capacity.
    Capacity(u32),
    /// The sale has new terms.
    Terms(Terms),
    /// An order got tickets: held until the deadline, or confirmed at once where that is 0.
    Granted {
        /// The order.
        id: OrderId,
        /// Its tickets.
        quantity: u32,
        /// When its hold ends, 0 = confirmed.
        deadline: UnixMillis,
        /// Whose it is.
        buyer: BuyerId,
        /// Its lines and claims, in a sale that has a plan.
        seats: Option<Arc<OrderSeats>>,
    },
    /// A held order was confirmed with so many tickets; the rest returned.
    Confirmed {
        /// The order.
        id: OrderId,
        /// The tickets that it keeps.
        quantity: u32,
        /// The claims that it keeps, in a sale that has a plan.
        claims: Option<Vec<SeatClaim>>,
        /// What the shop said of the payment, if anything.
        payment: Option<Arc<PaymentNote>>,
    },
    /// An order, which stays what it is, gave a part back. Only in a sale that has a plan.
    Reduced {
        /// The order.
        id: OrderId,
        /// The tickets that it keeps.
        quantity: u32,
        /// The claims that it keeps.
        claims: Vec<SeatClaim>,
    },
    /// An expired order was paid late and got so many tickets again.
    Retaken {
        /// The order.
        id: OrderId,
        /// The tickets that it got.
        quantity: u32,
        /// The claims that it got, in a sale that has a plan.
        claims: Option<Vec<SeatClaim>>,
        /// What the shop said of the payment, if anything.
        payment: Option<Arc<PaymentNote>>,
    },
    /// An expired order was paid late and got nothing: the shop refunds.
    RefusedLate {
        /// The order.
        id: OrderId,
        /// What the shop said of the payment, if anything.
        payment: Option<Arc<PaymentNote>>,
    },
    /// An order gave its tickets back.
    Cancelled(OrderId),
    /// A hold passed its deadline; its tickets returned.
    Expired(OrderId),
    /// A hold lasts longer.
    Extended {
        /// The order.
        id: OrderId,
        /// Its new deadline.
        deadline: UnixMillis,
    },
    /// The ledger had lost the end of its log: entries after this one were, or may have been, there
    /// and are not.
    Healed {
        /// The last entry that it had.
        found: u64,
    },
    /// An order that was acknowledged and that the ledger had lost is restored as acknowledged.
    Restored {
        /// The order.
        id: OrderId,
        /// How it is from now on.
        order: Order,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created { capacity, terms, state } => write!(
                f,
                "C {capacity} {} {} {} {} {} {state}",
                terms.opens_at,
                terms.closes_at,
                terms.hold_ms,
                terms.buyer_limit,
                terms.order_limit
            ),
            Self::Plan(plan) => write!(f, "P {}", plan.to_json()),
            Self::State(state) => write!(f, "S {state}"),
            Self::Capacity(capacity) => write!(f, "K {capacity}"),
            Self::Terms(t) => write!(
                f,
                "T {} {} {} {} {}",
                t.opens_at, t.closes_at, t.hold_ms, t.buyer_limit, t.order_limit
            ),
            Self::Granted { id, quantity, deadline, buyer, seats } => {
                write!(f, "g {id} {quantity} {deadline} {}", buyer.stored())?;
                let Some(seats) = seats else { return Ok(()) };
                write!(f, " {} {}", seats.lines, text_of_claims(&seats.claims))
            }
            Self::Confirmed { id, quantity, claims, payment } => {
                write!(f, "c {id} {quantity}{}{}", Claims(claims.as_deref()), Paid(payment))
            }
            Self::Retaken { id, quantity, claims, payment } => {
                write!(f, "t {id} {quantity}{}{}", Claims(claims.as_deref()), Paid(payment))
            }
            Self::Reduced { id, quantity, claims } => {
                write!(f, "k {id} {quantity}{}", Claims(Some(claims)))
            }
            Self::RefusedLate { id, payment } => write!(f, "l {id}{}", Paid(payment)),
            Self::Cancelled(id) => write!(f, "x {id}"),
            Self::Expired(id) => write!(f, "e {id}"),
            Self::Extended { id, deadline } => write!(f, "d {id} {deadline}"),
            Self::Healed { found } => write!(f, "H {found}"),
            Self::Restored { id, order } => write!(f, "R {id} {}", order.record()),
        }
    }
}

/// Claims behind the other words of an event; nothing in a sale without a plan.
struct Claims<'a>(Option<&'a [SeatClaim]>);

impl fmt::Display for Claims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |claims| write!(f, " {}", text_of_claims(claims)))
    }
}

/// What was said of a payment, behind all other words of an event: no claims begin with `=`.
struct Paid<'a>(&'a Option<Arc<PaymentNote>>);

impl fmt::Display for Paid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |payment| write!(f, " ={payment}"))
    }
}

impl Event {
    /// The order that the event is about, if it is about one.
    #[must_use]
    pub const fn order(&self) -> Option<&OrderId> {
        match self {
            Self::Granted { id, .. }
            | Self::Confirmed { id, .. }
            | Self::Reduced { id, .. }
            | Self::Retaken { id, .. }
            | Self::RefusedLate { id, .. }
            | Self::Cancelled(id)
            | Self::Expired(id)
            | Self::Extended { id, .. }
            | Self::Restored { id, .. } => Some(id),
            Self::Created { .. }
            | Self::Plan(_)
            | Self::State(_)
            | Self::Capacity(_)
            | Self::Terms(_)
            | Self::Healed { .. } => None,
        }
    }

    /// Reads one line of an entry; `None` for one that lastseat does not write.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        if let Some(plan) = line.strip_prefix("P ") {
            return Some(Self::Plan(Arc::new(Plan::from_json(plan).ok()?)));
        }
        let words: Vec<&str> = line.split(' ').collect();
        let id = |word: &str| OrderId::parse(word).ok();
        let at = |word: &str| word.parse().ok().map(UnixMillis);
        Some(match words.as_slice() {
            ["C", capacity, middle @ .., state] => Self::Created {
                capacity: capacity.parse().ok()?,
                terms: read_terms(middle)?,
                state: SaleState::parse(state)?,
            },
            ["S", state] => Self::State(SaleState::parse(state)?),
            ["K", capacity] => Self::Capacity(capacity.parse().ok()?),
            ["T", rest @ ..] => Self::Terms(read_terms(rest)?),
            ["g", order, quantity, deadline, buyer, rest @ ..] => Self::Granted {
                id: id(order)?,
                quantity: quantity.parse().ok()?,
                deadline: at(deadline)?,
                buyer: BuyerId::of_stored(buyer).ok()?,
                seats: read_seats(rest)?,
            },
            ["c", order, quantity, rest @ ..] => {
                let (rest, payment) = read_payment(rest)?;
                Self::Confirmed {
                    id: id(order)?,
                    quantity: quantity.parse().ok()?,
                    claims: read_claims(rest)?,
                    payment,
                }
            }
            ["t", order, quantity, rest @ ..] => {
                let (rest, payment) = read_payment(rest)?;
                Self::Retaken {
                    id: id(order)?,
                    quantity: quantity.parse().ok()?,
                    claims: read_claims(rest)?,
                    payment,
                }
            }
            ["k", order, quantity, kept] => Self::Reduced {
                id: id(order)?,
                quantity: quantity.parse().ok()?,
                claims: claims_of_text(kept)?,
            },
            ["l", order, rest @ ..] => match read_payment(rest)? {
                ([], payment) => Self::RefusedLate { id: id(order)?, payment },
                _ => return None,
            },
            ["x", order] => Self::Cancelled(id(order)?),
            ["e", order] => Self::Expired(id(order)?),
            ["d", order, deadline] => Self::Extended { id: id(order)?, deadline: at(deadline)? },
            ["H", found] => Self::Healed { found: found.parse().ok()? },
            ["R", order, record] => {
                let id = id(order)?;
                let order = Order::unpack(&id, record).ok()?;
                Self::Restored { id, order }
            }
            _ => return None,
        })
    }
}

fn read_terms(words: &[&str]) -> Option<Terms> {
    let [opens_at, closes_at, hold_ms, buyer_limit, order_limit] = words else {
        return None;
    };
    Some(Terms {
        opens_at: UnixMillis(opens_at.parse().ok()?),
        closes_at: UnixMillis(closes_at.parse().ok()?),
        hold_ms: hold_ms.parse().ok()?,
        buyer_limit: buyer_limit.parse().ok()?,
        order_limit: order_limit.parse().ok()?,
    })
}

/// Lines and claims behind the other words of an event; `None` for what is neither.
fn read_seats(words: &[&str]) -> Option<Option<Arc<OrderSeats>>> {
    match words {
        [] => Some(None),
        [lines, claims] => Some(Some(Arc::new(OrderSeats::parse(lines, claims)?))),
        _ => None,
    }
}

/// The same for claims alone.
fn read_claims(words: &[&str]) -> Option<Option<Vec<SeatClaim>>> {
    match words {
        [] => Some(None),
        [text] => claims_of_text(text).map(Some),
        _ => None,
    }
}

/// The words before what was said of a payment, and that; `None` for what cannot be read.
fn read_payment<'a, 'b>(words: &'a [&'b str]) -> Option<(&'a [&'b str], Option<Arc<PaymentNote>>)> {
    let Some((last, rest)) = words.split_last() else {
        return Some((words, None));
    };
    match last.strip_prefix('=') {
        Some(payment) => Some((rest, Some(PaymentNote::parse(payment)?))),
        None => Some((words, None)),
    }
}

/// One entry of the log: what one script changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its position: 1, 2, 3 ... without gaps.
    pub commit_seq: u64,
    /// When it happened, by the ledger's clock.
    pub at: UnixMillis,
    /// The sale's version after it.
    pub version: u64,
    /// Whether it is of a sale that has a plan.
    pub by_plan: bool,
    /// Who made the change, where that is somebody with a name. Of a sale without a plan the log
    /// does not have it; the ledger adds it.
    pub by: Option<Actor>,
    /// What changed, in order.
    pub events: Vec<Event>,
}

impl Entry {
    /// The text of the entry.
    #[must_use]
    pub fn to_text(&self) -> String {
        use fmt::Write;
        let format = if self.by_plan { 2 } else { 1 };
        let mut text = format!("{format} {} {}", self.at, self.version);
        if let Some(by) = self.by.as_ref().filter(|_| self.by_plan) {
            let _ = write!(text, " {BY}{by}");
        }
        for event in &self.events {
            let _ = write!(text, "\n{event}");
        }
        text
    }

    /// Whether its last event, or all of them, changes the sale itself.
    #[must_use]
    pub fn changes_sale(&self) -> bool {
        use Event::{Capacity, Created, State, Terms};
        let last = self.events.last();
        self.creates_sale()
            || matches!(last, Some(Created { .. } | State(_) | Capacity(_) | Terms(_)))
    }

    fn creates_sale(&self) -> bool {
        matches!(self.events.first(), Some(Event::Created { .. }))
    }

    /// Who made the event at `place`. What the clock did before, in the same entry, is nobody's.
    #[must_use]
    pub fn maker(&self, place: usize) -> Option<&Actor> {
        let is_own = self.creates_sale() || place + 1 == self.events.len();
        self.by.as_ref().filter(|_| is_own)
    }

    /// Whether it may come right after the entry at `before`: it is the next one, or those between
    /// were lost.
    #[must_use]
    pub fn follows(&self, before: u64) -> bool {
        let lost = |event: &Event| matches!(event, Event::Healed { .. });
        self.commit_seq == before + 1
            || (self.commit_seq > before && self.events.first().is_some_and(lost))
    }

    /// Reads the text of the entry at `commit_seq`; `None` for one that lastseat does not write.
    #[must_use]
    pub fn parse(commit_seq: u64, text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let head: Vec<&str> = lines.next()?.split(' ').collect();
        let (by_plan, at, version, more) = match head.as_slice() {
            ["1", at, version, more @ ..] => (false, at, version, more),
            ["2", at, version, more @ ..] => (true, at, version, more),
            _ => return None,
        };
        let by = more.iter().find_map(|word| word.strip_prefix(BY));
        Some(Self {
            commit_seq,
            at: UnixMillis(at.parse().ok()?),
            version: version.parse().ok()?,
            by_plan,
            by: by.and_then(|name| Actor::parse(name).ok()),
            events: lines.map(Event::parse).collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_event_reads_back_from_its_line() {
        let id = OrderId::parse("0123456789abcdef").unwrap();
        let terms = Terms { hold_ms: 5, ..Terms::default() };
        let buyer = BuyerId::parse("Zoë  von A").unwrap();
        let paid = PaymentNote::parse("7,pi_3,");
        let events = vec![
            Event::Created { capacity: 7, terms, state: SaleState::Scheduled },
            Event::State(SaleState::Paused),
            Event::Capacity(9),
            Event::Terms(terms),
            Event::Granted {
                id: id.clone(),
                quantity: 2,
                deadline: UnixMillis(8),
                buyer,
                seats: None,
            },
            Event::Confirmed { id: id.clone(), quantity: 1, claims: None, payment: None },
            Event::Retaken { id: id.clone(), quantity: 1, claims: None, payment: None },
            Event::RefusedLate { id: id.clone(), payment: None },
            Event::Confirmed { id: id.clone(), quantity: 1, claims: None, payment: paid.clone() },
            Event::RefusedLate { id: id.clone(), payment: paid },
            Event::Cancelled(id.clone()),
            Event::Expired(id.clone()),
            Event::Extended { id: id.clone(), deadline: UnixMillis(9) },
            Event::Healed { found: 3 },
            Event::Restored {
                order: Order::unpack(&id, "1x:2:1:5:9:ada@example.com").unwrap(),
                id,
            },
        ];
        let (commit_seq, at, version) = (4, UnixMillis(1), 2);
        let entry = Entry { commit_seq, at, version, by_plan: false, by: None, events };
        assert_eq!(Entry::parse(4, &entry.to_text()), Some(entry));
    }

    #[test]
    fn every_event_of_a_sale_with_a_plan_reads_back_also_from_a_longer_head_line() {
        let plan = r#"{"format":1,"classes":[{"id":"a","name":"A a","standing":9}]}"#;
        let lines = [
            format!("P {plan}"),
            "g 0123456789abcdef 2 8 ada 0.0-1.2a 0.0-1.2".to_owned(),
            "c 0123456789abcdef 1 0.0-1.1".to_owned(),
            "c 0123456789abcdef 1 0.0-1.1 =7,pi_3,%22x%22".to_owned(),
            "t 0123456789abcdef 2 0.0-1.2".to_owned(),
            "k 0123456789abcdef 1 0.0-1.1".to_owned(),
        ];
        let text = format!("2 5 6 later\n{}", lines.join("\n"));
        let entry = Entry::parse(4, &text).unwrap();
        assert!(entry.by_plan);
        assert_eq!(entry.to_text(), text.replace(" later", ""));
        assert_eq!(Entry::parse(4, "2 5 6\ng 0123456789abcdef 2 8 ada 0.0-1.2a"), None);
        for wrong in
            ["l 0123456789abcdef 7", "c 0123456789abcdef 1 =7,,", "x 0123456789abcdef =7,a,"]
        {
            assert_eq!(Entry::parse(4, &format!("1 5 6\n{wrong}")), None, "{wrong}");
        }
    }

    #[test]
    fn the_head_line_names_who_made_the_last_event_and_no_other() {
        let text = "2 5 6 later by=ada@example.org\ne 0123456789abcdef\nS paused";
        let entry = Entry::parse(4, text).unwrap();
        let maker = |place| entry.maker(place).map(Actor::as_str);
        assert_eq!((maker(0), maker(1)), (None, Some("ada@example.org")));
        assert_eq!(entry.to_text(), text.replace(" later", ""));
        let created = Entry::parse(1, "2 5 6 by=ada\nC 1 0 0 0 0 1 open\nS paused").unwrap();
        assert!(created.maker(0).is_some() && created.changes_sale());
        let plain = Entry { by_plan: false, ..entry };
        assert_eq!(plain.to_text(), "1 5 6\ne 0123456789abcdef\nS paused");
        assert_eq!(Entry::parse(4, "2 5 6 by=a,b\nS paused").unwrap().by, None);
        assert_eq!(Entry::parse(4, "1 5 6 later\nS paused").unwrap().version, 6);
    }

    #[test]
    fn numbers_are_missing_only_before_an_entry_that_says_so() {
        let entry = |seq, line| Entry::parse(seq, &format!("1 1 1\n{line}")).unwrap();
        assert!(entry(8, "K 9").follows(7));
        assert!(!entry(9, "K 9").follows(7) && !entry(7, "H 7").follows(7));
        assert!(entry(1_000_008, "H 5").follows(7));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(1 [0-9]{1,20} [0-9]{1,20}\n)?[CSKTgctlxedHR]( \
            [ -~]{0,20}){0,9}") {
            let _ = Entry::parse(1, &text);
        }
    }
}
