//! What an edge can suffer. Buyers whose edge does not answer ask another one with the same key.

use super::scene::Scene;
use super::script::{ms, signal};
use anyhow::Result;
use rustix::process::Signal;
use std::time::Instant;
use tokio::time::sleep;

pub(super) async fn ended(scene: &Scene, how: Signal, word: &str) -> Result<()> {
    let number = scene.any_edge();
    let edge = scene.edge(number)?;
    scene.act(format!("{word} of edge {number}"));
    let since = Instant::now();
    signal(edge.pid, how)?;
    scene.replaced(edge.pid, || Ok(scene.edge(number)?.pid)).await?;
    scene.act(format!("edge {number} runs again"));
    scene.measure("edge runs again after", ms(since.elapsed()));
    Ok(())
}

pub(super) async fn frozen(scene: &Scene) -> Result<()> {
    let number = scene.any_edge();
    let edge = scene.edge(number)?;
    scene.act(format!("SIGSTOP of edge {number}"));
    signal(edge.pid, Signal::STOP)?;
    let before = scene.crowd.granted();
    sleep(scene.time).await;
    scene.sells_meanwhile(before);
    scene.act(format!("SIGCONT of edge {number}"));
    signal(edge.pid, Signal::CONT)
}
