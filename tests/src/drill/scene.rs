//! One drill's stage: the system, the load on it, and what is noted on the way.

use super::again;
use super::options::{FaultTestOptions, Name};
use super::report::CheckOutcome;
use super::script::Script;
use crate::harness::{Cluster, Edge, Setup};
use crate::load::{
    Buyers, CrowdLoad, CrowdOutcomes, LoadRequest, LoadStage, LoadTally, OrderOutcome, Pace,
    Percentiles, send, verdict,
};
use anyhow::{Context, Result};
use shared::OrderId;
use shared::limits::EDGE_ATTEMPT_MS;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The sale of a drill.
pub(super) const SALE: &str = "drill";
/// Connections that carry the buyers.
const CONNECTIONS: u32 = 48;
/// Edges of a drill that does not say otherwise.
pub(super) const EDGES: usize = 3;

/// A buyer whose request went to somebody who never answers waits for so long, if that one answers
/// others meanwhile: an edge gives up one attempt, and a busy machine is late.
pub(super) const ONE_ATTEMPT_LATER: Duration = Duration::from_millis(EDGE_ATTEMPT_MS + 1_000);

/// One run of a drill.
pub(super) struct Scene {
    name: Name,
    edge: Edge,
    pub(super) seed: u64,
    pub(super) rate: u32,
    pub(super) long: bool,
    pub(super) record: Rc<RefCell<Record>>,
}

/// What is noted while a drill runs.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) actions: Vec<String>,
    pub(super) measures: Vec<(String, String)>,
    pub(super) violations: Vec<String>,
    /// Orders that a fault took from the ledger, whose buyers therefore may have a yes and no
    /// order.
    pub(super) excused: BTreeSet<String>,
    /// How many of those buyers there were.
    pub(super) missing: u64,
    buyers: u64,
    granted: u64,
    faults: u64,
    slowest: Duration,
}

impl Record {
    pub(super) fn measure(&mut self, what: &str, value: impl ToString) {
        self.measures.push((what.to_owned(), value.to_string()));
    }

    /// Forgets the last violations: they showed nothing.
    pub(super) fn forget(&mut self, kept: usize) {
        self.violations.truncate(kept);
    }

    /// Notes what became of a crowd.
    pub(super) fn sent(&mut self, buyers: u32, tally: &LoadTally) {
        self.buyers += u64::from(buyers);
        self.granted += tally.granted;
        self.faults += tally.faults.values().sum::<u64>();
        self.slowest = self.slowest.max(tally.slowest);
    }

    /// Notes what became of a crowd that was counted in another way.
    pub(super) fn came(&mut self, buyers: u64, granted: u64, faults: u64, slowest_us: u64) {
        self.buyers += buyers;
        self.granted += granted;
        self.faults += faults;
        self.slowest = self.slowest.max(Duration::from_micros(slowest_us));
    }

    /// Notes a broken promise unless it was kept.
    pub(super) fn demand(&mut self, kept: bool, otherwise: impl FnOnce() -> String) {
        if !kept {
            self.violations.push(otherwise());
        }
    }
}

/// A crowd that comes while the script runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// How long buyers come.
    pub(super) seconds: u32,
    /// How many come each second.
    pub(super) rate: u32,
    /// Tickets at the beginning.
    pub(super) tickets: u32,
    /// Tickets that the script adds.
    pub(super) added: u32,
    /// Whether a buyer may see a 5xx.
    pub(super) faults: Faults,
}

/// Which 5xx answers buyers may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Faults {
    /// None: something that can serve them lives.
    None,
    /// That the ledger is away, in the two honest ways.
    LedgerAway,
}

impl Load {
    /// Buyers come for so long, and nine of ten get a ticket: the sale sells while the script runs
    /// and is sold out at the end.
    pub(super) const fn lasting(seconds: u32, rate: u32) -> Self {
        Self { seconds, rate, tickets: seconds * rate / 10 * 9, added: 0, faults: Faults::None }
    }

    const fn buyers(self) -> u32 {
        self.seconds * self.rate
    }
}

impl Scene {
    pub(super) fn new(name: Name, options: &FaultTestOptions, seed: u64) -> Self {
        Self {
            name,
            edge: options.edge,
            seed,
            rate: options.rate,
            long: options.long,
            record: Rc::default(),
        }
    }

    /// Starts a cluster for this drill: four nodes and three edges.
    pub(super) fn cluster(&self, arguments: &[&str]) -> Result<Cluster> {
        self.cluster_with(arguments, &[])
    }

    /// The same, with variables in its environment.
    pub(super) fn cluster_with(
        &self,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Cluster> {
        Cluster::start(&Setup {
            edges: EDGES,
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Setup::with_edge(self.edge)
        })
    }

    /// Starts four nodes and one edge of two workers; of bare workerd, whatever runs the edges of
    /// the other drills.
    pub(super) fn cluster_of_workers(&self) -> Result<Cluster> {
        Cluster::start(&Setup { workers: 2, ..Setup::with_edge(Edge::Workerd) })
    }

    /// Sends the crowd, runs `script` beside it, and judges: nothing oversold, unsold or lost, no
    /// fault that must not be.
    pub(super) async fn under_load(
        &mut self,
        cluster: &Cluster,
        load: Load,
        script: impl AsyncFnOnce(&Script) -> Result<()>,
    ) -> Result<CrowdOutcomes> {
        cluster.create_sale(SALE, u64::from(load.tickets)).await?;
        let stage = Rc::<LoadStage>::default();
        let orders = LoadRequest::orders(SALE, Buyers::new(self.seed));
        let pace = Pace::Buyers { count: load.buyers(), a_second: Some(load.rate) };
        let plan = CrowdLoad {
            stage: Some(Rc::clone(&stage)),
            ..CrowdLoad::new(&cluster.edges, orders, CONNECTIONS, pace)
        };
        let told = Script {
            data_dir: cluster.data_dir().to_owned(),
            system: cluster.system().clone(),
            tickets: load.tickets,
            stage,
            begun: Instant::now(),
            chance: RefCell::new(fastrand::Rng::with_seed(self.seed)),
            record: Rc::clone(&self.record),
        };
        let (outcomes, scripted) = tokio::join!(send(&plan, |_| {}), async { script(&told).await });
        let outcomes = outcomes?;
        scripted?;
        self.judge(cluster, load, &outcomes).await?;
        Ok(outcomes)
    }

    async fn judge(&self, cluster: &Cluster, load: Load, outcomes: &CrowdOutcomes) -> Result<()> {
        let tally = &outcomes.tally;
        let audit = cluster.audit(SALE).await.context("the audit")?;
        let orders = cluster.orders(SALE).await.context("the orders in Redis")?;
        let buyers = Buyers::new(self.seed);
        let asked = again::winners(&cluster.edges, SALE, buyers, tally, &orders).await?;
        let mut record = self.record.borrow_mut();
        record.violations.extend(asked);
        let mut outcomes = tally.outcomes.clone();
        for (number, outcome) in (0u32..).zip(&mut outcomes) {
            let lost = |key: String| {
                let absent = OrderId::parse(&key).is_ok_and(|id| !orders.contains_key(&id));
                absent && record.excused.contains(&key)
            };
            if *outcome == OrderOutcome::Granted && lost(buyers.key(number)) {
                *outcome = OrderOutcome::Open;
                record.missing += 1;
            }
        }
        let differences = verdict::compare(&outcomes, buyers, &orders);
        let tickets = load.tickets + load.added;
        let broken = verdict::violations(tickets, tally, &audit, Some(&differences));
        record.violations.extend(broken);
        for (fault, count) in &tally.faults {
            let allowed = load.faults == Faults::LedgerAway
                && ["503 unavailable ", "504 outcome_unknown "]
                    .iter()
                    .any(|honest| fault.starts_with(honest));
            record.demand(allowed, || format!("buyers saw {count} times {fault}"));
            if allowed {
                record.measure(&format!("answers {fault}"), count);
            }
        }
        record.sent(load.buyers(), tally);
        let p = Percentiles::of(&tally.granted_us);
        record.measure(
            "a ticket's answer",
            format!("p50 {:.0}, p99 {:.0}, max {:.0} ms", p.p50, p.p99, p.max),
        );
        if tally.lost_answers > 0 {
            record.measure("answers lost, asked again", tally.lost_answers);
        }
        Ok(())
    }

    pub(super) fn outcome(self, took: Duration) -> CheckOutcome {
        let record = self.record.take();
        CheckOutcome {
            name: self.name,
            sentence: self.name.sentence(),
            seed: self.seed,
            edge: self.edge,
            seconds: took.as_secs_f64(),
            buyers: record.buyers,
            granted: record.granted,
            faults_seen: record.faults,
            slowest_ms: record.slowest.as_millis() as u64,
            actions: record.actions,
            measures: record.measures,
            violations: record.violations,
        }
    }
}
