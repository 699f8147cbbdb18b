//! Whether the ledger agrees with what the buyers were told, both ways, and nothing is oversold or
//! left.

use super::buyers::Buyers;
use super::tally::{LoadTally, OrderOutcome};
use crate::harness::AuditRun;
use shared::{Order, OrderId};
use std::collections::HashMap;

/// Keys that a sentence names at most.
const NAMED: usize = 3;

/// Keys of one kind: how many, and a few of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyVerdict {
    count: u64,
    named: Vec<String>,
}

impl KeyVerdict {
    pub(super) fn add(&mut self, key: &str) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(key.to_owned());
        }
    }

    /// How many there are.
    pub const fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn sentence(&self, what: &str) -> Option<String> {
        self.said("lost", what)
    }

    /// The sentence, if there is something to say.
    pub(super) fn said(&self, how: &str, what: &str) -> Option<String> {
        let etc = if self.count > NAMED as u64 { ", ..." } else { "" };
        let Self { count, named } = self;
        (*count > 0).then(|| format!("{how}: {count} {what} ({}{etc})", named.join(", ")))
    }
}

/// Where the buyers and the ledger differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Buyers who were told "yes" and whose order is not in the ledger, or not as they asked.
    pub missing: KeyVerdict,
    /// Orders in the ledger of which no buyer was told "yes".
    pub unheard: KeyVerdict,
}

/// Compares the orders of the ledger with what the buyers heard.
pub fn compare(
    outcomes: &[OrderOutcome],
    buyers: Buyers,
    orders: &HashMap<OrderId, Order>,
) -> Differences {
    let mut differences = Differences::default();
    let mut granted: Vec<bool> =
        outcomes.iter().map(|outcome| *outcome == OrderOutcome::Granted).collect();
    for (id, order) in orders {
        let number = buyers.whose(id.as_str());
        let right = number.is_some_and(|number| {
            let has_one = order.asked == 1 && order.taking() == 1;
            has_one && order.buyer.as_str() == buyers.name(number)
        });
        let slot = number.and_then(|number| granted.get_mut(number as usize));
        match slot {
            // What stays set is missing.
            Some(heard) if *heard && right => *heard = false,
            _ => differences.unheard.add(id.as_str()),
        }
    }
    for number in (0u32..).zip(granted).filter_map(|(n, left)| left.then_some(n)) {
        differences.missing.add(&buyers.key(number));
    }
    differences
}

/// A sentence for each way in which the promise was broken; empty when it was kept.
pub fn violations(
    tickets: u32,
    tally: &LoadTally,
    audit: &AuditRun,
    differences: Option<&Differences>,
) -> Vec<String> {
    let (tickets, taken) = (u64::from(tickets), audit.held + audit.confirmed);
    let demand = tally.outcomes.len() as u64;
    let mut found = Vec::new();
    if taken > tickets {
        found.push(format!("oversold: {taken} of {tickets} tickets are taken"));
    }
    if demand >= tickets && audit.free > 0 {
        let free = audit.free;
        found.push(format!("unsold: {free} tickets are free after {demand} buyers"));
    } else if audit.free > 0 && tally.refused_final > 0 {
        let (refused, free) = (tally.refused_final, audit.free);
        found.push(format!("unsold: {refused} buyers were refused, {free} tickets are free"));
    }
    match differences {
        Some(Differences { missing, unheard }) => {
            found.extend(missing.sentence("buyers have a yes and no order in the ledger"));
            found.extend(unheard.sentence("orders are in the ledger and nobody has a yes"));
        }
        None if taken != tally.granted => {
            let granted = tally.granted;
            found.push(format!("lost: {granted} buyers have a yes, the ledger has {taken}"));
        }
        None => {}
    }
    found.extend(troubles(tally, audit));
    found
}

/// A sentence for each buyer without an answer and for what the audit finds.
pub fn troubles(tally: &LoadTally, audit: &AuditRun) -> Vec<String> {
    let mut found = Vec::new();
    if tally.errors > 0 {
        let samples = tally.samples.join("; ");
        found.push(format!("errors: {} buyers got no answer: {samples}", tally.errors));
    }
    if !audit.ok {
        found.push(format!("audit: the ledger disagrees with itself: {:?}", audit.differences));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::reply::AnsweringTier;
    use shared::{BuyerId, OrderState, UnixMillis};
    use std::time::Duration;

    const BUYERS: Buyers = Buyers::new(7);

    fn orders(numbers: &[u32]) -> HashMap<OrderId, Order> {
        let order = |number| Order {
            buyer: BuyerId::parse(&BUYERS.name(number)).unwrap(),
            state: OrderState::Confirmed,
            asked: 1,
            taken: 1,
            created_at: UnixMillis(1),
            deadline: UnixMillis(0),
            refused_late: false,
            payment: None,
            seats: None,
        };
        let id = |number| OrderId::parse(&BUYERS.key(number)).unwrap();
        numbers.iter().map(|n| (id(*n), order(*n))).collect()
    }

    fn tally(granted: &[u32], refused: &[u32]) -> LoadTally {
        let mut tally = LoadTally::new(vec![OrderOutcome::Open; 10], 1);
        for number in granted {
            tally.grant(*number, Some(AnsweringTier::Ledger), Duration::ZERO, Duration::ZERO);
        }
        for number in refused {
            tally.refuse(*number, Some(AnsweringTier::Edge), Duration::ZERO, Duration::ZERO);
        }
        tally
    }

    fn audit(capacity: u64, confirmed: u64) -> AuditRun {
        AuditRun {
            capacity,
            free: capacity.saturating_sub(confirmed),
            held: 0,
            confirmed,
            ok: true,
            differences: Vec::new(),
        }
    }

    fn judge(
        tickets: u32,
        tally: &LoadTally,
        audit: &AuditRun,
        orders: &HashMap<OrderId, Order>,
    ) -> String {
        let differences = compare(&tally.outcomes, BUYERS, orders);
        violations(tickets, tally, audit, Some(&differences)).join("\n")
    }

    #[test]
    fn a_kept_promise_has_no_violation() {
        let heard = tally(&[1, 2], &[0, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(judge(2, &heard, &audit(2, 2), &orders(&[1, 2])), "");
    }

    #[test]
    fn one_ticket_too_many_one_too_few_and_a_buyer_without_answer_are_named() {
        let heard = tally(&[1, 2, 3], &[]);
        let over = judge(2, &heard, &audit(2, 3), &orders(&[1, 2, 3]));
        assert!(over.contains("oversold: 3 of 2"), "{over}");
        let under = judge(4, &heard, &audit(4, 3), &orders(&[1, 2, 3]));
        assert!(under.contains("unsold: 1 tickets"), "{under}");
        let mut failed = tally(&[1, 2], &[]);
        failed.fail(3, "gone");
        let error = judge(2, &failed, &audit(2, 2), &orders(&[1, 2]));
        assert!(error.contains("errors: 1 buyers") && error.contains("gone"), "{error}");
    }

    #[test]
    fn a_yes_without_an_order_and_an_order_without_a_yes_are_lost() {
        let swapped = judge(2, &tally(&[1, 2], &[3]), &audit(2, 2), &orders(&[2, 3]));
        assert!(swapped.contains("1 buyers have a yes and no order"), "{swapped}");
        assert!(swapped.contains("1 orders are in the ledger and nobody"), "{swapped}");
        assert!(swapped.contains(&BUYERS.key(1)) && swapped.contains(&BUYERS.key(3)));
    }

    #[test]
    fn a_buyer_refused_while_tickets_stay_is_a_violation_even_with_small_demand() {
        let refused = judge(20, &tally(&[1], &[2]), &audit(20, 1), &orders(&[1]));
        assert!(refused.contains("1 buyers were refused, 19"), "{refused}");
    }

    #[test]
    fn an_audit_that_fails_is_a_violation() {
        let bad = AuditRun { ok: false, ..audit(1, 1) };
        assert!(judge(1, &tally(&[1], &[2]), &bad, &orders(&[1])).contains("audit:"));
    }
}
