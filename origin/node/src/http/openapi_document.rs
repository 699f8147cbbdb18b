//! Handler of `/openapi.json`.

use super::{App, response};
use crate::openapi;
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use std::sync::{Arc, LazyLock};

static PUBLIC: LazyLock<Bytes> = LazyLock::new(|| openapi::text(&openapi::public()).into());
static OPERATORS: LazyLock<Bytes> = LazyLock::new(|| openapi::text(&openapi::operators()).into());

pub(super) fn of_the_public() -> Router<Arc<App>> {
    serving(&PUBLIC)
}

/// Open to all: it says nothing of any sale, and it is in the repository.
pub(super) fn of_operators() -> Router<Arc<App>> {
    serving(&OPERATORS)
}

fn serving(document: &'static LazyLock<Bytes>) -> Router<Arc<App>> {
    let serve = async || response::text("application/json", Bytes::clone(document));
    Router::new().route("/openapi.json", get(serve))
}
