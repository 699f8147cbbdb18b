//! Status publisher: once a second, and notices which nodes join and leave.

use super::status::{NodeState, NodeStatus, SaleTotals, Spread, TicketCounts};
use crate::http::App;
use crate::timeline::{TimelineEvent, TimelineEventKind};
use lastseat_http::metrics::histogram::Reading;
use lastseat_ledger::{Fault, Ledger};
use shared::UnixMillis;
use shared::limits::{HISTORY_NODES, NODE_FORGET_MS, STATUS_BYTES_MAX, STATUS_SALES_MAX};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// Time between two publications.
const INTERVAL: Duration = Duration::from_secs(1);
/// Publications that percentiles look back.
const WINDOW: usize = 10;
/// Longest sentence on what is failing, in characters.
const TROUBLE_MAX: usize = 200;

/// The task that publishes.
#[derive(Debug)]
pub(crate) struct Publisher {
    at_once: Arc<Notify>,
    last: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Publisher {
    /// Starts to publish the status of `app`.
    #[must_use]
    pub(crate) fn start(app: &Arc<App>) -> Self {
        let at_once = Arc::<Notify>::default();
        let (last, mut ending) = oneshot::channel();
        let mut publication = Publication::new(app);
        let (weak, nudged) = (Arc::downgrade(app), Arc::clone(&at_once));
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(INTERVAL);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                let ended = tokio::select! {
                    _ = ticks.tick() => false,
                    () = nudged.notified() => false,
                    _ = &mut ending => true,
                };
                let Some(app) = Weak::upgrade(&weak) else {
                    return;
                };
                app.refresh_alarms();
                if app.sales.number_clashes() {
                    // The other node publishes under this number.
                    if ended {
                        return;
                    }
                    continue;
                }
                // The heartbeat logs a ledger that is away; here it becomes an event.
                let begun = app.sales.ledger().now();
                let outcome = publication.publish(&app, ended).await;
                publication.outage.see(&app, begun, outcome.as_ref().err());
                if ended {
                    return;
                }
                if outcome.is_ok() {
                    // Without an answer there is no point in the histories.
                    let _ = publication.record(&app).await;
                }
            }
        });
        Self { at_once, last: Some(last), task }
    }

    /// Publishes now: something has changed that should not wait.
    pub(crate) fn nudge(&self) {
        self.at_once.notify_one();
    }

    /// Says that this node has stopped, and ends.
    pub(crate) async fn finish(mut self) {
        drop(self.last.take());
        let _ = (&mut self.task).await;
    }
}

/// What is kept from one publication to the next.
struct Publication {
    ledger: Ledger,
    started: UnixMillis,
    /// What this node had published before it was started; `None` = not read yet.
    before: Option<BTreeMap<String, SaleTotals>>,
    /// Readings of the last publications: orders, commits, batches.
    window: VecDeque<[Reading; 3]>,
    /// The nodes that lived at the last publication, and those that were lost.
    live: BTreeSet<u16>,
    lost: BTreeSet<u16>,
    outage: Outage,
    /// Publications until the statuses of all nodes are read again.
    pause: usize,
}

impl Publication {
    fn new(app: &App) -> Self {
        Self {
            ledger: app.sales.ledger().aside(),
            started: UnixMillis(0),
            before: None,
            window: VecDeque::with_capacity(WINDOW + 1),
            live: BTreeSet::new(),
            lost: BTreeSet::new(),
            outage: Outage::default(),
            pause: 0,
        }
    }

    async fn publish(&mut self, app: &App, ended: bool) -> Result<(), Fault> {
        if self.before.is_none() {
            self.begin(app).await?;
        }
        if !ended {
            self.watch_nodes(app).await?;
        }
        let mut status = self.status(app, ended);
        let mut text = text(&status);
        while text.len() > STATUS_BYTES_MAX && status.sales.pop().is_some() {
            text = self::text(&status);
        }
        self.ledger.publish_status(app.node.id, &text).await
    }

    /// Notes what all nodes have published in the histories of the sales.
    async fn record(&mut self, app: &App) -> Result<(), Fault> {
        if self.pause > 0 {
            self.pause -= 1;
            return Ok(());
        }
        let published = self.ledger.statuses().await?;
        let now = self.ledger.now();
        let mut statuses: Vec<NodeStatus> =
            published.iter().filter_map(|(_, text)| NodeStatus::read(text)).collect();
        statuses.retain(|status| now.since(status.at) <= NODE_FORGET_MS);
        self.pause = statuses.len().saturating_sub(1) / HISTORY_NODES;
        app.histories.record(now, statuses);
        Ok(())
    }

    /// Goes on from what a node of this number has published last.
    async fn begin(&mut self, app: &App) -> Result<(), Fault> {
        let now = self.ledger.time().await?;
        let last = self.ledger.status_of(app.node.id).await?;
        let last = last.and_then(|text| serde_json::from_str::<NodeStatus>(&text).ok());
        let mut before = BTreeMap::new();
        if let Some(last) = last {
            let timeline = app.sales.timeline();
            last.happenings.into_iter().for_each(|event| timeline.note(event));
            // One that ends in order says so: this one was killed. Where it is back before the
            // others miss it, nobody else notes that.
            if last.state == NodeState::Serving {
                let lost = TimelineEventKind::NodeLost;
                timeline.note(TimelineEvent::of_node(last.at, lost, app.node.id));
            }
            for mut totals in last.sales.into_iter().take(STATUS_SALES_MAX) {
                totals.queue = 0;
                before.insert(totals.sale.clone(), totals);
            }
        }
        self.before = Some(before);
        self.started = now;
        let started = TimelineEvent::of_node(now, TimelineEventKind::NodeStarted, app.node.id);
        app.sales.timeline().note(started);
        Ok(())
    }

    async fn watch_nodes(&mut self, app: &App) -> Result<(), Fault> {
        let live = self.ledger.live_nodes().await?;
        let now = self.ledger.now();
        let note = |kind, node| {
            let event = TimelineEvent::of_node(now, kind, node);
            app.sales.timeline().note(event);
        };
        for node in self.live.difference(&live) {
            if *node != app.node.id && !self.has_left(*node).await? {
                note(TimelineEventKind::NodeLost, *node);
                self.lost.insert(*node);
            }
        }
        for node in &live {
            if self.lost.remove(node) {
                note(TimelineEventKind::NodeBack, *node);
            }
        }
        self.live = live;
        Ok(())
    }

    /// Whether a node that is gone has said that it would go.
    async fn has_left(&self, node: u16) -> Result<bool, Fault> {
        let last = self.ledger.status_of(node).await?;
        let last = last.and_then(|text| serde_json::from_str::<NodeStatus>(&text).ok());
        Ok(last.is_some_and(|last| last.state != NodeState::Serving))
    }

    fn status(&mut self, app: &App, ended: bool) -> NodeStatus {
        let now = self.ledger.now();
        let state = match (ended, app.draining.load(Ordering::Relaxed)) {
            (true, _) => NodeState::Stopped,
            (false, true) => NodeState::Stopping,
            (false, false) => NodeState::Serving,
        };
        if ended {
            let stopped = TimelineEvent::of_node(now, TimelineEventKind::NodeStopped, app.node.id);
            app.sales.timeline().note(stopped);
        }
        let trouble = app.ready().err().filter(|_| state == NodeState::Serving);
        let [order_us, commit_us, batch_orders] = self.spreads(app);
        let (edges, more_edges) = app.edges.read(now);
        let views = app.sales.views();
        let counters = &app.counters;
        NodeStatus {
            node: app.node.id,
            weight: app.node.weight,
            at: now,
            started: self.started,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state,
            trouble: trouble.map(|text| text.chars().take(TROUBLE_MAX).collect()),
            connections: app.connections.open() as u64,
            live_edges: views.iter().map(|view| view.live_edges).max().unwrap_or(0) as u64,
            queue: views.iter().map(|view| view.queued as u64).sum(),
            batch_orders,
            commit_us,
            order_us,
            ledger_calls: counters.ledger_calls(),
            ledger_faults: counters.ledger_faults(),
            stat_log_dropped: counters.stat_log_dropped.load(Ordering::Relaxed),
            sales: self.totals(app, views),
            happenings: app.sales.timeline().read(),
            edges,
            more_edges,
            alarms: app.alarms.read(),
        }
    }

    fn totals(
        &self,
        app: &App,
        views: Vec<crate::sale_service::SaleHandleView>,
    ) -> Vec<SaleTotals> {
        let mut before = self.before.clone().unwrap_or_default();
        let mut all: Vec<SaleTotals> = Vec::with_capacity(STATUS_SALES_MAX);
        for view in views.into_iter().take(STATUS_SALES_MAX) {
            let mut totals = SaleTotals::of(view.sale.to_string(), &view.counts);
            totals.queue = view.queued as u64;
            totals.audit = app.audits.of(&totals.sale);
            totals.tickets = Some(TicketCounts::of(&view.snapshot));
            if let Some(earlier) = before.remove(&totals.sale) {
                totals.add(&earlier);
            }
            all.push(totals);
        }
        // Sales that were audited here and that nobody asked this node for lately.
        for (sale, mark) in app.audits.all() {
            if all.len() == STATUS_SALES_MAX {
                break;
            }
            if !all.iter().any(|totals| totals.sale == sale.as_str()) {
                let earlier = before.remove(sale.as_str()).unwrap_or_default();
                all.push(SaleTotals { sale: sale.to_string(), audit: Some(mark), ..earlier });
            }
        }
        let room = STATUS_SALES_MAX - all.len();
        all.extend(before.into_values().take(room));
        all
    }

    /// Percentiles over the last publications.
    fn spreads(&mut self, app: &App) -> [Spread; 3] {
        let counters = &app.counters;
        let now = [
            counters.order_duration.reading(),
            counters.commit_duration.reading(),
            counters.batch_orders.reading(),
        ];
        let spreads = std::array::from_fn(|i| match self.window.front() {
            Some(then) => Spread::of(&now[i].since(&then[i])),
            None => Spread::of(&now[i]),
        });
        self.window.push_back(now);
        if self.window.len() > WINDOW {
            self.window.pop_front();
        }
        spreads
    }
}

/// What this node notes in the timeline while it cannot serve orders.
#[derive(Debug, Default)]
struct Outage {
    ledger_away: bool,
    /// Publications in a row that said that something is failing here.
    troubled: u32,
    noted: bool,
}

/// A trouble is noted when it lasts for so many publications: what ends with an outage of the
/// ledger ends a moment after it.
const TROUBLED: u32 = 3;

impl Outage {
    /// Takes in what became of a publication that began at `begun`.
    fn see(&mut self, app: &App, begun: UnixMillis, fault: Option<&Fault>) {
        let timeline = app.sales.timeline();
        let away = matches!(fault, Some(Fault::NotSent(_) | Fault::Unknown(_)));
        if away != self.ledger_away {
            if away {
                timeline.ledger_away(begun);
            } else {
                timeline.ledger_back(app.sales.ledger().now());
            }
            self.ledger_away = away;
        }
        let stopping = app.draining.load(Ordering::Relaxed);
        let troubled = !away && !stopping && app.ready().is_err();
        self.troubled = if troubled { self.troubled.saturating_add(1) } else { 0 };
        let kind = match (self.noted, troubled) {
            (false, true) if self.troubled >= TROUBLED => TimelineEventKind::NodeTrouble,
            (true, false) if !stopping => TimelineEventKind::NodeWell,
            _ => return,
        };
        self.noted = troubled;
        timeline.note(TimelineEvent::of_node(begun, kind, app.node.id));
    }
}

fn text(status: &NodeStatus) -> String {
    // Our own type always serializes; an empty text is read as no status.
    serde_json::to_string(status).unwrap_or_default()
}
