//! Moments of sales: which sales are to open or to close now, and when the next ones are.
//!
//! A sale's own clock opens and closes it in whichever script runs next. So a node has one run at
//! the moment that was set, and the log says so although nobody asks. Every node does; what one of
//! them has found, the others do not find any more.

use lastseat_ledger::{Fault, Ledger};
use shared::{SaleId, Snapshot, UnixMillis};
use std::time::Duration;

/// Sales that are polled at the same time.
pub(crate) const POLLS_MAX: usize = 8;
/// Longest pause between two readings of the list, in milliseconds: a moment that another node has
/// set is found by then.
const PAUSE_MS: u64 = 500;
/// Least pause: the node's idea of the ledger's clock may be some milliseconds ahead.
const PAUSE_MIN_MS: u64 = 10;
/// Pause while the ledger does not answer, in milliseconds.
const AWAY_MS: u64 = 1_000;
/// Sales of one reading.
const READ_MAX: usize = 256;
/// A sale that cannot open or close now, because it recovers or is damaged, is polled again after
/// this time, in milliseconds.
const AGAIN_MS: u64 = 1_000;

/// What one reading of the list says.
#[derive(Debug)]
pub(crate) struct ComingMoments {
    /// Sales whose moment has come.
    pub(crate) due: Vec<SaleId>,
    next: UnixMillis,
}

impl ComingMoments {
    /// Reads the list.
    pub(crate) async fn read(ledger: &Ledger) -> Self {
        let now = ledger.now();
        match ledger.moments(now.plus(PAUSE_MS), READ_MAX).await {
            Ok(coming) => Self::sort(coming, now),
            Err(fault) => {
                if let Fault::Corrupt(what) = &fault {
                    tracing::error!("lastseat:sales:moments has what no lastseat writes: {what}");
                }
                Self { due: Vec::new(), next: now.plus(AWAY_MS) }
            }
        }
    }

    /// `coming` is in order, and all that comes within [`PAUSE_MS`] unless it is a whole reading.
    fn sort(coming: Vec<(SaleId, UnixMillis)>, now: UnixMillis) -> Self {
        let later = coming.iter().map(|(_, moment)| *moment).find(|moment| *moment > now);
        let all = if coming.len() < READ_MAX { now.plus(PAUSE_MS) } else { now };
        let due = coming.into_iter().filter(|(_, moment)| *moment <= now);
        Self { due: due.map(|(sale, _)| sale).collect(), next: later.unwrap_or(all) }
    }

    /// Time until the list is to be read again.
    pub(crate) fn pause(&self, now: UnixMillis) -> Duration {
        Duration::from_millis(self.next.since(now).max(PAUSE_MIN_MS))
    }
}

/// Notes the next moment of a sale that was polled.
pub(crate) async fn note(ledger: &Ledger, sale: &SaleId, found: Result<Option<Snapshot>, Fault>) {
    let again = ledger.now().plus(AGAIN_MS);
    let noted = match found {
        Ok(Some(snapshot)) => {
            let stands = snapshot.next_moment().is_some_and(|moment| moment <= snapshot.at);
            let earliest = if stands { again } else { snapshot.at };
            ledger.note_moment(sale, &snapshot, earliest).await
        }
        Ok(None) => ledger.forget_moment(sale).await,
        Err(fault) => {
            tracing::debug!("sale {sale} could not be polled: {fault}");
            ledger.note_moment_at(sale, again).await
        }
    };
    if let Err(fault) = noted {
        tracing::debug!("the next moment of sale {sale} could not be noted: {fault}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coming(moments: impl IntoIterator<Item = u64>) -> ComingMoments {
        let named = moments.into_iter().map(|moment| {
            let sale = SaleId::parse(&format!("sale-{moment}")).unwrap();
            (sale, UnixMillis(moment))
        });
        ComingMoments::sort(named.collect(), UnixMillis(1_000))
    }

    #[test]
    fn what_has_come_is_due_and_the_next_moment_ends_the_pause() {
        let pause = |coming: &ComingMoments| coming.pause(UnixMillis(1_000)).as_millis();
        let some = coming([900, 1_000, 1_200, 1_300]);
        assert_eq!((some.due.len(), pause(&some)), (2, 200));
        assert_eq!(pause(&coming([])), 500);
        assert_eq!(pause(&coming([900])), 500, "all that is due was read");
        assert_eq!(pause(&coming(vec![900; READ_MAX])), 10, "more may be due");
        assert_eq!(some.pause(UnixMillis(5_000)).as_millis(), 10);
    }
}
