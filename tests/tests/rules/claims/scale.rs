//! The table of docs/SCALE.md: what the simulation says. `make docs` simulates and writes all of
//! it; the test simulates the smaller rows again, because one seed has one history.

use crate::claims::documents::root;
use lastseat_tests::rush::report::thousands;
use lastseat_tests::simulator::scale::{ScaleReport, ScaleScenario, run};
use std::env;
use std::fs;

const BEGIN: &str = "<!-- the table is written by `make docs` -->\n";
const END: &str = "<!-- end of the table -->\n";
const HEAD: &str = "\
| buyers | tickets | locations × isolates | requests to origins a ticket | ledger calls | sold \
out after | the last edge knew after |
|---|---|---|---|---|---|---|
";

/// Buyers, tickets, locations, isolates.
const ROWS: [[u32; 4]; 3] =
    [[10_000, 1_000, 10, 2], [100_000, 5_000, 50, 5], [1_000_000, 10_000, 300, 20]];
/// Rows that are simulated again: the last one takes long in a build for development.
const AGAIN: usize = 2;

fn simulate([buyers, tickets, locations, isolates]: [u32; 4]) -> ScaleReport {
    run(&ScaleScenario { buyers, tickets, locations, isolates, ..ScaleScenario::default() })
}

fn row(report: &ScaleReport) -> String {
    assert_eq!(report.unsold, 0, "every ticket is sold");
    assert_eq!(report.wrong_refusals, 0, "nobody is refused for good while tickets are free");
    format!(
        "| {} | {} | {} × {} | {:.2} | {} | {} ms | {} ms |\n",
        thousands(report.buyers.into()),
        thousands(report.tickets.into()),
        report.locations,
        report.isolates,
        report.requests_per_ticket(),
        thousands(report.ledger_round_trips),
        thousands(report.sold_out_ms.expect("it sells out")),
        thousands(report.unaware_ms),
    )
}

#[test]
fn the_table_of_scale_is_what_the_simulation_says() {
    let path = root().join("docs/SCALE.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the begin of the table");
    let (table, after) = rest.split_once(END).expect("the end of the table");
    let write = env::var_os("LASTSEAT_WRITE_DOCS").is_some();
    let rows = if write { ROWS.len() } else { AGAIN };
    let simulated: Vec<String> =
        ROWS[..rows].iter().map(|row_of| row(&simulate(*row_of))).collect();
    if write {
        let table = format!("{HEAD}{}", simulated.concat());
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(table.lines().count(), 2 + ROWS.len(), "{table}");
    for row in simulated {
        assert!(table.contains(&row), "the simulation says now\n{row}Run 'make docs'\n{table}");
    }
}
