//! What a measure found: rows that any program can read.

use super::measure::Measure;
use serde::{Deserialize, Serialize};

/// In which direction a value is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The more, the better.
    Higher,
    /// The less, the better.
    Lower,
}

/// One turn: ours and the peer's, measured one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BenchRound {
    /// Ours.
    pub ours: Option<f64>,
    /// The peer's.
    pub peer: Option<f64>,
}

/// One row of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchRow {
    /// The measure: `M3`.
    pub id: String,
    /// The row among those of its measure: `64-s2`.
    pub row: String,
    /// What was measured, against whom.
    pub name: String,
    /// Of `ours` and `peer`.
    pub unit: String,
    /// Median of the rounds.
    pub ours: Option<f64>,
    /// Median of the rounds, if there is a peer.
    pub peer: Option<f64>,
    /// How many times better ours is than the peer: median of the rounds' own ratios. Above 1 is
    /// better, whatever the unit.
    pub ratio: Option<f64>,
    /// The least and the greatest ratio of a round.
    pub ratio_range: Option<[f64; 2]>,
    /// What the ratio should reach at least; without a peer, what `ours` should reach in the
    /// direction of `better`.
    pub goal: Option<f64>,
    /// In which direction `ours` and `peer` are better.
    pub better: Better,
    /// Whether the goal was reached, if there is one and a value.
    pub met: Option<bool>,
    /// The turns.
    pub rounds: Vec<BenchRound>,
    /// What the audits after the runs said.
    pub audit: String,
    /// Tickets that the peer sold without having them, in its worst run.
    pub oversold: u64,
    /// How it was measured, in a sentence.
    pub note: String,
    /// If the goal was missed: what stands in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
}

/// A row before its rounds are known.
#[derive(Clone, Debug)]
pub struct Draft {
    measure: Measure,
    row: String,
    name: String,
    unit: &'static str,
    better: Better,
    goal: Option<f64>,
    note: String,
    limit: Option<String>,
    audit: String,
    oversold: u64,
}

impl Draft {
    /// A row `row` of `measure`, called `name`, whose values have this unit and are better this
    /// way.
    #[must_use]
    pub fn new(
        measure: Measure,
        row: &str,
        name: &str,
        unit: &'static str,
        better: Better,
    ) -> Self {
        Self {
            measure,
            row: row.to_owned(),
            name: name.to_owned(),
            unit,
            better,
            goal: None,
            note: String::new(),
            limit: None,
            audit: "nothing is sold here".to_owned(),
            oversold: 0,
        }
    }

    /// With a goal.
    #[must_use]
    pub const fn goal(mut self, goal: f64) -> Self {
        self.goal = Some(goal);
        self
    }

    /// With a sentence on how it was measured.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// With what stands in the way of the goal, told when it is missed.
    #[must_use]
    pub fn limit(mut self, limit: impl Into<String>) -> Self {
        self.limit = Some(limit.into());
        self
    }

    /// With what the audits said.
    #[must_use]
    pub fn audited(mut self, audit: impl Into<String>, oversold: u64) -> Self {
        (self.audit, self.oversold) = (audit.into(), oversold);
        self
    }

    /// The row of these rounds. A round counts for the ratio when it has both values.
    #[must_use]
    pub fn rounds(self, rounds: Vec<BenchRound>) -> BenchRow {
        let values = |of: fn(&BenchRound) -> Option<f64>| rounds.iter().filter_map(of).collect();
        let (ours, peer) = (median(values(|r| r.ours)), median(values(|r| r.peer)));
        let ratios: Vec<f64> =
            rounds.iter().filter_map(|round| self.better.ratio(round.ours?, round.peer?)).collect();
        let range = ratios.iter().copied().reduce(f64::min);
        let range = range.zip(ratios.iter().copied().reduce(f64::max));
        let ratio = median(ratios);
        let met = match (self.goal, ratio, ours) {
            (Some(goal), Some(ratio), _) => Some(ratio >= goal),
            (Some(goal), None, Some(ours)) => Some(match self.better {
                Better::Higher => ours >= goal,
                Better::Lower => ours <= goal,
            }),
            _ => None,
        };
        BenchRow {
            id: self.measure.to_string(),
            row: self.row,
            name: self.name,
            unit: self.unit.to_owned(),
            ours,
            peer,
            ratio,
            ratio_range: range.map(|(least, most)| [least, most]),
            goal: self.goal,
            better: self.better,
            met,
            rounds,
            audit: self.audit,
            oversold: self.oversold,
            note: self.note,
            limit: self.limit.filter(|_| met == Some(false)),
        }
    }

    /// The row of a value that is measured once or counted, without a peer.
    #[must_use]
    pub fn value(self, ours: f64) -> BenchRow {
        self.rounds(vec![BenchRound { ours: Some(ours), peer: None }])
    }
}

impl Better {
    /// How many times better `ours` is than `peer`.
    #[must_use]
    pub fn ratio(self, ours: f64, peer: f64) -> Option<f64> {
        let (over, under) = match self {
            Self::Higher => (ours, peer),
            Self::Lower => (peer, ours),
        };
        (over.is_finite() && under.is_finite() && under > 0.0).then(|| over / under)
    }
}

/// The middle value, or the mean of the two in the middle.
#[must_use]
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let above = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(above);
    }
    Some((values.get(middle.wrapping_sub(1))? + above) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(pairs: &[(f64, f64)]) -> Vec<BenchRound> {
        let round = |(ours, peer): &(f64, f64)| BenchRound { ours: Some(*ours), peer: Some(*peer) };
        pairs.iter().map(round).collect()
    }

    fn draft(better: Better) -> Draft {
        Draft::new(Measure::M3, "x", "x", "orders/s", better)
    }

    #[test]
    fn a_ratio_is_the_median_of_what_each_round_found_and_not_of_medians() {
        let row = draft(Better::Higher).goal(2.0).rounds(rounds(&[
            (30.0, 10.0),
            (20.0, 10.0),
            (90.0, 10.0),
        ]));
        assert_eq!((row.ours, row.ratio, row.met), (Some(30.0), Some(3.0), Some(true)));
        assert_eq!(row.ratio_range, Some([2.0, 9.0]));
    }

    #[test]
    fn where_less_is_better_the_ratio_is_turned_round() {
        let row = draft(Better::Lower).goal(2.0).limit("why").rounds(rounds(&[(10.0, 15.0)]));
        assert_eq!(
            (row.ratio, row.met, row.limit.as_deref()),
            (Some(1.5), Some(false), Some("why"))
        );
        let met = draft(Better::Lower).goal(1.2).limit("why").value(1.1);
        assert_eq!((met.ratio, met.met, met.limit), (None, Some(true), None));
    }

    #[test]
    fn a_round_without_both_values_is_no_ratio() {
        let mut half = rounds(&[(10.0, 10.0)]);
        half.push(BenchRound { ours: Some(50.0), peer: None });
        let row = draft(Better::Higher).goal(1.0).rounds(half);
        assert_eq!(row.ratio, Some(1.0));
        let none = draft(Better::Higher).goal(1.0).rounds(Vec::new());
        assert_eq!((none.ours, none.ratio, none.met), (None, None, None));
        assert_eq!(Better::Higher.ratio(1.0, 0.0), None);
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
