//! The pages that are written from runs know what there is to run: each of them names all that the
//! code has now and nothing that is gone. That says that a page is too old without a run.

use crate::claims::{quoted, read};
use lastseat_tests::bench::measure::Measure;
use lastseat_tests::drill::DRILLS;
use lastseat_tests::mutants;
use lastseat_tests::profile::scene::Scene;
use lastseat_tests::simulator::faults::Planted;
use std::collections::BTreeSet;

/// What the page of the checker is written from, by hand.
const CHECKED: &str = "tests/checker/main.py, and bring the tables of the page up to date";

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
    // What was not run yet is named, so that nobody looks for it in vain.
    let missing = named(page, "| `", "` | ");
    let has = named(page, "| [`", "`](#").union(&missing).cloned().collect();
    assert_same(page, "make drill", &has, drills);
}

#[test]
fn the_page_of_benchmarks_has_each_measure_under_its_title() {
    let page = "docs/evidence/BENCHMARKS.md";
    let text = read(page);
    // What was not measured yet is named, so that nobody looks for it in vain.
    let missing = text.split_once("\n## Not measured yet\n").map_or("", |(_, list)| list);
    let missing = missing.lines().filter_map(|line| line.strip_prefix("- "));
    let titles = text.lines().filter_map(|line| line.strip_prefix("## ")).chain(missing);
    let has = titles.filter(|title| title.starts_with(['M', 'G'])).map(str::to_owned).collect();
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

#[test]
fn the_page_of_profiles_has_each_load_and_its_picture() {
    let page = "docs/evidence/PROFILES.md";
    let text = read(page);
    // What was not taken yet is named, so that nobody looks for it in vain.
    let missing = text.split_once("\n## Not taken yet\n").map_or("", |(_, list)| list);
    let missing: BTreeSet<String> =
        missing.lines().filter_map(|line| line.strip_prefix("- ")).map(str::to_owned).collect();
    let words = Scene::ALL.map(|scene| scene.word().to_owned()).into();
    let taken = named(page, "| [", "](#");
    assert_same(page, "make profile", &taken.union(&missing).cloned().collect(), words);
    for scene in Scene::ALL.into_iter().filter(|scene| !missing.contains(scene.word())) {
        let picture =
            format!("![Flame graph: {}](profiles/{}.svg)", scene.sentence(), scene.word());
        assert!(text.contains(&picture), "{page} has another load: {picture}. Run make profile");
    }
}

/// The sources of the simulator, without the white space that wraps a rule.
fn simulator() -> String {
    let files = ["acknowledged", "judge", "seat_rules", "faults/client", "faults/run"];
    [files.as_slice(), &["isolate", "node", "server", "world"]]
        .concat()
        .into_iter()
        .map(|file| read(&format!("tests/src/simulator/{file}.rs")))
        .collect()
}

#[test]
fn the_page_of_the_simulator_has_each_planted_fault_with_a_rule_that_there_is() {
    let page = "docs/evidence/SIMULATOR.md";
    let of = |recovery| Planted::to_be_found(recovery).map(|fault| format!("{fault:?}"));
    let wanted = of(false).chain(of(true)).collect();
    assert_same(page, "make sim PLANTED=1", &named(page, "| `", "`:"), wanted);
    let (text, code) = (read(page), simulator());
    let is_planted = |line: &&str| line.starts_with("| `") && line.contains("`: ");
    for row in text.lines().filter(is_planted) {
        let rule = row.trim_matches('|').rsplit('|').next().unwrap_or_default().trim();
        let is_there = code.contains(&format!("\"{rule}\""));
        assert!(is_there, "{page} names a rule that is gone: {rule}. Run make sim PLANTED=1");
    }
}

#[test]
fn the_page_of_the_checker_has_each_of_its_faults_rules_and_planted_faults() {
    let page = "docs/evidence/CHECKER.md";
    let table = |head: &str| {
        let text = read(page);
        let (_, rows) = text.split_once(head).unwrap_or_else(|| panic!("{page} has no {head}"));
        let rows = rows.lines().skip(1).take_while(|line| line.starts_with('|'));
        let first = rows.map(|row| row.split('|').nth(1).unwrap_or_default().to_owned());
        first.collect::<Vec<_>>()
    };
    let names = |cells: Vec<String>| -> BTreeSet<String> {
        cells.iter().flat_map(|cell| quoted(cell)).map(str::to_owned).collect()
    };
    let faults = read("tests/checker/faults.py");
    let (_, listed) = faults.split_once("FAULTS = (").expect("the list of faults");
    let (listed, _) = listed.split_once(')').expect("its end");
    let wanted = listed.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    let has = names(table("| fault | what is done |\n"));
    assert_same(page, CHECKED, &has, wanted);

    let mut wanted = BTreeSet::new();
    for file in ["judge", "ending", "main"] {
        let code = read(&format!("tests/checker/{file}.py"));
        for before in ["say(\"", "yield \""] {
            let rules = code.split(before).skip(1).filter_map(|rest| rest.split('"').next());
            wanted.extend(rules.map(str::to_owned));
        }
    }
    let has = names(table("| rule | broken when |\n"));
    assert_same(page, CHECKED, &has, wanted);

    let planted = std::fs::read_dir(crate::claims::root().join("tests/checker/planted")).unwrap();
    let files = planted.map(|file| file.unwrap().file_name().into_string().unwrap());
    let wanted = files.filter_map(|name| Some(name.strip_suffix(".patch")?.to_owned())).collect();
    let rows =
        table("| planted | what | run (`python3 tests/checker/main.py` ...) | rules broken |\n");
    let has = rows.iter().map(|cell| cell.trim().to_owned()).collect();
    assert_same(page, "tests/checker/planted/run", &has, wanted);
}
