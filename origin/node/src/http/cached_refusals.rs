//! Cached refusals: response bodies made once, with a gap for the order id.

use super::json;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use shared::wire::problem::PROBLEM_JSON;
use shared::{OrderId, Problem, Refusal};
use std::sync::LazyLock;

/// The responses of most buyers of a rush, the most frequent first. None says when to ask again.
const FINAL: [Refusal; 4] =
    [Refusal::SoldOut, Refusal::NotEnough, Refusal::BuyerLimit, Refusal::Closed];
/// Stands where the id will.
const PLACE: &str = "0000000000000000";

/// An answer but for the id of its order.
struct CachedRefusal {
    refusal: Refusal,
    status: StatusCode,
    before: String,
    after: String,
}

static CACHED: LazyLock<[CachedRefusal; FINAL.len()]> =
    LazyLock::new(|| FINAL.map(CachedRefusal::new));

/// The answer to the order `id`, if one is cached that fits.
pub(super) fn refused(refusal: Refusal, id: &OrderId) -> Option<Response> {
    let cached = CACHED.iter().find(|p| p.refusal == refusal)?;
    // What JSON writes in another way is rare.
    let plain = !id.as_str().bytes().any(|b| b == b'"' || b == b'\\');
    plain.then(|| cached.with(id.as_str()))
}

impl CachedRefusal {
    fn new(refusal: Refusal) -> Self {
        let problem = Problem { order_id: Some(PLACE.to_owned()), ..Problem::refusal(refusal) };
        let text = json::to_json(&problem).unwrap_or_default();
        let text = String::from_utf8(text).unwrap_or_default();
        let (before, after) = text.split_once(PLACE).unwrap_or_default();
        Self {
            refusal,
            status: json::status(&problem),
            before: before.to_owned(),
            after: after.to_owned(),
        }
    }

    fn with(&self, id: &str) -> Response {
        let mut body = String::with_capacity(self.before.len() + id.len() + self.after.len());
        body.push_str(&self.before);
        body.push_str(id);
        body.push_str(&self.after);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let mut headers = HeaderMap::with_capacity(json::HEADERS);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        *response.headers_mut() = headers;
        response
    }
}

#[cfg(test)]
mod tests {
    use super::super::response;
    use super::*;
    use http_body_util::BodyExt;

    async fn read(response: Response) -> (StatusCode, HeaderMap, bytes::Bytes) {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, body)
    }

    #[tokio::test]
    async fn a_prepared_refusal_is_to_the_byte_what_would_be_made_anew() {
        let id = OrderId::parse("01a206a1-4986-71b9-82fc-1638e7e87c78").unwrap();
        for refusal in FINAL {
            let anew = response::problem(&Problem::refusal(refusal).for_order(&id));
            let cached = refused(refusal, &id).unwrap();
            assert_eq!(read(cached).await, read(anew).await, "{refusal:?}");
        }
    }

    #[test]
    fn what_is_not_the_same_for_all_is_not_prepared() {
        let id = OrderId::parse("0123456789\"abcdef").unwrap();
        assert!(refused(Refusal::SoldOut, &id).is_none());
        let id = OrderId::parse("0123456789abcdef").unwrap();
        assert!(refused(Refusal::Busy(250), &id).is_none());
    }
}
