//! The simulator's rules of recovery (`heal_rules`) held against `heal.lua` and `look.lua`: what
//! the simulator says of recovery is worth as much as they agree.

use crate::scripts::world::scripts;
use lastseat_ledger::read_snapshot;
use lastseat_tests::harness::{Durability, PrivateRedis};
use lastseat_tests::simulator::heal_rules::{HealReport, Healed, Kept};
use redis::{Connection, Value};
use shared::domain::order::Reserve;
use shared::ledger_model::event_log::Entry;
use shared::ledger_model::{ModelCommand, ModelReply, Sale};
use shared::recovery::{RecoveryStage, View};
use shared::{
    BuyerId, Capacity, Order, OrderId, Pass, Quantity, SaleState, Snapshot, Terms, UnixMillis,
};
use std::collections::BTreeSet;

const SALES: u64 = 400;
const STEPS: u32 = 40;
const NODES: u16 = 3;
const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// One sale in Redis and in the rules.
struct Pair<'a> {
    redis: &'a mut Connection,
    hashes: &'a Hashes,
    name: String,
    chance: fastrand::Rng,
    sale: Sale,
    kept: Kept,
    history: String,
    orders: u64,
    /// The numbers of the log.
    entries: BTreeSet<u64>,
}

/// By which Redis knows the scripts.
struct Hashes {
    create: String,
    reserve: String,
    heal: String,
    look: String,
    restore: String,
}

fn history(redis: &mut Connection) -> String {
    let info: String = redis::cmd("INFO").arg("replication").query(redis).unwrap();
    let line = info.lines().find_map(|l| l.strip_prefix("master_replid:"));
    line.expect("Redis says which history it writes").to_owned()
}

impl Pair<'_> {
    fn keys(&self) -> [String; 5] {
        ["sale", "orders", "buyers", "holds", "log"]
            .map(|part| format!("lastseat:{{{}}}:{part}", self.name))
    }

    fn call(&mut self, hash: &str, keys: usize, arguments: &[String]) -> Vec<Value> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(hash).arg(keys).arg(&self.keys()[..keys]);
        command.arg(arguments).query(self.redis).unwrap()
    }

    fn create(&mut self) {
        let clock = format!("lastseat:{{{}}}:sale:clock", self.name);
        let set = redis::cmd("SET").arg(clock).arg(NOW.0).query(self.redis);
        let () = set.unwrap();
        let (sale, terms) = (&self.sale, &self.sale.terms);
        let words = [
            0,
            u64::from(sale.capacity),
            terms.opens_at.0,
            terms.closes_at.0,
            terms.hold_ms,
            u64::from(terms.buyer_limit),
            u64::from(terms.order_limit),
        ];
        let mut words: Vec<String> = words.iter().map(u64::to_string).collect();
        words.push("open".to_owned());
        let hashes = self.hashes;
        self.call(&hashes.create, 5, &words);
    }

    /// An order, unless the sale is held back from everybody.
    fn reserve(&mut self) {
        if self.kept.is_healing(&self.sale, &self.history, 0) {
            return;
        }
        self.orders += 1;
        let id = OrderId::parse(&format!("order-{:016}", self.orders)).unwrap();
        let buyer = BuyerId::parse(&format!("buyer-{}", self.orders)).unwrap();
        let words = ["0", id.as_str(), buyer.as_str(), "1"].map(str::to_owned);
        let hashes = self.hashes;
        self.call(&hashes.reserve, 5, &words);
        let wish = Reserve { id, buyer, quantity: Quantity::new(1).unwrap(), lines: None };
        let (_, entry) = self.sale.apply(&ModelCommand::Reserve(vec![wish]), NOW);
        self.entries.extend(entry.map(|entry| entry.commit_seq));
    }

    /// Redis begins another history, as after a start or a promotion.
    fn begin_history(&mut self) {
        let begun = redis::cmd("DEBUG").arg("CHANGE-REPL-ID").query(self.redis);
        let () = begun.unwrap();
        self.history = history(self.redis);
    }

    fn some_nodes(&mut self) -> [Vec<(u16, bool)>; 2] {
        let (mut awaited, mut missing) = (Vec::new(), Vec::new());
        for node in 1..=NODES {
            let declared = self.chance.bool();
            match self.chance.u8(..4) {
                0 => {}
                1 => missing.push((node, declared)),
                _ => awaited.push((node, declared)),
            }
        }
        [awaited, missing]
    }

    fn received(&mut self) -> Option<Snapshot> {
        if self.chance.u8(..4) == 0 {
            return None;
        }
        let mut last = self.sale.snapshot(NOW);
        last.commit_seq = (last.commit_seq + self.chance.u64(..5)).saturating_sub(3);
        last.capacity = (last.capacity + self.chance.u32(..5)).saturating_sub(2);
        last.state = match self.chance.u8(..4) {
            0 => SaleState::Paused,
            1 => SaleState::Closed,
            _ => last.state,
        };
        if self.chance.u8(..4) == 0 {
            last.terms.hold_ms = [0, 60_000, 120_000][self.chance.usize(..3)];
            last.terms.order_limit = self.chance.u32(1..10);
        }
        Some(last)
    }

    fn report(&mut self) -> HealReport {
        let [awaited, missing] = self.some_nodes();
        let of_now = self.chance.u8(..6) > 0;
        let passes = [None, Some(Pass::First), Some(Pass::Second), Some(Pass::Last)];
        HealReport {
            node: self.chance.u16(1..=NODES),
            made: passes[self.chance.usize(..4)],
            done_in: self.chance.bool().then(|| self.history.clone()),
            last: self.received(),
            view: View {
                history: if of_now { self.history.clone() } else { "other".to_owned() },
                awaited,
                missing,
            },
        }
    }

    fn heal(&mut self) -> Result<(), String> {
        let says = self.report();
        let words = words_of(&says);
        let hashes = self.hashes;
        let before = self.sale.commit_seq;
        let reply = self.call(&hashes.heal, 5, &words);
        let history = self.history.clone();
        let clock_and_log = (NOW, |number| self.entries.contains(&number));
        let (healed, entry) = self.kept.heal(&mut self.sale, &says, &history, clock_and_log, None);
        self.entries.extend(entry.as_ref().map(|entry| entry.commit_seq));
        let found = answered(&reply);
        let wanted = (
            healed.snapshot,
            letter(&healed),
            healed.history.clone(),
            found_of(&healed),
            numbers(&healed),
            healed.fell_behind,
        );
        if found != wanted {
            return Err(format!("{says:?}\n  the rules say {wanted:?}\n  heal.lua says {found:?}"));
        }
        let logged = self.last_entry();
        let noted = entry.is_some_and(|entry| Some(&entry) == logged.as_ref());
        let none = logged.is_some_and(|logged| logged.commit_seq == before)
            && self.sale.commit_seq == before;
        if noted || none {
            Ok(())
        } else {
            Err(format!("{says:?}\n  the entries of the log differ"))
        }
    }

    /// A pass over one confirmed order, by a node that may have decided on it before.
    fn restore(&mut self) -> Result<(), String> {
        self.orders += 1;
        let id = OrderId::parse(&format!("order-{:016}", self.orders)).unwrap();
        let record = format!("1c:1:1:{NOW}:0:buyer-{}", self.orders);
        let order = Order::unpack(&id, &record).unwrap();
        let pass = [Pass::First, Pass::Last][self.chance.usize(..2)];
        let words = ["0", "1", &(pass as u8).to_string(), "100", id.as_str(), &record];
        let words = words.map(str::to_owned);
        let unrestored = format!("lastseat:{{{}}}:unrestored", self.name);
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.hashes.restore).arg(6).arg(&self.keys()).arg(unrestored);
        let reply: Vec<Value> = command.arg(&words).query(self.redis).unwrap();
        let text = |at: usize| -> String { redis::from_redis_value_ref(&reply[at]).unwrap() };
        let found = (read_snapshot(&text(0)).expect("a snapshot"), text(1));
        let history = self.history.clone();
        let wanted = if self.kept.is_unregistered(&self.sale, &history) {
            (self.sale.snapshot(NOW), "y".to_owned())
        } else {
            let command = ModelCommand::Restore(vec![(id.clone(), order)], pass);
            let (answer, mut entry) = self.sale.apply(&command, NOW);
            if let Some(entry) = &mut entry {
                self.kept.skip_before(&mut self.sale, entry, &history, None);
                self.entries.insert(entry.commit_seq);
                if self.last_entry().as_ref() != Some(entry) {
                    return Err(format!("{id} is restored, the entries of the log differ"));
                }
            }
            let ModelReply::Restored(became) = answer else {
                return Err("no answer to a restore".to_owned());
            };
            let done = became.iter().map(|became| if became.is_settled() { 'd' } else { 'n' });
            (self.sale.snapshot(NOW), done.collect())
        };
        if found == wanted {
            Ok(())
        } else {
            Err(format!("the rules say {wanted:?}\n  restore.lua says {found:?}"))
        }
    }

    fn last_entry(&mut self) -> Option<Entry> {
        let [.., log] = self.keys();
        let mut command = redis::cmd("XREVRANGE");
        command.arg(log).arg("+").arg("-").arg("COUNT").arg(1);
        let items: Vec<(String, Vec<String>)> = command.query(self.redis).unwrap();
        let (id, fields) = items.first()?;
        Entry::parse(id.strip_suffix("-0")?.parse().ok()?, fields.get(1)?)
    }

    fn look(&mut self) -> Result<(), String> {
        let node = self.chance.u16(1..=NODES);
        let hashes = self.hashes;
        let reply = self.call(&hashes.look, 1, &[node.to_string()]);
        let text: Vec<String> =
            reply.iter().map(|v| redis::from_redis_value_ref(v).unwrap()).collect();
        let rules = self.kept.lookup(&self.sale, &self.history, node);
        let of_this_one = text[5] == self.history;
        let found = (
            text[0].clone(),
            text[1] == text[0],
            text[3].clone(),
            text[4].clone(),
            of_this_one.then(|| text[7].parse::<u8>().ok()).flatten(),
            of_this_one && text[8] == "1",
        );
        let lost = rules.lost.iter().flat_map(|(from, to)| [from.to_string(), to.to_string()]);
        let wanted = (
            rules.history.clone(),
            rules.whole,
            rules.state.as_str().to_owned(),
            lost.collect::<Vec<_>>().join(" "),
            rules.mark,
            rules.marks_only,
        );
        if found == wanted {
            Ok(())
        } else {
            Err(format!("node {node}\n  the rules say {wanted:?}\n  look.lua says {found:?}"))
        }
    }

    fn step(&mut self) -> Result<(), String> {
        match self.chance.u8(..10) {
            0 => self.begin_history(),
            1 | 2 => self.reserve(),
            3 => return self.look(),
            4 => return self.restore(),
            _ => return self.heal(),
        }
        Ok(())
    }
}

/// A report as `heal.lua` takes it.
fn words_of(says: &HealReport) -> Vec<String> {
    let mut words = vec![
        says.last.map_or(0, |last| last.commit_seq).to_string(),
        says.node.to_string(),
        says.made.map_or(0, |pass| pass as u8).to_string(),
        says.done_in.clone().unwrap_or_default(),
    ];
    match says.last {
        Some(last) => {
            let terms = last.terms;
            words.push(last.capacity.to_string());
            words.push(last.state.as_str().to_owned());
            words.extend(
                [terms.opens_at.0, terms.closes_at.0, terms.hold_ms].map(|n| n.to_string()),
            );
            words.extend([terms.buyer_limit, terms.order_limit].map(|n| n.to_string()));
        }
        None => words.extend(vec![String::new(); 7]),
    }
    words.push(says.view.history.clone());
    words.push(says.view.awaited.len().to_string());
    for (node, declared) in says.view.awaited.iter().chain(&says.view.missing) {
        words.extend([node.to_string(), u8::from(*declared).to_string()]);
    }
    words
}

type Answered = (Snapshot, char, String, u64, Vec<u64>, bool);

fn answered(reply: &[Value]) -> Answered {
    let text = |at: usize| -> String { redis::from_redis_value_ref(&reply[at]).unwrap() };
    let snapshot = read_snapshot(&text(0)).expect("a snapshot");
    (
        snapshot,
        text(1).chars().next().unwrap(),
        text(2),
        redis::from_redis_value_ref(&reply[3]).unwrap(),
        redis::from_redis_value_ref(&reply[4]).unwrap(),
        text(5) == "1",
    )
}

fn letter(healed: &Healed) -> char {
    match healed.stage {
        RecoveryStage::Whole { by_us: false } => 'w',
        RecoveryStage::Whole { by_us: true } => 'd',
        RecoveryStage::Heals { made, .. } => char::from(b'0' + made.map_or(0, |pass| pass as u8)),
    }
}

fn found_of(healed: &Healed) -> u64 {
    match healed.stage {
        RecoveryStage::Whole { .. } => 0,
        RecoveryStage::Heals { found, .. } => found,
    }
}

fn numbers(healed: &Healed) -> Vec<u64> {
    healed.lost.iter().flat_map(|(from, to)| [*from, *to]).collect()
}

#[test]
fn the_rules_of_recovery_that_the_simulator_goes_by_are_those_of_the_scripts() {
    let redis = PrivateRedis::start_with(Durability::Off, &["--enable-debug-command", "yes"]);
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let scripts = scripts(None);
    let mut load = |text: &str| -> String {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(text).query(&mut connection).unwrap()
    };
    let hashes = Hashes {
        create: load(&scripts.create.text),
        reserve: load(&scripts.reserve.plain.text),
        heal: load(&scripts.heal.text),
        look: load(&scripts.look.text),
        restore: load(&scripts.restore.plain.text),
    };
    let first = fastrand::u64(..1 << 40);
    for seed in first..first + SALES {
        let (sale, created) = Sale::create(Capacity::new(50).unwrap(), Terms::default(), true, NOW);
        let history = history(&mut connection);
        let mut pair = Pair {
            redis: &mut connection,
            hashes: &hashes,
            name: format!("sale-{seed}"),
            chance: fastrand::Rng::with_seed(seed),
            sale,
            kept: Kept::new(history.clone()),
            history,
            orders: 0,
            entries: BTreeSet::from([created.commit_seq]),
        };
        pair.create();
        for step in 0..STEPS {
            if let Err(difference) = pair.step() {
                panic!("seed {seed}, step {step}: {difference}");
            }
        }
    }
}
