//! Mutants of the scripts: a sample in each run of the tests, all of them in `make mutants`.

use lastseat_tests::mutants::reasons::Reasons;
use lastseat_tests::mutants::{HISTORIES, Seen, Trial, of_the_scripts};

/// One in so many is tried here.
const EACH: usize = 20;

#[test]
fn a_twentieth_of_all_mutants_of_the_scripts_is_seen_or_has_its_reason() {
    let excused = Reasons::read().unwrap().lua;
    let excused = Reasons::by_mutant(&excused);
    let mut trial = Trial::new(HISTORIES).unwrap();
    let all = of_the_scripts().unwrap();
    let (mut tried, mut missed) = (0, Vec::new());
    for mutant in all.iter().step_by(EACH) {
        if excused.contains_key(mutant.id.as_str()) {
            continue;
        }
        tried += 1;
        if trial.run(mutant).unwrap() == Seen::Never {
            missed.push(&mutant.id);
        }
    }
    println!("{tried} of {} mutants tried", all.len());
    assert!(
        missed.is_empty(),
        "nothing sees these: write a test, or why not into tests/mutants.toml: {missed:#?}"
    );
    assert!(tried > all.len() / EACH / 2, "most have no excuse");
}

/// A reason whose line is gone would excuse whatever gets that name next.
#[test]
fn every_reason_is_of_a_mutant_that_exists() {
    let all = of_the_scripts().unwrap();
    let reasons = Reasons::read().unwrap().lua;
    for id in Reasons::by_mutant(&reasons).keys() {
        assert!(all.iter().any(|mutant| mutant.id == *id), "{id}");
    }
}
