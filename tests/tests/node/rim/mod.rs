//! What comes from outside at any moment: requests that no honest client sends, a Redis that is set
//! otherwise while nodes run, a ledger that was emptied, names of sales that nobody made. Real
//! processes.

mod auditor;
mod calls;
mod flood;
mod gone;
mod keys;
mod moments;
mod past;
mod requests;
mod watch;
mod wire;

use lastseat_tests::harness::{Cluster, Edge, Setup};

use std::time::{Duration, Instant};

/// The sale of these tests.
const SALE: &str = "spring";

/// One node that also serves clients, with a sale of 100 tickets, behind this edge and with these
/// variables.
async fn start(edge: Edge, environment: &[(&str, &str)]) -> Cluster {
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let setup = Setup {
        direct: true,
        weights: vec![1],
        environment: environment.collect(),
        ..Setup::with_edge(edge)
    };
    let cluster = Cluster::start(&setup).expect("the cluster comes up");
    cluster.create_sale(SALE, 100).await.expect("a sale");
    cluster
}

/// Waits until `what` is so.
async fn until<F: Future<Output = bool>>(what: &str, mut is: impl FnMut() -> F) {
    let begun = Instant::now();
    while !is().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "not so: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
