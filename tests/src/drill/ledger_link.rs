//! What the link between the nodes and Redis can suffer.

use super::ledger::{outage_of, unready};
use super::rig::Rig;
use super::scene::{Load, ONE_ATTEMPT_LATER, Scene};
use super::script::{Script, ms};
use crate::harness::proxy::{AfterFault, Direction, LinkFault, LostLink};
use anyhow::{Result, bail};
use lastseat_ledger::scripts::SCRIPTS;
use shared::limits::{COLD_WAIT_MS, COLD_WAITS_MAX, LEDGER_DEADLINE_MS};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const REPLAYED: &str = "lastseat_orders_replayed_total";
const ORDERS: &str = "lastseat_orders_total";
/// Somebody orders within that time.
const SOON: Duration = Duration::from_secs(10);
/// Delays each way that a working link may have: in a building, in a country, across an ocean.
const DELAYS_MS: [u64; 3] = [2, 15, 60];

/// The script ran, and the node never hears so.
pub(super) async fn replies_lost(scene: &mut Scene) -> Result<()> {
    let times = if scene.long { 12 } else { 4 };
    let rig = Rig::start().await?;
    let load = Load::lasting(times + 3, scene.rate);
    let outcomes = scene
        .under_load(&rig.cluster, load, async |script: &Script| {
            script.sold(0.05).await;
            for round in 0..times {
                let then = if round % 2 == 0 { AfterFault::Cut } else { AfterFault::Keep };
                lose_one(&rig, then).await?;
                script.act(match then {
                    AfterFault::Cut => {
                        "a batch was carried out, its reply is lost, the link is cut"
                    }
                    AfterFault::Keep => {
                        "a batch was carried out, its reply is lost, the link is silent"
                    }
                });
                let pause = script.chance.borrow_mut().u64(100..400);
                sleep(Duration::from_millis(pause)).await;
            }
            Ok(())
        })
        .await?;
    let replayed = rig.cluster.count(REPLAYED, &[]).await?;
    // Rare: the reply to its second try was the next one to be lost.
    let unknown = rig.cluster.count(ORDERS, &["outcome=\"outcome_unknown\""]).await?;
    let slowest = outcomes.tally.slowest;
    let mut record = scene.record.borrow_mut();
    record.measure("orders whose outcome was heard at the second try", replayed);
    record.measure("orders whose outcome a node did not learn", unknown);
    record.demand(replayed >= u64::from(times), || {
        format!("{times} batches lost their reply, and only {replayed} orders were asked again")
    });
    record.demand(slowest < ONE_ATTEMPT_LATER, || {
        format!("a buyer waited {slowest:?} because one reply was lost")
    });
    drop(record);
    rig.stop()
}

async fn lose_one(rig: &Rig, then: AfterFault) -> Result<()> {
    let before = rig.to_ledger.counts().lost;
    rig.to_ledger.lose(LostLink { to: SCRIPTS.reserve.hash.clone().into_bytes(), times: 1, then });
    let begun = Instant::now();
    while rig.to_ledger.counts().lost == before {
        if begun.elapsed() > SOON {
            bail!("nobody ordered for {SOON:?}");
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// A slow link: orders wait longer, and that is all.
pub(super) async fn slow(scene: &mut Scene) -> Result<()> {
    let each = Duration::from_millis(if scene.long { 4_000 } else { 1_500 });
    let rig = Rig::start().await?;
    let load = Load::lasting((3 * each).as_secs() as u32 + 3, scene.rate);
    scene
        .under_load(&rig.cluster, load, async |script: &Script| {
            script.sold(0.05).await;
            for late in DELAYS_MS {
                let late = Duration::from_millis(late);
                script.act(format!("{} later each way", ms(late)));
                rig.to_ledger.switch_both(LinkFault::Delay(late));
                let before = script.stage.granted();
                sleep(each).await;
                let sold = script.stage.granted() - before;
                script.measure(&format!("sold with {} each way", ms(late)), sold);
                // The edges learn the new pace in the first half second.
                let least = u64::from(load.rate) * each.as_millis() as u64 / 2_000 * 3 / 4;
                script.demand(sold >= least, || {
                    format!("only {sold} were sold in {each:?} with a delay of {late:?}")
                });
            }
            rig.to_ledger.switch_both(LinkFault::Pass);
            script.act("as quick as before");
            Ok(())
        })
        .await
        .map(|outcomes| {
            // At the edge one waits for a grant, at the node for the batch that is under way and
            // then for its own: two round trips, and twice that on a busy machine.
            let bound = 8 * Duration::from_millis(DELAYS_MS[2])
                + Duration::from_millis(COLD_WAIT_MS * u64::from(COLD_WAITS_MAX));
            let p99 = outcomes.tally.granted_us.value_at_quantile(0.99);
            let p99 = Duration::from_micros(p99);
            scene.record.borrow_mut().demand(p99 <= bound, || {
                format!("one of a hundred tickets took longer than {p99:?}, not {bound:?}")
            });
        })?;
    rig.stop()
}

/// A link so slow that every reply comes too late: all batches are carried out and nobody hears so.
pub(super) async fn late(scene: &mut Scene) -> Result<()> {
    let away = Duration::from_secs(if scene.long { 6 } else { 3 });
    let rig = Rig::start().await?;
    outage_of(scene, &rig.cluster, away, async |script: &Script| {
        let late = Duration::from_millis(LEDGER_DEADLINE_MS * 3 / 4);
        script.act(format!("{} later each way: every reply is too late", ms(late)));
        rig.to_ledger.switch_both(LinkFault::Delay(late));
        sleep(away).await;
        rig.to_ledger.switch_both(LinkFault::Pass);
        script.act("as quick as before");
        Ok(())
    })
    .await?;
    rig.stop()
}

/// Cut at any moment, also in the middle of a request or a reply.
pub(super) async fn cut(scene: &mut Scene) -> Result<()> {
    let away = Duration::from_secs(if scene.long { 6 } else { 3 });
    let rig = Rig::start().await?;
    outage_of(scene, &rig.cluster, away, async |script: &Script| {
        script.act("the link is cut again and again");
        let (until, before) = (Instant::now() + away, script.stage.granted());
        while Instant::now() < until {
            let (pause, bytes, way) = {
                let mut chance = script.chance.borrow_mut();
                let way = if chance.bool() { Direction::ToServer } else { Direction::ToClient };
                (chance.u64(20..200), chance.u64(1..3_000), way)
            };
            rig.to_ledger.cut();
            rig.to_ledger.switch(way, LinkFault::CutAfter(bytes));
            sleep(Duration::from_millis(pause)).await;
            rig.to_ledger.switch_both(LinkFault::Pass);
            sleep(Duration::from_millis(pause)).await;
        }
        let counts = rig.to_ledger.counts();
        script.act("left alone");
        script.measure("connections that were cut", counts.cut);
        script.measure("sold meanwhile", script.stage.granted() - before);
        script.demand(script.stage.granted() > before, || {
            "nothing was sold between the cuts".to_owned()
        });
        // Nodes that tried again at once, without end, would open thousands.
        let most = 100 * away.as_secs();
        script.demand(counts.opened < most, || {
            format!("the nodes opened {} connections in {away:?}", counts.opened)
        });
        Ok(())
    })
    .await?;
    rig.stop()
}

/// Everything is taken, nothing is answered, and no connection ends.
pub(super) async fn half_open(scene: &mut Scene) -> Result<()> {
    let away = Duration::from_secs(if scene.long { 6 } else { 3 });
    let rig = Rig::start().await?;
    outage_of(scene, &rig.cluster, away, async |script: &Script| {
        script.act("the link takes everything and answers nothing");
        rig.to_ledger.switch_both(LinkFault::Swallow);
        sleep(away).await;
        unready(script).await?;
        rig.to_ledger.switch_both(LinkFault::Pass);
        script.act("new connections work, old ones stay silent");
        Ok(())
    })
    .await?;
    rig.stop()
}
