//! The operators' calls. Each needs the bearer token.

use super::request::{self, OfSale};
use super::{App, answer};
use crate::ledger::Created;
use crate::operator::{NewSale, SaleReport};
use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::get;
use shared::{Code, Problem, Refusal};
use std::sync::Arc;

/// All routes under `/v1/admin`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/admin/sales/{sale}", get(show).put(create))
        .route("/v1/admin/sales/{sale}/audit", get(audit))
}

/// Proof that the request carries the operators' token. A handler that takes it is guarded.
struct Operator;

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let unauthorized = |detail: &str| {
            answer::problem(&Problem {
                detail: detail.to_owned(),
                ..Problem::new(Code::Unauthorized)
            })
        };
        let Some(token) = &app.admin_token else {
            return Err(unauthorized(
                "This node has no admin token, so nobody may make this call. \
                 Start it with --admin-token or LASTSEAT_ADMIN_TOKEN.",
            ));
        };
        let given = parts.headers.get(AUTHORIZATION);
        match given.and_then(|value| value.as_bytes().strip_prefix(b"Bearer ")) {
            Some(given) if token.matches(given) => Ok(Self),
            Some(_) => Err(unauthorized("The token is not the one of this node.")),
            None => Err(unauthorized(
                "This call needs the header \"Authorization: Bearer <admin token>\".",
            )),
        }
    }
}

/// `PUT /v1/admin/sales/{sale}`: 201 when it was created, 200 when it is there with these terms.
async fn create(
    _: Operator,
    State(app): State<Arc<App>>,
    OfSale(sale): OfSale,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let wanted = match request::json::<NewSale>(&parts.headers, body).await {
        Ok(wanted) => wanted.check(),
        Err(problem) => return answer::problem(&problem),
    };
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(wrong) => return answer::problem(&Problem::invalid(request::sentence(&wrong))),
    };
    let (capacity, terms, open) = (wanted.capacity, wanted.terms, wanted.open);
    let ledger = app.sales.ledger();
    let (snapshot, created) = match ledger.create_sale(&sale, capacity, &terms, open).await {
        Ok(done) => done,
        Err(trouble) => return answer::problem(&answer::fault(&trouble)),
    };
    let status = match created {
        Created::New => StatusCode::CREATED,
        Created::Unchanged => StatusCode::OK,
        Created::Differs => return answer::problem(&Problem::new(Code::SaleExists)),
    };
    answer::json(status, &SaleReport::new(&sale, &snapshot))
}

/// `GET /v1/admin/sales/{sale}`
async fn show(_: Operator, State(app): State<Arc<App>>, OfSale(sale): OfSale) -> Response {
    let asked = app.sales.snapshot(&sale).await;
    answer::found(asked, Refusal::UnknownSale, |snapshot| {
        answer::json(StatusCode::OK, &SaleReport::new(&sale, &snapshot))
    })
}

/// `GET /v1/admin/sales/{sale}/audit`
async fn audit(_: Operator, State(app): State<Arc<App>>, OfSale(sale): OfSale) -> Response {
    let asked = app.sales.ledger().audit(&sale).await;
    answer::found(asked, Refusal::UnknownSale, |report| {
        answer::json(StatusCode::OK, &report)
    })
}
