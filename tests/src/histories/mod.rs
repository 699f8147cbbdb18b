//! Random histories: all commands, several buyers, time that moves, replays.

pub mod world;

use crate::harness::PrivateRedis;
use fastrand::Rng;
use lastseat_ledger::{Ledger, TermsChange};
use shared::ledger_model::ModelCommand;
use shared::{
    BuyerId, Cancellation, Capacity, IfState, Order, OrderId, OrderState, Pass, PayUrl, Quantity,
    Reserve, SaleState, Terms, UnixMillis,
};
use world::HistoryWorld;

/// Commands in one history.
pub const COMMANDS: u32 = 200;
/// Histories that run at the same time, each on a sale of its own.
const AT_ONCE: usize = 8;

/// Runs histories with seeds from `first` on; the first difference found, with its seed.
pub async fn run(
    redis: &PrivateRedis,
    ledger: &Ledger,
    first: u64,
    count: u64,
) -> Option<(u64, String)> {
    let mut lanes = Vec::new();
    for lane in 0..AT_ONCE as u64 {
        lanes.push(async move {
            for seed in (first..first + count).skip(lane as usize).step_by(AT_ONCE) {
                if let Err(difference) = one(redis, ledger, seed).await {
                    return Some((seed, difference));
                }
            }
            None
        });
    }
    futures_util::future::join_all(lanes).await.into_iter().flatten().next()
}

/// One history.
pub async fn one(redis: &PrivateRedis, ledger: &Ledger, seed: u64) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let start = UnixMillis(1_700_000_000_000);
    let terms = Terms {
        opens_at: perhaps(&mut rng, start, 1..3_000),
        closes_at: perhaps(&mut rng, start, 3_000..90_000),
        hold_ms: if some(&mut rng, 0.2) { 0 } else { rng.u64(1..4_000) },
        buyer_limit: if some(&mut rng, 0.5) { 0 } else { rng.u32(1..6) },
        order_limit: rng.u32(1..5),
    };
    let capacity = capacity(&mut rng);
    let open = terms.opens_at.0 == 0 && some(&mut rng, 0.9);
    let name = format!("history-{seed}-{:x}", fastrand::u64(..));
    let mut world = HistoryWorld::new(redis, ledger, &name, capacity, terms, open).await?;
    let mut history = History { rng, next_order: 0 };
    for step in 0..COMMANDS {
        let pause = history.pause();
        if pause > 0 {
            world.pass(pause).await?;
        }
        let command = history.command(&world);
        world.apply(&command).await.map_err(|difference| format!("step {step}: {difference}"))?;
    }
    world.compare_at_rest().await
}

fn some(rng: &mut Rng, chance: f64) -> bool {
    rng.f64() < chance
}

fn perhaps(rng: &mut Rng, start: UnixMillis, range: std::ops::Range<u64>) -> UnixMillis {
    if some(rng, 0.2) { start.plus(rng.u64(range)) } else { UnixMillis(0) }
}

fn capacity(rng: &mut Rng) -> Capacity {
    Capacity::new(rng.u64(0..40)).expect("small")
}

struct History {
    rng: Rng,
    next_order: u32,
}

impl History {
    fn pause(&mut self) -> u64 {
        match self.rng.u32(0..10) {
            0..=4 => 0,
            5..=8 => self.rng.u64(1..300),
            _ => self.rng.u64(300..3_000),
        }
    }

    fn command(&mut self, world: &HistoryWorld) -> ModelCommand {
        match self.rng.u32(0..100) {
            0..=44 => {
                let size = if self.rng.u32(0..5) == 0 { 12 } else { 2 };
                let size = self.rng.u32(1..=size);
                ModelCommand::Reserve((0..size).map(|_| self.reserve(world)).collect())
            }
            45..=59 => {
                let part = self.rng.u32(0..3) == 0;
                let quantity = part.then(|| Quantity::new(self.rng.u64(1..5)).expect("small"));
                ModelCommand::Confirm(self.order(world), quantity)
            }
            60..=72 => ModelCommand::Cancel(self.order(world), self.cancellation()),
            73..=80 => ModelCommand::Extend(self.order(world)),
            81..=84 => ModelCommand::Sweep,
            85..=90 => {
                let seen = (self.rng.u32(0..3) == 0).then(|| capacity(&mut self.rng));
                ModelCommand::Restock(capacity(&mut self.rng), seen)
            }
            91..=93 => {
                let orders = (0..self.rng.u32(1..6)).map(|_| self.told(world));
                let orders = orders.collect();
                let passes = [Pass::First, Pass::Second, Pass::Last];
                ModelCommand::Restore(orders, passes[self.rng.usize(0..3)])
            }
            94..=96 => ModelCommand::State(match self.rng.u32(0..40) {
                0 => SaleState::Closed,
                1..=14 => SaleState::Paused,
                _ => SaleState::Open,
            }),
            _ => self.terms(world),
        }
    }

    /// An order as some node may have acknowledged it.
    fn told(&mut self, world: &HistoryWorld) -> (OrderId, Order) {
        let orders = &world.model().orders;
        let known = orders.iter().nth(self.rng.usize(0..2 * orders.len() + 1));
        let (id, mut order) = known.map_or_else(
            || {
                self.next_order += 1;
                let asked = self.rng.u32(1..5);
                let order = Order {
                    buyer: buyer(&mut self.rng),
                    state: OrderState::Held,
                    asked,
                    taken: asked,
                    created_at: world.now(),
                    deadline: world.now(),
                    refused_late: false,
                };
                (id(self.next_order), order)
            },
            |(id, order)| (id.clone(), order.clone()),
        );
        if order.is_tombstone() {
            return (id, order);
        }
        let states =
            [OrderState::Held, OrderState::Confirmed, OrderState::Cancelled, OrderState::Expired];
        order.state = states[self.rng.usize(0..states.len())];
        order.refused_late = order.state == OrderState::Expired && self.rng.u32(0..4) > 0;
        match self.rng.u32(0..12) {
            0 => order.buyer = buyer(&mut self.rng),
            1 => order.asked += 1,
            2..=4 => order.taken = self.rng.u32(1..=order.asked),
            5..=9 => {
                let far = order.deadline.0.max(world.now().0) + self.rng.u64(0..6_000);
                order.deadline = UnixMillis(far.saturating_sub(2_000));
            }
            _ => {}
        }
        (id, order)
    }

    fn cancellation(&mut self) -> Cancellation {
        let if_state = match self.rng.u32(0..6) {
            0 => Some(IfState::Held),
            1 => Some(IfState::Confirmed),
            _ => None,
        };
        Cancellation { by_buyer: self.rng.bool(), if_state }
    }

    /// An order that holds tickets, most often, one that was granted, or one that was refused or
    /// never asked for.
    fn order(&mut self, world: &HistoryWorld) -> OrderId {
        let taking = self.rng.bool();
        let orders = world.model().orders.iter();
        let granted: Vec<&OrderId> =
            orders.filter(|(_, order)| !taking || order.state.takes()).map(|(id, _)| id).collect();
        match granted.get(self.rng.usize(0..granted.len() + 1 + granted.len() / 2)) {
            Some(id) => (*id).clone(),
            None => self.any_order(),
        }
    }

    fn any_order(&mut self) -> OrderId {
        id(self.rng.u32(0..self.next_order.max(1) + 1))
    }

    fn reserve(&mut self, world: &HistoryWorld) -> Reserve {
        let again = self.rng.u32(0..4) == 0;
        if again && let Some(old) = self.granted(world) {
            return old;
        }
        self.next_order += 1;
        Reserve {
            id: if again { self.any_order() } else { id(self.next_order) },
            buyer: buyer(&mut self.rng),
            quantity: Quantity::new(self.rng.u64(1..5)).expect("small"),
        }
    }

    /// A repeat of an order that was granted.
    fn granted(&mut self, world: &HistoryWorld) -> Option<Reserve> {
        let orders = &world.model().orders;
        let (id, order) = orders.iter().nth(self.rng.usize(0..orders.len().max(1)))?;
        if order.is_tombstone() {
            return None;
        }
        Some(Reserve {
            id: id.clone(),
            buyer: order.buyer.clone(),
            quantity: Quantity::new(u64::from(order.asked)).expect("as granted"),
        })
    }

    fn terms(&mut self, world: &HistoryWorld) -> ModelCommand {
        let mut change = TermsChange::default();
        match self.rng.u32(0..7) {
            5 => change.buyers_cancel = Some(self.rng.bool()),
            6 => {
                let text = ["", "https://shop.example/{order_id}", "https://a.example/{order_id}"];
                let text = text[self.rng.usize(0..text.len())];
                change.pay_url = Some(PayUrl::parse(text).expect("a template"));
            }
            0 => change.hold_ms = Some(self.rng.u64(0..4_000)),
            1 => change.buyer_limit = Some(self.rng.u32(0..6)),
            2 => change.order_limit = Some(self.rng.u32(1..5)),
            3 => change.opens_at = Some(world.now().plus(self.rng.u64(0..2_000))),
            _ => change.closes_at = Some(world.now().plus(self.rng.u64(0..90_000))),
        }
        ModelCommand::Terms(change)
    }
}

fn buyer(rng: &mut Rng) -> BuyerId {
    BuyerId::parse(&format!("buyer:{}", rng.u32(0..6))).expect("a buyer")
}

fn id(n: u32) -> OrderId {
    OrderId::parse(&format!("order-{n:014}")).expect("an order id")
}
