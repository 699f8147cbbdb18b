//! Report on a plan: what it contains, as tables for people and as JSON for programs.

use core::fmt;
use indicatif::HumanCount;
use serde::Serialize;
use shared::plan::{PartKind, Plan, PlanClass, PlanDocument, PlanQuota};

/// Longest list of ids in a table, in bytes.
const SHOWN_IDS_MAX: usize = 32;

/// What `lastseat plan check` prints.
#[derive(Clone, Debug, Serialize)]
pub struct PlanReport {
    /// Between two stops that follow each other; 1 in a hall.
    pub legs: usize,
    /// In all classes.
    pub seats: u32,
    /// Places without a seat, on each leg.
    pub standing: u64,
    /// Seats times legs.
    pub seat_legs: u64,
    /// Bytes of Redis that a bit for each seat and leg takes.
    pub plane_bytes: usize,
    /// Bytes of the plan as a ledger stores it.
    pub plan_bytes: usize,
    /// In the order of the plan.
    pub classes: Vec<ClassReport>,
    /// In the order of the plan.
    pub quotas: Vec<QuotaReport>,
    /// The plan as a ledger stores it.
    pub plan: PlanDocument,
}

/// One class of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct ClassReport {
    /// Its id.
    pub id: String,
    /// What people read.
    pub name: String,
    /// How many coaches it has seats in.
    pub coaches: usize,
    /// How many blocks.
    pub blocks: usize,
    /// Their ids as a list, such as `1-8,16`.
    pub ids: String,
    /// Rows in all of them.
    pub rows: usize,
    /// Seats in all of them.
    pub seats: u32,
    /// Places without a seat, on each leg.
    pub standing: u32,
    /// Seats times legs.
    pub seat_legs: u64,
    /// The name of the seat with number 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// The name of the seat with the highest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// One quota of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct QuotaReport {
    /// Its id.
    pub id: String,
    /// What people read.
    pub name: String,
    /// What may be taken at a time on a leg.
    pub size: u32,
    /// Ids of its classes.
    pub classes: Vec<String>,
    /// Seats and standing places of these classes. A quota that is not below it refuses nothing.
    pub places: u64,
}

impl PlanReport {
    /// The report on `plan`.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let classes = plan.classes().iter().map(|class| ClassReport::of(class, plan.legs()));
        let quotas = plan.quotas().iter().map(|quota| QuotaReport::of(quota, plan));
        Self {
            legs: plan.legs(),
            seats: plan.seats(),
            standing: plan.standing(),
            seat_legs: u64::from(plan.seats()) * plan.legs() as u64,
            plane_bytes: plan.plane_bytes(),
            plan_bytes: plan.to_json().len(),
            classes: classes.collect(),
            quotas: quotas.collect(),
            plan: plan.to_document(),
        }
    }
}

impl ClassReport {
    fn of(class: &PlanClass, legs: usize) -> Self {
        let count = |kind| class.parts().iter().filter(|part| part.kind == kind).count();
        let name = |number| class.name_of(number).map(|name| name.to_string());
        Self {
            id: class.id.clone(),
            name: class.name.clone(),
            coaches: count(PartKind::Coach),
            blocks: count(PartKind::Block),
            ids: class.part_ids(),
            rows: class.parts().iter().map(|part| part.rows().len()).sum(),
            seats: class.seats(),
            standing: class.standing(),
            seat_legs: u64::from(class.seats()) * legs as u64,
            first: name(0),
            last: class.seats().checked_sub(1).and_then(name),
        }
    }

    fn row(&self) -> Vec<String> {
        let parts = match (self.coaches, self.blocks) {
            (0, 0) => "-".to_owned(),
            (1, 0) => "coach".to_owned(),
            (0, 1) => "block".to_owned(),
            (coaches, 0) => format!("{coaches} coaches"),
            (_, blocks) => format!("{blocks} blocks"),
        };
        let ids = match self.ids.get(..SHOWN_IDS_MAX) {
            Some(begin) => format!("{begin}..."),
            None => self.ids.clone(),
        };
        let seated = |count: u64| if self.seats > 0 { thousands(count) } else { "-".to_owned() };
        let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.id.clone(),
            self.name.clone(),
            format!("{parts} {ids}").trim_end().to_owned(),
            seated(self.rows as u64),
            seated(self.seats.into()),
            seated(self.seat_legs),
            if self.standing > 0 { thousands(self.standing.into()) } else { "-".to_owned() },
            name(&self.first),
            name(&self.last),
        ]
    }
}

impl QuotaReport {
    fn of(quota: &PlanQuota, plan: &Plan) -> Self {
        let classes = quota.classes.iter().filter_map(|place| plan.classes().get(*place));
        let places = |class: &PlanClass| u64::from(class.seats()) + u64::from(class.standing());
        Self {
            id: quota.id.clone(),
            name: quota.name.clone(),
            size: quota.size,
            classes: classes.clone().map(|class| class.id.clone()).collect(),
            places: classes.map(places).sum(),
        }
    }

    fn row(&self) -> Vec<String> {
        let size = u64::from(self.size);
        let note = if size < self.places { "" } else { " (refuses nothing)" };
        vec![
            self.id.clone(),
            self.name.clone(),
            thousands(size),
            format!("{}{note}", thousands(self.places)),
            self.classes.join(", "),
        ]
    }
}

impl fmt::Display for PlanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stops = &self.plan.stops;
        if stops.is_empty() {
            writeln!(f, "no stops, {}", count(self.legs as u64, "leg"))?;
        } else {
            let (stops, legs) = (stops.len() as u64, self.legs as u64);
            writeln!(f, "{}, {}", count(stops, "stop"), count(legs, "leg"))?;
        }
        let name = |id: &String, name: &Option<String>| name.clone().unwrap_or_else(|| id.clone());
        let rows = stops.iter().enumerate().map(|(n, stop)| {
            vec![(n + 1).to_string(), stop.id.clone(), name(&stop.id, &stop.name)]
        });
        write_table(f, ">", rows.collect())?;
        let classes = match self.classes.len() {
            1 => "1 class".to_owned(),
            many => format!("{many} classes"),
        };
        let (seats, legs) = (count(self.seats.into(), "seat"), count(self.seat_legs, "seat-leg"));
        write!(f, "\n{classes}, {seats}, {legs}")?;
        match self.standing {
            0 => writeln!(f)?,
            places => writeln!(f, ", {} on each leg", count(places, "standing place"))?,
        }
        let head =
            ["class", "name", "in", "rows", "seats", "seat-legs", "standing", "first", "last"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.classes.iter().map(ClassReport::row));
        write_table(f, "<<<>>>><", rows)?;
        if !self.quotas.is_empty() {
            writeln!(f, "\n{}", count(self.quotas.len() as u64, "quota"))?;
            let head = ["quota", "name", "size", "of", "classes"];
            let mut rows = vec![head.map(str::to_owned).to_vec()];
            rows.extend(self.quotas.iter().map(QuotaReport::row));
            write_table(f, "<<>>", rows)?;
        }
        let [planes, plan] = [self.plane_bytes, self.plan_bytes].map(|n| count(n as u64, "byte"));
        let words = "for a bit a seat and leg (32 seats a word)";
        writeln!(f, "\nmemory: {planes} {words}, {plan} for the plan")
    }
}

/// Writes rows with their columns one below the other. `sides` says for each column whether it is
/// at the left (`<`) or at the right (`>`); those behind it are at the left.
fn write_table(f: &mut fmt::Formatter<'_>, sides: &str, rows: Vec<Vec<String>>) -> fmt::Result {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in &rows {
        let sides = sides.chars().chain(core::iter::repeat('<'));
        let cells = row.iter().zip(&widths).zip(sides).map(|((cell, width), side)| match side {
            '>' => format!("{cell:>width$}"),
            _ => format!("{cell:width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(f, "  {}", line.trim_end())?;
    }
    Ok(())
}

/// A number with its noun: `1 seat`, `1,200 seats`.
fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// A number with a comma before each three digits.
fn thousands(number: u64) -> String {
    HumanCount(number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_shows_what_a_plan_contains() {
        let plan = Plan::from_json(
            r#"{"stops": ["A", {"id": "B", "name": "Beta"}, "C"],
            "classes": [
                {"id": "first", "name": "First class", "coaches": [
                    {"ids": "1-2", "rows": "1-400", "letters": "AB C"}]},
                {"id": "stand", "standing": 1000}],
            "quotas": [{"id": "all", "classes": ["first", "stand"], "size": 3400}]}"#,
        )
        .unwrap();
        let expected = "\
3 stops, 2 legs
  1  A  A
  2  B  Beta
  3  C  C

2 classes, 2,400 seats, 4,800 seat-legs, 1,000 standing places on each leg
  class  name         in             rows  seats  seat-legs  standing  first  last
  first  First class  2 coaches 1-2   800  2,400      4,800         -  1-1A   2-400C
  stand  stand        -                 -      -          -     1,000  -      -

1 quota
  quota  name   size                       of  classes
  all    all   3,400  3,400 (refuses nothing)  first, stand

memory: 600 bytes for a bit a seat and leg (32 seats a word), 256 bytes for the plan
";
        assert_eq!(PlanReport::of(&plan).to_string(), expected);
    }

    #[test]
    fn a_number_has_a_comma_before_each_three_digits() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (60_000, "60,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(thousands(number), text);
        }
    }
}
