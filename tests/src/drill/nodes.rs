//! What a node can suffer.

use super::scene::{EDGES, Scene};
use super::script::{HEAVIEST, ms, signal};
use anyhow::{Context, Result};
use lastseat_ledger::clock;
use rustix::process::Signal;
use shared::limits::STALL_MS;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A frozen node is left alone after this time ...
const EJECTED: Duration = Duration::from_secs(1);
/// ... and serves again this long after it goes on.
pub(super) const BACK: Duration = Duration::from_secs(10);
/// An edge gives a resting node one trial this often (the default of `fail_timeout_ms`).
pub(super) const TRIAL_EVERY: Duration = Duration::from_secs(2);

pub(super) async fn killed(scene: &Scene) -> Result<()> {
    let id = scene.any_node();
    let node = scene.node(id)?;
    scene.act(format!("kill -9 of node {id}"));
    signal(node.pid, Signal::KILL)?;
    scene.serves_again(id, clock::now(), BACK).await
}

pub(super) async fn restarted(scene: &Scene) -> Result<()> {
    let id = scene.any_node();
    let node = scene.node(id)?;
    scene.act(format!("SIGTERM of node {id}"));
    let (since, stopped) = (Instant::now(), clock::now());
    signal(node.pid, Signal::TERM)?;
    scene.replaced(node.pid, || Ok(scene.node(id)?.pid)).await?;
    scene.measure("stopped and started again after", ms(since.elapsed()));
    scene.serves_again(id, stopped, BACK).await
}

pub(super) async fn frozen(scene: &mut Scene) -> Result<()> {
    let node = scene.node(HEAVIEST)?;
    scene.act(format!("SIGSTOP of node {HEAVIEST}"));
    let stopped = scene.begun.elapsed();
    signal(node.pid, Signal::STOP)?;
    let frozen_for = scene.time;
    sleep(frozen_for).await;
    scene.act(format!("SIGCONT of node {HEAVIEST}"));
    signal(node.pid, Signal::CONT)?;
    scene.serves_again(HEAVIEST, clock::now(), BACK).await?;
    // Those who were at the frozen node wait until it counts as silent; after that only trials go
    // there.
    let slow = scene.over().await?.context("a crowd")?.tally.slow.iter();
    let left = slow.filter(|slow| slow.took.as_millis() as u64 >= STALL_MS).map(|slow| slow.sent);
    let (left, others): (Vec<_>, Vec<_>) =
        left.partition(|sent| (stopped..stopped + frozen_for).contains(sent));
    let late = left.iter().filter(|sent| **sent > stopped + EJECTED).count();
    scene.measure(
        "answers over 800 ms of requests sent in its first second, and later",
        format!("{}, {late}", left.len() - late),
    );
    scene.measure("such answers while no node was frozen", others.len());
    // Each edge makes a trial every two seconds, and one may be under way at either end. What the
    // machine delays by itself it delays at other times, too.
    let trials = frozen_for.as_secs_f64() / TRIAL_EVERY.as_secs_f64();
    let most = (trials.ceil() as usize + 1) * EDGES + others.len();
    scene.demand(late <= most, || {
        format!("{late} requests, not {most}, still waited for the node a second after the stop")
    });
    Ok(())
}
