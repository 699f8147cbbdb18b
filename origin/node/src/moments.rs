//! Moments task of a node: looks at sales when they are to open or to close.
//!
//! A sale's own clock opens and closes it in whichever script looks at it next. This one looks at
//! the moment that was set, so that the log says so although nobody asks. Every node does; what one
//! of them has found, the others do not find any more.

use crate::sale_service::Sales;
use futures_util::{StreamExt as _, stream};
use lastseat_ledger::Fault;
use shared::{SaleId, UnixMillis};
use std::time::Duration;

/// Longest pause between two looks at the list, in milliseconds: a moment that another node has set
/// is found by then.
const PAUSE_MS: u64 = 500;
/// Pause while the ledger does not answer.
const AWAY: Duration = Duration::from_secs(1);
/// Least pause: the node's idea of the ledger's clock may be some milliseconds ahead.
const PAUSE_MIN_MS: u64 = 10;
/// Sales of one look at the list, and how many of them are looked at at the same time.
const AT_ONCE_MAX: usize = 256;
const LOOKS_MAX: usize = 8;
/// A sale that cannot open or close now, because it recovers or is damaged, is looked at again after
/// this time, in milliseconds.
const AGAIN_MS: u64 = 1_000;

/// Looks once at all that is due, and says how long nothing will be.
pub(crate) async fn round(sales: &Sales) -> Duration {
    let ledger = sales.ledger();
    let now = ledger.now();
    let coming = match ledger.moments(now.plus(PAUSE_MS), AT_ONCE_MAX).await {
        Ok(coming) => coming,
        Err(fault) => {
            if let Fault::Corrupt(what) = &fault {
                tracing::error!("lastseat:sales:moments has what no lastseat writes: {what}");
            }
            return AWAY;
        }
    };
    let next = coming.iter().map(|(_, moment)| *moment).find(|moment| *moment > now);
    let all_due = next.is_none() && coming.len() == AT_ONCE_MAX;
    let due = coming.into_iter().filter(|(_, moment)| *moment <= now);
    let looks = due.map(|(sale, _)| async move { look(sales, &sale, now).await });
    stream::iter(looks).buffer_unordered(LOOKS_MAX).collect::<()>().await;
    if all_due {
        return Duration::ZERO;
    }
    let pause = next.map_or(PAUSE_MS, |moment| moment.since(ledger.now()));
    Duration::from_millis(pause.clamp(PAUSE_MIN_MS, PAUSE_MS))
}

/// Lets `sale` open or close and notes its next moment.
async fn look(sales: &Sales, sale: &SaleId, now: UnixMillis) {
    let ledger = sales.ledger();
    let again = now.plus(AGAIN_MS);
    let noted = match sales.snapshot_now(sale).await {
        Ok(Some(snapshot)) => {
            sales.observe_served(sale, &snapshot);
            let stands = snapshot.next_moment().is_some_and(|moment| moment <= snapshot.at);
            let earliest = if stands { again } else { snapshot.at };
            ledger.note_moment(sale, &snapshot, earliest).await
        }
        Ok(None) => ledger.forget_moment(sale).await,
        Err(fault) => {
            tracing::debug!("sale {sale} could not be looked at: {fault}");
            ledger.note_moment_at(sale, again).await
        }
    };
    if let Err(fault) = noted {
        tracing::debug!("the next moment of sale {sale} could not be noted: {fault}");
    }
}
