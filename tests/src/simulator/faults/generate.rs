//! Makes a scenario of a seed: small sales, so that the last ticket matters, and trouble of every
//! kind.

use super::super::chance::{happens, one, stream};
use super::super::network::{Disturbance, Link, LinkDirection};
use super::scenario::{
    Act, Breakage, FaultAftermath, FaultPlan, FaultScenario, InjectedFault, Item, What, Whose,
};
use super::train;
use fastrand::Rng;
use shared::UnixMillis;
use shared::domain::sale::{Terms, TermsChange};

/// Buyers of the undisturbed time at the end who come after the last ticket has returned.
const LAST_BUYERS: u32 = 12;
/// Most tickets that operators or buyers bring back in that time.
const RETURNS_MAX: u32 = 5;

/// Which classes of fault a scenario may have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Classes {
    /// The tail of the append-only file may be cut: acknowledged orders are lost then.
    pub tail_cut: bool,
}

/// The scenario of `seed`.
pub fn scenario(seed: u64, classes: Classes) -> FaultScenario {
    let rng = &mut stream(seed, &[0]);
    let quiet_ms = rng.u64(3_000..15_000);
    let holds = happens(rng, 600);
    let terms = Terms {
        opens_at: UnixMillis(if happens(rng, 200) { rng.u64(200..2_500) } else { 0 }),
        closes_at: UnixMillis(0),
        hold_ms: if holds { rng.u64(400..5_000) } else { 0 },
        buyer_limit: if happens(rng, 300) { rng.u32(1..4) } else { 0 },
        order_limit: rng.u32(1..6),
    };
    let mut scenario = FaultScenario {
        seed,
        capacity: if happens(rng, 300) { rng.u32(1..5) } else { rng.u32(5..60) },
        open: terms.opens_at.0 == 0,
        terms,
        weights: (0..rng.usize(2..5)).map(|_| rng.u32(1..5)).collect(),
        edges: rng.usize(1..4),
        far_ms: one(rng, &[1, 5, 20, 150]),
        redis_us: one(&mut stream(seed, &[9]), &[600, 600, 5_000, 25_000]),
        quiet_ms,
        plan: train::plan(seed),
        items: Vec::new(),
    };
    if let Some(plan) = &scenario.plan {
        scenario.capacity = plan.places() as u32;
    }
    let mut items = Items { rng, list: Vec::new() };
    items.buyers(&scenario);
    items.faults(&scenario, classes);
    items.operators(&scenario);
    items.quiet(&scenario);
    scenario.items = items.list;
    train::seat(&mut scenario);
    scenario
}

struct Items<'a> {
    rng: &'a mut Rng,
    list: Vec<Item>,
}

impl Items<'_> {
    fn add(&mut self, at_ms: u64, what: What) {
        let number = self.list.len() as u64 + 1;
        self.list.push(Item { at_ms, number, what });
    }

    /// A crowd at the start, and some who come later.
    fn buyers(&mut self, scenario: &FaultScenario) {
        let crowd = scenario.capacity + self.rng.u32(0..90);
        let rush_ms = one(self.rng, &[50, 300, 2_000]);
        let opens = scenario.terms.opens_at.0;
        for n in 0..crowd {
            let rng = &mut *self.rng;
            let late = happens(rng, 250);
            let at_ms = if late {
                rng.u64(0..scenario.quiet_ms)
            } else {
                (opens + rng.u64(0..rush_ms)).saturating_sub(50)
            };
            let plan = FaultPlan {
                name: if happens(rng, 150) { rng.u32(0..n + 1) } else { n },
                quantity: if happens(rng, 250) { rng.u32(1..7) } else { 1 },
                own_key: happens(rng, 650),
                timeout_ms: one(rng, &[500, 2_000, 8_000, 8_000]),
                patience_ms: rng.u64(500..12_000),
                leaves: happens(rng, 80).then(|| (rng.u64(0..200), rng.u64(50..4_000))),
                then: match rng.u32(0..10) {
                    0..=5 => FaultAftermath::Pay(rng.u64(20..1_500)),
                    6 => FaultAftermath::Cancel(rng.u64(20..1_500)),
                    7 => FaultAftermath::Extend(rng.u64(20..1_500)),
                    8 => FaultAftermath::Pay(rng.u64(1_500..9_000)),
                    _ => FaultAftermath::Forget,
                },
                seats: None,
            };
            self.add(at_ms, What::Buyer(plan));
        }
    }

    fn faults(&mut self, scenario: &FaultScenario, classes: Classes) {
        let count = one(self.rng, &[0, 1, 2, 3, 5, 8, 12]);
        for _ in 0..count {
            let fault = self.fault(scenario, classes);
            let longest = scenario.quiet_ms.saturating_sub(fault.ms).max(1);
            let early = happens(self.rng, 600);
            let at_ms = self.rng.u64(0..if early { longest.min(3_000) } else { longest });
            self.add(at_ms, What::Fault(fault));
        }
    }

    fn fault(&mut self, scenario: &FaultScenario, classes: Classes) -> InjectedFault {
        let rng = &mut *self.rng;
        let node = rng.usize(0..scenario.weights.len());
        let edge = rng.usize(0..scenario.edges);
        let most = scenario.quiet_ms;
        let ms = one(rng, &[30, 200, 900, 2_500, 6_000]).min(most);
        let link = match rng.u32(0..10) {
            0 => Link::Clients(edge),
            1..=5 => Link::EdgeNode(edge, node),
            _ => Link::NodeRedis(node),
        };
        let (what, ms) = match rng.u32(0..if classes.tail_cut { 16 } else { 15 }) {
            0 | 1 => {
                let (inwards, outwards) = (Some(LinkDirection::In), Some(LinkDirection::Out));
                let only = one(rng, &[None, inwards, outwards, outwards]);
                (Breakage::Network(Disturbance::Cut { link, only }), ms)
            }
            2..=4 => {
                let loss = one(rng, &[0, 50, 300]);
                let twice = one(rng, &[0, 100, 500]);
                let late_ms = one(rng, &[0, 100, 1_500]);
                (Breakage::Network(Disturbance::Noise { link, loss, twice, late_ms }), ms)
            }
            5 | 6 => (Breakage::NodeCrash { node }, ms),
            7 => (Breakage::NodeFreeze { node }, ms),
            8 => match one(rng, &[0, 300, 1_200]) {
                0 => (Breakage::NodeFull { node }, ms),
                by_ms => (Breakage::NodeSlow { node, by_ms }, ms),
            },
            9 => (Breakage::Evict { edge }, 0),
            10 => (Breakage::Reset { edge }, 0),
            11 => (Breakage::RedisStall, ms.min(4_000)),
            12 => {
                let loading_ms = one(rng, &[0, 50, 500]).min(most / 4);
                (Breakage::RedisCrash { loading_ms }, ms.min(3_000) + loading_ms)
            }
            13 => (Breakage::ScriptsLost, 0),
            14 => {
                let whose = one(rng, &[Whose::Edge(edge), Whose::Node(node), Whose::Redis]);
                let by_ms = one(rng, &[-60_000, -5_000, -300, 300, 5_000, 60_000]);
                (Breakage::Clock { whose, by_ms }, 0)
            }
            _ => {
                let writes = rng.usize(1..12);
                (Breakage::RedisTailCut { writes }, ms.min(3_000))
            }
        };
        InjectedFault { what, ms }
    }

    fn operators(&mut self, scenario: &FaultScenario) {
        for _ in 0..one(self.rng, &[0, 0, 1, 2, 4]) {
            let rng = &mut *self.rng;
            let at_ms = rng.u64(0..scenario.quiet_ms);
            let act = match rng.u32(0..20) {
                0..=3 => {
                    let open_at = rng.u64(at_ms..scenario.quiet_ms + 1);
                    self.add(open_at, What::Operator(Act::Open));
                    Act::Pause
                }
                4 => Act::Close,
                5..=12 => Act::Restock(rng.i32(-20..20)),
                13..=15 => Act::Open,
                _ => Act::Terms(TermsChange {
                    hold_ms: happens(rng, 500).then(|| one(rng, &[0, 500, 3_000])),
                    buyer_limit: happens(rng, 500).then(|| rng.u32(0..4)),
                    order_limit: happens(rng, 500).then(|| rng.u32(1..6)),
                    ..TermsChange::default()
                }),
            };
            self.add(at_ms, What::Operator(act));
        }
    }

    /// The undisturbed time: more buyers than tickets, a few returns, and then some more buyers.
    fn quiet(&mut self, scenario: &FaultScenario) {
        let start = scenario.settled_ms();
        self.add(start - 500, What::Operator(Act::Open));
        let mut returns = RETURNS_MAX;
        for n in 0..scenario.capacity + 30 {
            let at_ms = start + self.rng.u64(0..4_000);
            let cancels = returns > 0 && happens(self.rng, 100);
            returns -= u32::from(cancels);
            let then = if cancels { FaultAftermath::Cancel(100) } else { FaultAftermath::Pay(30) };
            self.quiet_buyer(at_ms, 1_000 + n, then);
        }
        if happens(self.rng, 400) {
            let more = self.rng.i32(1..RETURNS_MAX as i32);
            self.add(start + 4_500, What::Operator(Act::Restock(more)));
        }
        for n in 0..LAST_BUYERS {
            let at_ms = start + 8_000 + self.rng.u64(0..3_000);
            self.quiet_buyer(at_ms, 2_000 + n, FaultAftermath::Pay(30));
        }
    }

    fn quiet_buyer(&mut self, at_ms: u64, name: u32, then: FaultAftermath) {
        let plan = FaultPlan {
            name,
            quantity: 1,
            own_key: happens(self.rng, 500),
            timeout_ms: 8_000,
            patience_ms: 60_000,
            leaves: None,
            then,
            seats: None,
        };
        self.add(at_ms, What::Buyer(plan));
    }
}
