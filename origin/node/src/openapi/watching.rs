//! OpenAPI description of what operators watch: the cluster, all sales, the hour of one sale.

use super::call::{Call, curl, query};
use super::example;
use serde_json::json;
use shared::{Code, SaleId};
use utoipa::PartialSchema;
use utoipa::openapi::HttpMethod;
use utoipa::openapi::schema::{ObjectBuilder, Type};

pub(super) fn status() -> Call {
    let path = "/v1/admin/status";
    Call::new(HttpMethod::Get, path, "getStatus", "How the whole cluster stands")
        .about(
            "All nodes and the sales with the most traffic, whichever node is asked; what is wrong \
            (`alarms`, by the names of `docs/prometheus/alerts.yml`), and the edges of the last \
            minutes one by one. What the dashboard shows.",
        )
        .curl(&curl("GET", path, None))
        .parameter(query("sale", "A sale that is shown in any case.", SaleId::schema()))
        .yes(200, "The status.", &example::status(), &[])
        .no(&[Code::Invalid])
}

pub(super) fn status_stream() -> Call {
    let path = "/v1/admin/status/stream";
    let events = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Server-sent events, each with a whole ClusterStatus as its data."));
    let event = "event: status\nid: 1\ndata: {\"at\":1795404763147,\"nodes\":[]}\n\n";
    Call::new(HttpMethod::Get, path, "streamStatus", "The same each second")
        .about(
            "Until the reader leaves, its token ends or the node stops. Whoever was cut off asks \
             again and has missed nothing. The first event is `token`: the `name`, the `verbs`, \
             the `sales` and the end (`expires_at`) of the token. While the ledger does not \
             answer the event is `away`, with a `sentence`.",
        )
        .curl(&format!("{} | head -6", curl("GET", path, None).replacen("-sS", "-sSN", 1)))
        .parameter(query("sale", "A sale that is shown in any case.", SaleId::schema()))
        .says("Events.", "text/event-stream", events.build().into(), json!(event))
        .no(&[Code::Invalid, Code::Busy])
}

pub(super) fn overview() -> Call {
    let path = "/v1/admin/overview";
    Call::new(HttpMethod::Get, path, "getOverview", "All sales at a glance")
        .about(
            "Those that have not ended, what sells now first, at most 500. Made of what the node \
             has in memory: each row says when the ledger said so (`at`). Of rows that are older \
             than five seconds at most 64 are read anew for one overview, and whoever else asks \
             within a second shares that. Also while the ledger does not answer.",
        )
        .curl(&curl("GET", path, None))
        .yes(200, "The sales.", &example::overview(), &[])
}

pub(super) fn history() -> Call {
    let path = "/v1/admin/sales/{sale}/history";
    Call::new(HttpMethod::Get, path, "getSaleHistory", "What a sale did within the hour")
        .about(
            "Rates and tickets, second by second of the last five minutes and in steps of ten \
             seconds of the last hour, over all nodes. From the memory of the node that is asked, \
             which begins anew when it is started; without the ledger. Null where something is \
             not known: nothing was read then, or a node was asked for so many sales at that \
             moment that it may have left this one out.",
        )
        .curl(&curl("GET", "/v1/admin/sales/demo/history", None))
        .yes(200, "Its points.", &example::history(), &[])
        .no(&[Code::UnknownSale])
}
