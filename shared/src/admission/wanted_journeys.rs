//! Wanted journeys: what an order asks for, as its address says it in `?for=`.
//!
//! `?for=second.VNP-AOH.2,first.1-4.1` is two lines, each a class, a journey and a quantity. A
//! class is its id. A stop is its id, or its number from 1: the id of a stop begins with a letter,
//! so the two cannot be taken for each other, while the id of a class may be a number. In a hall,
//! which has no stops, a line is `stalls.2`. A comma may be written as `%2C`, which is what
//! browsers make of it.
//!
//! It repeats what the body says, for an edge, which does not read bodies of what it refuses.

use crate::limits::{ORDER_LINES_MAX, QUANTITY_MAX, WANTED_MAX};
use crate::plan::{Plan, is_plan_id};
use crate::seats::Journey;
use crate::wire::problem::Problem;
use core::fmt;

/// The name of the parameter.
pub const WANTED: &str = "for";

/// What `?for=` says, 1 to [`ORDER_LINES_MAX`] lines. Whether the sale has such classes and stops
/// is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedJourneys<'a>(Vec<WantedLine<'a>>);

/// One line of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedLine<'a> {
    /// The id of the class.
    pub class: &'a str,
    /// From where to where; `None` in a hall.
    pub journey: Option<(StopWord<'a>, StopWord<'a>)>,
    /// Tickets, 1 to [`QUANTITY_MAX`].
    pub quantity: u32,
}

/// A stop, as it is written in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopWord<'a> {
    /// By its number, from 1.
    Number(u8),
    /// By its id.
    Id(&'a str),
}

/// Whether the query of an address says what its order is for.
#[must_use]
pub fn says_what_for(query: &str) -> bool {
    query.split('&').any(|part| {
        part.strip_prefix(WANTED).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })
}

/// What the query of an address says that its order is for; `None` where it does not say that.
/// Edges and nodes read it by this rule.
///
/// # Errors
/// `invalid`: it is said more than once, or cannot be read. An order that wants something else than
/// its address says would be refused for the wrong reason.
pub fn wanted_of(query: Option<&str>) -> Result<Option<WantedJourneys<'_>>, Problem> {
    let Some(query) = query.filter(|query| says_what_for(query)) else { return Ok(None) };
    let mut values = query.split('&').filter(|part| says_what_for(part));
    let value = values.next().and_then(|part| part.split_once('=')).map(|(_, value)| value);
    let once = value.filter(|_| values.next().is_none());
    once.and_then(WantedJourneys::parse).map(Some).ok_or_else(|| {
        Problem::invalid(format!(
            "\"?{WANTED}=\" in the address is a list of the lines of the order, once: \
             <class>.<from>-<to>.<quantity> for each, in a hall <class>.<quantity>, with commas \
             between them, such as second.VNP-NKH.2,first.1-3.1"
        ))
    })
}

impl<'a> WantedJourneys<'a> {
    /// Reads the value of `?for=`; `None` for one that says nothing.
    #[must_use]
    pub fn parse(value: &'a str) -> Option<Self> {
        if value.len() > WANTED_MAX {
            return None;
        }
        let mut lines = Vec::new();
        for part in value.split(',').flat_map(|part| part.split("%2C")) {
            for line in part.split("%2c") {
                if lines.len() >= ORDER_LINES_MAX {
                    return None;
                }
                lines.push(WantedLine::parse(line)?);
            }
        }
        Some(Self(lines))
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[WantedLine<'a>] {
        &self.0
    }
}

impl<'a> WantedLine<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut words = text.split('.');
        let class = words.next().filter(|class| is_plan_id(class))?;
        let (journey, quantity) = match (words.next()?, words.next(), words.next()) {
            (quantity, None, _) => (None, quantity),
            (journey, Some(quantity), None) => {
                let (from, to) = journey.split_once('-')?;
                (Some((StopWord::parse(from)?, StopWord::parse(to)?)), quantity)
            }
            _ => return None,
        };
        let quantity = number(quantity).filter(|of| (1..=QUANTITY_MAX).contains(of))?;
        Some(Self { class, journey, quantity })
    }

    /// The class, by its place in the plan, and the journey; `None` where the plan has no such
    /// class or stops, or they are in no such order.
    #[must_use]
    pub fn of(&self, plan: &Plan) -> Option<(usize, Journey)> {
        let class = plan.class(self.class)?;
        let stop = |word: StopWord<'_>| match word {
            StopWord::Number(number) => {
                usize::from(number).checked_sub(1).filter(|place| *place < plan.stops().len())
            }
            StopWord::Id(id) => plan.stop(id),
        };
        let journey = match self.journey {
            Some((from, to)) => Journey::new(stop(from)?, stop(to)?)?,
            None => plan.stops().is_empty().then_some(Journey::HALL)?,
        };
        Some((class, journey))
    }
}

impl<'a> StopWord<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return number(text).and_then(|n| u8::try_from(n).ok()).map(Self::Number);
        }
        is_plan_id(text).then_some(Self::Id(text))
    }
}

impl fmt::Display for WantedJourneys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma}{}", line.class)?;
            if let Some((from, to)) = line.journey {
                write!(f, ".{from}-{to}")?;
            }
            write!(f, ".{}", line.quantity)?;
        }
        Ok(())
    }
}

impl fmt::Display for StopWord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Id(id) => f.write_str(id),
        }
    }
}

/// A number as it is written: no sign, no zero before it.
pub(super) fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use proptest::prelude::*;

    const TRAIN: &str = r#"{"stops":["VNP","NKH","AOH"],"classes":[
        {"id":"second","coaches":[{"ids":"1","rows":"1-2","letters":"AB"}]},
        {"id":"1","standing":5}]}"#;
    const HALL: &str = r#"{"classes":[{"id":"stalls","standing":5}]}"#;

    #[test]
    fn lines_are_read_by_ids_and_by_numbers_and_mean_the_same() {
        let plan = Plan::from_json(TRAIN).unwrap();
        for text in ["second.VNP-AOH.2,1.1-2.1", "second.1-3.2%2C1.VNP-NKH.1"] {
            let wanted = WantedJourneys::parse(text).unwrap();
            let lines: Vec<_> = wanted.lines().iter().map(|line| line.of(&plan)).collect();
            let journey = |from, to| Journey::new(from, to).unwrap();
            assert_eq!(lines, [Some((0, journey(0, 2))), Some((1, journey(0, 1)))]);
            assert_eq!(wanted.lines()[0].quantity, 2);
        }
    }

    #[test]
    fn a_hall_has_no_journeys_and_a_train_nothing_without_one() {
        let (hall, train) = (Plan::from_json(HALL).unwrap(), Plan::from_json(TRAIN).unwrap());
        let of = |text: &str, plan| WantedJourneys::parse(text).unwrap().lines()[0].of(plan);
        assert_eq!(of("stalls.2", &hall), Some((0, Journey::HALL)));
        assert_eq!(of("stalls.1-2.2", &hall), None);
        assert_eq!(of("second.2", &train), None);
        assert_eq!(of("second.2-2.1", &train), None);
        assert_eq!(of("second.3-1.1", &train), None);
        assert_eq!(of("second.1-4.1", &train), None);
        assert_eq!(of("first.1-2.1", &train), None);
    }

    #[test]
    fn what_says_nothing_is_not_read() {
        let nine = ["a.1"; 9].join(",");
        for text in [
            "",
            "second",
            "second.",
            "second.1-2",
            "second.1-2.0",
            "second.1-2.01",
            "second.1-2.+1",
            "second.1-2.1001",
            "second.1.2.3",
            "second.1-2.1,",
            "second.0-2.1",
            "second.1-300.1",
            "sec ond.1-2.1",
            "\u{e9}.1-2.1",
            &nine,
        ] {
            assert_eq!(WantedJourneys::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_says_it_once_and_as_it_can_be_read_or_not_at_all() {
        let read = |query| wanted_of(Some(query)).map(|wanted| wanted.map(|all| all.to_string()));
        assert_eq!(read("for=a.1"), Ok(Some("a.1".to_owned())));
        assert_eq!(read("x=1&for=a.1&y"), Ok(Some("a.1".to_owned())));
        assert_eq!((read(""), read("fort=a.1"), wanted_of(None)), (Ok(None), Ok(None), Ok(None)));
        for query in ["for", "for=", "for=a", "for=a.1&for=a.2", "for=a.1&for"] {
            let refused = read(query).map_err(|problem| problem.code);
            assert_eq!(refused, Err(Code::Invalid), "{query}");
        }
    }

    proptest! {
        #[test]
        fn the_longest_lines_fit_and_read_back(
            lines in proptest::collection::vec(
                ("[A-Za-z0-9_]{32}", "[a-z][A-Z0-9_]{31}", "[a-z][A-Z0-9_]{31}", 1u32..=1_000),
                1..=ORDER_LINES_MAX,
            ),
        ) {
            let word = |(class, from, to, n): &_| format!("{class}.{from}-{to}.{n}");
            let lines: Vec<_> = lines.iter().map(word).collect();
            let text = lines.join(",");
            prop_assert_eq!(WantedJourneys::parse(&text).unwrap().to_string(), text);
            prop_assert!(WantedJourneys::parse(&lines.join("%2c")).is_some());
        }

        #[test]
        fn no_text_brings_the_reader_down(text in ".{0,80}", near in "[a1.,%2C-]{0,40}") {
            for text in [text, near] {
                let _ = wanted_of(Some(&text));
                if let Some(wanted) = WantedJourneys::parse(&text) {
                    let again = wanted.to_string();
                    prop_assert_eq!(WantedJourneys::parse(&again), Some(wanted));
                }
            }
        }
    }
}
