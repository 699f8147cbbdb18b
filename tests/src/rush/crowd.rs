//! The crowd: a closed loop of connections that carry the buyers. A connection whose buyer has to
//! wait carries another one meanwhile.
//!
//! Everything runs on one thread: the generator shares the machine with what it measures.

use super::buyers::Buyers;
use super::order::{Heard, Orders, REPEAT_AFTER_MS, heard, tier};
use super::tally::Tally;
use super::waiting::{Turn, Waiting};
use crate::harness::{Answer, Client, Lost};
use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};
use std::cell::RefCell;
use std::fmt;
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

/// What the crowd wants.
pub struct Plan {
    /// Where orders go; connections are spread over them in turn.
    pub urls: Vec<String>,
    /// The sale.
    pub sale: String,
    /// How many buyers come.
    pub buyers: u32,
    /// How many connections carry them.
    pub connections: u32,
    /// What the keys follow from.
    pub seed: u64,
    /// Called once, when so many tickets are sold.
    pub milestone: Option<Milestone>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} buyers of {} at {:?}",
            self.buyers, self.sale, self.urls
        )
    }
}

/// Something to do when so many tickets are sold.
pub struct Milestone {
    /// How many.
    pub granted: u64,
    /// What to do.
    pub then: Box<dyn FnOnce()>,
}

impl fmt::Debug for Milestone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} granted", self.granted)
    }
}

/// What became of the crowd.
#[derive(Debug)]
pub struct Outcomes {
    /// What the buyers heard.
    pub tally: Tally,
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
    waiting: Waiting,
    tally: Tally,
    milestone: Option<Milestone>,
    answered_at: Instant,
    opened: u64,
    given_up: bool,
}

enum Next {
    Ask(Turn),
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
        if self.next < self.count && !self.waiting.is_full() {
            self.next += 1;
            return Next::Ask(Turn {
                buyer: self.next - 1,
                attempts: 0,
                repeated: false,
                came: now,
            });
        }
        // When nobody waits, those who are still asking have connections of their own.
        self.waiting.next_at().map_or(Next::Done, |at| {
            Next::Nap(at.saturating_duration_since(now).min(NAP_MAX))
        })
    }

    fn hear(&mut self, turn: Turn, answer: &Result<Answer, Lost>, took: Duration, now: Instant) {
        self.tally.requests += 1;
        let tier = answer.as_ref().ok().and_then(tier);
        if let Some(tier) = tier {
            self.tally.all_by.add(tier);
        }
        if answer.is_ok() {
            self.answered_at = now;
        } else if now.saturating_duration_since(self.answered_at) > SILENCE_MAX {
            self.given_up = true;
        }
        match (heard(answer, || self.buyers.key(turn.buyer)), tier) {
            (Heard::Granted, Some(tier)) => {
                self.tally.grant(turn.buyer, tier, took, now - turn.came);
                self.celebrate();
            }
            (Heard::Refused, Some(tier)) => self.tally.refuse(turn.buyer, tier, took),
            (Heard::Granted | Heard::Refused, None) => self
                .tally
                .fail(turn.buyer, || format!("no tier in the answer {answer:?}")),
            (Heard::Wrong(what), _) => self.tally.fail(turn.buyer, || what),
            (
                Heard::Later {
                    wait_ms,
                    busy: true,
                },
                _,
            ) => {
                self.tally.busy_retries += 1;
                self.again(turn, wait_ms, now, || "busy".to_owned());
            }
            (Heard::Later { wait_ms, .. }, _) => {
                self.tally.other_retries += 1;
                self.again(turn, wait_ms, now, || format!("{answer:?}"));
            }
            (Heard::Lost(why), _) => {
                self.tally.lost_answers += 1;
                let turn = Turn {
                    repeated: true,
                    ..turn
                };
                self.again(turn, REPEAT_AFTER_MS, now, || why);
            }
        }
    }

    fn again(&mut self, mut turn: Turn, wait_ms: u32, now: Instant, why: impl FnOnce() -> String) {
        turn.attempts += 1;
        let asked_for = now - turn.came;
        if turn.attempts >= ATTEMPTS_MAX || asked_for > PATIENCE {
            let attempts = turn.attempts;
            self.tally.fail(turn.buyer, || {
                format!(
                    "gave up after {attempts} attempts in {asked_for:?}: {}",
                    why()
                )
            });
        } else {
            self.waiting
                .push(now + Duration::from_millis(u64::from(wait_ms)), turn);
        }
    }

    fn celebrate(&mut self) {
        let reached = self
            .milestone
            .take_if(|milestone| self.tally.granted >= milestone.granted);
        if let Some(milestone) = reached {
            (milestone.then)();
        }
    }
}

/// Sends the crowd; `observe` sees the tally from time to time.
///
/// # Errors
/// The plan has an address that cannot be one.
pub async fn send(plan: Plan, mut observe: impl FnMut(&Tally)) -> Result<Outcomes> {
    let buyers = Buyers::new(plan.seed);
    let orders = Rc::new(Orders::new(buyers, &plan.sale)?);
    let (started, cpu_before) = (Instant::now(), cpu());
    let crowd = Rc::new(RefCell::new(Crowd {
        buyers,
        count: plan.buyers,
        next: 0,
        waiting: Waiting::default(),
        tally: Tally::new(plan.buyers)?,
        milestone: plan.milestone,
        answered_at: started,
        opened: 0,
        given_up: false,
    }));
    let mut clients = Vec::new();
    for url in plan.urls.iter().cycle().take(plan.connections as usize) {
        clients.push(Client::new(url)?);
    }
    LocalSet::new()
        .run_until(async {
            let mut connections = JoinSet::new();
            for client in clients {
                connections.spawn_local(carry(Rc::clone(&crowd), Rc::clone(&orders), client));
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
    let (took, cpu) = (started.elapsed(), cpu() - cpu_before);
    let mut crowd = Rc::into_inner(crowd)
        .expect("all connections have ended")
        .into_inner();
    let silent = u64::from(plan.buyers) - crowd.tally.done();
    if silent > 0 {
        let why = format!("nothing answered for {SILENCE_MAX:?}, {silent} buyers were given up");
        crowd.tally.errors += silent;
        crowd.tally.samples.insert(0, why);
    }
    observe(&crowd.tally);
    Ok(Outcomes {
        tally: crowd.tally,
        took,
        cpu,
        connections_opened: crowd.opened,
    })
}

/// Processor time of this thread, which carries the whole crowd.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// One connection's life. No borrow of the crowd is held while it waits.
async fn carry(crowd: Rc<RefCell<Crowd>>, orders: Rc<Orders>, mut client: Client) {
    loop {
        let next = crowd.borrow_mut().next(Instant::now());
        match next {
            Next::Done => break,
            Next::Nap(time) => tokio::time::sleep(time).await,
            Next::Ask(turn) => {
                let asked = Instant::now();
                let answer = client.send(orders.request(turn.buyer, turn.repeated)).await;
                let now = Instant::now();
                crowd.borrow_mut().hear(turn, &answer, now - asked, now);
            }
        }
    }
    crowd.borrow_mut().opened += client.opened();
}
