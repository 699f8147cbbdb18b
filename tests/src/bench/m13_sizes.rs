//! M13: what is uploaded, and how long things take to start.

use super::Bench;
use super::measure::Measure;
use super::row::{BenchRound, BenchRow};
use crate::harness::paths::{repository, scratch};
use crate::harness::upload::{dry_run, gzip_kib, start};
use crate::harness::{Cluster, Edge, Setup};
use anyhow::{Result, ensure};
use std::process::Command;
use std::time::{Duration, Instant};

/// The measure.
pub(super) async fn sizes(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let draft = |row: &str, name: &str, unit| BenchRow::new(Measure::M13, row, name, unit);
    let rounds = bench.options.rounds(Measure::M13);
    bench.step(Measure::M13, "the upload");
    let to = scratch()?;
    let kib = gzip_kib(&dry_run(to.path())?)?;
    let mut rows = vec![
        draft("gzip", "upload of the edge to Cloudflare, compressed", "KiB")
            .note(
                "As `wrangler deploy --dry-run` tells it: WebAssembly, JavaScript and the \
                buyer's page.",
            )
            .value(kib),
    ];
    bench.step(Measure::M13, "starts of workerd");
    let mut starts = Vec::new();
    for _ in 0..rounds {
        starts.push(start().await?);
    }
    let first = draft("start", "from the start of bare workerd to the edge's first answer", "ms");
    rows.push(first.rounds(times(&starts, 1e3)));
    for edge in [Edge::Workerd, Edge::Wrangler] {
        let mut ups = Vec::new();
        for round in 1..=rounds {
            bench.step(
                Measure::M13,
                &format!("round {round}, lastseat cluster --demo on {}", edge.as_str()),
            );
            let begun = Instant::now();
            let cluster = Cluster::start(&Setup {
                arguments: vec!["--demo".to_owned()],
                ..Setup::with_edge(edge)
            })?;
            ups.push(begun.elapsed());
            cluster.stop()?;
        }
        let name = format!("`make up` with EDGE={}, once everything is built", edge.as_str());
        let up = draft(&format!("up-{}", edge.as_str()), &name, "s");
        let up = up.note(
            "From the start of `lastseat cluster --demo` until Redis, four nodes, \
            the edge and the sale answer.",
        );
        rows.push(up.rounds(times(&ups, 1.0)));
    }
    bench.step(Measure::M13, "make setup");
    let begun = Instant::now();
    let status = Command::new(repository().join("scripts/setup")).status()?;
    ensure!(status.success(), "scripts/setup: {status}");
    let setup = draft("setup", "`make setup` where everything is there", "s");
    let setup =
        setup.note("Nothing is taken away for it, so this is the second and every further run.");
    rows.push(setup.value(begun.elapsed().as_secs_f64()));
    Ok(rows)
}

fn times(found: &[Duration], scale: f64) -> Vec<BenchRound> {
    let round = |time: &Duration| BenchRound { ours: Some(time.as_secs_f64() * scale), peer: None };
    found.iter().map(round).collect()
}
