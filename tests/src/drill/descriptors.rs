//! A node without a free file descriptor: what it has open goes on, what comes new waits and goes
//! elsewhere.

use super::nodes::BACK;
use super::scene::Scene;
use super::script::{CATCH_UP, HEAVIEST};
use crate::harness::processes::{cpu_by_name, held};
use anyhow::{Context, Result};
use lastseat_ledger::clock;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::time::Duration;
use tokio::time::sleep;

/// Descriptors that a node may have more after it than before: connections of edges that it did not
/// have then.
const MORE: u64 = 64;

pub(super) async fn exhausted(scene: &Scene) -> Result<()> {
    let pid = scene.node(HEAVIEST)?.pid;
    let before = held(pid).files;
    // No number above those of stdin, stdout and stderr: whatever it closes, none is free.
    let old = limit(pid, Some(3))?;
    scene.act(format!(
        "node {HEAVIEST} has {before} files open and may open no more; the edges' connections to \
         it are cut"
    ));
    let link = scene.links()?.to_nodes.get(usize::from(HEAVIEST) - 1).context("a node")?;
    link.cut();
    sleep(CATCH_UP).await;
    let (decided, used) = (scene.decisions(HEAVIEST)?, cpu(pid));
    let sold = scene.crowd.granted();
    sleep(scene.time).await;
    // More would be a node that tries without a pause.
    let used = cpu(pid).saturating_sub(used);
    scene.within("processor time of the node meanwhile", used, scene.time / 4);
    scene.sells_meanwhile(sold);
    let decided = scene.decisions(HEAVIEST)? - decided;
    scene.demand(decided == 0, || {
        format!("a node that cannot accept decided {decided} orders: nothing was shown")
    });
    limit(pid, old)?;
    let since = clock::now();
    scene.act("it may open files again");
    scene.serves_again(HEAVIEST, since, BACK).await?;
    scene
        .demand(scene.node(HEAVIEST)?.pid == pid, || "the node had to be started again".to_owned());
    let after = held(pid).files;
    scene.demand(after <= before + MORE, || {
        format!("the node had {before} files open before and {after} after")
    });
    Ok(())
}

/// Lets a process have so many files; what it might have had.
fn limit(pid: u32, files: Option<u64>) -> Result<Option<u64>> {
    let process = Pid::from_raw(pid.cast_signed()).context("a process id")?;
    let text = std::fs::read_to_string(format!("/proc/{pid}/limits"))?;
    let line = text.lines().find(|line| line.starts_with("Max open files"));
    let most = line.and_then(|line| line.split_ascii_whitespace().nth(4)?.parse().ok());
    let new = Rlimit { current: files, maximum: most };
    let old = prlimit(Some(process), Resource::Nofile, new).context("prlimit")?;
    Ok(old.current)
}

fn cpu(pid: u32) -> Duration {
    cpu_by_name(&[pid]).values().sum()
}
