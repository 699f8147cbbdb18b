//! Header names as the HTTP library holds them.

use axum::http::HeaderName;
use shared::wire::messages::header;

macro_rules! names {
    ($($name:ident)*) => {
        $(pub(crate) static $name: HeaderName = HeaderName::from_static(header::$name);)*
    };
}

names! {
    ANSWERED_BY BODY_HASH BUYER_TOKEN CLIENT_IP EDGE EDGE_CALLS EDGE_COUNTS EDGE_ZONE GONE GRANT
    IDEMPOTENCY_KEY IDEMPOTENCY_REPLAYED KEY LIMITED NODE RETRY SALES SIGNATURE TRACEPARENT
}
