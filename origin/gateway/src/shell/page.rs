//! The buyer page at a gateway: one file, the same for every sale.
//!
//! `page.json` is what edge/page/build.mjs made of edge/page/, as the Worker has it. It is kept in
//! the repository, so that a gateway is built without npm; a test makes it anew and compares.

use crate::front::Body;
use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{Response, StatusCode};
use serde::Deserialize;
use std::collections::BTreeMap;

const MADE: &str = include_str!("../../page.json");

/// What the build makes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MadePage {
    body: String,
    headers: BTreeMap<String, String>,
    nothing_headers: BTreeMap<String, String>,
    tag: String,
    style: String,
    no_sale: String,
    no_page: String,
}

/// The page, ready to be sent.
#[derive(Debug)]
pub(super) struct BuyerPage {
    body: Bytes,
    headers: HeaderMap,
    tag: String,
    no_sale: Bytes,
    no_page: Bytes,
    nothing_headers: HeaderMap,
}

impl BuyerPage {
    /// Reads the page that was built in.
    ///
    /// # Errors
    /// What was built in is no page.
    pub(super) fn read() -> Result<Self, String> {
        let made: MadePage = serde_json::from_str(MADE).map_err(|error| error.to_string())?;
        let style = format!("<style>{}</style>", made.style);
        let with_style = |text: &str| Bytes::from(text.replacen("<style></style>", &style, 1));
        Ok(Self {
            no_sale: with_style(&made.no_sale),
            no_page: with_style(&made.no_page),
            body: made.body.into(),
            headers: headers(&made.headers)?,
            tag: made.tag,
            nothing_headers: headers(&made.nothing_headers)?,
        })
    }

    /// The page, or the word that the browser has it.
    pub(super) fn show(&self, asked: &HeaderMap) -> Response<Body> {
        let has_it = asked.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        if has_it.is_some_and(|tags| tags.contains(&self.tag)) {
            return with(StatusCode::NOT_MODIFIED, &self.headers, &Bytes::new());
        }
        with(StatusCode::OK, &self.headers, &self.body)
    }

    /// What a person is told of an address at which there is no sale, or nothing at all.
    pub(super) fn show_nothing(&self, status: u16, of_a_sale: bool) -> Response<Body> {
        let body = if of_a_sale { &self.no_sale } else { &self.no_page };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
        with(status, &self.nothing_headers, body)
    }
}

fn headers(made: &BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let header = |(name, value): (&String, &String)| {
        let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
        let value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
        Ok((name, value))
    };
    made.iter().map(header).collect()
}

fn with(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Response<Body> {
    let mut response = Response::new(Body::new(body.clone()));
    *response.status_mut() = status;
    *response.headers_mut() = headers.clone();
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_that_has_the_page_is_told_so_and_a_page_of_nothing_has_its_style() {
        let page = BuyerPage::read().unwrap();
        assert_eq!(page.show(&HeaderMap::new()).status(), StatusCode::OK);
        let mut asked = HeaderMap::new();
        asked.insert(IF_NONE_MATCH, HeaderValue::from_str(&page.tag).unwrap());
        assert_eq!(page.show(&asked).status(), StatusCode::NOT_MODIFIED);
        for text in [&page.no_sale, &page.no_page] {
            let text = std::str::from_utf8(text).unwrap();
            assert!(text.contains("<style>") && !text.contains("<style></style>"), "{text}");
        }
    }
}
