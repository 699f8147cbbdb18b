//! Buyers who buy through the nodes, ask again with the same key until they know, and remember what
//! they were told.

use lastseat_tests::harness::System;
use lastseat_tests::load::{Buyers, LastReply, LoadConnection, LoadRequest};
use shared::{Code, OrderId};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// A buyer who heard that nothing happened, or "busy", comes back after this.
const PAUSE: Duration = Duration::from_millis(10);
/// A moment between two purchases: the tests are about faults, not about load.
const BREATH: Duration = Duration::from_millis(2);
/// Nobody waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(40);

/// What buyers were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Orders that they have, by sale, with the moment of the answer.
    pub(crate) granted: HashMap<String, Vec<(OrderId, Instant)>>,
    /// Sales that are sold out.
    pub(crate) sold_out: HashSet<String>,
    /// How often nothing had happened.
    pub(crate) unavailable: u32,
    /// How often the outcome was unknown; each was asked for again.
    pub(crate) unknown: u32,
    /// Answers that make no sense.
    pub(crate) strange: Vec<String>,
}

impl Told {
    pub(crate) fn sold(&self, sale: &str) -> usize {
        self.granted.get(sale).map_or(0, Vec::len)
    }

    /// Whether this reply to the buyer of `key` was the last one.
    fn observe(&mut self, sale: &str, key: &str, reply: LastReply) -> bool {
        match reply {
            LastReply::Granted => {
                let id = OrderId::parse(key).expect("a key");
                self.granted.entry(sale.to_owned()).or_default().push((id, Instant::now()));
                return true;
            }
            // Nothing is to be had for as long as a test runs.
            LastReply::Refused | LastReply::Later { code: Code::AllHeld, .. } => {
                self.sold_out.insert(sale.to_owned());
                return true;
            }
            LastReply::Later { code: Code::Busy, .. } => {}
            LastReply::NotSent(_) | LastReply::Later { code: Code::Unavailable, .. } => {
                self.unavailable += 1;
            }
            LastReply::Lost(_) => self.unknown += 1,
            strange => {
                self.strange.push(format!("{sale}: {strange:?}"));
                return true;
            }
        }
        false
    }
}

/// Buyers who buy until everything is sold, or until they are told to stop.
pub(crate) struct Crowd {
    told: Arc<Mutex<Told>>,
    over: Arc<Mutex<bool>>,
    buyers: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// So many buyers go from sale to sale, each at a node.
    pub(crate) fn start(system: &System, sales: &[String], buyers: usize) -> Self {
        let told = Arc::<Mutex<Told>>::default();
        let over = Arc::<Mutex<bool>>::default();
        let buyers = (0..buyers).map(|number| {
            let nodes = system.nodes.iter();
            let buyer = Buyer {
                number,
                nodes: nodes.map(|node| LoadConnection::to(&node.url).expect("a node")).collect(),
                sales: sales.to_vec(),
                told: Arc::clone(&told),
                over: Arc::clone(&over),
            };
            tokio::spawn(buyer.buy())
        });
        let buyers = buyers.collect();
        Self { told, over, buyers }
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("no panic")
    }

    /// Waits until `what` is so.
    pub(crate) async fn until(&self, what: &str, so: impl Fn(&Told) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !so(&self.told()) {
            assert!(Instant::now() < end, "in vain: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Lets everybody know what became of the last order, and sends them home.
    pub(crate) async fn stop(self) -> Told {
        *self.over.lock().expect("no panic") = true;
        self.end().await
    }

    /// Waits until everything is sold and everybody knows.
    pub(crate) async fn end(self) -> Told {
        let told = Arc::clone(&self.told);
        let all = futures_util::future::join_all(self.buyers);
        let all = tokio::time::timeout(PATIENCE, all).await;
        for buyer in all.expect("everybody knows what he has") {
            buyer.expect("a buyer did not panic");
        }
        let mut told = told.lock().expect("no panic");
        std::mem::take(&mut told)
    }
}

struct Buyer {
    number: usize,
    nodes: Vec<LoadConnection>,
    sales: Vec<String>,
    told: Arc<Mutex<Told>>,
    over: Arc<Mutex<bool>>,
}

impl Buyer {
    async fn buy(mut self) {
        let buyers = Buyers::new(self.number as u64);
        for turn in 0u32.. {
            if *self.over.lock().expect("no panic") {
                return;
            }
            let Some(sale) = self.choose(turn) else {
                return;
            };
            self.place(&sale, buyers, turn).await;
            tokio::time::sleep(BREATH).await;
        }
    }

    /// A sale that is not sold out.
    fn choose(&self, turn: u32) -> Option<String> {
        let told = self.told();
        let sales: Vec<&String> =
            self.sales.iter().filter(|sale| !told.sold_out.contains(*sale)).collect();
        sales.get((self.number + turn as usize) % sales.len().max(1)).map(|&sale| sale.clone())
    }

    /// Asks until the outcome is known, one node after the other.
    async fn place(&mut self, sale: &str, buyers: Buyers, turn: u32) {
        let orders = LoadRequest::orders(sale, buyers);
        let nodes = self.nodes.len();
        for attempt in self.number.. {
            let reply = self.nodes[attempt % nodes].send(&orders, turn).await;
            if self.told().observe(sale, &buyers.key(turn), reply) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("no panic")
    }
}
