//! Bearer token authentication of operators and shops: the tokens without a scope, and scoped ones.

use super::edge_auth::EdgeAuth;
use super::{App, response};
use crate::sale_service::Caller;
use crate::secret::SecretRing;
use crate::telemetry::spans;
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::Response;
use lastseat_ledger::clock;
use serde::Serialize;
use shared::auth::sale_patterns::SalePatterns;
use shared::auth::scoped_token::{self, ScopedToken};
use shared::auth::verb::Verbs;
use shared::{Actor, Code, Problem, SaleId, UnixMillis, Verb};
use std::convert::Infallible;
use std::sync::Arc;

/// Proof that the request carries the operators' token, or a scoped one that allows the call.
pub(super) struct Operator {
    /// Whose token it is.
    pub(super) actor: Actor,
    /// The sales that it is for; `None` = all.
    sales: Option<SalePatterns>,
    /// What it allows.
    verbs: Verbs,
    /// Until when; `None` = for ever.
    expires_at: Option<UnixMillis>,
}

/// What a token allows, for a page that offers no more.
#[derive(Debug, Serialize)]
pub(super) struct TokenNote {
    /// Whose it is.
    name: String,
    /// Its verbs.
    verbs: Vec<&'static str>,
    /// The sales that it is for, as patterns.
    sales: String,
    /// Until when it is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<UnixMillis>,
}

/// Proof that the request carries the shop's token or a scoped one that allows the call, or that
/// this node is a demonstration.
pub(super) struct Shop {
    /// Whose token it carries, if any.
    pub(super) proven: Option<Actor>,
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
        let operator = match shown(parts, app, app.admin_token.as_ref(), "admin") {
            Ok(Shown::Whole) => Self {
                actor: Actor::operator(),
                sales: None,
                verbs: Verbs::all(),
                expires_at: None,
            },
            Ok(Shown::Scoped(ScopedToken { name, verbs, sales, expires_at })) => Self {
                actor: name,
                sales: Some(sales).filter(|sales| !sales.are_all()),
                verbs,
                expires_at: Some(expires_at),
            },
            Err(no) => return Err(response::problem(&no)),
        };
        spans::asked_by(&operator.actor, parts);
        Ok(operator)
    }
}

impl Operator {
    /// Whether its token is for `sale`.
    pub(super) fn is_for(&self, sale: &str) -> bool {
        let include =
            |sales: &SalePatterns| SaleId::parse(sale).is_ok_and(|sale| sales.include(&sale));
        self.sales.as_ref().is_none_or(include)
    }

    /// What its token allows.
    pub(super) fn note(&self) -> TokenNote {
        let all = SalePatterns::all();
        TokenNote {
            name: self.actor.to_string(),
            verbs: self.verbs.iter().map(Verb::as_str).collect(),
            sales: self.sales.as_ref().unwrap_or(&all).to_string(),
            expires_at: self.expires_at,
        }
    }

    /// Whether its token has ended since it was shown.
    pub(super) fn has_expired(&self) -> bool {
        self.expires_at.is_some_and(|end| end <= clock::now())
    }

    /// Whether its token is for all sales.
    pub(super) const fn is_for_all(&self) -> bool {
        self.sales.is_none()
    }
}

impl FromRequestParts<Arc<App>> for Shop {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let proven = match shown(parts, app, app.shop_token.as_ref(), "shop") {
            Ok(Shown::Whole) => Some(Actor::shop()),
            Ok(Shown::Scoped(ScopedToken { name, .. })) => Some(name),
            Err(_) if app.demo => None,
            Err(no) => return Err(response::problem(&no)),
        };
        if let Some(actor) = &proven {
            spans::asked_by(actor, parts);
        }
        Ok(Self { proven })
    }
}

/// What a request has shown.
enum Shown {
    /// The token without a scope, which allows every call of its role.
    Whole,
    /// A scoped token that allows this call.
    Scoped(ScopedToken),
}

/// Whether the request carries `token` or a scoped one; if not, what is missing. Takes the same
/// time wherever a wrong one differs.
fn shown(
    parts: &Parts,
    app: &App,
    token: Option<&SecretRing>,
    name: &str,
) -> Result<Shown, Problem> {
    if token.is_none() && app.token_keys.is_none() {
        return Err(unauthorized(format!(
            "This node has no {name} token, so nobody may make this call. Start it with \
             --{name}-token or LASTSEAT_{}_TOKEN.",
            name.to_ascii_uppercase()
        )));
    }
    let Some(header) = parts.headers.get(AUTHORIZATION) else {
        return Err(unauthorized(format!(
            "This call needs the header \"Authorization: Bearer <{name} token>\"."
        )));
    };
    let given = bearer(header.as_bytes()).unwrap_or_default();
    if token.is_some_and(|token| token.matches(given)) {
        return Ok(Shown::Whole);
    }
    let text = core::str::from_utf8(given).unwrap_or_default();
    if !scoped_token::looks_like_one(text) {
        let wrong = format!("The token is not the {name} token of this node.");
        return Err(unauthorized(wrong));
    }
    let Some(keys) = &app.token_keys else {
        return Err(unauthorized(
            "This node has no keys for scoped tokens. Start it with --token-keys or \
             LASTSEAT_TOKEN_KEYS."
                .to_owned(),
        ));
    };
    let scoped = scoped_token::check(keys, text, clock::now())?;
    scoped.allows(parts.method.as_str(), parts.uri.path())?;
    Ok(Shown::Scoped(scoped))
}

/// The token of `Bearer <token>`; the word's case does not matter (RFC 9110, section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

fn unauthorized(detail: String) -> Problem {
    Problem { detail, ..Problem::new(Code::Unauthorized) }
}

impl Shop {
    /// Whose call it is. At a demonstration anybody may make the shop's calls, but who has no token
    /// is a client like all others.
    pub(super) const fn caller(shop: Option<&Self>, sender: &EdgeAuth) -> Caller {
        match shop {
            Some(Self { proven: Some(_) }) => Caller::Trusted,
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
