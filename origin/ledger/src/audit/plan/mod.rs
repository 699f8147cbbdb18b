//! The repair plan: which commands of Redis would bring a sale in line with its orders and its log.
//! Planning changes nothing; a plan is a text that an operator reads and runs.
//!
//! What the orders should be is decided first (`orders.rs`), for everything else follows from them:
//! tallies, holds and counters are counted from them, and the log gets an entry that says what was
//! changed (`log.rs`).

mod log;
mod orders;
mod script;
mod seats;
mod state;

use super::super::redis_keys::{PARTS, of_part};
use super::recount::Recount;
use super::sale_read::{BUYERS, HOLDS, ORDERS, SALE, SEATS, SaleRead};
use super::scan::ENDED;
use orders::Target;
use serde::Serialize;
use shared::ledger_model::order_book::{OrderBook, OrderCount};
use shared::{Capacity, Order, OrderId, OrderState};
use std::collections::{BTreeMap, HashSet};

/// Fields, members and entries that a plan changes at most. Where more is wrong, a backup is the
/// better way.
pub const CHANGES_MAX: usize = 100_000;
/// Pairs that one command of a plan sets.
const PAIRS: usize = 64;
/// Names in one sentence of a plan.
const NAMED: usize = 10;

/// Which side stands where a record and the log contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanTrust {
    /// The log.
    Log,
    /// The records.
    Records,
}

/// What becomes of entries that are ahead of the sale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ahead {
    /// What they say is done to the end.
    #[default]
    Finish,
    /// What they say is taken back.
    Undo,
}

/// What an operator decided.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// Which side stands; `None` = not decided.
    pub trust: Option<PlanTrust>,
    /// Orders of which the other side stands.
    pub except: HashSet<OrderId>,
    /// What becomes of entries that are ahead.
    pub ahead: Ahead,
    /// How many tickets the sale has; `None` = as it says.
    pub capacity: Option<Capacity>,
}

/// An order of which the record and the log say different things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contradiction {
    /// The order.
    pub order: String,
    /// Its record; absent where there is none.
    pub record_says: Option<String>,
    /// What the log says of it, as a record; absent where the log does not have it.
    pub log_says: Option<String>,
    /// Which of them the plan follows: `log`, `record`, or absent where nothing was decided.
    pub follows: Option<&'static str>,
}

/// Commands that bring a sale in line with its orders and its log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RepairPlan {
    /// The sale.
    pub sale: String,
    /// When it was made, in Unix milliseconds by the clock of Redis.
    pub made_at: u64,
    /// Why no plan can be made; where this is not empty there are no commands.
    pub why_not: Vec<String>,
    /// Orders between whose record and log somebody has to choose, or has chosen; at most 1,000.
    pub contradictions: Vec<Contradiction>,
    /// How many there are in all.
    pub contradictions_in_all: u64,
    /// What the plan does, and what an operator must know of it.
    pub notes: Vec<String>,
    /// `HMGET :sale commit_seq version held confirmed` as it must still be when the plan is run.
    pub expects: Option<[String; 4]>,
    /// The commands, as lines that redis-cli reads.
    pub commands: Vec<String>,
}

/// A plan under construction.
struct Draft<'a> {
    recount: &'a Recount,
    choices: &'a Choices,
    plan: RepairPlan,
    changes: usize,
}

impl RepairPlan {
    /// Plans the repair of what was recounted.
    pub(super) fn new(recount: &Recount, choices: &Choices) -> Self {
        let mut draft = Draft {
            recount,
            choices,
            plan: Self {
                sale: recount.sale.to_string(),
                made_at: recount.look.at.0,
                ..Self::default()
            },
            changes: 0,
        };
        draft.refuse_what_cannot_be_read();
        draft.make();
        let mut plan = draft.plan;
        if plan.why_not.is_empty() {
            plan.expects = expects(&recount.look);
        } else {
            plan.commands.clear();
        }
        plan
    }
}

/// The guard of a plan, where the sale has all four of these numbers.
fn expects(look: &SaleRead) -> Option<[String; 4]> {
    let number = |name| look.number(name).map(|n: u64| n.to_string());
    Some([number("commit_seq")?, number("version")?, number("held")?, number("confirmed")?])
}

impl Draft<'_> {
    fn why_not(&mut self, why: String) {
        self.plan.why_not.push(why);
    }

    fn note(&mut self, note: String) {
        self.plan.notes.push(note);
    }

    fn key(&self, part: usize) -> String {
        of_part(&self.recount.sale, PARTS[part])
    }

    /// Where the key is kept that is replaced.
    fn aside(&self, part: usize) -> String {
        let name = format!("aside:{}:{}", PARTS[part], self.recount.look.at);
        of_part(&self.recount.sale, &name)
    }

    /// Whether the key is there and of another type.
    fn is_other_type(&self, part: usize) -> bool {
        self.recount.look.errors[part].contains("WRONGTYPE")
    }

    fn refuse_what_cannot_be_read(&mut self) {
        let recount = self.recount;
        for (part, error) in recount.look.errors.iter().enumerate() {
            let is_asked = part != SEATS || recount.plan.is_some();
            if is_asked && !error.is_empty() && !error.contains("WRONGTYPE") {
                self.why_not(format!("key :{} cannot be read: {error}", PARTS[part]));
            }
        }
        let foreign = [&recount.foreign_records, &recount.tallies.foreign, &recount.holds.foreign];
        if foreign.iter().any(|foreign| foreign.more > 0) || recount.log.bad > super::log::BAD_MAX {
            self.why_not(
                "there are more foreign names than a plan removes; restore a backup".into(),
            );
        }
        let format = recount.look.number("format");
        let plan_is_lost = format == Some(2) && recount.plan.is_none() && !recount.log.whole;
        if plan_is_lost || format.is_some_and(|format| ![1, 2].contains(&format)) {
            self.why_not(
                "the sale has a format of another lastseat; plan its repair with that one".into(),
            );
        }
        self.refuse_without_records();
    }

    /// Counters must not be set to nothing because the records were deleted.
    fn refuse_without_records(&mut self) {
        let recount = self.recount;
        let gone = recount.look.is_missing(ORDERS) || self.is_other_type(ORDERS);
        let taken = |name| recount.look.number(name) != Some(0);
        let sold = taken("held") || taken("confirmed") || !recount.tallies.taken.is_empty();
        if gone && sold && !recount.log.whole {
            self.why_not(
                "the records of the orders are gone and the log does not have the whole life of \
                 the sale; restore \
                 a backup (docs/DEPLOY.md)"
                    .into(),
            );
        }
    }

    /// In the order in which it is safe: paused first; then the log, as scripts do it; the sale's
    /// fields last.
    fn make(&mut self) {
        let target = self.decide_orders();
        let count = OrderBook::from(target.orders.clone()).count();
        let Some(mut state) = self.decide_state(&count, &target) else {
            return;
        };
        let seats = self.count_seats(&target);
        self.set_aside_other_types();
        let aside = std::mem::take(&mut self.plan.commands);
        self.write_orders(&target);
        self.write_tallies(&count);
        self.write_holds(&target);
        self.write_seats(seats.as_ref());
        let contents = std::mem::take(&mut self.plan.commands);
        let others = !aside.is_empty() || !contents.is_empty() || self.sale_differs(&state, &count);
        self.repair_log(&mut state, &target, others);
        let log = std::mem::take(&mut self.plan.commands);
        if self.changes > CHANGES_MAX {
            self.why_not(format!(
                "{} changes are more than the {CHANGES_MAX} that a plan makes; restore a backup",
                self.changes
            ));
        }
        if log.is_empty() && !others {
            return;
        }
        let look = &self.recount.look;
        if look.reads(SALE) && look.text("state").as_deref() == Some("open") {
            self.push(&["HSET", &self.key(SALE), "state", "paused"]);
        }
        self.plan.commands.extend(aside.into_iter().chain(log).chain(contents));
        self.write_sale(&state, &count);
    }

    fn set_aside_other_types(&mut self) {
        for (part, name) in PARTS.iter().enumerate() {
            if self.is_other_type(part) && (part != SEATS || self.recount.plan.is_some()) {
                let aside = self.aside(part);
                self.push(&["RENAME", &self.key(part), &aside]);
                self.note(format!("key :{name} is set aside as {aside}"));
            }
        }
    }

    fn push(&mut self, words: &[&str]) {
        self.changes += 1;
        self.plan.commands.push(command(words));
    }

    /// `verb key` with so many words at a time as one command should have.
    fn push_all(&mut self, verb: &str, part: usize, names: Vec<Vec<u8>>, words_each: usize) {
        self.changes += names.len() / words_each;
        let head = [verb.as_bytes().to_vec(), self.key(part).into_bytes()];
        for names in names.chunks(PAIRS * words_each) {
            let words: Vec<&[u8]> = head.iter().chain(names).map(Vec::as_slice).collect();
            self.plan.commands.push(script::line(&words));
        }
    }

    fn write_orders(&mut self, target: &Target) {
        let recount = self.recount;
        let actual = |id: &OrderId| target.actual(recount, id);
        let mut set = BTreeMap::new();
        for (id, order) in &target.orders {
            if actual(id) != Some(order) {
                set.insert(id.as_str(), order.pack());
            }
        }
        let mut gone: Vec<&OrderId> = recount
            .orders
            .whole()
            .map(|(id, _)| id)
            .chain(recount.log.before_ahead.keys())
            .filter(|id| actual(id).is_some())
            .chain(recount.invalid.keys())
            .filter(|id| !target.orders.contains_key(*id))
            .collect();
        gone.sort();
        gone.dedup();
        let foreign = recount.foreign_records.names.iter().cloned();
        let gone = gone.into_iter().map(|id| id.as_str().as_bytes().to_vec());
        let gone = gone.chain(foreign).collect();
        self.push_all("HDEL", ORDERS, gone, 1);
        self.push_all("HSET", ORDERS, pairs(set), 2);
    }

    fn write_tallies(&mut self, count: &OrderCount) {
        let tallies = &self.recount.tallies;
        let mut set = BTreeMap::new();
        let mut gone: Vec<Vec<u8>> = tallies.foreign.names.iter().cloned().collect();
        for (buyer, tickets) in &count.buyers {
            if tallies.taken.get(buyer) != Some(&Some(*tickets)) {
                set.insert(buyer.stored().into_owned(), tickets.to_string());
            }
        }
        let none = tallies.taken.keys().filter(|b| !count.buyers.contains_key(*b));
        gone.extend(none.map(|buyer| buyer.stored().as_bytes().to_vec()));
        if self.recount.counts_ended() {
            for (buyer, orders) in &count.ended {
                if tallies.ended.get(buyer) != Some(&Some(*orders)) {
                    set.insert(format!("{ENDED}{}", buyer.stored()), orders.to_string());
                }
            }
            let none = tallies.ended.keys().filter(|b| !count.ended.contains_key(*b));
            gone.extend(none.map(|buyer| format!("{ENDED}{}", buyer.stored()).into_bytes()));
        }
        gone.sort();
        self.push_all("HDEL", BUYERS, gone, 1);
        self.push_all("HSET", BUYERS, pairs(set), 2);
    }

    fn write_holds(&mut self, target: &Target) {
        let holds = &self.recount.holds;
        let held = |id: &OrderId| {
            let order: Option<&Order> = target.orders.get(id);
            order.filter(|order| order.state == OrderState::Held)
        };
        let mut set = BTreeMap::new();
        for id in target.orders.keys() {
            if let Some(order) = held(id)
                && holds.deadlines.get(id) != Some(&Some(order.deadline.0))
            {
                // In a sorted set the number comes first.
                set.insert((order.deadline.to_string(), id.as_str()), ());
            }
        }
        let none = holds.deadlines.keys().filter(|id| held(id).is_none());
        let mut gone: Vec<Vec<u8>> = none.map(|id| id.as_str().as_bytes().to_vec()).collect();
        gone.extend(holds.foreign.names.iter().cloned());
        gone.sort();
        let set = set.into_keys();
        let set = set.flat_map(|(deadline, id)| [deadline.into_bytes(), id.as_bytes().to_vec()]);
        let set = set.collect();
        self.push_all("ZREM", HOLDS, gone, 1);
        self.push_all("ZADD", HOLDS, set, 2);
    }
}

fn pairs<K: AsRef<str> + Ord>(map: BTreeMap<K, String>) -> Vec<Vec<u8>> {
    let words = map.into_iter();
    words
        .flat_map(|(name, value)| [name.as_ref().as_bytes().to_vec(), value.into_bytes()])
        .collect()
}

fn command(words: &[&str]) -> String {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    script::line(&words)
}
