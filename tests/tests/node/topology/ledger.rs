//! The ledger as a test sees it: in this process, over the same servers as the nodes.

use lastseat_ledger::{Fault, Ledger, LedgerUrl, Reserve, SaleChange, Verdict};
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Cluster, Edge, Setup};
use shared::{BuyerId, Capacity, OrderId, Quantity, SaleId, Terms};

pub(crate) fn sale(name: &str) -> SaleId {
    SaleId::parse(name).expect("a sale id")
}

pub(crate) async fn connect(url: &str) -> Ledger {
    let url = LedgerUrl::parse(url).expect("an address");
    Ledger::connect(&url).await.expect("a ledger")
}

/// Opens a sale whose orders are held for `hold_ms`; 0 = they are final.
pub(crate) async fn open(ledger: &Ledger, name: &str, tickets: u32, hold_ms: u64) {
    let terms = Terms { hold_ms, ..Terms::default() };
    let capacity = Capacity::new(tickets.into()).expect("a capacity");
    let name = sale(name);
    let made = ledger.create_sale(&name, capacity, &terms, true);
    made.await.expect("a sale");
}

/// One ticket for the order `id`.
pub(crate) fn order(id: &str) -> Reserve {
    Reserve {
        id: OrderId::parse(&format!("{id}-order-0123456789")).expect("an id"),
        buyer: BuyerId::parse(id).expect("a buyer"),
        quantity: Quantity::new(1).expect("one"),
        lines: None,
    }
}

pub(crate) async fn buy(ledger: &Ledger, name: &str, id: &str) -> Result<Verdict, Fault> {
    let reply = ledger.reserve(&sale(name), &[order(id)]).await?;
    let (_, mut verdicts) = reply.expect("the sale is there");
    Ok(verdicts.remove(0))
}

/// Nodes that know the ledger by `url`, with more arguments.
pub(crate) fn nodes(url: &str, arguments: &[&str]) -> Cluster {
    let setup = Setup {
        weights: vec![1, 1],
        environment: vec![("REDIS_URL".into(), url.into())],
        arguments: arguments.iter().map(|&word| word.into()).collect(),
        ..Setup::with_edge(Edge::None)
    };
    Cluster::start(&setup).expect("the nodes come up")
}

/// Takes tickets out of a sale that is selling, so that about `rest` are left; its capacity then.
pub(crate) async fn leave(ledger: &Ledger, name: &str, rest: u32) -> u32 {
    let sale = sale(name);
    let restocked = async || {
        let now = ledger.snapshot(&sale).await.ok()??;
        let capacity = now.held + now.confirmed + rest;
        let wanted = Capacity::new(capacity.into()).expect("a capacity");
        let (_, change) = ledger.restock(&sale, wanted, None).await.ok()??;
        (change == SaleChange::Done).then_some(capacity)
    };
    until_async("the rest of the tickets is known", restocked).await
}

/// Counters, orders and log of a sale agree.
pub(crate) async fn audit(ledger: &Ledger, name: &str) -> lastseat_ledger::AuditReport {
    // It may be about to connect to the server that nodes have found already.
    let sale = sale(name);
    let report = until_async("an audit", async || ledger.audit(&sale).await.ok()).await;
    let report = report.expect("the sale is there");
    assert!(report.ok, "{report:?}");
    report
}
