//! A sale in Redis beside the same sale in the model, with a clock that the test moves.

use crate::harness::PrivateRedis;
use lastseat_ledger::ack_journal::AckedOrder;
use lastseat_ledger::scripts::Scripts;
use lastseat_ledger::{Created, Fault, Ledger, LedgerUrl, redis_keys};
use shared::domain::sale::Creation;
use shared::ledger_model::event_log::Entry;
use shared::ledger_model::{ModelCommand, ModelReply, Sale};
use shared::{SaleId, UnixMillis};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The two lines of the prelude that read the clock of Redis, and what the tests put in their
/// place.
pub const CLOCK: &str = "local clock = redis.call('TIME')\n\
    local now = clock[1] * 1000 + math.floor(clock[2] / 1000)";
const TEST_CLOCK: &str = "local now = tonumber(redis.call('GET', SALE .. ':clock'))";

/// A planted fault: what it replaces in which script (or in all), and by what.
#[derive(Debug)]
pub struct Mutation {
    pub name: &'static str,
    pub find: &'static str,
    pub replace: &'static str,
}

/// A script's text with a clock that a test moves; as it is where the script has none.
///
/// # Panics
/// The script reads the clock elsewhere.
#[must_use]
pub fn on_test_clock(name: &str, text: String) -> String {
    if !text.contains("local SALE,") {
        return text;
    }
    assert!(text.contains(CLOCK), "{name}.lua reads the clock where the tests expect it");
    text.replace(CLOCK, TEST_CLOCK)
}

/// The scripts with a clock that a test moves, and perhaps a fault.
pub fn scripts(mutation: Option<&Mutation>) -> Scripts {
    let found = std::cell::Cell::new(mutation.is_none());
    let scripts = Scripts::patched(|name, text| {
        let mut text = on_test_clock(name, text);
        if let Some(mutation) = mutation
            && text.contains(mutation.find)
        {
            found.set(true);
            text = text.replace(mutation.find, mutation.replace);
        }
        text
    });
    assert!(found.get(), "the fault {:?} has a place", mutation.map(|m| m.name));
    scripts
}

/// The scripts as they are shipped.
pub fn scripts_with_the_real_clock() -> Scripts {
    Scripts::patched(|_, text| text)
}

/// Connects to a private Redis with the given scripts.
pub async fn ledger(redis: &PrivateRedis, scripts: Scripts) -> Ledger {
    let url = LedgerUrl::parse(&redis.url()).expect("a private Redis has an address");
    Ledger::connect(&url).await.expect("a private Redis can be used").with_scripts(scripts)
}

/// Sets a field of Redis behind the ledger's back.
pub async fn redis_says(redis: &PrivateRedis, words: &[&str]) {
    let client = redis::Client::open(redis.url()).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    let _: redis::Value = command.query_async(&mut connection).await.expect("an answer");
}

/// One sale, twice.
#[derive(Debug)]
pub struct HistoryWorld {
    ledger: Ledger,
    clock: redis::aio::MultiplexedConnection,
    sale: SaleId,
    model: Sale,
    entries: Vec<Entry>,
    now: UnixMillis,
}

impl HistoryWorld {
    pub async fn new(
        redis: &PrivateRedis,
        ledger: &Ledger,
        name: &str,
        creation: &Creation,
    ) -> Result<Self, String> {
        let client = redis::Client::open(redis.url()).expect("an address");
        let clock = client
            .get_multiplexed_async_connection()
            .await
            .map_err(|error| format!("no answer: {error}"))?;
        let now = UnixMillis(1_700_000_000_000);
        let Creation { capacity, terms, open, page, plan } = creation;
        let (mut model, entry) = match plan {
            Some(plan) => Sale::create_by_plan(Arc::clone(plan), *terms, *open, now),
            None => Sale::create(*capacity, *terms, *open, now),
        };
        model.page = page.clone();
        let mut world = Self {
            ledger: ledger.clone(),
            clock,
            sale: SaleId::parse(name).expect("a sale id"),
            model,
            entries: vec![entry],
            now,
        };
        world.pass(0).await?;
        let created = world.ledger.create_sale_as(&world.sale, creation).await;
        let expected = Ok((world.model.snapshot(now), Created::New));
        if created != expected {
            return Err(format!("create: the script says {created:?}"));
        }
        world.compare_seats().await?;
        Ok(world)
    }

    /// Lets time pass; an error says that Redis does not answer.
    pub async fn pass(&mut self, ms: u64) -> Result<(), String> {
        self.now = self.now.plus(ms);
        let key = format!("lastseat:{{{}}}:sale:clock", self.sale);
        let mut set = redis::cmd("SET");
        set.arg(key).arg(self.now.0);
        let set: redis::RedisResult<redis::Value> = set.query_async(&mut self.clock).await;
        set.map(|_| ()).map_err(|error| format!("no answer: {error}"))
    }

    pub fn now(&self) -> UnixMillis {
        self.now
    }

    pub fn model(&self) -> &Sale {
        &self.model
    }

    /// Carries one command out on both; an error says how they differ.
    pub async fn apply(&mut self, command: &ModelCommand) -> Result<(), String> {
        let (expected, entry) = self.model.apply(command, self.now);
        self.entries.extend(entry);
        let (snapshot, answer) = self.ask(command).await.map_err(|fault| fault.to_string())?;
        let wanted = self.model.snapshot(self.now);
        if (snapshot, &answer) != (wanted, &expected) {
            return Err(format!(
                "{command:?}\n  the model says {expected:?} {wanted:?}\n  the script says \
                 {answer:?} {snapshot:?}"
            ));
        }
        let seats = self.compare_seats().await;
        seats.map_err(|difference| format!("{command:?}\n  {answer:?}\n  {difference}"))
    }

    /// Compares the bytes of what is taken, seat by seat.
    async fn compare_seats(&self) -> Result<(), String> {
        let Some(model) = &self.model.seats else {
            return Ok(());
        };
        let [.., key] = redis_keys::of_sale_by_plan(&self.sale);
        let seats: redis::RedisResult<Vec<u8>> =
            redis::cmd("GET").arg(key).query_async(&mut self.clock.clone()).await;
        let seats = seats.map_err(|error| format!("no answer: {error}"))?;
        if seats == model.bytes() {
            return Ok(());
        }
        let read = model.plan.read_seats(&seats);
        let Some((book, held)) = read else {
            return Err("the seats are not those of the plan".to_owned());
        };
        let differ = |what: &str| Err(format!("{what} differ"));
        match () {
            () if held != model.held => differ("the held places"),
            () if book.quotas() != model.book.quotas() => differ("the quotas"),
            () => differ("the planes"),
        }
    }

    async fn ask(&self, command: &ModelCommand) -> Result<(shared::Snapshot, ModelReply), Fault> {
        let (ledger, sale) = (&self.ledger, &self.sale);
        let reply = match command {
            ModelCommand::Reserve(batch) => {
                ledger.reserve(sale, batch).await?.map(|(s, v)| (s, ModelReply::Orders(v)))
            }
            ModelCommand::Confirm(id, part, payment) => {
                let reply = ledger.confirm_paid(sale, id, part, payment).await?;
                reply.map(|(s, v)| (s, ModelReply::Order(v)))
            }
            ModelCommand::Cancel(id, how, part) => {
                let reply = ledger.cancel_as(sale, id, *how, part).await?;
                reply.map(|(s, v)| (s, ModelReply::Order(v)))
            }
            ModelCommand::Extend(id) => {
                ledger.extend(sale, id).await?.map(|(s, v)| (s, ModelReply::Order(v)))
            }
            ModelCommand::Sweep => {
                ledger.sweep(sale).await?.map(|(s, n)| (s, ModelReply::Swept(n)))
            }
            ModelCommand::Restock(capacity, seen) => {
                ledger.restock(sale, *capacity, *seen).await?.map(|(s, c)| (s, ModelReply::Sale(c)))
            }
            ModelCommand::State(state) => {
                ledger.set_state(sale, *state).await?.map(|(s, c)| (s, ModelReply::Sale(c)))
            }
            ModelCommand::Terms(change) => {
                ledger.set_terms(sale, change).await?.map(|(s, c)| (s, ModelReply::Sale(c)))
            }
            ModelCommand::Restore(told, pass) => {
                let told = told.iter().map(|(id, order)| {
                    let (commit_seq, order) = (0, order.clone());
                    (id.clone(), AckedOrder { commit_seq, order })
                });
                let orders: Vec<_> = told.collect();
                ledger
                    .restore(sale, 1, &orders, *pass)
                    .await?
                    .map(|(s, became)| (s, ModelReply::Restored(became)))
            }
        };
        reply.ok_or_else(|| Fault::Corrupt("the sale is gone".into()))
    }

    /// Compares how many orders of each buyer have ended.
    async fn compare_ended_orders(&self) -> Result<(), String> {
        let [_, _, buyers, ..] = redis_keys::of_sale(&self.sale);
        let fields: redis::RedisResult<BTreeMap<String, u64>> =
            redis::cmd("HGETALL").arg(buyers).query_async(&mut self.clock.clone()).await;
        let fields = fields.map_err(|error| format!("the buyers cannot be read: {error}"))?;
        let ended: BTreeMap<String, u64> = fields
            .into_iter()
            .filter_map(|(name, number)| Some((name.strip_prefix("ended ")?.to_owned(), number)))
            .collect();
        let model = self.model.ended.iter();
        let model: BTreeMap<String, u64> =
            model.map(|(b, n)| (b.stored().into_owned(), *n)).collect();
        if ended == model {
            return Ok(());
        }
        Err(format!("ended orders: model {model:?}, ledger {ended:?}"))
    }

    /// Compares everything that is stored: records, tallies and holds (through the audit) and the
    /// log.
    pub async fn compare_at_rest(&self) -> Result<(), String> {
        let say = |fault: Fault| fault.to_string();
        let orders = self.ledger.all_orders(&self.sale).await.map_err(say)?;
        for (id, order) in &self.model.orders {
            if orders.get(id) != Some(order) {
                return Err(format!("order {id}: model {order:?}, ledger {:?}", orders.get(id)));
            }
        }
        if orders.len() != self.model.orders.len() {
            return Err("the ledger has orders that the model does not have".into());
        }
        let log = self.ledger.log(&self.sale, 1, self.entries.len() + 1).await.map_err(say)?;
        for (expected, entry) in self.entries.iter().zip(&log) {
            if expected != entry {
                return Err(format!("log: model {expected:?}, ledger {entry:?}"));
            }
        }
        if log.len() != self.entries.len() {
            return Err(format!("log: {} entries, expected {}", log.len(), self.entries.len()));
        }
        self.compare_ended_orders().await?;
        let report = self.ledger.audit(&self.sale).await.map_err(say)?;
        match report {
            Some(report) if report.ok => Ok(()),
            report => Err(format!("the audit is not clean: {report:?}")),
        }
    }
}
