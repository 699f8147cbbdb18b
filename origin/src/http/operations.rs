//! What a balancer, a supervisor and a scraper ask.

use super::{App, answer};
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use shared::{Code, Problem};
use std::fmt::Write as _;
use std::sync::Arc;

const TEXT: &str = "text/plain; charset=utf-8";
/// Prometheus text format 0.0.4.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `/livez` and `/readyz`, on both listeners.
pub(super) fn health() -> Router<Arc<App>> {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
}

/// `/metrics`, for operators.
pub(super) fn metrics() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(show_metrics))
}

/// The process runs; nothing more.
async fn live() -> Response {
    answer::text(TEXT, "alive\n".to_owned())
}

/// Orders can be served, or what is in the way.
async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.ready() {
        Ok(()) => answer::text(TEXT, "ready\n".to_owned()),
        Err(obstacle) => answer::problem(&Problem {
            detail: format!("Not ready: {obstacle}."),
            ..Problem::new(Code::Unavailable).retry_after(1_000)
        }),
    }
}

async fn show_metrics(State(app): State<Arc<App>>) -> Response {
    let mut text = app.counters.render();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "# HELP lastseat_build_info Version and node of this process.\n\
         # TYPE lastseat_build_info gauge\n\
         lastseat_build_info{{version=\"{version}\",node=\"{node}\"}} 1\n\
         # HELP lastseat_connections Open connections of the public listener.\n\
         # TYPE lastseat_connections gauge\n\
         lastseat_connections {open}\n\
         # HELP lastseat_connections_turned_away_total Connections above the limit.\n\
         # TYPE lastseat_connections_turned_away_total counter\n\
         lastseat_connections_turned_away_total {turned_away}\n",
        version = env!("CARGO_PKG_VERSION"),
        node = app.node.id,
        open = app.connections.open(),
        turned_away = app.connections.turned_away(),
    );
    answer::text(METRICS, text)
}
