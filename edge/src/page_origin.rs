//! Requests of browsers: which pages may make them at this edge.

use crate::isolate::Isolate;
use crate::route::host_of;
use crate::runtime::bindings;
use shared::Code;
use shared::admission::browser_origin::{self, BrowserRequest, PageMarks};
use web_sys::Request;

/// Whether the page that makes a client's browser ask may do so. Of a request that changes nothing
/// no header is read, and of one that no browser has sent two.
///
/// # Errors
/// It may not, or its browser marks no JSON.
pub(crate) fn check(
    isolate: &Isolate,
    request: &Request,
    url: &str,
    method: &str,
) -> Result<(), Code> {
    if method != "POST" {
        return Ok(());
    }
    let Some(marks) = bindings::page_marks(request) else {
        return Ok(());
    };
    let content_type = bindings::content_type(request);
    let request = BrowserRequest {
        method,
        host: host_of(url),
        page: read(&marks),
        content_type: content_type.as_deref(),
        // workerd makes a body of an announced length of 0, too.
        has_body: request.body().is_some()
            && bindings::content_length(request).as_deref() != Some("0"),
    };
    browser_origin::check(&request, &isolate.allowed_origins)
}

/// The origin of the page that asks, if it is an allowed one of another host.
pub(crate) fn allowed(isolate: &Isolate, request: &Request) -> Option<String> {
    let marks = bindings::page_marks(request)?;
    let origin = read(&marks).origin?;
    isolate.allowed_origins.has(origin).then(|| origin.to_owned())
}

/// The two lines of `pageMarks`; an empty one is a header that was not sent.
fn read(marks: &str) -> PageMarks<'_> {
    let (origin, site) = marks.split_once('\n').unwrap_or((marks, ""));
    let there = |text: &str| !text.is_empty();
    PageMarks { origin: Some(origin).filter(|o| there(o)), site: Some(site).filter(|s| there(s)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_empty_is_a_header_that_was_not_sent() {
        for (marks, origin, site) in [
            ("https://a.example\ncross-site", Some("https://a.example"), Some("cross-site")),
            ("\nsame-origin", None, Some("same-origin")),
            ("null\n", Some("null"), None),
        ] {
            let page = read(marks);
            assert_eq!((page.origin, page.site), (origin, site));
        }
    }
}
