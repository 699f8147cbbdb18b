//! Operator handlers of the event log: read page by page, and acknowledged.

use crate::api::event_line::LOG_LINES_MAX;
use crate::api::log_page::{self, LOG_LINES};
use crate::api::order_bodies::{AckRequest, LogPosition};
use crate::http::request::{self, OfSale};
use crate::http::token_auth::Operator;
use crate::http::{App, response};
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use lastseat_ledger::SaleChange;
use serde::Deserialize;
use shared::{Code, Problem, Refusal};
use std::sync::Arc;

const NDJSON: &str = "application/x-ndjson";

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
    let limit = wanted.limit.unwrap_or(LOG_LINES);
    if !(1..=LOG_LINES_MAX).contains(&limit) {
        let wrong = format!("\"limit\" is a whole number from 1 to {LOG_LINES_MAX}.");
        return response::problem(&Problem::invalid(wrong));
    }
    let page = log_page::read(app.sales.ledger(), &sale, wanted.from, limit).await;
    let page = page.and_then(|found| app.sales.there(&sale, found));
    response::found(page, Refusal::UnknownSale, |lines| response::text(NDJSON, lines))
}

/// `POST /v1/admin/sales/{sale}/log/ack`: what was taken over up to a position may be forgotten.
pub(super) async fn ack(
    _: Operator,
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    request: Request,
) -> Response {
    let AckRequest { to } = match request::body(request).await {
        Ok(wanted) => wanted,
        Err(problem) => return response::problem(&problem),
    };
    response::found(app.sales.ack(&sale, to).await, Refusal::UnknownSale, |(snapshot, change)| {
        let commit_seq = snapshot.commit_seq;
        if change == SaleChange::Invalid {
            let detail = format!(
                "The log of sale {sale} ends at {commit_seq}; {to} cannot have been taken over yet."
            );
            return response::problem(&Problem { detail, ..Problem::new(Code::BadTerms) });
        }
        let position = LogPosition { sale: sale.to_string(), to, commit_seq };
        let mut response = response::json(StatusCode::OK, &position);
        response::mark_replayed(&mut response, change == SaleChange::Unchanged);
        response
    })
}
