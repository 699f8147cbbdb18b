//! The buyer page at a gateway: one file, the same for every sale but for its head.
//!
//! `page.json` is what edge/page/build.mjs made of edge/page/, as the Worker has it. It is kept in
//! the repository, so that a gateway is built without npm; a test makes it anew and compares.

use crate::front::Body;
use bytes::Bytes;
use hyper::header::{
    CONTENT_SECURITY_POLICY, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
};
use hyper::{Response, StatusCode};
use serde::Deserialize;
use shared::edge::page_view::ShownPage;
use std::collections::BTreeMap;

const MADE: &str = include_str!("../../page.json");

/// What the build makes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MadePage {
    body: String,
    head: String,
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
    /// The file before and behind its head, with the head in the middle.
    body: [String; 3],
    headers: HeaderMap,
    /// Its entity tag, without the quotation mark at the end.
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
        let (before, after) = made.body.split_once(&made.head).ok_or("it has not its own head")?;
        Ok(Self {
            body: [before, &made.head, after].map(str::to_owned),
            no_sale: with_style(&made.no_sale),
            no_page: with_style(&made.no_page),
            headers: headers(&made.headers)?,
            tag: made.tag.trim_end_matches('"').to_owned(),
            nothing_headers: headers(&made.nothing_headers)?,
        })
    }

    /// The page, or the word that the browser has it.
    pub(super) fn show(&self, asked: &HeaderMap, shown: &ShownPage) -> Response<Body> {
        let tag = format!("{}{}\"", self.tag, shown.mark);
        let has_it = asked.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        let mut response = if has_it.is_some_and(|tags| tags.contains(&tag)) {
            with(StatusCode::NOT_MODIFIED, &self.headers, &Bytes::new())
        } else {
            let [before, head, after] = &self.body;
            let head = shown.head.as_deref().unwrap_or(head);
            with(StatusCode::OK, &self.headers, &[before.as_str(), head, after].concat().into())
        };
        let headers = response.headers_mut();
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(ETAG, tag);
        }
        if let Some(picture) = &shown.picture {
            let policy = self.headers.get(CONTENT_SECURITY_POLICY).and_then(|of| of.to_str().ok());
            let allowed = format!("img-src data: {picture}");
            let policy = policy.unwrap_or_default().replacen("img-src data:", &allowed, 1);
            if let Ok(policy) = HeaderValue::try_from(policy) {
                headers.insert(CONTENT_SECURITY_POLICY, policy);
            }
        }
        response
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
        let spring = ShownPage {
            head: Some("<title>Spring</title>".to_owned()),
            mark: "-1".to_owned(),
            picture: Some("https://shop.example/a.svg".to_owned()),
        };
        for shown in [ShownPage::default(), spring.clone()] {
            let first = page.show(&HeaderMap::new(), &shown);
            assert_eq!(first.status(), StatusCode::OK);
            let mut asked = HeaderMap::new();
            asked.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
            let again = page.show(&asked, &shown);
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
            let policies = [&first, &again].map(|of| of.headers()[CONTENT_SECURITY_POLICY].clone());
            let has = |policy: &HeaderValue| policy.to_str().unwrap().contains("shop.example");
            assert_eq!(policies.each_ref().map(has), [shown.picture.is_some(); 2]);
            // Who has it of another sale, or from before, has another one.
            let other = ShownPage { mark: "-2".to_owned(), ..spring.clone() };
            assert_eq!(page.show(&asked, &other).status(), StatusCode::OK);
        }
        for text in [&page.no_sale, &page.no_page] {
            let text = std::str::from_utf8(text).unwrap();
            assert!(text.contains("<style>") && !text.contains("<style></style>"), "{text}");
        }
    }
}
