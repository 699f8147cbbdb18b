//! Committer of one sale: group commit of orders to the ledger.
//!
//! Gathers orders while a batch is at the ledger, takes the next batch within the node budget, and
//! updates its view from each reply. Its decisions are in [`shared::admission::batcher`]; this task
//! carries them out.
//!
//! There are no timers on the way of an order: an idle committer sends at once, a busy one sends
//! what gathered during one round trip.

use crate::membership::Nodes;
use crate::telemetry::metrics::{Counters, SaleCounts, count};
use crate::telemetry::spans;
use crate::timeline::Timeline;
use lastseat_ledger::{Fault, Ledger, Reserve, Verdict};
use shared::admission::batcher::{self as rounds, Sending, Waiter};
use shared::admission::recent_orders::RecentOrders;
use shared::admission::sale_hint::{self, NodeLoad, SaleHint};
use shared::domain::order::KeySource;
use shared::domain::sale::PageTerms;
use shared::limits::{QUEUE_MAX, REPOLL_MS};
use shared::{
    EdgeId, Grant, NodeBudget, OrderId, Refusal, SaleId, SaleState, Snapshot, UnixMillis,
};
use shared::{Placed, Tier};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, Span};

/// Readers of a sale get what the ledger replied at most this long ago.
const RECENT: Duration = Duration::from_millis(100);
/// How long the terms that only the page shows are kept while the sale's version stays the same.
const PAGE_TERMS_KEPT: Duration = Duration::from_secs(5);

type LedgerReply = oneshot::Sender<Result<Snapshot, Fault>>;
type Work = rounds::Work<Buyer, LedgerReply, oneshot::Sender<()>>;
type Round = rounds::BatchRound<Buyer, LedgerReply, oneshot::Sender<()>>;
type Waiting = rounds::QueuedOrder<Buyer>;

/// The request that waits for an order.
#[derive(Debug)]
struct Buyer {
    answer: oneshot::Sender<Result<Placed, Fault>>,
    /// The request's part of its trace.
    span: Span,
}

impl Waiter for Buyer {
    fn has_left(&self) -> bool {
        self.answer.is_closed()
    }
}

/// Sale handle: the node's cached view of one sale, and the queue to its committer, which ends when
/// the last handle is gone.
#[derive(Debug)]
pub(crate) struct SaleHandle {
    queue: mpsc::Sender<Work>,
    cached: Arc<CachedSale>,
    /// The last time that readers had the ledger asked; held while one of them asks.
    refresh: tokio::sync::Mutex<Option<Refresh>>,
    /// The terms that only the page shows, as they were read last; held while they are read.
    page: tokio::sync::Mutex<Option<KnownPage>>,
}

/// The terms of the page at one version of the sale.
#[derive(Debug)]
struct KnownPage {
    version: u64,
    read: Instant,
    terms: PageTerms,
}

/// What a sale handle and its committer share.
#[derive(Debug)]
struct CachedSale {
    known: Mutex<Known>,
    ledger: Ledger,
    nodes: Arc<Nodes>,
    sale: SaleId,
    counts: Arc<SaleCounts>,
    timeline: Arc<Timeline>,
}

/// The cached view of a sale at one moment.
#[derive(Clone, Debug)]
pub struct SaleHandleView {
    /// The sale.
    pub sale: SaleId,
    /// What the ledger said last.
    pub snapshot: Snapshot,
    /// Orders that wait for the ledger.
    pub queued: usize,
    /// Edges that asked lately.
    pub live_edges: usize,
    /// What was counted.
    pub counts: Arc<SaleCounts>,
}

/// One question of readers to the ledger.
#[derive(Debug)]
struct Refresh {
    begun: Instant,
    outcome: Result<(Snapshot, Tier), Fault>,
}

/// The cached view of the sale: hints, not facts.
#[derive(Debug)]
struct Known {
    hint: SaleHint,
    /// When the ledger replied last, by the clock of this process.
    seen_at: Instant,
    /// Orders that were granted through this sale handle, or seen in the ledger.
    granted: RecentOrders,
}

impl SaleHandle {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.cached.known()
    }

    /// Updates from a ledger reply, unless a newer one came meanwhile.
    pub(crate) fn observe(&self, snapshot: &Snapshot) {
        self.cached.observe(snapshot);
    }

    /// Whether the handle can be closed until somebody asks for the sale again: no hold can come
    /// due, nothing waits, and no order came within `idle_ms`.
    pub(crate) fn is_idle(&self, idle_ms: u64) -> bool {
        let waits = self.queue.capacity() < self.queue.max_capacity();
        let known = self.known();
        let last = known.hint.snapshot().at.0.max(self.cached.counts.asked_at());
        let quiet = self.cached.ledger.now().0.saturating_sub(last) >= idle_ms;
        quiet && !waits && !known.hint.is_to_be_swept()
    }

    /// Whether the sale was closed at the last ledger reply.
    pub(crate) fn is_closed(&self) -> bool {
        self.known().hint.snapshot().state == SaleState::Closed
    }

    /// What is counted for the sale.
    pub(crate) fn counts(&self) -> &SaleCounts {
        &self.cached.counts
    }

    /// The cached view of the sale now.
    pub(crate) fn view(&self) -> SaleHandleView {
        let queued = self.queue.max_capacity() - self.queue.capacity();
        let known = self.known();
        SaleHandleView {
            sale: self.cached.sale.clone(),
            snapshot: *known.hint.snapshot(),
            queued,
            live_edges: known.hint.live_edges(self.cached.ledger.now()),
            counts: Arc::clone(&self.cached.counts),
        }
    }

    /// The refusal that needs no ledger: nothing was free at its last reply. Polls the ledger in
    /// the background whether that still stands.
    pub(crate) fn refuse_from_memory(
        &self,
        id: &OrderId,
        key: KeySource,
        now: UnixMillis,
    ) -> Option<Refusal> {
        let mut known = self.known();
        let granted = known.granted.has(id);
        let received = known.hint.receive(key, granted, now, fastrand::f64());
        drop(known);
        if received.poll {
            // A full queue leads to a ledger reply anyway.
            let _ = self.queue.try_send(Work::Poll(None));
        }
        received.refusal
    }

    /// Whether the order is one that was granted through this handle, or seen in the ledger.
    pub(crate) fn knows_order(&self, id: &OrderId) -> bool {
        self.known().granted.has(id)
    }

    /// The ledger has the order `id`.
    pub(crate) fn saw_order(&self, id: &OrderId) {
        self.known().granted.add(id);
    }

    /// Hands an order to the committer; `None` when the queue is full.
    pub(crate) fn queue(
        &self,
        order: Reserve,
        key: KeySource,
    ) -> Option<oneshot::Receiver<Result<Placed, Fault>>> {
        let (answer, receiver) = oneshot::channel();
        self.queue
            .try_send(Work::Order(Waiting {
                order,
                key,
                waiter: Buyer { answer, span: spans::of_waiting() },
            }))
            .ok()?;
        Some(receiver)
    }

    /// When a client that is refused with `busy` should ask again.
    pub(crate) fn retry_after_ms(&self) -> u32 {
        sale_hint::retry_after_ms(fastrand::f64())
    }

    /// What the ledger said within [`RECENT`]. When that is too old it is asked once, however many
    /// want to know; those who came before the question began share its answer.
    pub(crate) async fn recent_snapshot(&self) -> Result<(Snapshot, Tier), Fault> {
        if let Some(snapshot) = self.observed_lately() {
            return Ok((snapshot, Tier::Origin));
        }
        let came = Instant::now();
        let mut refresh = self.refresh.lock().await;
        if let Some(last) = refresh.as_ref().filter(|last| last.begun >= came) {
            return last.outcome.clone();
        }
        if let Some(snapshot) = self.observed_lately() {
            return Ok((snapshot, Tier::Origin));
        }
        let begun = Instant::now();
        let outcome = self.fresh_snapshot().await;
        *refresh = Some(Refresh { begun, outcome: outcome.clone() });
        outcome
    }

    /// The terms that only the page shows, for a snapshot of this version: each change of them is a
    /// new one. Read again after [`PAGE_TERMS_KEPT`], too: a sale that was lost and created again
    /// counts its versions from the start.
    pub(crate) async fn page_terms(&self, version: u64) -> Result<PageTerms, Fault> {
        let mut known = self.page.lock().await;
        if let Some(known) = known.as_ref()
            && known.version == version
            && known.read.elapsed() < PAGE_TERMS_KEPT
        {
            return Ok(known.terms.clone());
        }
        match (self.cached.ledger.page_terms(&self.cached.sale).await, known.as_ref()) {
            (Ok(terms), _) => {
                *known = Some(KnownPage { version, read: Instant::now(), terms: terms.clone() });
                Ok(terms)
            }
            // A template of some seconds ago is better than a page that shows nothing.
            (Err(_), Some(last)) => Ok(last.terms.clone()),
            (Err(fault), None) => Err(fault),
        }
    }

    fn observed_lately(&self) -> Option<Snapshot> {
        let known = self.known();
        (known.seen_at.elapsed() < RECENT).then(|| *known.hint.snapshot())
    }

    /// Polls the ledger now; where the queue is full, what was received last.
    async fn fresh_snapshot(&self) -> Result<(Snapshot, Tier), Fault> {
        let (answer, receiver) = oneshot::channel();
        if self.queue.try_send(Work::Poll(Some(answer))).is_err() {
            return Ok((*self.known().hint.snapshot(), Tier::Origin));
        }
        let polled = receiver.await;
        let polled = polled.unwrap_or_else(|_| Err(Fault::NotSent("the committer stopped".into())));
        polled.map(|snapshot| (snapshot, Tier::Ledger))
    }

    /// The grant for an edge that asked just now.
    pub(crate) fn grant(&self, edge: &EdgeId, chance: f64) -> Grant {
        let now = self.cached.ledger.now();
        let room = self.queue.capacity();
        let (weight, live_weight) = self.cached.nodes.weights();
        let load =
            NodeLoad { waiting: self.queue.max_capacity() - room, room, weight, live_weight };
        self.known().hint.grant(edge, load, now, chance)
    }

    /// Waits until everything that waits in the queue now is done.
    pub(crate) async fn finish(&self) {
        let (done, receiver) = oneshot::channel();
        if self.queue.send(Work::Finish(done)).await.is_ok() {
            let _ = receiver.await;
        }
    }
}

impl CachedSale {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Updates from a ledger reply, unless a newer one came meanwhile.
    fn observe(&self, snapshot: &Snapshot) {
        let mut known = self.known();
        let old = *known.hint.snapshot();
        if known.hint.observe(snapshot) {
            self.timeline.compare(&self.sale, &old, snapshot);
            known.seen_at = Instant::now();
        }
    }

    /// What this node may ask the ledger for, now that things stand so.
    fn budget(&self, snapshot: &Snapshot) -> NodeBudget {
        let (own, live) = self.nodes.weights();
        NodeBudget::of(snapshot.free(), own, live)
    }

    fn remember(&self, batch: &[Waiting], verdicts: &[Verdict]) {
        let mut known = self.known();
        for (waiting, verdict) in batch.iter().zip(verdicts) {
            if matches!(verdict, Verdict::Granted { .. }) {
                known.granted.add(&waiting.order.id);
            }
        }
    }
}

/// The task behind a sale handle.
#[derive(Debug)]
pub(crate) struct Committer {
    cached: Arc<CachedSale>,
    counters: Arc<Counters>,
    rounds: rounds::Committer<Buyer>,
    /// Batches that were sent, which numbers them in spans.
    batches: u64,
}

impl Committer {
    /// Opens the handle of a sale and starts its committer.
    pub(crate) fn open(
        sale: SaleId,
        ledger: Ledger,
        nodes: Arc<Nodes>,
        counters: Arc<Counters>,
        timeline: Arc<Timeline>,
        snapshot: Snapshot,
    ) -> Arc<SaleHandle> {
        let (queue, work) = mpsc::channel(QUEUE_MAX);
        let known = Known {
            hint: SaleHint::new(snapshot),
            seen_at: Instant::now(),
            granted: RecentOrders::default(),
        };
        let counts = counters.of_sale(&sale);
        let cached = CachedSale { known: Mutex::new(known), ledger, nodes, sale, counts, timeline };
        let cached = Arc::new(cached);
        let committer = Self {
            rounds: rounds::Committer::new(cached.budget(&snapshot)),
            cached: Arc::clone(&cached),
            counters,
            batches: 0,
        };
        tokio::spawn(committer.run(work));
        let (refresh, page) = Default::default();
        Arc::new(SaleHandle { queue, cached, refresh, page })
    }

    async fn run(mut self, mut work: mpsc::Receiver<Work>) {
        let mut sweep = tokio::time::interval(Duration::from_millis(REPOLL_MS));
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let first = match self.rounds.take_left_over() {
                Some(waiting) => Work::Order(waiting),
                None => tokio::select! {
                    biased;
                    received = work.recv() => match received {
                        Some(received) => received,
                        None => return,
                    },
                    _ = sweep.tick(), if self.cached.known().hint.is_to_be_swept() => {
                        Work::Poll(None)
                    }
                },
            };
            let mut round = Round::default();
            self.sort(first, &mut round);
            while self.rounds.has_room(&round) {
                match work.try_recv() {
                    Ok(next) => self.sort(next, &mut round),
                    Err(_) => break,
                }
            }
            self.carry_out(round).await;
        }
    }

    /// Puts one piece of work where it belongs, and answers a buyer who is refused from the cached
    /// view.
    fn sort(&mut self, work: Work, round: &mut Round) {
        let now = self.cached.ledger.now();
        let known = self.cached.known();
        let refused = self.rounds.sort(work, &known.hint, now, round);
        drop(known);
        if let Some((waiting, refusal)) = refused {
            count(&self.counters.refused_by_origin);
            count(&self.cached.counts.refused_by_origin);
            report_progress(waiting, Ok(Verdict::Refused(refusal)), Tier::Origin);
        }
    }

    async fn carry_out(&mut self, round: Round) {
        if !round.batch.is_empty() {
            self.commit(round.batch).await;
        }
        if round.poll {
            let reply = self.poll().await;
            for answer in round.polls {
                let _ = answer.send(reply.clone());
            }
        }
        for done in round.finished {
            let _ = done.send(());
        }
    }

    /// Sends one batch, as often as [`Sending`] says, and answers every order of it.
    async fn commit(&mut self, batch: Vec<Waiting>) {
        let orders: Vec<Reserve> = batch.iter().map(|waiting| waiting.order.clone()).collect();
        self.counters.batched_orders.fetch_add(orders.len() as u64, Ordering::Relaxed);
        self.batches += 1;
        let waiting = batch.iter().map(|waiting| &waiting.waiter.span);
        let span = spans::of_batch(&self.cached.sale, self.batches, waiting);
        let mut sending = Sending::default();
        let outcome = loop {
            let reserving = self.cached.ledger.reserve(&self.cached.sale, &orders);
            let reply = reserving.instrument(span.clone()).await;
            if let Some(outcome) = sending.observed(reply, &self.cached.sale) {
                break outcome;
            }
        };
        spans::decided(&span, outcome.as_ref().err());
        let verdicts = outcome.map(|(snapshot, verdicts)| {
            self.observe(&snapshot);
            self.cached.remember(&batch, &verdicts);
            verdicts
        });
        // In a task of its own, so that the next batch is on its way before the buyers of this one
        // are woken: what they write would hold it back.
        let counters = Arc::clone(&self.counters);
        tokio::spawn(async move {
            for (waiting, verdict) in rounds::answers(batch, verdicts) {
                if let Ok(verdict) = &verdict {
                    count(decided(&counters, verdict));
                }
                report_progress(waiting, verdict, Tier::Ledger);
            }
        });
    }

    /// Polls the ledger and expires due holds, page by page.
    async fn poll(&mut self) -> Result<Snapshot, Fault> {
        loop {
            let reply = self.cached.ledger.sweep(&self.cached.sale).await;
            let (snapshot, more) = rounds::swept(reply, &self.cached.sale)?;
            self.observe(&snapshot);
            if !more {
                return Ok(snapshot);
            }
        }
    }

    fn observe(&mut self, snapshot: &Snapshot) {
        self.cached.observe(snapshot);
        self.rounds.restock(self.cached.budget(snapshot));
    }
}

/// What is counted when the ledger has decided so.
fn decided<'a>(counters: &'a Counters, verdict: &Verdict) -> &'a AtomicU64 {
    match verdict {
        Verdict::Granted { replayed: false, .. } => &counters.orders_granted,
        Verdict::Granted { replayed: true, .. } => &counters.orders_replayed,
        Verdict::Refused(_) => &counters.refused_by_ledger,
    }
}

fn report_progress(waiting: Waiting, verdict: Result<Verdict, Fault>, by: Tier) {
    let placed = verdict.map(|verdict| Placed { verdict, by });
    let _ = waiting.waiter.answer.send(placed);
}
