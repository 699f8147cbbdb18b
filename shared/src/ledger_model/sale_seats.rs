//! Seats of a sale that has a plan: which are taken, and how many places are held.

use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::ledger_model::seat_recount::SeatRecount;
use crate::plan::Plan;
use crate::plan::stored::seats_bytes;
use crate::seats::{
    OrderLines, SeatBook, SeatBookError, SeatClaim, SeatLine, SeatLineRefusal, SeatRefusal,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a sale with a plan has besides its counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleSeats {
    /// What is sold.
    pub plan: Arc<Plan>,
    /// Seats and places that somebody has, held or confirmed.
    pub book: SeatBook,
    /// Places in held orders, for each class and leg.
    pub held: Vec<Vec<u32>>,
}

impl SaleSeats {
    /// All free.
    ///
    /// # Panics
    /// The plan has no seats to be sold, which no compiled plan comes to.
    #[must_use]
    pub fn free(plan: Arc<Plan>) -> Self {
        let book = match plan.seat_book() {
            Ok(book) => book,
            Err(error) => panic!("a plan that was compiled: {error}"),
        };
        let held = vec![vec![0; plan.legs()]; plan.classes().len()];
        Self { plan, book, held }
    }

    /// The string `:seats` of the ledger.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        seats_bytes(&self.book, &self.held)
    }

    /// The claims that these lines would get. It changes nothing.
    ///
    /// # Errors
    /// A line is not one of this sale. Inside: the first line that finds nothing, and why.
    pub(super) fn find(
        &self,
        lines: &OrderLines,
    ) -> Result<Result<Vec<SeatClaim>, SeatLineRefusal>, SeatBookError> {
        self.book.clone().place(lines.as_slice())
    }

    /// Whether some of what a refused line asks for is only held: places of its class on a leg of
    /// its journey, and where it is sold out, those of a class with which it shares a quota, too.
    pub(super) fn some_held(&self, line: &SeatLine, why: &SeatRefusal) -> bool {
        let sold_out = matches!(why, SeatRefusal::SoldOut { .. });
        self.book.some_held(&self.held, line.class(), line.journey(), sold_out)
    }

    /// Whether all these claims are free together, and every quota has room for them.
    pub(super) fn fits(&self, claims: &[SeatClaim]) -> bool {
        self.book.clone().take(claims).is_ok()
    }

    /// Takes what fits.
    pub(super) fn take(&mut self, confirmed: bool, claims: &[SeatClaim]) {
        if let Err(error) = self.book.take(claims) {
            panic!("only what fits is taken: {error}");
        }
        if !confirmed {
            self.each_held(claims, |places, of| *places += of);
        }
    }

    /// Gives back what an order has.
    pub(super) fn give_back(&mut self, confirmed: bool, claims: &[SeatClaim]) {
        if let Err(error) = self.book.give_back(claims) {
            panic!("an order has its claims: {error}");
        }
        if !confirmed {
            self.each_held(claims, |places, of| *places -= of);
        }
    }

    fn each_held(&mut self, claims: &[SeatClaim], change: fn(&mut u32, u32)) {
        for claim in claims {
            let legs = &mut self.held[claim.class][claim.journey.legs()];
            legs.iter_mut().for_each(|places| change(places, claim.quantity));
        }
    }

    /// THE rule of seats: they are what the orders say, and no two orders have the same one.
    pub(super) fn assert_counted(&self, orders: &BTreeMap<OrderId, Order>) {
        let counted = match SeatRecount::of(&self.plan, orders.iter()) {
            Ok(counted) => counted,
            Err(error) => panic!("a plan that was compiled: {error}"),
        };
        assert_eq!(counted.conflicts, [], "no two orders have a seat on the same leg");
        assert!(counted.book == self.book, "the seats are those of the orders");
        assert!(counted.held == self.held, "the held places are those of the held orders");
    }
}
