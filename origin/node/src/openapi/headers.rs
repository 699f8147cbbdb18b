//! The headers of the API, in the spelling of its documentation.

use serde_json::json;
use shared::OrderId;
use utoipa::PartialSchema;
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Components, Ref, RefOr, Required};

pub(super) const ANSWERED_BY: &str = "Lastseat-Answered-By";
pub(super) const NODE: &str = "Lastseat-Node";
pub(super) const LOCATION: &str = "Location";
pub(super) const REPLAYED: &str = "Idempotency-Replayed";
pub(super) const RETRY_AFTER: &str = "Retry-After";
pub(super) const WWW_AUTHENTICATE: &str = "WWW-Authenticate";

pub(super) const AGE: &str = "Age";
pub(super) const AGE_MS: &str = "Lastseat-Age-Ms";
pub(super) const CACHE_CONTROL: &str = "Cache-Control";
pub(super) const ETAG: &str = "ETag";

/// Headers of every answer.
pub(super) const OF_ALL: &[&str] = &[ANSWERED_BY, NODE];

/// Describes each header once.
pub(super) fn declare(components: &mut Components) {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let number = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    for (name, about, schema) in [
        (
            ANSWERED_BY,
            "Who decided: the edge or a node from its memory, or the ledger.",
            text().enum_values(Some(["edge", "origin", "ledger"])),
        ),
        (
            NODE,
            "The number of the node that answered. Absent where the edge itself did.",
            number().maximum(Some(u16::MAX)),
        ),
        (LOCATION, "The path of the order.", text()),
        (
            REPLAYED,
            "`true` where the answer repeats what was done before; absent otherwise.",
            text().enum_values(Some(["true"])),
        ),
        (
            RETRY_AFTER,
            "When to ask again, in seconds; `retry_after_ms` in the body is finer.",
            number(),
        ),
        (WWW_AUTHENTICATE, "How to show who one is.", text()),
        (
            AGE,
            "From the edge: how old the answer is, in seconds.",
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)),
        ),
        (
            AGE_MS,
            "From the edge: how old the answer is, in milliseconds.",
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)),
        ),
        (CACHE_CONTROL, "How long a copy may be shown.", text()),
        (ETAG, "What `If-None-Match` may say, to get only what is new.", text()),
    ] {
        let header = Header::builder().schema(Some(schema)).description(Some(about));
        let header = RefOr::T(header.build());
        components.headers.insert(name.to_owned(), header);
    }
}

/// The header of this name.
pub(super) fn refer(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

/// `Idempotency-Key`: the order id that a client chose.
pub(super) fn idempotency_key() -> Parameter {
    of_request(
        "Idempotency-Key",
        "The id of the order, chosen by the client before it asks. Without one an id is made, and \
         a client that \
         loses the answer cannot ask again for the same order. A UUID may also stand in double \
         quotes, as a structured field. `X-Idempotency-Key` alone is refused.",
        OrderId::schema(),
    )
}

/// `Lastseat-Retry`: the key is one that was sent before.
pub(super) fn retry() -> Parameter {
    let word = ObjectBuilder::new().schema_type(Type::String).examples([json!("1")]);
    of_request(
        "Lastseat-Retry",
        "`1` where the key was sent before and the answer was lost: then a \"no\" comes from the \
         ledger, or the \
         answer is `busy`. Anything else is ignored.",
        RefOr::T(Schema::Object(word.build())),
    )
}

/// `Lastseat-Buyer-Token`: the shop's word for who buys.
pub(super) fn buyer_token() -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String);
    of_request(
        "Lastseat-Buyer-Token",
        "The shop's signed word for who buys, where orders need one (`lastseat token`). Ignored \
         elsewhere.",
        RefOr::T(Schema::Object(text.build())),
    )
}

/// `traceparent` of the W3C's Trace Context.
pub(super) fn traceparent() -> Parameter {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .examples([json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]);
    of_request(
        "traceparent",
        "The trace that the call belongs to (W3C Trace Context). An edge ignores it unless its \
         operator has it taken (`CLIENT_TRACES`). One that is not well formed is ignored.",
        RefOr::T(Schema::Object(text.build())),
    )
}

fn of_request(name: &str, about: &str, schema: RefOr<Schema>) -> Parameter {
    Parameter::builder()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .description(Some(about))
        .schema(Some(schema))
        .required(Required::False)
        .build()
}
