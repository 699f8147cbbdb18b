//! Nearest names: what somebody may have meant who wrote a name that a plan does not have.

use shared::plan::{Plan, PlanClass, PlanRow};

/// Names that are offered.
const OFFERED_MAX: usize = 3;
/// Names of more differences than this look like something else.
const DIFFERENCES_MAX: usize = 3;
/// Longest text that is compared, in bytes; ids and names of seats are shorter.
const TEXT_MAX: usize = 64;

/// Those of `names` that are most like `word`, the most alike first.
pub(super) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    if word.len() > TEXT_MAX {
        return Vec::new();
    }
    let most = DIFFERENCES_MAX.min(word.chars().count().div_ceil(2));
    let alike = names.filter_map(|name| {
        let differences = differences(word, name);
        (differences <= most).then_some((differences, name))
    });
    let mut alike: Vec<(usize, &str)> = alike.collect();
    // Of equals, those that come first in the plan.
    alike.sort_by_key(|(differences, _)| *differences);
    alike.truncate(OFFERED_MAX);
    alike.into_iter().map(|(_, name)| name.to_owned()).collect()
}

/// Seats of the class that are called most like `word`: in the coach or block that it names, in the
/// row that it names, if there are such; else coaches or blocks. Looks at one row, not at all
/// seats.
pub(super) fn nearest_seats(class: &PlanClass, word: &str) -> Vec<String> {
    let (part, rest) = word.split_once('-').unwrap_or((word, ""));
    let Some(part) = class.parts().iter().find(|of| of.id == part) else {
        let ids = class.parts().iter().map(|of| of.id.as_str());
        let first = |id: &String| {
            let of = class.parts().iter().find(|of| of.id == *id)?;
            class.name_of(of.seats().start).map(|name| name.to_string())
        };
        return nearest(part, ids).iter().filter_map(first).collect();
    };
    let label = |row: &PlanRow| row.label().unwrap_or_default().to_owned();
    let begins = part.rows().iter().filter(|row| rest.starts_with(&label(row)));
    let row = begins.max_by_key(|row| label(row).len()).or_else(|| {
        let labels: Vec<String> = part.rows().iter().map(label).collect();
        let near = nearest(rest, labels.iter().map(String::as_str));
        let near = near.first().or_else(|| labels.last());
        part.rows().iter().find(|row| near.is_some_and(|near| label(row) == *near))
    });
    let Some(row) = row else { return Vec::new() };
    let names: Vec<String> =
        row.seats().filter_map(|seat| class.name_of(seat).map(|name| name.to_string())).collect();
    let near = nearest(word, names.iter().map(String::as_str));
    if near.is_empty() { names.into_iter().take(OFFERED_MAX).collect() } else { near }
}

/// Stops that are called most like `word`, by id or by name.
pub(super) fn nearest_stops(plan: &Plan, word: &str) -> Vec<String> {
    let by_name = plan.stops().iter().filter(|stop| stop.name.eq_ignore_ascii_case(word));
    let by_name: Vec<String> = by_name.map(|stop| stop.id.clone()).take(OFFERED_MAX).collect();
    if by_name.is_empty() {
        return nearest(word, plan.stops().iter().map(|stop| stop.id.as_str()));
    }
    by_name
}

/// How many characters have to be added, left out or changed to make one of the other; upper and
/// lower case are the same.
fn differences(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_among_the_nearest_names() {
        let classes = ["business", "first", "second", "standing"];
        let near = |word| nearest(word, classes.into_iter());
        assert_eq!(near("secnd"), ["second"]);
        assert_eq!(near("First"), ["first"]);
        assert!(near("x").is_empty());
        assert!(near(&"s".repeat(200)).is_empty());
        assert_eq!(differences("VNP", "vpn"), 2);
    }

    #[test]
    fn seats_are_offered_of_the_row_that_was_named() {
        let plan = Plan::from_json(
            r#"{"stops":["A",{"id":"B","name":"Beta"}],"classes":[{"id":"s","coaches":[
            {"ids":"1-3","rows":"1-12","letters":"ABC DF"}]},{"id":"b","blocks":[
            {"ids":"P","rows":"1-9","seats":"1-24"}]}]}"#,
        )
        .unwrap();
        let [train, hall] = [&plan.classes()[0], &plan.classes()[1]];
        assert_eq!(nearest_seats(train, "3-12E"), ["3-12A", "3-12B", "3-12C"]);
        assert!(nearest_seats(train, "4-1A").contains(&"3-1A".to_owned()));
        assert!(nearest_seats(train, "3-13A").iter().all(|name| name.starts_with("3-1")));
        assert_eq!(nearest_seats(hall, "P-3-25")[0], "P-3-2");
        assert!(!nearest_seats(hall, "P-11").is_empty());
        assert_eq!(nearest_stops(&plan, "beta"), ["B"]);
    }
}
