//! One timed run with what was found in it, and runs in turn: A B A B ..., so that what else the
//! machine does falls upon all alike.

use super::Bench;
use super::measure::Measure;
use super::row::{BenchRound, median};
use super::subject::Subject;
use crate::load::CrowdOutcomes;
use anyhow::Result;
use std::collections::BTreeMap;
use std::time::Duration;

/// Part of the answers at an edge that need not be what is measured: it asks a node now and then
/// while it refuses, and has small budgets until it knows the sale ...
const OTHERS_MAX: f64 = 0.02;
/// ... and so many more, however few there are in all.
const OTHERS: f64 = 16.0;

/// Which answers a run must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Every request gets a ticket.
    Granted,
    /// Nearly every request does.
    Mostly,
    /// No request does, and each hears so at once.
    Refused,
    /// No request does, and nearly each hears so from the first tier.
    AtTheEdge,
    /// No request does; some may be told to come again.
    NoTicket,
    /// Both happen.
    Anything,
}

/// What one timed run found.
#[derive(Debug)]
pub struct Run {
    /// What was answered.
    pub outcomes: CrowdOutcomes,
    /// Processor time by program, the warm-up included.
    pub cpu: BTreeMap<String, Duration>,
    /// Why it is no data point; empty when it is one.
    pub problems: Vec<String>,
    /// Tickets sold that did not exist.
    pub oversold: u64,
    /// What else was counted.
    pub counts: BTreeMap<&'static str, f64>,
}

/// A value of a run.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// Answers a second.
    Rate,
    /// Granted orders a second.
    Granted,
    /// Seconds until the last answer.
    Seconds,
    /// p99 in milliseconds.
    P99,
    /// Microseconds of all processes but the generator for each request.
    Cpu,
    /// Microseconds of all processes but the generator for each granted order: an answer "busy" is
    /// no ticket, and a fast edge gives many.
    CpuByTicket,
    /// Microseconds of the programs with these names for each request.
    CpuOf(&'static [&'static str]),
    /// Microseconds of the generator for each request.
    Generator,
    /// Something that was counted.
    Count(&'static str),
    /// The same for each ticket sold.
    CountByTicket(&'static str),
}

impl Run {
    /// The value.
    pub fn value(&self, value: Value) -> f64 {
        let tally = &self.outcomes.tally;
        let each =
            |time: Duration| time.as_secs_f64() * 1e6 / (tally.outcomes.len() as f64).max(1.0);
        match value {
            Value::Rate => self.outcomes.rate(),
            Value::Granted => self.outcomes.granted_rate(),
            Value::Seconds => self.outcomes.took.as_secs_f64(),
            Value::P99 => tally.latency_us.value_at_quantile(0.99) as f64 / 1_000.0,
            Value::Cpu => each(self.cpu.values().sum()),
            Value::CpuByTicket => {
                let all: Duration = self.cpu.values().sum();
                all.as_secs_f64() * 1e6 / tally.winners().max(1) as f64
            }
            Value::CpuOf(names) => each(names.iter().filter_map(|name| self.cpu.get(*name)).sum()),
            Value::Generator => each(self.outcomes.cpu),
            Value::Count(what) => self.counts.get(what).copied().unwrap_or_default(),
            Value::CountByTicket(what) => {
                self.value(Value::Count(what)) / tally.winners().max(1) as f64
            }
        }
    }

    /// Notes what the answers themselves show: broken connections, and kinds of answers that this
    /// run must not have.
    pub fn expect(&mut self, what: Expect) {
        let tally = &self.outcomes.tally;
        if tally.broken() > 0 {
            let samples = tally.samples.iter().chain(&tally.lost_because).cloned();
            let samples: Vec<String> = samples.collect();
            self.problems.push(format!("{} errors: {}", tally.broken(), samples.join("; ")));
        }
        let later = tally.busy_retries + tally.other_retries - tally.not_sent;
        let others = OTHERS + tally.requests as f64 * OTHERS_MAX;
        let behind = tally.all_by.origin + tally.all_by.ledger;
        let strange = match what {
            Expect::Granted => tally.refused_final + later,
            Expect::Mostly => more_than(others, tally.requests - tally.granted),
            Expect::Refused => tally.granted + later,
            Expect::AtTheEdge => tally.granted + more_than(others, behind),
            Expect::NoTicket => tally.granted,
            Expect::Anything => 0,
        };
        if strange > 0 {
            self.problems.push(format!("{strange} answers were not {what:?}"));
        }
    }
}

/// `count` if it is more than `most`.
fn more_than(most: f64, count: u64) -> u64 {
    if count as f64 > most { count } else { 0 }
}

/// What each subject's runs found, round by round. A run that failed is `None`.
#[derive(Debug)]
pub struct Turns(Vec<Vec<(Subject, Option<Run>)>>);

impl Bench {
    /// Runs each of `subjects` in turn, as often as the measure says.
    ///
    /// # Errors
    /// One cannot be run at all.
    pub async fn turns(
        &mut self,
        measure: Measure,
        subjects: &[Subject],
        mut run: impl AsyncFnMut(&mut Self, Subject) -> Result<Run>,
    ) -> Result<Turns> {
        let mut rounds = Vec::new();
        for round in 1..=self.options.rounds(measure) {
            let mut turn = Vec::with_capacity(subjects.len());
            for subject in subjects {
                self.step(measure, &format!("round {round}, {}", subject.name()));
                let found = run(self, *subject).await?;
                let what = format!("{}, round {round}", subject.name());
                turn.push((*subject, self.accept(measure, &what, found)));
            }
            rounds.push(turn);
        }
        Ok(Turns(rounds))
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

impl Turns {
    /// All runs of `subject` that are data points.
    fn runs(&self, subject: Subject) -> impl Iterator<Item = &Run> {
        let turns = self.0.iter().flatten().filter(move |turn| turn.0 == subject);
        turns.filter_map(|turn| turn.1.as_ref())
    }

    /// The median of `value` over the runs of `subject`; zero where none is a data point.
    pub fn median(&self, subject: Subject, value: Value) -> f64 {
        median(self.runs(subject).map(|run| run.value(value)).collect()).unwrap_or(0.0)
    }

    /// What `value` is for each round of `ours` and `peer`.
    pub fn rounds(&self, ours: Subject, peer: Option<Subject>, value: Value) -> Vec<BenchRound> {
        let of = |turn: &[(Subject, Option<Run>)], subject| {
            let found = turn.iter().find(|(one, _)| *one == subject);
            found.and_then(|(_, run)| Some(run.as_ref()?.value(value)))
        };
        let round = |turn: &Vec<_>| BenchRound {
            ours: of(turn, ours),
            peer: peer.and_then(|peer| of(turn, peer)),
        };
        self.0.iter().map(round).collect()
    }

    /// What the audits said of the runs of both, in a sentence, and the most tickets that the peer
    /// oversold.
    pub fn audit(&self, ours: Subject, peer: Option<Subject>) -> (String, u64) {
        let turns = self.0.iter().flatten();
        let of_both = turns.filter(|turn| turn.0 == ours || Some(turn.0) == peer);
        let (clean, failed): (Vec<_>, Vec<_>) = of_both.partition(|turn| turn.1.is_some());
        let mut said = format!("{} runs audited", clean.len());
        if !failed.is_empty() {
            said += &format!(", {} more failed and were left out", failed.len());
        }
        let oversold = peer.and_then(|peer| self.runs(peer).map(|run| run.oversold).max());
        (said, oversold.unwrap_or(0))
    }
}
