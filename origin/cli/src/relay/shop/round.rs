//! Work of the process that relays: one task that decides, and bounded tasks that wait for Redis
//! and for receivers.
//!
//! What is known of sales and endpoints is kept here alone. Each task says what it found when it
//! ends, so nothing is shared and nothing is locked.

use super::metrics::{EndpointCounts, WebhookMetrics};
use super::queue::{NextTurn, Queue};
use super::sales::Sales;
use super::status::{RELAY_FIELD, RelayProcess, RetryAsk, endpoint_field, status_of};
use super::tasks::{Done, PollJob, Regular};
use super::turn::{self, EndOfTurn, TurnEnd, TurnPlan};
use super::{ShopPlan, tasks};
use crate::relay::endpoints::WebhooksConfig;
use crate::relay::stop::Stop;
use lastseat_ledger::Ledger;
use lastseat_node::secret::Secret;
use shared::limits::{WEBHOOK_ASK_LIFE_MS, WEBHOOK_POLLS_PER_SECOND};
use shared::{SaleId, UnixMillis};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tracing::{info, warn};

/// Time between two looks at what is due.
const TICK: Duration = Duration::from_millis(50);
/// Sales that one task asks for, one after the other.
const POLL_CHUNK: usize = 64;
/// Such tasks at a time.
const POLL_TASKS: usize = 8;
/// Sales whose log is asked in one tick.
const POLLS_PER_TICK: usize = WEBHOOK_POLLS_PER_SECOND / 20;
/// Deliveries under way may take this long when the relay stops: less than a node has.
const FINISH: Duration = Duration::from_secs(3);
/// The list of sales that have ended is read each so many times that the other one is.
const ENDED_EVERY: u64 = 30;

/// Why a round ended.
#[derive(Debug)]
pub(super) enum RoundEnd {
    /// The relay is to stop.
    Stopped,
    /// All that was there was delivered, or can not be: so many sales of each endpoint are left.
    Over(BTreeMap<String, u64>),
    /// The file of endpoints says something else.
    Changed(WebhooksConfig),
    /// A task has ended badly: a new round finds out where it was.
    Broken,
}

/// The work between taking it over and its end.
pub(super) struct Round<'a> {
    plan: &'a ShopPlan,
    config: &'a WebhooksConfig,
    ledger: Ledger,
    aside: Ledger,
    token: Secret,
    metrics: Arc<WebhookMetrics>,
    process: RelayProcess,
    queues: Vec<Queue>,
    sales: Sales,
    tasks: JoinSet<Done>,
    stop_turns: watch::Sender<bool>,
    turns_stop: Stop,
    polls: usize,
    lists: Regular,
    lists_read: u64,
    asks: Regular,
    statuses: Regular,
    files: Regular,
    /// What was published last, by field.
    published: BTreeMap<String, String>,
    /// Retries that were asked for and are done, as long as Redis has them.
    taken: HashSet<String>,
    /// What was last found wrong with the file.
    wrong: Vec<String>,
}

impl<'a> Round<'a> {
    /// A round with `queues`, for the process that `process` describes.
    pub(super) fn new(
        (plan, config): (&'a ShopPlan, &'a WebhooksConfig),
        (ledger, aside, token): (&Ledger, &Ledger, &Secret),
        (queues, process): (Vec<Queue>, RelayProcess),
        metrics: &Arc<WebhookMetrics>,
    ) -> Self {
        let (stop_turns, turns_stop) = Stop::new();
        Self {
            plan,
            config,
            ledger: ledger.clone(),
            aside: aside.clone(),
            token: token.clone(),
            metrics: Arc::clone(metrics),
            process,
            queues,
            sales: Sales::default(),
            tasks: JoinSet::new(),
            stop_turns,
            turns_stop,
            polls: 0,
            lists: Regular::every(Duration::from_secs(2)),
            lists_read: 0,
            asks: Regular::every(Duration::from_millis(500)),
            statuses: Regular::every(Duration::from_secs(1)),
            files: Regular::every(Duration::from_secs(5)),
            published: BTreeMap::new(),
            taken: HashSet::new(),
            wrong: Vec::new(),
        }
    }

    /// Relays until it ends.
    pub(super) async fn run(mut self, stop: &mut Stop) -> RoundEnd {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            tokio::select! {
                () = stop.came() => break RoundEnd::Stopped,
                Some(done) = self.tasks.join_next() => match done {
                    Ok(done) => {
                        if let Some(end) = self.note(done) {
                            break end;
                        }
                    }
                    Err(error) => {
                        warn!("a task of the relay ended badly: {error}");
                        break RoundEnd::Broken;
                    }
                },
                _ = ticks.tick() => self.step(Instant::now()),
            }
            self.start_turns(Instant::now());
            if self.plan.once && self.is_over() {
                break RoundEnd::Over(self.left());
            }
        };
        self.wind_down().await;
        end
    }

    /// Lets the deliveries under way end, for a moment: what is cut off then comes once more.
    async fn wind_down(&mut self) {
        self.stop_turns.send_replace(true);
        let until = Instant::now() + FINISH;
        while self.queues.iter().any(Queue::is_running) {
            match timeout_at(until, self.tasks.join_next()).await {
                Ok(Some(Ok(Done::Turn(end)))) => self.finish(&end),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        self.tasks.shutdown().await;
    }

    fn is_over(&self) -> bool {
        // Where some found no place, those that have ended make room.
        let placed = !self.sales.is_full() || self.sales.ended().is_empty();
        let listed = self.sales.is_complete() && placed;
        listed && self.sales.unasked() == 0 && self.queues.iter().all(Queue::is_over)
    }

    fn left(&self) -> BTreeMap<String, u64> {
        let left = self.queues.iter().map(|queue| (queue.endpoint.name.clone(), queue.left()));
        left.collect()
    }

    /// Starts what is due.
    fn step(&mut self, now: Instant) {
        let free = POLL_TASKS.saturating_sub(self.polls);
        let due = self.sales.due(now, POLLS_PER_TICK.min(free * POLL_CHUNK));
        for chunk in due.chunks(POLL_CHUNK) {
            let jobs: Vec<PollJob> = chunk.iter().map(|sale| self.poll_job(sale)).collect();
            self.polls += 1;
            self.tasks.spawn(tasks::poll(self.ledger.clone(), jobs));
        }
        if self.lists.begin(now) {
            let with_ended = self.lists_read.is_multiple_of(ENDED_EVERY) || self.sales.is_full();
            self.tasks.spawn(tasks::list(self.ledger.clone(), with_ended));
        }
        if self.asks.begin(now) {
            self.tasks.spawn(tasks::asked(self.ledger.clone()));
        }
        if self.statuses.begin(now) {
            self.publish(now);
        }
        if let Some(file) = self.plan.file.clone()
            && self.files.begin(now)
        {
            self.tasks.spawn(tasks::read_file(file));
        }
    }

    /// What is to be found out of a sale.
    fn poll_job(&self, sale: &SaleId) -> PollJob {
        let unread = |(place, queue): (usize, &Queue)| {
            let stream = queue.stream(sale)?;
            stream.position.is_none().then(|| (place, Arc::clone(&queue.endpoint)))
        };
        let unread = self.queues.iter().enumerate().filter_map(unread).collect();
        PollJob { sale: sale.clone(), unread }
    }

    fn start_turns(&mut self, now: Instant) {
        for (place, queue) in self.queues.iter_mut().enumerate() {
            while let Some(NextTurn { sale, from, otherwise }) = queue.next(now) {
                self.tasks.spawn(tasks::turn(turn::run(TurnPlan {
                    place,
                    endpoint: Arc::clone(&queue.endpoint),
                    sale,
                    ledger: self.ledger.clone(),
                    aside: self.aside.clone(),
                    token: self.token.clone(),
                    from,
                    otherwise,
                    since: queue.since,
                    stop: self.turns_stop.clone(),
                })));
            }
        }
    }

    /// Takes in what a task found.
    fn note(&mut self, done: Done) -> Option<RoundEnd> {
        let now = Instant::now();
        match done {
            Done::Turn(end) => self.finish(&end),
            Done::Polled(polled) => {
                self.polls = self.polls.saturating_sub(1);
                for polled in polled {
                    self.polled(&polled, now);
                }
            }
            Done::Listed(listed) => {
                self.lists.end(now);
                if let Some((live, ended)) = listed {
                    self.lists_read += 1;
                    self.list(&live, ended.as_deref(), now);
                }
            }
            Done::Asked(asked) => {
                self.asks.end(now);
                let mut before = std::mem::take(&mut self.taken);
                for (id, ask) in asked {
                    // What was taken stands there until Redis has forgotten it.
                    if !before.remove(&id) {
                        self.retry(id.clone(), ask, now);
                    }
                    self.taken.insert(id);
                }
            }
            Done::Published(all) => {
                self.statuses.end(now);
                if !all {
                    self.published.clear();
                }
            }
            Done::Small => {}
            Done::Read(read) => {
                self.files.end(now);
                return self.read(*read);
            }
        }
        None
    }

    fn list(&mut self, live: &[SaleId], ended: Option<&[SaleId]>, now: Instant) {
        let queues = &self.queues;
        let takes =
            |sale: &SaleId| queues.iter().any(|queue| queue.endpoint.filter.takes_sale(sale));
        for sale in self.sales.list(live, ended, takes, now) {
            self.queues.iter_mut().for_each(|queue| queue.watch(&sale, now));
        }
        for sale in self.sales.ended() {
            self.leave(&sale);
        }
    }

    fn polled(&mut self, polled: &tasks::Polled, now: Instant) {
        self.sales.asked(&polled.sale, polled.end, now);
        for (place, kept, before) in &polled.positions {
            if let Some(queue) = self.queues.get_mut(*place) {
                queue.note_position(&polled.sale, *kept, *before);
            }
        }
        if let Some(end) = polled.end {
            let at = self.ledger.now();
            for queue in &mut self.queues {
                queue.note_end(&polled.sale, end, now, at);
            }
        }
        self.leave(&polled.sale);
    }

    /// Makes room where a sale has ended and everything of it was delivered.
    fn leave(&mut self, sale: &SaleId) {
        let done = || self.queues.iter().all(|queue| queue.is_done(sale));
        if self.sales.has_ended(sale) && done() {
            self.sales.finish(sale);
            self.queues.iter_mut().for_each(|queue| queue.forget(sale));
        }
    }

    fn finish(&mut self, end: &TurnEnd) {
        let (now, at) = (Instant::now(), self.ledger.now());
        let Some(queue) = self.queues.get_mut(end.place) else {
            return;
        };
        let failed = u64::from(matches!(end.why, EndOfTurn::NotTaken(_)));
        let more =
            EndpointCounts { entries: end.entries, events: end.events, failed_attempts: failed };
        self.metrics.count(&queue.endpoint.name, more);
        queue.finish(end, now, at, fastrand::f64());
        if self.config.acknowledge {
            self.acknowledge(&end.sale);
        }
        self.leave(&end.sale);
    }

    /// Acknowledges what all endpoints have taken, so that the log may forget it.
    fn acknowledge(&mut self, sale: &SaleId) {
        let streams = self.queues.iter().filter_map(|queue| queue.stream(sale));
        let positions: Option<Vec<u64>> = streams.map(|stream| stream.position).collect();
        if let Some(position) = positions.and_then(|positions| positions.into_iter().min())
            && self.sales.acknowledge(sale, position)
        {
            self.tasks.spawn(tasks::acknowledge(self.ledger.clone(), sale.clone(), position));
        }
    }

    /// Publishes how the endpoints stand, as far as that is news.
    fn publish(&mut self, now: Instant) {
        let at = self.ledger.now();
        let mut news = Vec::new();
        for queue in &self.queues {
            let status = status_of(queue, now, at);
            self.metrics.note(&status, at);
            // Our own type always serializes; an empty text is read as none.
            let text = serde_json::to_string(&status).unwrap_or_default();
            let field = endpoint_field(&status.endpoint);
            if self.published.get(&field) != Some(&text) {
                self.published.insert(field.clone(), text.clone());
                news.push((field, text));
            }
        }
        self.process.at = at;
        self.process.full = self.sales.is_full();
        self.process.sales = self.sales.len() as u64;
        let text = serde_json::to_string(&self.process).unwrap_or_default();
        news.push((RELAY_FIELD.to_owned(), text));
        self.tasks.spawn(tasks::publish(self.ledger.clone(), news));
    }

    /// Does what somebody asks for by hand.
    fn retry(&mut self, id: String, ask: Option<RetryAsk>, now: Instant) {
        self.tasks.spawn(tasks::took(self.ledger.clone(), id));
        let Some(ask) = ask.filter(|ask| self.is_fresh(ask.at)) else {
            return;
        };
        let name = &ask.endpoint;
        let sale = ask.sale.as_ref().map(|sale| &sale.0);
        let Some(place) = self.queues.iter().position(|queue| queue.endpoint.name == *name) else {
            warn!("a retry of endpoint {name} was asked for, which is not in the file");
            return;
        };
        if let Some(sale) = sale
            && self.sales.recall(sale, now)
        {
            self.queues.iter_mut().for_each(|queue| queue.watch(sale, now));
        }
        let which = sale.map_or_else(|| "all sales".to_owned(), |sale| format!("sale {sale}"));
        if self.queues[place].retry(sale, ask.from, now) {
            info!("endpoint {name}, {which}: tried now, as somebody asked for");
        } else {
            warn!("endpoint {name} takes nothing of {which}, which somebody wants to be tried");
        }
    }

    fn is_fresh(&self, at: UnixMillis) -> bool {
        self.ledger.now().since(at) <= WEBHOOK_ASK_LIFE_MS
    }

    /// Takes in what the file of endpoints says now.
    fn read(&mut self, read: Result<WebhooksConfig, Vec<String>>) -> Option<RoundEnd> {
        match read {
            Ok(config) if config.is_same(self.config) => self.wrong.clear(),
            Ok(config) => {
                info!("the file of endpoints has changed and is used from now on");
                return Some(RoundEnd::Changed(config));
            }
            Err(wrong) if wrong == self.wrong => {}
            Err(wrong) => {
                for sentence in &wrong {
                    warn!("{sentence}; the endpoints stay as they were");
                }
                self.wrong = wrong;
            }
        }
        None
    }
}
