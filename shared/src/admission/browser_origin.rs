//! Browser origin: whether the page that makes a browser ask may change something here.
//!
//! A page of any website can make its visitors' browsers send requests, and needs no answer to have
//! ordered in their place. Browsers say so: `Sec-Fetch-Site` (Fetch Metadata) relates the page to
//! the address that it asks, `Origin` (RFC 6454) names it. No page can set either of them. Whoever
//! sends neither is no browser, and goes on as it is.

use crate::limits::ALLOWED_ORIGINS_MAX;
use crate::wire::problem::Code;

/// What a page of an allowed origin may do, as the answer to a preflight says it (Fetch standard,
/// "CORS protocol").
pub mod cors {
    /// Its methods; `HEAD` needs no permission.
    pub const METHODS: &str = "GET, POST";
    /// The headers that it may send.
    pub const HEADERS: &str = "authorization, content-type, idempotency-key, \
                               lastseat-buyer-token, lastseat-retry, traceparent";
    /// How long a browser may keep that, in seconds; Chromium keeps nothing longer.
    pub const MAX_AGE_S: &str = "7200";
    /// The headers of answers that it may read.
    pub const EXPOSED: &str = "age, allow, idempotency-replayed, lastseat-age-ms, \
                               lastseat-answered-by, lastseat-limited, lastseat-node, location, \
                               retry-after, www-authenticate";
}

/// Why a text is no list of origins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// One of them is not written as browsers send it.
    #[error(
        "{0:?} is not an origin as browsers send it; write scheme://host or scheme://host:port, \
         in lower case, without the scheme's own port and without a slash at the end, such as \
         https://shop.example"
    )]
    Form(String),
    /// Everybody.
    #[error("\"*\" would let every website order for its visitors; name the origins of your pages")]
    Any,
    /// Too many.
    #[error("at most {max} origins can be allowed", max = ALLOWED_ORIGINS_MAX)]
    TooMany,
}

/// The origins of pages on other hosts that may call this API; none unless some were named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins(Vec<Box<str>>);

impl AllowedOrigins {
    /// Reads origins with commas between them; an empty text names none.
    ///
    /// # Errors
    /// What is wrong and what to write.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let mut origins: Vec<Box<str>> = Vec::new();
        for word in words {
            if word == "*" {
                return Err(OriginError::Any);
            }
            if !is_origin(word) {
                return Err(OriginError::Form(word.to_owned()));
            }
            if origins.len() == ALLOWED_ORIGINS_MAX {
                return Err(OriginError::TooMany);
            }
            origins.push(word.into());
        }
        Ok(Self(origins))
    }

    /// Whether no page of another host may call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a page of `origin` may call.
    #[must_use]
    pub fn has(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| **allowed == *origin)
    }
}

/// Whether a browser would send `text` as an origin.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let (host, port) = match authority.rsplit_once(':') {
        // The last colon of an IPv6 address stands before its bracket.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let own_port = own_port(scheme);
    let in_host = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._[]:".contains(&b);
    own_port.is_some()
        && !host.is_empty()
        && host.bytes().all(in_host)
        && (!host.contains(':') || host.starts_with('['))
        && port.is_none_or(|port| port.parse::<u16>().is_ok() && Some(port) != own_port)
}

fn own_port(scheme: &str) -> Option<&'static str> {
    match scheme {
        "http" => Some("80"),
        "https" => Some("443"),
        _ => None,
    }
}

/// What a browser says of the page that makes it ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageMarks<'a> {
    /// The header `Origin`.
    pub origin: Option<&'a str>,
    /// The header `Sec-Fetch-Site`.
    pub site: Option<&'a str>,
}

/// A request as far as it matters where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct BrowserRequest<'a> {
    /// Its method.
    pub method: &'a str,
    /// The host and port that it was sent to.
    pub host: &'a str,
    /// What the browser says of the page.
    pub page: PageMarks<'a>,
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// Whether it has a body.
    pub has_body: bool,
}

impl PageMarks<'_> {
    /// Whether a browser has sent the request. Nothing else of it has to be read where none has.
    #[must_use]
    pub const fn are_there(&self) -> bool {
        self.origin.is_some() || self.site.is_some()
    }
}

/// Whether a request may be carried out as far as it depends on the page that makes it.
///
/// # Errors
/// [`Code::ForeignOrigin`] where a page of another website would change something here, and
/// [`Code::MediaType`] where a browser sends a body that is not marked as JSON, as forms and
/// beacons do: they need no permission to be sent across sites.
pub fn check(request: &BrowserRequest<'_>, allowed: &AllowedOrigins) -> Result<(), Code> {
    if !changes(request.method) || !request.page.are_there() {
        return Ok(());
    }
    if !is_at_home(request) && !request.page.origin.is_some_and(|origin| allowed.has(origin)) {
        return Err(Code::ForeignOrigin);
    }
    if request.has_body && !request.content_type.is_some_and(is_json) {
        return Err(Code::MediaType);
    }
    Ok(())
}

/// Whether a request of this method may change something.
fn changes(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// Whether the page is of the address that it asks, or there is none: typed by a person. Where the
/// browser compares the two, it knows more than the host that arrives here: also the scheme, and
/// what a proxy in between has rewritten.
fn is_at_home(request: &BrowserRequest<'_>) -> bool {
    match (request.page.site, request.page.origin) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => is_of_host(origin, request.host),
        (None, None) => true,
    }
}

fn is_of_host(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let own = own_port(scheme).and_then(|port| host.strip_suffix(port)?.strip_suffix(':'));
    authority.eq_ignore_ascii_case(own.unwrap_or(host))
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "https://shop.example";
    const JSON: Option<&str> = Some("application/json");

    fn post<'a>(origin: Option<&'a str>, site: Option<&'a str>) -> BrowserRequest<'a> {
        BrowserRequest {
            method: "POST",
            host: "tickets.example",
            page: PageMarks { origin, site },
            content_type: JSON,
            has_body: true,
        }
    }

    fn shop() -> AllowedOrigins {
        AllowedOrigins::parse(SHOP).unwrap()
    }

    #[test]
    fn only_the_own_host_and_allowed_origins_may_change_something() {
        for (origin, site, allowed) in [
            (None, None, true),
            (Some("https://tickets.example"), Some("same-origin"), true),
            (Some("https://tickets.example"), None, true),
            (Some("HTTPS://tickets.example".to_lowercase().as_str()), Some("none"), true),
            (None, Some("same-origin"), true),
            (Some(SHOP), Some("cross-site"), true),
            (Some(SHOP), None, true),
            (None, Some("cross-site"), false),
            (None, Some("same-site"), false),
            (None, Some("something-new"), false),
            (Some("https://evil.example"), Some("cross-site"), false),
            (Some("https://evil.example"), None, false),
            (Some("https://other.tickets.example"), Some("same-site"), false),
            (Some("https://shop.example.evil.example"), None, false),
            (Some("https://shop.example:8443"), None, false),
            (Some("http://shop.example"), None, false),
            (Some("null"), Some("cross-site"), false),
            (Some("null"), None, false),
            // The same host under another scheme: anybody on the way could have made that page.
            (Some("http://tickets.example"), Some("cross-site"), false),
        ] {
            let said = check(&post(origin, site), &shop());
            let right = if allowed { Ok(()) } else { Err(Code::ForeignOrigin) };
            assert_eq!(said, right, "{origin:?} {site:?}");
        }
    }

    #[test]
    fn reading_is_for_every_page_since_none_sees_the_answer_unless_it_is_allowed() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            let evil = BrowserRequest { method, ..post(Some("https://evil.example"), None) };
            assert_eq!(check(&evil, &AllowedOrigins::default()), Ok(()));
        }
        let odd = BrowserRequest { method: "PUT", ..post(None, Some("cross-site")) };
        assert_eq!(check(&odd, &shop()), Err(Code::ForeignOrigin));
    }

    #[test]
    fn a_browser_marks_a_body_as_json_and_others_need_not() {
        for (content_type, right) in [
            (JSON, true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("text/plain;charset=UTF-8"), false),
            (Some("application/x-www-form-urlencoded"), false),
            (Some("multipart/form-data; boundary=x"), false),
            (Some("text/plain; application/json"), false),
            (Some("application/jsonp"), false),
            (None, false),
        ] {
            let page = BrowserRequest { content_type, ..post(Some(SHOP), Some("cross-site")) };
            let wanted = if right { Ok(()) } else { Err(Code::MediaType) };
            assert_eq!(check(&page, &shop()), wanted, "{content_type:?}");
            let bare = BrowserRequest { has_body: false, ..page };
            assert_eq!(check(&bare, &shop()), Ok(()), "without a body");
            let program = BrowserRequest { content_type, ..post(None, None) };
            assert_eq!(check(&program, &shop()), Ok(()), "curl");
        }
    }

    #[test]
    fn the_own_host_may_name_its_port() {
        for (origin, host, same) in [
            ("http://127.0.0.1:8787", "127.0.0.1:8787", true),
            ("https://tickets.example", "TICKETS.example:443", true),
            ("http://tickets.example", "tickets.example:80", true),
            ("https://tickets.example", "tickets.example:8443", false),
            ("https://tickets.example:8443", "tickets.example", false),
            ("http://[::1]:8787", "[::1]:8787", true),
            ("null", "", false),
            ("", "", false),
        ] {
            assert_eq!(is_of_host(origin, host), same, "{origin} {host}");
        }
    }

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        let two = AllowedOrigins::parse(" https://a.example, http://localhost:5173,").unwrap();
        assert!(two.has("http://localhost:5173") && !two.has("http://localhost"));
        assert!(AllowedOrigins::parse("").unwrap().is_empty());
        assert!(AllowedOrigins::parse("http://[::1]:3000").is_ok());
        assert_eq!(AllowedOrigins::parse("https://a.example,*"), Err(OriginError::Any));
        for wrong in [
            "null",
            "a.example",
            "https://",
            "https://a.example/",
            "https://a.example/page",
            "https://A.example",
            "https://a.example:443",
            "http://a.example:80",
            "https://a.example:x",
            "https://*.example",
            "https://a:b:1",
            "ftp://a.example",
        ] {
            let error = AllowedOrigins::parse(wrong).unwrap_err();
            assert_eq!(error, OriginError::Form(wrong.to_owned()));
        }
        let many = vec![SHOP; ALLOWED_ORIGINS_MAX + 1].join(",");
        assert_eq!(AllowedOrigins::parse(&many), Err(OriginError::TooMany));
    }
}
