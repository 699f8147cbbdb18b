//! What Redis itself can suffer, or be told: paused, connections killed, loading, without memory,
//! made a replica, without disk, its last writes lost.

use super::ledger::{outage, outage_of, unready};
use super::rig::Rig;
use super::scene::{Load, SALE, Scene};
use super::script::{Script, ms};
use crate::harness::{RedisSetup, ledger};
use anyhow::{Result, bail};
use redis::Value;
use shared::OrderId;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::time::sleep;

/// Buyers with a yes whose order was in a tail that the disk lost, and that no node brought back.
const MISSING_AFTER_A_LOST_TAIL: u64 = 0;

/// How long a state lasts that operators end.
const fn away(scene: &Scene) -> Duration {
    Duration::from_secs(if scene.long { 6 } else { 3 })
}

pub(super) async fn paused(scene: &mut Scene) -> Result<()> {
    let away = away(scene);
    outage(scene, away, async |script: &Script| {
        let pause = away.as_millis().to_string();
        script.act(format!("CLIENT PAUSE {pause} ALL"));
        let since = Instant::now();
        script.redis_command(&["CLIENT", "PAUSE", &pause, "ALL"]).await?;
        sleep(away * 3 / 4).await;
        unready(script).await?;
        sleep(away.saturating_sub(since.elapsed())).await;
        script.act("the pause is over");
        Ok(())
    })
    .await
}

pub(super) async fn connections_killed(scene: &mut Scene) -> Result<()> {
    let away = away(scene);
    outage(scene, away, async |script: &Script| {
        script.act("CLIENT KILL TYPE normal and SCRIPT FLUSH, again and again");
        let (until, before) = (Instant::now() + away, script.stage.granted());
        let mut times = 0;
        while Instant::now() < until {
            script.redis_command(&["SCRIPT", "FLUSH"]).await?;
            script.redis_command(&["CLIENT", "KILL", "TYPE", "normal"]).await?;
            times += 1;
            let pause = script.chance.borrow_mut().u64(50..400);
            sleep(Duration::from_millis(pause)).await;
        }
        script.act("left alone");
        script.measure("killed so many times", times);
        script.measure("sold meanwhile", script.stage.granted() - before);
        script.demand(script.stage.granted() > before, || {
            "nothing was sold between the kills".to_owned()
        });
        Ok(())
    })
    .await
}

/// What else lies in a Redis that takes seconds to start: keys, and microseconds that it takes over
/// each.
const OTHER_KEYS: &str = "for i = 1, 6000 do redis.call('SET', 'other:' .. i, i) end";
const SLOWLY: [&str; 4] =
    ["--key-load-delay", "400", "--loading-process-events-interval-bytes", "1024"];

/// A Redis that starts and reads its file answers everything with LOADING, and knows no scripts.
pub(super) async fn loading(scene: &mut Scene) -> Result<()> {
    let mut rig = Rig::start().await?;
    let _: Value = rig.redis.try_ask(&["EVAL", OTHER_KEYS, "0"]).await?;
    rig.redis.rewrite().await?;
    let Rig { redis, cluster, .. } = &mut rig;
    outage_of(scene, cluster, Duration::from_secs(4), async |script: &Script| {
        script.act("kill -9 of Redis");
        redis.kill();
        redis.spawn_again(&SLOWLY);
        let since = Instant::now();
        let mut seen = false;
        while let Err(why) = redis.try_ask::<Value>(&["PING"]).await {
            if !seen && why.to_string().to_lowercase().contains("loading") {
                seen = true;
                script.act("Redis runs and says LOADING");
                unready(script).await?;
            }
            if since.elapsed() > Duration::from_secs(20) {
                bail!("Redis did not load its file: {why}");
            }
            sleep(Duration::from_millis(20)).await;
        }
        script.act("Redis has read its file");
        script.measure("reading its file took", ms(since.elapsed()));
        script.demand(seen, || "Redis never said LOADING: nothing was shown".to_owned());
        Ok(())
    })
    .await?;
    rig.stop()
}

pub(super) async fn out_of_memory(scene: &mut Scene) -> Result<()> {
    told(scene, &["CONFIG", "SET", "maxmemory", "100kb"], &["CONFIG", "SET", "maxmemory", "0"])
        .await
}

/// A failover that went wrong: the primary was made a replica of nobody who is there.
pub(super) async fn read_only(scene: &mut Scene) -> Result<()> {
    told(scene, &["REPLICAOF", "127.0.0.1", "9"], &["REPLICAOF", "NO", "ONE"]).await
}

/// An operator tells Redis something that keeps it from writing, and takes it back.
async fn told(scene: &mut Scene, this: &[&str], and_back: &[&str]) -> Result<()> {
    let away = Duration::from_secs(if scene.long { 6 } else { 2 });
    outage(scene, away, async |script: &Script| {
        script.act(this.join(" "));
        script.redis_command(this).await?;
        sleep(Duration::from_millis(500)).await;
        let before = script.stage.granted();
        sleep(away.saturating_sub(Duration::from_millis(500))).await;
        let sold = script.stage.granted() - before;
        script
            .demand(sold == 0, || format!("{sold} tickets were sold by a Redis that cannot write"));
        unready(script).await?;
        script.act(and_back.join(" "));
        script.redis_command(and_back).await
    })
    .await
}

/// The disk of the append-only file is full: Redis ends rather than acknowledge what it cannot
/// keep.
pub(super) async fn disk_full(scene: &mut Scene) -> Result<()> {
    let mut rig = Rig::on(RedisSetup::default().on_small_disk(24)).await?;
    let Rig { redis, cluster, .. } = &mut rig;
    let away = away(scene);
    outage_of(scene, cluster, away, async |script: &Script| {
        script.act("the disk of the append-only file is full");
        if let Some(disk) = redis.disk() {
            disk.fill()?;
        }
        let since = Instant::now();
        // Until a write no longer fits.
        while !redis.has_ended() && since.elapsed() < Duration::from_secs(10) {
            sleep(Duration::from_millis(20)).await;
        }
        let ended = redis.has_ended();
        script.demand(ended, || "Redis went on without a disk to write to".to_owned());
        script.act("Redis has ended by itself");
        sleep(away).await;
        unready(script).await?;
        if let Some(disk) = redis.disk() {
            disk.empty()?;
        }
        script.act("there is room again, and Redis is started");
        redis.spawn_again(&[]);
        redis.answers().await
    })
    .await?;
    rig.stop()
}

/// Parts of the sale after which the power fails: what one start leaves behind a half script is
/// read by the next one.
const POWER_FAILS: [f64; 3] = [0.2, 0.4, 0.6];

/// Power failures with a disk that lies: each time the last writes are gone, acknowledged or not,
/// and the file ends inside a script.
pub(super) async fn tail_cut(scene: &mut Scene) -> Result<()> {
    let mut rig = Rig::start().await?;
    let Rig { redis, cluster, .. } = &mut rig;
    let load = Load {
        faults: super::scene::Faults::LedgerAway,
        ..Load::lasting(if scene.long { 10 } else { 6 }, scene.rate)
    };
    let mut lost = BTreeSet::new();
    scene
        .under_load(cluster, load, async |script: &Script| {
            for part in POWER_FAILS {
                script.sold(part).await;
                redis.kill();
                let whole = redis.files().copy();
                let bytes = script.chance.borrow_mut().u64(2_000..20_000);
                let bytes = bytes.min(redis.files().length() / 2);
                let bytes = redis.files().cut_inside_a_script(bytes);
                script.act(format!(
                    "kill -9 of Redis, and the last {bytes} bytes of its file are gone, up to \
                     inside a script"
                ));
                let (before, after) = (orders(whole).await?, orders(redis.files().copy()).await?);
                lost.extend(before.difference(&after).cloned());
                script.record.borrow_mut().excused.clone_from(&lost);
                redis.spawn_again(&[]);
                redis.answers().await?;
                script.act("Redis runs again");
            }
            // What was written since the last cut is read once more.
            script.sold(0.8).await;
            redis.kill();
            script.act("kill -9 of Redis");
            redis.spawn_again(&[]);
            redis.answers().await?;
            script.act("Redis runs again");
            Ok(())
        })
        .await?;
    let mut record = scene.record.borrow_mut();
    let missing = record.missing;
    record.measure("orders in the lost tail", lost.len());
    record.measure("of them missing in the end, though their buyers had a yes", missing);
    record.demand(!lost.is_empty(), || "the tail had no order: nothing was shown".to_owned());
    record.demand(missing == MISSING_AFTER_A_LOST_TAIL, || {
        format!("{missing} acknowledged orders are missing after a lost tail")
    });
    drop(record);
    rig.stop()
}

/// The orders in a copy of Redis's files.
async fn orders(copy: TempDir) -> Result<BTreeSet<String>> {
    let redis = RedisSetup::default().on(copy).try_start()?;
    let orders = ledger::orders(&redis.url(), SALE).await?;
    Ok(orders.keys().map(OrderId::to_string).collect())
}
