//! Repair plan of the orders, and the conflicts that an operator has to decide.

use super::super::recount::Recount;
use super::{Ahead, Contradiction, Draft, PlanTrust};
use shared::{Order, OrderId, OrderState};
use std::collections::{BTreeMap, HashMap};

/// Contradictions that a plan names.
const CONTRADICTIONS_MAX: usize = 1_000;

/// What the orders are to be.
pub(super) struct Target {
    pub orders: HashMap<OrderId, Order>,
    /// Orders of which the log does not say what they are to be: an entry is added.
    pub restated: BTreeMap<OrderId, Order>,
}

impl Target {
    /// The record that is there now, where it can be read.
    pub(super) fn actual<'a>(&self, recount: &'a Recount, id: &OrderId) -> Option<&'a Order> {
        match recount.log.before_ahead.get(id) {
            Some(before) => before.record.as_ref(),
            None => recount.orders.get(id),
        }
    }
}

impl Draft<'_> {
    pub(super) fn decide_orders(&mut self) -> Target {
        let recount = self.recount;
        let records = recount.orders.whole();
        let mut target = Target {
            orders: records.map(|(id, o)| (id.clone(), o.clone())).collect(),
            restated: BTreeMap::new(),
        };
        self.decide_ahead(&mut target);
        let mut ids: Vec<&OrderId> = recount.log.orders.whole().map(|(id, _)| id).collect();
        if recount.log.whole {
            let unlogged = recount.orders.whole().map(|(id, _)| id);
            ids.extend(unlogged.filter(|id| recount.log.orders.get(id).is_none()));
        }
        ids.sort();
        for id in ids {
            self.decide_order(id, &mut target);
        }
        self.decide_invalid(&target);
        let undecided = self.choices.trust.is_none() && self.plan.contradictions_in_all > 0;
        if undecided {
            self.why_not(format!(
                "of {} orders the record and the log say different things. Choose which stands: \
                 --trust log or \
                 --trust records, for single orders the other one with --except ORDER. Where the \
                 end of the log was \
                 lost, the records know more; where somebody wrote into the records, the log does",
                self.plan.contradictions_in_all
            ));
        }
        target
    }

    fn undoes(&self) -> bool {
        self.choices.ahead == Ahead::Undo
    }

    fn decide_ahead(&mut self, target: &mut Target) {
        let recount = self.recount;
        for (seq, events) in recount.log.ahead.iter().take(super::NAMED) {
            let does = if self.undoes() {
                "taken back (--ahead finish would finish it)"
            } else {
                "finished (--ahead undo would take it back)"
            };
            self.note(format!("log entry {seq} ({events}) is {does}"));
        }
        if !self.undoes() {
            return;
        }
        let mut unknown = Vec::new();
        for (id, before) in &recount.log.before_ahead {
            match &before.logged {
                Some(order) => {
                    target.orders.insert(id.clone(), order.clone());
                }
                None if recount.log.whole || before.granted => {
                    target.orders.remove(id);
                }
                None => unknown.push(id.to_string()),
            }
        }
        unknown.sort();
        if !unknown.is_empty() {
            unknown.truncate(super::NAMED);
            let names = unknown.join(", ");
            self.why_not(format!(
                "what the log ahead did to {names} cannot be taken back: what they were before \
                 was trimmed from the \
                 log. Finish it (--ahead finish), then cancel what should not stand"
            ));
        }
    }

    /// What the log says of this order, as far as it is to stand.
    fn logged(&self, id: &OrderId) -> Option<Order> {
        let log = &self.recount.log;
        match log.before_ahead.get(id) {
            Some(before) if self.undoes() => before.logged.clone(),
            _ => log.orders.get(id).cloned(),
        }
    }

    fn decide_order(&mut self, id: &OrderId, target: &mut Target) {
        let (logged, record) = (self.logged(id), target.orders.get(id).cloned());
        if logged == record {
            return;
        }
        let excepted = self.choices.except.contains(id);
        if let (Some(logged), None) = (&logged, &record) {
            // A record that is gone contradicts nothing: the log is written first.
            let mut order = logged.clone();
            if excepted && order.state.takes() {
                order.state = OrderState::Cancelled;
                target.restated.insert(id.clone(), order.clone());
            }
            target.orders.insert(id.clone(), order);
            return;
        }
        let trust = match (self.choices.trust, excepted) {
            (Some(PlanTrust::Log), false) | (Some(PlanTrust::Records), true) => {
                Some(PlanTrust::Log)
            }
            (Some(PlanTrust::Records), false) | (Some(PlanTrust::Log), true) => {
                Some(PlanTrust::Records)
            }
            (None, _) => None,
        };
        self.plan.contradictions_in_all += 1;
        if self.plan.contradictions.len() < CONTRADICTIONS_MAX {
            self.plan.contradictions.push(Contradiction {
                order: id.to_string(),
                record_says: record.as_ref().map(Order::pack),
                log_says: logged.as_ref().map(Order::pack),
                follows: trust.map(|trust| match trust {
                    PlanTrust::Log => "log",
                    PlanTrust::Records => "record",
                }),
            });
        }
        match (trust, logged, record) {
            (Some(PlanTrust::Log), Some(logged), _) => {
                target.orders.insert(id.clone(), logged);
            }
            (Some(PlanTrust::Log), None, _) => {
                target.orders.remove(id);
            }
            (Some(PlanTrust::Records), _, Some(record)) => {
                target.restated.insert(id.clone(), record);
            }
            _ => {}
        }
    }

    /// A record that cannot be read is written anew from the log, or removed where no order can
    /// have been there.
    fn decide_invalid(&mut self, target: &Target) {
        let recount = self.recount;
        let lost = recount.invalid.keys().filter(|id| {
            let known = recount.log.whole || target.orders.contains_key(*id);
            !known && !self.choices.except.contains(*id)
        });
        let mut lost: Vec<String> = lost.map(OrderId::to_string).collect();
        if lost.is_empty() {
            return;
        }
        lost.sort();
        lost.truncate(super::NAMED);
        let names = lost.join(", ");
        self.why_not(format!(
            "the record of {names} cannot be read and the log no longer has the order. Write the \
             record from a backup, \
             or give the order up: --except ORDER"
        ));
    }
}
