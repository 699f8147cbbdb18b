//! A tiny train, exhaustively: 3 seats, 4 stops, and every way in which up to 5 orders are granted,
//! confirmed and given back.

use super::by_plan::{id, request, sale_by_plan};
use super::*;
use crate::OrderState;
use crate::seats::Journey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const TINY: &str = r#"{"format":1,"stops":["A","B","C","D"],"classes":[
    {"id":"all","coaches":[{"ids":"1","rows":"1","letters":"ABC"}]}]}"#;
const ORDERS: u8 = 5;

/// What the orders have: two ways to the same seats in the same states are one.
type State = BTreeSet<(String, bool)>;

fn state(sale: &Sale) -> State {
    let taking = sale.orders.values().filter(|order| order.state.takes());
    let claims = taking.map(|order| {
        let claims = &order.seats.as_ref().unwrap().claims;
        let text = crate::seats::order_lines::text_of_claims(claims);
        (text, order.state == OrderState::Confirmed)
    });
    claims.collect()
}

/// Whether a seat is free on the whole journey, by the orders alone.
fn can_be_had(sale: &Sale, from: usize, to: usize) -> bool {
    let taking = sale.orders.values().filter(|order| order.state.takes());
    let claims: Vec<_> = taking.flat_map(|order| &order.seats.as_ref().unwrap().claims).collect();
    let overlaps = |journey: Journey| journey.from() < to && from < journey.to();
    (0..3).any(|seat| {
        claims.iter().all(|claim| !claim.seats.contains(&seat) || !overlaps(claim.journey))
    })
}

fn after(sale: &Sale, command: &ModelCommand) -> (Sale, ModelReply) {
    let mut next = sale.clone();
    let (reply, _) = next.apply(command, UnixMillis(1_000));
    // What has ended only makes the states more: it has no seats.
    next.orders.retain(|_, order| order.state.takes());
    (next, reply)
}

/// Each sale that one command about one order leads to.
fn nexts(sale: &Sale) -> Vec<Sale> {
    let mut nexts = Vec::new();
    let unused = (0..ORDERS).find(|n| !sale.orders.contains_key(&id(*n)));
    for (from, to) in [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3), (0, 3)] {
        let Some(n) = unused else { break };
        let command = ModelCommand::Reserve(vec![request(n, &format!("0.{from}-{to}.1a"))]);
        let (next, reply) = after(sale, &command);
        let ModelReply::Orders(verdicts) = reply else { panic!("{reply:?}") };
        let is_granted = matches!(verdicts[0], Verdict::Granted { replayed: false, .. });
        assert_eq!(is_granted, can_be_had(sale, from, to), "{from}-{to} in {:?}", state(sale));
        if is_granted {
            nexts.push(next);
        }
    }
    for (order, has) in &sale.orders {
        let give_back =
            ModelCommand::Cancel(order.clone(), Cancellation::default(), OrderPart::Whole);
        let (next, reply) = after(sale, &give_back);
        assert!(matches!(reply, ModelReply::Order(Verdict::Granted { replayed: false, .. })));
        nexts.push(next);
        if has.state == OrderState::Held {
            let pay = ModelCommand::Confirm(order.clone(), OrderPart::Whole, Payment::default());
            let (next, reply) = after(sale, &pay);
            assert!(matches!(reply, ModelReply::Order(Verdict::Granted { replayed: false, .. })));
            let planes = |sale: &Sale| sale.seats.clone().unwrap().book;
            assert!(planes(&next) == planes(sale), "a payment moves no seat");
            nexts.push(next);
        }
    }
    nexts
}

#[test]
fn in_every_state_of_a_tiny_train_what_is_free_can_be_had_and_what_is_given_back_is_free() {
    let hold = Terms { hold_ms: 1_000, ..Terms::default() };
    let first = sale_by_plan(TINY, hold);
    let mut seen = BTreeMap::from([(State::new(), first.seats.clone().unwrap().bytes())]);
    let mut queue = VecDeque::from([first]);
    while let Some(sale) = queue.pop_front() {
        for next in nexts(&sale) {
            // Each command recounts the seats from the orders, see `SaleSeats`.
            let bytes = next.seats.clone().unwrap().bytes();
            match seen.get(&state(&next)) {
                Some(same) => assert_eq!(*same, bytes, "the same orders, the same seats"),
                None => {
                    seen.insert(state(&next), bytes);
                    queue.push_back(next);
                }
            }
        }
    }
    assert!(seen.len() > 1_000, "{} states", seen.len());
}
