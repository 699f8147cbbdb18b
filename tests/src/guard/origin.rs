//! The hot paths of a node.

use super::paths::{NOW, Ready, sale};
use crate::harness::paths::scratch;
use lastseat_ledger::ack_journal::AckJournal;
use lastseat_ledger::scripts::SCRIPTS;
use lastseat_ledger::{NoObserver, Reserve, Verdict, reserve_batch};
use lastseat_node::http::response::{self, OrderNames};
use redis::Value;
use shared::admission::sale_hint::NodeLoad;
use shared::domain::order::KeySource;
use shared::wire::messages::OrderRequest;
use shared::{
    BuyerId, EdgeId, Order, OrderId, OrderState, Quantity, Refusal, SaleHint, SaleState, Snapshot,
    Terms, UnixMillis,
};
use shared::{Placed, Tier};
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

/// Orders of a batch in a rush.
const BATCH: u64 = 256;

fn snapshot(confirmed: u32) -> Snapshot {
    Snapshot {
        capacity: 10_000,
        held: 0,
        confirmed,
        version: 12,
        commit_seq: 345,
        state: SaleState::Open,
        terms: Terms::default(),
        at: NOW,
    }
}

fn id(number: u64) -> OrderId {
    let mut chance = [0; 10];
    chance[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    OrderId::new_v7(NOW, chance)
}

fn buyer(number: u64) -> BuyerId {
    BuyerId::parse(&format!("buyer-{number:06}")).expect("a buyer's id")
}

/// After the last ticket.
pub(super) fn refuse() -> Ready {
    let mut outlook = SaleHint::new(snapshot(10_000));
    Box::new(move || {
        let received = black_box(&mut outlook).receive(KeySource::Made, false, NOW, 0.5);
        assert_eq!(received.refusal, Some(Refusal::SoldOut));
    })
}

pub(super) fn grant() -> Ready {
    let mut outlook = SaleHint::new(snapshot(5_000));
    let edge = EdgeId::parse("0a1b2c3d4e5f").expect("an edge's id");
    let load = NodeLoad { waiting: 100, room: 60_000, weight: 4, live_weight: 10 };
    Box::new(move || {
        let _ = black_box(black_box(&mut outlook).grant(&edge, load, NOW, 0.5));
    })
}

/// From the bytes of its body to types that can only be valid.
pub(super) fn order() -> Ready {
    let body = br#"{"buyer":"buyer-000042","quantity":1}"#;
    Box::new(move || {
        let wanted: OrderRequest = serde_json::from_slice(black_box(body)).expect("an order");
        drop(black_box(wanted.parse(BuyerId::of_request).expect("a valid one")));
    })
}

pub(super) fn sold_out() -> Ready {
    answer(Placed { verdict: Verdict::Refused(Refusal::SoldOut), by: Tier::Origin })
}

pub(super) fn granted() -> Ready {
    answer(Placed {
        verdict: Verdict::Granted { order: order_of(buyer(42)), replayed: false },
        by: Tier::Ledger,
    })
}

fn order_of(buyer: BuyerId) -> Order {
    Order {
        buyer,
        state: OrderState::Confirmed,
        asked: 1,
        taken: 1,
        created_at: NOW,
        deadline: UnixMillis(0),
        refused_late: false,
        payment: None,
        seats: None,
    }
}

/// The whole HTTP answer, made and dropped.
fn answer(placed: Placed) -> Ready {
    let (sale, id, outcome) = (sale(), id(42), Ok(placed));
    let names = OrderNames::default();
    Box::new(move || drop(black_box(response::placed(&sale, &id, black_box(&outcome), &names))))
}

fn batch() -> Vec<Reserve> {
    let order = |number| Reserve {
        id: id(number),
        buyer: buyer(number),
        quantity: Quantity::ONE,
        lines: None,
    };
    (0..BATCH).map(order).collect()
}

/// To the bytes that Redis gets.
pub(super) fn batch_write() -> Ready {
    let (sale, batch) = (sale(), batch());
    Box::new(move || {
        let command = reserve_batch::command(&SCRIPTS.reserve.plain, &sale, 345, black_box(&batch));
        drop(black_box(command.get_packed_command()));
    })
}

/// From the bytes of Redis to a verdict for each order.
pub(super) fn batch_read() -> Ready {
    let batch = batch();
    let said = format!("10000 0 5000 12 345 open 0 0 0 0 10 {NOW}");
    let letters = "g".repeat(batch.len());
    let mut reply = "*3\r\n".to_owned();
    for text in [said, letters] {
        let _ = write!(reply, "${}\r\n{text}\r\n", text.len());
    }
    reply.push_str("*0\r\n");
    Box::new(move || {
        let parts = redis::parse_redis_value(black_box(reply.as_bytes())).expect("a reply");
        let Value::Array(parts) = parts else {
            panic!("{parts:?} is no reply of a script");
        };
        let (_, verdicts) =
            reserve_batch::read(&batch, false, &parts).expect("a reply of reserve.lua");
        assert_eq!(verdicts.len(), batch.len());
    })
}

/// Into memory and with one write to a file, which callgrind does not count.
pub(super) fn batch_note() -> Ready {
    let directory = scratch().expect("room");
    let journal = AckJournal::open(directory.path(), Arc::new(NoObserver)).expect("a journal");
    let (sale, batch, said) = (sale(), batch(), snapshot(5_000));
    let orders: Vec<Order> = batch.iter().map(|order| order_of(order.buyer.clone())).collect();
    Box::new(move || {
        let _room = &directory;
        let granted = batch.iter().map(|order| &order.id).zip(black_box(&orders));
        let noted = journal.note(&sale, &said, granted, journal.now());
        noted.expect("nobody reads");
    })
}
