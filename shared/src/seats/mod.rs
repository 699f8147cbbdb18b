//! Rules of seats: which seats an order gets, from planes of bits, without I/O.
//!
//! A train's ticket takes some legs of one seat and leaves the other legs of that seat for somebody
//! else; a hall is a train with one leg. What is free is one bit plane a leg ([`Planes`]). A line
//! of an order is searched word by word ([`SeatSearch`]), 32 seats at a time, with no more than
//! `and`, `or`, `not`, shifts and a table for the lowest bit: the ledger's script can carry out the
//! same steps and must come to the same seats. [`SeatBook`] holds the classes and quotas of a sale
//! and decides orders of several lines. [`SeatModel`] states the same rules by plain sets and
//! judges what the search does.

pub mod book;
pub mod journey;
pub mod layout;
pub mod line;
pub mod model;
pub mod order_lines;
pub mod planes;
pub mod reach;
pub mod search;
mod split;
#[cfg(test)]
mod tests;
mod words;

pub use book::{SeatBook, SeatBookError, SeatClaim, SeatLineRefusal, SeatQuota};
pub use journey::Journey;
pub use layout::{SeatLayout, SeatLayoutError};
pub use line::{SeatLine, SeatLineError, SeatRefusal, Together};
pub use model::SeatModel;
pub use order_lines::{OrderLines, OrderPart, OrderSeats};
pub use planes::{Planes, SeatLegError};
pub use reach::Reach;
pub use search::SeatSearch;
