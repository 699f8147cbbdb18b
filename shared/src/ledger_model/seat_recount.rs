//! Seats counted from orders: how a sale with a plan must stand, and what two orders have both.

use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::order_state::OrderState;
use crate::plan::{Plan, UnsellablePlan};
use crate::seats::{SeatBook, SeatClaim};

/// What the orders of a sale take of its plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatRecount {
    /// Seats and places of held and confirmed orders. What two orders have is taken once; quotas
    /// count each order, also beyond their size.
    pub book: SeatBook,
    /// Places in held orders, for each class and leg.
    pub held: Vec<Vec<u32>>,
    /// Places in confirmed orders, for each class and leg.
    pub confirmed: Vec<Vec<u32>>,
    /// What cannot be, in the order of the ids of the orders.
    pub conflicts: Vec<SeatConflict>,
}

/// Orders that cannot be together in one sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatConflict {
    /// Two orders have a seat on the same leg.
    Twice {
        /// The class.
        class: usize,
        /// The seat.
        seat: u32,
        /// The leg.
        leg: usize,
        /// Both orders, the lower id first. An order may have a seat twice by itself.
        orders: [OrderId; 2],
    },
    /// The orders have more places of a quota than there are.
    Quota {
        /// The quota.
        quota: usize,
        /// The leg.
        leg: usize,
        /// Places that they have together.
        used: u32,
    },
    /// An order has what the plan does not: a class, stop or seat, or no lines at all.
    Foreign(OrderId),
}

/// Which order has each seat on each leg of one class: one more than its place, 0 = none.
struct Owners(Vec<u32>);

impl SeatRecount {
    /// Counts.
    ///
    /// # Errors
    /// None, as long as compiled plans keep to the bounds of a [`SeatBook`].
    pub fn of<'a>(
        plan: &Plan,
        orders: impl Iterator<Item = (&'a OrderId, &'a Order)>,
    ) -> Result<Self, UnsellablePlan> {
        let mut taking: Vec<(&OrderId, &Order)> =
            orders.filter(|(_, order)| order.state.takes()).collect();
        taking.sort_unstable_by_key(|(id, _)| *id);
        let legs = plan.legs();
        let places = vec![vec![0; legs]; plan.classes().len()];
        let mut counted = Self {
            book: plan.seat_book()?,
            held: places.clone(),
            confirmed: places,
            conflicts: Vec::new(),
        };
        let seats = |class: usize| plan.classes()[class].seats() as usize;
        let mut owners: Vec<Owners> =
            (0..plan.classes().len()).map(|class| Owners(vec![0; seats(class) * legs])).collect();
        for (at, (id, order)) in taking.iter().enumerate() {
            let claims = order.seats.as_deref().map_or(&[][..], |seats| &seats.claims);
            if claims.is_empty() || claims.iter().any(|claim| !counted.book.has_places_of(claim)) {
                counted.conflicts.push(SeatConflict::Foreign((*id).clone()));
            }
            for claim in claims.iter().filter(|claim| claim.quantity > 0) {
                if counted.book.has_places_of(claim) {
                    counted.add(claim, order.state == OrderState::Held);
                    counted.own(&mut owners[claim.class], claim, at, &taking);
                }
            }
        }
        for (number, quota) in counted.book.quotas().iter().enumerate() {
            for leg in (0..legs).filter(|leg| quota.used(*leg) > quota.size()) {
                let used = quota.used(leg);
                counted.conflicts.push(SeatConflict::Quota { quota: number, leg, used });
            }
        }
        Ok(counted)
    }

    fn add(&mut self, claim: &SeatClaim, is_held: bool) {
        self.book.count(claim);
        let places = if is_held { &mut self.held } else { &mut self.confirmed };
        let legs = &mut places[claim.class][claim.journey.legs()];
        legs.iter_mut().for_each(|places| *places = places.saturating_add(claim.quantity));
    }

    fn own(
        &mut self,
        owners: &mut Owners,
        claim: &SeatClaim,
        at: usize,
        orders: &[(&OrderId, &Order)],
    ) {
        let legs = self.held[claim.class].len();
        for seat in &claim.seats {
            for leg in claim.journey.legs() {
                let owner = &mut owners.0[*seat as usize * legs + leg];
                let Some(before) = owner.checked_sub(1) else {
                    *owner = at as u32 + 1;
                    continue;
                };
                self.conflicts.push(SeatConflict::Twice {
                    class: claim.class,
                    seat: *seat,
                    leg,
                    orders: [orders[before as usize].0.clone(), orders[at].0.clone()],
                });
            }
        }
    }
}
