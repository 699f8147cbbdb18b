//! Event log format of a sale: one entry for each change, with a dense `commit_seq`.
//!
//! Only before an entry that begins with [`Event::Healed`] numbers are missing: those were lost and
//! are not given again.
//!
//! An entry is text: a head line `1 <at> <version>`, then one line an event. `prelude.lua` writes
//! it, this file reads it; the model writes it too, and a test holds the two against each other.

use crate::domain::ids::{BuyerId, OrderId};
use crate::domain::order::Order;
use crate::domain::sale::{SaleState, Terms};
use crate::domain::time::UnixMillis;
use core::fmt;

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
    },
    /// A held order was confirmed with so many tickets; the rest returned.
    Confirmed {
        /// The order.
        id: OrderId,
        /// The tickets that it keeps.
        quantity: u32,
    },
    /// An expired order was paid late and got so many tickets again.
    Retaken {
        /// The order.
        id: OrderId,
        /// The tickets that it got.
        quantity: u32,
    },
    /// An expired order was paid late and got nothing: the shop refunds.
    RefusedLate(OrderId),
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
            Self::State(state) => write!(f, "S {state}"),
            Self::Capacity(capacity) => write!(f, "K {capacity}"),
            Self::Terms(t) => write!(
                f,
                "T {} {} {} {} {}",
                t.opens_at, t.closes_at, t.hold_ms, t.buyer_limit, t.order_limit
            ),
            Self::Granted { id, quantity, deadline, buyer } => {
                write!(f, "g {id} {quantity} {deadline} {buyer}")
            }
            Self::Confirmed { id, quantity } => write!(f, "c {id} {quantity}"),
            Self::Retaken { id, quantity } => write!(f, "t {id} {quantity}"),
            Self::RefusedLate(id) => write!(f, "l {id}"),
            Self::Cancelled(id) => write!(f, "x {id}"),
            Self::Expired(id) => write!(f, "e {id}"),
            Self::Extended { id, deadline } => write!(f, "d {id} {deadline}"),
            Self::Healed { found } => write!(f, "H {found}"),
            Self::Restored { id, order } => write!(f, "R {id} {}", order.record()),
        }
    }
}

impl Event {
    /// The order that the event is about, if it is about one.
    #[must_use]
    pub const fn order(&self) -> Option<&OrderId> {
        match self {
            Self::Granted { id, .. }
            | Self::Confirmed { id, .. }
            | Self::Retaken { id, .. }
            | Self::RefusedLate(id)
            | Self::Cancelled(id)
            | Self::Expired(id)
            | Self::Extended { id, .. }
            | Self::Restored { id, .. } => Some(id),
            Self::Created { .. }
            | Self::State(_)
            | Self::Capacity(_)
            | Self::Terms(_)
            | Self::Healed { .. } => None,
        }
    }

    /// Reads one line of an entry; `None` for one that lastseat does not write.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let id = |word: &str| OrderId::parse(word).ok();
        let at = |word: &str| word.parse().ok().map(UnixMillis);
        let terms = |w: &[&str]| -> Option<Terms> {
            let [opens_at, closes_at, hold_ms, buyer_limit, order_limit] = w else {
                return None;
            };
            Some(Terms {
                opens_at: at(opens_at)?,
                closes_at: at(closes_at)?,
                hold_ms: hold_ms.parse().ok()?,
                buyer_limit: buyer_limit.parse().ok()?,
                order_limit: order_limit.parse().ok()?,
            })
        };
        Some(match words.as_slice() {
            ["C", capacity, middle @ .., state] => Self::Created {
                capacity: capacity.parse().ok()?,
                terms: terms(middle)?,
                state: SaleState::parse(state)?,
            },
            ["S", state] => Self::State(SaleState::parse(state)?),
            ["K", capacity] => Self::Capacity(capacity.parse().ok()?),
            ["T", rest @ ..] => Self::Terms(terms(rest)?),
            ["g", order, quantity, deadline, buyer] => Self::Granted {
                id: id(order)?,
                quantity: quantity.parse().ok()?,
                deadline: at(deadline)?,
                buyer: BuyerId::parse(buyer).ok()?,
            },
            ["c", order, quantity] => {
                Self::Confirmed { id: id(order)?, quantity: quantity.parse().ok()? }
            }
            ["t", order, quantity] => {
                Self::Retaken { id: id(order)?, quantity: quantity.parse().ok()? }
            }
            ["l", order] => Self::RefusedLate(id(order)?),
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

/// One entry of the log: what one script changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its position: 1, 2, 3 ... without gaps.
    pub commit_seq: u64,
    /// When it happened, by the ledger's clock.
    pub at: UnixMillis,
    /// The sale's version after it.
    pub version: u64,
    /// What changed, in order.
    pub events: Vec<Event>,
}

impl Entry {
    /// The text of the entry.
    #[must_use]
    pub fn to_text(&self) -> String {
        use fmt::Write;
        let mut text = format!("1 {} {}", self.at, self.version);
        for event in &self.events {
            let _ = write!(text, "\n{event}");
        }
        text
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
        let ["1", at, version] = head.as_slice() else {
            return None;
        };
        Some(Self {
            commit_seq,
            at: UnixMillis(at.parse().ok()?),
            version: version.parse().ok()?,
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
        let buyer = BuyerId::parse("ada@example.com").unwrap();
        let events = vec![
            Event::Created { capacity: 7, terms, state: SaleState::Scheduled },
            Event::State(SaleState::Paused),
            Event::Capacity(9),
            Event::Terms(terms),
            Event::Granted { id: id.clone(), quantity: 2, deadline: UnixMillis(8), buyer },
            Event::Confirmed { id: id.clone(), quantity: 1 },
            Event::Retaken { id: id.clone(), quantity: 1 },
            Event::RefusedLate(id.clone()),
            Event::Cancelled(id.clone()),
            Event::Expired(id.clone()),
            Event::Extended { id: id.clone(), deadline: UnixMillis(9) },
            Event::Healed { found: 3 },
            Event::Restored {
                order: Order::unpack(&id, "1x:2:1:5:9:ada@example.com").unwrap(),
                id,
            },
        ];
        let entry = Entry { commit_seq: 4, at: UnixMillis(1), version: 2, events };
        assert_eq!(Entry::parse(4, &entry.to_text()), Some(entry));
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
