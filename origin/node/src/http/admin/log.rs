//! Operator handler of the event log, page by page.

use crate::api::event_line::{self, LOG_LINES_MAX};
use crate::http::request::{self, OfSale};
use crate::http::token_auth::Operator;
use crate::http::{App, response};
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use lastseat_ledger::{Fault, Ledger};
use serde::Deserialize;
use shared::{Problem, Refusal, SaleId};
use std::sync::Arc;

const NDJSON: &str = "application/x-ndjson";
/// Lines of a page when the caller names no number.
const LIMIT: usize = 1_000;
/// Log entries that one call reads; each may hold the events of a whole batch.
const ENTRIES: usize = 16;

/// Query of the call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    /// First `commit_seq`; the oldest that the log still has when absent or trimmed.
    #[serde(default)]
    from: u64,
    /// The page ends with the entry that reaches so many lines.
    limit: Option<usize>,
}

/// `GET /v1/admin/sales/{sale}/log?from=SEQ&limit=N`: events as NDJSON, whole entries only, so that
/// the next page begins after the last `commit_seq`. Nothing where the log ends.
pub(super) async fn read(
    _: Operator,
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    uri: Uri,
) -> Response {
    let wanted = match request::query::<LogQuery>(&uri) {
        Ok(wanted) => wanted,
        Err(problem) => return response::problem(&problem),
    };
    let limit = wanted.limit.unwrap_or(LIMIT);
    if !(1..=LOG_LINES_MAX).contains(&limit) {
        let wrong = format!("\"limit\" is a whole number from 1 to {LOG_LINES_MAX}.");
        return response::problem(&Problem::invalid(wrong));
    }
    let page = page(app.sales.ledger(), &sale, wanted.from, limit).await;
    let page = page.and_then(|found| app.sales.there(&sale, found));
    response::found(page, Refusal::UnknownSale, |lines| response::text(NDJSON, lines))
}

async fn page(
    ledger: &Ledger,
    sale: &SaleId,
    from: u64,
    limit: usize,
) -> Result<Option<Vec<u8>>, Fault> {
    let (mut next, mut count, mut lines) = (from, 0, Vec::new());
    while count < limit {
        let entries = ledger.log(sale, next, ENTRIES).await?;
        let Some(last) = entries.last() else { break };
        next = last.commit_seq + 1;
        for entry in &entries {
            if count >= limit {
                break;
            }
            for line in event_line::export(sale, entry) {
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
