//! Sends a load over its connections. Everything runs on one thread.

use super::ask::BenchAsk;
use super::pacer::{Pacer, intended};
use super::tally::BenchTally;
use super::wire::Wire;
use crate::harness::processes::thread_cpu;
use crate::rush::order::{LastReply, REPEAT_AFTER_MS};
use crate::rush::tally::OrderOutcome;
use crate::rush::waiting::{WaitingRequests, WaitingTurn};
use anyhow::{Context, Result};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

/// How long nothing at all may be answered before a load is given up.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Between two looks whether something is answered.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Longest sleep of a connection that waits for somebody's turn.
const NAP_MAX: Duration = Duration::from_millis(20);
/// How often one buyer asks before it counts as an error.
const ATTEMPTS_MAX: u32 = 1_000;

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// For so long, each connection sends as soon as its last request was answered.
    AsFastAsItGoes(Duration),
    /// So many requests, as fast as it goes. Who hears "later" asks again when it is time, until
    /// there is a final answer.
    Count(u32),
    /// So many requests a second for so long, at intended times, whether or not earlier ones were
    /// answered. As many can be under way as there are connections; those that are due meanwhile
    /// wait, and their time counts.
    Rate(u32, Duration),
}

/// A load.
#[derive(Clone, Debug)]
pub struct CrowdLoad {
    /// Where it goes; connections are spread over the addresses in turn.
    pub to: Vec<SocketAddr>,
    /// How many connections carry it.
    pub connections: u32,
    /// What is asked: connections take these in turn. One is the rule; several sales need several.
    pub ask: Vec<BenchAsk>,
    /// When.
    pub pace: Pace,
    /// How long a request of an open loop waits for a free connection; then it is not sent, as when
    /// a buyer goes away. `None` = for ever.
    pub patience: Option<Duration>,
    /// Sent before, as fast as it goes; its answers count for the audit and for nothing else.
    pub warm_up: Duration,
    /// Keep the latencies of each such slice of time apart.
    pub slice: Option<Duration>,
}

impl CrowdLoad {
    /// A load on one address.
    #[must_use]
    pub fn new(to: SocketAddr, ask: BenchAsk, connections: u32, pace: Pace) -> Self {
        Self {
            to: vec![to],
            connections,
            ask: vec![ask],
            pace,
            patience: None,
            warm_up: Duration::ZERO,
            slice: None,
        }
    }

    /// With so long a warm-up.
    #[must_use]
    pub const fn warmed_up(mut self, warm_up: Duration) -> Self {
        self.warm_up = warm_up;
        self
    }
}

/// Sends it.
///
/// # Errors
/// A connection cannot be opened at the start. What goes wrong later is in the tally.
pub async fn send(load: &CrowdLoad) -> Result<BenchTally> {
    if load.warm_up.is_zero() {
        return run(load, load.pace, 0).await;
    }
    let before = run(load, Pace::AsFastAsItGoes(load.warm_up), 0).await?;
    let first = u32::try_from(before.outcomes.len())?;
    Ok(run(load, load.pace, first).await?.with_before(&before))
}

struct State {
    tally: BenchTally,
    next: u32,
    end: u32,
    until: Option<Instant>,
    waiting: WaitingRequests,
    retries: bool,
    started: Instant,
    answered_at: Instant,
    given_up: bool,
}

enum Next {
    Ask(WaitingTurn),
    Nap(Duration),
    Done,
}

impl State {
    fn next(&mut self, now: Instant) -> Next {
        if self.given_up || self.until.is_some_and(|until| now >= until) {
            return Next::Done;
        }
        if let Some(turn) = self.waiting.due(now) {
            return Next::Ask(turn);
        }
        if self.next < self.end {
            self.next += 1;
            return Next::Ask(WaitingTurn {
                buyer: self.next - 1,
                attempts: 0,
                repeated: false,
                came: now,
            });
        }
        // When nobody waits, those who are still asking have connections of their own.
        let nap = self.waiting.next_at().map(|at| at.saturating_duration_since(now));
        nap.map_or(Next::Done, |nap| Next::Nap(nap.min(NAP_MAX)))
    }

    fn observe(&mut self, turn: WaitingTurn, heard: Result<LastReply>, sent: Instant, again: bool) {
        let now = Instant::now();
        self.answered_at = now;
        let at = now - self.started;
        let granted = matches!(heard, Ok(LastReply::Granted));
        match heard {
            Ok(LastReply::Granted) => {
                self.tally.granted += 1;
                self.tally.settle(turn.buyer, OrderOutcome::Granted);
            }
            Ok(LastReply::Refused) => self.tally.refuse(turn.buyer, at),
            Ok(LastReply::Later { wait_ms, busy }) => {
                self.tally.later += 1;
                self.tally.busy += u64::from(busy);
                if self.retries {
                    self.wait(turn, wait_ms, now);
                } else {
                    self.tally.settle(turn.buyer, OrderOutcome::Open);
                }
            }
            Ok(LastReply::Lost(why) | LastReply::Wrong(why)) => self.lose(turn, again, now, why),
            Err(error) => self.lose(turn, again, now, format!("{error:#}")),
        }
        self.tally.took(sent - self.started, now - sent, granted);
    }

    /// It counts as an error, and is asked again where that is harmless, so that the audit can be
    /// held against the answers.
    fn lose(&mut self, turn: WaitingTurn, again: bool, now: Instant, why: String) {
        self.tally.settle(turn.buyer, OrderOutcome::Open);
        self.tally.fail(|| why);
        if again && self.retries {
            let turn = WaitingTurn { repeated: true, ..turn };
            self.wait(turn, REPEAT_AFTER_MS, now);
        } else if again {
            self.tally.unknown.push(turn.buyer);
        }
    }

    fn wait(&mut self, mut turn: WaitingTurn, wait_ms: u32, now: Instant) {
        turn.attempts += 1;
        if turn.attempts < ATTEMPTS_MAX {
            let until = now + Duration::from_millis(u64::from(wait_ms));
            self.waiting.push(until, turn);
        } else {
            self.tally.fail(|| format!("gave up after {ATTEMPTS_MAX} attempts"));
        }
    }
}

async fn run(load: &CrowdLoad, pace: Pace, first: u32) -> Result<BenchTally> {
    let mut wires = Vec::with_capacity(load.connections as usize);
    for address in load.to.iter().cycle().take(load.connections as usize) {
        wires.push(Wire::to(*address).await?);
    }
    let started = Instant::now();
    let (until, end) = match pace {
        Pace::AsFastAsItGoes(time) => (Some(started + time), u32::MAX),
        Pace::Count(count) => (None, first + count),
        Pace::Rate(rate, time) => (None, first + requests(rate, time)?),
    };
    let state = Rc::new(RefCell::new(State {
        tally: BenchTally::new(load.slice)?,
        next: first,
        end,
        until,
        waiting: WaitingRequests::default(),
        retries: matches!(pace, Pace::Count(_)),
        started,
        answered_at: started,
        given_up: false,
    }));
    let cpu = thread_cpu();
    let began_at = SystemTime::now().duration_since(UNIX_EPOCH);
    let due = Arc::new(Semaphore::new(0));
    let pacer = match pace {
        Pace::Rate(rate, _) => Some(Pacer::start(&due, started, rate, end - first)),
        _ => None,
    };
    let clock = match pace {
        Pace::Rate(rate, _) => Some((Arc::clone(&due), rate, first)),
        _ => None,
    };
    LocalSet::new()
        .run_until(async {
            let mut tasks = JoinSet::new();
            for (wire, ask) in wires.into_iter().zip(load.ask.iter().cycle()) {
                let (state, ask) = (Rc::clone(&state), ask.clone());
                match clock.clone() {
                    Some(clock) => tasks.spawn_local(open(state, ask, wire, clock, load.patience)),
                    None => tasks.spawn_local(closed(state, ask, wire)),
                };
            }
            let mut look = tokio::time::interval(LOOK_EVERY);
            loop {
                tokio::select! {
                    ended = tasks.join_next() => match ended {
                        Some(ended) => ended.expect("a connection's task does not panic"),
                        None => break,
                    },
                    _ = look.tick() => {
                        let mut state = state.borrow_mut();
                        if state.answered_at.elapsed() > SILENCE_MAX {
                            let left = tasks.len() as u64;
                            state.given_up = true;
                            state.tally.fail(|| format!("nothing answered for {SILENCE_MAX:?}"));
                            state.tally.errors += left.saturating_sub(1);
                            break;
                        }
                    }
                }
            }
        })
        .await;
    drop(pacer);
    let state = Rc::into_inner(state).context("all connections have ended")?;
    let mut state = state.into_inner();
    state.tally.took = state.answered_at - started;
    state.tally.cpu = thread_cpu() - cpu;
    state.tally.began_at_ms = began_at.map_or(0, |since| since.as_millis() as u64);
    Ok(state.tally)
}

/// So many requests are sent in `time`.
fn requests(rate: u32, time: Duration) -> Result<u32> {
    Ok(u32::try_from(u128::from(rate) * time.as_micros() / 1_000_000)?)
}

/// One request of one connection. No borrow of the state is held while it waits.
async fn ask_for(
    state: &RefCell<State>,
    ask: &BenchAsk,
    wire: &mut Wire,
    turn: WaitingTurn,
    sent: Instant,
    out: &mut Vec<u8>,
) {
    out.clear();
    ask.write(turn.buyer, out);
    let heard = match wire.ready().await {
        Ok(()) => {
            let hear = |answer: &super::answer::Answer, body: &[u8]| {
                state.borrow_mut().tally.answered_by(answer.by);
                ask.observe(turn.buyer, answer.status, body)
            };
            wire.exchange(out, hear).await
        }
        Err(error) => Err(error),
    };
    let failed = heard.is_err();
    state.borrow_mut().observe(turn, heard, sent, ask.is_idempotent());
    if failed {
        // Whoever does not answer is not asked in a busy loop.
        tokio::time::sleep(NAP_MAX).await;
    }
}

async fn closed(state: Rc<RefCell<State>>, ask: BenchAsk, mut wire: Wire) {
    let mut out = Vec::with_capacity(512);
    loop {
        let now = Instant::now();
        let next = state.borrow_mut().next(now);
        match next {
            Next::Done => break,
            Next::Nap(time) => tokio::time::sleep(time).await,
            Next::Ask(turn) => ask_for(&state, &ask, &mut wire, turn, now, &mut out).await,
        }
    }
    state.borrow_mut().tally.opened += wire.opened;
}

async fn open(
    state: Rc<RefCell<State>>,
    ask: BenchAsk,
    mut wire: Wire,
    clock: (Arc<Semaphore>, u32, u32),
    patience: Option<Duration>,
) {
    let (due, rate, first) = clock;
    let mut out = Vec::with_capacity(512);
    let started = state.borrow().started;
    while let Ok(permit) = due.acquire().await {
        permit.forget();
        let next = state.borrow_mut().next(Instant::now());
        let Next::Ask(turn) = next else { break };
        let meant = intended(started, rate, turn.buyer - first);
        if patience.is_some_and(|patience| meant.elapsed() > patience) {
            let mut state = state.borrow_mut();
            state.tally.unsent += 1;
            state.tally.settle(turn.buyer, OrderOutcome::Open);
        } else {
            ask_for(&state, &ask, &mut wire, turn, meant, &mut out).await;
        }
        let state = state.borrow();
        if state.next >= state.end {
            // Those who wait for a request that will not come.
            due.close();
        }
    }
    state.borrow_mut().tally.opened += wire.opened;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    const SAID: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

    /// Answers each request, and stands still from `stall_at` after its start for `stall`.
    async fn server(stall_at: Duration, stall: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let started = Instant::now();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, started + stall_at, stall));
            }
        });
        address
    }

    async fn serve(mut stream: TcpStream, stall_from: Instant, stall: Duration) {
        let mut read = [0; 1_024];
        while let Ok(1..) = stream.read(&mut read).await {
            let now = Instant::now();
            if now > stall_from && now < stall_from + stall {
                tokio::time::sleep_until((stall_from + stall).into()).await;
            }
            if stream.write_all(SAID).await.is_err() {
                return;
            }
        }
    }

    fn same() -> BenchAsk {
        BenchAsk::Same { request: b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), status: 200 }
    }

    /// A server that stands still for half of a second delays everything that was meant for that
    /// time: with 2 connections a closed loop sees two slow answers, an open one sees half of all.
    #[tokio::test]
    async fn a_stalled_server_shows_up_as_latency_of_all_that_was_meant_for_that_time() {
        let (stall_at, stall) = (Duration::from_millis(300), Duration::from_millis(500));
        let time = Duration::from_secs(1);
        let address = server(stall_at, stall).await;
        let load = CrowdLoad::new(address, same(), 2, Pace::Rate(400, time));
        let open = send(&load).await.unwrap();
        assert_eq!((open.answers(), open.errors), (400, 0), "{:?}", open.samples);
        let slow = |tally: &BenchTally| {
            tally
                .latency
                .iter_recorded()
                .filter(|v| v.value_iterated_to() >= 100_000)
                .map(|v| v.count_at_value())
                .sum::<u64>()
        };
        // 400 ms of the stall lie more than 100 ms before its end: 160 requests were meant for
        // them.
        assert!((150..=400).contains(&slow(&open)), "{} were slow", slow(&open));
        assert!(open.latency.max() >= 450_000, "{}", open.latency.max());

        let address = server(stall_at, stall).await;
        let load = CrowdLoad::new(address, same(), 2, Pace::AsFastAsItGoes(time));
        let closed = send(&load).await.unwrap();
        assert!(closed.answers() > 100 && slow(&closed) < 10, "a closed loop omits them");
    }

    #[tokio::test]
    async fn so_many_requests_are_sent_and_each_is_answered_once() {
        let address = server(Duration::from_secs(60), Duration::ZERO).await;
        let load = CrowdLoad::new(address, same(), 7, Pace::Count(1_000));
        let warm = load.clone().warmed_up(Duration::from_millis(50));
        assert_eq!(send(&load).await.unwrap().winners(), 1_000);
        let tally = send(&warm).await.unwrap();
        assert_eq!((tally.granted, tally.errors, tally.opened), (1_000, 0, 7));
        assert!(tally.winners() > 1_000, "those of the warm-up count for the audit");
    }

    #[tokio::test]
    async fn a_server_that_hangs_up_is_an_error_and_not_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut read = [0; 64];
                drop(stream.read(&mut read).await);
            }
        });
        let load = CrowdLoad::new(address, same(), 1, Pace::Count(3));
        let tally = send(&load).await.unwrap();
        assert_eq!((tally.errors, tally.granted), (3, 0));
        assert!(tally.samples[0].contains("closed"), "{:?}", tally.samples);
    }
}
