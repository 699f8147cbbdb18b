//! HTTP API of a node: public routes, and operator routes on a listener of their own.

pub mod admin;
mod cached_refusals;
mod client_rate;
mod dashboard;
mod edge_auth;
mod fast_path;
pub mod health_and_metrics;
mod json;
mod link;
mod named_grant;
mod openapi_document;
mod order_changes;
mod orders;
mod overview;
mod page_origin;
mod request;
pub mod response;
mod sales;
mod seats;
pub mod server;
pub mod status_stream;
mod token_auth;

pub use client_rate::Clients;
pub use edge_auth::TrustLevel;
pub use fast_path::FastPath;
pub use link::{InProcessOrders, Links, OrderAnswer, PlacingOrder};
pub use overview::Overviews;

use crate::alarm_watch::{AlarmSources, AlarmWatch};
use crate::edge_list::EdgeList;
use crate::membership::NodeIdentity;
use crate::sale_history::SaleHistories;
use crate::sale_service::Sales;
use crate::secret::SecretRing;
use crate::status::Audits;
use crate::telemetry::decision_log::DecisionLog;
use crate::telemetry::metrics::Counters;
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use lastseat_http::connections::Connections;
use shared::admission::browser_origin::AllowedOrigins;
use shared::{Code, KeyRing, Problem};
use status_stream::StatusStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the handlers of one node work with.
#[derive(Debug)]
pub struct App {
    /// Places orders, reads and changes sales.
    pub sales: Sales,
    /// What `/metrics` shows.
    pub counters: Arc<Counters>,
    /// One line a decision.
    pub stat_log: DecisionLog,
    /// Which node this is.
    pub node: NodeIdentity,
    /// Opens the admin calls; without it they are refused.
    pub admin_token: Option<SecretRing>,
    /// Opens the shop's call; without it that is refused.
    pub shop_token: Option<SecretRing>,
    /// Verifies scoped tokens; without them those are refused.
    pub token_keys: Option<KeyRing>,
    /// Whether anybody may make the shop's calls: a demonstration on one machine.
    pub demo: bool,
    /// Which requests are accepted as those of an edge.
    pub trust: TrustLevel,
    /// By which the shop's buyer tokens are known, where orders need one.
    pub buyer_keys: Option<KeyRing>,
    /// Signs the pay links of orders for the shop.
    pub pay_keys: Option<KeyRing>,
    /// Pages of other hosts that may call this node.
    pub allowed_origins: AllowedOrigins,
    /// What each client may still ask, where that is limited.
    pub clients: Option<Clients>,
    /// The last audits that were made through this node.
    pub audits: Audits,
    /// What the dashboards of this node share.
    pub status_stream: StatusStream,
    /// What each sale did lately.
    pub histories: SaleHistories,
    /// What is wrong here.
    pub alarms: AlarmWatch,
    /// The edges that asked lately.
    pub edges: EdgeList,
    /// What overviews of all sales share.
    pub overviews: Overviews,
    /// Connections of the public listener.
    pub connections: Arc<Connections>,
    /// The links of gateways.
    pub links: Links,
    /// Whether the node is stopping.
    pub draining: AtomicBool,
}

impl App {
    /// What stands in the way of serving orders, in words.
    ///
    /// # Errors
    /// The node is stopping, or the sales cannot be served now.
    pub fn ready(&self) -> Result<(), String> {
        if self.draining.load(Ordering::Relaxed) {
            return Err("this node is stopping".to_owned());
        }
        self.sales.ready()
    }

    /// Takes in what is wrong here now.
    pub(crate) fn refresh_alarms(&self) {
        let stops = self.draining.load(Ordering::Relaxed);
        let sources = AlarmSources {
            sales: &self.sales,
            counters: &self.counters,
            trouble: self.ready().err().filter(|_| !stops),
            turned_away: self.connections.turned_away(),
        };
        self.alarms.refresh(&sources, self.sales.ledger().now());
    }

    /// Whether a sale may have pay links that are signed (`signs`).
    ///
    /// # Errors
    /// This node has no key for that.
    fn can_sign(&self, signs: bool) -> Result<(), Problem> {
        if signs && self.pay_keys.is_none() {
            return Err(Problem::invalid(
                "\"pay_url\" has {signed}, and this node has no key to sign with: give all nodes \
                 the same LASTSEAT_PAY_KEY (docs/howto/holds-and-payments.md)",
            ));
        }
        Ok(())
    }

    /// Whether a link may be opened: one that is opened while the node stops is of no use.
    fn ready_for_links(&self) -> bool {
        !self.draining.load(Ordering::Relaxed)
    }

    /// The value of `Lastseat-Node`.
    #[must_use]
    pub fn node_header(&self) -> HeaderValue {
        HeaderValue::from(self.node.id)
    }
}

/// The routes of the public listener. All but those that say how the node is are for edges.
fn public(app: Arc<App>) -> Router {
    for_edges()
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&app), edge_auth::admit))
        .merge(for_all().method_not_allowed_fallback(wrong_method))
        .layer(map_response(not_cached))
        .with_state(app)
}

/// The routes of the operators' listener.
fn operators(app: Arc<App>) -> Router {
    for_operators()
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(map_response(response::with_cause))
        .layer(map_response(not_cached))
        .with_state(app)
}

/// Each of the routes below is described in [`crate::openapi`].
pub(crate) fn for_edges() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/sales/{sale}", get(sales::show))
        .route("/v1/sales/{sale}/event", get(sales::event))
        .route("/v1/sales/{sale}/plan", get(seats::plan))
        .route("/v1/sales/{sale}/seats", get(seats::seats))
        .route("/v1/sales/{sale}/orders", post(orders::place))
        .route("/v1/sales/{sale}/orders/{order}", get(orders::show))
        .route("/v1/sales/{sale}/orders/{order}/confirm", post(order_changes::confirm))
        .route("/v1/sales/{sale}/orders/{order}/cancel", post(order_changes::cancel))
        .route("/v1/sales/{sale}/orders/{order}/extend", post(order_changes::extend))
}

pub(crate) fn for_all() -> Router<Arc<App>> {
    health_and_metrics::health().merge(openapi_document::of_the_public())
}

pub(crate) fn for_operators() -> Router<Arc<App>> {
    Router::new()
        .merge(admin::routes())
        .merge(dashboard::routes())
        .merge(overview::routes())
        .merge(status_stream::routes())
        .merge(health_and_metrics::health())
        .merge(health_and_metrics::metrics())
        .merge(openapi_document::of_operators())
}

/// What does not say how long it may be kept is not kept: orders are private, and caches keep a 404
/// or 410 without being asked. Answers to `POST .../orders` are not cached in any case and do not
/// pass here.
async fn not_cached(mut response: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().entry(CACHE_CONTROL).or_insert(no_store);
    response
}

async fn nowhere() -> Response {
    response::problem(&Problem::new(Code::NotFound))
}

/// axum adds the header `Allow`.
async fn wrong_method() -> Response {
    response::problem(&Problem::new(Code::MethodNotAllowed))
}
