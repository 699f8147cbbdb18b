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

impl BenchRow {
    /// A row `row` of `measure`, called `name`, whose values have this unit, before its rounds are
    /// known.
    pub fn new(measure: Measure, row: &str, name: &str, unit: &str) -> Self {
        Self {
            id: measure.to_string(),
            row: row.to_owned(),
            name: name.to_owned(),
            unit: unit.to_owned(),
            ours: None,
            peer: None,
            ratio: None,
            ratio_range: None,
            goal: None,
            better: Better::of(unit),
            met: None,
            rounds: Vec::new(),
            audit: "nothing is sold here".to_owned(),
            oversold: 0,
            note: String::new(),
            limit: None,
        }
    }

    /// With a goal, and what stands in the way of it, told when it is missed.
    pub fn goal(mut self, goal: f64, limit: impl Into<String>) -> Self {
        (self.goal, self.limit) = (Some(goal), Some(limit.into()).filter(|why| !why.is_empty()));
        self
    }

    /// With a sentence on how it was measured.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// With what the audits said.
    pub fn audited(mut self, audit: impl Into<String>, oversold: u64) -> Self {
        (self.audit, self.oversold) = (audit.into(), oversold);
        self
    }

    /// With these rounds. A round counts for the ratio when it has both values.
    pub fn rounds(mut self, rounds: Vec<BenchRound>) -> Self {
        let values = |of: fn(&BenchRound) -> Option<f64>| rounds.iter().filter_map(of).collect();
        (self.ours, self.peer) = (median(values(|r| r.ours)), median(values(|r| r.peer)));
        let better = self.better;
        let ratio = |round: &BenchRound| better.ratio(round.ours?, round.peer?);
        let ratios: Vec<f64> = rounds.iter().filter_map(ratio).collect();
        let least = ratios.iter().copied().reduce(f64::min);
        let range = least.zip(ratios.iter().copied().reduce(f64::max));
        self.ratio_range = range.map(|(least, most)| [least, most]);
        self.ratio = median(ratios);
        self.met = match (self.goal, self.ratio, self.ours) {
            (Some(goal), Some(ratio), _) => Some(ratio >= goal),
            (Some(goal), None, Some(ours)) => Some(match better {
                Better::Higher => ours >= goal,
                Better::Lower => ours <= goal,
            }),
            _ => None,
        };
        self.limit = self.limit.filter(|_| self.met == Some(false));
        self.rounds = rounds;
        self
    }

    /// With a value that is measured once or counted, without a peer.
    pub fn value(self, ours: f64) -> Self {
        self.rounds(vec![BenchRound { ours: Some(ours), peer: None }])
    }
}

impl Better {
    /// More a second is better; of time, drift and requests less is.
    fn of(unit: &str) -> Self {
        if unit.ends_with("/s") { Self::Higher } else { Self::Lower }
    }

    /// How many times better `ours` is than `peer`.
    pub fn ratio(self, ours: f64, peer: f64) -> Option<f64> {
        let (over, under) = match self {
            Self::Higher => (ours, peer),
            Self::Lower => (peer, ours),
        };
        (over.is_finite() && under.is_finite() && under > 0.0).then(|| over / under)
    }
}

/// The middle value, or the mean of the two in the middle.
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

    fn draft(unit: &str) -> BenchRow {
        BenchRow::new(Measure::M3, "x", "x", unit)
    }

    #[test]
    fn a_ratio_is_the_median_of_what_each_round_found_and_not_of_medians() {
        let row = draft("orders/s").goal(2.0, "").rounds(rounds(&[
            (30.0, 10.0),
            (20.0, 10.0),
            (90.0, 10.0),
        ]));
        assert_eq!((row.ours, row.ratio, row.met), (Some(30.0), Some(3.0), Some(true)));
        assert_eq!(row.ratio_range, Some([2.0, 9.0]));
    }

    #[test]
    fn where_less_is_better_the_ratio_is_turned_round() {
        let row = draft("us").goal(2.0, "why").rounds(rounds(&[(10.0, 15.0)]));
        assert_eq!(
            (row.ratio, row.met, row.limit.as_deref()),
            (Some(1.5), Some(false), Some("why"))
        );
        let met = draft("us").goal(1.2, "why").value(1.1);
        assert_eq!((met.ratio, met.met, met.limit), (None, Some(true), None));
    }

    #[test]
    fn a_round_without_both_values_is_no_ratio() {
        let mut half = rounds(&[(10.0, 10.0)]);
        half.push(BenchRound { ours: Some(50.0), peer: None });
        let row = draft("orders/s").goal(1.0, "").rounds(half);
        assert_eq!(row.ratio, Some(1.0));
        let none = draft("orders/s").goal(1.0, "").rounds(Vec::new());
        assert_eq!((none.ours, none.ratio, none.met), (None, None, None));
        assert_eq!(Better::Higher.ratio(1.0, 0.0), None);
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
