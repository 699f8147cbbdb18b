//! Random histories: all commands, several buyers, time that moves, replays.

mod by_plan;
pub mod world;

use crate::harness::PrivateRedis;
use by_plan::Seats;
use fastrand::Rng;
use lastseat_ledger::{Ledger, TermsChange};
use shared::domain::sale::{Creation, PageTerms};
use shared::ledger_model::ModelCommand;
use shared::seats::{OrderLines, OrderPart};
use shared::{
    BuyerId, Cancellation, Capacity, EventDetails, IfState, Order, OrderId, OrderMetadata,
    OrderState, Pass, PayUrl, Payment, PaymentReference, Quantity, Reserve, ReturnUrl, SaleState,
    Terms, UnixMillis,
};
use std::sync::Arc;
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
    let open = terms.opens_at.0 == 0 && some(&mut rng, 0.9);
    // Every fourth one is about the search of seats.
    let hard = seed % 4 == 3;
    let plan = (seed % 2 == 1).then(|| by_plan::plan(&mut rng, hard));
    let creation = match &plan {
        Some(plan) => by_plan::creation(&mut rng, plan, terms, (open, hard)),
        None => Creation {
            capacity: capacity(&mut rng),
            terms,
            open,
            page: PageTerms::default(),
            plan: None,
        },
    };
    let name = format!("history-{seed}-{:x}", fastrand::u64(..));
    let mut world = HistoryWorld::new(redis, ledger, &name, &creation).await?;
    let mut history =
        History { rng, next_order: 0, seats: plan.map(|plan| Seats::new(plan, hard)) };
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
    /// What can be asked for in a sale with a plan.
    seats: Option<Seats>,
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
        let hard = self.seats.as_ref().is_some_and(|seats| seats.hard);
        // Seats are taken and given back, and little else happens.
        let most = if hard && self.rng.u32(0..8) > 0 { 73 } else { 100 };
        match self.rng.u32(0..most) {
            0..=44 => {
                let size = if self.rng.u32(0..5) == 0 { 12 } else { 2 };
                let size = self.rng.u32(1..=size);
                let crowd = self.seats.is_some() && self.rng.u32(0..6) == 0;
                let size = if crowd { 30 } else { size };
                ModelCommand::Reserve((0..size).map(|_| self.reserve(world)).collect())
            }
            45..=59 => {
                let id = self.order(world);
                let part = self.rng.u32(0..3) == 0;
                let part = if part { self.part(world, &id) } else { OrderPart::Whole };
                ModelCommand::Confirm(id, part, self.payment())
            }
            60..=72 => {
                let id = self.order(world);
                let part = self.seats.is_some() && self.rng.bool();
                let part = if part { self.part(world, &id) } else { OrderPart::Whole };
                ModelCommand::Cancel(id, self.cancellation(), part)
            }
            73..=80 => ModelCommand::Extend(self.order(world)),
            81..=84 => ModelCommand::Sweep,
            85..=90 => {
                let seen = (self.rng.u32(0..3) == 0).then(|| capacity(&mut self.rng));
                ModelCommand::Restock(capacity(&mut self.rng), seen)
            }
            91..=93 => {
                let orders = (0..self.rng.u32(1..6)).map(|_| self.acknowledged_order(world));
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

    /// What the shop says of a payment: often nothing.
    fn payment(&mut self) -> Payment {
        let reference = PaymentReference::parse(["pi 3", "ü:,=%"][self.rng.usize(0..2)]).ok();
        let metadata = OrderMetadata::new(&serde_json::json!({"a b": "c:d"})).ok();
        Payment {
            reference: reference.filter(|_| self.rng.bool()),
            metadata: metadata.filter(|_| self.rng.u32(0..4) == 0),
        }
    }

    /// An order as some node may have acknowledged it.
    fn acknowledged_order(&mut self, world: &HistoryWorld) -> (OrderId, Order) {
        let orders = &world.model().orders;
        let known = orders.iter().nth(self.rng.usize(0..2 * orders.len() + 1));
        let (id, mut order) = known.map_or_else(
            || {
                self.next_order += 1;
                let seats = self.seats.as_ref().map(|seats| seats.any_order(&mut self.rng));
                let asked = seats.as_ref().map_or_else(|| self.rng.u32(1..5), |of| of.tickets());
                let order = Order {
                    buyer: buyer(&mut self.rng),
                    state: OrderState::Held,
                    asked,
                    taken: asked,
                    created_at: world.now(),
                    deadline: world.now(),
                    refused_late: false,
                    payment: None,
                    seats: seats.map(Arc::new),
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
            1..=4 if order.seats.is_some() => self.other_seats(&mut order),
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

    /// A part of an order: most often one that it has.
    fn part(&mut self, world: &HistoryWorld, id: &OrderId) -> OrderPart {
        match &self.seats {
            Some(_) => by_plan::part(&mut self.rng, world.model().orders.get(id)),
            None => match self.rng.u32(0..12) {
                0 => OrderPart::Lines(vec![0]),
                1 => OrderPart::Seats(vec![(0, 3)]),
                _ => OrderPart::Tickets(self.rng.u32(1..5)),
            },
        }
    }

    /// Fewer claims than an order has, others, or other lines.
    fn other_seats(&mut self, order: &mut Order) {
        let (Some(seats), Some(has)) = (&self.seats, &order.seats) else {
            return;
        };
        let other = match self.rng.u32(0..6) {
            0 => seats.any_order(&mut self.rng),
            1 => seats.any_claims(&mut self.rng, &has.lines),
            _ => by_plan::fewer(&mut self.rng, has),
        };
        (order.asked, order.taken) = (other.lines.tickets(), other.tickets());
        order.seats = Some(Arc::new(other));
    }

    fn cancellation(&mut self) -> Cancellation {
        let if_state = match self.rng.u32(0..6) {
            0 => Some(IfState::Held),
            1 => Some(IfState::Confirmed),
            _ => None,
        };
        let only_existing = self.rng.u32(0..6) == 0;
        Cancellation { by_buyer: self.rng.bool(), if_state, only_existing }
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
        let lines = self.seats.as_ref().map(|seats| seats.any_lines(&mut self.rng));
        // A sale with a plan is asked for no lines, and one without for some.
        let odd = self.rng.u32(0..40) == 0;
        let lines = match lines {
            None if odd => OrderLines::parse("0.0-1.1a"),
            lines => lines.filter(|_| !odd),
        };
        let tickets = lines.as_ref().map_or_else(|| self.rng.u32(1..5), OrderLines::tickets);
        Reserve {
            id: if again { self.any_order() } else { id(self.next_order) },
            buyer: buyer(&mut self.rng),
            quantity: Quantity::new(u64::from(tickets)).expect("small"),
            lines,
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
            lines: order.seats.as_ref().map(|seats| seats.lines.clone()),
        })
    }

    fn terms(&mut self, world: &HistoryWorld) -> ModelCommand {
        let mut change = TermsChange::default();
        match self.rng.u32(0..10) {
            5 => change.buyers_cancel = Some(self.rng.bool()),
            6 => {
                let text = ["", "https://shop.example/{order_id}", "https://a.example/{order_id}"];
                let text = text[self.rng.usize(0..text.len())];
                change.pay_url = Some(PayUrl::parse(text).expect("a template"));
            }
            8 => {
                let text = ["", "https://a.example/", "https://b.example/"][self.rng.usize(0..3)];
                change.return_url = Some(ReturnUrl::parse(text).expect("an address"));
            }
            7 => {
                let title = ["", "One", "Another"][self.rng.usize(0..3)];
                let event = EventDetails { title: title.into(), ..EventDetails::default() };
                change.event = Some(Arc::new(event));
            }
            9 => change.late_seats = Some(by_plan::late_seats(&mut self.rng)),
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
    // With a sign that parts fields and one that parts words where they are stored.
    BuyerId::parse(&format!("buyer: {}é", rng.u32(0..6))).expect("a buyer")
}

fn id(n: u32) -> OrderId {
    OrderId::parse(&format!("order-{n:014}")).expect("an order id")
}
