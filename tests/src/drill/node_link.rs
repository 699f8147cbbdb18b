//! What the links between edges and nodes can suffer. Another node is always there, so no buyer may
//! see a fault.

use super::rig::Rig;
use super::scene::{Load, ONE_ATTEMPT_LATER, Scene};
use super::script::{Script, ms};
use crate::harness::proxy::{AfterFault, Direction, LinkFault, LostLink, Proxy};
use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The node with the largest share.
const NODE: u16 = 4;
/// Requests of orders, as an edge sends them.
const ORDER: &str = "POST /v1/sales/";
const SOON: Duration = Duration::from_secs(10);
/// A node that is left alone is asked again within this time.
const BACK: Duration = Duration::from_secs(10);

fn heaviest(rig: &Rig) -> Result<&Proxy> {
    rig.to_nodes.get(usize::from(NODE) - 1).context("a node")
}

/// The node has sold the ticket, and the edge never hears so.
pub(super) async fn answers_lost(scene: &mut Scene) -> Result<()> {
    let times = if scene.long { 12 } else { 4 };
    let rig = Rig::start().await?;
    let load = Load::lasting(times + 3, scene.rate);
    let outcomes = scene
        .under_load(&rig.cluster, load, async |script: &Script| {
            script.sold(0.05).await;
            for round in 0..times {
                let then = if round % 2 == 0 { AfterFault::Cut } else { AfterFault::Keep };
                let at = script.chance.borrow_mut().usize(0..rig.to_nodes.len());
                lose_one(&rig.to_nodes[at], then).await?;
                let what = match then {
                    AfterFault::Cut => "cut",
                    AfterFault::Keep => "silent",
                };
                let node = at + 1;
                script.act(format!(
                    "the answer of node {node} to an order is lost, the connection is {what}"
                ));
                let pause = script.chance.borrow_mut().u64(100..400);
                sleep(Duration::from_millis(pause)).await;
            }
            Ok(())
        })
        .await?;
    let replayed = rig.cluster.count("lastseat_orders_replayed_total", &[]).await?;
    let slowest = outcomes.tally.slowest;
    let mut record = scene.record.borrow_mut();
    record.measure("orders that another node heard again", replayed);
    record.demand(replayed > 0, || "no order was heard twice, so no answer was lost".to_owned());
    record.demand(slowest < ONE_ATTEMPT_LATER, || {
        format!("a buyer waited {slowest:?} because one answer was lost")
    });
    drop(record);
    rig.stop()
}

async fn lose_one(proxy: &Proxy, then: AfterFault) -> Result<()> {
    let before = proxy.counts().lost;
    proxy.lose(LostLink { to: ORDER.into(), times: 1, then });
    let begun = Instant::now();
    while proxy.counts().lost == before {
        if begun.elapsed() > SOON {
            bail!("the node got no order for {SOON:?}");
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// The way to one node is long.
pub(super) async fn slow(scene: &mut Scene) -> Result<()> {
    broken(scene, "is 100 ms longer each way", async |proxy, _, time| {
        proxy.switch_both(LinkFault::Delay(Duration::from_millis(100)));
        sleep(time).await;
        Ok(())
    })
    .await
}

/// The way to one node is cut at any moment, also in the middle of a request or an answer.
pub(super) async fn cut(scene: &mut Scene) -> Result<()> {
    broken(scene, "is cut again and again", async |proxy, script, time| {
        let until = Instant::now() + time;
        while Instant::now() < until {
            let (pause, bytes, way) = {
                let mut chance = script.chance.borrow_mut();
                let way = if chance.bool() { Direction::ToServer } else { Direction::ToClient };
                (chance.u64(10..100), chance.u64(1..2_000), way)
            };
            proxy.switch(way, LinkFault::CutAfter(bytes));
            sleep(Duration::from_millis(pause)).await;
            proxy.cut();
            proxy.switch_both(LinkFault::Pass);
            sleep(Duration::from_millis(pause)).await;
        }
        Ok(())
    })
    .await
}

/// One node takes everything and answers nothing.
pub(super) async fn half_open(scene: &mut Scene) -> Result<()> {
    broken(scene, "takes everything and answers nothing", async |proxy, _, time| {
        proxy.switch_both(LinkFault::Swallow);
        sleep(time).await;
        Ok(())
    })
    .await
}

/// The way to the heaviest node is broken for a while; then it is whole, and the node gets its
/// share again.
async fn broken(
    scene: &mut Scene,
    how: &str,
    fault: impl AsyncFnOnce(&Proxy, &Script, Duration) -> Result<()>,
) -> Result<()> {
    let time = Duration::from_secs(if scene.long { 7 } else { 3 });
    let rig = Rig::start().await?;
    let proxy = heaviest(&rig)?;
    let load = Load::lasting(time.as_secs() as u32 + 6, scene.rate);
    let outcomes = scene
        .under_load(&rig.cluster, load, async |script: &Script| {
            script.sold(0.1).await;
            script.act(format!("the way to node {NODE} {how}"));
            let before = script.stage.granted();
            fault(proxy, script, time).await?;
            script.measure("sold meanwhile", script.stage.granted() - before);
            proxy.switch_both(LinkFault::Pass);
            let since = Instant::now();
            script.act("it is whole again");
            let back = script.serves_again(NODE, since).await?;
            script.measure("serves again after", ms(back));
            script.demand(back <= BACK, || format!("node {NODE} served again after {back:?} only"));
            script.demand(script.stage.granted() > before, || {
                "nothing was sold while one of four links was broken".to_owned()
            });
            Ok(())
        })
        .await?;
    let slowest = outcomes.tally.slowest;
    let mut record = scene.record.borrow_mut();
    record.demand(slowest < ONE_ATTEMPT_LATER, || {
        format!("a buyer waited {slowest:?} because of one broken link")
    });
    drop(record);
    rig.stop()
}
