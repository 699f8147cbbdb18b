//! Many seeds, on all processors: each run by itself, so that the order in which they end changes
//! nothing.

use super::super::judge::Stats;
use super::super::planted::Planted;
use super::generate::{Classes, scenario};
use super::run::run;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What came of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Soak {
    /// Runs that were made.
    pub runs: u64,
    /// The first seed whose run broke a rule.
    pub failed: Option<u64>,
    /// How many runs broke each rule, and the first one.
    pub broken: BTreeMap<String, (u64, u64)>,
    /// The sum over all runs.
    pub stats: Stats,
}

/// Runs `seeds`, if it `stops` until one breaks a rule. The seed that is found is the smallest one.
pub fn search(seeds: Range<u64>, classes: Classes, planted: Option<Planted>, stops: bool) -> Soak {
    let next = AtomicU64::new(seeds.start);
    let first_failed = AtomicU64::new(u64::MAX);
    let work = || {
        let mut soak = Soak::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            // Smaller ones than a failed one are run to the end, larger ones are not begun.
            if seed >= seeds.end || seed > first_failed.load(Ordering::Relaxed) {
                return soak;
            }
            let outcome = run(&scenario(seed, classes), planted, false);
            soak.runs += 1;
            add(&mut soak.stats, &outcome.stats);
            if let Some(violation) = outcome.violation {
                note(&mut soak.broken, violation.rule, (1, seed));
                if stops {
                    first_failed.fetch_min(seed, Ordering::Relaxed);
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut all = Soak::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let part = worker.join().expect("a run does not panic");
            all.runs += part.runs;
            add(&mut all.stats, &part.stats);
            for (rule, found) in part.broken {
                note(&mut all.broken, rule, found);
            }
        }
    });
    all.failed = all.broken.values().map(|(_, seed)| *seed).min();
    all
}

fn note(broken: &mut BTreeMap<String, (u64, u64)>, rule: String, (count, seed): (u64, u64)) {
    let known = broken.entry(rule).or_insert((0, seed));
    known.0 += count;
    known.1 = known.1.min(seed);
}

fn add(sum: &mut Stats, part: &Stats) {
    sum.steps += part.steps;
    sum.orders += part.orders;
    sum.answers += part.answers;
    sum.unknown += part.unknown;
    sum.lost += part.lost;
    sum.cut += part.cut;
    sum.late += part.late;
    sum.served += part.served;
    sum.plans += part.plans;
    sum.parts += part.parts;
    sum.no_seats += part.no_seats;
    sum.reads += part.reads;
    sum.fenced_reads += part.fenced_reads;
}
