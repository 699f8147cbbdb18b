//! Reads of orders that the ledger has lost and their buyers were told, until it has them again.

use super::scene::{SALE, Scene};
use crate::harness::HttpClient;
use crate::load::Buyers;
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Orders that are read of each lost tail, those of the latest buyers.
const READ_MAX: usize = 8;
/// Between two rounds of reads. What an edge lets through of orders that it has not seen is far
/// more.
const PAUSE: Duration = Duration::from_millis(20);
/// An order that is not there by then is not restored.
const RESTORED_WITHIN: Duration = Duration::from_secs(20);

/// What the reads of all tails were answered.
#[derive(Debug, Default)]
pub(super) struct LostReads {
    /// Orders that were read.
    orders: u64,
    /// Answers that said to try again.
    try_again: u64,
    /// Answers that no buyer with a ticket may get.
    wrong: BTreeSet<String>,
}

impl LostReads {
    /// Reads those of `lost` whose buyers had a "yes" by now, at every edge, until each was read.
    pub(super) async fn until_restored(
        &mut self,
        scene: &Scene,
        lost: &BTreeSet<String>,
        told: &BTreeSet<u32>,
    ) -> Result<()> {
        let buyers = Buyers::new(scene.seed);
        let was_told = |key: &&String| buyers.whose(key).is_some_and(|n| told.contains(&n));
        let read: Vec<&String> = lost.iter().filter(was_told).rev().take(READ_MAX).collect();
        self.orders += read.len() as u64;
        let begun = Instant::now();
        let mut left = Vec::new();
        for edge in &scene.cluster.edges {
            left.push((HttpClient::new(edge)?, read.clone()));
        }
        while left.iter().any(|(_, keys)| !keys.is_empty()) {
            for (client, keys) in &mut left {
                let mut away = Vec::new();
                for key in keys.drain(..) {
                    let answer = client.get(&format!("/v1/sales/{SALE}/orders/{key}")).await?;
                    match answer.status.as_u16() {
                        200 => continue,
                        429 | 503 | 504 => self.try_again += 1,
                        other => drop(self.wrong.insert(format!("{other} {}", answer.text()))),
                    }
                    away.push(key);
                }
                *keys = away;
            }
            if begun.elapsed() > RESTORED_WITHIN {
                bail!("orders that were told are not there after {RESTORED_WITHIN:?}");
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Notes them, and demands that no read said that there was no such order.
    pub(super) fn judge(&self, scene: &Scene) {
        scene.measure("told and lost orders read meanwhile", self.orders);
        scene.measure("reads answered with \"try again\"", self.try_again);
        let wrong = &self.wrong;
        scene.demand(wrong.is_empty(), || format!("a buyer with a ticket read {wrong:?}"));
        scene.demand(self.try_again > 0, || "no order was read while it was away".to_owned());
    }
}
