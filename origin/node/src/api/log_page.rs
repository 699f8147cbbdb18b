//! A page of a sale's log as NDJSON, whole entries only.

use super::event_line;
use lastseat_ledger::{Fault, Ledger};
use shared::SaleId;

/// Lines of a page when the caller names no number.
pub const LOG_LINES: usize = 1_000;
/// Log entries that one call reads; each may hold the events of a whole batch.
const ENTRIES: usize = 16;

/// The lines of the entries from `from` on, up to the entry that reaches `limit` lines; empty where
/// the log ends, `None` where there is no such sale.
///
/// # Errors
/// See [`Fault`].
pub async fn read(
    ledger: &Ledger,
    sale: &SaleId,
    from: u64,
    limit: usize,
) -> Result<Option<Vec<u8>>, Fault> {
    let (mut next, mut count, mut lines) = (from, 0, Vec::new());
    let mut plan = None;
    while count < limit {
        let entries = ledger.log(sale, next, ENTRIES).await?;
        let Some(last) = entries.last() else { break };
        next = last.commit_seq + 1;
        if plan.is_none() && entries.iter().any(|entry| entry.by_plan) {
            plan = ledger.plan(sale).await?;
        }
        for entry in &entries {
            if count >= limit {
                break;
            }
            for line in event_line::export(sale, entry, plan.as_deref()) {
                line.write_to(&mut lines).map_err(|e| Fault::Corrupt(e.to_string()))?;
                count += 1;
            }
        }
    }
    // Only an empty page leaves open whether the sale exists.
    if lines.is_empty() && ledger.snapshot(sale).await?.is_none() {
        return Ok(None);
    }
    Ok(Some(lines))
}
