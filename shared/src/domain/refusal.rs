//! Refusal: a business "no", a value and never an error.

use crate::domain::order_state::OrderState;
use crate::domain::time::UnixMillis;

/// Why an order, or a change of one, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Nothing is free and nothing is held: no ticket will come back by itself.
    SoldOut,
    /// Nothing is free, but holds may expire or be given back.
    AllHeld,
    /// Some tickets are free, but fewer than asked for.
    NotEnough,
    /// The sale has a plan: an order for it, or a part of one, is named by lines or seats.
    NeedsLines,
    /// The sale has no plan: it sells no seats.
    NoPlan,
    /// The order does not have all of the lines or seats that the call names.
    NotItsSeats,
    /// The sale has not opened yet; with the moment when it will, if that is set.
    NotOpen(Option<UnixMillis>),
    /// An operator paused the sale.
    Paused,
    /// The sale is over.
    Closed,
    /// The buyer would have more tickets than the sale allows a buyer.
    BuyerLimit,
    /// The buyer has given back, or let expire, as many orders of this sale as one may.
    EndedLimit,
    /// The order asks for more tickets than the sale allows an order.
    OrderLimit,
    /// The order id already stands for another buyer or quantity.
    KeyReused,
    /// The hold ended before the payment came, and its tickets were gone: refused for good.
    HoldExpired,
    /// The hold has ended and cannot be made longer. A payment may still get tickets.
    HoldEnded,
    /// The hold cannot be made longer.
    HoldLimit,
    /// The order is in this state, in which this cannot be done to it.
    WrongState(OrderState),
    /// The order is for another number of tickets than the call confirms.
    QuantityHeld {
        /// Tickets of the order.
        has: u32,
        /// Tickets that the call names.
        asked: u32,
    },
    /// The order is paid, and only the shop gives such an order back.
    Paid,
    /// No order has this id.
    UnknownOrder,
    /// No sale has this id.
    UnknownSale,
    /// Too many ask at this moment; ask again in so many milliseconds.
    Busy(u32),
}

impl Refusal {
    /// Whether the same order can succeed later without anybody changing it.
    #[must_use]
    pub const fn may_pass_later(self) -> bool {
        matches!(self, Self::AllHeld | Self::NotOpen(_) | Self::Paused | Self::Busy(_))
    }
}
