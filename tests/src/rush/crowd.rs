//! The crowd: a closed loop of connections that carry the buyers. A connection whose buyer has to
//! wait carries another one meanwhile.
//!
//! Everything runs on one thread: the generator shares the machine with what it measures.

use super::buyers::Buyers;
use super::order::{CrowdOrders, LastReply, REPEAT_AFTER_MS, observed, tier};
use super::stage::LoadStage;
use super::tally::LoadTally;
use super::waiting::{WaitingRequests, WaitingTurn};
use crate::harness::processes::thread_cpu;
use crate::harness::{ConnectionLost, HttpClient, HttpReply};
use anyhow::Result;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::{JoinSet, LocalSet};

/// How long a buyer asks before it counts as an error.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a buyer asks before it counts as an error.
const ATTEMPTS_MAX: u32 = 1_000;
/// How long nothing at all may be answered before the rush is given up.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Between two looks of the observer.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Longest sleep of a connection that waits for a buyer.
const NAP_MAX: Duration = Duration::from_millis(20);

/// How long a connection stays at another door when its own does not answer.
const AWAY: Duration = Duration::from_secs(1);

/// What the crowd wants.
#[derive(Debug)]
pub struct CrowdPlan {
    /// The doors: where orders go. Connections are spread over them in turn; one whose door does
    /// not answer knocks at the next for a while.
    pub urls: Vec<String>,
    /// The sale.
    pub sale: String,
    /// How many buyers come.
    pub buyers: u32,
    /// How many connections carry them.
    pub connections: u32,
    /// What the keys follow from.
    pub seed: u64,
    /// How many buyers come a second; `None` = as many as the connections carry.
    pub rate: Option<u32>,
    /// What a script beside the crowd sees.
    pub stage: Rc<LoadStage>,
}

/// What became of the crowd.
#[derive(Debug)]
pub struct CrowdOutcomes {
    /// What the buyers heard.
    pub tally: LoadTally,
    /// From the first request to the last answer.
    pub took: Duration,
    /// Processor time that the crowd itself took.
    pub cpu: Duration,
    /// Connections opened, reopened ones included.
    pub connections_opened: u64,
}

struct Crowd {
    buyers: Buyers,
    count: u32,
    next: u32,
    waiting: WaitingRequests,
    tally: LoadTally,
    rate: Option<u32>,
    stage: Rc<LoadStage>,
    started: Instant,
    answered_at: Instant,
    opened: u64,
    given_up: bool,
}

enum Next {
    Ask(WaitingTurn),
    Nap(Duration),
    Done,
}

impl Crowd {
    /// Who asks next on a connection that is free.
    fn next(&mut self, now: Instant) -> Next {
        if self.given_up {
            return Next::Done;
        }
        if let Some(turn) = self.waiting.due(now) {
            return Next::Ask(turn);
        }
        let early = self.early(now);
        if self.next < self.count && !self.waiting.is_full() && early.is_none() {
            self.next += 1;
            return Next::Ask(WaitingTurn {
                buyer: self.next - 1,
                attempts: 0,
                repeated: false,
                came: now,
            });
        }
        // When nobody waits, those who are still asking have connections of their own.
        let due = self.waiting.next_at();
        let due = due.map(|at| at.saturating_duration_since(now));
        let pause = due.into_iter().chain(early).min();
        pause.map_or(Next::Done, |pause| Next::Nap(pause.min(NAP_MAX)))
    }

    /// How long it is until the next new buyer comes, if somebody is still to come and it is too
    /// early now.
    fn early(&self, now: Instant) -> Option<Duration> {
        let rate = self.rate.filter(|_| self.next < self.count)?;
        let comes = self.started + Duration::from_secs(1) * self.next / rate;
        Some(comes.saturating_duration_since(now)).filter(|wait| !wait.is_zero())
    }

    fn observe(
        &mut self,
        turn: WaitingTurn,
        door: usize,
        answer: &Result<HttpReply, ConnectionLost>,
        asked: Instant,
    ) {
        let now = Instant::now();
        let took = now - asked;
        self.tally.requests += 1;
        self.tally.took(asked - self.started, took);
        if let Ok(answer) = answer
            && answer.status.is_server_error()
        {
            self.tally.fault(answer);
        }
        let tier = answer.as_ref().ok().and_then(tier);
        if let Some(tier) = tier {
            self.tally.all_by.add(tier);
        }
        if answer.is_ok() {
            self.answered_at = now;
        } else if now.saturating_duration_since(self.answered_at) > SILENCE_MAX {
            self.given_up = true;
        }
        match (observed(answer, || self.buyers.key(turn.buyer)), tier) {
            (LastReply::Granted, Some(tier)) => {
                self.tally.grant(turn.buyer, tier, took, now - turn.came);
                self.tally.granted_at[door] += 1;
                self.note();
            }
            (LastReply::Refused, Some(tier)) => {
                self.tally.refuse(turn.buyer, tier, took);
                self.note();
            }
            (LastReply::Granted | LastReply::Refused, None) => {
                self.tally.fail(turn.buyer, || format!("no tier in the answer {answer:?}"))
            }
            (LastReply::Wrong(what), _) => self.tally.fail(turn.buyer, || what),
            (LastReply::Later { wait_ms, busy: true }, _) => {
                self.tally.busy_retries += 1;
                self.again(turn, wait_ms, now, || "busy".to_owned());
            }
            (LastReply::Later { wait_ms, .. }, _) => {
                self.tally.other_retries += 1;
                self.again(turn, wait_ms, now, || format!("{answer:?}"));
            }
            (LastReply::Lost(why), _) => {
                self.tally.lost_answers += 1;
                let turn = WaitingTurn { repeated: true, ..turn };
                self.again(turn, REPEAT_AFTER_MS, now, || why);
            }
        }
    }

    fn again(
        &mut self,
        mut turn: WaitingTurn,
        wait_ms: u32,
        now: Instant,
        why: impl FnOnce() -> String,
    ) {
        turn.attempts += 1;
        let asked_for = now - turn.came;
        if turn.attempts >= ATTEMPTS_MAX || asked_for > PATIENCE {
            let attempts = turn.attempts;
            self.tally.fail(turn.buyer, || {
                format!("gave up after {attempts} attempts in {asked_for:?}: {}", why())
            });
        } else {
            self.waiting.push(now + Duration::from_millis(u64::from(wait_ms)), turn);
        }
    }

    fn note(&self) {
        self.stage.note(&self.tally);
    }
}

/// Sends the crowd; `observe` sees the tally from time to time.
///
/// # Errors
/// The plan has an address that cannot be one.
pub async fn send(plan: CrowdPlan, mut observe: impl FnMut(&LoadTally)) -> Result<CrowdOutcomes> {
    let buyers = Buyers::new(plan.seed);
    let orders = Rc::new(CrowdOrders::new(buyers, &plan.sale)?);
    let (started, cpu_before) = (Instant::now(), thread_cpu());
    let crowd = Rc::new(RefCell::new(Crowd {
        buyers,
        count: plan.buyers,
        next: 0,
        waiting: WaitingRequests::default(),
        tally: LoadTally::new(plan.buyers, plan.urls.len())?,
        rate: plan.rate,
        stage: plan.stage,
        started,
        answered_at: started,
        opened: 0,
        given_up: false,
    }));
    let mut doors = Vec::with_capacity(plan.connections as usize);
    for home in 0..plan.connections as usize {
        doors.push(Doors::new(&plan.urls, home)?);
    }
    LocalSet::new()
        .run_until(async {
            let mut connections = JoinSet::new();
            for doors in doors {
                connections.spawn_local(carry(Rc::clone(&crowd), Rc::clone(&orders), doors));
            }
            let mut look = tokio::time::interval(LOOK_EVERY);
            loop {
                tokio::select! {
                    ended = connections.join_next() => match ended {
                        Some(ended) => ended.expect("a connection's task does not panic"),
                        None => break,
                    },
                    _ = look.tick() => observe(&crowd.borrow().tally),
                }
            }
        })
        .await;
    let (took, cpu) = (started.elapsed(), thread_cpu() - cpu_before);
    let mut crowd = Rc::into_inner(crowd).expect("all connections have ended").into_inner();
    let silent = u64::from(plan.buyers) - crowd.tally.done();
    if silent > 0 {
        let why = format!("nothing answered for {SILENCE_MAX:?}, {silent} buyers were given up");
        crowd.tally.errors += silent;
        crowd.tally.samples.insert(0, why);
    }
    observe(&crowd.tally);
    Ok(CrowdOutcomes { tally: crowd.tally, took, cpu, connections_opened: crowd.opened })
}

/// The doors as one connection knows them: its own first, the next one when that does not answer.
struct Doors {
    clients: Vec<(usize, HttpClient)>,
    /// How many doors it is away from its own, and until when.
    away: Option<(usize, Instant)>,
}

impl Doors {
    fn new(urls: &[String], home: usize) -> Result<Self> {
        let mut clients = Vec::with_capacity(urls.len());
        for step in 0..urls.len() {
            let door = (home + step) % urls.len();
            clients.push((door, HttpClient::new(&urls[door])?));
        }
        Ok(Self { clients, away: None })
    }

    fn present(&mut self) -> &mut (usize, HttpClient) {
        self.away.take_if(|(_, until)| *until <= Instant::now());
        let step = self.away.map_or(0, |(step, _)| step);
        &mut self.clients[step]
    }

    fn go_on(&mut self) {
        let step = self.away.map_or(0, |(step, _)| step);
        self.away = Some(((step + 1) % self.clients.len(), Instant::now() + AWAY));
    }
}

/// One connection's life. No borrow of the crowd is held while it waits.
async fn carry(crowd: Rc<RefCell<Crowd>>, orders: Rc<CrowdOrders>, mut doors: Doors) {
    loop {
        let next = crowd.borrow_mut().next(Instant::now());
        match next {
            Next::Done => break,
            Next::Nap(time) => tokio::time::sleep(time).await,
            Next::Ask(turn) => {
                let asked = Instant::now();
                let (door, client) = doors.present();
                let answer = client.send(orders.request(turn.buyer, turn.repeated)).await;
                crowd.borrow_mut().observe(turn, *door, &answer, asked);
                if answer.is_err() {
                    doors.go_on();
                }
            }
        }
    }
    crowd.borrow_mut().opened += doors.clients.iter().map(|(_, c)| c.opened()).sum::<u64>();
}
