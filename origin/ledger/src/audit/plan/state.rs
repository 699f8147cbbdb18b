//! Repair plan of the fields of the sale.

use super::super::log::Says;
use super::super::plan_fields::fields_of;
use super::super::sale_read::SALE;
use super::orders::Target;
use super::{Ahead, Draft, NAMED};
use shared::domain::sale::LateSeats;
use shared::domain::sale::Terms;
use shared::ledger_model::order_book::OrderCount;
use shared::recovery::beyond;
use shared::{OrderId, PayUrl, ReturnUrl, SaleState, UnixMillis};
use std::borrow::Cow;

/// The sale as it is to be, without what is counted from the orders.
pub(super) struct State {
    pub capacity: u32,
    pub state: SaleState,
    pub terms: Terms,
    /// The version after the repair.
    pub version: u64,
    /// The position before the entries that the repair writes.
    pub base: u64,
    /// The last entry that the log has, or had when it was acknowledged.
    pub log_last: u64,
    /// The position after them.
    pub commit_seq: u64,
    pub acked_seq: u64,
}

impl Draft<'_> {
    /// What the log says of the sale, as far as it is to stand.
    pub(super) fn says(&self) -> Says {
        match self.choices.ahead {
            Ahead::Undo => self.recount.log.settled.clone(),
            Ahead::Finish => self.recount.log.says.clone(),
        }
    }

    /// `None` where it cannot be known; the plan says why.
    pub(super) fn decide_state(&mut self, count: &OrderCount, target: &Target) -> Option<State> {
        let says = self.says();
        let capacity = self.decide_capacity(&says);
        let terms = self.decide_terms(&says);
        let (capacity, terms) = (capacity?, terms?);
        let taken = count.held + count.confirmed;
        // In a sale with a plan it is seats that orders contend for, see `count_seats`.
        if taken > u64::from(capacity) && self.recount.plan.is_none() {
            self.refuse_oversold(taken, capacity, target);
        }
        let (look, log) = (&self.recount.look, &self.recount.log);
        let acked = look.number("acked_seq");
        let undo = self.choices.ahead == Ahead::Undo;
        let known = log.last.or(acked).unwrap_or(0);
        let log_last = match look.commit_seq() {
            Some(commit_seq) if undo => known.min(commit_seq),
            _ => known,
        };
        let base = match look.commit_seq() {
            Some(commit_seq) => commit_seq.max(log_last),
            None if log.last.is_some() => log_last,
            None => beyond(log_last, look.at),
        };
        let mut acked_seq = acked.unwrap_or(log.from.map_or(base, |from| from - 1));
        if let Some(from) = log.from
            && from > acked_seq + 1
            && !log.begins_healed
        {
            acked_seq = from - 1;
        }
        acked_seq = acked_seq.max(log.broken_at.unwrap_or(0)).min(base);
        Some(State {
            capacity,
            state: self.decide_life(&says),
            terms,
            version: match look.number("version") {
                Some(version) => says.version.max(version) + 1,
                None => beyond(says.version, look.at),
            },
            base,
            log_last,
            commit_seq: base,
            acked_seq,
        })
    }

    fn decide_capacity(&mut self, says: &Says) -> Option<u32> {
        if let Some(plan) = &self.recount.plan {
            let places = u32::try_from(plan.places()).ok();
            if self.choices.capacity.is_some() || places.is_none() {
                self.why_not("the sale has a plan, which says how many places there are".into());
                return None;
            }
            return places;
        }
        if let Some(capacity) = self.choices.capacity {
            return Some(capacity.get());
        }
        let field = self.recount.look.number("capacity");
        let field = field.and_then(|n| u32::try_from(n).ok());
        let log = &self.recount.log;
        let (settled, is_settled) = (log.settled.capacity, log.ahead.is_empty());
        match (field, says.capacity) {
            (Some(field), Some(logged))
                if field != logged && is_settled && Some(field) != settled =>
            {
                self.why_not(format!(
                    "the sale says that it has {field} tickets, its log says {logged}: choose \
                     with --capacity"
                ));
                None
            }
            (_, Some(logged)) => Some(logged),
            (Some(field), None) => Some(field),
            (None, None) => {
                self.why_not(
                    "neither the sale nor its log says how many tickets it has: say it with \
                     --capacity"
                        .into(),
                );
                None
            }
        }
    }

    fn decide_terms(&mut self, says: &Says) -> Option<Terms> {
        let terms = says.terms.or_else(|| self.recount.look.terms());
        if terms.is_none() {
            self.why_not(
                "the terms of the sale are damaged and its log no longer has them: set the fields \
                 opens_at, \
                 closes_at, hold_ms, buyer_limit and order_limit by hand (HSET), then plan again"
                    .into(),
            );
        }
        terms
    }

    /// Never open: an operator opens it when the audit is clean.
    fn decide_life(&self, says: &Says) -> SaleState {
        let states = [self.recount.look.state(), says.state];
        let states: Vec<SaleState> = states.into_iter().flatten().collect();
        if states.contains(&SaleState::Closed) {
            SaleState::Closed
        } else if !states.is_empty() && states.iter().all(|s| *s == SaleState::Scheduled) {
            SaleState::Scheduled
        } else {
            SaleState::Paused
        }
    }

    fn refuse_oversold(&mut self, taken: u64, capacity: u32, target: &Target) {
        let over = taken - u64::from(capacity);
        let taking = target.orders.iter().filter(|(_, order)| order.state.takes());
        let mut last: Vec<(UnixMillis, &OrderId)> =
            taking.map(|(id, order)| (order.created_at, id)).collect();
        last.sort();
        let names: Vec<String> =
            last.iter().rev().map(|(_, id)| id.to_string()).take(NAMED).collect();
        self.why_not(format!(
            "orders have {over} tickets more than the {capacity} that exist, and a plan does not \
             decide who goes \
             without. Where there is room for them, plan with --capacity {taken}, and cancel \
             orders afterwards if \
             need be. The last ones that got tickets: {}",
            names.join(", ")
        ));
    }

    /// Whether the sale's own fields are not as they are to be.
    pub(super) fn sale_differs(&self, state: &State, count: &OrderCount) -> bool {
        let (look, logged) = (&self.recount.look, self.says().state);
        let state_differs = look.state().is_none() || logged.is_some() && logged != look.state();
        let version_is_low = look.number("version").is_none_or(|v| v + 1 < state.version);
        state_differs || version_is_low || !self.fields(state, count).is_empty()
    }

    /// Writes what differs of the sale, with a new version, so that older hints end; counters last.
    pub(super) fn write_sale(&mut self, state: &State, count: &OrderCount) {
        let mut fields: Vec<(Cow<'static, str>, String)> = vec![
            ("state".into(), state.state.to_string()),
            ("version".into(), state.version.to_string()),
        ];
        fields.extend(self.fields(state, count));
        let key = self.key(SALE);
        let mut words = vec!["HSET", key.as_str()];
        words.extend(fields.iter().flat_map(|(name, value)| [name.as_ref(), value.as_str()]));
        self.push(&words);
    }

    fn fields(&self, state: &State, count: &OrderCount) -> Vec<(Cow<'static, str>, String)> {
        let (look, terms) = (&self.recount.look, &state.terms);
        let mut fields: Vec<(&str, String)> = vec![
            ("format", "1".to_owned()),
            ("capacity", state.capacity.to_string()),
            ("opens_at", terms.opens_at.to_string()),
            ("closes_at", terms.closes_at.to_string()),
            ("hold_ms", terms.hold_ms.to_string()),
            ("buyer_limit", terms.buyer_limit.to_string()),
            ("order_limit", terms.order_limit.to_string()),
            ("acked_seq", state.acked_seq.to_string()),
        ];
        if look.is_missing(SALE) || !look.reads(SALE) {
            fields.push(("history", look.history.clone()));
        }
        if self.recount.counts_ended() {
            let most = count.ended.values().max().copied().unwrap_or(0);
            let peak = look.number("ended_peak").unwrap_or(0).max(most);
            fields.push(("ended_peak", peak.to_string()));
        }
        if look.text("cancelled_early").is_some() || count.cancelled_early > 0 {
            fields.push(("cancelled_early", count.cancelled_early.to_string()));
        }
        if look.text("buyers_cancel").is_some_and(|word| word != "0" && word != "1") {
            // The careful reading: only the shop gives back what is paid.
            fields.push(("buyers_cancel", "0".to_owned()));
        }
        if look.text("late_seats").is_some_and(|word| LateSeats::parse(&word).is_none()) {
            // The careful reading: a late payment gets the same seats or is refunded.
            fields.push(("late_seats", LateSeats::Same.as_str().to_owned()));
        }
        if look.text("pay_url").is_some_and(|text| PayUrl::parse(&text).is_err()) {
            // Nobody is sent there; the operator sets it again.
            fields.push(("pay_url", String::new()));
        }
        if look.text("return_url").is_some_and(|text| ReturnUrl::parse(&text).is_err()) {
            fields.push(("return_url", String::new()));
        }
        if look.has_damaged_event() {
            // The page then shows the sale's id; the operator sets it again.
            fields.push(("event", String::new()));
        }
        fields.push(("held", count.held.to_string()));
        fields.push(("confirmed", count.confirmed.to_string()));
        fields.push(("commit_seq", state.commit_seq.to_string()));
        let mut fields: Vec<(Cow<'static, str>, String)> =
            fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
        if let Some(plan) = &self.recount.plan {
            fields.retain(|(name, _)| name != "format" && name != "capacity");
            // Before the counters, which come last.
            let of_plan = fields_of(plan).into_iter().map(|(name, value)| (name.into(), value));
            fields.splice(0..0, of_plan);
        }
        fields.retain(|(name, value)| {
            look.fields.get(name.as_bytes()).map(Vec::as_slice) != Some(value.as_bytes())
        });
        fields
    }
}
