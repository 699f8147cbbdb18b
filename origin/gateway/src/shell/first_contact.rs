//! First contact: whether any node has answered this gateway since it started.
//!
//! Until one has, `/readyz` says no: the table, the network or the certificates may be wrong, and
//! another gateway may serve. From then on it says yes until the gateway stops, whatever becomes of
//! the nodes: without them a gateway still refuses what it has cached as sold out and tells all
//! others when to come back, while a load balancer without a server only refuses connections.

use super::Shell;
use super::plain_client::PlainClient;
use http_body_util::Full;
use hyper::Request;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Time for the answer of a node.
const ANSWER: Duration = Duration::from_secs(1);
/// Pause before all nodes are asked once more.
const PAUSE: Duration = Duration::from_millis(500);

impl Shell {
    /// Asks all nodes whether they live until one answers. What the rules know of the nodes does
    /// not change by it.
    pub(crate) async fn make_first_contact(&self) {
        loop {
            let mut asked = JoinSet::new();
            for origin in &self.origins {
                asked.spawn(answers(self.plain.another(), format!("{origin}/livez")));
            }
            while let Some(answered) = asked.join_next().await {
                if answered.unwrap_or(false) {
                    return self.reached.store(true, Ordering::Relaxed);
                }
            }
            sleep(PAUSE).await;
        }
    }
}

/// Whether a node answers at `url`, and not a proxy in the place of one that is away.
async fn answers(client: PlainClient, url: String) -> bool {
    let Ok(request) = Request::get(url).body(Full::default()) else {
        return false;
    };
    let answer = timeout(ANSWER, client.ask(request)).await;
    answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status < 500))
}
