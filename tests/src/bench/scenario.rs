//! A scenario: what takes turns under which load, and the rows that come out of it.

use super::Bench;
use super::measure::Measure;
use super::row::BenchRow;
use super::run::{Expect, Turns, Value};
use super::subject::Subject;
use super::system::RunningSubject;
use crate::load::{LoadProtocol, Pace};
use anyhow::Result;

/// A scenario of the table.
#[derive(Debug)]
pub(super) struct Scenario {
    /// The measure in whose time it is run.
    pub(super) measure: Measure,
    /// What takes turns.
    pub(super) subjects: Vec<Subject>,
    /// Tickets of a sale. A single one is sold before.
    pub(super) tickets: u64,
    /// Connections of the load.
    pub(super) connections: u32,
    /// So many buyers come until each has an answer; `None` = as fast as it goes, for the time of
    /// the measure.
    pub(super) buyers: Option<u32>,
    /// What it is sent over.
    pub(super) protocol: LoadProtocol,
    /// What the answers must be.
    pub(super) expect: Expect,
    /// All subjects run at the same time and are idle when it is not their turn: `wrangler dev`
    /// takes too long to start. Otherwise each run has fresh processes.
    pub(super) kept: bool,
    /// What comes out.
    pub(super) rows: Vec<RowPlan>,
}

/// What stands in the way of the goal of a row, told when it is missed.
pub(super) type Limit = fn(&Turns, &RowPlan) -> String;

/// A row of a scenario.
#[derive(Clone, Debug)]
pub(super) struct RowPlan {
    /// The measure to which it belongs.
    pub(super) measure: Measure,
    /// Its name among the rows of the measure.
    pub(super) row: String,
    /// What is measured, against whom.
    pub(super) name: String,
    /// Of the value.
    pub(super) unit: &'static str,
    /// The value.
    pub(super) value: Value,
    /// Ours.
    pub(super) ours: Subject,
    /// The peer.
    pub(super) peer: Option<Subject>,
    /// The goal, and the limit.
    pub(super) goal: Option<(f64, Limit)>,
    /// How it was measured.
    pub(super) note: String,
}

impl Bench {
    /// Runs a scenario; the rows.
    pub(super) async fn compare(&mut self, scenario: &Scenario) -> Result<Vec<BenchRow>> {
        let (measure, tickets) = (scenario.measure, scenario.tickets);
        let mut kept = Vec::new();
        for subject in scenario.subjects.iter().filter(|_| scenario.kept) {
            self.step(measure, &format!("starts {}", subject.name()));
            kept.push((*subject, RunningSubject::start(*subject, tickets).await?));
        }
        let (pace, warm_up) = match scenario.buyers {
            Some(count) => (Pace::Buyers { count, a_second: None }, Default::default()),
            None => (Pace::AsFastAsItGoes(self.options.run_time(measure)), self.options.warm_up()),
        };
        let turns = self.turns(measure, &scenario.subjects, async |_, subject| {
            let mut fresh = None;
            let running = match kept.iter_mut().find(|(kept, _)| *kept == subject) {
                Some((_, running)) => running,
                None => fresh.insert(RunningSubject::start(subject, tickets).await?),
            };
            let mut load = running.load(scenario.connections, pace, warm_up);
            load.protocol = scenario.protocol;
            // A constant answer has no tickets.
            let expect = match scenario.expect {
                Expect::Anything if subject == Subject::CONSTANT => Expect::NoTicket,
                expect => expect,
            };
            running.run(&load, expect).await
        });
        let turns = turns.await?;
        Ok(scenario.rows.iter().map(|plan| plan.row(&turns)).collect())
    }
}

impl RowPlan {
    fn row(&self, turns: &Turns) -> BenchRow {
        let (audit, oversold) = turns.audit(self.ours, self.peer);
        let mut row = BenchRow::new(self.measure, &self.row, &self.name, self.unit)
            .note(self.note.as_str())
            .audited(audit, oversold);
        if let Some((goal, limit)) = self.goal {
            row = row.goal(goal, limit(turns, self));
        }
        row.rounds(turns.rounds(self.ours, self.peer, self.value))
    }
}
