//! Lines and parts of orders as requests name them: names of a plan, made into its numbers.

use super::nearest_names::{nearest, nearest_seats, nearest_stops};
use crate::sale_plan::SalePlan;
use shared::Problem;
use shared::admission::wanted_journeys::{WANTED, wanted_of};
use shared::limits::{ORDER_LINES_MAX, QUANTITY_MAX};
use shared::plan::{Plan, PlanClass, PlanPart};
use shared::seats::{Journey, OrderLines, SeatLine};
use shared::wire::seat_lines::{LineRequest, RefusedLine};

/// Classes that are offered where nothing looks like the one that was named.
const CLASSES_OFFERED_MAX: usize = 8;

/// What an order asks for, by the numbers of the plan.
///
/// # Errors
/// `invalid`: the first line that the plan does not have, the word, and what may have been meant.
pub(crate) fn lines_of(plan: &SalePlan, lines: &[LineRequest]) -> Result<OrderLines, Problem> {
    let read = lines.iter().enumerate().map(|(at, line)| {
        PlanWords(plan.plan()).line(plan, line).map_err(|wrong| wrong.of_line(at))
    });
    let read = read.collect::<Result<Vec<SeatLine>, Problem>>()?;
    OrderLines::new(read).ok_or_else(|| {
        Problem::invalid(format!(
            "An order has 1 to {ORDER_LINES_MAX} lines, together for 1 to {QUANTITY_MAX} tickets."
        ))
    })
}

/// Seats of an order by their names, as [`OrderPart::Seats`](shared::seats::OrderPart) has them.
///
/// # Errors
/// `invalid`: a seat that the plan does not have.
pub(crate) fn seats_of(plan: &SalePlan, names: &[String]) -> Result<Vec<(usize, u32)>, Problem> {
    let mut seats = Vec::with_capacity(names.len());
    for name in names {
        let Some(seat) = plan.plan().seat(name) else {
            let near = plan.plan().classes().iter().flat_map(|of| nearest_seats(of, name));
            let near: Vec<String> = near.take(3).collect();
            let offered = offered(&near);
            let text = format!("\"seats\": there is no seat {}{offered}.", shown(name));
            return Err(Problem::invalid(text));
        };
        seats.push((seat.class, seat.number));
    }
    seats.sort_unstable();
    if let Some(twice) = seats.windows(2).find(|two| two[0] == two[1]) {
        let name = plan.plan().seat_name(twice[0].0, twice[0].1);
        let name = name.map_or_else(String::new, |name| name.to_string());
        return Err(Problem::invalid(format!("\"seats\" names {name} twice.")));
    }
    Ok(seats)
}

/// Holds what an address says that an order is for against what it asks for.
///
/// # Errors
/// `invalid`: they differ, or the address does not say it in a way that can be read.
pub(crate) fn check_wanted(
    query: Option<&str>,
    plan: Option<&SalePlan>,
    lines: Option<&OrderLines>,
) -> Result<(), Problem> {
    let Some(wanted) = wanted_of(query)? else { return Ok(()) };
    let asked = lines.map(OrderLines::as_slice).unwrap_or_default();
    let same = wanted.lines().len() == asked.len()
        && wanted.lines().iter().zip(asked).all(|(wanted, line)| {
            wanted.quantity == line.quantity()
                && plan.and_then(|plan| wanted.of(plan.plan()))
                    == Some((line.class(), line.journey()))
        });
    if same {
        return Ok(());
    }
    Err(Problem::invalid(format!(
        "\"?{WANTED}=\" in the address says something else than the lines of the order. Write \
         there what the lines say, in their order, or leave it out."
    )))
}

/// The class of this id, by its place in the plan.
///
/// # Errors
/// `invalid`: there is none, and what may have been meant.
pub(crate) fn class_of(plan: &Plan, id: &str) -> Result<usize, Problem> {
    PlanWords(plan).class(id).map_err(WrongWord::problem)
}

/// The coach or block of this id.
///
/// # Errors
/// `invalid`: the class has none, and what may have been meant.
pub(crate) fn block_of<'a>(class: &'a PlanClass, id: &str) -> Result<&'a PlanPart, Problem> {
    class.parts().iter().find(|part| part.id == id).ok_or_else(|| {
        let near = nearest(id, class.parts().iter().map(|part| part.id.as_str()));
        let class = shown(&class.id);
        let text = format!("class {class} has no coach or block {}", shown(id));
        WrongWord { text, near }.problem()
    })
}

/// Words of a request that a plan does not have, and those that may have been meant.
pub(crate) struct WrongWord {
    text: String,
    near: Vec<String>,
}

impl WrongWord {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), near: Vec::new() }
    }

    pub(crate) fn problem(self) -> Problem {
        Problem::invalid(format!("{}{}.", self.text, offered(&self.near)))
    }

    /// The same of a line of an order.
    fn of_line(self, at: usize) -> Problem {
        let text = format!("Line {at}: {}{}.", self.text, offered(&self.near));
        let line = u32::try_from(at).unwrap_or(u32::MAX);
        let line = RefusedLine { line, instead: self.near, ..RefusedLine::default() };
        Problem::invalid(text).of_line(line)
    }
}

/// Reads words of requests by a plan.
pub(crate) struct PlanWords<'a>(pub(crate) &'a Plan);

impl<'a> PlanWords<'a> {
    fn line(&self, of: &SalePlan, line: &LineRequest) -> Result<SeatLine, WrongWord> {
        let at = self.class(&line.class)?;
        let class = &self.0.classes()[at];
        let journey = self.way(line.from.as_deref(), line.to.as_deref())?;
        let together = line.together.unwrap_or_default().into();
        let seats = line.seats.as_deref();
        let quantity = u32::try_from(line.tickets()).unwrap_or(u32::MAX);
        if seats.is_some_and(|seats| seats.len() as u64 != line.tickets()) {
            return Err(WrongWord::new("\"quantity\" is the number of \"seats\", or absent"));
        }
        if seats.is_none() && line.or_search {
            return Err(WrongWord::new("\"or_search\" goes with \"seats\""));
        }
        let layout = of.layout(at).ok_or_else(|| WrongWord::new("there is no such class"))?;
        let asked = SeatLine::new(at, layout, journey, quantity, together);
        let asked = asked.map_err(|e| WrongWord::new(e.to_string()))?;
        let Some(seats) = seats else { return Ok(asked) };
        let numbers = seats.iter().map(|name| self.seat(class, name));
        let numbers = numbers.collect::<Result<Vec<u32>, WrongWord>>()?;
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|two| two[0] == two[1]) {
            let name = class.name_of(twice[0]).map_or_else(String::new, |name| name.to_string());
            return Err(WrongWord::new(format!("\"seats\" names {name} twice")));
        }
        let chosen = asked.choosing(layout, vec![numbers], line.or_search);
        chosen.map_err(|e| WrongWord::new(e.to_string()))
    }

    fn class(&self, id: &str) -> Result<usize, WrongWord> {
        self.0.class(id).ok_or_else(|| {
            let ids = || self.0.classes().iter().map(|class| class.id.as_str());
            let near = nearest(id, ids());
            // There are few in most plans.
            let all = || ids().take(CLASSES_OFFERED_MAX).map(str::to_owned).collect();
            let near = if near.is_empty() { all() } else { near };
            WrongWord { text: format!("there is no class {}", shown(id)), near }
        })
    }

    /// The journey between two stops.
    ///
    /// # Errors
    /// `invalid`: what is wrong with it.
    pub(crate) fn journey(&self, from: Option<&str>, to: Option<&str>) -> Result<Journey, Problem> {
        self.way(from, to).map_err(WrongWord::problem)
    }

    fn way(&self, from: Option<&str>, to: Option<&str>) -> Result<Journey, WrongWord> {
        let is_hall = self.0.stops().is_empty();
        let (from, to) = match (from, to) {
            (None, None) if is_hall => return Ok(Journey::HALL),
            (Some(from), Some(to)) if !is_hall => (from, to),
            _ if is_hall => {
                let wrong = "a hall has no stops: leave \"from\" and \"to\" out";
                return Err(WrongWord::new(wrong));
            }
            _ => {
                let wrong = "name the stops where the journey begins and ends: \"from\" and \"to\"";
                return Err(WrongWord::new(wrong));
            }
        };
        Journey::new(self.stop(from)?, self.stop(to)?).ok_or_else(|| {
            WrongWord::new(format!("{} does not come after {}", shown(to), shown(from)))
        })
    }

    fn stop(&self, word: &str) -> Result<usize, WrongWord> {
        self.0.stop(word).ok_or_else(|| WrongWord {
            text: format!("there is no stop {}", shown(word)),
            near: nearest_stops(self.0, word),
        })
    }

    fn seat(&self, class: &PlanClass, name: &str) -> Result<u32, WrongWord> {
        if let Some(number) = class.number(name) {
            return Ok(number);
        }
        let id = shown(&class.id);
        if class.seats() == 0 {
            return Err(WrongWord::new(format!("the places of class {id} have no names")));
        }
        let other = self.0.seat(name).and_then(|seat| self.0.classes().get(seat.class));
        let text = match other {
            Some(other) => format!("seat {} is of class {}", shown(name), shown(&other.id)),
            None => format!("class {id} has no seat {}", shown(name)),
        };
        Err(WrongWord { text, near: nearest_seats(class, name) })
    }
}

/// The end of a sentence that names what may have been meant.
fn offered(near: &[String]) -> String {
    match near {
        [] => String::new(),
        [one] => format!("; the nearest is {one}"),
        several => format!("; the nearest are {}", several.join(", ")),
    }
}

/// A word of a request as it is quoted in an answer.
fn shown(word: &str) -> String {
    let short: String = word.chars().take(40).collect();
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::plan::Plan;
    use std::sync::Arc;

    fn train() -> SalePlan {
        let plan = r#"{"stops":["VNP","NKH","AOH"],"classes":[
            {"id":"second","coaches":[{"ids":"3-4","rows":"1-2","letters":"AB"}]},
            {"id":"standing","standing":5}]}"#;
        SalePlan::new(Arc::new(Plan::from_json(plan).unwrap())).unwrap()
    }

    fn read(lines: &str) -> Result<String, Problem> {
        let lines: Vec<LineRequest> = serde_json::from_str(lines).unwrap();
        lines_of(&train(), &lines).map(|lines| lines.to_string())
    }

    #[test]
    fn lines_name_classes_stops_and_seats() {
        for (lines, text) in [
            (r#"[{"class":"second","from":"VNP","to":"AOH","quantity":2}]"#, "0.0-2.2a"),
            (
                r#"[{"class":"second","from":"2","to":"AOH","quantity":2,"together":"row"},
                {"class":"standing","from":"1","to":"2","together":"block"}]"#,
                "0.1-2.2r,1.0-1.1c",
            ),
            (r#"[{"class":"second","from":"1","to":"2","seats":["4-1A","3-2B"]}]"#, "0.0-1.2a=3+4"),
            (
                r#"[{"class":"second","from":"1","to":"2","seats":["3-1A"],"quantity":1,
                "or_search":true}]"#,
                "0.0-1.1a=0?",
            ),
        ] {
            assert_eq!(read(lines).unwrap(), text);
        }
    }

    #[test]
    fn what_the_plan_does_not_have_is_named_with_its_line_and_what_may_be_meant() {
        let line = r#"{"class":"second","from":"VNP","to":"NKH"}"#;
        for (second, words, instead) in [
            (r#"{"class":"secnd","from":"1","to":"2"}"#, "class \"secnd\"", "second"),
            (r#"{"class":"second","from":"VPN","to":"2"}"#, "stop \"VPN\"", "VNP"),
            (r#"{"class":"second","from":"1","to":"4"}"#, "stop \"4\"", ""),
            (r#"{"class":"second","from":"2","to":"VNP"}"#, "does not come after", ""),
            (r#"{"class":"second"}"#, "name the stops", ""),
            (
                r#"{"class":"second","from":"1","to":"2","seats":["3-2C"]}"#,
                "no seat \"3-2C\"",
                "3-2A",
            ),
            (r#"{"class":"standing","from":"1","to":"2","seats":["3-2A"]}"#, "have no names", ""),
            (r#"{"class":"second","from":"1","to":"2","seats":["3-2A","3-2A"]}"#, "3-2A twice", ""),
            (
                r#"{"class":"second","from":"1","to":"2","seats":["3-2A"],"quantity":2}"#,
                "\"quantity\" is the number of \"seats\"",
                "",
            ),
            (r#"{"class":"second","from":"1","to":"2","or_search":true}"#, "goes with", ""),
        ] {
            let no = read(&format!("[{line},{second}]")).unwrap_err();
            assert!(
                no.detail.starts_with("Line 1: ") && no.detail.contains(words),
                "{}",
                no.detail
            );
            let line = no.refused_line.unwrap();
            assert_eq!(line.line, 1);
            assert_eq!(line.instead.first().map_or("", String::as_str), instead, "{}", no.detail);
        }
    }

    #[test]
    fn a_part_of_an_order_is_named_by_seats_of_any_class() {
        let named = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            seats_of(&train(), &names).map_err(|no| no.detail)
        };
        assert_eq!(named(&["4-1A", "3-1B"]), Ok(vec![(0, 1), (0, 4)]));
        assert!(named(&["4-1C"]).unwrap_err().contains("no seat \"4-1C\"; the nearest are 4-1A"));
        assert!(named(&["4-1A", "4-1A"]).unwrap_err().contains("twice"));
    }

    #[test]
    fn an_address_says_the_same_as_the_lines_or_nothing() {
        let train = train();
        let lines = OrderLines::parse("0.0-2.2a,1.0-1.1a").unwrap();
        let check = |query| check_wanted(Some(query), Some(&train), Some(&lines));
        for query in ["", "x=1", "fort=1", "for=second.VNP-AOH.2,standing.1-2.1"] {
            assert_eq!(check(query), Ok(()), "{query}");
        }
        for query in [
            "for",
            "for=",
            "for=second.VNP-AOH.2",
            "for=standing.1-2.1,second.VNP-AOH.2",
            "for=second.VNP-AOH.1,standing.1-2.1",
            "for=second.VNP-AOH.2,standing.1-2.1&for=x",
        ] {
            assert!(check(query).is_err(), "{query}");
        }
        assert!(check_wanted(Some("for=second.1-3.2"), None, None).is_err());
        assert!(check_wanted(None, None, None).is_ok());
    }
}
