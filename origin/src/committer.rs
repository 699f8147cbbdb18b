//! The committer of one sale: gathers orders while a batch is at the ledger, takes the next batch
//! from the local stock, and hears everything anew from each reply.
//!
//! There are no timers on the way of an order: an idle committer sends at once, a busy one sends
//! what gathered during one round trip.

use crate::happenings::Happenings;
use crate::ledger::{Fault, Ledger, Reserve, Verdict};
use crate::metrics::{Counters, SaleCounts, count};
use crate::nodes::Nodes;
use crate::sales::{Placed, Tier};
use crate::spans;
use shared::gate::Key;
use shared::limits::{BATCH_MAX, QUEUE_MAX, REPOLL_MS, SWEEP_MAX};
use shared::outlook::{self, Admission, Load, Outlook};
use shared::recent::Recent;
use shared::{BuyerId, EdgeId, Grant, OrderId, Quantity, Refusal, SaleId, Snapshot, Stock};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, Span};

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
    /// The request's part of its trace.
    span: Span,
}

/// A sale's desk: what the node knows of the sale, and the queue to its committer.
#[derive(Debug)]
pub(crate) struct Desk {
    queue: mpsc::Sender<Work>,
    known: Mutex<Known>,
    ledger: Ledger,
    nodes: Arc<Nodes>,
    sale: SaleId,
    counts: Arc<SaleCounts>,
    happenings: Arc<Happenings>,
    /// The last time that readers had the ledger asked; held while one of them asks.
    refresh: tokio::sync::Mutex<Option<Refresh>>,
}

/// What a desk knows of its sale at one moment.
#[derive(Clone, Debug)]
pub struct DeskView {
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
    outcome: Result<Snapshot, Fault>,
}

/// What the node knows of the sale. Hints.
#[derive(Debug)]
struct Known {
    outlook: Outlook,
    /// When the ledger was last heard, by the clock of this process.
    heard: Instant,
    /// Orders that were granted through this desk.
    granted: Recent,
}

impl Desk {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the ledger said, unless something newer was heard meanwhile.
    pub(crate) fn hear(&self, snapshot: &Snapshot) {
        let mut known = self.known();
        let old = *known.outlook.snapshot();
        if known.outlook.hear(snapshot) {
            self.happenings.compare(&self.sale, &old, snapshot);
            known.heard = Instant::now();
        }
    }

    /// What is counted for the sale.
    pub(crate) fn counts(&self) -> &SaleCounts {
        &self.counts
    }

    /// What is known of the sale now.
    pub(crate) fn view(&self) -> DeskView {
        let queued = self.queue.max_capacity() - self.queue.capacity();
        let known = self.known();
        DeskView {
            sale: self.sale.clone(),
            snapshot: *known.outlook.snapshot(),
            queued,
            live_edges: known.outlook.live_edges(self.ledger.now()),
            counts: Arc::clone(&self.counts),
        }
    }

    /// The "no" that needs no ledger: nothing was free when it was last heard. Asks the ledger in the background
    /// whether that still stands.
    pub(crate) fn refuse_from_memory(&self, order: &NewOrder) -> Option<Refusal> {
        let now = self.ledger.now();
        let mut known = self.known();
        let granted = known.granted.has(&order.id);
        let received = known
            .outlook
            .receive(order.key, granted, now, fastrand::f64());
        drop(known);
        if received.poll {
            // A full queue hears the ledger anyway.
            let _ = self.queue.try_send(Work::Poll(None));
        }
        received.refusal
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
            .try_send(Work::Order(Waiting {
                order,
                answer,
                span: spans::of_waiting(),
            }))
            .ok()?;
        Some(receiver)
    }

    /// When one who is told `busy` should ask again.
    pub(crate) fn retry_after_ms(&self) -> u32 {
        outlook::retry_after_ms(fastrand::f64())
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
        (known.heard.elapsed() < RECENT).then(|| *known.outlook.snapshot())
    }

    /// Hears the ledger now.
    async fn fresh_snapshot(&self) -> Result<Snapshot, Fault> {
        let (answer, receiver) = oneshot::channel();
        if self.queue.try_send(Work::Poll(Some(answer))).is_err() {
            return Ok(*self.known().outlook.snapshot());
        }
        receiver
            .await
            .unwrap_or_else(|_| Err(Fault::NotSent("the committer stopped".into())))
    }

    /// The grant for an edge that asked just now.
    pub(crate) fn grant(&self, edge: &EdgeId, chance: f64) -> Grant {
        let now = self.ledger.now();
        let room = self.queue.capacity();
        let (weight, live_weight) = self.nodes.weights();
        let load = Load {
            waiting: self.queue.max_capacity() - room,
            room,
            weight,
            live_weight,
        };
        self.known().outlook.grant(edge, load, now, chance)
    }

    /// Waits until everything that waits in the queue now is done.
    pub(crate) async fn finish(&self) {
        let (done, receiver) = oneshot::channel();
        if self.queue.send(Work::Finish(done)).await.is_ok() {
            let _ = receiver.await;
        }
    }
}

/// The task behind a desk.
#[derive(Debug)]
pub(crate) struct Committer {
    sale: SaleId,
    desk: Arc<Desk>,
    counters: Arc<Counters>,
    stock: Stock,
    /// Batches that were sent, which numbers them in spans.
    batches: u64,
}

impl Committer {
    /// Opens the desk of a sale and starts its committer.
    pub(crate) fn open(
        sale: SaleId,
        ledger: Ledger,
        nodes: Arc<Nodes>,
        counters: Arc<Counters>,
        happenings: Arc<Happenings>,
        snapshot: Snapshot,
    ) -> Arc<Desk> {
        let (queue, work) = mpsc::channel(QUEUE_MAX);
        let known = Known {
            outlook: Outlook::new(snapshot),
            heard: Instant::now(),
            granted: Recent::default(),
        };
        let desk = Arc::new(Desk {
            queue,
            known: Mutex::new(known),
            ledger,
            nodes,
            sale: sale.clone(),
            counts: counters.of_sale(&sale),
            happenings,
            refresh: tokio::sync::Mutex::default(),
        });
        let mut committer = Self {
            sale,
            desk: Arc::clone(&desk),
            counters,
            stock: Stock::default(),
            batches: 0,
        };
        committer.restock(&snapshot);
        tokio::spawn(committer.run(work));
        desk
    }

    async fn run(mut self, mut work: mpsc::Receiver<Work>) {
        let mut sweep = tokio::time::interval(Duration::from_millis(REPOLL_MS));
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
                    _ = sweep.tick(), if self.desk.known().outlook.snapshot().held > 0 => Work::Poll(None),
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
                let admission = self.desk.known().outlook.admit(
                    &mut self.stock,
                    waiting.order.key,
                    waiting.order.quantity,
                    round.batch.is_empty(),
                    self.desk.ledger.now(),
                );
                match admission {
                    Admission::Send => round.batch.push(waiting),
                    Admission::Later => return Some(waiting),
                    Admission::Refuse(refusal) => {
                        count(&self.counters.refused_by_origin);
                        count(&self.desk.counts.refused_by_origin);
                        let _ = waiting.answer.send(Ok(Placed {
                            verdict: Verdict::Refused(refusal),
                            by: Tier::Origin,
                        }));
                    }
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
        self.batches += 1;
        let waiting = batch.iter().map(|waiting| &waiting.span);
        let span = spans::of_batch(&self.sale, self.batches, waiting);
        let reserve = || {
            let reserving = self.desk.ledger.reserve(&self.sale, &orders);
            reserving.instrument(span.clone())
        };
        let mut reply = reserve().await;
        let resent = matches!(reply, Err(Fault::Unknown(_)));
        if resent {
            reply = match reserve().await {
                // The first sending may have been carried out, whatever became of the second.
                Err(Fault::NotSent(reason)) => Err(Fault::Unknown(reason)),
                other => other,
            };
        }
        spans::decided(&span, reply.as_ref().err());
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
