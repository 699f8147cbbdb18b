//! What breaks while the crowd buys: a node (`--kill-node-at`), the file of Redis
//! (`--cut-redis-at`).

use super::options::LoadOptions;
use crate::harness::redis::append_only::DIRECTORY;
use crate::harness::redis::lost_tail::{TAIL_BYTES, power_fails};
use crate::harness::redis::{AppendOnlyFiles, LostTail, command};
use crate::harness::{AuditRun, System};
use crate::load::{Buyers, LoadStage, LoadTally, OrderOutcome};
use anyhow::{Context, Result, bail};
use fastrand::Rng;
use redis::FromRedisValue;
use serde::Serialize;
use shared::OrderId;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between two looks at what comes back.
const LOOK: Duration = Duration::from_millis(50);
/// A sale whose Redis lost its last bytes has every acknowledged order again within that time.
const RESTORED_WITHIN: Duration = Duration::from_secs(30);

/// What the cut of Redis' file took, and how long it stopped the sale.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RedisCut {
    /// Tickets or orders that buyers had when it happened.
    pub sold_before: u64,
    /// Bytes of the append-only file that are gone.
    pub bytes: u64,
    /// Orders that were in them.
    pub orders_lost: u64,
    /// Those of them of which their buyers had been told "yes".
    pub told: u64,
    /// Milliseconds until Redis answered again, its file read.
    pub redis_back_ms: Option<u64>,
    /// Milliseconds until the next order was granted; none if no buyer wanted one after that.
    pub sells_again_ms: Option<u64>,
}

/// A cut that was made.
#[derive(Debug)]
struct MadeCut {
    tail: LostTail,
    told: BTreeSet<u32>,
    found: RedisCut,
}

/// What shall break, and what has.
#[derive(Debug)]
pub(super) struct RushFaults<'a> {
    options: &'a LoadOptions,
    system: &'a System,
    /// What the bytes that are cut follow from.
    seed: u64,
    /// How far the crowd is.
    pub(super) stage: Rc<LoadStage>,
    /// The file to which Redis appends and how many bytes of it stay: they made the sale.
    kept: (PathBuf, u64),
    killed: Cell<Option<u32>>,
    cut: RefCell<Option<MadeCut>>,
}

impl<'a> RushFaults<'a> {
    /// None yet; the sale is made.
    ///
    /// # Errors
    /// Redis' file is to be cut, and it does not say where that is.
    pub(super) async fn wanted(
        options: &'a LoadOptions,
        system: &'a System,
        seed: u64,
    ) -> Result<Self> {
        let kept = match options.cut_redis_at {
            Some(_) => {
                let files = files(system).await?;
                (files.tail(), files.length())
            }
            None => Default::default(),
        };
        let (stage, killed, cut) = <(Rc<LoadStage>, _, _)>::default();
        Ok(Self { options, system, seed, stage, kept, killed, cut })
    }

    /// Does what the options want when it is time, and never ends. The sale has room for about so
    /// many orders.
    pub(super) async fn happen(&self, orders_in_all: f64) -> Infallible {
        tokio::join!(self.kill_a_node(orders_in_all), self.cut_redis(orders_in_all));
        std::future::pending().await
    }

    /// Waits until this part of the orders is sold.
    async fn sold(&self, part: f64, orders_in_all: f64) {
        self.stage.sold(((orders_in_all * part) as u64).max(1)).await;
    }

    async fn kill_a_node(&self, orders_in_all: f64) {
        let Some(part) = self.options.kill_node_at else { return };
        self.sold(part, orders_in_all).await;
        match self.system.kill_heaviest_node() {
            Ok(id) => self.killed.set(Some(id)),
            Err(error) => eprintln!("rush: no node was killed: {error:#}"),
        }
    }

    async fn cut_redis(&self, orders_in_all: f64) {
        let Some(part) = self.options.cut_redis_at else { return };
        self.sold(part, orders_in_all).await;
        if let Err(error) = self.lose_the_tail().await {
            eprintln!("rush: Redis' file was not cut as it should be: {error:#}");
        }
    }

    /// Redis loses its last bytes and is killed. What supervises it starts it again.
    async fn lose_the_tail(&self) -> Result<()> {
        let (pid, files) = (process(self.system).await?, files(self.system).await?);
        let bytes = Rng::with_seed(self.seed).u64(TAIL_BYTES);
        let (told, sold_before) = (self.stage.granted_buyers(), self.stage.granted());
        // In a file that was rewritten since then, the sale is in another part.
        let kept = if files.tail() == self.kept.0 { self.kept.1 } else { 0 };
        let tail = power_fails(pid, &files, (bytes, kept))?;
        let since = Instant::now();
        let found = RedisCut { sold_before, bytes: tail.bytes(), ..RedisCut::default() };
        *self.cut.borrow_mut() = Some(MadeCut { tail, told, found });
        // As long as it reads its file it answers with an error.
        while process(self.system).await.ok().is_none_or(|now| now == pid) {
            sleep(LOOK).await;
        }
        let note = |set: &dyn Fn(&mut RedisCut, u64)| {
            let ms = since.elapsed().as_millis() as u64;
            self.cut.borrow_mut().iter_mut().for_each(|cut| set(&mut cut.found, ms));
        };
        note(&|found, ms| found.redis_back_ms = Some(ms));
        self.stage.sold(self.stage.granted() + 1).await;
        note(&|found, ms| found.sells_again_ms = Some(ms));
        Ok(())
    }

    /// The node that was killed.
    pub(super) fn killed(&self) -> Option<u32> {
        self.killed.get()
    }

    /// Waits until the ledger has every order again of which a buyer was told, and the sale is
    /// audited: recovery may go on after the last buyer has an answer. Whether all came back is
    /// for the judge to say, who looks when this has waited long enough.
    pub(super) async fn over(&self, sale: &str, told: (&LoadTally, Buyers)) -> Result<AuditRun> {
        let (tally, buyers) = told;
        let begun = Instant::now();
        loop {
            let audit = self.system.audit(sale).await;
            let late = begun.elapsed() > RESTORED_WITHIN;
            if self.cut.borrow().is_none() || late {
                return audit;
            }
            if let Ok(audit) = audit
                && audit.ok
                && self.system.orders(sale).await.is_ok_and(|orders| {
                    let mut granted = (0u32..).zip(&tally.outcomes);
                    granted.all(|(number, outcome)| {
                        let id = OrderId::parse(&buyers.key(number));
                        *outcome != OrderOutcome::Granted
                            || id.is_ok_and(|id| orders.contains_key(&id))
                    })
                })
            {
                return Ok(audit);
            }
            sleep(LOOK).await;
        }
    }

    /// What the cut took, and a sentence for each fault that was asked for and shows nothing.
    pub(super) async fn found(
        self,
        sale: &str,
        buyers: Buyers,
    ) -> Result<(Option<RedisCut>, Vec<String>)> {
        let mut violations = Vec::new();
        let sold = self.stage.granted();
        if self.options.kill_node_at.is_some() && self.killed.get().is_none() {
            violations.push(format!("no node was killed until {sold} orders were sold"));
        }
        let Some(MadeCut { tail, told, mut found }) = self.cut.into_inner() else {
            if self.options.cut_redis_at.is_some() {
                violations.push(format!("Redis' file was not cut until {sold} orders were sold"));
            }
            return Ok((None, violations));
        };
        let lost = tail.orders(sale).await.context("the files of before and after the cut")?;
        let was_told = |key: &&String| buyers.whose(key).is_some_and(|n| told.contains(&n));
        found.orders_lost = lost.len() as u64;
        found.told = lost.iter().filter(was_told).count() as u64;
        if lost.is_empty() {
            violations.push("the bytes that Redis lost had no order: nothing was shown".to_owned());
        }
        if found.redis_back_ms.is_none() {
            violations
                .push("Redis did not run again before the last buyer was answered".to_owned());
        }
        Ok((Some(found), violations))
    }
}

/// Asks the Redis of the system.
async fn ask<T: FromRedisValue>(system: &System, words: &[&str]) -> Result<T> {
    let at = system.redis.as_ref().context("no Redis is known")?;
    Ok(redis::from_redis_value(command(&at.url, words).await?)?)
}

/// The process of the Redis of the system, if it has read its file.
async fn process(system: &System) -> Result<u32> {
    let info: String = ask(system, &["INFO", "server"]).await?;
    let pid = info.lines().find_map(|line| line.strip_prefix("process_id:"));
    let _: String = ask(system, &["PING"]).await?;
    Ok(pid.context("Redis does not name its process")?.trim().parse()?)
}

/// Its append-only file.
async fn files(system: &System) -> Result<AppendOnlyFiles> {
    let found: Vec<String> = ask(system, &["CONFIG", "GET", "dir"]).await?;
    let [_, directory] = found.as_slice() else { bail!("Redis does not say where its files are") };
    let directory = Path::new(directory);
    let there = directory.join(DIRECTORY);
    if !there.is_dir() {
        bail!("Redis has no append-only file in {}", there.display());
    }
    Ok(AppendOnlyFiles::of(directory))
}
