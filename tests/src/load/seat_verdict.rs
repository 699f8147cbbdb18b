//! Whether what was sold of a plan is what the buyers were told: every seat on every leg at most
//! once, recounted from the orders of the ledger, and nothing left that somebody who was refused
//! had wanted.

use super::buyers::Buyers;
use super::tally::{LoadTally, OrderOutcome};
use super::travellers::Travellers;
use super::verdict::{self, Differences, KeyVerdict};
use crate::harness::AuditRun;
use anyhow::{Context, Result};
use serde::Serialize;
use shared::seats::SeatBook;
use shared::{Order, OrderId};
use std::collections::HashMap;

/// What was sold of a plan.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SeatVerdict {
    /// Seats and places of the plan, on each leg.
    pub seat_legs: u64,
    /// Of these, sold.
    pub seat_legs_sold: u64,
    /// Tickets sold.
    pub tickets_sold: u64,
    /// Final refusals and waits, by code and tier.
    pub refusals: std::collections::BTreeMap<String, u64>,
    /// Where buyers and ledger differ.
    #[serde(skip)]
    pub differences: Differences,
    /// Orders with a seat, or a place of a quota, that is another order's.
    #[serde(skip)]
    pub twice: KeyVerdict,
    /// Buyers who were refused for good and whose seats are free.
    #[serde(skip)]
    pub left: KeyVerdict,
}

/// What was sold of a plan, by the orders of the ledger where they are known, and a sentence for
/// each way in which the promise was broken. `outcomes` are those of the tally, without those that
/// are excused.
///
/// # Errors
/// The plan cannot be sold.
pub fn of_plan(
    (outcomes, tally): (&[OrderOutcome], &LoadTally),
    asked: (Buyers, &Travellers),
    (audit, orders): (&AuditRun, Option<&HashMap<OrderId, Order>>),
) -> Result<(SeatVerdict, Vec<String>)> {
    let mut found = Vec::new();
    let taken = audit.held + audit.confirmed;
    let mut plan = SeatVerdict {
        seat_legs: asked.1.plan().places(),
        seat_legs_sold: taken,
        ..SeatVerdict::default()
    };
    if let Some(orders) = orders {
        plan = recount(outcomes, asked, orders)?;
        found.extend(plan.violations());
        let recounted = plan.seat_legs_sold;
        if recounted != taken {
            found.push(format!("lost: the orders have {recounted} seat-legs, the ledger {taken}"));
        }
    }
    plan.refusals.clone_from(&tally.refusals);
    found.extend(verdict::troubles(tally, audit));
    Ok((plan, found))
}

/// Recounts the plan from the orders of the ledger, and compares them with what the buyers heard.
/// The sale has no holds: nothing comes back, so what is free at its end was free all the time.
///
/// # Errors
/// The plan cannot be sold.
pub fn recount(
    outcomes: &[OrderOutcome],
    (buyers, travellers): (Buyers, &Travellers),
    orders: &HashMap<OrderId, Order>,
) -> Result<SeatVerdict> {
    let plan = travellers.plan();
    let mut book = plan.seat_book().context("the plan")?;
    let mut found = SeatVerdict { seat_legs: plan.places(), ..SeatVerdict::default() };
    let mut heard: Vec<bool> =
        outcomes.iter().map(|outcome| *outcome == OrderOutcome::Granted).collect();
    for (id, order) in orders {
        let number = buyers.whose(id.as_str());
        let right = number.is_some_and(|number| is_right(order, number, buyers, travellers));
        match number.and_then(|number| heard.get_mut(number as usize)) {
            // What stays set is missing.
            Some(heard) if *heard && right => *heard = false,
            _ => found.differences.unheard.add(id.as_str()),
        }
        let claims = order.seats.as_ref().map_or(&[][..], |seats| &seats.claims);
        if order.taking() == 0 {
            continue;
        }
        if book.take(claims).is_err() {
            found.twice.add(id.as_str());
        }
        found.tickets_sold += u64::from(order.taking());
        let places =
            claims.iter().map(|of| u64::from(of.quantity) * of.journey.legs().len() as u64);
        found.seat_legs_sold += places.sum::<u64>();
    }
    for number in (0u32..).zip(heard).filter_map(|(n, left)| left.then_some(n)) {
        found.differences.missing.add(&buyers.key(number));
    }
    let refused = (0u32..).zip(outcomes).filter(|(_, of)| **of == OrderOutcome::Refused);
    for (number, _) in refused {
        if could_be_served(&mut book, number, travellers)? {
            found.left.add(&buyers.key(number));
        }
    }
    Ok(found)
}

/// How many of these buyers want what is free beside the orders of the ledger. Where nothing comes
/// back, whoever was refused before they were read must not be among them.
///
/// # Errors
/// The plan cannot be sold.
pub fn count_servable(
    numbers: impl IntoIterator<Item = u32>,
    travellers: &Travellers,
    orders: &HashMap<OrderId, Order>,
) -> Result<u64> {
    let mut book = travellers.plan().seat_book().context("the plan")?;
    for seats in orders.values().filter_map(|order| order.seats.as_ref()) {
        // What two orders have is for `recount` to name.
        let _ = book.take(&seats.claims);
    }
    let mut servable = 0;
    for number in numbers {
        servable += u64::from(could_be_served(&mut book, number, travellers)?);
    }
    Ok(servable)
}

/// Whether the order is the one that this buyer asked for, and has all of it.
fn is_right(order: &Order, number: u32, buyers: Buyers, travellers: &Travellers) -> bool {
    let wants = travellers.wants(number);
    let Some(seats) = &order.seats else { return false };
    let ([line], [claim]) = (seats.lines.as_slice(), &seats.claims[..]) else { return false };
    let with_seats = travellers.plan().classes()[wants.class].seats() > 0;
    order.buyer.as_str() == buyers.name(number)
        && (line.class(), line.journey(), line.quantity())
            == (wants.class, wants.journey, wants.quantity)
        && (claim.class, claim.journey, claim.quantity)
            == (wants.class, wants.journey, wants.quantity)
        && claim.seats.len() == if with_seats { wants.quantity as usize } else { 0 }
        && (order.asked, order.taking()) == (wants.quantity, wants.quantity)
}

/// Whether what this buyer wanted is free.
fn could_be_served(book: &mut SeatBook, number: u32, travellers: &Travellers) -> Result<bool> {
    let line = travellers.wants(number).line(book).context("a line of the plan")?;
    match book.place(&[line])? {
        Ok(claims) => {
            book.give_back(&claims)?;
            Ok(true)
        }
        Err(_) => Ok(false),
    }
}

impl SeatVerdict {
    /// A sentence for each way in which the promise was broken.
    pub fn violations(&self) -> Vec<String> {
        let Differences { missing, unheard } = &self.differences;
        let sentences = [
            missing.sentence("buyers have a yes and no such order in the ledger"),
            unheard.sentence("orders are in the ledger and nobody has a yes"),
            self.twice.said("oversold", "orders have seats of other orders"),
            self.left.said("unsold", "buyers were refused for good and their seats are free"),
        ];
        sentences.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::plan::Plan;
    use shared::seats::{OrderLines, OrderSeats};
    use shared::{BuyerId, OrderState, UnixMillis};
    use std::sync::Arc;

    const BUYERS: Buyers = Buyers::new(7);
    const TRAIN: &str = r#"{"stops":["A","B","C","D"],"classes":[
        {"id":"second","coaches":[{"ids":"1","rows":"1-4","letters":"AB"}]}]}"#;

    fn travellers() -> Travellers {
        Travellers::new(Plan::from_json(TRAIN).unwrap(), 7)
    }

    /// Sells to the buyers in turn; who is refused hears so.
    fn sold(count: u32) -> (Vec<OrderOutcome>, HashMap<OrderId, Order>) {
        let travellers = travellers();
        let mut book = travellers.plan().seat_book().unwrap();
        let (mut outcomes, mut orders) = (Vec::new(), HashMap::new());
        for number in 0..count {
            let line = travellers.wants(number).line(&book).unwrap();
            let quantity = line.quantity();
            match book.place(std::slice::from_ref(&line)).unwrap() {
                Ok(claims) => {
                    outcomes.push(OrderOutcome::Granted);
                    let lines = OrderLines::new(vec![line]).unwrap();
                    let order = Order {
                        buyer: BuyerId::parse(&BUYERS.name(number)).unwrap(),
                        state: OrderState::Confirmed,
                        asked: quantity,
                        taken: quantity,
                        created_at: UnixMillis(1),
                        deadline: UnixMillis(0),
                        refused_late: false,
                        payment: None,
                        seats: Some(Arc::new(OrderSeats { lines, claims })),
                    };
                    orders.insert(OrderId::parse(&BUYERS.key(number)).unwrap(), order);
                }
                Err(_) => outcomes.push(OrderOutcome::Refused),
            }
        }
        (outcomes, orders)
    }

    fn judge(outcomes: &[OrderOutcome], orders: &HashMap<OrderId, Order>) -> Vec<String> {
        recount(outcomes, (BUYERS, &travellers()), orders).unwrap().violations()
    }

    #[test]
    fn a_train_that_is_sold_as_told_has_no_violation_and_its_seat_legs_are_counted() {
        let (outcomes, orders) = sold(50);
        assert_eq!(judge(&outcomes, &orders), Vec::<String>::new());
        let found = recount(&outcomes, (BUYERS, &travellers()), &orders).unwrap();
        assert_eq!(found.seat_legs, 24);
        assert!(found.seat_legs_sold > 16 && found.seat_legs_sold <= 24, "{found:?}");
        assert!(outcomes.contains(&OrderOutcome::Refused));
    }

    #[test]
    fn who_was_refused_wants_nothing_that_is_free_until_an_order_is_missing() {
        let (outcomes, mut orders) = sold(50);
        let refused = || {
            let numbers = (0u32..).zip(&outcomes);
            numbers.filter(|(_, of)| **of == OrderOutcome::Refused).map(|(number, _)| number)
        };
        assert_eq!(count_servable(refused(), &travellers(), &orders).unwrap(), 0);
        orders.clear();
        let all = refused().count() as u64;
        assert_eq!(count_servable(refused(), &travellers(), &orders).unwrap(), all);
    }

    /// The ids of the orders, in a sequence that is the same in every run.
    fn sorted(orders: &HashMap<OrderId, Order>) -> Vec<OrderId> {
        let mut ids: Vec<OrderId> = orders.keys().cloned().collect();
        ids.sort_by_key(|id| id.as_str().to_owned());
        ids
    }

    #[test]
    fn an_order_that_is_missing_is_named_and_frees_what_others_were_refused() {
        let (outcomes, orders) = sold(50);
        let travellers = travellers();
        let wanted_in_vain = |id: &OrderId| {
            let wants = travellers.wants(BUYERS.whose(id.as_str()).unwrap());
            (0u32..).zip(&outcomes).any(|(number, outcome)| {
                *outcome == OrderOutcome::Refused && travellers.wants(number) == wants
            })
        };
        let (mut freed, mut unwanted) = (0, 0);
        for gone in sorted(&orders) {
            let mut rest = orders.clone();
            rest.remove(&gone);
            let said = judge(&outcomes, &rest).join("\n");
            assert!(said.contains("1 buyers have a yes and no such order"), "{said}");
            let free = said.contains("were refused for good and their seats are free");
            assert!(free || !wanted_in_vain(&gone), "{gone:?}: {said}");
            if free {
                freed += 1;
            } else {
                unwanted += 1;
            }
        }
        // Both occur: the check sees what is free, and looks at what was wanted.
        assert!(freed > 0 && unwanted > 0, "{freed} {unwanted}");
    }

    #[test]
    fn a_seat_that_two_orders_have_on_one_leg_is_named() {
        let (outcomes, mut orders) = sold(50);
        let id = sorted(&orders).remove(0);
        let order = orders[&id].clone();
        // Whatever it has is another one's, too.
        let other =
            (0..50).find(|n| !orders.contains_key(&OrderId::parse(&BUYERS.key(*n)).unwrap()));
        let key = OrderId::parse(&BUYERS.key(other.unwrap())).unwrap();
        orders.insert(key, order);
        let said = judge(&outcomes, &orders).join("\n");
        assert!(said.contains("oversold: 1 orders have seats of other orders"), "{said} {id}");
        assert!(said.contains("1 orders are in the ledger and nobody has a yes"), "{said}");
    }

    #[test]
    fn an_order_for_another_journey_than_the_buyers_is_not_theirs() {
        let (outcomes, mut orders) = sold(5);
        let ids = sorted(&orders);
        let travellers = travellers();
        let differ = |a: &OrderId, b: &OrderId| {
            let wants = |id: &OrderId| travellers.wants(BUYERS.whose(id.as_str()).unwrap());
            wants(a) != wants(b)
        };
        let other = ids.iter().find(|id| differ(id, &ids[0])).unwrap().clone();
        let (one, two) = (orders[&ids[0]].seats.clone(), orders[&other].seats.clone());
        orders.get_mut(&ids[0]).unwrap().seats = two;
        orders.get_mut(&other).unwrap().seats = one;
        let said = judge(&outcomes, &orders).join("\n");
        assert!(said.contains("2 buyers have a yes and no such order"), "{said}");
    }
}
