//! Tracing spans of a node: requests, batches and ledger calls.
//!
//! A batch serves many requests. Its span is a part of the trace of one of them and is linked to
//! the others, and each request's span names the batch. Spans are of level DEBUG, so that they cost
//! a glance at a number where nobody wants them. They name no order: an order's id is a capability.
//! `stat.log` says which order a trace was about.

use crate::header_names::TRACEPARENT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use lastseat_ledger::Fault;
use shared::{Actor, SaleId, TraceParent, Verb};
use tracing::field::{Empty, display};
use tracing::{Instrument, Level, Span, debug, debug_span, info};

/// Whether anybody wants spans.
fn wanted() -> bool {
    tracing::level_enabled!(Level::DEBUG)
}

/// The trace that a request names.
pub(crate) fn of_headers(headers: &HeaderMap) -> Option<TraceParent> {
    TraceParent::parse(headers.get(&TRACEPARENT)?.to_str().ok()?)
}

/// The span of a request that was admitted, a part of the trace that it names. A request that was
/// not gets none: whoever can reach a node could choose what the collector keeps.
pub(crate) fn of_admitted(request: &Parts) -> Span {
    let span = of_request(&request.method, &request.uri);
    if !span.is_none() {
        join(&span, of_headers(&request.headers));
    }
    span
}

/// The span of an order that came over a link: that of a request.
pub(crate) fn of_order(sale: &str, trace: Option<TraceParent>) -> Span {
    if !wanted() {
        return Span::none();
    }
    let span = of_call("POST", &format!("/v1/sales/{sale}/orders"));
    join(&span, trace);
    span
}

/// The span of a request, in a trace of its own.
pub(crate) fn of_request(method: &Method, uri: &Uri) -> Span {
    if wanted() { of_call(method.as_str(), uri.path()) } else { Span::none() }
}

fn of_call(method: &str, path: &str) -> Span {
    let route = without_order(path);
    debug_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        actor = Empty,
        trace = Empty,
        batch = Empty,
    )
}

/// Makes `span` a part of `trace`, if there is one.
fn join(span: &Span, trace: Option<TraceParent>) {
    if let Some(trace) = trace {
        span.record("trace", display(trace.trace_id()));
        #[cfg(feature = "otlp")]
        crate::telemetry::logging::follow(span, &trace);
    }
}

/// Names in the span of a request whose token it carries, and in the log as well where it changes a
/// sale. Changes of single orders would fill the log.
pub(crate) fn asked_by(actor: &Actor, request: &Parts) {
    Span::current().record("actor", display(actor));
    let Some((verb, sale)) = Verb::of_call(request.method.as_str(), request.uri.path()) else {
        return;
    };
    // What is no id of a sale is refused, and its text is anybody's.
    let Some(sale) = sale.and_then(|sale| SaleId::parse(sale).ok()) else { return };
    if verb.changes_sale() {
        info!("{actor} asks to {verb} sale {sale}");
    }
}

/// Answers a request in its span, which gets the status.
pub(crate) async fn around(span: Span, answering: impl Future<Output = Response>) -> Response {
    if span.is_none() {
        return answering.await;
    }
    let response = answering.instrument(span.clone()).await;
    answered(&span, response.status());
    response
}

/// A request was answered with this status.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    if !span.is_none() {
        span.record("http.response.status_code", status.as_u16());
        span.in_scope(|| debug!("answered"));
    }
}

/// The span that an order waits in, for the batch that will serve it.
pub(crate) fn of_waiting() -> Span {
    if wanted() { Span::current() } else { Span::none() }
}

/// The span of a batch: a part of the trace of one of its orders, one that is recorded if there is
/// any, and linked to those of the others.
pub(crate) fn of_batch<'a>(
    sale: &SaleId,
    number: u64,
    waiting: impl ExactSizeIterator<Item = &'a Span> + Clone,
) -> Span {
    if !wanted() {
        return Span::none();
    }
    let orders = waiting.len();
    let chosen = waiting.clone().position(is_recorded).unwrap_or(0);
    let parent = waiting.clone().nth(chosen).and_then(Span::id);
    let span =
        debug_span!(parent: parent, "batch", otel.kind = "internal", %sale, batch = number, orders);
    for (place, request) in waiting.enumerate() {
        request.record("batch", number);
        if place != chosen {
            span.follows_from(request);
        }
    }
    span
}

#[cfg(feature = "otlp")]
use crate::telemetry::logging::is_recorded;

/// Whether a collector will get the span.
#[cfg(not(feature = "otlp"))]
fn is_recorded(_: &Span) -> bool {
    false
}

/// Says in the span of a batch that the ledger has decided, or why it has not.
pub(crate) fn decided(span: &Span, fault: Option<&Fault>) {
    if !span.is_none() {
        span.in_scope(|| match fault {
            None => debug!("decided"),
            Some(fault) => debug!("not decided: {fault}"),
        });
    }
}

/// The path without the order that it names.
fn without_order(path: &str) -> String {
    let mut parts = path.split('/');
    let mut shown = parts.next().unwrap_or_default().to_owned();
    let mut before = "";
    for part in parts {
        shown.push('/');
        shown.push_str(if before == "orders" { "{order}" } else { part });
        before = part;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_order_is_named_in_a_span() {
        for (path, shown) in [
            ("/v1/sales/demo/orders", "/v1/sales/demo/orders"),
            ("/v1/sales/demo/orders/0123", "/v1/sales/demo/orders/{order}"),
            ("/v1/sales/demo/orders/0123/confirm", "/v1/sales/demo/orders/{order}/confirm"),
            ("/v1/admin/sales/demo/orders/0123", "/v1/admin/sales/demo/orders/{order}"),
            ("/", "/"),
        ] {
            assert_eq!(without_order(path), shown);
        }
    }
}
