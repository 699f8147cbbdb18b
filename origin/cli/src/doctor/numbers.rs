//! Whether each node number is used once.

use super::DoctorFinding;
use lastseat_ledger::node_numbers::Refused;
use lastseat_ledger::{Ledger, LedgerUrl};
use lastseat_node::timestamp::Rfc3339;
use shared::UnixMillis;
use shared::limits::NODE_LIVE_MS;

const SUBJECT: &str = "numbers";

pub(super) async fn look(url: &LedgerUrl) -> DoctorFinding {
    let unchecked = |why: String| {
        let remedy = "look at what was found of this Redis above";
        DoctorFinding::unchecked(SUBJECT, why, remedy)
    };
    let ledger = match Ledger::connect(url).await {
        Ok(ledger) => ledger,
        Err(e) => return unchecked(e.to_string()),
    };
    match ledger.refused_numbers().await {
        Ok((refused, now)) => judge(&refused, now),
        Err(fault) => unchecked(fault.to_string()),
    }
}

fn judge(refused: &[Refused], now: UnixMillis) -> DoctorFinding {
    if refused.is_empty() {
        return DoctorFinding::ok(SUBJECT, "no node was refused its number in the last hour");
    }
    let lives = |refused: &&Refused| now.0.saturating_sub(refused.at.0) <= NODE_LIVE_MS;
    let doubles: Vec<&Refused> = refused.iter().filter(lives).collect();
    let remedy = "give each node another --node, and each cluster a Redis of its own";
    if doubles.is_empty() {
        return DoctorFinding::warn(SUBJECT, sentence(refused.iter(), "was"), remedy);
    }
    DoctorFinding::fail(SUBJECT, sentence(doubles.into_iter(), "is"), remedy)
}

fn sentence<'a>(refused: impl Iterator<Item = &'a Refused>, verb: &str) -> String {
    let each = refused.map(|refused| {
        let since = refused.taken_since.map_or_else(String::new, |since| {
            format!(" by one that has it since {}", Rfc3339(since))
        });
        let (number, at) = (refused.number, Rfc3339(refused.at));
        format!(
            "node number {number} {verb} used twice: a second node was refused it at {at}{since}"
        )
    });
    each.collect::<Vec<_>>().join("; ")
}
