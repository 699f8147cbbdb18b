//! The recount itself: reads everything, brings it to one position of the log and compares.

use super::super::{Fault, Ledger};
use super::found::{FindingKind, Found};
use super::legs::{self, AuditedLeg};
use super::log::{Item, Log};
use super::sale_read::{BUYERS, HOLDS, LOG, ORDERS, SaleRead, shown};
use super::scan::{ENDED, Foreign, Holds, Records, Tallies};
use super::{AuditProgress, AuditReport, fields, plan_fields, seats};
use shared::ledger_model::order_book::{OrderBook, OrderCount};
use shared::ledger_model::seat_recount::SeatRecount;
use shared::plan::Plan;
use shared::{BuyerId, OrderId, OrderState, SaleId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Tallies and holds that are read once more in one call.
const PEEK: usize = 500;
/// Tallies, and holds, that are read once more in all: where so many differ, one more says nothing
/// new.
const SUSPECTS_MAX: usize = 20_000;

/// The log was trimmed faster than it was read: begin anew.
#[derive(Debug)]
pub(super) struct Trimmed;

/// What was read, brought to one position of the log, and what was found in it.
#[derive(Clone, Debug)]
pub(super) struct Recount {
    pub sale: SaleId,
    /// The last look at the sale.
    pub look: SaleRead,
    /// The records, with what is ahead in the log done to them.
    pub orders: OrderBook,
    /// Of these ids there is a record that cannot be read.
    pub invalid: HashMap<OrderId, Vec<u8>>,
    pub foreign_records: Foreign,
    pub tallies: Tallies,
    pub holds: Holds,
    pub log: Log,
    pub found: Found,
    /// What it sells, if it has a plan.
    pub plan: Option<Arc<Plan>>,
    /// The equation of each leg of a sale with a plan.
    pub legs: Vec<AuditedLeg>,
    /// Entries from here on came after the scan of the records began.
    scanned_at: u64,
    /// What was acknowledged when it began.
    acked_at: u64,
}

type Step<T> = Result<Result<T, Trimmed>, Fault>;

impl Recount {
    /// Reads `sale` and compares; `None` when nothing of it is there.
    pub(super) async fn make(
        ledger: &Ledger,
        sale: &SaleId,
        progress: &AuditProgress<'_>,
    ) -> Step<Option<Self>> {
        let look = ledger.read_raw(sale, &[], &[]).await?;
        if look.is_nothing() {
            return Ok(Ok(None));
        }
        let mut found = Found::default();
        let records = if look.reads(ORDERS) {
            let scanned = ledger.scan_records(sale, progress).await;
            or_nothing(scanned, ":orders", &mut found)?
        } else {
            Records::default()
        };
        let mut recount = Self {
            sale: sale.clone(),
            // Where the sale does not say where it is, no script can have changed it.
            scanned_at: look.commit_seq().unwrap_or(u64::MAX),
            acked_at: look.number("acked_seq").unwrap_or(0),
            look,
            orders: OrderBook::from(records.orders),
            invalid: records.invalid,
            foreign_records: records.foreign,
            tallies: Tallies::default(),
            holds: Holds::default(),
            log: Log::default(),
            found,
            plan: None,
            legs: Vec::new(),
        };
        recount.refuse_records_of_the_other_format();
        if let Err(trimmed) = recount.catch_up(ledger, progress).await? {
            return Ok(Err(trimmed));
        }
        if recount.look.reads(BUYERS) {
            let scanned = ledger.scan_tallies(sale).await;
            recount.tallies = or_nothing(scanned, ":buyers", &mut recount.found)?;
        }
        if recount.look.reads(HOLDS) {
            let scanned = ledger.scan_holds(sale).await;
            recount.holds = or_nothing(scanned, ":holds", &mut recount.found)?;
        }
        if let Err(trimmed) = recount.read_again(ledger, &[], &[]).await? {
            return Ok(Err(trimmed));
        }
        if let Err(trimmed) = recount.check_names(ledger).await? {
            return Ok(Err(trimmed));
        }
        if let Err(trimmed) = recount.read_again(ledger, &[], &[]).await? {
            return Ok(Err(trimmed));
        }
        recount.judge();
        Ok(Ok(Some(recount)))
    }

    /// Scripts read no record of a sale with a plan in one without, nor the other way round.
    fn refuse_records_of_the_other_format(&mut self) {
        let has_plan = self.look.plan().is_some();
        if !has_plan && self.look.number("format") != Some(1) {
            return;
        }
        let mut orders = HashMap::new();
        for (id, order) in self.orders.whole() {
            if order.seats.is_some() == has_plan || order.is_tombstone() {
                orders.insert(id.clone(), order.clone());
            } else {
                self.invalid.insert(id.clone(), order.pack().into_bytes());
            }
        }
        if orders.len() < self.orders.whole().count() {
            self.orders = OrderBook::from(orders);
        }
    }

    /// Looks at the sale now and brings the orders to where the log is now.
    async fn read_again(
        &mut self,
        ledger: &Ledger,
        buyers: &[String],
        orders: &[String],
    ) -> Step<()> {
        self.look = ledger.read_raw(&self.sale, buyers, orders).await?;
        self.catch_up(ledger, &|_, _, _| {}).await
    }

    /// Applies what the log has gained, as far as the last look says; to its end where it says
    /// nothing or the log is ahead of it.
    async fn catch_up(&mut self, ledger: &Ledger, progress: &AuditProgress<'_>) -> Step<()> {
        if !self.look.reads(LOG) || self.look.is_missing(LOG) {
            return Ok(Ok(()));
        }
        let commit_seq = self.look.commit_seq();
        let end = commit_seq.filter(|_| self.look.ahead.is_empty()).unwrap_or(u64::MAX);
        while self.log.position() < end {
            let items = ledger.log_items(&self.sale, &self.log.cursor).await;
            let items = or_nothing(items, ":log", &mut self.found)?;
            if items.is_empty() {
                if self.was_trimmed(ledger, self.log.position() + 1).await? {
                    return Ok(Err(Trimmed));
                }
                break;
            }
            for item in items {
                // First: also where this entry is beyond the end, those up to the end may be gone.
                if let Some(seq) = item.seq
                    && self.needs_what_is_before(&item, seq)
                    && self.was_trimmed(ledger, seq).await?
                {
                    return Ok(Err(Trimmed));
                }
                if item.seq.is_some_and(|seq| seq > end) {
                    return Ok(Ok(()));
                }
                let entry = self.log.take(&item, commit_seq, &self.orders, &mut self.found);
                if let Some(entry) = entry
                    && entry.commit_seq > self.scanned_at
                {
                    self.orders.apply(&entry);
                }
            }
            let position = self.log.position();
            let all = commit_seq.unwrap_or(position).max(position);
            progress("entries of the log", position, all);
        }
        Ok(Ok(()))
    }

    /// Whether entries right before this one are missing that must be applied.
    fn needs_what_is_before(&self, item: &Item, seq: u64) -> bool {
        match self.log.last {
            Some(_) => self.log.leaves_gap(item),
            None => seq > self.scanned_at.saturating_add(1),
        }
    }

    /// Whether what is missing before `seq` was acknowledged since the audit began.
    async fn was_trimmed(&self, ledger: &Ledger, seq: u64) -> Result<bool, Fault> {
        let now = ledger.read_raw(&self.sale, &[], &[]).await?;
        let acked = now.number("acked_seq").unwrap_or(0);
        Ok(acked > self.acked_at && acked >= self.log.position() && acked + 1 >= seq)
    }

    /// Compares each tally and each hold with the orders. What differs after the scan is read once
    /// more at one position of the log, and only what differs there differs.
    async fn check_names(&mut self, ledger: &Ledger) -> Step<()> {
        let suspects = self.suspect_tallies();
        let suspects = self.bounded("tallies of buyers", suspects);
        let (mut counted_at, mut count) = (self.log.position(), self.orders.count());
        for names in suspects.chunks(PEEK) {
            if let Err(trimmed) = self.read_again(ledger, names, &[]).await? {
                return Ok(Err(trimmed));
            }
            if counted_at != self.log.position() {
                (counted_at, count) = (self.log.position(), self.orders.count());
            }
            let tallies: Vec<Option<String>> = self.look.tallies().collect();
            for (name, tally) in names.iter().zip(tallies) {
                self.check_tally(name, tally, &count);
            }
        }
        let suspects = self.suspect_holds();
        let suspects = self.bounded("holds", suspects);
        for names in suspects.chunks(PEEK) {
            if let Err(trimmed) = self.read_again(ledger, &[], names).await? {
                return Ok(Err(trimmed));
            }
            let deadlines: Vec<Option<String>> = self.look.deadlines().collect();
            for (name, deadline) in names.iter().zip(deadlines) {
                let said = OrderId::parse(name).ok().and_then(|id| self.deadline(&id));
                let said = said.map(|deadline| deadline.to_string());
                if said != deadline {
                    let what = format!("hold of order {name}");
                    self.found.differs(FindingKind::Hold, what, said, deadline);
                }
            }
        }
        Ok(Ok(()))
    }

    fn bounded(&mut self, what: &str, mut suspects: Vec<String>) -> Vec<String> {
        let more = suspects.len().saturating_sub(SUSPECTS_MAX);
        if more > 0 {
            let why =
                format!("{more} more than {SUSPECTS_MAX} that differ were not read once more");
            self.found.not_checked(what, why, true);
            suspects.truncate(SUSPECTS_MAX);
        }
        suspects
    }

    /// Fields of buyers that differ from the orders.
    fn suspect_tallies(&self) -> Vec<String> {
        if !self.look.reads(BUYERS) {
            return Vec::new();
        }
        let count = self.orders.count();
        let taken = differing(&count.buyers, &self.tallies.taken);
        let ended = self.tallies.ended.iter().filter(|(buyer, ended)| {
            ended.is_none_or(|ended| ended > count.ended.get(*buyer).copied().unwrap_or(0))
        });
        let ended = ended.map(|(buyer, _)| format!("{ENDED}{}", buyer.stored()));
        let taken = taken.into_iter().map(|buyer: BuyerId| buyer.stored().into_owned());
        taken.chain(ended).collect()
    }

    fn check_tally(&mut self, name: &str, tally: Option<String>, count: &OrderCount) {
        let ended = name.strip_prefix(ENDED);
        let Ok(buyer) = BuyerId::of_stored(ended.unwrap_or(name)) else {
            return;
        };
        let counts = if ended.is_some() { &count.ended } else { &count.buyers };
        let counted = counts.get(&buyer).copied();
        if ended.is_some() {
            let fewer = tally.as_ref().is_none_or(|tally| {
                tally.parse().is_ok_and(|tally: u64| tally <= counted.unwrap_or(0))
            });
            if !fewer {
                let what = format!("ended orders of buyer {buyer}");
                let counted = counted.map(|n| n.to_string());
                self.found.differs(FindingKind::Ended, what, counted, tally);
            }
            return;
        }
        let counted = counted.map(|n| n.to_string());
        if counted != tally {
            let what = format!("tally of buyer {buyer}");
            self.found.differs(FindingKind::Tally, what, counted, tally);
        }
    }

    /// Orders whose hold differs from their record.
    fn suspect_holds(&self) -> Vec<String> {
        if !self.look.reads(HOLDS) {
            return Vec::new();
        }
        let held = self.orders.whole();
        let held = held.filter(|(_, order)| order.state == OrderState::Held);
        let held = held.map(|(id, order)| (id.clone(), order.deadline.0));
        let suspects = differing(&held.collect(), &self.holds.deadlines);
        suspects.iter().map(OrderId::to_string).collect()
    }

    /// When the hold of this order ends, if the orders say that it is held.
    fn deadline(&self, id: &OrderId) -> Option<u64> {
        let order = self.orders.get(id)?;
        (order.state == OrderState::Held).then_some(order.deadline.0)
    }

    fn judge(&mut self) {
        let count = self.orders.count();
        self.plan = plan_fields::plan_of(&self.look, &self.log);
        let plan = self.plan.as_deref();
        fields::check_keys(&self.look, plan, &mut self.found);
        fields::check_fields(&self.look, plan, &mut self.found);
        plan_fields::check_plan_fields(&self.look, plan, &mut self.found);
        fields::check_log(&self.look, &self.log, &mut self.found);
        fields::check_against_log(&self.look, &self.log, &mut self.found);
        if self.look.reads(ORDERS) {
            fields::check_counters(&self.look, &self.log, &count, &mut self.found);
            self.check_seats();
            self.name_invalid();
            self.compare_with_log();
        }
        let foreign = [
            (FindingKind::RecordForeign, "orders", &self.foreign_records),
            (FindingKind::BuyerForeign, "buyers", &self.tallies.foreign),
            (FindingKind::HoldForeign, "holds", &self.holds.foreign),
        ];
        for (kind, key, foreign) in foreign {
            for name in &foreign.names {
                let name = shown(name);
                self.found.note(
                    kind,
                    format!("key :{key} has {name}, which is no name that lastseat writes"),
                );
            }
            if foreign.more > 0 {
                let why = format!("{} more foreign names than are kept", foreign.more);
                self.found.not_checked(format!("key :{key}"), why, true);
            }
        }
        let fewer = self.tallies_of_ended_below(&count);
        if fewer > 0 {
            let why = format!(
                "{fewer} buyers have more of them than are counted: they ended under an older \
                 lastseat"
            );
            self.found.not_checked("ended orders of buyers", why, false);
        }
    }

    fn check_seats(&mut self) {
        let Some(plan) = self.plan.as_deref() else { return };
        match SeatRecount::of(plan, self.orders.whole()) {
            Ok(counted) => {
                seats::check(plan, &counted, &self.orders, &self.look, &mut self.found);
                self.legs = legs::legs(plan, &counted, &self.look);
            }
            Err(error) => self.found.not_checked("seats of the sale", error.to_string(), true),
        }
    }

    /// Buyers of whose ended orders fewer are counted than there are, in a sale that counts them.
    fn tallies_of_ended_below(&self, count: &OrderCount) -> u64 {
        let counted = |buyer| self.tallies.ended.get(buyer).copied().flatten();
        let below =
            count.ended.iter().filter(|(buyer, ended)| counted(*buyer).unwrap_or(0) < **ended);
        if self.look.reads(BUYERS) && self.counts_ended() { below.count() as u64 } else { 0 }
    }

    /// Whether the lastseat of this sale counts the ended orders of buyers.
    pub(super) fn counts_ended(&self) -> bool {
        !self.tallies.ended.is_empty() || self.look.text("ended_peak").is_some()
    }

    fn name_invalid(&mut self) {
        for (id, record) in &self.invalid {
            let record = shown(record);
            let sentence =
                format!("order {id}: its record {record} is not one that lastseat writes");
            let what = format!("order {id}");
            let kind = FindingKind::RecordInvalid;
            self.found.note_as(kind, what, sentence, None, Some(record));
        }
    }

    /// Orders whose whole life the log still has must be there as the log has it, and no order
    /// may be there that a whole log does not have.
    fn compare_with_log(&mut self) {
        for (id, logged) in self.log.orders.whole() {
            let what = format!("order {id}");
            match self.orders.get(id) {
                Some(order) if order == logged => {}
                None if self.invalid.contains_key(id) => {}
                None => {
                    let sentence = format!("{what}: in the log, but has no record");
                    let kind = FindingKind::RecordMissing;
                    self.found.note_as(kind, what, sentence, Some(logged.pack()), None);
                }
                Some(order) => {
                    let (record, logged) = (order.pack(), logged.pack());
                    let sentence =
                        format!("{what}: its record is {record:?}, the log says {logged:?}");
                    let kind = FindingKind::RecordAgainstLog;
                    self.found.note_as(kind, what, sentence, Some(logged), Some(record));
                }
            }
        }
        if !self.log.whole {
            return;
        }
        for (id, order) in self.orders.whole() {
            if self.log.orders.get(id).is_none() {
                let what = format!("order {id}");
                let sentence = format!("{what}: has a record, but is not in the log");
                let kind = FindingKind::RecordUnlogged;
                self.found.note_as(kind, what, sentence, None, Some(order.pack()));
            }
        }
    }

    /// The tickets that exist, as the sale says or else its log; 0 where neither does.
    fn capacity(&self) -> u64 {
        let logged = self.log.says.capacity.map(u64::from);
        self.look.number("capacity").or(logged).unwrap_or(0)
    }

    pub(super) fn report(&self) -> AuditReport {
        let count = self.orders.count();
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        AuditReport {
            sale: self.sale.to_string(),
            capacity: self.capacity(),
            free: signed(self.capacity()) - signed(count.held + count.confirmed),
            held: count.held,
            confirmed: count.confirmed,
            orders: count.states.into_iter().map(|(state, n)| (state.to_owned(), n)).collect(),
            commit_seq: self.look.commit_seq().unwrap_or(self.log.position()),
            log_from: self.log.from.unwrap_or(0),
            orders_in_log: self.log.orders.whole().count() as u64,
            ok: self.found.is_clean(),
            differences: self.found.differences.clone(),
            more_differences: self.found.more(),
            findings: self.found.findings.clone(),
            kinds: self.found.by_kind.clone(),
            not_checked: self.found.not_checked.clone(),
            legs: self.legs.clone(),
        }
    }
}

/// The names of which `counted` and `kept` say different things, or of which `kept` says none that
/// can be read.
fn differing<K: Clone + Eq + std::hash::Hash>(
    counted: &HashMap<K, u64>,
    kept: &HashMap<K, Option<u64>>,
) -> Vec<K> {
    let names: HashSet<&K> = counted.keys().chain(kept.keys()).collect();
    let differs = |name: &&K| counted.get(*name).map(|n| Some(*n)) != kept.get(*name).copied();
    names.into_iter().filter(differs).cloned().collect()
}

/// What was read; nothing, and that it was not checked, where the key has become something else
/// meanwhile.
fn or_nothing<T: Default>(
    read: Result<T, Fault>,
    key: &str,
    found: &mut Found,
) -> Result<T, Fault> {
    match read {
        Err(Fault::Corrupt(why)) => {
            found.not_checked(format!("key {key}"), why, true);
            Ok(T::default())
        }
        other => other,
    }
}
