//! Runs in turn: A B A B ..., so that what else the machine does falls upon all alike.

use super::Bench;
use super::measure::Measure;
use super::row::{BenchRound, BenchRow, Draft, median};
use super::service::{Run, Service};
use anyhow::Result;
use std::fmt::Display;

/// What takes turns: a service, or one of the ways to run it.
pub trait Subject: Copy + PartialEq {
    /// How notes call it.
    fn called(self) -> impl Display;
}

impl Subject for Service {
    fn called(self) -> impl Display {
        self.name()
    }
}

/// What each subject's runs found, round by round. A run that failed is `None`.
#[derive(Debug)]
pub struct Turns<S> {
    rounds: Vec<Vec<(S, Option<Run>)>>,
}

impl Bench {
    /// Runs each of `subjects` in turn, as often as the measure says.
    ///
    /// # Errors
    /// One cannot be run at all.
    pub async fn turns<S: Subject>(
        &mut self,
        measure: Measure,
        subjects: &[S],
        mut run: impl AsyncFnMut(&mut Self, S) -> Result<Run>,
    ) -> Result<Turns<S>> {
        let mut rounds = Vec::new();
        for round in 1..=self.options.rounds(measure) {
            let mut turn = Vec::with_capacity(subjects.len());
            for subject in subjects {
                self.step(measure, &format!("round {round}, {}", subject.called()));
                let found = run(self, *subject).await?;
                let what = format!("{}, round {round}", subject.called());
                turn.push((*subject, self.accept(measure, &what, found)));
            }
            rounds.push(turn);
        }
        Ok(Turns { rounds })
    }

    /// The run, if it is a data point; otherwise it is noted as failed.
    pub fn accept(&mut self, measure: Measure, what: &str, run: Run) -> Option<Run> {
        if run.problems.is_empty() {
            return Some(run);
        }
        self.fail(measure, what, &run.problems.join("; "));
        None
    }
}

impl<S: Subject> Turns<S> {
    /// All runs of `subject` that are data points.
    pub fn runs(&self, subject: S) -> impl Iterator<Item = &Run> {
        let turns = self.rounds.iter().flatten();
        turns.filter(move |turn| turn.0 == subject).filter_map(|turn| turn.1.as_ref())
    }

    /// The median of `value` over the runs of `subject`; zero where none is a data point.
    pub fn median(&self, subject: S, value: impl Fn(&Run) -> f64) -> f64 {
        median(self.runs(subject).map(value).collect()).unwrap_or(0.0)
    }

    /// What `value` is for each round of `ours` and `peer`.
    pub fn rounds(&self, ours: S, peer: S, value: impl Fn(&Run) -> f64) -> Vec<BenchRound> {
        let of = |turn: &[(S, Option<Run>)], subject| {
            let found = turn.iter().find(|(one, _)| *one == subject);
            found.and_then(|(_, run)| run.as_ref()).map(&value)
        };
        let round = |turn: &Vec<_>| BenchRound { ours: of(turn, ours), peer: of(turn, peer) };
        self.rounds.iter().map(round).collect()
    }

    /// The row that compares `ours` with `peer` by `value`.
    pub fn row(&self, draft: Draft, ours: S, peer: S, value: impl Fn(&Run) -> f64) -> BenchRow {
        let (audit, oversold) = self.audit(ours, peer);
        draft.audited(audit, oversold).rounds(self.rounds(ours, peer, value))
    }

    /// What the audits said of the runs of both, in a sentence, and the most tickets that the peer
    /// oversold.
    pub fn audit(&self, ours: S, peer: S) -> (String, u64) {
        let both = [ours, peer];
        let turns = self.rounds.iter().flatten();
        let of_both: Vec<_> = turns.filter(|turn| both.contains(&turn.0)).collect();
        let clean = of_both.iter().filter(|turn| turn.1.is_some()).count();
        let failed = of_both.len() - clean;
        let oversold = self.runs(peer).map(|run| run.oversold).max().unwrap_or(0);
        let mut said = format!("{clean} runs audited");
        if failed > 0 {
            said += &format!(", {failed} more failed and were left out");
        }
        (said, oversold)
    }
}
