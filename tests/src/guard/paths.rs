//! The hot paths: what runs for each arrival at the edge and for each order at a node, on inputs as
//! they are in a rush.

use super::origin;
use shared::admission::gate::{GateDecision, Observation};
use shared::admission::grant::Supply;
use shared::auth::edge_signature::{self, Signed, Version};
use shared::domain::order::KeySource;
use shared::upstream::balancer::{AttemptOutcome, Balance, OriginRow, RouteKey, Router, Tried};
use shared::{Arrival, Gates, Grant, KeyRing, NodeBudget, OrderId, Refusal, SaleId, UnixMillis};
use std::hint::black_box;

/// A path, ready to be run any number of times.
pub(super) type Ready = Box<dyn FnMut()>;

/// One path.
pub(super) struct Path {
    /// Its name in `tests/instructions.toml`.
    pub(super) name: &'static str,
    /// Makes what it works on, which is not counted.
    pub(super) prepare: fn() -> Ready,
}

/// How often a path runs while callgrind counts.
pub(super) const TIMES: u32 = 200;
/// The function within which it counts.
pub(super) const MEASURED: &str = "*::guard::paths::measured";

const fn path(name: &'static str, prepare: fn() -> Ready) -> Path {
    Path { name, prepare }
}

/// Every path that is guarded.
pub(super) const PATHS: &[Path] = &[
    path("gate: forward", || gate(Supply::Free, u32::MAX, GateDecision::Forward)),
    path("gate: refuse, latched", || {
        gate(Supply::SoldOut, 0, GateDecision::Refuse(Refusal::SoldOut))
    }),
    path("gate: refuse, no budget", || {
        gate(Supply::Free, 0, GateDecision::Refuse(Refusal::Busy(250)))
    }),
    path("route: round robin of 4", || route(Balance::RoundRobin)),
    path("route: ip-hash of 4", || route(Balance::IpHash)),
    path("grant: write", grant_write),
    path("grant: parse", grant_parse),
    path("signature: sign", sign),
    path("signature: verify", verify),
    path("order id: make", order_id),
    path("stock: take", node_budget),
    path("node: refuse from memory", origin::refuse),
    path("node: grant for an edge", origin::grant),
    path("node: read an order", origin::order),
    path("node: answer sold out", origin::sold_out),
    path("node: answer granted", origin::granted),
    path("node: write a batch of 256", origin::batch_write),
    path("node: read a reply to 256", origin::batch_read),
    path("node: note 256 that are granted", origin::batch_note),
];

/// Runs each path: once, so that what is made at the first use is there, and then for callgrind to
/// count.
pub fn perform() {
    for path in PATHS {
        let mut operation = (path.prepare)();
        operation();
        measured(&mut *operation);
    }
}

#[inline(never)]
fn measured(operation: &mut dyn FnMut()) {
    for _ in 0..TIMES {
        operation();
    }
}

pub(super) const NOW: UnixMillis = UnixMillis(1_795_575_600_000);

pub(super) fn sale() -> SaleId {
    SaleId::parse("demo").expect("a sale id")
}

/// One arrival at a gate whose last grant said `supply` and may forward `budget` requests.
fn gate(supply: Supply, budget: u32, wanted: GateDecision) -> Ready {
    let (mut gates, sale) = (Gates::default(), sale());
    let when = Observation { asked: NOW, now: NOW, chance: 0.0 };
    let grant = a_grant(supply, budget);
    gates.observe(&sale, &grant, when);
    // It has waited for the next window as long as any does.
    let ask = Arrival { key: KeySource::Made, waits: u32::MAX };
    Box::new(move || {
        let decision = gates.of(black_box(&sale)).decide(black_box(ask), NOW, 0.0);
        assert_eq!(decision, wanted);
    })
}

fn a_grant(supply: Supply, budget: u32) -> Grant {
    Grant { version: 12, at: NOW, window_ms: 250, budget, supply, opens_at: UnixMillis(0) }
}

/// One pick and the report of its outcome, over weights 1:2:3:4.
fn route(balance: Balance) -> Ready {
    let row = |n: u32| OriginRow::new(format!("http://127.0.0.1:{}", 3_000 + n), n);
    let rows = (1..=4).map(row).collect();
    let mut router = Router::new(rows, balance, None).expect("a table of origins");
    let sender = RouteKey { ip: "203.0.113.7".parse().ok(), ..RouteKey::default() };
    Box::new(move || {
        let picked = router.pick(black_box(&sender), Tried::default(), NOW);
        router.report(picked.expect("an origin"), AttemptOutcome::Answered, NOW);
    })
}

fn grant_write() -> Ready {
    let grant = a_grant(Supply::Free, 1_100);
    Box::new(move || drop(black_box(black_box(&grant).to_header())))
}

fn grant_parse() -> Ready {
    let header = a_grant(Supply::Free, 1_100).to_header();
    Box::new(move || assert!(Grant::parse(black_box(&header)).is_some()))
}

const KEY: &str = "0123456789abcdef0123456789abcdef";
const SIGNED: Signed<'_> = Signed {
    method: "POST",
    path: "/v1/sales/demo/orders",
    order: "01a206a1-4986-71b9-82fc-1638e7e87c78",
    client: "203.0.113.7",
    edge: "0a1b2c3d4e5f",
    key_source: "made",
    buyer_token: "",
    ..Signed::NOTHING
};

fn sign() -> Ready {
    let keys = KeyRing::parse(KEY).expect("a key");
    Box::new(move || drop(black_box(edge_signature::sign(&keys, black_box(&SIGNED), NOW))))
}

fn verify() -> Ready {
    let keys = KeyRing::parse(KEY).expect("a key");
    let signature = edge_signature::sign(&keys, &SIGNED, NOW);
    Box::new(move || {
        let verified = edge_signature::verify(&keys, Some(black_box(&signature)), &SIGNED, NOW);
        assert_eq!(verified, Ok(Version::Two));
    })
}

fn order_id() -> Ready {
    Box::new(|| drop(black_box(OrderId::new_v7(black_box(NOW), [7; 10]))))
}

fn node_budget() -> Ready {
    let mut budget = NodeBudget::of(1_000_000, 1, 10);
    Box::new(move || assert!(black_box(&mut budget).take(1)))
}
