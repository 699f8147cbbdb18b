//! The loss of a zone: its edges go to the nodes of the other one, and come back slowly.

use super::scene::Scene;
use super::script::{CATCH_UP, ms, signal};
use anyhow::{Context, Result, bail};
use lastseat_ledger::clock;
use rustix::process::Signal;
use shared::UnixMillis;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Nodes 1 and 2 (weights 1 and 2) against 3 and 4 (weights 3 and 4); edges 1 and 3 stand in the
/// east, 2 in the west.
pub(super) const ZONES: [&str; 2] = ["--zones", "east,east,west,west"];
const EAST: [u16; 2] = [1, 2];
const WEST: [u16; 2] = [3, 4];
const BACK: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
/// A decision is in the log after this time.
const WRITTEN: Duration = Duration::from_millis(500);

pub(super) async fn frozen(scene: &Scene) -> Result<()> {
    asked_first(scene)?;
    let nodes = [scene.node(EAST[0])?, scene.node(EAST[1])?];
    scene.act("SIGSTOP of both nodes in the east");
    for node in &nodes {
        signal(node.pid, Signal::STOP)?;
    }
    sleep(scene.time).await;
    scene.act("SIGCONT of both");
    for node in &nodes {
        signal(node.pid, Signal::CONT)?;
    }
    back(scene).await
}

pub(super) async fn killed(scene: &Scene) -> Result<()> {
    asked_first(scene)?;
    scene.act("kill -9 of both nodes in the east, again whenever they start");
    let until = Instant::now() + scene.time;
    let mut dead = [0; 2];
    while Instant::now() < until {
        for (id, dead) in EAST.iter().zip(&mut dead) {
            let pid = scene.node(*id)?.pid;
            if pid != *dead {
                signal(pid, Signal::KILL)?;
                *dead = pid;
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
    scene.act("left alone");
    back(scene).await
}

/// Two edges of three ask the east first.
fn asked_first(scene: &Scene) -> Result<()> {
    let served = |nodes: [u16; 2]| nodes.iter().map(|id| scene.decisions(*id)).sum::<Result<u64>>();
    let (east, west) = (served(EAST)?, served(WEST)?);
    scene.measure(
        "served before, east and west",
        format!("{east} and {west} (2 of 3 edges are in the east)"),
    );
    scene.demand(east > west, || {
        format!(
            "before the loss the east served {east} and the west {west}: edges do not ask their \
             own zone first"
        )
    });
    Ok(())
}

/// The zone serves again, first less and then all of its load. Which decision belongs to which
/// second is read from the nodes' own logs: whoever looks on may be late. The seconds of each node
/// count from its own first decision: those that were killed start one after the other.
async fn back(scene: &Scene) -> Result<()> {
    let (since, resumed) = (Instant::now(), clock::now());
    let caught_up = resumed.plus(CATCH_UP.as_millis() as u64);
    while EAST.iter().any(|id| served_since(scene, *id, caught_up).is_ok_and(|at| at.is_empty())) {
        if since.elapsed() > BACK {
            bail!("a node of the zone has not served for {BACK:?}");
        }
        sleep(Duration::from_millis(50)).await;
    }
    // Slow start takes two seconds.
    sleep(6 * SECOND + WRITTEN).await;
    let (mut first_of_all, mut slow, mut full) = (None, 0, 0);
    for id in EAST {
        let served = served_since(scene, id, caught_up)?;
        let first = *served.iter().min().context("decisions")?;
        first_of_all = Some(first_of_all.map_or(first, |other: UnixMillis| other.min(first)));
        let in_second = |number: u64| {
            let seconds = served.iter().map(|at| at.since(first) / 1_000);
            seconds.filter(|second| *second == number).count()
        };
        slow += in_second(0);
        full += in_second(5);
    }
    let after = first_of_all.map_or(0, |first| first.since(resumed));
    scene.measure("serves again after", ms(Duration::from_millis(after)));
    scene.measure("served there in a node's first second, in its sixth", format!("{slow}, {full}"));
    scene.demand(full > 0, || "the zone does not serve".to_owned());
    scene.demand(slow * 4 <= full * 3, || {
        format!("the zone took {slow} orders in its first second and {full} later: no slow start")
    });
    Ok(())
}

/// When a node decided, from `from` on.
fn served_since(scene: &Scene, node: u16, from: UnixMillis) -> Result<Vec<UnixMillis>> {
    let mut times = scene.times(node)?;
    times.retain(|at| *at >= from);
    Ok(times)
}
