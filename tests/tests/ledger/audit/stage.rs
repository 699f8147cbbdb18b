//! A sale with orders in each state, and hands that damage it.

use lastseat_ledger::audit::FindingKind;
use lastseat_ledger::audit::plan::{Choices, RepairPlan};
use lastseat_ledger::{AuditReport, Ledger, LedgerUrl, Reserve, Verdict};
use lastseat_tests::harness::paths::tool;
use lastseat_tests::harness::redis::content;
use lastseat_tests::harness::{Durability, PrivateRedis};
use redis::Value;
use redis::aio::MultiplexedConnection;
use shared::seats::OrderPart;
use shared::{BuyerId, Capacity, OrderId, Quantity, SaleId, SaleState, Terms};
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Tickets of each sale.
pub(crate) const CAPACITY: u32 = 20;
/// Where the log of each sale ends.
pub(crate) const COMMIT_SEQ: u64 = 6;

/// A Redis for many sales, of which each is damaged for itself.
pub(crate) struct Stage {
    pub(crate) redis: PrivateRedis,
    pub(crate) ledger: Ledger,
    connection: MultiplexedConnection,
    sales: AtomicU32,
}

/// One sale on it.
pub(crate) struct Sale<'a> {
    stage: &'a Stage,
    pub(crate) id: SaleId,
}

pub(crate) fn wish(n: u32) -> Reserve {
    Reserve {
        id: OrderId::parse(&order(n)).unwrap(),
        buyer: BuyerId::parse(&format!("buyer-{n}")).unwrap(),
        quantity: Quantity::ONE,
        lines: None,
    }
}

/// The id of order `n`.
pub(crate) fn order(n: u32) -> String {
    format!("order-{n:014}")
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let redis = PrivateRedis::start(Durability::Off);
        let url = LedgerUrl::parse(&redis.url()).unwrap();
        let client = redis::Client::open(redis.url()).unwrap();
        Self {
            ledger: Ledger::connect(&url).await.unwrap(),
            connection: client.get_multiplexed_async_connection().await.unwrap(),
            redis,
            sales: AtomicU32::new(0),
        }
    }

    /// A sale of which nothing is there yet.
    pub(crate) fn none(&self) -> Sale<'_> {
        let number = self.sales.fetch_add(1, Ordering::Relaxed);
        Sale { stage: self, id: SaleId::parse(&format!("s{number}")).unwrap() }
    }

    /// A sale of 20 with orders 0 and 1 confirmed, 2 cancelled, 3 to 7 held; its log has 6 entries.
    pub(crate) async fn sale(&self) -> Sale<'_> {
        let sale = self.none().id;
        let (ledger, capacity) = (&self.ledger, Capacity::new(CAPACITY.into()).unwrap());
        let terms = Terms { hold_ms: 3_600_000, buyer_limit: 3, ..Terms::default() };
        ledger.create_sale(&sale, capacity, &terms, true).await.unwrap();
        let batch: Vec<Reserve> = (0..6).map(wish).collect();
        ledger.reserve(&sale, &batch).await.unwrap();
        for n in [0, 1] {
            ledger.confirm(&sale, &wish(n).id, &OrderPart::Whole).await.unwrap();
        }
        ledger.cancel(&sale, &wish(2).id).await.unwrap();
        let batch: Vec<Reserve> = (6..8).map(wish).collect();
        let (snapshot, _) = ledger.reserve(&sale, &batch).await.unwrap().unwrap();
        assert_eq!(snapshot.commit_seq, COMMIT_SEQ);
        Sale { stage: self, id: sale }
    }
}

impl Sale<'_> {
    /// Carries a command out; `:x` at the beginning of a word is the sale's key of that name.
    pub(crate) async fn says(&self, words: &[&str]) -> Value {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let reply = self.tries(&words).await;
        reply.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// As [`Sale::says`], with any bytes; Redis may refuse it.
    pub(crate) async fn tries(&self, words: &[Vec<u8>]) -> redis::RedisResult<Value> {
        let mut command = redis::Cmd::new();
        for word in words {
            match word.strip_prefix(b":") {
                Some(name) => {
                    let key = format!("lastseat:{{{}}}:", self.id);
                    command.arg([key.as_bytes(), name].concat())
                }
                None => command.arg(word.as_slice()),
            };
        }
        let mut connection = self.stage.connection.clone();
        command.query_async(&mut connection).await
    }

    pub(crate) async fn field(&self, name: &str) -> String {
        match self.says(&["HGET", ":sale", name]).await {
            Value::BulkString(bytes) => String::from_utf8(bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Replaces the text of a log entry, as nothing but a copy of the log can.
    pub(crate) async fn rewrite_entry(&self, seq: u64, text: &str) {
        let Value::Array(items) = self.says(&["XRANGE", ":log", "-", "+"]).await else {
            panic!("a log")
        };
        self.says(&["DEL", ":log"]).await;
        for item in items {
            let (id, fields): (String, Vec<String>) = redis::from_redis_value(item).unwrap();
            let text = if id == format!("{seq}-0") { text } else { &fields[1] };
            self.says(&["XADD", ":log", &id, "e", text]).await;
        }
    }

    pub(crate) async fn audit(&self) -> AuditReport {
        let report = self.stage.ledger.audit(&self.id).await;
        report
            .unwrap_or_else(|fault| panic!("an audit is never a fault: {fault}"))
            .expect("there is something of the sale")
    }

    pub(crate) async fn plan(&self, choices: &Choices) -> RepairPlan {
        let planned = self.stage.ledger.plan_repair(&self.id, choices, &|_, _, _| {}).await;
        planned.expect("never a fault").expect("a plan").1
    }

    /// Runs the plan as an operator does; whether it ended well, and what was said.
    pub(crate) fn run(&self, plan: &RepairPlan) -> (bool, String) {
        let directory = self.stage.redis.directory();
        let file = directory.join(format!("{}.sh", self.id));
        fs::write(&file, plan.to_string()).unwrap();
        let socket = self.stage.redis.socket();
        let output = Command::new("sh")
            .arg(&file)
            .env("REDIS_CLI", format!("{} -s {}", tool("redis-cli").display(), socket.display()))
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// What all keys hold.
    pub(crate) async fn stored(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for key in [":sale", ":orders", ":buyers", ":holds", ":log", ":seats"] {
            all.push(self.says(&["EVAL", content::SCRIPT, "1", key]).await);
        }
        all
    }

    /// Its scripts find nothing to complain about: what they read is as they expect it.
    pub(crate) async fn says_ready(&self) {
        let snapshot = self.stage.ledger.snapshot(&self.id).await;
        snapshot.unwrap_or_else(|fault| panic!("the scripts read it: {fault}"));
    }

    /// Opens it and sells; the sale must then still be as it should be.
    pub(crate) async fn sells_on(&self) {
        let ledger = &self.stage.ledger;
        let opened = ledger.set_state(&self.id, SaleState::Open).await;
        opened.unwrap_or_else(|fault| panic!("it opens: {fault}"));
        let (_, verdicts) = ledger.reserve(&self.id, &[wish(50)]).await.unwrap().unwrap();
        let sold = matches!(verdicts[0], Verdict::Granted { replayed: false, .. });
        assert!(sold, "it sells on: {verdicts:?}");
        for call in [
            ledger.confirm(&self.id, &wish(50).id, &OrderPart::Whole).await,
            ledger.cancel(&self.id, &wish(50).id).await,
        ] {
            let (_, verdict) = call.unwrap().unwrap();
            assert!(matches!(verdict, Verdict::Granted { .. }), "{verdict:?}");
        }
        let report = self.audit().await;
        assert!(report.ok, "after it sold on: {report:?}");
    }
}

/// Expects that the report names a finding of this kind with these words.
#[track_caller]
pub(crate) fn assert_finds(report: &AuditReport, name: &str, kind: FindingKind, words: &str) {
    let pairs = report.findings.iter().zip(&report.differences);
    let found = pairs
        .filter(|(finding, _)| finding.kind == kind)
        .any(|(_, sentence)| sentence.contains(words));
    assert!(!report.ok && found, "{name}: {kind:?} {words:?} is not in {report:#?}");
}
