//! What the link between the nodes and Redis can suffer.

use super::ledger::unready;
use super::scene::Scene;
use super::script::{lose_one, ms};
use crate::harness::proxy::{AfterFault, LinkFault};
use anyhow::Result;
use shared::limits::{COLD_WAIT_MS, COLD_WAITS_MAX, LEDGER_DEADLINE_MS};
use std::time::Duration;
use tokio::time::sleep;

/// Delays each way that a working link may have: in a building, in a country, across an ocean.
const DELAYS_MS: [u64; 3] = [2, 15, 60];
/// At the edge one waits for a grant, at the node for the batch that is under way and then for its
/// own: two round trips, and twice that on a busy machine.
pub(super) const SLOW: Duration =
    Duration::from_millis(8 * DELAYS_MS[2] + COLD_WAIT_MS * COLD_WAITS_MAX as u64);

/// The script ran, and the node never learns of it.
pub(super) async fn replies_lost(scene: &mut Scene) -> Result<()> {
    let times = scene.time.as_secs();
    for round in 0..times {
        let (then, what) = match round % 2 {
            0 => (AfterFault::Cut, "cut"),
            _ => (AfterFault::Keep, "silent"),
        };
        lose_one(&scene.links()?.to_ledger, scene.reserve_hash(), then).await?;
        scene.act(format!("a batch was carried out, its reply is lost, the link is {what}"));
        scene.pause(100..400).await;
    }
    scene.over().await?;
    let replayed = scene.cluster.count("lastseat_orders_replayed_total", &[]).await?;
    scene.measure("orders whose outcome came at the second try", replayed);
    // Rare: the reply to its second try was the next one to be lost.
    let unknown = ["outcome=\"outcome_unknown\""];
    let unknown = scene.cluster.count("lastseat_orders_total", &unknown).await?;
    scene.measure("orders whose outcome a node did not learn", unknown);
    scene.demand(replayed >= times, || {
        format!("{times} batches lost their reply, and only {replayed} orders were asked again")
    });
    Ok(())
}

/// A slow link: orders wait longer, and that is all.
pub(super) async fn slow(scene: &Scene) -> Result<()> {
    let (link, each) = (&scene.links()?.to_ledger, scene.time / DELAYS_MS.len() as u32);
    for late in DELAYS_MS.map(Duration::from_millis) {
        scene.act(format!("{} later each way", ms(late)));
        link.switch_both(LinkFault::Delay(late));
        let before = scene.crowd.granted();
        sleep(each).await;
        let sold = scene.crowd.granted() - before;
        scene.measure(&format!("sold with {} each way", ms(late)), sold);
        // The edges learn the new pace in the first half second.
        let least = u64::from(scene.rate) * each.as_millis() as u64 / 2_000 * 3 / 4;
        scene.demand(sold >= least, || {
            format!("only {sold} were sold in {each:?} with a delay of {late:?}")
        });
    }
    link.switch_both(LinkFault::Pass);
    scene.act("as quick as before");
    Ok(())
}

/// A link so slow that every reply comes too late: all batches are carried out and no node learns
/// of it.
pub(super) async fn late(scene: &Scene) -> Result<()> {
    let late = Duration::from_millis(LEDGER_DEADLINE_MS * 3 / 4);
    scene.act(format!("{} later each way: every reply is too late", ms(late)));
    scene.links()?.to_ledger.switch_both(LinkFault::Delay(late));
    sleep(scene.time).await;
    scene.links()?.to_ledger.switch_both(LinkFault::Pass);
    scene.act("as quick as before");
    Ok(())
}

/// Cut at any moment, also in the middle of a request or a reply.
pub(super) async fn cut(scene: &Scene) -> Result<()> {
    let (link, before) = (&scene.links()?.to_ledger, scene.crowd.granted());
    scene.act("the link is cut again and again");
    scene.cut_again_and_again(link, scene.time).await;
    let counts = link.counts();
    scene.act("left alone");
    scene.measure("connections that were cut", counts.cut);
    scene.sells_meanwhile(before);
    // Nodes that tried again at once, without end, would open thousands.
    scene.demand(counts.opened < 100 * scene.time.as_secs(), || {
        format!("the nodes opened {} connections in {:?}", counts.opened, scene.time)
    });
    Ok(())
}

/// Everything is taken, nothing is answered, and no connection ends.
pub(super) async fn half_open(scene: &Scene) -> Result<()> {
    scene.act("the link takes everything and answers nothing");
    scene.links()?.to_ledger.switch_both(LinkFault::Swallow);
    sleep(scene.time).await;
    unready(scene).await?;
    scene.links()?.to_ledger.switch_both(LinkFault::Pass);
    scene.act("new connections work, old ones stay silent");
    Ok(())
}
