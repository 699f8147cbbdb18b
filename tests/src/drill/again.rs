//! Winners ask once more under their own keys, at another edge: one key, one outcome.

use crate::load::{Buyers, LastReply, LoadConnection, LoadRequest, LoadTally, OrderOutcome};
use anyhow::Result;
use shared::{Order, OrderId};
use std::collections::HashMap;

/// Winners that ask again. An edge that has latched a sale lets four unknown keys a second through.
const ASKED: usize = 6;
/// How often each of them asks while it hears "later".
const TIMES: u32 = 60;

/// A sentence for each of some winners whose key has another outcome now.
pub(super) async fn winners(
    edges: &[String],
    orders: &LoadRequest,
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
        let last = LoadConnection::to(edge)?.settle(orders, *number, TIMES).await;
        if last != LastReply::Granted {
            let key = buyers.key(*number);
            changed.push(format!("{key} had a yes and, asked again, hears {last:?}"));
        }
    }
    Ok(changed)
}
