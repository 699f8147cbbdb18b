//! docs/evidence/BENCHMARKS.md.

use super::measure::{LIMIT, Measure};
use super::pictures::{self, Picture};
use super::report::{BenchReport, number, write};
use super::row::{BenchRow, Better};
use crate::rush::report::thousands;
use anyhow::Result;
use std::fmt::Write;
use std::path::Path;

const INTRO: &str = "\
# Benchmarks

Written by `make bench`; do not edit. Machines are shared and noisy, so a result here is a \
**ratio of two things measured in turn
in one run** (A B A B ...), processor time from the operating system, or a count. A rate is a \
footnote. Each timed run is
followed by an audit, and winners are counted, not requests. A run that oversold, undersold, lost \
an order or met a broken
connection is no data point: it is listed at the end.

The ratio says how many times better lastseat is than the peer, whatever the unit: the median of \
the rounds' own ratios, with the
least and the greatest. The peers, their known faults and how they are run by hand: \
[tests/bench](../../tests/bench/README.md).

**The terms are not equal, in favour of the peers.** The Go services (S0, S1, S2) record no \
order, no buyer, no key and no log: a grant is one number
counted up, and a retry is a second ticket. lastseat records all of these for each ticket and \
signs what passes between its tiers.
";

const GENERATOR: &str = "\
The load comes from a generator of our own (`tests/src/load`) on one thread: raw HTTP/1.1 \
over connections that stay open (G7: HTTP/2 in clear, 32 requests on a connection), each answer
read and checked. Its open loop sends at intended times and counts from them, whatever the \
answers do, so what a server delays while
it stalls is in the latencies. It is the same for all. Compared once with wrk on the same server \
(S2, sold out, 64 connections, in turn on a
busy machine): 17.8 microseconds of processor time a request, wrk 17.2, and the same rate.
";

const SIDE_BY_SIDE: &str = "
### The Worker and the gateway side by side

The same load, the same nodes and Redis, the append-only file synced for all, against the same \
peer: S2 behind tuned nginx. Ours / the peer's: **ratio**.
The Worker runs on bare workerd in two processes; on Cloudflare its processor time is not that of \
your servers, behind the gateway all of it is. S2 records
no order, no buyer and no key, and signs nothing; ours does all that in each column. The Worker's \
ticket is counted by requests, that of gateway and node
by granted orders, which is the stricter count.

| | the Worker | the gateway | a node that faces buyers |
|---|---|---|---|
";

/// Writes the page of `report` and its pictures into `to`.
pub fn write_page(report: &BenchReport, to: &Path) -> Result<()> {
    let pictures = pictures::all(report);
    for picture in &pictures {
        write(&to.join(picture.file), &picture.svg)?;
    }
    write(&to.join("BENCHMARKS.md"), &page(report, &pictures))
}

fn page(report: &BenchReport, pictures: &[Picture]) -> String {
    let mut out = INTRO.to_owned();
    out += &made(report);
    out += "\n## At a glance\n\n";
    out += &glance(report);
    out += &side_by_side(report);
    for measure in Measure::all() {
        let id = measure.to_string();
        let rows: Vec<&BenchRow> = report.measures.iter().filter(|row| row.id == id).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = write!(out, "\n## {id}: {}\n\n", measure.plan().title);
        for picture in pictures.iter().filter(|picture| picture.measure == id) {
            let _ = writeln!(out, "![{}]({})\n", picture.alt, picture.file);
        }
        out += &details(&rows);
        out += &notes(&rows);
    }
    let has = |measure: &Measure| report.measures.iter().any(|row| row.id == measure.to_string());
    let missing: Vec<Measure> = Measure::all().filter(|measure| !has(measure)).collect();
    if !missing.is_empty() {
        out += "\n## Not measured yet\n\n";
        for measure in missing {
            let _ = writeln!(out, "- {measure}: {}", measure.plan().title);
        }
    }
    if !report.failed.is_empty() {
        out += "\n## Left out\n\n";
        for failed in &report.failed {
            let _ = writeln!(out, "- {}, {}: {}", failed.id, failed.what, one_line(&failed.why));
        }
    }
    out
}

/// Where, when, of what, with which commands.
fn made(report: &BenchReport) -> String {
    let machine = &report.machine;
    let mut commits: Vec<&str> = report.made.values().map(|made| made.commit.as_str()).collect();
    commits.sort_unstable();
    commits.dedup();
    let last = report.made.values().map(|made| made.at.as_str()).max();
    // What was measured in the runs of another took no time of its own.
    let own = Measure::all().filter(|measure| measure.runs() == *measure);
    let made = own.filter_map(|measure| report.made.get(&measure.to_string()));
    let seconds: f64 = made.map(|made| made.seconds).sum();
    let mut out = format!(
        "\n| | |\n|---|---|\n| machine | {} processors ({}), {} MiB, {} |\n| programs | {} |\n| \
         commit | {} |\n| measured | {}, in {:.0} minutes |\n",
        machine.processors,
        machine.processor,
        thousands(machine.memory_mib),
        machine.system,
        machine.programs.join("; "),
        commits.join(", "),
        last.unwrap_or("never"),
        (seconds / 60.0).ceil(),
    );
    if report.made.values().any(|made| made.quick) {
        out += "\n**A trial (`--quick`): the figures mean nothing.**\n";
    }
    let limit = LIMIT.as_secs() / 60;
    let _ = write!(
        out,
        "\n```sh\nmake setup-bench       # Go and nginx from the system's packages, and the \
         peers\nmake bench             # all of it, less than {limit} minutes on 2 \
         processors\nmake bench ONLY=M3     # one measure\n```\n\n{GENERATOR}\n\
         Any program can read `target/bench/report.json`: `measures[{{id, name, unit, ours, peer, \
         ratio, goal, better, rounds}}]`. `better` says which way `ours` and\n`peer` are better, \
         `ratio` is above 1 where ours is; the goal is one for the ratio, or for `ours` where \
         there is no peer.\n"
    );
    out
}

/// The rows that have a goal.
fn glance(report: &BenchReport) -> String {
    let mut out =
        "| | what | lastseat | peer | ratio | goal | |\n|---|---|---|---|---|---|---|\n".to_owned();
    for row in report.measures.iter().filter(|row| row.goal.is_some()) {
        let _ = writeln!(
            out,
            "| [{}](#{}) | {} | {} {} | {} | {} | {} | {} |",
            row.id,
            anchor(&row.id),
            row.name,
            number(row.ours),
            row.unit,
            number(row.peer),
            ratio(row),
            goal(row),
            met(row),
        );
    }
    out
}

/// What the same rush, refusal and ticket take at each edge of ours and at the best peer.
fn side_by_side(report: &BenchReport) -> String {
    // What, and for each edge the row that says it.
    let lines = [
        ("rush until the last reply, s", [("M6", "s2-tuned"), ("G1", "s2-tuned"), ("", "")]),
        (
            "processor time of a refusal, us",
            [("M9", "refusal-all"), ("G2", "all"), ("G6", "refusal")],
        ),
        ("processor time of a ticket, us", [("M9", "ticket-all"), ("G3", "all"), ("G6", "ticket")]),
    ];
    let cell = |(id, name): (&str, &str)| {
        let row = report.measures.iter().find(|row| row.id == id && row.row == name);
        row.map_or("–".to_owned(), |row| {
            format!("{} / {}: **{}**", number(row.ours), number(row.peer), ratio(row))
        })
    };
    if lines.iter().flat_map(|(_, cells)| cells).all(|of| cell(*of) == "–") {
        return String::new();
    }
    let mut out = SIDE_BY_SIDE.to_owned();
    for (what, cells) in lines {
        let [worker, gateway, node] = cells.map(cell);
        let _ = writeln!(out, "| {what} | {worker} | {gateway} | {node} |");
    }
    out
}

fn details(rows: &[&BenchRow]) -> String {
    let mut out =
        "| what | lastseat | peer | ratio | rounds | audit |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for row in rows {
        let audit = match row.oversold {
            0 => row.audit.clone(),
            tickets => format!("{}; the peer **oversold: {tickets}**", row.audit),
        };
        let _ = writeln!(
            out,
            "| {} | {} {} | {} | {} | {} | {audit} |",
            row.name,
            number(row.ours),
            row.unit,
            number(row.peer),
            ratio(row),
            row.rounds.len(),
        );
    }
    out
}

/// The notes of the rows, each once, and the limits of missed goals.
fn notes(rows: &[&BenchRow]) -> String {
    let mut out = String::new();
    let mut said = Vec::new();
    for row in rows {
        if !row.note.is_empty() && !said.contains(&&row.note) {
            let _ = write!(out, "\n{}\n", row.note);
            said.push(&row.note);
        }
    }
    let missed: Vec<&&BenchRow> = rows.iter().filter(|row| row.met == Some(false)).collect();
    let mut limits: Vec<&str> = missed.iter().filter_map(|row| row.limit.as_deref()).collect();
    limits.dedup();
    for limit in limits {
        let _ = write!(out, "\n**Limit.** {}\n", one_line(limit));
    }
    for row in missed.iter().filter(|row| row.limit.is_none()) {
        let _ = write!(out, "\n**Missed, and no limit is known:** {}.\n", row.name);
    }
    out
}

fn ratio(row: &BenchRow) -> String {
    match (row.ratio, row.ratio_range) {
        (Some(_), Some([least, most])) if row.rounds.len() > 1 => {
            format!("{} ({}–{})", number(row.ratio), number(Some(least)), number(Some(most)))
        }
        (ratio, _) => number(ratio),
    }
}

fn goal(row: &BenchRow) -> String {
    let sign = match (row.ratio.or(row.peer), row.better) {
        (None, Better::Lower) => "≤",
        _ => "≥",
    };
    row.goal.map_or(String::new(), |goal| format!("{sign} {goal}"))
}

const fn met(row: &BenchRow) -> &'static str {
    match row.met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "",
    }
}

/// The anchor of a measure's section, as GitHub makes it.
fn anchor(id: &str) -> String {
    let measure = Measure::all().find(|measure| measure.to_string() == id);
    let title = measure.map_or(String::new(), |measure| format!("{id}: {}", measure.plan().title));
    let kept = title
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect::<String>();
    kept.replace(' ', "-")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::row::{BenchRound, BenchRow};

    fn report() -> BenchReport {
        let round = |ours, peer| BenchRound { ours: Some(ours), peer: Some(peer) };
        let orders = BenchRow::new(Measure::M3, "64-s2", "orders, against S2", "orders/s");
        let orders = orders.goal(3.0, "The disk.").rounds(vec![round(30_000.0, 13_500.0)]);
        let rush = BenchRow::new(Measure::M6, "s0", "rush, against S0", "s");
        let rush = rush.goal(4.0, "").audited("4 runs audited", 1);
        let rush = rush.rounds(vec![round(10.0, 50.0), round(10.0, 60.0)]);
        BenchReport { measures: vec![orders, rush], ..BenchReport::default() }
    }

    #[test]
    fn the_worker_and_the_gateway_stand_side_by_side_once_one_of_them_was_measured() {
        assert_eq!(side_by_side(&report()), "");
        let refusal = BenchRow::new(Measure::G2, "all", "refusal", "us");
        let round = BenchRound { ours: Some(8.0), peer: Some(40.0) };
        let measures = vec![refusal.rounds(vec![round])];
        let text = side_by_side(&BenchReport { measures, ..BenchReport::default() });
        let line = "| processor time of a refusal, us | – | 8.00 / 40.0: **5.00** | – |\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn a_missed_goal_has_its_limit_and_a_peer_that_oversold_is_shown_as_such() {
        let page = page(&report(), &[]);
        assert!(page.contains("**Limit.** The disk."), "{page}");
        assert!(page.contains("the peer **oversold: 1** |"), "{page}");
        assert!(
            page.contains(
                "| orders, against S2 | 30,000 orders/s | 13,500 | 2.22 | ≥ 3 | missed |"
            ),
            "{page}"
        );
        assert!(page.contains("5.50 (5.00–6.00) | ≥ 4 | met"), "{page}");
        assert!(page.contains("(#m3-one-origin-orders-each-granted-and-in-the-aof)"), "{page}");
    }
}
