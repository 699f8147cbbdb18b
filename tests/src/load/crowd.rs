//! Sends a load over its connections: closed or open loop.
//!
//! A closed loop ([`Pace::AsFastAsItGoes`], [`Pace::Buyers`]) sends the next request of a
//! connection when the last one was answered. An open loop ([`Pace::Rate`]) sends at intended
//! times, whatever the answers do, and counts the time of an answer from the intended time of its
//! request: what a server delays while it stalls is in the latencies.

use super::connection::{ANSWER_WITHIN, Attempt, LoadConnection, LoadTarget, REPEAT_AFTER_MS};
use super::pacer::{Pacer, intended};
use super::protocol::LoadProtocol;
use super::reply::LastReply;
use super::request::LoadRequest;
use super::stage::LoadStage;
use super::streams::{STREAMS_EACH, SharedStreams};
use super::tally::{LoadTally, OrderOutcome};
use super::waiting::{WaitingRequests, WaitingTurn};
use crate::harness::processes::thread_cpu;
use anyhow::{Context, Result};
use shared::Code;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

/// How long a buyer asks before it counts as an error.
const ASKS_FOR: Duration = Duration::from_secs(120);
/// How often a buyer asks before it counts as an error.
const ATTEMPTS_MAX: u32 = 1_000;
/// How long nothing at all may be answered before a load is given up.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Between two calls of the observer.
const OBSERVE_EVERY: Duration = Duration::from_millis(100);
/// Longest sleep of a connection that waits for a buyer, and its pause after a failure.
const NAP_MAX: Duration = Duration::from_millis(20);

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// For so long, each connection sends as soon as its last request was answered.
    AsFastAsItGoes(Duration),
    /// So many buyers, each asking until there is a final answer. `a_second` = how many come,
    /// `None` = as many as the connections carry. A connection whose buyer has to wait carries
    /// another one meanwhile.
    Buyers { count: u32, a_second: Option<u32> },
    /// So many requests a second for so long, at intended times, whether or not earlier ones were
    /// answered. As many can be under way as there are connections; those that are due meanwhile
    /// wait, and their time counts.
    Rate(u32, Duration),
}

/// A load.
#[derive(Clone, Debug)]
pub struct CrowdLoad {
    /// The entry points. Connections are spread over them in turn; one that gets no answer goes to
    /// the next for a while.
    pub to: Vec<String>,
    /// How many connections carry it; with HTTP/2, so many requests are under way at the same time.
    pub connections: u32,
    /// Over what.
    pub protocol: LoadProtocol,
    /// What is asked: connections take these in turn. One is the rule; several sales need several.
    pub ask: Vec<LoadRequest>,
    /// When.
    pub pace: Pace,
    /// How long a request of an open loop waits for a free connection; then it is not sent, as when
    /// a buyer goes away. `None` = for ever.
    pub goes_away: Option<Duration>,
    /// Sent before, as fast as it goes; its answers count for the audit and for nothing else.
    pub warm_up: Duration,
    /// Keep the latencies of each such slice of time apart.
    pub slice: Option<Duration>,
    /// Where a script beside the load sees how far it is.
    pub stage: Option<Rc<LoadStage>>,
}

impl CrowdLoad {
    /// A load without what few need.
    pub fn new(to: &[String], ask: LoadRequest, connections: u32, pace: Pace) -> Self {
        Self {
            to: to.to_vec(),
            connections,
            protocol: LoadProtocol::H1,
            ask: vec![ask],
            pace,
            goes_away: None,
            warm_up: Duration::ZERO,
            slice: None,
            stage: None,
        }
    }
}

/// What became of a load.
#[derive(Debug)]
pub struct CrowdOutcomes {
    /// What was answered.
    pub tally: LoadTally,
    /// From the first request to the last answer.
    pub took: Duration,
    /// When it set out, in milliseconds since 1970.
    pub began_at_ms: u64,
    /// Processor time of the generator.
    pub cpu: Duration,
    /// Connections opened, reopened ones included.
    pub connections_opened: u64,
}

impl CrowdOutcomes {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.tally.requests as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// Tickets a second.
    pub fn granted_rate(&self) -> f64 {
        self.tally.granted as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// Final refusals that had arrived before `at_ms` (milliseconds since 1970).
    pub fn refused_before(&self, at_ms: u64) -> u64 {
        let until = at_ms.saturating_sub(self.began_at_ms) as usize;
        let counted = self.tally.refused_in_ms.iter().take(until);
        counted.map(|count| u64::from(*count)).sum()
    }
}

/// Sends `load`; `observe` sees the tally from time to time.
///
/// # Errors
/// A connection cannot be opened at the start. What goes wrong later is in the tally.
pub async fn send(load: &CrowdLoad, observe: impl FnMut(&LoadTally)) -> Result<CrowdOutcomes> {
    let mut outcomes = Vec::new();
    if !load.warm_up.is_zero() {
        let before = run(load, Pace::AsFastAsItGoes(load.warm_up), outcomes, |_| {}).await?;
        outcomes = before.tally.outcomes;
    }
    run(load, load.pace, outcomes, observe).await
}

struct State {
    tally: LoadTally,
    pace: Pace,
    next: u32,
    end: u32,
    waiting: WaitingRequests,
    stage: Option<Rc<LoadStage>>,
    started: Instant,
    answered_at: Instant,
    connections_opened: u64,
}

enum Next {
    Ask(WaitingTurn),
    Nap(Duration),
    Done,
}

impl State {
    /// Who asks next on a connection that is free.
    fn next(&mut self, now: Instant) -> Next {
        if let Pace::AsFastAsItGoes(time) = self.pace
            && now >= self.started + time
        {
            return Next::Done;
        }
        if let Some(turn) = self.waiting.due(now) {
            return Next::Ask(turn);
        }
        let early = self.early(now);
        if self.next < self.end && !self.waiting.is_full() && early.is_none() {
            self.next += 1;
            let buyer = self.next - 1;
            return Next::Ask(WaitingTurn { buyer, attempts: 0, repeated: false, came: now });
        }
        // When nobody waits, those who are still asking have connections of their own.
        let due = self.waiting.next_at().map(|at| at.saturating_duration_since(now));
        let pause = due.into_iter().chain(early).min();
        pause.map_or(Next::Done, |pause| Next::Nap(pause.min(NAP_MAX)))
    }

    /// How long it is until the next new buyer comes, if it is too early now.
    fn early(&self, now: Instant) -> Option<Duration> {
        let Pace::Buyers { a_second: Some(rate), .. } = self.pace else { return None };
        let comes = self.started + Duration::from_secs(1) * self.next / rate;
        let wait = comes.saturating_duration_since(now);
        (self.next < self.end && !wait.is_zero()).then_some(wait)
    }

    fn observe(
        &mut self,
        turn: WaitingTurn,
        attempt: Attempt,
        sent: Instant,
        at: usize,
        idempotent: bool,
    ) {
        let now = Instant::now();
        let (took, tier) = (now - sent, attempt.tier);
        self.tally.attempt(&attempt, sent - self.started, took);
        if attempt.answered {
            self.answered_at = now;
        }
        match attempt.reply {
            LastReply::Granted => {
                self.tally.grant(turn.buyer, tier, took, now - turn.came);
                self.tally.granted_at[at] += 1;
                self.stage.iter().for_each(|stage| stage.report_granted(turn.buyer));
                self.note();
            }
            LastReply::Refused => {
                self.tally.refuse(turn.buyer, tier, took, now - self.started);
                self.stage.iter().for_each(|stage| stage.report_refused(turn.buyer));
                self.note();
            }
            LastReply::Wrong(what) => self.tally.fail(turn.buyer, &what),
            LastReply::Later { wait_ms, code } => {
                self.tally.busy_retries += u64::from(code == Code::Busy);
                self.tally.other_retries += u64::from(code != Code::Busy);
                self.again(turn, wait_ms, now, code.as_str());
            }
            LastReply::NotSent(why) => {
                self.tally.lost_because.get_or_insert_with(|| why.clone());
                self.tally.other_retries += 1;
                self.tally.not_sent += 1;
                self.again(turn, REPEAT_AFTER_MS, now, &why);
            }
            LastReply::Lost(why) if idempotent => {
                self.tally.lost_because.get_or_insert_with(|| why.clone());
                self.tally.lost_answers += 1;
                if !matches!(self.pace, Pace::Buyers { .. }) {
                    self.tally.unknown.push(turn.buyer);
                }
                self.again(WaitingTurn { repeated: true, ..turn }, REPEAT_AFTER_MS, now, &why);
            }
            LastReply::Lost(why) => self.tally.fail(turn.buyer, &why),
        }
    }

    /// The buyer asks again when it is time, if this is a load of buyers.
    fn again(&mut self, mut turn: WaitingTurn, wait_ms: u32, now: Instant, why: &str) {
        turn.attempts += 1;
        let (attempts, asked_for) = (turn.attempts, now - turn.came);
        if !matches!(self.pace, Pace::Buyers { .. }) {
            self.tally.settle(turn.buyer, OrderOutcome::Open);
        } else if attempts >= ATTEMPTS_MAX || asked_for > ASKS_FOR {
            let why = format!("gave up after {attempts} attempts in {asked_for:?}: {why}");
            self.tally.fail(turn.buyer, &why);
        } else {
            self.waiting.push(now + Duration::from_millis(wait_ms.into()), turn);
        }
    }

    fn note(&self) {
        if let Some(stage) = &self.stage {
            stage.note(&self.tally);
        }
    }
}

/// Who waits for the intended times of an open loop.
#[derive(Clone)]
struct Clock {
    due: Arc<Semaphore>,
    rate: u32,
    first: u32,
    goes_away: Option<Duration>,
}

async fn run(
    load: &CrowdLoad,
    pace: Pace,
    mut outcomes: Vec<OrderOutcome>,
    observe: impl FnMut(&LoadTally),
) -> Result<CrowdOutcomes> {
    let to: Result<Arc<[_]>> = load.to.iter().map(|url| LoadTarget::parse(url)).collect();
    let to = to?;
    let connections = open(load, &to).await?;
    let first = u32::try_from(outcomes.len())?;
    let end = match pace {
        Pace::AsFastAsItGoes(_) => u32::MAX,
        Pace::Buyers { count, .. } => first + count,
        Pace::Rate(rate, time) => {
            first + u32::try_from(u128::from(rate) * time.as_micros() / 1_000_000)?
        }
    };
    if matches!(pace, Pace::Buyers { .. }) {
        outcomes.resize(end as usize, OrderOutcome::Open);
    }
    let (began_at, cpu, started) = (SystemTime::now(), thread_cpu(), Instant::now());
    let state = Rc::new(RefCell::new(State {
        tally: LoadTally { slice: load.slice, ..LoadTally::new(outcomes, to.len()) },
        pace,
        next: first,
        end,
        waiting: WaitingRequests::default(),
        stage: load.stage.clone(),
        started,
        answered_at: started,
        connections_opened: 0,
    }));
    let pacer = match pace {
        Pace::Rate(rate, _) => Some((Pacer::start(started, rate, end - first), rate)),
        _ => None,
    };
    let clock = pacer.as_ref().map(|(pacer, rate)| Clock {
        due: pacer.due(),
        rate: *rate,
        first,
        goes_away: load.goes_away,
    });
    let carriers = connections.into_iter().zip(load.ask.iter().cycle());
    let carriers = carriers
        .map(|(connection, ask)| carry(Rc::clone(&state), ask.clone(), connection, clock.clone()));
    LocalSet::new().run_until(all(carriers, &state, observe)).await;
    drop(pacer);
    let state = Rc::into_inner(state).context("all connections have ended")?.into_inner();
    Ok(CrowdOutcomes {
        tally: state.tally,
        took: state.answered_at - started,
        began_at_ms: began_at.duration_since(UNIX_EPOCH)?.as_millis() as u64,
        cpu: thread_cpu() - cpu,
        connections_opened: state.connections_opened,
    })
}

/// The connections of a load. With HTTP/2 as many as may be under way on one share it.
async fn open(load: &CrowdLoad, to: &Arc<[LoadTarget]>) -> Result<Vec<LoadConnection>> {
    let together = match load.protocol {
        LoadProtocol::H1 => 1,
        LoadProtocol::H2 => STREAMS_EACH as usize,
    };
    let mut connections = Vec::with_capacity(load.connections as usize);
    let mut shared = SharedStreams::new(to.len());
    for number in 0..load.connections as usize {
        let mut connection = LoadConnection::at(Arc::clone(to), number / together);
        if load.protocol == LoadProtocol::H2 {
            if number.is_multiple_of(together) {
                shared = SharedStreams::new(to.len());
            }
            connection = connection.over(shared.clone());
        }
        connection.open().await?;
        connections.push(connection);
    }
    Ok(connections)
}

/// Runs all connections to their end, or until nothing was answered for too long.
async fn all(
    carriers: impl Iterator<Item = impl Future<Output = ()> + 'static>,
    state: &RefCell<State>,
    mut observe: impl FnMut(&LoadTally),
) {
    let mut tasks = JoinSet::new();
    for carrier in carriers {
        tasks.spawn_local(carrier);
    }
    let mut tick = tokio::time::interval(OBSERVE_EVERY);
    loop {
        tokio::select! {
            ended = tasks.join_next() => match ended {
                Some(ended) => ended.expect("a connection's task does not panic"),
                None => break,
            },
            _ = tick.tick() => {
                observe(&state.borrow().tally);
                if state.borrow().answered_at.elapsed() > SILENCE_MAX {
                    break;
                }
            }
        }
    }
    let (State { tally, pace, .. }, stuck) = (&mut *state.borrow_mut(), tasks.len() as u64);
    if stuck > 0 {
        let silent = match *pace {
            Pace::Buyers { count, .. } => u64::from(count) - tally.done(),
            _ => stuck,
        };
        let why = format!("nothing answered for {SILENCE_MAX:?}, {silent} buyers were given up");
        tally.errors += silent;
        tally.samples.insert(0, why);
    }
    observe(tally);
}

/// One connection's life. No borrow of the state is held while it waits.
async fn carry(
    state: Rc<RefCell<State>>,
    ask: LoadRequest,
    mut connection: LoadConnection,
    clock: Option<Clock>,
) {
    let (started, pace) = (state.borrow().started, state.borrow().pace);
    // A timer for each request is dear. Where nobody repeats one, the silence of all is enough.
    let within = matches!(pace, Pace::Buyers { .. }).then_some(ANSWER_WITHIN);
    loop {
        if let Some(clock) = &clock {
            match clock.due.acquire().await {
                Ok(permit) => permit.forget(),
                Err(_) => break,
            }
        }
        let mut sent = Instant::now();
        let next = state.borrow_mut().next(sent);
        let turn = match next {
            Next::Done => break,
            Next::Nap(time) => {
                tokio::time::sleep(time).await;
                continue;
            }
            Next::Ask(turn) => turn,
        };
        if let Some(clock) = &clock {
            sent = intended(started, clock.rate, turn.buyer - clock.first);
        }
        let goes_away = clock.as_ref().and_then(|clock| clock.goes_away);
        if goes_away.is_some_and(|time| sent.elapsed() > time) {
            let tally = &mut state.borrow_mut().tally;
            tally.unsent += 1;
            tally.settle(turn.buyer, OrderOutcome::Open);
        } else {
            let at = connection.present();
            let attempt = connection.ask(&ask, turn.buyer, turn.repeated, within).await;
            let answered = attempt.answered;
            state.borrow_mut().observe(turn, attempt, sent, at, ask.is_idempotent());
            if !answered {
                // Whoever does not answer is not asked in a busy loop.
                tokio::time::sleep(NAP_MAX).await;
            }
        }
        let state = state.borrow();
        if let Some(clock) = clock.as_ref().filter(|_| state.next >= state.end) {
            // Those who wait for a request that will not come.
            clock.due.close();
        }
    }
    state.borrow_mut().connections_opened += connection.opened;
}

#[cfg(test)]
mod tests;
