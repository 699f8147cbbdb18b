//! The train of M16: all its seats are sold on all legs but the last one.

use crate::harness::paths::repository;
use crate::harness::{Cluster, HttpClient};
use crate::load::Travellers;
use crate::rush::plan_file;
use anyhow::{Context, Result, bail, ensure};
use hyper::StatusCode;
use serde_json::json;
use std::time::{Duration, Instant};

/// Seats that one order asks for at first while the train is sold out: as many as a sale allows
/// one order whose terms nobody has set.
const TOGETHER: u32 = 10;
/// The train is sold out by then, on any machine.
const SOLD_WITHIN: Duration = Duration::from_secs(60);
/// Between two orders of which the first was told to come again.
const PAUSE: Duration = Duration::from_millis(50);

/// The train, and buyers who do not want to go to its last stop.
pub(super) fn travellers() -> Result<Travellers> {
    let plan = plan_file::read(&repository().join("docs/examples/train.toml"))?;
    Ok(Travellers::new(plan, 1).short_of_the_last_stop())
}

/// Buys all seats on all legs but the last one; how many on how many legs that were. Then it asks
/// once for each of these legs: an edge knows of a journey that it is gone when a part of it was
/// refused.
pub(super) async fn sell_out(cluster: &Cluster, sale: &str, of: &Travellers) -> Result<u64> {
    let stops = of.plan().stops();
    let (from, to) = (0, of.plan().legs() - 1);
    let edge = HttpClient::new(cluster.edges.first().context("an edge")?)?;
    let mut train = SellingTrain { edge, sale, until: Instant::now() + SOLD_WITHIN };
    let mut sold = 0;
    for class in of.plan().classes() {
        let line = |from: usize, to: usize, quantity| {
            let [from, to] = [from, to].map(|place| &stops[place].id);
            json!({"class": class.id, "from": from, "to": to, "quantity": quantity})
        };
        let mut quantity = TOGETHER;
        while quantity > 0 {
            match train.order(&line(from, to, quantity)).await? {
                true => sold += u64::from(quantity) * to as u64,
                false => quantity /= 2,
            }
        }
        for leg in from..to {
            let bought = train.order(&line(leg, leg + 1, 1)).await?;
            ensure!(!bought, "a seat of {} was left on leg {leg}", class.id);
        }
    }
    Ok(sold)
}

struct SellingTrain<'a> {
    edge: HttpClient,
    sale: &'a str,
    until: Instant,
}

impl SellingTrain<'_> {
    /// Orders one line until it is bought or refused; whether it is bought.
    async fn order(&mut self, line: &serde_json::Value) -> Result<bool> {
        let body = json!({"buyer": "all", "lines": [line]}).to_string();
        while Instant::now() < self.until {
            let answer = self.edge.order(self.sale, None, &body).await?;
            match answer.status {
                StatusCode::CREATED => return Ok(true),
                StatusCode::CONFLICT => return Ok(false),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    tokio::time::sleep(PAUSE).await;
                }
                other => bail!("{line} was answered {other} {}", answer.text()),
            }
        }
        bail!("the train is not sold out after {SOLD_WITHIN:?}")
    }
}
