//! Sentinel client: asks Sentinels which server is the primary.
//!
//! Asking Sentinels which server is the primary, as their guidelines for clients say: one after the
//! other, the one that answered last first. Whoever connects then checks that it is one.

use super::connect::ask;
use crate::reply;
use crate::url::{Access, ServerAddress};
use redis::{Cmd, Value};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Time that one Sentinel has to answer.
const ANSWER: Duration = Duration::from_millis(250);
/// How often Sentinels are asked whether the primary is still the same one. A primary that was cut
/// off from them and not from us goes on selling, and what it sells is lost: this bounds for how
/// long.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The Sentinels of one primary.
pub(super) struct Sentinels {
    sentinels: Vec<ServerAddress>,
    question: Cmd,
    primary: String,
    access: Access,
    /// The one that answered last.
    good: AtomicUsize,
    /// What it said.
    named: Mutex<String>,
}

impl Sentinels {
    pub(super) fn new(sentinels: &[ServerAddress], primary: &str, access: &Access) -> Self {
        let mut question = redis::cmd("SENTINEL");
        question.arg("get-master-addr-by-name").arg(primary);
        Self {
            sentinels: sentinels.to_vec(),
            question,
            primary: primary.to_owned(),
            access: access.clone(),
            good: AtomicUsize::new(0),
            named: Mutex::default(),
        }
    }

    /// How to reach the server that they call the primary now.
    pub(super) async fn primary(&self) -> Result<ServerAddress, String> {
        let place = self.name().await?;
        let server = self
            .access
            .at(&place)
            .ok_or_else(|| format!("the Sentinels name {place:?}, which is no address"))?;
        *self.named.lock().unwrap_or_else(PoisonError::into_inner) = place;
        Ok(server)
    }

    /// Comes back when they call another server the primary than the last time.
    pub(super) async fn names_another(&self) {
        loop {
            tokio::time::sleep(POLL_INTERVAL.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
            // While none of them answers there is no other one.
            if let Ok(place) = self.name().await
                && *self.named.lock().unwrap_or_else(PoisonError::into_inner) != place
            {
                return;
            }
        }
    }

    async fn name(&self) -> Result<String, String> {
        let first = self.good.load(Ordering::Relaxed);
        let mut why = String::new();
        for turn in 0..self.sentinels.len() {
            let at = (first + turn) % self.sentinels.len();
            let sentinel = &self.sentinels[at];
            match ask(sentinel, &self.question, ANSWER).await {
                Ok(Value::Array(place)) => {
                    if let [host, port] = place.as_slice()
                        && let (Ok(host), Ok(port)) = (reply::text(host), reply::text(port))
                    {
                        self.good.store(at, Ordering::Relaxed);
                        return Ok(format!("{host}:{port}"));
                    }
                    why = format!("{} answers strangely", sentinel.addr());
                }
                Ok(_) => {
                    let name = &self.primary;
                    why = format!("{} knows no primary {name:?}", sentinel.addr());
                }
                Err(e) => why = format!("{}: {e}", sentinel.addr()),
            }
        }
        Err(format!("no Sentinel names the primary (the last one: {why})"))
    }
}
