//! Alarm watch: what is wrong at this node, and with the Redis that it sees, once a second.
//!
//! Each condition is that of an alert in `docs/prometheus/alerts.yml`, over the same time, as far
//! as one node can see it: it has its own counters and no others. What it finds goes into its
//! status, and dashboards show it ([`crate::status::Alarm`]).

mod window;

use crate::sale_service::Sales;
use crate::status::{Alarm, Alert};
use crate::telemetry::metrics::Counters;
use lastseat_http::metrics::histogram::Reading;
use lastseat_ledger::Concern;
use shared::limits::{ALARMS_MAX, QUEUE_MAX, STATUS_SALES_MAX};
use shared::{SaleId, UnixMillis};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use window::Window;

const MINUTE: Duration = Duration::from_secs(60);
/// The longest commit of 99 of 100 that is no alarm, in microseconds.
const COMMIT_SLOW_US: u64 = 250_000;
/// Calls to the ledger without an answer in a minute that are no alarm: one in ten seconds.
const FAULTS_A_MINUTE: u64 = 6;
/// Orders in the queues that are no alarm.
const QUEUE_FULL: usize = 6_000;
const _: () = assert!(QUEUE_FULL < QUEUE_MAX);
/// Part of the memory of a Redis that is no alarm.
const MEMORY_HIGH: f64 = 0.75;
/// Its growth is that of this time, and looks so far ahead.
const MEMORY_GROWTH: Duration = Duration::from_secs(15 * 60);
const MEMORY_AHEAD: Duration = Duration::from_secs(3_600);
/// Growth over less than this says nothing.
const MEMORY_SEEN: Duration = Duration::from_secs(5 * 60);
/// Part of the requests that edges forward that may go without an answer.
const EDGE_FAILURES: f64 = 0.05;
/// Servers of Redis that are watched.
const SERVERS_MAX: usize = 64;
/// Sales that the ledger has lost and that are named one by one.
const GONE_NAMED_MAX: usize = 4;

/// What a node looks at.
#[derive(Debug)]
pub(crate) struct AlarmSources<'a> {
    /// Its sales, and the Redis that it sees.
    pub(crate) sales: &'a Sales,
    /// What it has counted.
    pub(crate) counters: &'a Counters,
    /// Why it cannot serve orders; not while it stops.
    pub(crate) trouble: Option<String>,
    /// Connections that it has turned away.
    pub(crate) turned_away: u64,
}

/// The alarms of one node.
#[derive(Debug, Default)]
pub struct AlarmWatch {
    watched: Mutex<Watched>,
    alarms: Mutex<Vec<Alarm>>,
}

/// What is kept from one look to the next.
#[derive(Debug, Default)]
struct Watched {
    /// What is so now, and since when.
    lasting: BTreeMap<(Alert, String), Lasting>,
    corrupt: Window,
    unrestored: Window,
    faults: Window,
    unknown: Window,
    turned_away: Window,
    lost_lines: Window,
    /// How long batches took, some seconds apart.
    commits: VecDeque<(Instant, Reading)>,
    /// Keys that each Redis has thrown away, and bytes that it has in memory.
    evicted: BTreeMap<String, Window>,
    memory: BTreeMap<String, Window>,
    /// What edges forwarded of each sale, and what of that went without an answer.
    edges: BTreeMap<SaleId, [Window; 2]>,
}

#[derive(Clone, Copy, Debug)]
struct Lasting {
    since: UnixMillis,
    begun: Instant,
}

/// Something that is so.
#[derive(Debug)]
struct Condition {
    alert: Alert,
    /// What it is about; two of one alert differ in it.
    about: String,
    sale: Option<SaleId>,
    what: String,
}

impl Condition {
    fn new(alert: Alert, what: impl Into<String>) -> Self {
        Self { alert, about: String::new(), sale: None, what: what.into() }
    }

    fn about(self, about: &str) -> Self {
        Self { about: about.to_owned(), ..self }
    }

    fn of_sale(self, sale: &SaleId) -> Self {
        Self { sale: Some(sale.clone()), ..self.about(sale.as_str()) }
    }
}

impl AlarmWatch {
    /// Takes in how everything is at `now`, by the ledger's clock.
    pub(crate) fn refresh(&self, sources: &AlarmSources<'_>, now: UnixMillis) {
        let at = Instant::now();
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let conditions = watched.conditions(sources, at);
        let alarms = watched.alarms(conditions, now, at);
        drop(watched);
        *self.alarms.lock().unwrap_or_else(PoisonError::into_inner) = alarms;
    }

    /// What was wrong at the last look, what cannot wait first; at most [`ALARMS_MAX`].
    #[must_use]
    pub fn read(&self) -> Vec<Alarm> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Watched {
    /// The alarms that `conditions` are by now: each has to be so for a while.
    fn alarms(&mut self, conditions: Vec<Condition>, now: UnixMillis, at: Instant) -> Vec<Alarm> {
        let key = |condition: &Condition| (condition.alert, condition.about.clone());
        self.lasting.retain(|lasting, _| conditions.iter().any(|is| key(is) == *lasting));
        let mut alarms = Vec::new();
        for condition in conditions {
            let first = Lasting { since: now, begun: at };
            let lasting = *self.lasting.entry(key(&condition)).or_insert(first);
            let alert = condition.alert;
            if at.duration_since(lasting.begun) >= Duration::from_millis(alert.lasts_ms()) {
                let sale = condition.sale.map(|sale| sale.to_string());
                alarms.push(alert.alarm(&condition.what, lasting.since, sale));
            }
        }
        alarms.sort_by_key(|alarm| (alarm.severity, alarm.since));
        alarms.truncate(ALARMS_MAX);
        alarms
    }

    fn conditions(&mut self, sources: &AlarmSources<'_>, at: Instant) -> Vec<Condition> {
        let mut found = Vec::new();
        self.of_the_node(sources, at, &mut found);
        self.of_the_ledger(sources, at, &mut found);
        self.of_redis(sources, at, &mut found);
        self.of_sales(sources, at, &mut found);
        found
    }

    fn of_the_node(&mut self, sources: &AlarmSources<'_>, at: Instant, found: &mut Vec<Condition>) {
        let counters = sources.counters;
        let mut note = |alert, what: String| found.push(Condition::new(alert, what));
        if sources.sales.number_clashes() {
            let what = "The number of this node is in use by another process; it takes no orders.";
            note(Alert::NodeNumberClash, what.to_owned());
        } else if let Some(trouble) = &sources.trouble {
            note(Alert::NodeNotReady, format!("A node cannot serve orders: {trouble}."));
        }
        let unsaved = counters.acknowledged_unsaved_bytes.load(Ordering::Relaxed);
        if unsaved > 0 {
            let what = format!(
                "A node cannot write its journal of acknowledged orders, which lacks {unsaved} \
                 bytes. Do not restart it."
            );
            note(Alert::JournalUnwritable, what);
        }
        let lost = counters.stat_log_dropped.load(Ordering::Relaxed);
        let lost = self.lost_lines.gained(lost, 5 * MINUTE, at);
        if lost > 0 {
            note(Alert::StatLogDrops, format!("stat.log lost {lost} lines in five minutes."));
        }
        let away = self.turned_away.gained(sources.turned_away, MINUTE, at);
        if away > 0 {
            let what = format!("{away} connections were turned away within a minute.");
            note(Alert::ConnectionsTurnedAway, what);
        }
    }

    fn of_the_ledger(
        &mut self,
        sources: &AlarmSources<'_>,
        at: Instant,
        found: &mut Vec<Condition>,
    ) {
        let counters = sources.counters;
        let mut note = |alert, what: String| found.push(Condition::new(alert, what));
        let corrupt = self.corrupt.gained(counters.corrupt_replies(), 5 * MINUTE, at);
        if corrupt > 0 {
            let what = format!(
                "{corrupt} replies of Redis within five minutes were not what lastseat writes."
            );
            note(Alert::LedgerCorrupt, what);
        }
        let unrestored = counters.orders_unrestored.load(Ordering::Relaxed);
        let unrestored = self.unrestored.gained(unrestored, 10 * MINUTE, at);
        if unrestored > 0 {
            let what = format!(
                "{unrestored} acknowledged orders were lost by Redis and could not be restored."
            );
            note(Alert::OrdersUnrestored, what);
        }
        let lost = counters.ledger_faults().saturating_sub(counters.corrupt_replies());
        let faults = self.faults.gained(lost, MINUTE, at);
        if faults > FAULTS_A_MINUTE {
            let what = format!("{faults} calls to the ledger went without an answer in a minute.");
            note(Alert::LedgerFaults, what);
        }
        let unknown = self.unknown.gained(counters.outcomes_unknown(), 5 * MINUTE, at);
        if unknown > 0 {
            let what = format!(
                "{unknown} buyers were told within five minutes that the outcome of their order \
                 is unknown; a retry tells it."
            );
            note(Alert::OutcomesUnknown, what);
        }
        if let Some(us) = self.slow_commit(counters, at) {
            let what = format!("One batch in a hundred takes {} ms at the ledger.", us / 1_000);
            note(Alert::CommitSlow, what);
        }
    }

    /// The commit latency of the last minute, if it is an alarm, in microseconds.
    fn slow_commit(&mut self, counters: &Counters, at: Instant) -> Option<u64> {
        let now = counters.commit_duration.reading();
        let older = |kept: &&(Instant, Reading)| at.duration_since(kept.0) >= MINUTE;
        while self.commits.iter().take(2).filter(older).count() == 2 {
            self.commits.pop_front();
        }
        let last = self.commits.back().map(|(last, _)| at.duration_since(*last));
        if last.is_none_or(|last| last >= MINUTE / 12) {
            self.commits.push_back((at, now.clone()));
        }
        let (_, then) = self.commits.front()?;
        now.since(then).quantile(0.99).filter(|us| *us > COMMIT_SLOW_US)
    }

    fn of_redis(&mut self, sources: &AlarmSources<'_>, at: Instant, found: &mut Vec<Condition>) {
        let redis = sources.sales.redis();
        if let Err(why) = redis.ready() {
            found.push(Condition::new(Alert::RedisUnfit, format!("Nothing is sold: {why}.")));
        }
        let servers = redis.servers(SERVERS_MAX);
        self.evicted.retain(|place, _| servers.iter().any(|server| server.place == *place));
        self.memory.retain(|place, _| servers.iter().any(|server| server.place == *place));
        for server in &servers {
            let place = &server.place;
            let evicted = self.evicted.entry(place.clone()).or_default();
            let evicted = evicted.gained(server.evicted_keys, 10 * MINUTE, at);
            if evicted > 0 {
                let what = format!(
                    "The Redis at {place} has thrown {evicted} keys away for want of memory: sold \
                     tickets may be among them."
                );
                found.push(Condition::new(Alert::RedisEvicts, what).about(place));
            }
            let memory = self.memory.entry(place.clone()).or_default();
            let growth = memory.growth(server.used_memory, MEMORY_GROWTH, MEMORY_SEEN, at);
            if let Some(what) = fills(server.used_memory, server.max_memory, growth) {
                let what = format!("The Redis at {place} {what}");
                found.push(Condition::new(Alert::RedisMemory, what).about(place));
            }
            // Of memory there is an alert of its own, and the other one is no danger.
            let concerns = server.concerns.iter();
            let concerns =
                concerns.filter(|of| !matches!(of, Concern::MemoryHigh | Concern::NoMove));
            for concern in concerns {
                let what = format!("{}.", capital(&concern.sentence(place)));
                let about = format!("{place} {}", concern.as_str());
                found.push(Condition::new(Alert::RedisConcern, what).about(&about));
            }
        }
    }

    fn of_sales(&mut self, sources: &AlarmSources<'_>, at: Instant, found: &mut Vec<Condition>) {
        let gone = sources.sales.lost_sales();
        for sale in gone.iter().take(GONE_NAMED_MAX) {
            let what = format!("The ledger has lost {sale} with all its orders.");
            found.push(Condition::new(Alert::SaleGone, what).of_sale(sale));
        }
        if gone.len() > GONE_NAMED_MAX {
            let what = format!("The ledger has lost {} sales.", gone.len());
            found.push(Condition::new(Alert::SaleGone, what));
        }
        let views = sources.sales.views();
        let queued: usize = views.iter().map(|view| view.queued).sum();
        if queued > QUEUE_FULL {
            let what = format!("{queued} orders wait in a node for the ledger.");
            found.push(Condition::new(Alert::QueueFull, what));
        }
        let watched = &views[..views.len().min(STATUS_SALES_MAX)];
        self.edges.retain(|sale, _| watched.iter().any(|view| view.sale == *sale));
        for view in watched {
            let edge = &view.counts.edge;
            let [forwarded, failed] = self.edges.entry(view.sale.clone()).or_default();
            let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
            let forwarded = forwarded.gained(read(&edge.forwarded), MINUTE, at);
            let failed = failed.gained(read(&edge.failed), MINUTE, at);
            if failed > 0 && failed as f64 > EDGE_FAILURES * forwarded as f64 {
                let what = format!(
                    "Edges got no answer to {failed} requests for {} within a minute.",
                    view.sale
                );
                let condition = Condition::new(Alert::EdgeCannotReachOrigins, what);
                found.push(condition.of_sale(&view.sale));
            }
        }
    }
}

/// What is to be said of the memory of a Redis, if it is an alarm; `growth` in bytes a second.
fn fills(used: u64, max: u64, growth: Option<f64>) -> Option<String> {
    if max == 0 {
        return None;
    }
    let (used, max) = (used as f64, max as f64);
    if used > MEMORY_HIGH * max {
        return Some(format!("uses {:.0} % of its memory.", used / max * 100.0));
    }
    let ahead = growth.map(|growth| used + growth * MEMORY_AHEAD.as_secs_f64());
    ahead.filter(|ahead| *ahead > max).map(|_| {
        "will have used all of its memory within the hour if it goes on growing so.".to_owned()
    })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(alert: Alert, about: &str) -> Condition {
        Condition::new(alert, "so").about(about)
    }

    fn names(alarms: &[Alarm]) -> Vec<(&str, u64)> {
        alarms.iter().map(|alarm| (alarm.alert.as_str(), alarm.since.0)).collect()
    }

    #[test]
    fn a_condition_is_an_alarm_once_it_has_lasted_and_none_when_it_is_over() {
        let (mut watched, begun) = (Watched::default(), Instant::now());
        let mut at = |second: u64, conditions: Vec<Condition>| {
            let at = begun + Duration::from_secs(second);
            watched.alarms(conditions, UnixMillis(second * 1_000), at)
        };
        let both = || vec![condition(Alert::CommitSlow, ""), condition(Alert::RedisUnfit, "")];
        assert_eq!(names(&at(0, both())), [("LastseatRedisUnfit", 0)]);
        assert_eq!(names(&at(29, both())), [("LastseatRedisUnfit", 0)]);
        let lasting = [("LastseatRedisUnfit", 0), ("LastseatCommitSlow", 0)];
        assert_eq!(names(&at(30, both())), lasting);
        assert!(at(31, Vec::new()).is_empty());
        // It begins anew.
        assert_eq!(names(&at(32, both())), [("LastseatRedisUnfit", 32_000)]);
    }

    #[test]
    fn two_of_one_kind_last_each_by_itself_and_their_number_is_bounded() {
        let (mut watched, begun) = (Watched::default(), Instant::now());
        let mut at = |second: u64, places: &[&str]| {
            let conditions =
                places.iter().map(|place| condition(Alert::RedisMemory, place)).collect();
            let at = begun + Duration::from_secs(second);
            watched.alarms(conditions, UnixMillis(second), at).len()
        };
        assert_eq!(at(0, &["a"]), 0);
        assert_eq!(at(60, &["a", "b"]), 1);
        assert_eq!(at(120, &["a", "b"]), 2);
        let many: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        at(200, &many);
        assert_eq!(at(300, &many), ALARMS_MAX);
    }

    #[test]
    fn memory_is_an_alarm_where_it_is_nearly_full_or_soon_will_be() {
        assert_eq!(fills(900, 0, Some(1e9)), None, "it has no bound");
        assert_eq!(fills(75, 100, None), None);
        assert_eq!(fills(76, 100, None).unwrap(), "uses 76 % of its memory.");
        assert_eq!(fills(10, 3_700, Some(1.0)), None);
        assert!(fills(10, 3_600, Some(1.0)).unwrap().contains("within the hour"));
        assert_eq!(fills(10, 3_600, Some(-1.0)), None);
    }
}
