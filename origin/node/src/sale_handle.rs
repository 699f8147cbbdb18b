//! Sale handle: the node's cached view of one sale, and the queue to its committer.

use crate::cached_sale::{CachedSale, Known};
use crate::committer::{Buyer, Committer, Waiting, Work};
use crate::membership::Nodes;
use crate::sale_plan::{PlanCache, SalePlan};
use crate::sale_seats::{SeatsCache, SeatsView};
use crate::telemetry::metrics::{Counters, SaleCounts};
use crate::telemetry::spans;
use crate::timeline::Timeline;
use lastseat_ledger::{Fault, Ledger, Reserve, Verdict};
use shared::admission::batcher::gone;
use shared::admission::sale_hint::{self, NodeLoad};
use shared::domain::order::KeySource;
use shared::domain::sale::PageTerms;
use shared::limits::QUEUE_MAX;
use shared::{EdgeId, Grant, OrderId, Placed, SaleId, SaleState, Snapshot, Tier, UnixMillis};
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Readers of a sale get what the ledger replied at most this long ago.
const RECENT: Duration = Duration::from_millis(100);
/// How long the terms that only the page shows are kept while the sale's version stays the same.
const PAGE_TERMS_KEPT: Duration = Duration::from_secs(5);

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
    plan: PlanCache,
    seats: SeatsCache,
}

/// The terms of the page at one version of the sale.
#[derive(Debug)]
struct KnownPage {
    version: u64,
    read: Instant,
    terms: PageTerms,
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

impl SaleHandle {
    /// Opens the handle of a sale that stands as `snapshot` says, and starts its committer.
    pub(crate) fn open(
        sale: SaleId,
        ledger: Ledger,
        nodes: Arc<Nodes>,
        counters: Arc<Counters>,
        timeline: Arc<Timeline>,
        turns: Arc<Semaphore>,
        snapshot: Snapshot,
    ) -> Arc<Self> {
        let (queue, work) = mpsc::channel(QUEUE_MAX);
        let counts = counters.of_sale(&sale);
        let cached = CachedSale::new(sale, ledger, nodes, counts, timeline, snapshot);
        let cached = Arc::new(cached);
        Committer::start(Arc::clone(&cached), counters, turns, &snapshot, work);
        let (refresh, page, plan, seats) = Default::default();
        Arc::new(Self { queue, cached, refresh, page, plan, seats })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.cached.known()
    }

    /// The version of the sale in the last ledger reply.
    pub(crate) fn version(&self) -> u64 {
        self.known().hint.snapshot().version
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

    /// The refusal that needs no ledger: at its last reply nothing was free, or nothing of what a
    /// line of the order asks for. Polls the ledger in the background whether that still stands.
    pub(crate) fn refuse_from_memory(
        &self,
        order: &Reserve,
        key: KeySource,
        now: UnixMillis,
    ) -> Option<Verdict> {
        let mut known = self.known();
        let granted = known.granted.has(&order.id);
        let gone = known.gone(order.lines.as_ref(), now);
        let refusal = gone.as_ref().map(|gone| gone.refusal);
        let received = known.hint.receive_of(key, granted, refusal, now, fastrand::f64());
        drop(known);
        if received.poll {
            // A full queue leads to a ledger reply anyway.
            let _ = self.queue.try_send(Work::Poll(None));
        }
        let refusal = received.refusal?;
        let of_line = gone.filter(|gone| gone.refusal == refusal);
        Some(of_line.map_or(Verdict::Refused(refusal), |gone| gone.verdict))
    }

    /// Whether the order is one that was granted through this handle, or seen in the ledger.
    pub(crate) fn has_seen_order(&self, id: &OrderId) -> bool {
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

    /// Drops the cached plan: the sale was lost and is there again, perhaps with another one.
    pub(crate) fn drop_plan(&self) {
        self.plan.forget();
    }

    /// The plan of the sale, if it has one.
    pub(crate) async fn plan(&self) -> Result<Option<Arc<SalePlan>>, Fault> {
        let (ledger, sale) = (&self.cached.ledger, &self.cached.sale);
        // That the sale is lost does not say that it had no plan.
        let read = async || ledger.find_plan(sale).await?.ok_or_else(|| gone(sale));
        let plan = self.plan.get(read).await?;
        if let Some(plan) = &plan {
            self.known().set_plan(plan.plan());
        }
        Ok(plan)
    }

    /// What is taken of the sale's seats, as it was read at most a second ago.
    pub(crate) async fn seats(&self, plan: &Arc<SalePlan>) -> Result<Arc<SeatsView>, Fault> {
        self.seats.get(&self.cached.ledger, &self.cached.sale, plan).await
    }

    /// The header `Lastseat-Gone`, if anything is gone.
    pub(crate) fn gone_header(&self) -> Option<Arc<str>> {
        self.known().gone_header(self.cached.ledger.now())
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

    /// The grant for an edge that made so many requests just now, at least one.
    pub(crate) fn grant(&self, edge: &EdgeId, requests: u32, chance: f64) -> Grant {
        let now = self.cached.ledger.now();
        let room = self.queue.capacity();
        let (weight, live_weight) = self.cached.nodes.weights();
        let load =
            NodeLoad { waiting: self.queue.max_capacity() - room, room, weight, live_weight };
        self.known().hint.grant_for(edge, requests, load, now, chance)
    }

    /// Waits until everything that waits in the queue now is done.
    pub(crate) async fn finish(&self) {
        let (done, receiver) = oneshot::channel();
        if self.queue.send(Work::Finish(done)).await.is_ok() {
            let _ = receiver.await;
        }
    }
}
