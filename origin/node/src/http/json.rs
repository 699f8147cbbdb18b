//! JSON bodies and the status of a problem.

use axum::http::StatusCode;
use serde::Serialize;
use shared::Problem;

/// Room for the headers of most answers, so that their map need not grow.
pub(super) const HEADERS: usize = 6;

pub(super) fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

pub(super) fn to_json(body: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(512);
    serde_json::to_writer(&mut bytes, body)?;
    Ok(bytes)
}
