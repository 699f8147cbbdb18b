//! Request parsing: from bytes and headers to the types of `shared`.

use super::edge_auth::EdgeAuth;
use super::{App, response};
use crate::header_names;
use crate::sale_service::Sales;
use axum::body::HttpBody;
use axum::extract::{FromRequestParts, Query, RawPathParams, Request};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use lastseat_ledger::{Fault, clock};
use serde::de::DeserializeOwned;
use shared::auth::buyer_token::{self, TokenError};
use shared::domain::ids::IdError;
use shared::domain::order::KeySource;
use shared::limits::{BODY_MAX, EVENT_BYTES_MAX, PLAN_BYTES_MAX};
use shared::wire::idempotency_key;
use shared::{BuyerId, Code, OrderId, Problem, SaleId};
use std::time::Duration;

/// A body has to arrive within this time.
const BODY_DEADLINE: Duration = Duration::from_secs(5);

/// A body that comes in: hyper's own, or the one that axum has made of it.
pub(super) trait Incoming: HttpBody<Data = Bytes, Error: Send> + Send + Unpin {}

impl<B: HttpBody<Data = Bytes, Error: Send> + Send + Unpin> Incoming for B {}

/// The sale in the path.
pub(super) struct OfSale(pub(super) SaleId);

impl<S: Send + Sync> FromRequestParts<S> for OfSale {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let path = path(parts, state).await?;
        let sale = named(&path, "sale", SaleId::parse, IdError::Sale);
        sale.map(Self).map_err(invalid)
    }
}

/// The sale and the order in the path.
pub(super) struct OfOrder {
    pub(super) sale: SaleId,
    pub(super) id: OrderId,
    /// As it was sent, where that is another spelling of the id.
    pub(super) sent: Option<OrderId>,
}

impl OfOrder {
    /// How often the ledger is asked for the order.
    pub(super) const fn lookups(&self) -> u32 {
        if self.sent.is_some() { 2 } else { 1 }
    }

    /// The id under which the ledger has the order: the spelling that was sent where an earlier
    /// version has stored that one.
    ///
    /// # Errors
    /// The ledger does not say.
    pub(super) async fn stored(&self, sales: &Sales) -> Result<&OrderId, Fault> {
        let Some(sent) = &self.sent else {
            return Ok(&self.id);
        };
        let order = sales.order(&self.sale, sent).await?;
        Ok(if order.is_some() { sent } else { &self.id })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OfOrder {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let path = path(parts, state).await?;
        let sale = named(&path, "sale", SaleId::parse, IdError::Sale);
        let id = named(&path, "order", OrderId::of_request, IdError::Order);
        let sent = named(&path, "order", OrderId::parse, IdError::Order).ok();
        let both = sale.and_then(|sale| {
            let id = id?;
            let sent = sent.filter(|sent| *sent != id);
            Ok(Self { sale, id, sent })
        });
        both.map_err(invalid)
    }
}

async fn path<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Response> {
    RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| response::problem(&Problem::invalid("The path is not valid UTF-8.")))
}

fn named<T>(
    path: &RawPathParams,
    name: &str,
    parse: impl Fn(&str) -> Result<T, IdError>,
    absent: IdError,
) -> Result<T, IdError> {
    path.iter().find(|(key, _)| *key == name).map_or(Err(absent), |(_, text)| parse(text))
}

fn invalid(error: IdError) -> Response {
    response::problem(&Problem::invalid(error))
}

/// The id of an order and where it comes from. Without `Idempotency-Key` it is made here.
pub(super) fn order_key(
    headers: &HeaderMap,
    sender: &EdgeAuth,
) -> Result<(OrderId, KeySource), Problem> {
    let Some(sent) = headers.get(&header_names::IDEMPOTENCY_KEY) else {
        if headers.contains_key(idempotency_key::MISNAMED) {
            return Err(idempotency_key::misnamed());
        }
        return Ok((new_order_id()?, KeySource::Made));
    };
    // What is no text is no id.
    let id = order_id(sent.to_str().unwrap_or_default())?;
    let repeats = || headers.get(&header_names::RETRY).is_some_and(|value| value == "1");
    let key = match sender {
        EdgeAuth::Edge { key, .. } => *key,
        EdgeAuth::Client(_) if repeats() => KeySource::Repeated,
        EdgeAuth::Client(_) => KeySource::Sent,
    };
    Ok((id, key))
}

/// The id of an order as a client sends it.
pub(super) fn order_id(text: &str) -> Result<OrderId, Problem> {
    OrderId::of_request(text).map_err(Problem::invalid)
}

fn new_order_id() -> Result<OrderId, Problem> {
    let mut random = [0; 10];
    // An order id is a capability: without chance, no order.
    getrandom::fill(&mut random)
        .map_err(|_| Problem::new(Code::Unavailable).retry_after(1_000).spread(fastrand::f64()))?;
    Ok(OrderId::new_v7(clock::now(), random))
}

/// The header with the shop's word on the buyer.
pub(super) fn buyer_token(headers: &HeaderMap) -> Option<&str> {
    // What is no text is no token.
    headers.get(&header_names::BUYER_TOKEN).map(|token| token.to_str().unwrap_or_default())
}

/// The buyer for whom the shop vouches; `None` where orders need no token.
pub(super) fn buyer_by_token(
    app: &App,
    token: Option<&str>,
    sale: &SaleId,
) -> Result<Option<BuyerId>, TokenError> {
    let Some(keys) = &app.buyer_keys else {
        return Ok(None);
    };
    let buyer = buyer_token::check(keys, token, sale, clock::now())?;
    // The shop may write accents otherwise than the client.
    BuyerId::of_request(buyer.as_str()).map(Some).map_err(|_| TokenError::Malformed)
}

/// The body as JSON of type `T`.
pub(super) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: impl Incoming,
) -> Result<T, Problem> {
    parsed(&read(headers, body).await?)
}

/// A body as JSON of type `T`.
pub(super) fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        return Err(Problem::invalid("The body is empty; send JSON."));
    }
    parse(bytes)
}

/// The body of a request as JSON of type `T`.
pub(super) async fn body<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    json(&parts.headers, body).await
}

/// The same of a body that may have a plan in it, and be larger for it.
pub(super) async fn body_with_plan<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    let read = read_up_to(&parts.headers, body, PLAN_BYTES_MAX + BODY_MAX).await;
    let read = read.map_err(|problem| match problem.code {
        Code::TooLarge => Problem {
            detail: format!(
                "A plan has at most {PLAN_BYTES_MAX} bytes: let coaches or blocks that are alike \
                 share an entry."
            ),
            ..problem
        },
        _ => problem,
    });
    parsed(&read?)
}

/// The same of a body that may have event details in it.
pub(super) async fn body_with_event<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    // Twice, because JSON can be written with escapes and spaces.
    parsed(&read_up_to(&parts.headers, body, 2 * EVENT_BYTES_MAX + BODY_MAX).await?)
}

/// The body of a request as it is.
pub(super) async fn bytes(request: Request) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    read(&parts.headers, body).await
}

/// The body of a request as JSON of type `T`; the default where it is empty.
pub(super) async fn body_or_default<T: Default + DeserializeOwned>(
    request: Request,
) -> Result<T, Problem> {
    parsed_or_default(&bytes(request).await?)
}

/// A body as JSON of type `T`; the default where it is empty.
pub(super) fn parsed_or_default<T: Default + DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() { Ok(T::default()) } else { parse(bytes) }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde would also take the values of an object as a list, without their names.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        let wrong = "The body is not what this call takes: send a JSON object.";
        return Err(Problem::invalid(wrong));
    }
    serde_json::from_slice(bytes)
        .map_err(|e| Problem::invalid(format!("The body is not what this call takes: {e}.")))
}

/// The query of an address as the type `T`.
pub(super) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    Query::try_from_uri(uri)
        .map(|Query(wanted)| wanted)
        .map_err(|e| Problem::invalid(format!("The query is not what this call takes: {e}.")))
}

/// The whole body, at most [`BODY_MAX`] bytes of it, however it is framed. One that is announced or
/// turns out to be larger is refused at once; what is left of it goes with the connection
/// (`linger.rs`).
pub(super) async fn read(headers: &HeaderMap, body: impl Incoming) -> Result<Bytes, Problem> {
    read_up_to(headers, body, BODY_MAX).await
}

async fn read_up_to(
    headers: &HeaderMap,
    mut body: impl Incoming,
    most: usize,
) -> Result<Bytes, Problem> {
    let late = || Problem::invalid("The body did not arrive within 5 seconds. Send it again.");
    let announced = headers.get(CONTENT_LENGTH);
    // The HTTP library has read it: what fits into no number here does not fit into any limit
    // either.
    let fits = |text: &str| text.parse::<usize>().is_ok_and(|length| length <= most);
    if announced.is_some_and(|length| !length.to_str().is_ok_and(fits)) {
        return Err(Problem::new(Code::TooLarge));
    }
    tokio::time::timeout(BODY_DEADLINE, collect(&mut body, most))
        .await
        .unwrap_or_else(|_| Err(late()))
}

async fn collect(body: &mut impl Incoming, most: usize) -> Result<Bytes, Problem> {
    let mut whole = Bytes::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::invalid("The body ended too early."))?;
        let Ok(data) = frame.into_data() else {
            continue; // Trailers: nothing here reads them.
        };
        if whole.len() + data.len() > most {
            return Err(Problem::new(Code::TooLarge));
        }
        // Nearly always the only frame: then nothing is copied.
        whole = if whole.is_empty() {
            data
        } else {
            let mut joined = BytesMut::from(whole);
            joined.extend_from_slice(&data);
            joined.freeze()
        };
    }
    Ok(whole)
}
