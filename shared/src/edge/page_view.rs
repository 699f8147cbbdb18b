//! Buyer page at an edge: one file for all sales, into whose head an edge puts what the sale sells.
//!
//! The words are those of `GET /v1/sales/{sale}/event`, kept as views of plans are. Nobody waits
//! long for them: where no origin answers, the page goes without, and asks for them by itself.

use super::client_request::{ClientRequest, NoBody};
use super::forwarded_request::ForwardedRequest;
use super::route::Route;
use super::state::EdgeState;
use super::upstream_request::{OriginResponse, UpstreamRequest};
use crate::admission::view_cache::{CacheLookup, CachedView};
use crate::auth::edge_signature::body_hash;
use crate::domain::event_details::EventDetails;
use crate::domain::ids::SaleId;
use crate::domain::time::UnixMillis;
use crate::limits::{COLD_WAIT_MS, EDGE_DEADLINE_MS, PAGE_WAIT_MS, PLAN_FRESH_MS};
use crate::wire::messages::EventView;
use std::sync::Arc;

/// Digits of a hash that tell the words of one page from those of another.
const TAG_DIGITS: usize = 16;

/// What a shell puts into the file of the buyer page. The default is the file as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownPage {
    /// HTML for its head, in the place of the file's own description and title.
    pub head: Option<String>,
    /// What is put behind the file's entity tag, inside its quotation marks.
    pub mark: String,
    /// What the page may load as a picture beside its own: a word of `img-src`.
    pub picture: Option<String>,
}

/// `GET /s/{sale}`
#[derive(Debug)]
pub(super) struct ShowPage {
    /// Where an origin says what the sale sells.
    route: Route,
    sale: SaleId,
    path: String,
    waits: u32,
    /// When an origin was asked.
    asked: UnixMillis,
    etag: Option<Arc<str>>,
}

/// What the views of an edge say.
#[derive(Debug)]
pub(super) enum AtViews {
    /// Send this page.
    Show(ShownPage),
    /// Wait so many milliseconds and look again.
    Wait(u64),
    /// Ask an origin.
    Ask,
}

impl ShowPage {
    /// The page of this sale.
    pub(super) fn new(sale: &SaleId) -> Self {
        let route = Route::Event(sale.clone());
        let (path, asked) = (route.path(), UnixMillis(0));
        Self { route, sale: sale.clone(), path, waits: 0, asked, etag: None }
    }

    /// Looks for what the sale sells. While somebody asks whether that has changed, others get what
    /// it was before.
    pub(super) fn at_views(&mut self, edge: &mut EdgeState, now: UnixMillis) -> AtViews {
        let exists = edge.gates.has_listed(&self.sale);
        let asked = (&self.path, PLAN_FRESH_MS, exists);
        match edge.parts.lookup(asked, self.waits, now) {
            CacheLookup::Show(view, _) => AtViews::Show(page_of(&view)),
            CacheLookup::Ask => {
                self.asked = now;
                AtViews::Ask
            }
            CacheLookup::Wait if edge.parts.last(&self.path).is_none() => {
                self.waits = self.waits.saturating_add(1);
                AtViews::Wait(COLD_WAIT_MS)
            }
            CacheLookup::Wait | CacheLookup::Busy(_) => AtViews::Show(self.without(edge)),
        }
    }

    /// The question to an origin, for at most [`PAGE_WAIT_MS`].
    pub(super) fn forward<R: OriginResponse>(
        &self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
    ) -> UpstreamRequest<R> {
        let (of, body) = ((&self.sale, &self.route), None::<&NoBody>);
        let forwarded = ForwardedRequest::new(edge, request, of, None, body);
        let forwarded = ForwardedRequest { method: "GET".to_owned(), ..forwarded };
        // As if it had come so much earlier: the deadline counts from then.
        let since = self.asked.0.saturating_sub(EDGE_DEADLINE_MS - PAGE_WAIT_MS);
        UpstreamRequest::new(forwarded, None, request.client_ip(), UnixMillis(since))
    }

    /// Whether an origin's answer says what the sale sells.
    pub(super) fn answered<R: OriginResponse>(&mut self, response: &R) -> bool {
        self.etag = response.etag().map(Arc::from);
        response.status() == 200 && response.is_ours()
    }

    /// Keeps what was read, and shows it.
    pub(super) fn read(&mut self, edge: &mut EdgeState, body: &str, now: UnixMillis) -> ShownPage {
        let view = CachedView { body: body.into(), etag: self.etag.take() };
        edge.parts.keep(&self.path, self.asked, now, view.clone());
        page_of(&view)
    }

    /// The page where no origin has answered: with what was known before, if anything was.
    pub(super) fn without(&self, edge: &EdgeState) -> ShownPage {
        edge.parts.last(&self.path).map(page_of).unwrap_or_default()
    }
}

fn page_of(view: &CachedView) -> ShownPage {
    let Ok(words) = serde_json::from_str::<EventView>(&view.body) else {
        return ShownPage::default();
    };
    let mut hash = body_hash(view.body.as_bytes());
    hash.truncate(TAG_DIGITS);
    let logo = words.event.as_ref().map(|event| event.logo_url.as_str()).unwrap_or_default();
    ShownPage {
        head: Some(head_of(&words)),
        mark: format!("-{hash}"),
        // Checked when the words were set, and here again: it becomes a word of a policy.
        picture: Some(logo).filter(|logo| is_source(logo)).map(str::to_owned),
    }
}

/// Whether a text is one source of a Content-Security-Policy.
fn is_source(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._~%-:[]".contains(&b);
    (text.starts_with("https://") || text.starts_with("http://")) && text.bytes().all(plain)
}

/// The title, what previews of a link show, and the words for the page's script.
fn head_of(words: &EventView) -> String {
    let mut head = String::with_capacity(1_024);
    match &words.event {
        Some(event) => previews(&mut head, event, words.starts_local.as_deref()),
        None => head.push_str("<title>Tickets</title>"),
    }
    // Texts and numbers always become JSON. A script of data is not run, and ends at its end only.
    let data = serde_json::to_string(words).unwrap_or_default();
    let data = data.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    for part in [r#"<script type="application/json" id="event">"#, &data, "</script>"] {
        head.push_str(part);
    }
    head
}

fn previews(head: &mut String, event: &EventDetails, starts_local: Option<&str>) {
    let title = escaped(&event.title);
    for part in ["<title>", &title, "</title>"] {
        head.push_str(part);
    }
    let when = starts_local.map(|at| format!("{}, {}", at.replace('T', " "), event.zone));
    let texts = [
        event.subtitle.as_str(),
        when.as_deref().unwrap_or_default(),
        &event.place,
        &event.organiser,
        &event.price,
    ];
    let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    let description = texts.join(" · ");
    let picture = if event.logo_url.is_empty() { "" } else { event.alt() };
    for (kind, name, text) in [
        ("name", "description", description.as_str()),
        ("property", "og:type", "website"),
        ("property", "og:title", event.title.as_str()),
        ("property", "og:description", description.as_str()),
        ("property", "og:site_name", event.organiser.as_str()),
        ("property", "og:image", event.logo_url.as_str()),
        ("property", "og:image:alt", picture),
    ] {
        if !text.is_empty() {
            let text = escaped(text);
            for part in ["<meta ", kind, "=\"", name, "\" content=\"", &text, "\" />"] {
                head.push_str(part);
            }
        }
    }
}

/// A text as HTML, also within quotation marks.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: &str) -> ShownPage {
        page_of(&CachedView { body: body.into(), etag: None })
    }

    #[test]
    fn whatever_stands_in_the_words_the_head_of_the_page_is_still_one() {
        let nasty = r#"</title></script><!--<script>alert(1)</script>"' & <img src=x>"#;
        let event = EventDetails {
            title: nasty.to_owned(),
            subtitle: nasty.to_owned(),
            organiser: nasty.to_owned(),
            place: nasty.to_owned(),
            price: nasty.to_owned(),
            logo_url: "https://shop.example/logo.svg".to_owned(),
            ..EventDetails::default()
        };
        let words = EventView { sale: "demo".into(), event: Some(event), starts_local: None };
        let head = page(&serde_json::to_string(&words).unwrap()).head.unwrap();
        // Of all that begins an element or ends one there is only what was put there.
        for (mark, times) in [("<title>", 1), ("</title>", 1), ("<script", 1), ("</script>", 1)] {
            assert_eq!(head.matches(mark).count(), times, "{mark}: {head}");
        }
        assert_eq!(head.matches('<').count(), 4 + head.matches("<meta ").count(), "{head}");
        for none in ["<!--", "<img"] {
            assert!(!head.contains(none), "{head}");
        }
        // What a browser reads out of it are the same words.
        let data = head.split("id=\"event\">").nth(1).unwrap().trim_end_matches("</script>");
        assert_eq!(serde_json::from_str::<EventView>(data).unwrap(), words);
        let content = head.split("og:title\" content=\"").nth(1).unwrap();
        let content = content.split('"').next().unwrap();
        let read = content.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        assert_eq!(read.replace("&#39;", "'").replace("&amp;", "&"), nasty);
    }

    #[test]
    fn previews_name_what_when_and_where_and_a_sale_without_words_has_the_plain_title() {
        let body = r#"{"sale":"demo","event":{"title":"Spring concert","starts_at":1808155800000,
            "zone":"Europe/Berlin","place":"City hall","price":"EUR 25"},
            "starts_local":"2027-04-17T19:30"}"#;
        let head = page(body).head.unwrap();
        for part in [
            "<title>Spring concert</title>",
            r#"<meta property="og:title" content="Spring concert" />"#,
            r#"content="2027-04-17 19:30, Europe/Berlin · City hall · EUR 25" />"#,
        ] {
            assert!(head.contains(part), "{head}");
        }
        assert!(!head.contains("og:image") && !head.contains("og:site_name"), "{head}");
        let none = page(r#"{"sale":"demo"}"#).head.unwrap();
        let data = r#"<script type="application/json" id="event">{"sale":"demo"}</script>"#;
        assert_eq!(none, format!("<title>Tickets</title>{data}"));
    }

    #[test]
    fn the_entity_tag_follows_the_words_and_the_policy_allows_the_logo_and_nothing_else() {
        let logo = |url: &str| {
            let event =
                EventDetails { logo_url: url.into(), title: "A".into(), ..Default::default() };
            let words = EventView { sale: "a".into(), event: Some(event), starts_local: None };
            page(&serde_json::to_string(&words).unwrap())
        };
        let shown = logo("https://cdn.shop.example:8443/a/logo.svg");
        assert_eq!(shown.picture.as_deref(), Some("https://cdn.shop.example:8443/a/logo.svg"));
        for url in ["", "https://a.example/x; script-src *", "data:image/png,x", "https://a/'x'"] {
            assert_eq!(logo(url).picture, None, "{url}");
        }
        let marks = ["", "https://shop.example/a.svg"].map(|url| logo(url).mark);
        assert_ne!(marks[0], marks[1]);
        for mark in marks {
            assert!(mark.len() == TAG_DIGITS + 1 && mark.starts_with('-'), "{mark}");
        }
        assert_eq!(page("no JSON"), ShownPage::default());
    }
}
