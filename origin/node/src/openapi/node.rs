//! OpenAPI description of the calls for balancers, supervisors and scrapers.

use super::call::Call;
use serde_json::json;
use shared::Code;
use utoipa::openapi::HttpMethod;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

/// At both listeners of a node.
pub(super) fn everywhere() -> Vec<Call> {
    let live = Call::new(HttpMethod::Get, "/livez", "isAlive", "Whether the process runs")
        .about("Nothing more: a node that cannot serve orders is alive, too.")
        .says("It does.", "text/plain", text(), json!("alive\n"));
    let ready = Call::new(HttpMethod::Get, "/readyz", "isReady", "Whether orders can be served")
        .about("If not, `detail` names what is in the way.")
        .says("They can.", "text/plain", text(), json!("ready\n"))
        .no(&[Code::Unavailable]);
    [live, ready].map(|call| call.tag("node")).into()
}

/// This document, at the address that a shell knows as `base`.
pub(super) fn document(base: &str) -> Call {
    Call::new(HttpMethod::Get, "/openapi.json", "getDocument", "This document")
        .tag("document")
        .about("Of OpenAPI 3.1. The operators' listener has one of its own.")
        .curl(&format!("curl -sS \"${base}/openapi.json\""))
        .says("The document.", "application/json", object(), json!({"openapi": "3.1.0"}))
}

pub(super) fn for_operators() -> Vec<Call> {
    let metrics = Call::new(HttpMethod::Get, "/metrics", "getMetrics", "What the node has counted")
        .tag("node")
        .about("In Prometheus' text format 0.0.4.")
        .says("The metrics.", "text/plain", text(), json!("lastseat_orders_received_total 1200\n"));
    vec![metrics]
}

fn text() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).build().into()
}

fn object() -> Schema {
    ObjectBuilder::new().schema_type(Type::Object).build().into()
}
