//! Cuts of the story's file: three starts on each, with sales in between, counted by somebody
//! outside.

use crate::torn::stage::{self, Way};
use crate::torn::story::{Counted, Sales, Story, count, wish};
use lastseat_ledger::{Ledger, Reserve, Verdict};
use lastseat_tests::harness::PrivateRedis;
use lastseat_tests::harness::redis::NotStarted;
use shared::{Capacity, OrderId, SaleId, SaleState};
use std::collections::BTreeSet;
use tempfile::TempDir;

/// What came of a cut after so many bytes.
#[derive(Debug)]
pub(crate) struct Cut {
    #[expect(dead_code, reason = "it is shown")]
    pub(crate) length: usize,
    pub(crate) outcome: Result<(), String>,
}

/// Every byte at which the file can end.
pub(crate) fn all(story: &Story) -> Vec<usize> {
    (story.begin()..=story.bytes.len()).collect()
}

/// Every byte of the last five scripts.
pub(crate) fn last(story: &Story) -> Vec<usize> {
    let ends = story.ends();
    (ends[ends.len().saturating_sub(6)]..=story.bytes.len()).collect()
}

/// `few` of them, evenly over the file, each beginning elsewhere between two; and those around the
/// end of each script.
pub(crate) fn some(story: &Story, few: usize) -> Vec<usize> {
    let (begin, end) = (story.begin(), story.bytes.len());
    let step = (end - begin) / few;
    let first = begin + fastrand::usize(0..step);
    let mut cuts: BTreeSet<usize> = (first..end).step_by(step).collect();
    cuts.extend(inside_the_last_scripts(story));
    cuts.into_iter().collect()
}

/// Behind a command, inside one, and before the last byte, of each of the last five scripts.
pub(crate) fn inside_the_last_scripts(story: &Story) -> Vec<usize> {
    let ends = story.ends();
    let mut cuts = Vec::new();
    for pair in ends.windows(2).rev().take(5) {
        let script = &story.bytes[pair[0]..pair[1]];
        let mut commands = (1..script.len()).filter(|&at| script[at..].starts_with(b"\r\n*"));
        let second = commands.nth(2).unwrap_or(script.len() / 2);
        cuts.extend([pair[0] + second + 2, pair[0] + second + 9, pair[1] - 1]);
    }
    cuts
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// The outcome of `work` for each of `places`.
pub(crate) fn in_two_threads<T: Send>(
    places: &[usize],
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let (work, half) = (&work, places.len().div_ceil(2));
    std::thread::scope(|scope| {
        let hands = places.chunks(half.max(1)).map(|part| {
            scope.spawn(move || part.iter().map(|place| work(*place)).collect::<Vec<T>>())
        });
        let hands: Vec<_> = hands.collect();
        let done = hands.into_iter().flat_map(|hand| hand.join().expect("a hand"));
        done.collect()
    })
}

pub(crate) fn run(story: &Story, cuts: &[usize], way: Way) -> Vec<Cut> {
    in_two_threads(cuts, |length| Cut {
        length,
        outcome: runtime().block_on(three_starts(story, length, way)),
    })
}

async fn three_starts(story: &Story, length: usize, way: Way) -> Result<(), String> {
    let mut sales = Counting::of(story, length);
    let server = start(story.cut(length), way)?;
    let ledger = stage::ledger(&server).await?;
    sales.agree(&ledger).await?;
    sales.sell(&ledger, "first").await?;

    let server = start(server.into_directory(), way)?;
    let ledger = stage::ledger(&server).await?;
    sales.agree(&ledger).await?;
    // Those who had no answer ask again, with the same ids.
    for (sale, wish) in story.torn(length) {
        sales.ask_again(&ledger, sale, wish).await?;
    }
    sales.sell(&ledger, "second").await?;

    let server = start(server.into_directory(), way)?;
    let ledger = stage::ledger(&server).await?;
    sales.agree(&ledger).await?;
    sales.audit(&ledger).await
}

/// One that refuses to start is started again, as a supervisor does, once.
pub(crate) fn start(directory: TempDir, way: Way) -> Result<PrivateRedis, String> {
    let again = |refused: NotStarted| {
        let directory = refused.directory.ok_or(refused.said)?;
        stage::start(directory, way).map_err(|refused| refused.said)
    };
    stage::start(directory, way).or_else(again)
}

/// The sales as somebody counts them who knows what the whole scripts had and what buyers heard
/// since.
pub(crate) struct Counting {
    sales: Sales,
}

impl Counting {
    pub(crate) fn of(story: &Story, length: usize) -> Self {
        Self { sales: story.had(length).clone() }
    }

    /// The ledger has every order that was counted, and no other.
    pub(crate) async fn agree(&self, ledger: &Ledger) -> Result<(), String> {
        for sale in self.sales.keys() {
            ledger.recover_without_nodes(sale).await.map_err(|e| e.to_string())?;
        }
        let ids: Vec<SaleId> = self.sales.keys().cloned().collect();
        let found = count(ledger, &ids).await?;
        let now = ledger.time().await.map_err(|e| e.to_string())?;
        for (sale, counted) in &self.sales {
            let (is, shall) = (found[sale].at(now), counted.at(now));
            if is != shall || found[sale].capacity != counted.capacity {
                let differs = |id: &&OrderId| is.get(*id) != shall.get(*id);
                let ids: BTreeSet<&OrderId> = is.keys().chain(shall.keys()).copied().collect();
                let ids: Vec<_> = ids.into_iter().filter(differs).collect();
                let (is, shall) = (found[sale].capacity, counted.capacity);
                return Err(format!("{sale} has {is} tickets, not {shall}, and other {ids:?}"));
            }
        }
        Ok(())
    }

    /// Sells out, with one ticket more than there was, to buyers named after `name`; then audits.
    pub(crate) async fn sell(&mut self, ledger: &Ledger, name: &str) -> Result<(), String> {
        for (sale, counted) in &mut self.sales {
            ledger.recover_without_nodes(sale).await.map_err(|e| e.to_string())?;
            let open = ledger.set_state(sale, SaleState::Open).await;
            open.map_err(|e| e.to_string())?;
            counted.capacity += 1;
            let capacity = Capacity::new(counted.capacity.into()).expect("a capacity");
            let more = ledger.restock(sale, capacity, None).await;
            more.map_err(|e| e.to_string())?;
            let now = ledger.time().await.map_err(|e| e.to_string())?;
            let free = counted.capacity - counted.taken(now);
            let wishes: Vec<Reserve> = (0..counted.capacity).map(|n| wish(name, n, 1)).collect();
            let granted = place(ledger, sale, counted, &wishes).await?;
            if granted != free {
                return Err(format!("{sale}: {granted} were told yes for {free} tickets"));
            }
        }
        self.audit(ledger).await
    }

    /// Asks for an order whose script was torn: it was never granted, so it gets what is free, and
    /// that is nothing.
    async fn ask_again(
        &mut self,
        ledger: &Ledger,
        sale: &SaleId,
        wish: &Reserve,
    ) -> Result<(), String> {
        let counted = self.sales.get_mut(sale).expect("a sale");
        match place(ledger, sale, counted, std::slice::from_ref(wish)).await? {
            0 => Ok(()),
            _ => Err(format!("{sale}: {} got a ticket when none was left", wish.id)),
        }
    }

    /// Counters, records, log, tallies and holds agree with each other and with what was counted.
    pub(crate) async fn audit(&self, ledger: &Ledger) -> Result<(), String> {
        for (sale, counted) in &self.sales {
            let report = ledger.audit(sale).await.map_err(|e| e.to_string())?;
            let report = report.ok_or("the sale is gone")?;
            let now = ledger.time().await.map_err(|e| e.to_string())?;
            let taken = counted.taken(now);
            let recounted = report.held + report.confirmed;
            if !report.ok || recounted != u64::from(taken) || taken > counted.capacity {
                return Err(format!("{taken} of {} are sold; {report:?}", counted.capacity));
            }
        }
        Ok(())
    }
}

/// Places orders; how many were granted.
async fn place(
    ledger: &Ledger,
    sale: &SaleId,
    counted: &mut Counted,
    wishes: &[Reserve],
) -> Result<u32, String> {
    let reply = ledger.reserve(sale, wishes).await.map_err(|e| e.to_string())?;
    let (_, verdicts) = reply.ok_or("the sale is gone")?;
    let mut granted = 0;
    for (wish, verdict) in wishes.iter().zip(verdicts) {
        if let Verdict::Granted { order, .. } = verdict {
            granted += 1;
            counted.orders.insert(wish.id.clone(), order);
        }
    }
    Ok(granted)
}
