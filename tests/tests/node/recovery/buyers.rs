//! Buyers who hold, pay and give back through the nodes, and what each was told last.

use crate::recovery::stage::{SHOP, Stage};
use hyper::Method;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{HttpClient, HttpReply, ledger};
use shared::{OrderId, OrderState};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

pub(crate) const SALE: &str = "drop";
/// How long somebody repeats a request that found no answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What buyers were told of their orders last, and with how many tickets.
pub(crate) type Told = HashMap<String, (OrderState, u32)>;

/// A node that a buyer asks, and what the buyer does there.
#[derive(Debug)]
pub(crate) struct Buyer {
    client: HttpClient,
    told: Arc<Mutex<Told>>,
    sale: &'static str,
}

impl Buyer {
    pub(crate) fn new(client: HttpClient, told: &Arc<Mutex<Told>>) -> Self {
        Self { client, told: Arc::clone(told), sale: SALE }
    }

    /// The same, in another sale.
    pub(crate) fn in_sale(self, sale: &'static str) -> Self {
        Self { sale, ..self }
    }

    /// Repeats a request until it is answered with something else than a fault.
    async fn ask(&mut self, path: &str, headers: &[(&str, &str)], body: &str) -> Option<HttpReply> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let asked = request(Method::POST, path, headers, body).expect("a request");
            match self.client.send(asked).await {
                Ok(answer) if answer.status.as_u16() < 500 => return Some(answer),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        None
    }

    fn hears(&self, key: &str, answer: Option<HttpReply>) -> bool {
        let Some(answer) = answer.filter(|answer| answer.status.is_success()) else {
            return false;
        };
        let order: serde_json::Value = answer.json().expect("an order");
        let state = serde_json::from_value(order["state"].clone()).expect("a state");
        let quantity = order["quantity"].as_u64().expect("a quantity");
        let mut told = self.told.lock().expect("no panic");
        told.insert(key.to_owned(), (state, u32::try_from(quantity).expect("few")));
        true
    }

    /// Places an order; whether it was granted.
    pub(crate) async fn buys(&mut self, key: &str, quantity: u32) -> bool {
        let path = format!("/v1/sales/{}/orders", self.sale);
        let body = format!(r#"{{"buyer":"of-{key}","quantity":{quantity}}}"#);
        let answer = self.ask(&path, &[("idempotency-key", key)], &body).await;
        self.hears(key, answer)
    }

    /// `confirm`, `cancel` or `extend`.
    pub(crate) async fn does(&mut self, verb: &str, key: &str, body: &str) -> bool {
        let path = format!("/v1/sales/{}/orders/{key}/{verb}", self.sale);
        let shop = format!("Bearer {SHOP}");
        let answer = self.ask(&path, &[("authorization", &shop)], body).await;
        self.hears(key, answer)
    }
}

/// Buyers who buy until they are told to stop.
pub(crate) struct Crowd {
    pub(crate) told: Arc<Mutex<Told>>,
    over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// `each` buyers at each node: every second order is paid for, every eighth given back, if they
    /// `settle`.
    pub(crate) fn start(stage: &Stage, each: u32, settle: bool, name: &str) -> Self {
        let told = Arc::<Mutex<Told>>::default();
        let over = Arc::<AtomicBool>::default();
        let number = Arc::<AtomicU32>::default();
        let mut tasks = Vec::new();
        for node in &stage.nodes {
            for _ in 0..each {
                let mut buyer = Buyer::new(node.client(), &told);
                let (over, number) = (Arc::clone(&over), Arc::clone(&number));
                let name = name.to_owned();
                tasks.push(tokio::spawn(async move {
                    while !over.load(Ordering::Relaxed) {
                        let n = number.fetch_add(1, Ordering::Relaxed);
                        let key = format!("{name}-{n:012}");
                        if !buyer.buys(&key, 1 + n % 3).await || !settle {
                            continue;
                        }
                        match n % 8 {
                            0 => drop(buyer.does("cancel", &key, "").await),
                            1 if n % 3 > 0 => {
                                buyer.does("confirm", &key, r#"{"quantity":1}"#).await;
                            }
                            2 | 4 => drop(buyer.does("confirm", &key, "").await),
                            3 => {
                                buyer.does("confirm", &key, "").await;
                                buyer.does("cancel", &key, "").await;
                            }
                            5 => drop(buyer.does("extend", &key, "").await),
                            _ => {}
                        }
                    }
                }));
            }
        }
        Self { told, over, tasks }
    }

    fn orders(&self) -> usize {
        self.told.lock().expect("no panic").len()
    }

    /// Waits until so many more orders were granted.
    pub(crate) async fn buy(&self, orders: usize) {
        let end = self.orders() + orders;
        until_async("the crowd buys", async || (self.orders() >= end).then_some(())).await;
    }

    /// Ends it; what all of them were told.
    pub(crate) async fn stop(self) -> Told {
        self.over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("a buyer ends well");
        }
        let told = self.told.lock().expect("no panic");
        told.clone()
    }
}

/// What of `told` a Redis does not have as it was told, read past the system.
pub(crate) async fn missing(url: &str, told: &Told) -> Vec<String> {
    let orders = ledger::orders(url, SALE).await;
    let orders = orders.expect("the ledger");
    let mut missing = Vec::new();
    for (key, told) in told {
        let id = OrderId::parse(key).expect("an id");
        let is = orders.get(&id).map(|order| (order.state, order.taken));
        if is != Some(*told) {
            missing.push(format!("{key}: told {told:?}, is {is:?}"));
        }
    }
    missing
}

/// Nothing is missing, nothing oversold, and the audit agrees.
pub(crate) async fn all_is_well(stage: &Stage, told: &Told) {
    let missing = missing(&stage.redis_url(), told).await;
    let notes: Vec<String> = stage.nodes.iter().map(|node| node.notes()).collect();
    assert!(missing.is_empty(), "{missing:#?}\n{}", notes.join("\n---\n"));
    let report = stage.says(&["--json", "audit", SALE, "--ledger"]);
    let report: serde_json::Value = serde_json::from_str(&report).expect("a report");
    assert_eq!(report["ok"], true, "{report}");
    assert!(report["free"].as_i64().expect("a number") >= 0, "{report}");
}
