//! A node without a free file descriptor: what it has open goes on, what comes new waits and goes
//! elsewhere.

use super::rig::Rig;
use super::scene::{Load, ONE_ATTEMPT_LATER, Scene};
use super::script::{CATCH_UP, Script, ms};
use crate::harness::processes::{cpu_by_name, held};
use anyhow::{Context, Result};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The node with the largest share.
const NODE: u16 = 4;
const BACK: Duration = Duration::from_secs(10);
/// Descriptors that a node may have more after it than before: connections of edges that it did not
/// have then.
const MORE: u64 = 64;

pub(super) async fn exhausted(scene: &mut Scene) -> Result<()> {
    let time = Duration::from_secs(if scene.long { 7 } else { 3 });
    let rig = Rig::start().await?;
    let load = Load::lasting(time.as_secs() as u32 + 6, scene.rate);
    let outcomes = scene
        .under_load(&rig.cluster, load, async |script: &Script| {
            script.sold(0.1).await;
            let pid = script.node(NODE)?.pid;
            let before = held(pid).files;
            // No number above those of stdin, stdout and stderr: whatever it closes, none is free.
            let old = limit(pid, Some(3))?;
            script.act(format!(
                "node {NODE} has {before} files open and may open no more; the edges' connections \
                 to it are cut"
            ));
            let proxy = rig.to_nodes.get(usize::from(NODE) - 1).context("a node")?;
            proxy.cut();
            sleep(CATCH_UP).await;
            let decided = script.decisions(NODE)?;
            let (cpu, sold) = (cpu(pid), script.stage.granted());
            sleep(time).await;
            let used = cpu_since(pid, cpu);
            script.measure("processor time of the node meanwhile", ms(used));
            script.measure("sold meanwhile", script.stage.granted() - sold);
            script.demand(used < time / 4, || {
                format!(
                    "a node that cannot accept used {used:?} of {time:?}: it tries without a \
                    pause"
                )
            });
            script.demand(script.stage.granted() > sold, || {
                "nothing was sold while one of four nodes could not accept".to_owned()
            });
            let decided = script.decisions(NODE)? - decided;
            script.demand(decided == 0, || {
                format!("a node that cannot accept decided {decided} orders: nothing was shown")
            });
            limit(pid, old)?;
            let since = Instant::now();
            script.act("it may open files again");
            let back = script.serves_again(NODE, since).await?;
            script.measure("serves again after", ms(back));
            script.demand(back <= BACK, || format!("node {NODE} served again after {back:?} only"));
            script.demand(script.node(NODE)?.pid == pid, || {
                "the node had to be started again".to_owned()
            });
            let after = held(pid).files;
            script.demand(after <= before + MORE, || {
                format!("the node had {before} files open before and {after} after")
            });
            Ok(())
        })
        .await?;
    let slowest = outcomes.tally.slowest;
    let mut record = scene.record.borrow_mut();
    record.demand(slowest < ONE_ATTEMPT_LATER, || {
        format!("a buyer waited {slowest:?} because one node had no descriptor")
    });
    drop(record);
    rig.stop()
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

fn cpu_since(pid: u32, before: Duration) -> Duration {
    cpu(pid).saturating_sub(before)
}
