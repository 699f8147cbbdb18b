//! Redis monitor: checks once a second the settings of every Redis server of the ledger.
//!
//! What is refused at the start may come later: somebody sets another eviction policy, a primary is
//! made a replica, a user loses a permission. Then a node is not ready and carries out no change of
//! an order, as when the ledger is away: each of these either loses what was sold or stops a script
//! half-way, so a "yes" would be one that nobody keeps. What is only warned of at the start is
//! warned of here, and shown in metrics.

use lastseat_http::metrics::page::Page;
use lastseat_ledger::{Concern, ConnectError, Found, Ledger};
use shared::Fault;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Time between two looks.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Servers that have samples of their own in metrics.
const SERVERS_SHOWN_MAX: usize = 64;

/// What was found last.
#[derive(Debug, Default)]
pub(crate) struct RedisWatch {
    /// Whether `obstacle` is there: what the way of an order reads.
    unfit: AtomicBool,
    seen: Mutex<Seen>,
}

/// What was seen of one server.
#[derive(Debug)]
pub(crate) struct RedisReading {
    /// Where it is; without a password.
    pub(crate) place: String,
    /// What should not stay so.
    pub(crate) concerns: Vec<Concern>,
    /// Bytes in memory.
    pub(crate) used_memory: u64,
    /// Bytes that it may have there; 0 = no bound.
    pub(crate) max_memory: u64,
    /// Keys that it has thrown away since it started.
    pub(crate) evicted_keys: u64,
}

#[derive(Debug, Default)]
struct Seen {
    /// Why nothing is sold.
    obstacle: Option<String>,
    servers: Vec<Found>,
}

impl RedisWatch {
    /// Begins; ends when it is dropped.
    pub(crate) fn start(ledger: Ledger) -> Arc<Self> {
        let watch = Arc::<Self>::default();
        let watching = Arc::downgrade(&watch);
        tokio::spawn(async move {
            loop {
                // Whether it answers at all, the heartbeat says; meanwhile the last look stands.
                let looked = ledger.inspect().await;
                let Some(watch) = watching.upgrade() else {
                    return;
                };
                if let Ok(servers) = looked {
                    watch.see(servers);
                }
                drop(watch);
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        });
        watch
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, servers: Vec<Found>) {
        let many = servers.len() > 1;
        let mut obstacles = servers.iter().filter_map(|found| found.obstacle.as_ref());
        // Of several masters, one that was demoted is not asked for long: its successor has its
        // sales.
        let obstacle = obstacles
            .find(|why| !(many && matches!(why, ConnectError::Replica { .. })))
            .map(ToString::to_string);
        let mut seen = self.seen();
        match (&seen.obstacle, &obstacle) {
            (None, Some(why)) => tracing::error!("nothing is sold: {why}"),
            (Some(_), None) => tracing::info!("the ledger is fit to sell again"),
            _ => {}
        }
        // What is there at the first look was warned of when the ledger was connected to.
        if !seen.servers.is_empty() {
            let (before, now) = (concerns(&seen.servers), concerns(&servers));
            for (place, concern) in now.difference(&before) {
                tracing::warn!("{}", concern.sentence(place));
            }
            for (place, concern) in before.difference(&now) {
                let word = concern.as_str();
                tracing::info!("no more at the Redis at {place}: {word}");
            }
            for found in &servers {
                let known = seen.servers.iter().find(|known| known.place == found.place);
                if known.is_some_and(|known| known.evicted_keys < found.evicted_keys) {
                    tracing::error!(
                        "the Redis at {} has thrown keys away for want of memory ({} since it \
                         started): sold \
                         tickets may be among them. Audit each sale",
                        found.place,
                        found.evicted_keys
                    );
                }
            }
        }
        self.unfit.store(obstacle.is_some(), Ordering::Relaxed);
        *seen = Seen { obstacle, servers };
    }

    /// Whether changes of orders may be carried out.
    ///
    /// # Errors
    /// Why nothing is to be sold: nothing happened.
    pub(crate) fn fit(&self) -> Result<(), Fault> {
        if self.unfit.load(Ordering::Relaxed) {
            self.ready().map_err(Fault::NotSent)
        } else {
            Ok(())
        }
    }

    /// The same, in words for `/readyz`.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.seen().obstacle.clone().map_or(Ok(()), Err)
    }

    /// Whether a server had this at the last look.
    pub(crate) fn has_concern(&self, concern: Concern) -> bool {
        self.seen().servers.iter().any(|found| found.concerns.contains(&concern))
    }

    /// What was seen last of the servers, at most so many.
    pub(crate) fn servers(&self, most: usize) -> Vec<RedisReading> {
        let reading = |found: &Found| RedisReading {
            place: found.place.clone(),
            concerns: found.concerns.clone(),
            used_memory: found.used_memory,
            max_memory: found.max_memory,
            evicted_keys: found.evicted_keys,
        };
        self.seen().servers.iter().take(most).map(reading).collect()
    }

    /// Writes what was seen last.
    pub(crate) fn write(&self, page: &mut Page) {
        let seen = self.seen();
        page.gauge(
            "redis_unfit",
            "1 while a Redis of the ledger is set so that nothing is sold; /readyz says how.",
            u8::from(seen.obstacle.is_some()),
        );
        let shown = &seen.servers[..seen.servers.len().min(SERVERS_SHOWN_MAX)];
        let mut samples = page.begin(
            "redis_concern",
            "gauge",
            "Redis servers of the ledger of which this is so.",
        );
        for concern in Concern::ALL {
            let servers = seen.servers.iter();
            let count = servers.filter(|found| found.concerns.contains(&concern));
            samples.add(&[("concern", concern.as_str())], count.count());
        }
        for (name, kind, help, value) in [
            (
                "redis_used_memory_bytes",
                "gauge",
                "What a Redis of the ledger has in memory.",
                (|found| found.used_memory) as fn(&Found) -> u64,
            ),
            (
                "redis_max_memory_bytes",
                "gauge",
                "What it may have there (maxmemory); 0 = no bound.",
                |found| found.max_memory,
            ),
            (
                "redis_evicted_keys_total",
                "counter",
                "Keys that it has thrown away for want of memory.",
                |found| found.evicted_keys,
            ),
        ] {
            let mut samples = page.begin(name, kind, help);
            for found in shown {
                let server = match shown {
                    [_] => "ledger",
                    _ => &found.place,
                };
                samples.add(&[("server", server)], value(found));
            }
        }
    }
}

fn concerns(servers: &[Found]) -> BTreeSet<(&str, Concern)> {
    servers
        .iter()
        .flat_map(|found| found.concerns.iter().map(|c| (found.place.as_str(), *c)))
        .collect()
}
