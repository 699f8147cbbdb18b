//! Failover drills: something dies, freezes or comes back while buyers buy, and each drill answers with the
//! list of promises that were broken. Real processes, real signals, every answer compared with the ledger.
//!
//! A drill is a sentence, a load, and a script of what is done to the system meanwhile (`script.rs` has what
//! scripts can do). Limits on time are those that users are promised, not what this machine happens to reach.

mod again;
mod connections;
mod descriptors;
mod edges;
mod flood;
mod intake;
mod ledger;
mod ledger_link;
mod ledger_state;
mod memory;
mod node_link;
mod nodes;
pub mod options;
mod overload;
pub mod page;
pub mod report;
mod restock;
mod rig;
mod scene;
mod script;
mod slow_clients;
mod spread;
mod workers;
mod zones;

pub use options::{FaultTestOptions, Name};
pub use report::{CheckOutcome, FaultTestReport};

use anyhow::Result;
use scene::Scene;
use std::time::Instant;

/// Runs one drill once, on a system of its own.
///
/// # Errors
/// It could not be run to its end. A broken promise is no error: see [`CheckOutcome::violations`].
pub async fn run(name: Name, options: &FaultTestOptions, seed: u64) -> Result<CheckOutcome> {
    let begun = Instant::now();
    let mut scene = Scene::new(name, options, seed);
    match name {
        Name::Spread => spread::one_two_three_four(&mut scene).await,
        Name::NodeKilled => nodes::killed(&mut scene).await,
        Name::NodeFrozen => nodes::frozen(&mut scene).await,
        Name::NodeRestarted => nodes::restarted(&mut scene).await,
        Name::EdgeKilled => edges::killed(&mut scene).await,
        Name::EdgeFrozen => edges::frozen(&mut scene).await,
        Name::EdgeRestarted => edges::restarted(&mut scene).await,
        Name::WorkerKilled => workers::killed(&mut scene).await,
        Name::Restock => restock::sold_again(&mut scene).await,
        Name::ZoneFrozen => zones::frozen(&mut scene).await,
        Name::ZoneKilled => zones::killed(&mut scene).await,
        Name::Overload => overload::spills(&mut scene).await,
        Name::LedgerFrozen => ledger::frozen(&mut scene).await,
        Name::LedgerKilled => ledger::killed(&mut scene).await,
        Name::Intake => intake::guards(&mut scene).await,
        Name::ReplyLost => ledger_link::replies_lost(&mut scene).await,
        Name::LedgerSlow => ledger_link::slow(&mut scene).await,
        Name::LedgerLate => ledger_link::late(&mut scene).await,
        Name::LedgerCut => ledger_link::cut(&mut scene).await,
        Name::LedgerHalfOpen => ledger_link::half_open(&mut scene).await,
        Name::LedgerPaused => ledger_state::paused(&mut scene).await,
        Name::LedgerKicks => ledger_state::connections_killed(&mut scene).await,
        Name::LedgerLoading => ledger_state::loading(&mut scene).await,
        Name::LedgerFull => ledger_state::out_of_memory(&mut scene).await,
        Name::LedgerReadOnly => ledger_state::read_only(&mut scene).await,
        Name::DiskFull => ledger_state::disk_full(&mut scene).await,
        Name::TailCut => ledger_state::tail_cut(&mut scene).await,
        Name::AnswerLost => node_link::answers_lost(&mut scene).await,
        Name::NodeSlow => node_link::slow(&mut scene).await,
        Name::NodeCut => node_link::cut(&mut scene).await,
        Name::NodeHalfOpen => node_link::half_open(&mut scene).await,
        Name::Descriptors => descriptors::exhausted(&mut scene).await,
        Name::SlowClients => slow_clients::hold_nobody_up(&mut scene).await,
        Name::Flood => flood::three_times(&mut scene).await,
        Name::Idle => connections::idle(&mut scene).await,
        Name::ComeAndGo => connections::come_and_go(&mut scene).await,
    }?;
    Ok(scene.outcome(begun.elapsed()))
}
