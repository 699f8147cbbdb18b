//! The pages that are written from runs know what there is to run: each of them names all that the
//! code has now and nothing that is gone. That says that a page is too old without a run.

use crate::claims::read;
use lastseat_tests::bench::measure::Measure;
use lastseat_tests::drill::DRILLS;
use lastseat_tests::mutants;
use std::collections::BTreeSet;

/// What stands between `begin` and `end` in the lines of a page.
fn named(page: &str, begin: &str, end: &str) -> BTreeSet<String> {
    let text = read(page);
    let lines = text.lines().filter_map(|line| line.strip_prefix(begin)?.split_once(end));
    lines.map(|(name, _)| name.to_owned()).collect()
}

#[track_caller]
fn assert_same(page: &str, command: &str, has: &BTreeSet<String>, wanted: BTreeSet<String>) {
    let missing: Vec<_> = wanted.difference(has).collect();
    let gone: Vec<_> = has.difference(&wanted).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "{page} is older than what it measures: {missing:?} missing, {gone:?} gone. Run {command}"
    );
}

#[test]
fn the_page_of_drills_has_no_drill_that_is_gone() {
    let page = "docs/evidence/DRILLS.md";
    let drills = DRILLS.iter().map(|drill| drill.name.to_owned()).collect();
    assert_same(page, "make drill", &named(page, "| [`", "`](#"), drills);
}

#[test]
fn the_page_of_benchmarks_has_each_measure_under_its_title() {
    let page = "docs/evidence/BENCHMARKS.md";
    let text = read(page);
    let has = text.lines().filter_map(|line| line.strip_prefix("## M"));
    let has = has.map(|title| format!("M{title}")).collect();
    let measures = Measure::all().map(|measure| format!("{measure:?}: {}", measure.plan().title));
    assert_same(page, "make bench", &has, measures.collect());
}

#[test]
fn the_page_of_mutants_has_each_script() {
    let page = "docs/evidence/MUTANTS.md";
    let mutants = mutants::of_the_scripts().unwrap();
    let scripts = mutants.iter().map(|mutant| format!("{}.lua", mutant.script));
    assert_same(page, "make mutants", &named(page, "| `", ".lua` |"), {
        scripts.map(|name| name.trim_end_matches(".lua").to_owned()).collect()
    });
}
