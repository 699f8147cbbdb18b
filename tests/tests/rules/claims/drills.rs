//! The pages that `make drill` writes know every drill.

use crate::claims::read;
use lastseat_tests::drill::{DRILLS, page};
use lastseat_tests::harness::paths::repository;

#[test]
fn every_drill_has_its_test_its_row_in_the_page_of_drills_and_its_row_in_the_guarantees() {
    let (drills, guarantees) = (read("docs/evidence/DRILLS.md"), read("docs/GUARANTEES.md"));
    let tests = page::tests(&repository()).unwrap();
    let missing = |name: &&str| {
        let test = tests.get(*name).map(|test| format!("| `{test}` | ["));
        // What was not run yet is named, so that nobody looks for it in vain.
        let not_run = drills.contains(&format!("\n| `{name}` | "));
        let has_row = drills.contains(&format!("| [`{name}`](#{name}) |"));
        let place = if not_run { "not-run-yet" } else { name };
        !(has_row != not_run
            && test.is_some_and(|test| guarantees.contains(&test))
            && guarantees.contains(&format!("(evidence/DRILLS.md#{place})")))
    };
    let missing: Vec<_> = DRILLS.iter().map(|drill| drill.name).filter(missing).collect();
    assert!(
        missing.is_empty(),
        "these drills are not in the documents or not tested: {missing:?}. Run 'make drill \
         ROUNDS=1'"
    );
}
