//! Committer of one sale: group commit of orders to the ledger.
//!
//! Gathers orders while a batch is at the ledger, takes the next batch within the node budget, and
//! updates its view from each reply. Its decisions are in [`shared::admission::batcher`]; this task
//! carries them out.
//!
//! There are no timers on the way of an order: an idle committer sends at once, a busy one sends
//! what gathered during one round trip. Where many sales have orders their committers take turns.

use crate::cached_sale::CachedSale;
use crate::telemetry::metrics::{Counters, count};
use crate::telemetry::spans;
use lastseat_ledger::{Fault, Reserve, Verdict};
use shared::admission::batcher::{self as rounds, Sending, Waiter};
use shared::limits::{BATCH_TURN_MS, REPOLL_MS};
use shared::{Placed, Snapshot, Tier};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::{Instrument, Span};

type LedgerReply = oneshot::Sender<Result<Snapshot, Fault>>;
pub(crate) type Work = rounds::Work<Buyer, LedgerReply, oneshot::Sender<()>>;
type Round = rounds::BatchRound<Buyer, LedgerReply, oneshot::Sender<()>>;
pub(crate) type Waiting = rounds::QueuedOrder<Buyer>;

/// The request that waits for an order.
#[derive(Debug)]
pub(crate) struct Buyer {
    pub(crate) answer: oneshot::Sender<Result<Placed, Fault>>,
    /// The request's part of its trace.
    pub(crate) span: Span,
}

impl Waiter for Buyer {
    fn has_left(&self) -> bool {
        self.answer.is_closed()
    }
}

/// The task behind a sale handle.
#[derive(Debug)]
pub(crate) struct Committer {
    cached: Arc<CachedSale>,
    counters: Arc<Counters>,
    rounds: rounds::Committer<Buyer>,
    /// Batches of all sales of this node that may be at the ledger at a time.
    turns: Arc<Semaphore>,
    /// Batches that were sent, which numbers them in spans.
    batches: u64,
}

impl Committer {
    /// Starts the committer of a sale, which ends when nobody can send it work any more.
    pub(crate) fn start(
        cached: Arc<CachedSale>,
        counters: Arc<Counters>,
        turns: Arc<Semaphore>,
        snapshot: &Snapshot,
        work: mpsc::Receiver<Work>,
    ) {
        let rounds = rounds::Committer::new(cached.budget(snapshot));
        let committer = Self { rounds, cached, counters, turns, batches: 0 };
        tokio::spawn(committer.run(work));
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
            // What comes while other sales have their turn goes with it.
            let turn = if round.batch.is_empty() { None } else { self.turn().await };
            round.leave_out_left();
            while self.rounds.has_room(&round) {
                match work.try_recv() {
                    Ok(next) => self.sort(next, &mut round),
                    Err(_) => break,
                }
            }
            self.carry_out(round).await;
            drop(turn);
        }
    }

    /// Waits for a turn at the ledger; `None` when it does not come in time and the batch goes
    /// without.
    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            return Some(turn);
        }
        let within = Duration::from_millis(BATCH_TURN_MS);
        let turn = Arc::clone(&self.turns).acquire_owned();
        tokio::time::timeout(within, turn).await.ok()?.ok()
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
            let asked = batch.iter().map(|waiting| &waiting.order);
            self.cached.note_decided(snapshot.version, asked.zip(&verdicts));
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
        Verdict::Refused(_) | Verdict::NoSeats { .. } => &counters.refused_by_ledger,
    }
}

fn report_progress(waiting: Waiting, verdict: Result<Verdict, Fault>, by: Tier) {
    let placed = verdict.map(|verdict| Placed { verdict, by });
    let _ = waiting.waiter.answer.send(placed);
}
