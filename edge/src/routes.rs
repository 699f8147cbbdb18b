//! Router of the edge: hands each request to the handler of its route.

use crate::handlers::openapi_document;
use crate::handlers::orders;
use crate::handlers::sales;
use crate::handlers::static_files;
use crate::isolate::Isolate;
use crate::page_origin;
use crate::request_headers;
use crate::response;
use crate::route::{Route, path_of, without_slash};
use crate::runtime::bindings;
use shared::{Code, Problem};
use wasm_bindgen::JsValue;
use web_sys::{Request, Response};
use worker::console_error;

/// Answers any request; a page of an allowed origin may read the answer.
///
/// # Errors
/// The runtime refuses to make a response.
pub(crate) async fn answer(
    isolate: &Isolate,
    request: &Request,
    url: &str,
    method: &str,
) -> Result<Response, JsValue> {
    if isolate.allowed_origins.is_empty() {
        return carry_out(isolate, request, url, method).await;
    }
    let page = page_origin::allowed(isolate, request);
    let answer = if method == "OPTIONS" && page.is_some() && bindings::asks_permission(request) {
        response::preflight()
    } else {
        carry_out(isolate, request, url, method).await
    };
    Ok(response::with_cors(answer?, page.as_deref()))
}

async fn carry_out(
    isolate: &Isolate,
    request: &Request,
    url: &str,
    method: &str,
) -> Result<Response, JsValue> {
    let route = match Route::of(path_of(url)) {
        Ok(Some(route)) => route,
        Ok(None) => return no_route(request, url, method, &Problem::new(Code::NotFound)),
        Err(error) => return no_route(request, url, method, &Problem::invalid(error)),
    };
    if !route.takes(method) {
        return response::method_not_allowed(route.allow());
    }
    if let Err(code) = page_origin::check(isolate, request, url, method) {
        return response::problem(&Problem::new(code));
    }
    if route.is_of_a_sale()
        && let Err(wait_ms) = request_headers::within_rate(isolate, request)
    {
        return response::client_busy(wait_ms);
    }
    let answered = match &route {
        Route::Home => return response::home(),
        Route::Document => return openapi_document::show(),
        Route::Page(_) => return static_files::show(request),
        Route::Orders(sale) => orders::place(isolate, request, &route, sale).await,
        Route::Sale(sale) => sales::show(isolate, request, &route, sale).await,
        Route::Order(sale, id) | Route::Change(sale, id, _) => {
            orders::call(isolate, request, &route, (sale, id), method).await
        }
    };
    // Only what precedes the first subrequest can end in an error: nothing happened.
    answered.or_else(|error| {
        console_error!("lastseat edge: {error:?}");
        response::problem(&Problem::new(Code::Unavailable))
    })
}

/// Answers where no route is: a page for people, who may have mistyped the address of a sale, and
/// `problem` for programs.
fn no_route(
    request: &Request,
    url: &str,
    method: &str,
    problem: &Problem,
) -> Result<Response, JsValue> {
    if !matches!(method, "GET" | "HEAD") {
        return response::problem(problem);
    }
    if let Some(location) = without_slash(url) {
        return response::moved(&location);
    }
    if !static_files::wants_page(request) {
        return response::problem(problem);
    }
    static_files::show_nothing(problem.status, path_of(url).starts_with("/s/"))
}
