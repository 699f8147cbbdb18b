//! Failover drills: something dies, freezes or comes back while buyers buy, and each drill answers
//! with the list of promises that were broken. Real processes, real signals, every answer compared
//! with the ledger.
//!
//! `table.rs` has a row for each drill: the system, the crowd, the fault, what must hold. Limits on
//! time are those that users are promised, not what this machine happens to reach.

mod again;
mod calls;
mod connections;
mod descriptors;
mod edges;
mod flood;
mod ledger;
mod ledger_link;
mod ledger_state;
mod lost_reads;
mod memory;
mod node_link;
mod nodes;
pub mod options;
mod overload;
pub mod page;
pub mod report;
mod restock;
mod scene;
mod script;
mod server_limits;
mod slow_clients;
mod spread;
pub mod table;
mod train;
mod workers;
mod zones;

pub use options::FaultTestOptions;
pub use report::{CheckOutcome, FaultTestReport};
pub use table::{DRILLS, Drill};

use crate::rush::plan_file;
use anyhow::Result;
use scene::{Form, Scene};
use std::time::{Duration, Instant};
use table::Expect;

/// Runs one drill once, on a system of its own.
///
/// # Errors
/// It could not be run to its end. A broken promise is no error: see [`CheckOutcome::violations`].
pub async fn run(drill: &Drill, options: &FaultTestOptions, seed: u64) -> Result<CheckOutcome> {
    let begun = Instant::now();
    let FaultTestOptions { edge, rate, long, .. } = *options;
    let plan = options.plan.as_deref().map(plan_file::read).transpose()?;
    let form = Form { edge, rate, long, seed, plan };
    let mut scene = Scene::set(drill.stage, drill.time_s, drill.load, form).await?;
    if let Some(before) = drill.before {
        before(&mut scene).await?;
    }
    let crowd = scene.comes().await?;
    tokio::try_join!(crowd, play(drill, &mut scene))?;
    let record = scene.stop()?;
    Ok(CheckOutcome::of(drill, edge, seed, begun.elapsed(), record))
}

async fn play(drill: &Drill, scene: &mut Scene) -> Result<()> {
    if let Some(part) = drill.after {
        scene.sold(part).await;
    }
    let nodes = ledger::pids(scene)?;
    (drill.fault)(scene).await?;
    if drill.expect.iter().any(|expect| matches!(expect, Expect::LedgerBack)) {
        ledger::back(scene, nodes).await?;
    }
    let Some(outcomes) = scene.over().await? else {
        return Ok(());
    };
    let tally = &outcomes.tally;
    let (slowest, granted_at) = (tally.slowest, tally.granted_at.clone());
    let ticket = Duration::from_micros(tally.granted_us.value_at_quantile(0.99));
    for expect in drill.expect {
        match expect {
            Expect::Answer(most) => scene.demand(slowest <= *most, || {
                format!("a buyer waited {slowest:?} for an answer, not {most:?}")
            }),
            Expect::Ticket(most) => scene.demand(ticket <= *most, || {
                format!("one of a hundred tickets took longer than {ticket:?}, not {most:?}")
            }),
            Expect::EveryEdgeSold => {
                scene.measure("tickets by edge", format!("{granted_at:?}"));
                scene.demand(granted_at.iter().all(|granted| *granted > 0), || {
                    format!("an edge sold nothing: {granted_at:?}")
                });
            }
            Expect::LedgerBack => {}
        }
    }
    Ok(())
}
