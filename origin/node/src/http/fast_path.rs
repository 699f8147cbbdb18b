//! Fast path of a listener: an order goes to its handler without the router.
//!
//! In a rush nearly every request is an order. On its way through a router with layers and
//! extractors a request is boxed and moved a dozen times, which took more instructions than to
//! read, decide and answer it (docs/evidence/PERFORMANCE.md).

use super::edge_auth::{self, Peer};
use super::{App, link, orders, page_origin, response};
use crate::telemetry::spans;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use axum::response::Response;
use hyper::body::Incoming;
use shared::SaleId;
use shared::wire::repeated_headers::{self, ONCE};
use std::sync::Arc;
use tower_service::Service;
use tracing::Span;

/// What answers the requests of one listener.
#[derive(Clone, Debug)]
pub struct FastPath {
    /// Who takes orders; `None` on a listener that takes none.
    orders: Option<Arc<App>>,
    router: Router,
}

impl FastPath {
    /// The entry point of the public listener.
    pub fn public(app: Arc<App>) -> Self {
        Self { router: super::public(Arc::clone(&app)), orders: Some(app) }
    }

    /// The entry point of the operators' listener.
    pub fn operators(app: Arc<App>) -> Self {
        Self { router: super::operators(app), orders: None }
    }

    /// Answers `request`, which came from `peer`.
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Response {
        let Some(app) = self.orders.as_ref().filter(|app| !app.allowed_origins.is_empty()) else {
            return self.carry_out(request, peer).await;
        };
        let page = page_origin::allowed(app, request.headers());
        let mut response = self.carry_out(request, peer).await;
        response::add_cors(&mut response, page);
        response
    }

    async fn carry_out(&self, mut request: Request<Incoming>, peer: Peer) -> Response {
        if let Some(name) = repeated(request.headers()) {
            return response::problem(&repeated_headers::repeated(name));
        }
        if let Some(app) = self.orders.as_ref().filter(|_| link::is_asked(&request)) {
            return link::open(app, request, peer);
        }
        if let Some(app) = &self.orders
            && let Some(sale) = ordered(&request)
        {
            let (parts, body) = request.into_parts();
            let has_body = page_origin::has_body(&body);
            return match edge_auth::admitted(app, &parts, Some(peer), has_body) {
                Ok(sender) => {
                    let span = spans::of_admitted(&parts);
                    let answering = orders::answer(app, &sale, &sender, &parts, body);
                    spans::around(span, answering).await
                }
                Err(rejected) => rejected.answer(),
            };
        }
        // On the public listener `admit` begins the span.
        let span = match &self.orders {
            Some(_) => Span::none(),
            None => spans::of_request(request.method(), request.uri()),
        };
        request.extensions_mut().insert(peer);
        let mut router = self.router.clone();
        let answering = async move {
            match router.call(request.map(Body::new)).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        };
        spans::around(span, answering).await
    }
}

/// The sale that `request` places an order in. Whatever is written in another way, or wrong, is for
/// the router.
fn ordered<B>(request: &Request<B>) -> Option<SaleId> {
    if request.method() != Method::POST {
        return None;
    }
    let path = request.uri().path().strip_prefix("/v1/sales/")?;
    SaleId::parse(path.strip_suffix("/orders")?).ok()
}

/// The header of a request that was sent more than once although it says one thing.
fn repeated(headers: &HeaderMap) -> Option<&'static str> {
    // Nearly always all names differ: then no name is looked up.
    if headers.len() == headers.keys_len() {
        return None;
    }
    let twice = |name: &&str| headers.get_all(*name).iter().nth(1).is_some();
    ONCE.iter().copied().find(twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(method: &str, path: &str) -> Option<String> {
        let request = Request::builder().method(method).uri(path).body(());
        ordered(&request.unwrap()).map(|sale| sale.to_string())
    }

    #[test]
    fn only_a_plain_order_passes_the_router_by() {
        assert_eq!(asks("POST", "/v1/sales/demo/orders").as_deref(), Some("demo"));
        assert_eq!(asks("POST", "/v1/sales/demo/orders?x=1").as_deref(), Some("demo"));
        for (method, path) in [
            ("GET", "/v1/sales/demo/orders"),
            ("POST", "/v1/sales/demo/orders/"),
            ("POST", "/v1/sales/de%6Do/orders"),
            ("POST", "/v1/sales//orders"),
            ("POST", "/v1/sales/orders"),
            ("POST", "/v1/sales/demo/orders/0123456789abcdef/orders"),
        ] {
            assert_eq!(asks(method, path), None, "{method} {path}");
        }
    }
}
