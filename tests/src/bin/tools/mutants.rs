//! `make mutants`: see [`lastseat_tests::mutants`].

use anyhow::{Result, ensure};
use clap::Args;
use lastseat_tests::mutants::lua::Mutant;
use lastseat_tests::mutants::reasons::{Fit, Reason, Reasons};
use lastseat_tests::mutants::{HISTORIES, Seen, Trial, of_the_scripts, page, rust};
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// Changes one place of the ledger's scripts after the other and says which changes no test sees.
/// With --rust, judges what cargo-mutants found instead.
///
/// Exit codes: 0 each survivor has its reason in tests/mutants.toml; 1 one has none, or a reason is
/// stale; 2 wrong flags; 3 something is missing.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Only mutants whose name begins with one of these words, such as `reserve:`; with --write
    /// whole scripts, whose rows are put into the tables.
    #[arg(long, value_name = "WORD")]
    only: Vec<String>,
    /// Random histories that a mutant meets at most.
    #[arg(long, default_value_t = HISTORIES, value_name = "N")]
    histories: u64,
    /// The outcomes.json of a run of cargo-mutants; may be given for several.
    #[arg(long, value_name = "FILE", conflicts_with = "only")]
    rust: Vec<PathBuf>,
    /// Write the tables into docs/evidence/MUTANTS.md.
    #[arg(long)]
    write: bool,
}

pub(super) fn main(options: &Options) -> ExitCode {
    let fit = if options.rust.is_empty() { try_scripts(options) } else { judge_rust(options) };
    match fit {
        Ok(fit) => {
            for id in &fit.unexplained {
                eprintln!("mutants: survives without a reason in tests/mutants.toml: {id}");
            }
            for id in &fit.stale {
                eprintln!("mutants: tests/mutants.toml excuses what does not survive: {id}");
            }
            ExitCode::from(u8::from(!fit.is_good()))
        }
        Err(error) => {
            eprintln!("mutants: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn try_scripts(options: &Options) -> Result<Fit> {
    let begun = Instant::now();
    let whole = options.only.iter().all(|word| word.ends_with(':'));
    ensure!(whole || !options.write, "--write takes whole scripts, such as --only reserve:");
    let wanted = |id: &str| {
        options.only.is_empty() || options.only.iter().any(|word| id.starts_with(word.as_str()))
    };
    let mut mutants = of_the_scripts()?;
    mutants.retain(|mutant| wanted(&mutant.id));
    let seen = try_side_by_side(&mutants, options.histories)?;
    let found: Vec<(Mutant, Seen)> = mutants.into_iter().zip(seen).collect();
    let survivors: Vec<String> = found
        .iter()
        .filter(|(_, seen)| *seen == Seen::Never)
        .map(|(mutant, _)| mutant.id.clone())
        .collect();
    let reasons = Reasons::read()?.lua;
    // Of scripts that were not tried, what survived the last time has its reason.
    let all = Reasons::by_mutant(&reasons).into_keys().filter(|id| !wanted(id)).map(str::to_owned);
    let all: Vec<String> = all.chain(survivors.iter().cloned()).collect();
    report_progress(options, "scripts", page::scripts(&found)?, &reasons, &all)?;
    eprintln!(
        "mutants: {} mutants, {} survive, {:.0} s",
        found.len(),
        survivors.len(),
        begun.elapsed().as_secs_f64()
    );
    Ok(Reasons::fit(&reasons, &survivors, &wanted))
}

/// What sees each mutant, in their sequence. As many are tried at once as there are processors,
/// each on a Redis of its own.
fn try_side_by_side(mutants: &[Mutant], histories: u64) -> Result<Vec<Seen>> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Seen)>> {
        let mut trial = Trial::new(histories)?;
        let mut found = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(mutant) = mutants.get(place) else { return Ok(found) };
            let seen = trial.run(mutant)?;
            if seen == Seen::Never {
                eprintln!("mutants: survives: {}", mutant.id);
            }
            found.push((place, seen));
        }
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let mut found = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let parts = workers.into_iter().map(|worker| worker.join().expect("a worker"));
        parts.collect::<Result<Vec<_>>>()
    })?
    .concat();
    found.sort_unstable_by_key(|(place, _)| *place);
    Ok(found.into_iter().map(|(_, seen)| seen).collect())
}

fn judge_rust(options: &Options) -> Result<Fit> {
    let mut found = rust::MutantOutcomes::default();
    for path in &options.rust {
        found.read(path)?;
    }
    let reasons = Reasons::read()?.rust;
    report_progress(options, "rust", page::files(&found), &reasons, &found.survivors())?;
    let files = found.files();
    let tried = |id: &str| files.keys().any(|file| id.starts_with(file));
    Ok(Reasons::fit(&reasons, &found.survivors(), &tried))
}

fn report_progress(
    options: &Options,
    section: &str,
    table: String,
    reasons: &[Reason],
    survivors: &[String],
) -> Result<()> {
    print!("{table}");
    if options.write {
        page::put(section, &(table + &page::survivors(reasons, survivors)))?;
    }
    Ok(())
}
