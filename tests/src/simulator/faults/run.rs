//! One run of a scenario of faults, to its end or to the first broken rule.

use super::super::judge::{Stats, Violation};
use super::super::planted::Planted;
use super::super::redis::RedisHealth;
use super::super::world::{Outside, SimulatedWorld, WorldEvent};
use super::client::{End, FaultRun, SimulatedClient};
use super::scenario::{Act, FaultScenario, InjectedFault, Item, What};
use shared::admission::grant::Supply;
use shared::ledger_model::ModelCommand;
use shared::{BuyerId, Capacity, Code, OrderId, OrderState, SaleState};

/// A run that has not ended by then, in microseconds after it has settled, has somebody who waits
/// for ever.
const LONGEST: u64 = 120_000_000;
/// How often the run looks whether it is over, in microseconds.
const LOOK: u64 = 250_000;
/// Most events of one run.
const STEPS_MAX: u64 = 400_000;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    pub violation: Option<Violation>,
    pub stats: Stats,
    /// Acknowledged orders that could not be restored, by name.
    pub lost: Vec<OrderId>,
    /// The events, where they were asked for.
    pub trace: Vec<String>,
}

/// Runs a scenario to its end or to the first broken rule.
pub fn run(scenario: &FaultScenario, planted: Option<Planted>, traced: bool) -> RunOutcome {
    let world = SimulatedWorld::new(scenario.setup(), planted, traced);
    let to_come = scenario.items.len();
    let mut run = FaultRun { scenario, world, clients: Vec::new(), to_come };
    run.play();
    let SimulatedWorld { redis, judge, trace, .. } = run.world;
    let lost: Vec<_> = redis.unrestored().iter().cloned().collect();
    let mut stats = judge.stats;
    stats.lost = lost.len() as u64;
    stats.cut = judge.lost.len() as u64;
    stats.plans = u64::from(scenario.plan.is_some());
    RunOutcome { violation: judge.violation, stats, lost, trace: trace.unwrap_or_default() }
}

impl FaultRun<'_> {
    fn play(&mut self) {
        for (index, item) in self.scenario.items.iter().enumerate() {
            self.push(item.at_ms * 1_000, Outside::Begins(index));
        }
        self.push(LOOK, Outside::Looks);
        while self.world.judge.violation.is_none()
            && let Some(event) = self.world.next()
        {
            if self.world.judge.stats.steps > STEPS_MAX {
                return self.world.broken("a run does not end", String::new());
            }
            match event {
                WorldEvent::Outside(Outside::Looks) if self.is_over() => return self.conclude(),
                WorldEvent::Outside(event) => self.happen(event),
                event => self.world.step(event),
            }
        }
    }

    fn happen(&mut self, event: Outside) {
        match event {
            Outside::Begins(index) => self.begin(index),
            Outside::Ends(index) => {
                let Item { number, what, .. } = &self.scenario.items[index];
                if let Some(fault) = what.fault() {
                    self.world.mend(*number, fault.what);
                }
            }
            Outside::Looks => {
                self.world.read_last();
                self.push(LOOK, Outside::Looks);
            }
            Outside::Comes { client } => self.come(client),
            Outside::Retries { .. } => {}
            Outside::TimesOut { client, call } => self.no_answer(client, call),
            Outside::Leaves { client } => self.leaves(client),
            Outside::AtClient { client, call, answer, .. } => {
                self.at_client(client, call, answer.map(|answer| *answer));
            }
        }
    }

    fn is_over(&mut self) -> bool {
        let settled = self.scenario.settled_ms() * 1_000;
        if self.world.now > settled + LONGEST {
            let waits = self.clients.iter().find(|client| client.end.is_none());
            let seen = waits.map(|client| format!("client {}", client.number));
            self.world.broken("somebody waits for ever", seen.unwrap_or_default());
            return false;
        }
        self.to_come == 0
            && self.world.now > settled
            && self.clients.iter().all(|client| client.end.is_some())
            && self.world.redis.sale().held == 0
    }

    fn begin(&mut self, index: usize) {
        self.to_come -= 1;
        let Item { at_ms, number, what } = &self.scenario.items[index];
        match what {
            What::Buyer(plan) => {
                let buyer = BuyerId::parse(&format!("buyer-{}", plan.name)).expect("a buyer id");
                let rng = self.world.stream(&[2, *number]);
                let quiet = *at_ms >= self.scenario.settled_ms();
                let now = self.world.now;
                let client = SimulatedClient::new(*number, plan.clone(), quiet, buyer, now, rng);
                self.clients.push(client);
                self.come(self.clients.len() - 1);
            }
            What::Operator(act) => self.operate(act),
            What::Fault(InjectedFault { what, ms }) => {
                self.world.note(|| format!("fault #{number}: {what:?}"));
                self.world.strike(*number, *what, *ms);
                if *ms > 0 {
                    self.push(*ms * 1_000, Outside::Ends(index));
                }
            }
        }
    }

    fn operate(&mut self, act: &Act) {
        let sale = self.world.redis.sale();
        let command = match act {
            Act::Pause => ModelCommand::State(SaleState::Paused),
            Act::Open => ModelCommand::State(SaleState::Open),
            Act::Close => ModelCommand::State(SaleState::Closed),
            Act::Terms(change) => ModelCommand::Terms(change.clone()),
            Act::Restock(by) => {
                let wanted = sale.capacity.saturating_add_signed(*by);
                let wanted = wanted.max(sale.held + sale.confirmed);
                let Ok(capacity) = Capacity::new(u64::from(wanted)) else {
                    return;
                };
                ModelCommand::Restock(capacity, None)
            }
        };
        let redis = &self.world.redis;
        if redis.health == RedisHealth::Up && self.world.now >= redis.busy_until {
            self.world.note(|| format!("operator: {act:?}"));
            self.world.operate(command);
        }
    }

    /// What must be true at the end.
    fn conclude(&mut self) {
        let mut broken = Vec::new();
        for client in &self.clients {
            let Some(id) = &client.id else {
                continue;
            };
            let redis = &self.world.redis;
            let order = redis.audit().order(id);
            let lost = redis.unrestored().contains(id);
            let promised = client.granted.is_some() && !client.expired;
            if promised && order.is_none() && !lost {
                broken.push(("a yes is not in the ledger", format!("client {}", client.number)));
            }
            let kept = order.is_some_and(|order| order.state == OrderState::Confirmed);
            if client.confirmed && !kept && !lost {
                let seen = format!("client {}", client.number);
                broken.push(("a paid order is not confirmed", seen));
            }
            self.world.judge.stats.served += u64::from(client.end == Some(End::Served));
        }
        for (rule, seen) in broken {
            self.world.broken(rule, seen);
        }
        self.world.conclude();
        self.all_sold();
    }

    /// Whoever was refused for good since stock returned last has wanted what is not there. Of
    /// several lines one may have taken what the other one needs.
    fn no_seat_is_left_over(&mut self) {
        let (_, since) = self.world.judge.version_since;
        let since = since + self.world.edges_update_within();
        let Some(seats) = self.world.redis.audit().seats() else { return };
        let refused = self.clients.iter().filter(|client| {
            let refused = matches!(client.end, Some(End::Refused(Code::SoldOut | Code::NotEnough)));
            refused && client.quiet && client.ended_at > since
        });
        let mut lines = refused.filter_map(|client| {
            let [line] = client.plan.seats.as_ref()?.lines.as_slice() else { return None };
            seats.has_room(line).then(|| format!("client {}: {line:?}", client.number))
        });
        if let Some(seen) = lines.next() {
            self.world.broken("seats are left over that buyers wanted", seen);
        }
    }

    /// The last buyers do not leave empty-handed while tickets are free, apart from those who find
    /// an edge or a node that nobody had asked for a while.
    fn all_sold(&mut self) {
        if self.scenario.plan.is_some() {
            return self.no_seat_is_left_over();
        }
        let Some((Supply::Free, since)) = self.world.judge.supply else {
            return;
        };
        let came = self.clients.iter().filter(|client| client.quiet);
        let came = came.filter(|client| client.ended_at > since + 1_000_000);
        let mut refused = Vec::new();
        for client in came {
            match client.end {
                Some(End::Refused(Code::SoldOut)) => refused.push(client.ended_at),
                Some(End::Served) => return,
                _ => {}
            }
        }
        let first = refused.iter().min().copied().unwrap_or_default();
        let last = refused.iter().max().copied().unwrap_or_default();
        let within = self.world.edges_update_within();
        if last - first > within && !self.world.setup.cuts_the_tail {
            let seen = format!("{} buyers left", refused.len());
            self.world.broken("tickets are left over that buyers wanted", seen);
        }
    }
}
