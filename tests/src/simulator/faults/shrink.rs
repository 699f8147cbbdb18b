//! Makes a failing run short: leaves items out for as long as the same rule breaks (after Zeller
//! and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002).

use super::super::planted::Planted;
use super::run::{RunOutcome, run};
use super::scenario::{FaultAftermath, FaultPlan, FaultScenario, Item, What};
use super::wanted_seats::WantedSeats;
use std::fmt;

/// Runs that the search for a shorter scenario may take.
const RUNS_MAX: usize = 2_000;
/// What a buyer does with a hold where that does not matter.
const PLAIN: FaultAftermath = FaultAftermath::Pay(20);

/// A failing run at its shortest.
#[derive(Debug)]
pub struct ShrunkFailure {
    /// What still has to happen.
    pub scenario: FaultScenario,
    /// What comes of it.
    pub outcome: RunOutcome,
}

/// The shortest scenario, of those that were tried, in which the same rule breaks.
pub fn shortest(scenario: &FaultScenario, planted: Option<Planted>) -> ShrunkFailure {
    let mut search = Search { rule: rule(&run(scenario, planted, false)), planted, runs: 0 };
    let mut best = scenario.clone();
    loop {
        let before = (best.items.len(), best.capacity);
        search.leave_out(&mut best);
        search.simplify(&mut best);
        if (best.items.len(), best.capacity) == before || search.runs >= RUNS_MAX {
            break;
        }
    }
    ShrunkFailure { outcome: run(&best, planted, true), scenario: best }
}

struct Search {
    rule: String,
    planted: Option<Planted>,
    runs: usize,
}

impl Search {
    /// Leaves out as many items as possible, in ever smaller parts.
    fn leave_out(&mut self, best: &mut FaultScenario) {
        let mut size = best.items.len().div_ceil(2);
        while size > 0 && self.runs < RUNS_MAX {
            let before = best.items.len();
            let mut from = 0;
            while from < best.items.len() {
                let items = without(&best.items, from, size);
                let shorter = FaultScenario { items, ..best.clone() };
                if !self.takes(best, shorter) {
                    from += size;
                }
            }
            // What seemed to be needed may not be, now that something else is gone.
            let again = size == 1 && best.items.len() < before;
            size = if again { 1 } else { size / 2 };
        }
    }

    /// Fewer tickets, near edges, buyers without peculiarities.
    fn simplify(&mut self, best: &mut FaultScenario) {
        for capacity in [1, 2, best.capacity / 2, best.capacity.saturating_sub(1)] {
            if best.plan.is_none() && capacity > 0 && capacity < best.capacity {
                let smaller = FaultScenario { capacity, ..best.clone() };
                self.takes(best, smaller);
            }
        }
        let near = FaultScenario { far_ms: 1, redis_us: 600, ..best.clone() };
        self.takes(best, near);
        for index in 0..best.items.len() {
            let mut plainer = best.clone();
            if let Some(What::Buyer(plan)) = plainer.items.get_mut(index).map(|item| &mut item.what)
                && is_peculiar(plan)
            {
                (plan.quantity, plan.leaves, plan.then) = (1, None, PLAIN);
                plan.seats = plan.seats.as_ref().map(WantedSeats::plainer);
                if let Some(seats) = &plan.seats {
                    plan.quantity = seats.lines.tickets();
                }
                self.takes(best, plainer);
            }
        }
    }

    /// Takes `other` in place of `best` if the same rule breaks in it.
    fn takes(&mut self, best: &mut FaultScenario, other: FaultScenario) -> bool {
        self.runs += 1;
        let same = rule(&run(&other, self.planted, false)) == self.rule;
        if same {
            *best = other;
        }
        same
    }
}

/// Whether something of a buyer can be made plainer.
fn is_peculiar(plan: &FaultPlan) -> bool {
    let lines = plan.seats.as_ref().is_some_and(|seats| *seats != seats.plainer());
    let more = plan.seats.is_none() && plan.quantity > 1;
    lines || more || plan.leaves.is_some() || plan.then != PLAIN
}

fn rule(outcome: &RunOutcome) -> String {
    let violation = outcome.violation.as_ref();
    violation.map_or_else(String::new, |violation| violation.rule.clone())
}

fn without(items: &[Item], from: usize, count: usize) -> Vec<Item> {
    let kept = items.iter().enumerate();
    let kept = kept.filter(|(index, _)| *index < from || *index >= from + count);
    kept.map(|(_, item)| item.clone()).collect()
}

impl fmt::Display for ShrunkFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.scenario)?;
        for line in &self.outcome.trace {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}
