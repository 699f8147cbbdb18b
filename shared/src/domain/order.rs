//! Order: what the ledger stores of it, and its requests and outcomes.

use crate::domain::ids::{BuyerId, OrderId, Quantity};
use crate::domain::order_state::{IfState, OrderState};
use crate::domain::payment::PaymentNote;
use crate::domain::refusal::Refusal;
use crate::domain::time::UnixMillis;
use crate::seats::order_lines::{OrderLines, OrderSeats, text_of_claims};
use crate::seats::{SeatClaim, SeatLine, SeatLineRefusal};
use core::fmt;
use std::sync::Arc;

/// Where the order id of an arrival comes from. An id that the edge made cannot be in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The edge made it for this request, and nobody was asked under it yet.
    Made,
    /// The client sent it.
    Sent,
    /// An earlier answer was lost: the client says so (`Lastseat-Retry: 1`), or the edge did it
    /// itself, because it asked another origin before. Such an order is never refused as sold out
    /// from a hint.
    Repeated,
    /// The client sent it, and this isolate saw it granted: the ledger is asked, whatever the hints
    /// say.
    Known,
}

impl KeySource {
    /// The same id, sent again after an answer was lost.
    #[must_use]
    pub const fn repeated(self) -> Self {
        match self {
            Self::Known => Self::Known,
            Self::Made | Self::Sent | Self::Repeated => Self::Repeated,
        }
    }
}

/// On whose word an order is cancelled, and in which state it must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cancellation {
    /// Whoever has the id asks, without the authority of the shop or an operator.
    pub by_buyer: bool,
    /// The state in which it must be; `None` = any.
    pub if_state: Option<IfState>,
    /// An order that is not there yet is not remembered as cancelled: its client has had its part
    /// of what a sale remembers.
    pub only_existing: bool,
}

/// One buyer's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Whose it is.
    pub buyer: BuyerId,
    /// Where it is in its life.
    pub state: OrderState,
    /// Tickets that the order asked for; part of what its id stands for.
    pub asked: u32,
    /// Tickets that it has while `held` or `confirmed`, or had when it left those states.
    pub taken: u32,
    /// When the ledger granted it.
    pub created_at: UnixMillis,
    /// When its hold ends or ended; 0 for an order confirmed at once.
    pub deadline: UnixMillis,
    /// A payment came after the deadline and was refused. That answer stays, because the shop
    /// refunds on it.
    pub refused_late: bool,
    /// Lines and claims, in a sale that has a plan.
    pub seats: Option<Arc<OrderSeats>>,
    /// What the shop has said of the payment, if anything.
    pub payment: Option<Arc<PaymentNote>>,
}

struct Record<'a>(&'a Order);

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = self.0;
        let state = match order.state {
            OrderState::Held => 'h',
            OrderState::Confirmed => 'c',
            OrderState::Cancelled => 'x',
            OrderState::Expired if order.refused_late => 'l',
            OrderState::Expired => 'e',
        };
        let (asked, taken) = (order.asked, order.taken);
        let (created_at, deadline) = (order.created_at, order.deadline);
        let buyer = order.buyer.stored();
        let (format, seats) = match (&order.seats, &order.payment) {
            (None, None) => {
                return write!(
                    f,
                    "{RECORD}{state}:{asked}:{taken}:{created_at}:{deadline}:{buyer}"
                );
            }
            (None, Some(_)) => (RECORD_WITH_PAYMENT, None),
            (Some(seats), _) => (RECORD_BY_PLAN, Some(seats)),
        };
        write!(f, "{format}{state}:{asked}:{taken}:{created_at}:{deadline}:")?;
        if let Some(seats) = seats {
            write!(f, "{}:{}:", seats.lines, text_of_claims(&seats.claims))?;
        }
        if let Some(payment) = &order.payment {
            write!(f, "{payment}")?;
        }
        write!(f, ":{buyer}")
    }
}

/// A request for tickets: one order of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// Its id, which makes repeating it harmless.
    pub id: OrderId,
    /// Who buys.
    pub buyer: BuyerId,
    /// How many tickets, of all lines where there are some.
    pub quantity: Quantity,
    /// Its lines, in a sale that has a plan.
    pub lines: Option<OrderLines>,
}

impl Reserve {
    /// What it asks for in the unit of its sale's capacity: tickets, or in a sale with a plan
    /// places on legs.
    #[must_use]
    pub fn places(&self) -> u32 {
        let of_line = |line: &SeatLine| line.quantity() * line.journey().legs().len() as u32;
        match &self.lines {
            None => self.quantity.get(),
            Some(lines) => lines.as_slice().iter().map(of_line).sum(),
        }
    }

    /// Its lines, for each of which the ledger has to search seats; 0 without a plan.
    #[must_use]
    pub fn lines_to_search(&self) -> usize {
        self.lines.as_ref().map_or(0, |lines| lines.as_slice().len())
    }
}

/// What became of one order, or of one change of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The ledger did it, now or (`replayed`) when it was first asked.
    Granted {
        /// The order as it stands.
        order: Order,
        /// Whether this answer repeats an earlier outcome.
        replayed: bool,
    },
    /// No.
    Refused(Refusal),
    /// No: a line of the order, in a sale that has a plan, finds no seats.
    NoSeats {
        /// Which one, and why.
        refused: Arc<SeatLineRefusal>,
        /// Whether some of what it asks for is only held: it may be free again by itself.
        some_held: bool,
    },
}

/// A pass over all that was acknowledged. All nodes make one before any makes the next, because of
/// of an order that several nodes changed, each has one end only: an older one that asks for more
/// tickets than the order has must not take the place of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// What gives tickets back, prolongs, or ends a hold that is there, and confirmed orders while
    /// there is room.
    First = 1,
    /// Holds that are due end first, for now it is known which ones were prolonged or confirmed:
    /// every confirmed order has room.
    Second = 2,
    /// Holds are taken again. What does not fit now will not.
    Last = 3,
}

impl Pass {
    /// Reads its number in `heal.lua`; 0 and what is above 3 are none.
    #[must_use]
    pub const fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::First,
            2 => Self::Second,
            3 => Self::Last,
            _ => return None,
        })
    }

    /// The one after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second | Self::Last => Self::Last,
        }
    }
}

/// What became of an acknowledged order that a node asserts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// The ledger had lost it, or was behind it, and has it now.
    Done,
    /// The ledger had it, or what came after it.
    Present,
    /// Its tickets are not free, or no longer; before the last [`Pass`] a hold always gets this.
    NoRoom,
    /// The ledger has an order under its id with another buyer, number of tickets or end.
    Conflict,
}

impl Restored {
    /// Reads the letter of `restore.lua`.
    #[must_use]
    pub const fn of(letter: u8) -> Option<Self> {
        Some(match letter {
            b'd' => Self::Done,
            b'r' => Self::Present,
            b'n' => Self::NoRoom,
            b'k' => Self::Conflict,
            _ => return None,
        })
    }

    /// Whether the ledger has what was acknowledged.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Present)
    }
}

/// A stored record is not one that any version of the scripts writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the record {record:?} of order {id} is not one that lastseat writes")]
pub struct CorruptRecord {
    /// The order whose record it is.
    pub id: OrderId,
    /// The record as it was found, cut to 200 characters.
    pub record: String,
}

/// Version that starts every packed record of a sale without a plan ...
const RECORD: &str = "1";
/// ... of a sale with a plan ...
const RECORD_BY_PLAN: &str = "2";
/// ... and of an order of a sale without a plan of whose payment the shop has said something.
const RECORD_WITH_PAYMENT: &str = "3";

/// The letters of a packed record: state and whether a late payment was refused.
const LETTERS: [(&str, OrderState, bool); 5] = [
    ("h", OrderState::Held, false),
    ("c", OrderState::Confirmed, false),
    ("x", OrderState::Cancelled, false),
    ("e", OrderState::Expired, false),
    ("l", OrderState::Expired, true),
];

impl Order {
    /// Whether it was held and then confirmed. One that was confirmed at once has no deadline:
    /// nobody has paid for it here.
    #[must_use]
    pub const fn is_paid(&self) -> bool {
        matches!(self.state, OrderState::Confirmed) && self.deadline.0 > 0
    }

    /// Tickets that the order has now.
    #[must_use]
    pub const fn taking(&self) -> u32 {
        if self.state.takes() { self.taken } else { 0 }
    }

    /// Whether it was cancelled before it came: it asks for nothing, belongs to nobody and never
    /// sells.
    #[must_use]
    pub const fn is_tombstone(&self) -> bool {
        matches!(self.state, OrderState::Cancelled) && self.asked == 0 && self.taken == 0
    }

    /// The record of an order that was cancelled at `now`, before it came.
    #[must_use]
    pub fn tombstone(now: UnixMillis) -> Self {
        Self {
            buyer: BuyerId::nobody(),
            state: OrderState::Cancelled,
            asked: 0,
            taken: 0,
            created_at: now,
            deadline: UnixMillis(0),
            refused_late: false,
            seats: None,
            payment: None,
        }
    }

    /// Writes the record of `:orders`: `1<state>:<asked>:<taken>:<created_at>:<deadline>:<buyer>`,
    /// or in a sale with a plan
    /// `2<state>:<asked>:<taken>:<created_at>:<deadline>:<lines>:<claims>:<payment>:<buyer>`, where
    /// lines and claims are as in [`order_lines`](crate::seats::order_lines) and the payment is as
    /// [`PaymentNote`] writes it, or empty. With a payment the first form is
    /// `3<state>:<asked>:<taken>:<created_at>:<deadline>:<payment>:<buyer>`. What was cancelled
    /// before it came has the first form in both. The buyer is as [`BuyerId::stored`] writes it.
    #[must_use]
    pub fn pack(&self) -> String {
        self.record().to_string()
    }

    /// What [`Order::pack`] writes, to be written somewhere.
    pub fn record(&self) -> impl fmt::Display {
        Record(self)
    }

    /// Reads a record of `:orders`.
    ///
    /// # Errors
    /// The record is foreign or damaged.
    pub fn unpack(id: &OrderId, record: &str) -> Result<Self, CorruptRecord> {
        Self::read(record).ok_or_else(|| CorruptRecord {
            id: id.clone(),
            record: record.chars().take(200).collect(),
        })
    }

    fn read(record: &str) -> Option<Self> {
        let (format, record) = record.split_at_checked(1)?;
        let by_plan = format == RECORD_BY_PLAN;
        let mut fields = match format {
            RECORD => record.splitn(6, ':'),
            RECORD_BY_PLAN => record.splitn(9, ':'),
            RECORD_WITH_PAYMENT => record.splitn(7, ':'),
            _ => return None,
        };
        let letter = fields.next()?;
        let (_, state, refused_late) = LETTERS.into_iter().find(|(l, ..)| *l == letter)?;
        let (asked, taken) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let created_at = UnixMillis(fields.next()?.parse().ok()?);
        let deadline = UnixMillis(fields.next()?.parse().ok()?);
        let seats = if by_plan {
            let seats = OrderSeats::parse(fields.next()?, fields.next()?)?;
            let of_them = seats.lines.tickets() == asked && seats.tickets() == taken;
            if !of_them {
                return None;
            }
            Some(Arc::new(seats))
        } else {
            None
        };
        let payment = match format {
            RECORD => None,
            _ => match fields.next()? {
                "" if by_plan => None,
                payment => Some(PaymentNote::parse(payment)?),
            },
        };
        let buyer = BuyerId::of_stored(fields.next()?).ok()?;
        let order =
            Self { buyer, state, asked, taken, created_at, deadline, refused_late, seats, payment };
        let sold = order.asked >= order.taken && order.taken > 0;
        (sold || (order.is_tombstone() && format == RECORD)).then_some(order)
    }

    /// Keeps so many tickets, and of its claims these.
    pub fn keep(&mut self, tickets: u32, claims: Option<&[SeatClaim]>) {
        self.taken = tickets;
        if let (Some(seats), Some(claims)) = (&mut self.seats, claims) {
            *seats = Arc::new(OrderSeats { lines: seats.lines.clone(), claims: claims.to_vec() });
        }
    }

    /// What its sale's capacity counts of it now: its tickets, or in a sale with a plan its places
    /// on each leg.
    #[must_use]
    pub fn places(&self) -> u32 {
        match &self.seats {
            _ if !self.state.takes() => 0,
            None => self.taken,
            Some(seats) => seats.places(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::PaymentReference;
    use crate::domain::payment::Payment;

    fn id() -> OrderId {
        OrderId::parse("0123456789abcdef").unwrap()
    }

    #[test]
    fn a_packed_record_reads_back_even_with_colons_and_spaces_in_the_buyer() {
        for (_, state, refused_late) in LETTERS {
            let order = Order {
                refused_late,
                buyer: BuyerId::parse("a:b:c ü").unwrap(),
                state,
                asked: 4,
                taken: 2,
                created_at: UnixMillis(1_763_862_000_123),
                deadline: UnixMillis(1_763_862_600_123),
                seats: None,
                payment: None,
            };
            assert_eq!(Order::unpack(&id(), &order.pack()), Ok(order.clone()));
            let reference = PaymentReference::parse("pi 3:4").ok();
            let payment = Payment { reference, metadata: None }.noted(UnixMillis(7));
            let paid = Order { payment: payment.clone(), ..order.clone() };
            assert_eq!(Order::unpack(&id(), &paid.pack()), Ok(paid));
            let seats = OrderSeats::parse("0.2-8.2r,1.2-8.2a", "0.2-8.0,1.2-8.2").unwrap();
            let by_plan = Order { seats: Some(Arc::new(seats)), ..order };
            assert_eq!(Order::unpack(&id(), &by_plan.pack()), Ok(by_plan.clone()));
            let paid = Order { payment, ..by_plan };
            assert_eq!(Order::unpack(&id(), &paid.pack()), Ok(paid));
        }
    }

    #[test]
    fn a_foreign_record_is_named_corrupt() {
        for bad in [
            "",
            "3h:1:1:1:1:b",
            "1q:1:1:1:1:b",
            "1h:1:2:1:1:b",
            "1h:1:1:1:b",
            "1h:x:1:1:1:b",
            "2h:1:1:1:1:b",
            "2h:1:1:1:1:0.0-1.2r:0.0-1.1=3::b",
            "2h:1:1:1:1:0.0-1.1r:0.0-1.1=3:x:b",
            "3h:1:1:1:1::b",
            "3h:1:1:1:1:1,,:b",
            "3x:0:0:1:0:1,a,:-",
            "4h:1:1:1:1:b",
            "é",
            "2h:2:2:1:1:0.0-1.2r:0.0-1.1=3::b",
        ] {
            assert!(Order::unpack(&id(), bad).is_err(), "{bad}");
        }
    }
}
