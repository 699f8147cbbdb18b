//! What the links between edges and nodes can suffer. Another node is always there, so no buyer may
//! see a fault.

use super::nodes::BACK;
use super::scene::Scene;
use super::script::{HEAVIEST, lose_one};
use crate::harness::proxy::{AfterFault, LinkFault};
use anyhow::{Context, Result};
use lastseat_ledger::clock;
use tokio::time::sleep;

/// Requests of orders, as an edge sends them.
const ORDER: &str = "POST /v1/sales/";

/// The node has sold the ticket, and the edge never learns of it.
pub(super) async fn answers_lost(scene: &mut Scene) -> Result<()> {
    for round in 0..scene.time.as_secs() {
        let (then, what) = match round % 2 {
            0 => (AfterFault::Cut, "cut"),
            _ => (AfterFault::Keep, "silent"),
        };
        let node = scene.any_node();
        let link = scene.links()?.to_nodes.get(usize::from(node) - 1).context("a node")?;
        lose_one(link, ORDER, then).await?;
        scene.act(format!(
            "the answer of node {node} to an order is lost, the connection is {what}"
        ));
        scene.pause(100..400).await;
    }
    scene.over().await?;
    let replayed = scene.cluster.count("lastseat_orders_replayed_total", &[]).await?;
    scene.measure("orders that reached another node, too", replayed);
    scene.demand(replayed > 0, || {
        "no order reached a second node, so no answer was lost".to_owned()
    });
    Ok(())
}

/// The way to the heaviest node is broken for a while, or cut again and again; then it is whole,
/// and the node gets its share again.
pub(super) async fn broken(scene: &Scene, how: &str, fault: Option<LinkFault>) -> Result<()> {
    let link = scene.links()?.to_nodes.get(usize::from(HEAVIEST) - 1).context("a node")?;
    scene.act(format!("the way to node {HEAVIEST} {how}"));
    let before = scene.crowd.granted();
    match fault {
        None => scene.cut_again_and_again(link, scene.time).await,
        Some(fault) => {
            link.switch_both(fault);
            sleep(scene.time).await;
        }
    }
    scene.sells_meanwhile(before);
    link.switch_both(LinkFault::Pass);
    scene.act("it is whole again");
    scene.serves_again(HEAVIEST, clock::now(), BACK).await
}
