//! A sale with a past, and relays of its changes.

use crate::relay::receiver::{Receiver, SECRET};
use lastseat_ledger::{Ledger, LedgerUrl, Reserve, Verdict};
use lastseat_tests::harness::paths::lastseat;
use lastseat_tests::harness::{Durability, PrivateRedis, Program};
use shared::seats::OrderPart;
use shared::{BuyerId, Capacity, OrderId, Quantity, SaleId, SaleState, Terms};
use std::process::Command;
use std::time::Duration;

/// A command that should end by itself gets so long.
pub(crate) const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// A Redis with one sale.
pub(crate) struct Shop {
    pub(crate) redis: PrivateRedis,
    pub(crate) ledger: Ledger,
    pub(crate) sale: SaleId,
}

impl Shop {
    /// A sale with holds; its creation is the first change.
    pub(crate) async fn open() -> Self {
        let redis = PrivateRedis::start(Durability::Always);
        let url = LedgerUrl::parse(&redis.url()).expect("an address");
        let ledger = Ledger::connect(&url).await.expect("a ledger");
        let sale = SaleId::parse("spring").expect("a sale id");
        let terms = Terms { hold_ms: 600_000, ..Terms::default() };
        let capacity = Capacity::new(1_000).expect("a capacity");
        let made = ledger.create_sale(&sale, capacity, &terms, true).await;
        made.expect("a new sale");
        Self { redis, ledger, sale }
    }

    /// Sells one ticket to buyer `number`: one change.
    pub(crate) async fn sell(&self, number: u32) -> OrderId {
        let id = OrderId::parse(&format!("order-{number:012}")).expect("an order id");
        let order = Reserve {
            id: id.clone(),
            buyer: BuyerId::parse(&format!("buyer-{number}")).expect("a buyer"),
            quantity: Quantity::new(1).expect("a quantity"),
            lines: None,
        };
        let reply = self.ledger.reserve(&self.sale, &[order]).await;
        let (_, verdicts) = reply.expect("an answer").expect("a sale");
        assert!(matches!(verdicts[..], [Verdict::Granted { .. }]), "{verdicts:?}");
        id
    }

    /// A day in short: three changes for each of `orders` orders, and two more. Returns the last
    /// position.
    pub(crate) async fn day(&self, orders: u32) -> u64 {
        for number in 0..orders {
            let id = self.sell(number).await;
            let confirmed = self.ledger.confirm(&self.sale, &id, &OrderPart::Whole).await;
            confirmed.expect("a payment");
            let cancelled = self.ledger.cancel(&self.sale, &id).await;
            cancelled.expect("a cancellation");
        }
        let more = Capacity::new(1_200).expect("a capacity");
        let restocked = self.ledger.restock(&self.sale, more, None).await;
        restocked.expect("more tickets");
        let paused = self.ledger.set_state(&self.sale, SaleState::Paused).await;
        paused.expect("a pause");
        let opened = self.ledger.set_state(&self.sale, SaleState::Open).await;
        opened.expect("an open sale");
        self.end().await
    }

    /// The last position of the log.
    pub(crate) async fn end(&self) -> u64 {
        let snapshot = self.ledger.snapshot(&self.sale).await;
        snapshot.expect("an answer").expect("a sale").commit_seq
    }

    /// A relay to `receiver` with more flags.
    pub(crate) fn relay(&self, receiver: &Receiver, flags: &[&str]) -> Program {
        let mut command = Command::new(lastseat().expect("the program"));
        command
            .env("LASTSEAT_WEBHOOK_SECRET", SECRET)
            .env("REDIS_URL", self.redis.url())
            .args(["relay", "--json", self.sale.as_str()])
            .args(["--to", receiver.url()])
            .args(flags);
        Program::start("lastseat relay", command).expect("a relay")
    }
}

/// Waits for the end of a relay; the summary that it printed.
pub(crate) fn summary(relay: &mut Program) -> serde_json::Value {
    let status = relay.wait(ENDS_WITHIN).expect("it ends");
    assert!(status.success(), "{}", relay.notes());
    let line = relay.line(ENDS_WITHIN).expect("a summary");
    serde_json::from_str(&line).expect("JSON")
}
