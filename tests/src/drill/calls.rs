//! Floods of calls about orders and sales that nobody made: buyers who order, read and pay beside
//! them notice nothing, and the ledger is asked no more often than the budget of the edge allows.

use super::scene::Scene;
use crate::harness::http::request;
use crate::harness::{HttpClient, HttpReply, redis};
use crate::load::{
    Buyers, CrowdLoad, CrowdOutcomes, InventedCall, LoadRequest, LoadTally, Pace, send,
};
use crate::rush::report::thousands;
use ::redis::FromRedisValue;
use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use hyper::Method;
use shared::limits::{COLD_BUDGET, COLD_ROUND_MS, EDGE_CALLS_PER_SECOND};
use std::cell::Cell;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The shop's token.
pub(super) const TOKEN: &str = "shop-0123456789abcdef0123456789abcdef";
/// The sale whose buyers pay, and of which the flood invents orders.
const SALE: &str = "paid";
const TICKETS: u64 = 100_000;
/// Calls of a flood in a second, and the connections that carry them.
const CALLS: (u32, u32) = (3_000, 128);
/// The same of looks at sales: each is kept waiting for 300 ms before it is told "busy".
const VIEWS: (u32, u32) = (400, 256);
/// How long buyers are watched before the flood.
const QUIET: Duration = Duration::from_secs(1);
/// Between two orders.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest time that is told apart, in microseconds.
const LONGEST_US: u64 = 60_000_000;
/// Who is told "busy" when ordering asks again so often.
const TRIES: u32 = 50;

pub(super) async fn flooded(scene: &Scene, call: InventedCall) -> Result<()> {
    let body = format!(r#"{{"capacity":{TICKETS},"hold_ms":60000}}"#);
    let made = scene.cluster.admin(Method::PUT, &format!("/v1/admin/sales/{SALE}"), &body).await?;
    ensure!(made.status.as_u16() == 201, "no sale: {}", made.text());
    let edge = scene.cluster.edges.first().context("an edge")?;
    let mut buyers = Honest::at(edge, scene.seed)?;
    // The edge sees the sale, and the token of the shop.
    buyers.buys().await?;
    buyers.watched = Watched::default();
    let quiet = Instant::now();
    while quiet.elapsed() < QUIET {
        buyers.buys().await?;
    }
    let alone = std::mem::take(&mut buyers.watched);

    let before = Spent::so_far(scene, call).await?;
    let (rate, connections) = if call == InventedCall::View { VIEWS } else { CALLS };
    scene.act(format!("{} calls a second for {:?}", thousands(rate.into()), scene.time));
    let invented = Buyers::new(scene.seed.wrapping_add(1));
    let ask = LoadRequest::Invented { call, sale: SALE.to_owned(), buyers: invented };
    let pace = Pace::Rate(rate, scene.time);
    let load = CrowdLoad::new(std::slice::from_ref(edge), ask, connections, pace);
    let over = Cell::new(false);
    let flood = async {
        let flood = send(&load, |_| {}).await;
        over.set(true);
        flood
    };
    let beside = async {
        while !over.get() {
            buyers.buys().await?;
        }
        Ok(())
    };
    let (flood, ()) = tokio::try_join!(flood, beside)?;
    let after = Spent::so_far(scene, call).await?;
    scene.act("the flood is over");

    let promised = u64::from(rate) * scene.time.as_secs();
    sent(scene, &flood, promised);
    asked(scene, call, &flood, after.calls - before.calls - buyers.watched.own(call));
    let busy_us = after.usec - before.usec;
    scene.measure(
        "Redis in that time",
        format!(
            "{} script calls, {:.1} % of its processor",
            thousands(after.scripts - before.scripts),
            busy_us as f64 / flood.took.as_micros() as f64 * 100.0
        ),
    );
    buyers.judge(scene, &alone).await
}

/// The flood was sent, all of it, and each of its calls was answered.
fn sent(scene: &Scene, flood: &CrowdOutcomes, promised: u64) {
    let LoadTally { requests, busy_retries, other_retries, .. } = flood.tally;
    scene.measure(
        "calls of the flood",
        format!("{}, {:.0} a second", thousands(requests), flood.rate()),
    );
    scene.measure("of them told busy", thousands(busy_retries));
    scene.demand(requests == promised, || format!("{requests} of {promised} calls were sent"));
    let broken = flood.tally.broken() + other_retries;
    scene.demand(broken == 0, || {
        let (samples, lost) = (&flood.tally.samples, &flood.tally.lost_because);
        format!("{broken} calls of the flood were not answered: {samples:?} {lost:?}")
    });
}

/// How often origins and the ledger were asked for what nobody made: at most what the edge's budget
/// holds at the beginning and what the time of the flood brings.
fn asked(scene: &Scene, call: InventedCall, flood: &CrowdOutcomes, ledger: u64) {
    let seconds = flood.took.as_secs_f64();
    let rate = f64::from(match call {
        InventedCall::View => COLD_BUDGET * 1_000 / COLD_ROUND_MS as u32,
        _ => EDGE_CALLS_PER_SECOND,
    });
    let most = (rate * (seconds + 2.0)) as u64;
    let reached = flood.tally.requests - flood.tally.all_by.edge;
    scene.measure("of them sent to an origin", format!("{reached}, at most {most}"));
    scene.demand(reached <= most, || format!("{reached} calls reached origins, not {most}"));
    scene.demand(reached > 0, || "no call of the flood reached an origin".to_owned());
    // A look is a sweep, and so is what nodes do by themselves.
    if call != InventedCall::View {
        scene.measure("calls of the ledger for them", ledger);
        scene.demand(ledger <= most, || {
            format!("the ledger was called {ledger} times for invented orders, not {most}")
        });
    }
}

/// What was spent until now.
struct Spent {
    /// Calls of the script behind the call, by all nodes.
    calls: u64,
    /// Calls of all scripts at Redis.
    scripts: u64,
    /// Their time, in microseconds.
    usec: u64,
}

impl Spent {
    async fn so_far(scene: &Scene, call: InventedCall) -> Result<Self> {
        let label = format!("script=\"{}\"", script(call));
        let calls = scene.cluster.count("lastseat_ledger_calls_total", &[&label]).await?;
        let at = scene.cluster.redis.as_ref().context("no Redis is known")?;
        let stats = redis::command(&at.url, &["INFO", "commandstats"]).await?;
        let stats = String::from_redis_value(stats)?;
        let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:"));
        let field = |name: &str| {
            let mut fields = line.unwrap_or_default().split(',');
            let value = fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            value.and_then(|value| value.parse().ok()).unwrap_or(0)
        };
        Ok(Self { calls, scripts: field("calls"), usec: field("usec") })
    }
}

/// The script behind a call.
const fn script(call: InventedCall) -> &'static str {
    match call {
        InventedCall::Read => "order",
        InventedCall::Confirm => "confirm",
        InventedCall::Cancel => "cancel",
        InventedCall::Extend => "extend",
        InventedCall::View => "snapshot",
    }
}

/// What buyers noticed.
struct Watched {
    orders: u64,
    reads: u64,
    extended: u64,
    confirmed: u64,
    cancelled: u64,
    /// Orders that were told "busy" and came again.
    again: u64,
    /// Answers that were not what buyers get on a quiet day.
    refused: Vec<String>,
    times_us: Histogram<u64>,
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            orders: 0,
            reads: 0,
            extended: 0,
            confirmed: 0,
            cancelled: 0,
            again: 0,
            refused: Vec::new(),
            times_us: Histogram::new_with_bounds(1, LONGEST_US, 3).expect("bounds in order"),
        }
    }
}

impl Watched {
    /// Calls of its script that were the buyers' own.
    const fn own(&self, call: InventedCall) -> u64 {
        match call {
            InventedCall::Read => self.reads,
            InventedCall::Confirm => self.confirmed,
            InventedCall::Cancel => self.cancelled,
            InventedCall::Extend => self.extended,
            InventedCall::View => 0,
        }
    }

    fn text(&self) -> String {
        let at = |q| self.times_us.value_at_quantile(q) as f64 / 1_000.0;
        format!("{} orders, an answer p50 {:.1}, p99 {:.1} ms", self.orders, at(0.5), at(0.99))
    }
}

/// Buyers who order, look, need a little longer, and pay, one after the other; each second one
/// gives the order back instead.
struct Honest {
    client: HttpClient,
    seed: u64,
    orders: u64,
    confirmed: u64,
    watched: Watched,
}

impl Honest {
    fn at(edge: &str, seed: u64) -> Result<Self> {
        let client = HttpClient::new(edge)?;
        Ok(Self { client, seed, orders: 0, confirmed: 0, watched: Watched::default() })
    }

    async fn buys(&mut self) -> Result<()> {
        self.orders += 1;
        self.watched.orders += 1;
        let key = format!("honest-{}-{:08}", self.seed, self.orders);
        let body = format!(r#"{{"buyer":"honest-{}","quantity":1}}"#, self.orders);
        for _ in 0..TRIES {
            let begun = Instant::now();
            let answer = self.client.order(SALE, Some(&key), &body).await?;
            self.took(begun);
            if answer.status.as_u16() != 429 {
                self.expect("order", &answer, 201);
                break;
            }
            self.watched.again += 1;
            let wait = answer.problem()?.retry_after_ms.unwrap_or(100);
            sleep(Duration::from_millis(wait.into())).await;
        }
        let order = format!("/v1/sales/{SALE}/orders/{key}");
        self.calls(Method::GET, &format!("/v1/sales/{SALE}"), None).await?;
        self.calls(Method::GET, &order, None).await?;
        self.calls(Method::POST, &format!("{order}/extend"), None).await?;
        self.watched.extended += 1;
        if self.orders.is_multiple_of(2) {
            self.calls(Method::POST, &format!("{order}/cancel"), None).await?;
            self.watched.cancelled += 1;
        } else {
            self.calls(Method::POST, &format!("{order}/confirm"), Some(TOKEN)).await?;
            self.watched.confirmed += 1;
            self.confirmed += 1;
        }
        self.calls(Method::GET, &order, None).await?;
        self.watched.reads += 2;
        sleep(PAUSE).await;
        Ok(())
    }

    async fn calls(&mut self, method: Method, path: &str, token: Option<&str>) -> Result<()> {
        let token = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = token.iter().map(|token| ("authorization", token.as_str())).collect();
        let asked = request(method, path, &headers, "")?;
        let begun = Instant::now();
        let answer = self.client.send(asked).await?;
        self.took(begun);
        self.expect(path, &answer, 200);
        Ok(())
    }

    fn took(&mut self, begun: Instant) {
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.watched.times_us.saturating_record(micros);
    }

    fn expect(&mut self, what: &str, answer: &HttpReply, status: u16) {
        if answer.status.as_u16() != status {
            self.watched.refused.push(format!("{what}: {} {}", answer.status, answer.text()));
        }
    }

    /// Each order was taken, read, and paid or given back, as before the flood.
    async fn judge(self, scene: &Scene, alone: &Watched) -> Result<()> {
        let Self { watched, confirmed, .. } = self;
        scene.measure("buyers without the flood", alone.text());
        scene.measure("buyers beside it", watched.text());
        scene.measure("orders that were told busy and came again", watched.again);
        for (when, watched) in [("before", alone), ("in", &watched)] {
            let refused = watched.refused.len();
            scene.demand(refused == 0, || {
                let first = watched.refused.first();
                format!(
                    "{when} the flood {refused} answers were not those of a quiet day: {first:?}"
                )
            });
        }
        scene.demand(watched.orders > 0, || "nobody bought beside the flood".to_owned());
        let audit = scene.cluster.audit(SALE).await?;
        scene.demand(audit.ok && audit.confirmed == confirmed, || {
            format!("{confirmed} paid, and the audit says {audit:?}")
        });
        Ok(())
    }
}
