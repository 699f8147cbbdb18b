//! A shop with many sales, and relays of all of them.

use crate::relay::receiver::{NEW_SECRET, Receiver, SECRET};
use crate::relay::shop::ENDS_WITHIN;
use lastseat_ledger::{Ledger, LedgerUrl, Reserve, Verdict};
use lastseat_tests::harness::paths::{lastseat, scratch};
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Durability, PrivateRedis, Program};
use serde_json::Value;
use shared::seats::OrderPart;
use shared::{BuyerId, Capacity, OrderId, Quantity, SaleId, SaleState, Terms};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A Redis, and a room for files.
pub(crate) struct Stage {
    pub(crate) redis: PrivateRedis,
    pub(crate) ledger: Ledger,
    room: TempDir,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        let redis = PrivateRedis::start(Durability::Always);
        let url = LedgerUrl::parse(&redis.url()).expect("an address");
        let ledger = Ledger::connect(&url).await.expect("a ledger");
        let room = scratch().expect("room");
        for (name, secret) in [("old.secret", SECRET), ("new.secret", NEW_SECRET)] {
            write_private(room.path().join(name), secret);
        }
        Self { redis, ledger, room }
    }

    /// Creates a sale with holds; its creation is the first change.
    pub(crate) async fn sale(&self, name: &str) -> SaleId {
        let sale = SaleId::parse(name).expect("a sale id");
        let terms = Terms { hold_ms: 600_000, ..Terms::default() };
        let capacity = Capacity::new(1_000).expect("a capacity");
        let made = self.ledger.create_sale(&sale, capacity, &terms, true).await;
        made.expect("a new sale");
        sale
    }

    /// Holds one ticket for buyer `number`: one change.
    pub(crate) async fn hold(&self, sale: &SaleId, number: u32) -> OrderId {
        let id = OrderId::parse(&format!("order-{number:012}")).expect("an order id");
        let order = Reserve {
            id: id.clone(),
            buyer: BuyerId::parse(&format!("buyer-{number}")).expect("a buyer"),
            quantity: Quantity::ONE,
            lines: None,
        };
        let reply = self.ledger.reserve(sale, &[order]).await;
        let (_, verdicts) = reply.expect("an answer").expect("a sale");
        assert!(matches!(verdicts[..], [Verdict::Granted { .. }]), "{verdicts:?}");
        id
    }

    /// The same, and it is paid: two changes.
    pub(crate) async fn sell(&self, sale: &SaleId, number: u32) -> OrderId {
        let id = self.hold(sale, number).await;
        let confirmed = self.ledger.confirm(sale, &id, &OrderPart::Whole).await;
        confirmed.expect("a payment");
        id
    }

    /// Closes a sale in which nothing is held, and moves it to the list of those that have ended.
    pub(crate) async fn end(&self, sale: &SaleId) {
        let closed = self.ledger.set_state(sale, SaleState::Closed).await;
        closed.expect("a closed sale");
        assert!(self.ledger.retire_sale(sale).await.expect("a list"), "it was on the list");
    }

    /// The last position of the log of a sale.
    pub(crate) async fn last(&self, sale: &SaleId) -> u64 {
        self.ledger.log_end(sale).await.expect("an answer").expect("a sale")
    }

    /// What is kept of a sale under the name of an endpoint.
    pub(crate) async fn position(&self, sale: &SaleId, name: &str) -> Option<u64> {
        self.ledger.relay_position(sale, name).await.expect("an answer")
    }

    /// Writes the file of endpoints.
    pub(crate) fn write(&self, text: &str) -> PathBuf {
        let file = self.room.path().join("webhooks.toml");
        // As a careful operator does: never half a file.
        let fresh = self.room.path().join("webhooks.toml.new");
        write_private(fresh.clone(), text);
        fs::rename(fresh, &file).expect("a file");
        file
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(lastseat().expect("the program"));
        command
            .env_remove("LASTSEAT_WEBHOOK_URL")
            .env("REDIS_URL", self.redis.url())
            .arg("relay")
            .args(words);
        command
    }

    /// A relay of the endpoints in `text`, with more flags.
    pub(crate) fn relay(&self, text: &str, flags: &[&str]) -> Program {
        let file = self.write(text);
        let mut command = self.command(&["--json", "--config"]);
        command.arg(file).args(flags);
        Program::start("lastseat relay", command).expect("a relay")
    }

    /// What `lastseat relay` with these words prints as JSON, and its exit code.
    pub(crate) fn asks(&self, words: &[&str]) -> (Value, Option<i32>) {
        let mut command = self.command(words);
        let output = command.arg("--json").output().expect("lastseat relay");
        let text = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
        let said = serde_json::from_slice(text);
        let said = said.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(text)));
        (said, output.status.code())
    }

    /// What the status says of a sale at an endpoint, once it says something.
    pub(crate) async fn stream(&self, endpoint: &str, sale: &SaleId) -> Value {
        until_async("the status has the sale", async || {
            let (said, _) = self.asks(&["status", endpoint]);
            let streams = said["endpoints"][0]["streams"].as_array()?.clone();
            streams.into_iter().find(|stream| stream["sale"] == sale.as_str())
        })
        .await
    }
}

fn write_private(path: PathBuf, text: &str) {
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
}

/// An endpoint of a file, with more lines.
pub(crate) fn endpoint(name: &str, receiver: &Receiver, more: &str) -> String {
    let own = more.contains("secret_files");
    let secrets = if own { "" } else { "secret_files = [\"old.secret\"]" };
    format!("[[endpoint]]\nname = \"{name}\"\nurl = \"{}\"\n{secrets}\n{more}\n", receiver.url())
}

/// Waits until `receiver` has taken everything of each sale up to its end.
pub(crate) async fn has_all(stage: &Stage, receiver: &Receiver, sales: &[SaleId]) {
    for sale in sales {
        let end = stage.last(sale).await;
        until_async(&format!("everything of {sale} is delivered"), async || {
            (receiver.of(sale).last() == Some(&end)).then_some(())
        })
        .await;
    }
}

/// What came of each sale is in order and lacks nothing, with at most `repeats` that came twice.
pub(crate) async fn in_order(stage: &Stage, receiver: &Receiver, sales: &[SaleId], repeats: usize) {
    let mut twice = 0;
    for sale in sales {
        let positions = receiver.of(sale);
        let mut distinct = positions.clone();
        distinct.dedup();
        let expected: Vec<u64> = (1..=stage.last(sale).await).collect();
        assert_eq!(distinct, expected, "{sale}: in order, without a gap");
        twice += positions.len() - distinct.len();
    }
    assert!(twice <= repeats, "{twice} deliveries came twice");
}

/// Ends a relay as a supervisor does; what it printed.
pub(crate) fn stopped(mut relay: Program) -> Value {
    relay.signal(rustix::process::Signal::TERM);
    let status = relay.wait(ENDS_WITHIN).expect("it ends");
    assert!(status.success(), "{}", relay.notes());
    serde_json::from_str(&relay.line(ENDS_WITHIN).expect("a summary")).expect("JSON")
}
