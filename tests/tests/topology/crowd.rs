//! Buyers who buy through the nodes, ask again with the same key until they know, and remember what
//! they were told.

use hyper::StatusCode;
use lastseat_tests::harness::{ConnectionLost, HttpClient, System};
use shared::OrderId;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// A buyer who heard that nothing happened, or "busy", comes back after this.
const PAUSE: Duration = Duration::from_millis(10);
/// A moment between two purchases: the tests are about faults, not about load.
const BREATH: Duration = Duration::from_millis(2);
/// Nothing is to be had for as long as a test runs.
const NONE_LEFT: [&str; 2] = ["sold_out", "all_held"];
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
        let nodes: Vec<String> = system.nodes.iter().map(|node| node.url.clone()).collect();
        let buyers = (0..buyers).map(|number| {
            let buyer = Buyer {
                number,
                clients: nodes.iter().map(|url| HttpClient::new(url).expect("a node")).collect(),
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
    clients: Vec<HttpClient>,
    sales: Vec<String>,
    told: Arc<Mutex<Told>>,
    over: Arc<Mutex<bool>>,
}

impl Buyer {
    async fn buy(mut self) {
        for turn in self.number.. {
            if *self.over.lock().expect("no panic") {
                return;
            }
            let Some(sale) = self.choose(turn) else {
                return;
            };
            let key = format!("{sale}-{:04}-{turn:08}-key", self.number);
            self.place(&sale, &key).await;
            tokio::time::sleep(BREATH).await;
        }
    }

    /// A sale that is not sold out.
    fn choose(&self, turn: usize) -> Option<String> {
        let told = self.told();
        let sales: Vec<&String> =
            self.sales.iter().filter(|sale| !told.sold_out.contains(*sale)).collect();
        sales.get(turn % sales.len().max(1)).map(|&sale| sale.clone())
    }

    /// Asks until the outcome is known.
    async fn place(&mut self, sale: &str, key: &str) {
        let body = format!(r#"{{"buyer":"b{}","quantity":1}}"#, self.number);
        let nodes = self.clients.len();
        for attempt in self.number.. {
            let client = &mut self.clients[attempt % nodes];
            let answer = client.order(sale, Some(key), &body).await;
            let answer = match answer.map_err(|e| e.downcast::<ConnectionLost>()) {
                Ok(answer) => answer,
                Err(Ok(ConnectionLost::NotSent(_))) => {
                    self.told().unavailable += 1;
                    continue;
                }
                Err(_) => {
                    self.told().unknown += 1;
                    continue;
                }
            };
            match answer.status {
                StatusCode::CREATED | StatusCode::OK => {
                    let id = OrderId::parse(key).expect("a key");
                    let mut told = self.told();
                    let orders = told.granted.entry(sale.to_owned()).or_default();
                    orders.push((id, Instant::now()));
                    return;
                }
                StatusCode::SERVICE_UNAVAILABLE => self.told().unavailable += 1,
                StatusCode::GATEWAY_TIMEOUT => self.told().unknown += 1,
                StatusCode::TOO_MANY_REQUESTS => {}
                StatusCode::CONFLICT
                    if NONE_LEFT.iter().any(|code| answer.text().contains(code)) =>
                {
                    self.told().sold_out.insert(sale.to_owned());
                    return;
                }
                status => {
                    let strange = format!("{sale}: {status} {}", answer.text());
                    self.told().strange.push(strange);
                    return;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("no panic")
    }
}
