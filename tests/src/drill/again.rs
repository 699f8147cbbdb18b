//! Winners ask once more under their own keys, at another edge: one key, one outcome.

use crate::harness::HttpClient;
use crate::rush::buyers::Buyers;
use crate::rush::order::{CrowdOrders, LastReply, REPEAT_AFTER_MS, observed};
use crate::rush::tally::{LoadTally, OrderOutcome};
use anyhow::Result;
use shared::{Order, OrderId};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::sleep;

/// Winners that ask again. An edge that has latched a sale lets four unknown keys a second through.
const ASKED: usize = 6;
/// How often each of them asks while it is told to wait.
const TIMES: u32 = 100;

/// A sentence for each of some winners whose key has another outcome now.
pub(super) async fn winners(
    edges: &[String],
    sale: &str,
    buyers: Buyers,
    tally: &LoadTally,
    ledger: &HashMap<OrderId, Order>,
) -> Result<Vec<String>> {
    let in_ledger = |number: u32| {
        let id = OrderId::parse(&buyers.key(number));
        id.is_ok_and(|id| ledger.contains_key(&id))
    };
    let winners: Vec<u32> = (0u32..)
        .zip(&tally.outcomes)
        .filter(|(number, outcome)| **outcome == OrderOutcome::Granted && in_ledger(*number))
        .map(|(number, _)| number)
        .collect();
    let mut changed = Vec::new();
    let step = winners.len().div_ceil(ASKED).max(1);
    for (number, edge) in winners.iter().step_by(step).zip(edges.iter().cycle().skip(1)) {
        let heard = outcome(edge, sale, buyers, *number).await?;
        if heard != Some(LastReply::Granted) {
            let key = buyers.key(*number);
            changed.push(format!("{key} had a yes and, asked again, hears {heard:?}"));
        }
    }
    Ok(changed)
}

/// What a buyer is told who asks again until the outcome is known; `None` when it stays unknown.
pub(super) async fn outcome(
    edge: &str,
    sale: &str,
    buyers: Buyers,
    number: u32,
) -> Result<Option<LastReply>> {
    let orders = CrowdOrders::new(buyers, sale)?;
    let mut client = HttpClient::new(edge)?;
    for _ in 0..TIMES {
        let answer = client.send(orders.request(number, true)).await;
        let wait_ms = match observed(&answer, || buyers.key(number)) {
            LastReply::Later { wait_ms, .. } => wait_ms,
            LastReply::Lost(_) => REPEAT_AFTER_MS,
            settled => return Ok(Some(settled)),
        };
        sleep(Duration::from_millis(wait_ms.into())).await;
    }
    Ok(None)
}
