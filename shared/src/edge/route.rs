//! Route: an address of the API, parsed once from the path of a request.

use crate::domain::ids::{IdError, OrderId, SaleId};
use crate::limits::VIEW_QUERY_MAX;

/// An address of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// What this is, in a few lines.
    Home,
    /// What the API is, for programs.
    Document,
    /// The page on which people buy.
    Page(SaleId),
    /// How a sale stands.
    Sale(SaleId),
    /// What a sale sells, in words.
    Event(SaleId),
    /// What a sale sells, seat by seat.
    Plan(SaleId),
    /// What is left of it, with the query that says of what.
    Seats(SaleId, String),
    /// Where orders are placed.
    Orders(SaleId),
    /// One order.
    Order(SaleId, OrderId),
    /// The last part of the address is what becomes of the order.
    Change(SaleId, OrderId, &'static str),
}

const CHANGES: [&str; 3] = ["confirm", "cancel", "extend"];

impl Route {
    /// The route of `path`; `None` when nothing is there.
    ///
    /// # Errors
    /// The address is one of ours, but the id in it is not valid.
    pub fn of(path: &str) -> Result<Option<Self>, IdError> {
        if path == "/" {
            return Ok(Some(Self::Home));
        }
        if path == "/openapi.json" {
            return Ok(Some(Self::Document));
        }
        if let Some(sale) = path.strip_prefix("/s/") {
            return SaleId::parse(sale).map(Self::Page).map(Some);
        }
        let Some(rest) = path.strip_prefix("/v1/sales/") else {
            return Ok(None);
        };
        let mut parts = rest.split('/');
        let sale = parts.next().unwrap_or_default();
        let route = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (None, ..) => Self::Sale(SaleId::parse(sale)?),
            (Some("event"), None, ..) => Self::Event(SaleId::parse(sale)?),
            (Some("plan"), None, ..) => Self::Plan(SaleId::parse(sale)?),
            (Some("seats"), None, ..) => Self::Seats(SaleId::parse(sale)?, String::new()),
            (Some("orders"), None, ..) => Self::Orders(SaleId::parse(sale)?),
            (Some("orders"), Some(id), None, _) => Self::Order(SaleId::parse(sale)?, order_id(id)?),
            (Some("orders"), Some(id), Some(verb), None) => {
                let Some(verb) = CHANGES.into_iter().find(|change| *change == verb) else {
                    return Ok(None);
                };
                Self::Change(SaleId::parse(sale)?, order_id(id)?, verb)
            }
            _ => return Ok(None),
        };
        Ok(Some(route))
    }

    /// The value of the header `Allow`.
    #[must_use]
    pub const fn allow(&self) -> &'static str {
        match self {
            Self::Home
            | Self::Document
            | Self::Page(_)
            | Self::Sale(_)
            | Self::Event(_)
            | Self::Plan(_)
            | Self::Seats(..)
            | Self::Order(..) => "GET, HEAD",
            Self::Orders(_) | Self::Change(..) => "POST",
        }
    }

    /// Whether the address exists for this method.
    #[must_use]
    pub fn takes(&self, method: &str) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method)
    }

    /// Whether the address may cost an origin something.
    #[must_use]
    pub const fn is_of_a_sale(&self) -> bool {
        !matches!(self, Self::Home | Self::Document | Self::Page(_))
    }

    /// The same address at an origin, written anew from what was parsed: nothing else gets there.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Home => "/".to_owned(),
            Self::Document => "/openapi.json".to_owned(),
            Self::Page(sale) => format!("/s/{sale}"),
            Self::Sale(sale) => format!("/v1/sales/{sale}"),
            Self::Event(sale) => format!("/v1/sales/{sale}/event"),
            Self::Plan(sale) => format!("/v1/sales/{sale}/plan"),
            Self::Seats(sale, query) if query.is_empty() => format!("/v1/sales/{sale}/seats"),
            Self::Seats(sale, query) => format!("/v1/sales/{sale}/seats?{query}"),
            Self::Orders(sale) => format!("/v1/sales/{sale}/orders"),
            Self::Order(sale, id) => format!("/v1/sales/{sale}/orders/{}", id.in_path()),
            Self::Change(sale, id, verb) => {
                format!("/v1/sales/{sale}/orders/{}/{verb}", id.in_path())
            }
        }
    }
}

/// The query of a view of seats, if it may be passed on: short, and of characters that mean nothing
/// in a request's head.
pub(super) fn view_query(query: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~=&,%+:".contains(&b);
    (query.len() <= VIEW_QUERY_MAX && query.bytes().all(plain)).then_some(query)
}

/// Where the page of a sale is whose address was written with slashes at its end.
pub(super) fn without_slash(path: &str, query: Option<&str>) -> Option<String> {
    let trimmed = path.trim_end_matches('/');
    if trimmed == path || !matches!(Route::of(trimmed), Ok(Some(Route::Page(_)))) {
        return None;
    }
    Some(query.map_or_else(|| trimmed.to_owned(), |query| format!("{trimmed}?{query}")))
}

/// An order id as it stands in an address: it may hold any visible character, written as `%2F`. It
/// goes on in the spelling in which it came: the ledger has it in one of them.
fn order_id(part: &str) -> Result<OrderId, IdError> {
    if !part.contains('%') {
        return OrderId::parse(part);
    }
    let mut text = String::new();
    let mut rest = part;
    while let Some((plain, escape)) = rest.split_once('%') {
        let byte = escape.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        text.push_str(plain);
        text.push(byte.ok_or(IdError::Order)?.into());
        rest = escape.get(2..).unwrap_or_default();
    }
    text.push_str(rest);
    OrderId::parse(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef";

    fn of(path: &str) -> Result<Option<String>, IdError> {
        Ok(Route::of(path)?.map(|route| format!("{} {}", route.allow(), route.path())))
    }

    #[test]
    fn each_address_of_the_api_has_a_route() {
        for (path, route) in [
            ("/", "GET, HEAD /"),
            ("/openapi.json", "GET, HEAD /openapi.json"),
            ("/s/demo", "GET, HEAD /s/demo"),
            ("/v1/sales/demo", "GET, HEAD /v1/sales/demo"),
            ("/v1/sales/demo/event", "GET, HEAD /v1/sales/demo/event"),
            ("/v1/sales/demo/plan", "GET, HEAD /v1/sales/demo/plan"),
            ("/v1/sales/demo/seats", "GET, HEAD /v1/sales/demo/seats"),
            ("/v1/sales/demo/orders", "POST /v1/sales/demo/orders"),
            (
                "/v1/sales/demo/orders/0123456789abcdef",
                "GET, HEAD /v1/sales/demo/orders/0123456789abcdef",
            ),
            (
                "/v1/sales/demo/orders/0123456789abcdef/confirm",
                "POST /v1/sales/demo/orders/0123456789abcdef/confirm",
            ),
        ] {
            assert_eq!(of(path), Ok(Some(route.to_owned())));
        }
    }

    #[test]
    fn nothing_else_has_one() {
        for path in [
            "/s",
            "/s/",
            "/s/demo/",
            "/v1",
            "/v1/sales",
            "/v1/admin/sales/demo",
            "/v1/sales/demo/",
            "/v1/sales/demo/audit",
            "/v1/sales/demo/plan/",
            "/v1/sales/demo/seats/second",
            "/v1/sales/demo/orders/",
            "/v1/sales/demo/orders/0123456789abcdef/steal",
            "/v1/sales/demo/orders/0123456789abcdef/confirm/",
            "//v1/sales/demo",
            "/metrics",
        ] {
            assert!(!matches!(of(path), Ok(Some(_))), "{path}");
        }
    }

    #[test]
    fn a_bad_id_is_invalid_rather_than_missing() {
        assert_eq!(of("/v1/sales//orders"), Err(IdError::Sale));
        assert_eq!(of("/v1/sales/a%7Db/orders"), Err(IdError::Sale));
        assert_eq!(of("/v1/sales/demo/orders/short"), Err(IdError::Order));
        for cut in ["%", "%4", "%zz", "%é", "%C3%A9"] {
            let path = format!("/v1/sales/demo/orders/{ID}{cut}");
            assert_eq!(of(&path), Err(IdError::Order), "{path}");
        }
    }

    #[test]
    fn an_order_id_cannot_break_out_of_its_address() {
        let id = r"..\..\..\admin/sales?x#y%z+";
        let order = Route::Order(SaleId::parse("demo").unwrap(), OrderId::parse(id).unwrap());
        let path = order.path();
        assert!(path.ends_with("..%5C..%5C..%5Cadmin%2Fsales%3Fx%23y%25z%2B"), "{path}");
        assert_eq!(Route::of(&path), Ok(Some(order)));
        let raw = Route::of(r"/v1/sales/demo/orders/..\..\..\..\v1\admin").unwrap();
        assert!(raw.unwrap().path().ends_with("..%5C..%5C..%5C..%5Cv1%5Cadmin"));
    }

    #[test]
    fn a_query_that_is_long_or_odd_is_not_passed_on() {
        for query in ["", "class=second&from=VNP&to=3", "block=112%2C113"] {
            assert_eq!(view_query(query), Some(query));
        }
        let long = "x".repeat(VIEW_QUERY_MAX + 1);
        for query in ["a b", "a\nb", "a?b", "a#b", "a/../b", "\u{e9}", &long] {
            assert_eq!(view_query(query), None, "{query}");
        }
    }

    #[test]
    fn only_the_page_of_a_sale_is_found_behind_a_slash() {
        for (path, query, location) in [
            ("/s/demo/", None, Some("/s/demo")),
            ("/s/demo//", Some("x=/1"), Some("/s/demo?x=/1")),
            ("/s/demo", None, None),
            ("/s/", None, None),
            ("/s/no%20sale/", None, None),
            ("//evil.example/", None, None),
            ("/v1/sales/demo/", None, None),
        ] {
            assert_eq!(without_slash(path, query).as_deref(), location, "{path}");
        }
    }
}
