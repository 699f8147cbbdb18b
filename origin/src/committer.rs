//! The committer of one sale: gathers orders while a batch is at the ledger, takes the next batch
//! from the local stock, and hears everything anew from each reply.
//!
//! There are no timers on the way of an order: an idle committer sends at once, a busy one sends
//! what gathered during one round trip.

use crate::edges::Edges;
use crate::ledger::{Fault, Ledger, Reserve, Verdict};
use crate::metrics::{Counters, count};
use crate::nodes::Nodes;
use crate::sales::{Placed, Tier};
use shared::gate::Key;
use shared::grant::{Offer, Supply};
use shared::limits::{BATCH_MAX, ORIGIN_RECHECKS_PER_SECOND, QUEUE_MAX, SWEEP_MAX, WINDOW_MIN_MS};
use shared::recent::Recent;
use shared::{
    BuyerId, EdgeId, Grant, OrderId, Quantity, Refusal, SaleId, Snapshot, Stock, UnixMillis,
};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How often a sale with holds is swept, and how old a "no" from memory may get while somebody
/// asks: a returned ticket is sellable well within 250 ms of its deadline.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// Readers of a sale hear what the ledger said at most this long ago.
const RECENT: Duration = Duration::from_millis(100);

/// An order as a node takes it.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Its id.
    pub id: OrderId,
    /// Who buys.
    pub buyer: BuyerId,
    /// How many tickets.
    pub quantity: Quantity,
    /// Where the id comes from.
    pub key: Key,
}

/// What waits in the queue.
enum Work {
    Order(Waiting),
    /// Hear the ledger again: somebody wants to know whether the last "no" still stands.
    Poll(Option<oneshot::Sender<Result<Snapshot, Fault>>>),
    /// Tell when everything before this is done.
    Finish(oneshot::Sender<()>),
}

struct Waiting {
    order: NewOrder,
    answer: oneshot::Sender<Result<Placed, Fault>>,
}

/// A sale's desk: what the node knows of the sale, and the queue to its committer.
#[derive(Debug)]
pub(crate) struct Desk {
    queue: mpsc::Sender<Work>,
    known: Mutex<Known>,
    ledger: Ledger,
    nodes: Arc<Nodes>,
    /// The last time that readers had the ledger asked; held while one of them asks.
    refresh: tokio::sync::Mutex<Option<Refresh>>,
}

/// One question of readers to the ledger.
#[derive(Debug)]
struct Refresh {
    begun: Instant,
    outcome: Result<Snapshot, Fault>,
}

/// What the ledger said last. A hint.
#[derive(Debug)]
struct Known {
    snapshot: Snapshot,
    /// When it said so, by the clock of this process.
    heard: Instant,
    edges: Edges,
    /// Orders that were granted through this desk.
    granted: Recent,
    /// Second of the ledger's clock that `rechecks` counts in.
    recheck_second: u64,
    rechecks: u32,
    /// When a poll was last asked for, by the ledger's clock.
    polled_at: UnixMillis,
}

impl Desk {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the ledger said, unless something newer was heard meanwhile.
    pub(crate) fn hear(&self, snapshot: &Snapshot) {
        let mut known = self.known();
        let (old, new) = (&known.snapshot, snapshot);
        if (new.at, new.commit_seq) >= (old.at, old.commit_seq) {
            known.snapshot = *snapshot;
            known.heard = Instant::now();
        }
    }

    /// The "no" that needs no ledger: nothing was free when it was last heard. Asks the ledger in the background
    /// whether that still stands.
    pub(crate) fn refuse_from_memory(&self, order: &NewOrder) -> Option<Refusal> {
        let key = order.key;
        let now = self.ledger.now();
        let mut known = self.known();
        let refusal = no_supply(&known.snapshot, now)?;
        let poll = now.since(known.polled_at) >= SWEEP_EVERY.as_millis() as u64;
        if poll {
            known.polled_at = now;
        }
        let recheck = key != Key::Made && (known.granted.has(&order.id) || known.may_recheck(now));
        drop(known);
        if poll {
            // A full queue hears the ledger anyway.
            let _ = self.queue.try_send(Work::Poll(None));
        }
        match (recheck, key) {
            (true, _) => None,
            (false, Key::Repeated | Key::Known) => Some(Refusal::Busy(self.retry_after_ms())),
            (false, _) => Some(refusal),
        }
    }

    fn remember(&self, batch: &[Waiting], verdicts: &[Verdict]) {
        let mut known = self.known();
        for (waiting, verdict) in batch.iter().zip(verdicts) {
            if matches!(verdict, Verdict::Granted { .. }) {
                known.granted.add(&waiting.order.id);
            }
        }
    }

    /// Hands an order to the committer; `None` when the queue is full.
    pub(crate) fn queue(
        &self,
        order: NewOrder,
    ) -> Option<oneshot::Receiver<Result<Placed, Fault>>> {
        let (answer, receiver) = oneshot::channel();
        self.queue
            .try_send(Work::Order(Waiting { order, answer }))
            .ok()?;
        Some(receiver)
    }

    /// When one who is told `busy` should ask again: after the next window began, spread over it.
    pub(crate) fn retry_after_ms(&self) -> u32 {
        (WINDOW_MIN_MS as f64 * (1.0 + fastrand::f64())) as u32
    }

    /// What the ledger said within [`RECENT`]. When that is too old it is asked once, however many want
    /// to know; those who came before the question began share its answer.
    pub(crate) async fn recent_snapshot(&self) -> Result<(Snapshot, Tier), Fault> {
        if let Some(snapshot) = self.heard_lately() {
            return Ok((snapshot, Tier::Origin));
        }
        let came = Instant::now();
        let mut refresh = self.refresh.lock().await;
        if let Some(last) = refresh.as_ref().filter(|last| last.begun >= came) {
            return last
                .outcome
                .clone()
                .map(|snapshot| (snapshot, Tier::Ledger));
        }
        if let Some(snapshot) = self.heard_lately() {
            return Ok((snapshot, Tier::Origin));
        }
        let begun = Instant::now();
        let outcome = self.fresh_snapshot().await;
        *refresh = Some(Refresh {
            begun,
            outcome: outcome.clone(),
        });
        outcome.map(|snapshot| (snapshot, Tier::Ledger))
    }

    fn heard_lately(&self) -> Option<Snapshot> {
        let known = self.known();
        (known.heard.elapsed() < RECENT).then_some(known.snapshot)
    }

    /// Hears the ledger now.
    async fn fresh_snapshot(&self) -> Result<Snapshot, Fault> {
        let (answer, receiver) = oneshot::channel();
        if self.queue.try_send(Work::Poll(Some(answer))).is_err() {
            return Ok(self.known().snapshot);
        }
        receiver
            .await
            .unwrap_or_else(|_| Err(Fault::NotSent("the committer stopped".into())))
    }

    /// The grant for an edge that asked just now.
    pub(crate) fn grant(&self, edge: &EdgeId, chance: f64) -> Grant {
        let now = self.ledger.now();
        let waiting = self.queue.max_capacity() - self.queue.capacity();
        let (own, live) = self.nodes.weights();
        // The other nodes' queues are as full as this one's, by weight.
        let in_cluster = |here: usize| {
            let all = here as u64 * u64::from(live.max(own)) / u64::from(own.max(1));
            u32::try_from(all).unwrap_or(u32::MAX)
        };
        let mut known = self.known();
        known.edges.seen(edge, now);
        let offer = Offer {
            live_edges: known.edges.live(),
            pending: in_cluster(waiting),
            can_take: in_cluster(self.queue.capacity()),
        };
        offer.grant(&known.snapshot, now, chance)
    }

    /// Waits until everything that waits in the queue now is done.
    pub(crate) async fn finish(&self) {
        let (done, receiver) = oneshot::channel();
        if self.queue.send(Work::Finish(done)).await.is_ok() {
            let _ = receiver.await;
        }
    }
}

impl Known {
    fn may_recheck(&mut self, now: UnixMillis) -> bool {
        let second = now.0 / 1_000;
        if self.recheck_second != second {
            self.recheck_second = second;
            self.rechecks = 0;
        }
        self.rechecks += 1;
        self.rechecks <= ORIGIN_RECHECKS_PER_SECOND
    }
}

/// The refusal that follows from a snapshot alone, whoever asks for however many. Whether a sale has opened
/// by its own clock only the ledger says.
fn no_supply(snapshot: &Snapshot, now: UnixMillis) -> Option<Refusal> {
    Some(match Supply::of(snapshot) {
        Supply::Free => return None,
        Supply::SoldOut => Refusal::SoldOut,
        Supply::AllHeld => Refusal::AllHeld,
        Supply::Paused => Refusal::Paused,
        Supply::Closed => Refusal::Closed,
        Supply::Unknown => Refusal::UnknownSale,
        Supply::NotOpen => match snapshot.terms.opens_at {
            UnixMillis(0) => Refusal::NotOpen(None),
            opens_at if now >= opens_at => return None,
            opens_at => Refusal::NotOpen(Some(opens_at)),
        },
    })
}

/// The task behind a desk.
#[derive(Debug)]
pub(crate) struct Committer {
    sale: SaleId,
    desk: Arc<Desk>,
    counters: Arc<Counters>,
    stock: Stock,
}

impl Committer {
    /// Opens the desk of a sale and starts its committer.
    pub(crate) fn open(
        sale: SaleId,
        ledger: Ledger,
        nodes: Arc<Nodes>,
        counters: Arc<Counters>,
        snapshot: Snapshot,
    ) -> Arc<Desk> {
        let (queue, work) = mpsc::channel(QUEUE_MAX);
        let known = Known {
            snapshot,
            heard: Instant::now(),
            edges: Edges::default(),
            granted: Recent::default(),
            recheck_second: 0,
            rechecks: 0,
            polled_at: UnixMillis(0),
        };
        let desk = Arc::new(Desk {
            queue,
            known: Mutex::new(known),
            ledger,
            nodes,
            refresh: tokio::sync::Mutex::default(),
        });
        let mut committer = Self {
            sale,
            desk: Arc::clone(&desk),
            counters,
            stock: Stock::default(),
        };
        committer.restock(&snapshot);
        tokio::spawn(committer.run(work));
        desk
    }

    async fn run(mut self, mut work: mpsc::Receiver<Work>) {
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // An order that the last batch had no stock for.
        let mut left_over: Option<Waiting> = None;
        loop {
            let first = match left_over.take() {
                Some(waiting) => Work::Order(waiting),
                None => tokio::select! {
                    biased;
                    received = work.recv() => match received {
                        Some(received) => received,
                        None => return,
                    },
                    _ = sweep.tick(), if self.desk.known().snapshot.held > 0 => Work::Poll(None),
                },
            };
            let mut round = Round::default();
            self.sort(first, &mut round);
            while round.batch.len() < BATCH_MAX && left_over.is_none() {
                match work.try_recv() {
                    Ok(next) => left_over = self.sort(next, &mut round),
                    Err(_) => break,
                }
            }
            self.carry_out(round).await;
        }
    }

    /// Puts one piece of work where it belongs; gives an order back that must wait for the next reply.
    fn sort(&mut self, work: Work, round: &mut Round) -> Option<Waiting> {
        match work {
            Work::Poll(answer) => {
                round.poll = true;
                round.polls.extend(answer);
            }
            Work::Finish(done) => round.finished.push(done),
            // Nobody waits and nothing was sent: as if it had never come.
            Work::Order(waiting) if waiting.answer.is_closed() => {}
            Work::Order(waiting) => {
                let supply = no_supply(&self.desk.known().snapshot, self.desk.ledger.now());
                match supply {
                    // An id that a client sent may be in the ledger, even now that nothing is free.
                    Some(refusal) if waiting.order.key == Key::Made => {
                        count(&self.counters.refused_by_origin);
                        let verdict = Verdict::Refused(refusal);
                        let _ = waiting.answer.send(Ok(Placed {
                            verdict,
                            by: Tier::Origin,
                        }));
                    }
                    Some(_) => round.batch.push(waiting),
                    None if self.stock.take(waiting.order.quantity) || round.batch.is_empty() => {
                        round.batch.push(waiting);
                    }
                    None => return Some(waiting),
                }
            }
        }
        None
    }

    async fn carry_out(&mut self, round: Round) {
        if !round.batch.is_empty() {
            self.commit(round.batch).await;
        }
        if round.poll {
            let heard = self.poll().await;
            for answer in round.polls {
                let _ = answer.send(heard.clone());
            }
        }
        for done in round.finished {
            let _ = done.send(());
        }
    }

    /// Sends one batch; when the outcome is unknown, once more: the ids make that harmless.
    async fn commit(&mut self, batch: Vec<Waiting>) {
        let orders: Vec<Reserve> = batch.iter().map(Waiting::reserve).collect();
        self.counters
            .batched_orders
            .fetch_add(orders.len() as u64, Ordering::Relaxed);
        let mut reply = self.desk.ledger.reserve(&self.sale, &orders).await;
        let resent = matches!(reply, Err(Fault::Unknown(_)));
        if resent {
            reply = match self.desk.ledger.reserve(&self.sale, &orders).await {
                // The first sending may have been carried out, whatever became of the second.
                Err(Fault::NotSent(reason)) => Err(Fault::Unknown(reason)),
                other => other,
            };
        }
        match reply {
            Ok(Some((snapshot, verdicts))) => {
                self.hear(&snapshot);
                self.desk.remember(&batch, &verdicts);
                for (waiting, verdict) in batch.into_iter().zip(verdicts) {
                    self.count(&verdict);
                    let _ = waiting.answer.send(Ok(Placed {
                        verdict,
                        by: Tier::Ledger,
                    }));
                }
            }
            Ok(None) => {
                let gone = Fault::Corrupt(format!("sale {} is gone from the ledger", self.sale));
                refuse_all(batch, &gone);
            }
            Err(fault) => refuse_all(batch, &fault),
        }
    }

    /// Hears the ledger and expires due holds, page by page.
    async fn poll(&mut self) -> Result<Snapshot, Fault> {
        loop {
            let Some((snapshot, expired)) = self.desk.ledger.sweep(&self.sale).await? else {
                return Err(Fault::Corrupt(format!(
                    "sale {} is gone from the ledger",
                    self.sale
                )));
            };
            self.hear(&snapshot);
            if expired < SWEEP_MAX as u64 {
                return Ok(snapshot);
            }
        }
    }

    fn hear(&mut self, snapshot: &Snapshot) {
        self.desk.hear(snapshot);
        self.restock(snapshot);
    }

    fn restock(&mut self, snapshot: &Snapshot) {
        let (own, live) = self.desk.nodes.weights();
        self.stock = Stock::of(snapshot.free(), own, live);
    }

    fn count(&self, verdict: &Verdict) {
        count(match verdict {
            Verdict::Granted {
                replayed: false, ..
            } => &self.counters.orders_granted,
            Verdict::Granted { replayed: true, .. } => &self.counters.orders_replayed,
            Verdict::Refused(_) => &self.counters.refused_by_ledger,
        });
    }
}

/// What one round of the committer carries out.
#[derive(Default)]
struct Round {
    batch: Vec<Waiting>,
    poll: bool,
    polls: Vec<oneshot::Sender<Result<Snapshot, Fault>>>,
    finished: Vec<oneshot::Sender<()>>,
}

impl Waiting {
    fn reserve(&self) -> Reserve {
        Reserve {
            id: self.order.id.clone(),
            buyer: self.order.buyer.clone(),
            quantity: self.order.quantity,
        }
    }
}

fn refuse_all(batch: Vec<Waiting>, fault: &Fault) {
    for waiting in batch {
        let _ = waiting.answer.send(Err(fault.clone()));
    }
}
