//! Bearer token authentication of operators and shops.

use super::edge_auth::EdgeAuth;
use super::{App, response};
use crate::sale_service::Caller;
use crate::secret::SecretRing;
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::Response;
use shared::{Code, Problem};
use std::convert::Infallible;
use std::sync::Arc;

/// Proof that the request carries the operators' token.
pub(super) struct Operator;

/// Proof that the request carries the shop's token, or that this node is a demonstration.
pub(super) struct Shop {
    /// Whether it carries the token.
    pub(super) proven: bool,
}

/// What the request has of what [`Shop`] asks for. A call that everybody may make is not refused
/// for a wrong token: it is made without the shop's authority.
pub(super) struct PerhapsShop(pub(super) Option<Shop>);

impl FromRequestParts<Arc<App>> for PerhapsShop {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        Ok(Self(Shop::from_request_parts(parts, app).await.ok()))
    }
}

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let allowed = check(parts, app.admin_token.as_ref(), "admin");
        allowed.map(|()| Self).map_err(unauthorized)
    }
}

impl FromRequestParts<Arc<App>> for Shop {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        match check(parts, app.shop_token.as_ref(), "shop") {
            Ok(()) => Ok(Self { proven: true }),
            Err(_) if app.demo => Ok(Self { proven: false }),
            Err(detail) => Err(unauthorized(detail)),
        }
    }
}

/// Whether the request carries `token`; if not, what is missing. Takes the same time wherever a
/// wrong one differs.
fn check(parts: &Parts, token: Option<&SecretRing>, name: &str) -> Result<(), String> {
    let Some(token) = token else {
        return Err(format!(
            "This node has no {name} token, so nobody may make this call. Start it with \
             --{name}-token or LASTSEAT_{}_TOKEN.",
            name.to_ascii_uppercase()
        ));
    };
    match parts.headers.get(AUTHORIZATION).map(|value| bearer(value.as_bytes())) {
        Some(Some(given)) if token.matches(given) => Ok(()),
        Some(_) => Err(format!("The token is not the {name} token of this node.")),
        None => {
            Err(format!("This call needs the header \"Authorization: Bearer <{name} token>\"."))
        }
    }
}

/// The token of `Bearer <token>`; the word's case does not matter (RFC 9110, section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

fn unauthorized(detail: String) -> Response {
    response::problem(&Problem { detail, ..Problem::new(Code::Unauthorized) })
}

impl Shop {
    /// Whose call it is. At a demonstration anybody may make the shop's calls, but who has no token
    /// is a client like all others.
    pub(super) const fn caller(shop: Option<&Self>, sender: &EdgeAuth) -> Caller {
        match shop {
            Some(Self { proven: true }) => Caller::Trusted,
            _ => Caller::Client(sender.client()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_is_a_token() {
        assert_eq!(bearer(b"Bearer abc"), Some(&b"abc"[..]));
        assert_eq!(bearer(b"bearer abc"), Some(&b"abc"[..]));
        for other in [&b""[..], b"abc", b"Bearer", b"Basic abc"] {
            assert_eq!(bearer(other), None);
        }
    }
}
