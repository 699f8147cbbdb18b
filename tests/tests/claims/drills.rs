//! The pages that `make drill` writes know every drill.

use crate::read;
use lastseat_tests::drill::{FaultTestOptions, Name};

#[test]
fn every_drill_has_its_test_its_row_in_the_page_of_drills_and_its_row_in_the_guarantees() {
    let (drills, guarantees) = (read("docs/evidence/DRILLS.md"), read("docs/GUARANTEES.md"));
    let tests = read("tests/tests/drills/main.rs");
    let missing = |name: &Name| {
        let (word, test) = (name.word(), name.test());
        let row = format!("| [`{word}`](#{word}) |");
        // A long name has its brace on a line of its own.
        let mut body = tests
            .lines()
            .skip_while(|line| !line.contains(&format!("fn {test}()")))
            .take_while(|line| *line != "}");
        let runs = body.any(|line| line.contains(&format!("Name::{name:?})")));
        !(drills.contains(&row)
            && guarantees.contains(&format!("| `{test}` | ["))
            && guarantees.contains(&format!("(evidence/DRILLS.md#{word})"))
            && runs)
    };
    let names = FaultTestOptions::short().names();
    let missing: Vec<_> = names.iter().filter(|name| missing(name)).collect();
    assert!(
        missing.is_empty(),
        "these drills are not in the documents or not tested: {missing:?}. Run 'make drill \
         ROUNDS=1'"
    );
}
