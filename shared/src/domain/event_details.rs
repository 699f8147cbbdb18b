//! Event details: what a sale sells, as people read it on the buyer page.
//!
//! Nothing is decided by them. An operator gives them as one document, the ledger keeps them as
//! JSON in one field of the sale, and pages, link previews and dashboards show them.

use crate::domain::time::UnixMillis;
use crate::domain::web_address;
use crate::limits::{
    EVENT_BYTES_MAX, EVENT_PRICE_MAX, EVENT_SOLD_OUT_MAX, EVENT_TEXT_MAX, EVENT_TITLE_MAX,
    EVENT_URL_MAX, EVENT_ZONE_MAX, MOMENT_MAX_MS, MOMENT_MIN_MS, PLAN_ID_MAX, SEAT_CLASSES_MAX,
};
use core::fmt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The languages that the buyer page speaks.
pub const PAGE_LANGUAGES: [&str; 2] = ["en", "zh"];

/// The names of the fields of a document.
const FIELDS: [&str; 16] = [
    "title",
    "subtitle",
    "starts_at",
    "zone",
    "place",
    "organiser",
    "price",
    "prices",
    "terms_url",
    "help_url",
    "sold_out_text",
    "sold_out_url",
    "logo_url",
    "logo_alt",
    "colour",
    "languages",
];

/// What is sold. An empty text is an absent one; without a title there are no details at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventDetails {
    /// What it is called. It stands on the page in the place of the sale's id; at most 100
    /// characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = true, min_length = 1, max_length = 100))]
    pub title: String,
    /// A line below it; at most 200 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 200))]
    pub subtitle: String,
    /// When it starts, in Unix milliseconds; needs `zone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(
            value_type = Option<u64>,
            nullable = false,
            minimum = 978_307_200_000_u64,
            maximum = 99_999_999_999_999_u64
        )
    )]
    pub starts_at: Option<UnixMillis>,
    /// The time zone of the place, such as `Europe/Berlin`. The page writes times in it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 64))]
    pub zone: String,
    /// Where it is; at most 200 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 200))]
    pub place: String,
    /// Who holds it; at most 200 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 200))]
    pub organiser: String,
    /// What a ticket costs, as people write it, such as `EUR 25`; at most 40 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 40))]
    pub price: String,
    /// The same of each class of the sale's plan, by the id of the class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<String, String>,
    /// Where the shop's terms of business are.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 512))]
    pub terms_url: String,
    /// Where buyers find help.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 512))]
    pub help_url: String,
    /// What the shop says to those who come when everything is sold; at most 300 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 300))]
    pub sold_out_text: String,
    /// Where they can go on, such as a waiting list or another date.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 512))]
    pub sold_out_url: String,
    /// A picture of at most 4 to 1, shown above the title: https, without a query.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 512))]
    pub logo_url: String,
    /// What the picture says, for those who do not see it. Where it is absent: the organiser, else
    /// the title.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 200))]
    pub logo_alt: String,
    /// The colour of buttons and marks, `#rrggbb`. The page makes it darker or lighter where it
    /// could not be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 7, pattern = r"^$|^#[0-9A-Fa-f]{6}$"))]
    pub colour: String,
    /// The languages of the page of this sale, `en` and `zh`; the first is shown where a browser
    /// asks for neither. All when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_items = 2))]
    pub languages: Vec<String>,
}

/// What is wrong with event details, as a sentence that says what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventError(String);

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for EventError {}

fn wrong<T>(field: &str, what: impl fmt::Display) -> Result<T, EventError> {
    Err(EventError(format!("event: \"{field}\" {what}")))
}

impl EventDetails {
    /// Reads the document of an operator, who is told of every name that is none. An empty document
    /// is none at all.
    ///
    /// # Errors
    /// What to change.
    pub fn from_document(document: &serde_json::Value) -> Result<Self, EventError> {
        let Some(fields) = document.as_object() else {
            return Err(EventError("\"event\" is an object, such as {\"title\":\"...\"}".into()));
        };
        if let Some(name) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return wrong(name, format_args!("is no field; there are {}", FIELDS.join(", ")));
        }
        let event: Self = serde_json::from_value(document.clone())
            .map_err(|error| EventError(format!("event: {error}")))?;
        event.check()?;
        Ok(event)
    }

    /// Reads what [`EventDetails::to_stored`] has written, also that of a later version, which may
    /// have more fields. `None` where it is none.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let event: Self = serde_json::from_str(text).ok()?;
        event.check().ok().map(|()| event)
    }

    /// The text that a ledger keeps; empty where there are no details.
    #[must_use]
    pub fn to_stored(&self) -> String {
        // Texts and numbers always become JSON.
        if self.is_none() { String::new() } else { serde_json::to_string(self).unwrap_or_default() }
    }

    /// Whether there are no details.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What the logo says, for those who do not see it.
    #[must_use]
    pub fn alt(&self) -> &str {
        let texts = [&self.logo_alt, &self.organiser, &self.title];
        texts.into_iter().find(|text| !text.is_empty()).map_or("", String::as_str)
    }

    fn check(&self) -> Result<(), EventError> {
        if self.is_none() {
            return Ok(());
        }
        if self.title.trim().is_empty() {
            return wrong("title", "is missing: what is sold is called so on the page");
        }
        for (name, text, most) in [
            ("title", &self.title, EVENT_TITLE_MAX),
            ("subtitle", &self.subtitle, EVENT_TEXT_MAX),
            ("place", &self.place, EVENT_TEXT_MAX),
            ("organiser", &self.organiser, EVENT_TEXT_MAX),
            ("logo_alt", &self.logo_alt, EVENT_TEXT_MAX),
            ("price", &self.price, EVENT_PRICE_MAX),
            ("sold_out_text", &self.sold_out_text, EVENT_SOLD_OUT_MAX),
        ] {
            check_text(name, text, most)?;
        }
        self.check_prices()?;
        self.check_time()?;
        for (name, url) in [
            ("terms_url", &self.terms_url),
            ("help_url", &self.help_url),
            ("sold_out_url", &self.sold_out_url),
            ("logo_url", &self.logo_url),
        ] {
            check_url(name, url)?;
        }
        let is_colour = |text: &str| {
            let digits = text.strip_prefix('#').unwrap_or_default();
            digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit())
        };
        if !self.colour.is_empty() && !is_colour(&self.colour) {
            return wrong("colour", "is written as #rrggbb, such as #0d6b4f");
        }
        for (place, language) in self.languages.iter().enumerate() {
            if !PAGE_LANGUAGES.contains(&language.as_str()) {
                return wrong("languages", "has other languages than \"en\" and \"zh\"");
            }
            if self.languages[..place].contains(language) {
                return wrong("languages", format_args!("names {language} twice"));
            }
        }
        let bytes = self.to_stored().len();
        if bytes > EVENT_BYTES_MAX {
            let what = format!("event: it has {bytes} bytes as JSON, at most {EVENT_BYTES_MAX}");
            return Err(EventError(what));
        }
        Ok(())
    }

    fn check_prices(&self) -> Result<(), EventError> {
        if self.prices.len() > SEAT_CLASSES_MAX {
            return wrong("prices", format_args!("has at most {SEAT_CLASSES_MAX} classes"));
        }
        for (class, price) in &self.prices {
            let is_id = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            if !(1..=PLAN_ID_MAX).contains(&class.len()) || !class.bytes().all(is_id) {
                return wrong("prices", format_args!("has {class:?}, which is no id of a class"));
            }
            check_text("prices", price, EVENT_PRICE_MAX)?;
        }
        Ok(())
    }

    fn check_time(&self) -> Result<(), EventError> {
        let is_part = |part: &str| {
            let is_of = |b: u8| b.is_ascii_alphanumeric() || b"_+-".contains(&b);
            !part.is_empty() && part.bytes().all(is_of)
        };
        let is_zone = self.zone.len() <= EVENT_ZONE_MAX && self.zone.split('/').all(is_part);
        if !self.zone.is_empty() && !is_zone {
            return wrong("zone", "is the name of a time zone, such as Europe/Berlin or UTC");
        }
        match self.starts_at {
            None => Ok(()),
            Some(at) if !(MOMENT_MIN_MS..=MOMENT_MAX_MS).contains(&at.0) => {
                wrong("starts_at", "is in Unix milliseconds, from 2001 to 5138")
            }
            Some(_) if self.zone.is_empty() => {
                wrong("starts_at", "needs \"zone\", the time zone of the place")
            }
            Some(_) => Ok(()),
        }
    }
}

/// Checks a text: its length, and that nothing in it changes how the text around it is shown.
fn check_text(name: &str, text: &str, most: usize) -> Result<(), EventError> {
    let length = text.chars().count();
    if length > most {
        return wrong(name, format_args!("has at most {most} characters, not {length}"));
    }
    // Marks that turn the direction of what follows them would reach beyond their own text.
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    match text.chars().find(|c| turns(*c) || breaks(*c)) {
        Some(c) => wrong(name, format_args!("cannot have {c:?}: it is one line of plain text")),
        None => Ok(()),
    }
}

fn check_url(name: &str, url: &str) -> Result<(), EventError> {
    if url.is_empty() {
        return Ok(());
    }
    let path = web_address::path_of(url, EVENT_URL_MAX).or_else(|what| wrong(name, what))?;
    if path.contains(['{', '}']) {
        return wrong(name, "is an address as it is, without braces");
    }
    // It becomes a word of the page's Content-Security-Policy.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._~%-".contains(&b);
    if name == "logo_url" && (path.len() < 2 || !path.bytes().all(plain)) {
        let what = "has a path of letters, digits and / . _ ~ % -, without a query";
        return wrong(name, format_args!("{what}; for example https://shop.example/logo.svg"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn whole() -> Value {
        json!({
            "title": "Frühlingskonzert <春> & \"more\"", "subtitle": "with the city orchestra",
            "starts_at": 1_795_428_000_000_u64, "zone": "Europe/Berlin",
            "place": "City hall, Berlin", "organiser": "City orchestra", "price": "EUR 25",
            "prices": {"stalls": "EUR 40", "P_1-a": "25 €"},
            "terms_url": "https://shop.example/terms?v=2", "help_url": "https://shop.example",
            "sold_out_text": "There is a second date: 2 May",
            "sold_out_url": "https://shop.example/2",
            "logo_url": "https://cdn.shop.example:8443/a/logo.svg", "logo_alt": "The orchestra",
            "colour": "#0D6b4f", "languages": ["zh", "en"],
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut document = whole();
        document[field] = value;
        document
    }

    #[test]
    fn details_are_kept_as_they_were_given_and_what_is_absent_takes_no_room() {
        let event = EventDetails::from_document(&whole()).unwrap();
        let stored = event.to_stored();
        assert_eq!(serde_json::from_str::<Value>(&stored).unwrap(), whole());
        assert_eq!(EventDetails::from_stored(&stored), Some(event));
        let title = EventDetails::from_document(&json!({"title": "A"})).unwrap();
        assert_eq!(title.to_stored(), r#"{"title":"A"}"#);
        let none = EventDetails::from_document(&json!({})).unwrap();
        assert_eq!((none.is_none(), none.to_stored().as_str()), (true, ""));
    }

    #[test]
    fn a_field_of_a_later_version_is_passed_over_and_what_is_damaged_is_none() {
        let later = r#"{"title":"A","doors_at":7}"#;
        assert_eq!(EventDetails::from_stored(later).unwrap().title, "A");
        for text in ["", "7", "{", r#"{"title":""," colour":"x"}"#, r#"{"title":7}"#] {
            let found = EventDetails::from_stored(text);
            assert!(found.is_none_or(|event| event.is_none()), "{text}");
        }
        assert_eq!(EventDetails::from_stored(r#"{"title":"A","colour":"red"}"#), None);
    }

    #[test]
    fn each_wrong_field_is_told_what_to_change() {
        let long = "x".repeat(600);
        let many: BTreeMap<String, &str> = (0..65).map(|n| (n.to_string(), "1")).collect();
        for (field, value, told) in [
            ("title", json!(""), "is missing"),
            ("title", json!(" "), "is missing"),
            ("title", json!("a\nb"), "one line of plain text"),
            ("title", json!("春".repeat(101)), "at most 100 characters, not 101"),
            ("title", json!(7), "string"),
            ("place", json!("a\u{202e}b"), "one line of plain text"),
            ("subtitle", json!(long), "at most 200 characters"),
            ("price", json!("x".repeat(41)), "at most 40 characters"),
            ("sold_out_text", json!("春".repeat(301)), "at most 300 characters, not 301"),
            ("sold_out_text", json!("a\nb"), "one line of plain text"),
            ("sold_out_url", json!("javascript:alert(1)"), "begin with https://"),
            ("starts_at", json!(1_795_428_000), "Unix milliseconds"),
            ("zone", json!(""), "needs \"zone\""),
            ("zone", json!("Europe Berlin"), "such as Europe/Berlin"),
            ("zone", json!("/etc/passwd"), "such as Europe/Berlin"),
            ("prices", json!({"a b": "1"}), "no id of a class"),
            ("prices", json!({"a": "x".repeat(41)}), "at most 40"),
            ("prices", json!(many), "at most 64 classes"),
            ("terms_url", json!("http://shop.example/"), "begin with https://"),
            ("help_url", json!("https://shop.example/{sale}"), "without braces"),
            ("help_url", json!(format!("https://a.example/{long}")), "at most 512 bytes"),
            ("logo_url", json!("javascript:alert(1)"), "begin with https://"),
            ("logo_url", json!("https://shop.example/a;script-src"), "without a query"),
            ("logo_url", json!("https://shop.example/a?b"), "without a query"),
            ("logo_url", json!("https://shop.example"), "without a query"),
            ("colour", json!("red"), "#rrggbb"),
            ("colour", json!("#12345g"), "#rrggbb"),
            ("languages", json!(["de"]), "\"en\" and \"zh\""),
            ("languages", json!(["en", "en"]), "twice"),
            ("colour_", json!("#123456"), "is no field; there are title"),
        ] {
            let error = EventDetails::from_document(&with(field, value.clone())).unwrap_err();
            let error = error.to_string();
            assert!(
                error.starts_with("event: ") && error.contains(told),
                "{field} {value}: {error}"
            );
        }
        assert!(EventDetails::from_document(&json!([])).is_err());
        assert!(EventDetails::from_document(&json!({"place": "Berlin"})).is_err());
    }

    #[test]
    fn as_a_whole_they_are_bounded_too() {
        let prices: BTreeMap<String, String> =
            (0..64).map(|n| (format!("{n:032}"), "春".repeat(40))).collect();
        let error = EventDetails::from_document(&with("prices", json!(prices))).unwrap_err();
        assert!(error.to_string().contains("at most 8192"), "{error}");
    }
}
