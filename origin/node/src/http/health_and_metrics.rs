//! Handlers of `/healthz`, `/readyz` and `/metrics`.

use super::{App, response};
use crate::sale_service::SaleHandleView;
use crate::telemetry::metrics::EdgeTotals;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use lastseat_http::metrics::page::Page;
use shared::limits::METRICS_SALES_MAX;
use shared::wire::edge_counters::REASONS;
use shared::{Code, Problem, SaleState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const TEXT: &str = "text/plain; charset=utf-8";
/// Prometheus text format 0.0.4.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `/livez` and `/readyz`, on both listeners.
pub(super) fn health() -> Router<Arc<App>> {
    Router::new().route("/livez", get(live)).route("/readyz", get(ready))
}

/// `/metrics`, for operators.
pub(super) fn metrics() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(show_metrics))
}

/// The process runs; nothing more.
async fn live() -> Response {
    response::text(TEXT, "alive\n".to_owned())
}

/// Orders can be served, or what is in the way.
async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.ready() {
        Ok(()) => {
            let mut text = "ready\n".to_owned();
            let healing = app.counters.sales_healing.load(Ordering::Relaxed);
            if healing > 0 {
                // The node itself is well, and no other one could sell these.
                text.push_str(&format!(
                    "{healing} sales stand still until what Redis lost is restored\n"
                ));
            }
            let unsaved = &app.counters.acknowledged_unsaved_bytes;
            let unsaved = unsaved.load(Ordering::Relaxed);
            if unsaved > 0 {
                text.push_str(&format!(
                    "acknowledged.log cannot be written and lacks {unsaved} bytes\n"
                ));
            }
            response::text(TEXT, text)
        }
        Err(obstacle) => response::problem(&Problem {
            detail: format!("Not ready: {obstacle}."),
            ..Problem::new(Code::Unavailable).retry_after(1_000)
        }),
    }
}

async fn show_metrics(State(app): State<Arc<App>>) -> Response {
    let mut page = Page::default();
    app.counters.write(&mut page);
    app.sales.write_metrics(&mut page);
    let views = app.sales.views();
    let queued: usize = views.iter().map(|view| view.queued).sum();
    let edges = views.iter().map(|view| view.live_edges).max().unwrap_or(0);
    let node = app.node.id.to_string();
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("node", node.as_str())];
    let help = "Version and node of this process.";
    page.begin("build_info", "gauge", help).add(&labels, 1);
    for (name, help, value) in [
        ("node_weight", "Share of this node beside the others.", app.node.weight as usize),
        (
            "ready",
            "1 while this node can serve orders, as /readyz says.",
            usize::from(app.ready().is_ok()),
        ),
        ("connections", "Open connections of the public listener.", app.connections.open()),
        ("queue_orders", "Orders that wait for the ledger in this node.", queued),
        ("edges_live", "Edges that asked this node lately.", edges),
        ("dashboard_streams", "Dashboards that this node streams to.", app.status_stream.open()),
        ("sales_served", "Sales that this node serves.", views.len()),
    ] {
        page.gauge(name, help, value);
    }
    page.counter(
        "connections_turned_away_total",
        "Connections above the limit.",
        app.connections.turned_away(),
    );
    app.links.write(&mut page);
    let audits = app.audits.all();
    let differences = audits.iter().map(|(_, mark)| mark.differences).sum::<u64>();
    page.gauge(
        "audit_differences",
        "Differences that the last audits made by this node have found, over all sales.",
        differences,
    );
    page.counter("audits_total", "Audits made by this node.", app.audits.made());
    let shown = &views[..views.len().min(METRICS_SALES_MAX)];
    write_sales(&mut page, shown);
    if let Some(more) = &app.more_metrics {
        more.write(&mut page);
    }
    response::text(METRICS, page.into_text())
}

/// The sales that this node was asked for last, as it has them without asking the ledger.
fn write_sales(page: &mut Page, views: &[SaleHandleView]) {
    let mut tickets = page.begin(
        "sale_tickets",
        "gauge",
        "Tickets of a sale by state, by the last ledger reply.",
    );
    for SaleHandleView { sale, snapshot, .. } in views {
        for (state, count) in
            [("free", snapshot.free()), ("held", snapshot.held), ("confirmed", snapshot.confirmed)]
        {
            tickets.add(&[("sale", sale.as_str()), ("state", state)], count);
        }
    }
    let help = "Tickets that a sale has, by the last ledger reply.";
    let mut capacity = page.begin("sale_capacity_tickets", "gauge", help);
    for SaleHandleView { sale, snapshot, .. } in views {
        capacity.add(&[("sale", sale.as_str())], snapshot.capacity);
    }
    let mut open = page.begin("sale_open", "gauge", "1 while the sale is open.");
    for SaleHandleView { sale, snapshot, .. } in views {
        let is_open = u8::from(snapshot.state == SaleState::Open);
        open.add(&[("sale", sale.as_str())], is_open);
    }
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut orders = page.begin(
        "sale_orders_total",
        "counter",
        "Orders of a sale that reached this node, by stage.",
    );
    for SaleHandleView { sale, counts, .. } in views {
        for (stage, counter) in [
            ("received", &counts.received),
            ("refused_by_origin", &counts.refused_by_origin),
            ("refused_by_ledger", &counts.refused_by_ledger),
            ("granted", &counts.granted),
            ("replayed", &counts.replayed),
        ] {
            let labels = [("sale", sale.as_str()), ("stage", stage)];
            orders.add(&labels, read(counter));
        }
    }
    for (name, help, counter) in [
        (
            "edge_orders_asked_total",
            "Orders that came to an edge, as edges reported to this node.",
            (|edge| &edge.asked) as fn(&EdgeTotals) -> &AtomicU64,
        ),
        (
            "edge_orders_forwarded_total",
            "Orders that an edge sent to an origin, as edges reported to this node.",
            |edge| &edge.forwarded,
        ),
        (
            "edge_origin_failures_total",
            "Origins that an edge asked for an order and that gave no answer, as edges reported to \
             this node.",
            |edge| &edge.failed,
        ),
        (
            "edge_order_calls_refused_total",
            "Reads and changes of orders that an edge refused with busy, as edges reported to this \
             node.",
            |edge| &edge.calls_refused,
        ),
    ] {
        let mut samples = page.begin(name, "counter", help);
        for SaleHandleView { sale, counts, .. } in views {
            samples.add(&[("sale", sale.as_str())], read(counter(&counts.edge)));
        }
    }
    let mut refused = page.begin(
        "edge_orders_refused_total",
        "counter",
        "Orders refused at an edge without an origin, by reason, as edges reported to this node.",
    );
    for SaleHandleView { sale, counts, .. } in views {
        for ((code, _), counter) in REASONS.iter().zip(&counts.edge.refused) {
            let labels = [("sale", sale.as_str()), ("reason", code.as_str())];
            refused.add(&labels, read(counter));
        }
    }
}
