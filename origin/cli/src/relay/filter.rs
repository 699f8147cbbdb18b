//! Filter of an endpoint: of which sales it receives which events.

use lastseat_node::api::event_line::EVENT_KINDS;
use shared::SaleId;
use shared::auth::sale_patterns::{PatternError, SalePatterns};
use shared::limits::{SALE_PATTERNS_MAX, SALE_PATTERNS_TEXT_MAX, WEBHOOK_KINDS_MAX};

/// Of which sales which events.
#[derive(Clone, Debug)]
pub struct EventFilter {
    sales: SalePatterns,
    /// Kinds, or how some begin with `*` behind it; all where there is none.
    kinds: Vec<String>,
}

impl EventFilter {
    /// All events of all sales.
    #[must_use]
    pub fn all() -> Self {
        Self { sales: SalePatterns::all(), kinds: Vec::new() }
    }

    /// The filter of patterns of sales such as `spring-*`, and of kinds such as `confirmed` or
    /// `sale_*`; an empty list takes all.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(sales: &[String], kinds: &[String]) -> Result<Self, String> {
        let sales = match sales {
            [] => SalePatterns::all(),
            some => SalePatterns::parse(&some.join(",")).map_err(|error| match error {
                PatternError::Characters => error.to_string(),
                PatternError::TooMany => format!(
                    "an endpoint has at most {SALE_PATTERNS_MAX} patterns of sales and \
                     {SALE_PATTERNS_TEXT_MAX} characters in them"
                ),
            })?,
        };
        if kinds.len() > WEBHOOK_KINDS_MAX {
            return Err(format!("an endpoint names at most {WEBHOOK_KINDS_MAX} kinds of events"));
        }
        if let Some(wrong) = kinds.iter().find(|kind| !EVENT_KINDS.iter().any(|k| fits(kind, k))) {
            let all = EVENT_KINDS.join(", ");
            return Err(format!("{wrong:?} is no kind of event; there are {all}, and sale_*"));
        }
        Ok(Self { sales, kinds: kinds.to_vec() })
    }

    /// Whether it takes anything of `sale`.
    #[must_use]
    pub fn takes_sale(&self, sale: &SaleId) -> bool {
        self.sales.include(sale)
    }

    /// Whether it takes events of this kind.
    #[must_use]
    pub fn takes(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|wanted| fits(wanted, kind))
    }
}

fn fits(wanted: &str, kind: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(begin) => kind.starts_with(begin),
        None => wanted == kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(sales: &[&str], kinds: &[&str]) -> Result<EventFilter, String> {
        let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        EventFilter::new(&owned(sales), &owned(kinds))
    }

    #[test]
    fn a_filter_takes_the_sales_and_kinds_that_it_names_and_an_empty_one_all() {
        let some = filter(&["spring-*", "autumn"], &["confirmed", "sale_*"]).unwrap();
        let takes = |filter: &EventFilter, sale| filter.takes_sale(&SaleId::parse(sale).unwrap());
        assert!(takes(&some, "spring-1") && takes(&some, "autumn") && !takes(&some, "winter"));
        assert!(some.takes("confirmed") && some.takes("sale_opened") && !some.takes("held"));
        for all in [EventFilter::all(), filter(&[], &[]).unwrap(), filter(&["*"], &["*"]).unwrap()]
        {
            assert!(takes(&all, "winter") && all.takes("held"));
        }
    }

    #[test]
    fn a_kind_or_a_pattern_that_is_none_is_named() {
        assert!(filter(&[], &["confirmd"]).unwrap_err().contains("\"confirmd\" is no kind"));
        assert!(filter(&["a b"], &[]).unwrap_err().contains("pattern of sales"));
        assert!(filter(&["a"; 9], &[]).unwrap_err().contains("an endpoint has at most 8"));
        assert!(filter(&[], &["held"; 33]).unwrap_err().contains("at most 32"));
    }
}
