//! Dashboard (`/dashboard`): one page with its script and style, embedded in the binary.
//!
//! The page holds no data; it asks for the admin token and reads the status with it. Beside it is
//! the runbook of this version, to which its alarms lead.

use super::App;
use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::Response;
use axum::routing::get;
use std::sync::Arc;

/// Nothing but what this listener itself serves; no inline script, no frame around it, no form.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

struct Asset {
    path: &'static str,
    media_type: &'static str,
    text: &'static str,
}

const ASSETS: [Asset; 19] = [
    Asset {
        path: "/dashboard",
        media_type: "text/html; charset=utf-8",
        text: include_str!("page.html"),
    },
    Asset {
        path: "/dashboard/style.css",
        media_type: "text/css; charset=utf-8",
        text: include_str!("style.css"),
    },
    Asset { path: "/dashboard/app.js", media_type: JAVASCRIPT, text: include_str!("app.js") },
    Asset { path: "/dashboard/stream.js", media_type: JAVASCRIPT, text: include_str!("stream.js") },
    Asset { path: "/dashboard/view.js", media_type: JAVASCRIPT, text: include_str!("view.js") },
    Asset { path: "/dashboard/legs.js", media_type: JAVASCRIPT, text: include_str!("legs.js") },
    Asset {
        path: "/dashboard/legs_view.js",
        media_type: JAVASCRIPT,
        text: include_str!("legs_view.js"),
    },
    Asset { path: "/dashboard/chart.js", media_type: JAVASCRIPT, text: include_str!("chart.js") },
    Asset { path: "/dashboard/find.js", media_type: JAVASCRIPT, text: include_str!("find.js") },
    Asset { path: "/dashboard/rates.js", media_type: JAVASCRIPT, text: include_str!("rates.js") },
    Asset { path: "/dashboard/ask.js", media_type: JAVASCRIPT, text: include_str!("ask.js") },
    Asset {
        path: "/dashboard/history.js",
        media_type: JAVASCRIPT,
        text: include_str!("history.js"),
    },
    Asset { path: "/dashboard/sales.js", media_type: JAVASCRIPT, text: include_str!("sales.js") },
    Asset { path: "/dashboard/terms.js", media_type: JAVASCRIPT, text: include_str!("terms.js") },
    Asset { path: "/dashboard/alarms.js", media_type: JAVASCRIPT, text: include_str!("alarms.js") },
    Asset { path: "/dashboard/edges.js", media_type: JAVASCRIPT, text: include_str!("edges.js") },
    Asset {
        path: "/dashboard/runbook",
        media_type: "text/html; charset=utf-8",
        text: include_str!("runbook.html"),
    },
    Asset {
        path: "/dashboard/runbook.js",
        media_type: JAVASCRIPT,
        text: include_str!("runbook.js"),
    },
    Asset {
        path: "/dashboard/runbook.md",
        media_type: "text/markdown; charset=utf-8",
        text: include_str!("../../../../../docs/RUNBOOK.md"),
    },
];
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

pub(super) fn routes() -> Router<Arc<App>> {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        router.route(asset.path, get(move || async move { asset.answer() }))
    })
}

impl Asset {
    fn answer(&self) -> Response {
        let mut response = Response::new(Body::from(self.text));
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_TYPE, self.media_type),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            // The page belongs to the program that serves it.
            (CACHE_CONTROL, "no-cache"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
