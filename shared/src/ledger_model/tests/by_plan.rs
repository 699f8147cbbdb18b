//! Tests of sales with a plan: no seat-leg twice, no seat lost, parts, late payments, recovery.

use super::restored::{History, NODES};
use super::*;
use crate::domain::sale::LateSeats;
use crate::ledger_model::order_book::OrderBook;
use crate::seats::{OrderLines, SeatRefusal};
use crate::{Order, OrderState, Refusal};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Two coaches of three and two seats, and three places to stand; a quota over all of them.
const SHORT_TRAIN: &str = r#"{"format":1,"stops":["A","B","C","D"],"classes":[
    {"id":"seats","coaches":[{"ids":"1","rows":"1","letters":"ABC"},
        {"ids":"2","rows":"1","letters":"A B"}]},
    {"id":"standing","standing":3}],
    "quotas":[{"id":"load","classes":["seats","standing"],"size":7}]}"#;

pub(super) fn plan(json: &str) -> Arc<Plan> {
    Arc::new(Plan::from_json(json).unwrap())
}

pub(super) fn sale_by_plan(json: &str, terms: Terms) -> Sale {
    Sale::create_by_plan(plan(json), terms, true, UnixMillis(1_000)).0
}

pub(super) fn id(n: u8) -> OrderId {
    OrderId::parse(&format!("order-{n:016}")).unwrap()
}

pub(super) fn request(n: u8, lines: &str) -> Reserve {
    let lines = OrderLines::parse(lines).unwrap_or_else(|| panic!("{lines}"));
    Reserve {
        id: id(n),
        buyer: BuyerId::parse(&format!("buyer-{}", n % 5)).unwrap(),
        quantity: Quantity::new(u64::from(lines.tickets())).unwrap(),
        lines: Some(lines),
    }
}

fn reserve(sale: &mut Sale, n: u8, lines: &str, at: u64) -> Verdict {
    let command = ModelCommand::Reserve(vec![request(n, lines)]);
    match sale.apply(&command, UnixMillis(at)).0 {
        ModelReply::Orders(verdicts) => verdicts[0].clone(),
        other => panic!("{other:?}"),
    }
}

fn change(sale: &mut Sale, command: &ModelCommand, at: u64) -> (Verdict, Vec<String>) {
    let (reply, entry) = sale.apply(command, UnixMillis(at));
    let ModelReply::Order(verdict) = reply else { panic!("{reply:?}") };
    let events = entry.map_or(Vec::new(), |entry| entry.events);
    (verdict, events.iter().map(ToString::to_string).collect())
}

fn confirm(n: u8, part: OrderPart) -> ModelCommand {
    ModelCommand::Confirm(id(n), part, Payment::default())
}

fn cancel(n: u8, part: OrderPart) -> ModelCommand {
    ModelCommand::Cancel(id(n), Cancellation::default(), part)
}

/// What an order has, as text.
fn claims(verdict: &Verdict) -> String {
    let Verdict::Granted { order, .. } = verdict else { panic!("{verdict:?}") };
    crate::seats::order_lines::text_of_claims(&order.seats.as_ref().unwrap().claims)
}

fn refusal(verdict: &Verdict) -> Refusal {
    let Verdict::Refused(refusal) = verdict else { panic!("{verdict:?}") };
    *refusal
}

/// Free seats of the first class on all legs of a journey.
fn free(sale: &Sale, from: usize, to: usize) -> u32 {
    let planes = sale.seats.as_ref().unwrap().book.planes(0).unwrap();
    planes.count_free(crate::seats::Journey::new(from, to).unwrap())
}

const HOLDS: Terms = Terms {
    opens_at: UnixMillis(0),
    closes_at: UnixMillis(0),
    hold_ms: 100,
    buyer_limit: 0,
    order_limit: 10,
};

#[test]
fn the_pair_of_first_and_last_stop_is_whole_again_after_both_of_its_legs_are_given_back() {
    // A counter for each pair of stops leaks here: both orders take A-C away, and a guarded
    // give-back returns it once or never.
    let one = r#"{"format":1,"stops":["A","B","C"],"classes":[
        {"id":"one","coaches":[{"ids":"1","rows":"1","letters":"A"}]}]}"#;
    let mut sale = sale_by_plan(one, Terms::default());
    assert_eq!(claims(&reserve(&mut sale, 1, "0.0-1.1a", 1_001)), "0.0-1.1=0");
    assert_eq!(claims(&reserve(&mut sale, 2, "0.1-2.1a", 1_002)), "0.1-2.1=0");
    assert_eq!((free(&sale, 0, 1), free(&sale, 1, 2), free(&sale, 0, 2)), (0, 0, 0));
    for n in [1, 2] {
        change(&mut sale, &cancel(n, OrderPart::Whole), 1_003);
    }
    assert_eq!((free(&sale, 0, 1), free(&sale, 1, 2), free(&sale, 0, 2)), (1, 1, 1));
    assert_eq!(claims(&reserve(&mut sale, 3, "0.0-2.1a", 1_004)), "0.0-2.1=0");
}

#[test]
fn a_late_payment_gets_the_same_seats_or_none() {
    // Seat 1 is on the way of another order; whether seat 0 was taken meanwhile decides.
    for (other, is_paid) in [("0.0-1.1r=1", true), ("0.1-3.1r=0", false)] {
        let mut sale = sale_by_plan(SHORT_TRAIN, HOLDS);
        let had = claims(&reserve(&mut sale, 1, "0.0-2.1a", 1_000));
        assert_eq!(had, "0.0-2.1=0");
        assert!(matches!(reserve(&mut sale, 2, other, 1_200), Verdict::Granted { .. }));
        let (verdict, events) = change(&mut sale, &confirm(1, OrderPart::Whole), 1_210);
        if is_paid {
            assert_eq!(claims(&verdict), had);
            assert_eq!(events, [format!("t {} 1 {had}", id(1))]);
            continue;
        }
        assert_eq!(refusal(&verdict), Refusal::HoldExpired, "four seats are free, but not this");
        assert_eq!(events, [format!("l {}", id(1))]);
        change(&mut sale, &cancel(2, OrderPart::Whole), 1_220);
        let again = change(&mut sale, &confirm(1, OrderPart::Whole), 1_230).0;
        assert_eq!(refusal(&again), Refusal::HoldExpired, "the shop may have refunded already");
    }
}

/// A sale that gives other seats, with an order whose hold has ended and that lacks one seat of
/// two in a row.
fn moved_sale() -> Sale {
    let mut sale = sale_by_plan(SHORT_TRAIN, HOLDS);
    let late_seats = Some(LateSeats::Other);
    let terms = ModelCommand::Terms(TermsChange { late_seats, ..TermsChange::default() });
    assert_eq!(sale.apply(&terms, UnixMillis(999)).0, ModelReply::Sale(SaleChange::Done));
    let had = claims(&reserve(&mut sale, 1, "0.0-2.2r,1.1-3.2a", 1_000));
    assert_eq!(had, "0.0-2.2=0+1,1.1-3.2");
    assert_eq!(claims(&reserve(&mut sale, 2, "0.0-1.1a=0", 1_200)), "0.0-1.1=0");
    sale
}

#[test]
fn a_late_payment_gets_other_seats_for_the_same_lines_where_the_sale_gives_them() {
    let sale = moved_sale();
    let moved = "0.0-2.2=1+2,1.1-3.2";
    let paid = |part: OrderPart| change(&mut sale.clone(), &confirm(1, part), 1_210);
    let (verdict, events) = paid(OrderPart::Whole);
    assert_eq!(claims(&verdict), moved);
    assert_eq!(events, [format!("t {} 4 {moved}", id(1))]);
    let (verdict, _) = paid(OrderPart::Lines(vec![0]));
    assert_eq!(claims(&verdict), "0.0-2.2=1+2,1.1-3.0");
    let named = paid(OrderPart::Seats(vec![(0, 0), (0, 1)])).0;
    assert_eq!(refusal(&named), Refusal::HoldExpired, "these and no others");

    // All or nothing: of the class one row of two is left, and then none.
    let mut full = sale.clone();
    reserve(&mut full, 3, "0.1-2.1a=2", 1_205);
    let (verdict, events) = change(&mut full, &confirm(1, OrderPart::Whole), 1_210);
    assert_eq!(refusal(&verdict), Refusal::HoldExpired);
    assert_eq!(events, [format!("l {}", id(1))]);
    // A repeat finds the order as it became, however it is named.
    let mut sale = sale;
    for (part, is_new) in [
        (OrderPart::Whole, true),
        (OrderPart::Whole, false),
        (OrderPart::Tickets(4), false),
        (OrderPart::Lines(vec![0, 1]), false),
    ] {
        let (verdict, events) = change(&mut sale, &confirm(1, part), 1_210);
        assert_eq!((claims(&verdict).as_str(), events.len()), (moved, usize::from(is_new)));
    }
}

#[test]
fn what_was_paid_late_with_other_seats_comes_back_with_these_whatever_is_left_of_the_order() {
    let mut paid = moved_sale();
    let held = paid.orders[&id(1)].clone();
    change(&mut paid, &confirm(1, OrderPart::Whole), 1_210);
    let paid = paid.orders[&id(1)].clone();
    assert_eq!((held.state, paid.state), (OrderState::Expired, OrderState::Confirmed));
    let restore = |sale: &mut Sale, order: &Order, at: u64| {
        let command = ModelCommand::Restore(vec![(id(1), order.clone())], Pass::First);
        let (reply, entry) = sale.apply(&command, UnixMillis(at));
        let events = entry.map_or(Vec::new(), |entry| entry.events);
        (reply, events.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let retaken = format!("t {} 4 0.0-2.2=1+2,1.1-3.2", id(1));
    // The ledger lost the payment, or the end of the hold, too.
    for lost_the_end in [false, true] {
        let mut sale = sale_by_plan(SHORT_TRAIN, HOLDS);
        reserve(&mut sale, 1, "0.0-2.2r,1.1-3.2a", 1_000);
        let mut expected = vec![retaken.clone()];
        if lost_the_end {
            expected.insert(0, format!("e {}", id(1)));
        } else {
            sale.apply(&ModelCommand::Sweep, UnixMillis(1_200));
        }
        let (reply, events) = restore(&mut sale, &paid, 1_210);
        assert_eq!(reply, ModelReply::Restored(vec![Restored::Done]));
        assert_eq!(events, expected);
        assert_eq!(sale.orders[&id(1)].seats, paid.seats);
        // What another node acknowledged before changes nothing any more.
        let (reply, events) = restore(&mut sale, &held, 1_220);
        assert_eq!((reply, events.len()), (ModelReply::Restored(vec![Restored::Present]), 0));
    }
    // More than the order had is another one.
    let mut sale = sale_by_plan(SHORT_TRAIN, HOLDS);
    reserve(&mut sale, 1, "0.0-2.2r,1.1-3.2a", 1_000);
    change(&mut sale, &cancel(1, OrderPart::Seats(vec![(0, 0)])), 1_001);
    let (reply, events) = restore(&mut sale, &paid, 1_210);
    assert_eq!((reply, events.len()), (ModelReply::Restored(vec![Restored::Conflict]), 0));
}

#[test]
fn a_part_is_confirmed_or_given_back_and_the_order_keeps_the_rest() {
    let mut sale = sale_by_plan(SHORT_TRAIN, HOLDS);
    let lines = "0.0-3.3r,1.1-2.2a";
    assert_eq!(claims(&reserve(&mut sale, 1, lines, 1_000)), "0.0-3.3=0+1+2,1.1-2.2");
    let version = sale.version;
    let seat = |seat| OrderPart::Seats(vec![(0, seat)]);
    let (verdict, events) = change(&mut sale, &cancel(1, seat(1)), 1_001);
    assert_eq!(claims(&verdict), "0.0-3.2=0+2,1.1-2.2");
    assert_eq!(events, [format!("k {} 4 0.0-3.2=0+2,1.1-2.2", id(1))]);
    assert_eq!((sale.held, sale.version), (8, version + 1));
    let repeat = change(&mut sale, &cancel(1, seat(1)), 1_002).0;
    assert_eq!(refusal(&repeat), Refusal::NotItsSeats);
    let (verdict, events) = change(&mut sale, &confirm(1, OrderPart::Lines(vec![0])), 1_003);
    assert_eq!(claims(&verdict), "0.0-3.2=0+2,1.1-2.0");
    assert_eq!(events, [format!("c {} 2 0.0-3.2=0+2,1.1-2.0", id(1))]);
    assert_eq!((sale.held, sale.confirmed, sale.version), (0, 6, version + 2));
    let again = change(&mut sale, &confirm(1, OrderPart::Lines(vec![0])), 1_004);
    assert!(
        matches!(again, (Verdict::Granted { replayed: true, .. }, events) if events.is_empty())
    );
    for (part, refused) in [
        (seat(0), Refusal::NotItsSeats),
        (OrderPart::Lines(vec![1]), Refusal::NotItsSeats),
        (OrderPart::Tickets(1), Refusal::QuantityHeld { has: 2, asked: 1 }),
        (OrderPart::Tickets(3), Refusal::QuantityHeld { has: 2, asked: 3 }),
    ] {
        assert_eq!(refusal(&change(&mut sale, &confirm(1, part), 1_005).0), refused);
    }
    let part = change(&mut sale, &cancel(1, OrderPart::Tickets(1)), 1_006).0;
    assert_eq!(refusal(&part), Refusal::NeedsLines);
    let (verdict, events) = change(&mut sale, &cancel(1, OrderPart::Lines(vec![0])), 1_007);
    assert!(
        matches!(verdict, Verdict::Granted { order, .. } if order.state == OrderState::Cancelled)
    );
    assert_eq!(events, [format!("x {}", id(1))], "all that was left");
    assert_eq!((sale.free(), sale.buyers.len()), (sale.capacity, 0));
    let unknown = change(&mut sale, &cancel(9, seat(0)), 1_008).0;
    assert_eq!(refusal(&unknown), Refusal::UnknownOrder, "a part makes no tombstone");
    reserve(&mut sale, 2, "0.0-3.1a", 1_010);
    let late = change(&mut sale, &cancel(2, seat(0)), 1_500).0;
    assert_eq!(refusal(&late), Refusal::WrongState(OrderState::Expired));
}

#[test]
fn an_order_that_finds_nothing_says_which_line_why_and_whether_some_is_only_held() {
    let mut sale = sale_by_plan(SHORT_TRAIN, HOLDS);
    let no_seats = |verdict: &Verdict| match verdict {
        Verdict::NoSeats { refused, some_held } => {
            (refused.line, refused.refusal.clone(), *some_held)
        }
        other => panic!("{other:?}"),
    };
    reserve(&mut sale, 1, "1.0-1.3a", 1_000);
    let sold_out = |free| SeatRefusal::SoldOut { free };
    // The quota over both has 4 places left on the first leg; what stands there is held.
    let five = reserve(&mut sale, 2, "1.1-2.1a,0.0-1.5a", 1_001);
    assert_eq!(no_seats(&five), (1, sold_out(4), true));
    let elsewhere = reserve(&mut sale, 3, "0.1-3.6a", 1_001);
    assert_eq!(no_seats(&elsewhere), (0, sold_out(5), false));
    let apart = reserve(&mut sale, 4, "0.0-1.4r", 1_001);
    assert_eq!(no_seats(&apart), (0, SeatRefusal::NotTogether, false));
    change(&mut sale, &confirm(1, OrderPart::Whole), 1_002);
    let sold = reserve(&mut sale, 5, "0.0-1.5a", 1_003);
    assert_eq!(no_seats(&sold), (0, sold_out(4), false));
    assert!(sale.orders.len() == 1 && sale.held == 0);
}

#[test]
fn a_sale_with_a_plan_needs_lines_and_one_without_has_none() {
    let mut by_plan = sale_by_plan(SHORT_TRAIN, Terms::default());
    let plain = |n| Reserve { lines: None, ..request(n, "0.0-1.1a") };
    let ask = |sale: &mut Sale, request: Reserve| match sale
        .apply(&ModelCommand::Reserve(vec![request]), UnixMillis(1_001))
        .0
    {
        ModelReply::Orders(verdicts) => verdicts[0].clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refusal(&ask(&mut by_plan, plain(1))), Refusal::NeedsLines);
    assert_eq!(refusal(&ask(&mut by_plan, request(1, "2.0-1.1a"))), Refusal::NeedsLines);
    let first = ask(&mut by_plan, request(1, "0.0-1.1a"));
    assert!(matches!(first, Verdict::Granted { replayed: false, .. }));
    assert_eq!(refusal(&ask(&mut by_plan, plain(1))), Refusal::KeyReused);
    assert_eq!(refusal(&ask(&mut by_plan, request(1, "0.0-1.1r"))), Refusal::KeyReused);
    let again = ask(&mut by_plan, request(1, "0.0-1.1a"));
    assert!(matches!(again, Verdict::Granted { replayed: true, .. }));
    let restock = ModelCommand::Restock(Capacity::new(100).unwrap(), None);
    let (answer, entry) = by_plan.apply(&restock, UnixMillis(1_002));
    assert_eq!((answer, entry), (ModelReply::Sale(SaleChange::HasPlan), None));
    let mut counted = sale(9, Terms::default());
    assert_eq!(refusal(&ask(&mut counted, request(1, "0.0-1.1a"))), Refusal::NoPlan);
}

#[test]
fn what_is_left_of_a_hold_comes_back_before_the_whole_hold_takes_the_place_of_others() {
    let mut sale = sale_by_plan(SHORT_TRAIN, HOLDS);
    let behind = sale.clone();
    let order = |verdict: Verdict| match verdict {
        Verdict::Granted { order, .. } => order,
        other => panic!("{other:?}"),
    };
    let whole = order(reserve(&mut sale, 1, "0.0-3.3r", 1_001));
    let part = cancel(1, OrderPart::Seats(vec![(0, 2)]));
    let left = order(change(&mut sale, &part, 1_002).0);
    let other = order(reserve(&mut sale, 2, "0.0-3.1a=2", 1_003));
    // Three nodes, each of which acknowledged one of these, in the worst sequence.
    let mut acked = vec![(id(1), whole), (id(2), other), (id(1), left)];
    let mut restored = behind;
    for pass in [Pass::First, Pass::Second, Pass::Last] {
        acked.retain(|one| {
            let command = ModelCommand::Restore(vec![one.clone()], pass);
            match restored.apply(&command, UnixMillis(1_010)).0 {
                ModelReply::Restored(became) => !became[0].is_settled(),
                other => panic!("{other:?}"),
            }
        });
    }
    assert_eq!((acked, restored.orders), (vec![], sale.orders));
}

/// Lines of an order for the short train.
fn lines() -> impl Strategy<Value = String> {
    let journey =
        prop_oneof![Just("0-1"), Just("1-2"), Just("2-3"), Just("0-2"), Just("1-3"), Just("0-3")];
    let seats = prop_oneof![
        3 => (1..4u8, prop_oneof![Just('r'), Just('c'), Just('a')])
            .prop_map(|(quantity, together)| format!("{quantity}{together}")),
        1 => (0..5u8).prop_map(|seat| format!("1a={seat}")),
        1 => (0..4u8).prop_map(|seat| format!("2r={seat}+{}?", seat + 1)),
    ];
    let stand = (1..3u8).prop_map(|quantity| format!("{quantity}a"));
    let line = prop_oneof![
        3 => (journey.clone(), seats).prop_map(|(way, what)| format!("0.{way}.{what}")),
        1 => (journey, stand).prop_map(|(way, what)| format!("1.{way}.{what}")),
    ];
    proptest::collection::vec(line, 1..3).prop_map(|lines| lines.join(","))
}

fn part() -> impl Strategy<Value = OrderPart> {
    prop_oneof![
        3 => Just(OrderPart::Whole),
        1 => (1..4u32).prop_map(OrderPart::Tickets),
        2 => (0..2usize).prop_map(|line| OrderPart::Lines(vec![line])),
        3 => (0..5u32).prop_map(|seat| OrderPart::Seats(vec![(0, seat)])),
    ]
}

/// A command about one of 14 orders.
fn command() -> impl Strategy<Value = ModelCommand> {
    let order = 0..14u8;
    prop_oneof![
        5 => (order.clone(), lines())
            .prop_map(|(n, lines)| ModelCommand::Reserve(vec![request(n, &lines)])),
        3 => (order.clone(), part()).prop_map(|(n, part)| confirm(n, part)),
        3 => (order.clone(), part()).prop_map(|(n, part)| cancel(n, part)),
        1 => order.prop_map(|n| ModelCommand::Extend(id(n))),
    ]
}

/// Which order has each seat and leg; `Err` names what two have.
fn owners(orders: &OrderBook) -> Result<BTreeMap<(usize, u32, usize), OrderId>, String> {
    let mut owners = BTreeMap::new();
    for (id, order) in orders.whole().filter(|(_, order)| order.state.takes()) {
        for claim in &order.seats.as_ref().ok_or("an order without lines")?.claims {
            for (seat, leg) in claim
                .seats
                .iter()
                .flat_map(|seat| claim.journey.legs().map(move |leg| (*seat, leg)))
            {
                if let Some(other) = owners.insert((claim.class, seat, leg), id.clone()) {
                    return Err(format!("{id} and {other} have seat {seat} on leg {leg}"));
                }
            }
        }
    }
    Ok(owners)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn in_every_prefix_of_the_log_each_seat_and_leg_has_at_most_one_order(
        steps in proptest::collection::vec((command(), 0..60u64), 1..80),
        hold in prop_oneof![Just(0u64), 50..400u64],
        buyer_limit in prop_oneof![Just(0u32), 3..9u32],
    ) {
        let terms = Terms { hold_ms: hold, buyer_limit, ..Terms::default() };
        let mut now = UnixMillis(1_000);
        let (mut sale, first) = Sale::create_by_plan(plan(SHORT_TRAIN), terms, true, now);
        let mut logged = OrderBook::default();
        let mut log = vec![first];
        for (command, pause) in steps {
            now = now.plus(pause);
            log.extend(sale.apply(&command, now).1);
        }
        for (at, entry) in log.iter().enumerate() {
            let text = entry.to_text();
            prop_assert_eq!(Entry::parse(at as u64 + 1, &text), Some(entry.clone()), "{}", text);
            logged.apply(entry);
            prop_assert!(owners(&logged).is_ok(), "{:?} after {}", owners(&logged), text);
        }
        let orders: BTreeMap<OrderId, Order> =
            logged.whole().map(|(id, order)| (id.clone(), order.clone())).collect();
        prop_assert_eq!(&orders, &sale.orders);
        for (id, order) in &orders {
            prop_assert_eq!(Order::unpack(id, &order.pack()), Ok(order.clone()));
        }
    }

    #[test]
    fn whatever_tail_is_lost_orders_of_a_plan_are_restored_with_their_seats(
        steps in proptest::collection::vec((command(), 0..NODES, 0..60u64), 1..100),
        hold in prop_oneof![Just(0u64), 50..400u64],
        kept in 0.0..1.0f64,
        first in 0..NODES,
    ) {
        let sale = sale_by_plan(SHORT_TRAIN, Terms { hold_ms: hold, ..Terms::default() });
        History { sale, steps, kept, first }.all_comes_back()?;
    }
}
