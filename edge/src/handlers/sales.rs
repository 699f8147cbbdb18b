//! Handler of `GET /v1/sales/{sale}`: from the sale cache for a second, then from an origin.

use crate::isolate::Isolate;
use crate::response;
use crate::route::Route;
use crate::runtime::bindings;
use crate::runtime::{self, Watch};
use crate::upstream::UpstreamRequest;
use shared::admission::sale_cache::CacheLookup;
use shared::limits::{COLD_WAIT_MS, EDGE_ATTEMPT_MS};
use shared::upstream::forwarding::LostRequest;
use shared::wire::problem::spread_ms;
use shared::{Problem, Refusal, SaleId, UnixMillis};
use wasm_bindgen::JsValue;
use web_sys::{Request, Response};

/// `GET /v1/sales/{sale}`
///
/// # Errors
/// The runtime failed before any origin was asked.
pub(crate) async fn show(
    isolate: &Isolate,
    request: &Request,
    route: &Route,
    sale: &SaleId,
) -> Result<Response, JsValue> {
    let mut waits: u32 = 0;
    loop {
        let now = runtime::now();
        match isolate.lookup(sale, waits, now) {
            CacheLookup::Show(body, age_ms) => return response::view(&body, age_ms, "edge", None),
            CacheLookup::Ask => return ask(isolate, request, route, sale, now).await,
            CacheLookup::Busy(ms) => {
                let busy = Refusal::Busy(spread_ms(ms, isolate.chance()));
                return response::problem(&Problem::refusal(busy));
            }
            CacheLookup::Wait => {
                runtime::sleep(COLD_WAIT_MS).await;
                waits = waits.saturating_add(1);
            }
        }
    }
}

/// Asks an origin, and remembers what it says if the sale exists.
async fn ask(
    isolate: &Isolate,
    request: &Request,
    route: &Route,
    sale: &SaleId,
    asked: UnixMillis,
) -> Result<Response, JsValue> {
    let watch = Watch::new();
    let forwarding = UpstreamRequest {
        isolate,
        request,
        sale,
        method: "GET",
        path: route.path(),
        buyer: None,
        since: asked,
        watch: &watch,
    };
    let chance = isolate.chance();
    let Ok(reply) = forwarding.run(None, None).await else {
        return response::problem(&response::unanswered(LostRequest::NotSent, chance));
    };
    let by = bindings::answered_by(&reply).filter(|_| reply.status() == 200);
    let Some(by) = by else {
        return Ok(response::of_origin(reply));
    };
    let node = bindings::node(&reply);
    let Some(body) = watch.text(&reply, runtime::now().plus(EDGE_ATTEMPT_MS)).await else {
        return response::problem(&response::unanswered(LostRequest::NotSent, chance));
    };
    isolate.keep(sale, asked, &body);
    response::view(&body, 0, &by, node.as_deref())
}
