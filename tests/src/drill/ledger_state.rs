//! What Redis itself can suffer, or be told: paused, connections killed, loading, without memory,
//! made a replica, without disk, its last writes lost.

use super::ledger::unready;
use super::lost_reads::LostReads;
use super::scene::{SALE, Scene};
use super::script::ms;
use crate::harness::redis::LostTail;
use crate::harness::redis::lost_tail::TAIL_BYTES;
use anyhow::{Result, bail};
use redis::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Buyers with a yes whose order was in a tail that the disk lost, and that no node brought back.
const MISSING_AFTER_A_LOST_TAIL: u64 = 0;

pub(super) async fn paused(scene: &Scene) -> Result<()> {
    let pause = scene.time.as_millis().to_string();
    scene.act(format!("CLIENT PAUSE {pause} ALL"));
    let since = Instant::now();
    scene.redis_command(&["CLIENT", "PAUSE", &pause, "ALL"]).await?;
    sleep(scene.time * 3 / 4).await;
    unready(scene).await?;
    sleep(scene.time.saturating_sub(since.elapsed())).await;
    scene.act("the pause is over");
    Ok(())
}

pub(super) async fn connections_killed(scene: &Scene) -> Result<()> {
    scene.act("CLIENT KILL TYPE normal and SCRIPT FLUSH, again and again");
    let (until, before) = (Instant::now() + scene.time, scene.crowd.granted());
    let mut times = 0;
    while Instant::now() < until {
        scene.redis_command(&["SCRIPT", "FLUSH"]).await?;
        scene.redis_command(&["CLIENT", "KILL", "TYPE", "normal"]).await?;
        times += 1;
        scene.pause(50..400).await;
    }
    scene.act("left alone");
    scene.measure("killed so many times", times);
    scene.sells_meanwhile(before);
    Ok(())
}

/// What else lies in a Redis that takes seconds to start: keys, and microseconds that it takes over
/// each.
const OTHER_KEYS: &str = "for i = 1, 6000 do redis.call('SET', 'other:' .. i, i) end";
const SLOWLY: [&str; 4] =
    ["--key-load-delay", "400", "--loading-process-events-interval-bytes", "1024"];

/// A Redis that starts and reads its file answers everything with LOADING, and knows no scripts.
pub(super) async fn loading(scene: &mut Scene) -> Result<()> {
    let redis = &mut scene.links_mut()?.redis;
    let _: Value = redis.try_ask(&["EVAL", OTHER_KEYS, "0"]).await?;
    redis.rewrite().await?;
    redis.kill();
    redis.spawn_again(&SLOWLY);
    scene.act("kill -9 of Redis");
    let since = Instant::now();
    let mut seen = false;
    while let Err(why) = scene.links()?.redis.try_ask::<Value>(&["PING"]).await {
        if !seen && why.to_string().to_lowercase().contains("loading") {
            seen = true;
            scene.act("Redis runs and says LOADING");
            unready(scene).await?;
        }
        if since.elapsed() > Duration::from_secs(20) {
            bail!("Redis did not load its file: {why}");
        }
        sleep(Duration::from_millis(20)).await;
    }
    scene.act("Redis has read its file");
    scene.measure("reading its file took", ms(since.elapsed()));
    scene.demand(seen, || "Redis never said LOADING: nothing was shown".to_owned());
    Ok(())
}

/// An operator tells Redis something that keeps it from writing, and takes it back.
pub(super) async fn commanded(scene: &Scene, this: &[&str], and_back: &[&str]) -> Result<()> {
    const CARRIED_OUT: Duration = Duration::from_millis(500);
    scene.act(this.join(" "));
    scene.redis_command(this).await?;
    sleep(CARRIED_OUT).await;
    let before = scene.crowd.granted();
    sleep(scene.time.saturating_sub(CARRIED_OUT)).await;
    let sold = scene.crowd.granted() - before;
    scene.demand(sold == 0, || format!("{sold} tickets were sold by a Redis that cannot write"));
    unready(scene).await?;
    scene.act(and_back.join(" "));
    scene.redis_command(and_back).await
}

/// The disk of the append-only file is full: Redis ends rather than acknowledge what it cannot
/// keep.
pub(super) async fn disk_full(scene: &mut Scene) -> Result<()> {
    scene.act("the disk of the append-only file is full");
    let redis = &mut scene.links_mut()?.redis;
    redis.disk().map_or(Ok(()), |disk| disk.fill())?;
    let since = Instant::now();
    // Until a write no longer fits.
    while !redis.has_ended() && since.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(20)).await;
    }
    let ended = redis.has_ended();
    scene.demand(ended, || "Redis went on without a disk to write to".to_owned());
    scene.act("Redis has ended by itself");
    sleep(scene.time).await;
    unready(scene).await?;
    scene.act("there is room again, and Redis is started");
    let redis = &mut scene.links_mut()?.redis;
    redis.disk().map_or(Ok(()), |disk| disk.empty())?;
    redis.spawn_again(&[]);
    redis.answers().await
}

/// Parts of the sale after which the power fails: what one start leaves behind a half script is
/// read by the next one, and what was written since the last cut is read once more.
const POWER_FAILS: [f64; 3] = [0.2, 0.4, 0.6];
const KILLED: f64 = 0.8;

/// Power failures with a disk that lies: each time the last writes are gone, acknowledged or not,
/// and the file ends inside a script.
pub(super) async fn tail_cut(scene: &mut Scene) -> Result<()> {
    let (mut lost, mut reads) = (BTreeSet::new(), LostReads::default());
    for part in POWER_FAILS {
        scene.sold(part).await;
        let bytes = scene.chance.borrow_mut().u64(TAIL_BYTES);
        let redis = &mut scene.links_mut()?.redis;
        redis.kill();
        let tail = LostTail::cut(&redis.files(), bytes, 0)?;
        scene.act(format!(
            "kill -9 of Redis, and the last {} bytes of its file are gone, up to inside a script",
            tail.bytes()
        ));
        let told = scene.crowd.granted_buyers();
        let now = tail.orders(SALE).await?;
        lost.extend(now.iter().cloned());
        scene.record().excused.clone_from(&lost);
        scene.links_mut()?.redis.spawn_again(&[]);
        reads.until_restored(scene, &now, &told).await?;
        runs(scene).await?;
    }
    scene.sold(KILLED).await;
    scene.links_mut()?.redis.kill();
    scene.act("kill -9 of Redis");
    scene.links_mut()?.redis.spawn_again(&[]);
    runs(scene).await?;
    scene.over().await?;
    reads.judge(scene);
    let missing = scene.record().missing;
    scene.measure("orders in the lost tail", lost.len());
    scene.measure("of them missing in the end, though their buyers had a yes", missing);
    scene.demand(!lost.is_empty(), || "the tail had no order: nothing was shown".to_owned());
    scene.demand(missing == MISSING_AFTER_A_LOST_TAIL, || {
        format!("{missing} acknowledged orders are missing after a lost tail")
    });
    Ok(())
}

async fn runs(scene: &Scene) -> Result<()> {
    scene.links()?.redis.answers().await?;
    scene.act("Redis runs again");
    Ok(())
}
