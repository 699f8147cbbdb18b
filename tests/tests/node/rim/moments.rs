//! Sales that open and close by themselves, although nobody asks for them.

use crate::rim::{start, until};
use futures_util::{StreamExt, TryStreamExt, stream};
use lastseat_ledger::{Fault, Ledger, LedgerUrl};
use lastseat_tests::harness::metrics::Metrics;
use lastseat_tests::harness::{Cluster, Edge, HttpClient};
use shared::domain::sale::{Terms, TermsChange};
use shared::ledger_model::event_log::Event;
use shared::{Capacity, SaleId, SaleState, UnixMillis};

/// Entries of the log say that something happened at most so long after the moment that was set for
/// it, in milliseconds. It is some 5 on an idle machine.
const LATE_MS: u64 = 1_000;

async fn ledger_of(cluster: &Cluster) -> Ledger {
    let url = &cluster.redis.as_ref().unwrap().url;
    Ledger::connect(&LedgerUrl::parse(url).unwrap()).await.unwrap()
}

/// When the log says that the sale came into a state. Reading it runs no script.
async fn entered(ledger: &Ledger, sale: &SaleId, state: SaleState) -> Option<UnixMillis> {
    let log = ledger.log(sale, 0, 100).await.unwrap();
    let entry = log.into_iter().find(|entry| entry.events.contains(&Event::State(state)));
    entry.map(|entry| entry.at)
}

/// Scripts that the node has had run.
async fn scripts(cluster: &Cluster) -> u64 {
    let mut client = HttpClient::new(&cluster.nodes[0].admin).unwrap();
    let page = client.get("/metrics").await.unwrap().text();
    Metrics(page).count("lastseat_ledger_calls_total", &[])
}

fn terms(opens_at: UnixMillis, closes_at: UnixMillis) -> Terms {
    Terms { opens_at, closes_at, ..Terms::default() }
}

#[tokio::test]
async fn a_sale_that_nobody_asks_for_opens_and_closes_at_the_moment_that_was_set() {
    let cluster = start(Edge::None, &[]).await;
    let ledger = ledger_of(&cluster).await;
    let far = UnixMillis(8_000_000_000_000);
    // 10,000 more that open one day. None of them is looked at before.
    let others = stream::iter(0..10_000).map(|n| {
        let ledger = &ledger;
        async move {
            let sale = SaleId::parse(&format!("one-day-{n}")).unwrap();
            let terms = terms(far, UnixMillis(0));
            ledger.create_sale(&sale, Capacity::new(1).unwrap(), &terms, false).await?;
            Ok::<_, Fault>(())
        }
    });
    let others: Vec<()> = others.buffer_unordered(32).try_collect().await.unwrap();
    assert_eq!(others.len(), 10_000);

    let now = ledger.time().await.unwrap();
    let (opens, closes) = (now.plus(2_000), now.plus(3_000));
    // One was made with its moments, one was moved forward; no node knows of either.
    let [made, moved] = ["made", "moved"].map(|name| SaleId::parse(name).unwrap());
    let capacity = Capacity::new(1).unwrap();
    ledger.create_sale(&made, capacity, &terms(opens, closes), false).await.unwrap();
    ledger.create_sale(&moved, capacity, &terms(far, UnixMillis(0)), false).await.unwrap();
    let forward =
        TermsChange { opens_at: Some(opens), closes_at: Some(closes), ..TermsChange::default() };
    ledger.set_terms(&moved, &forward).await.unwrap();
    let before = scripts(&cluster).await;
    for sale in [&made, &moved] {
        until("it has closed", || async {
            entered(&ledger, sale, SaleState::Closed).await.is_some()
        })
        .await;
        for (state, set) in [(SaleState::Open, opens), (SaleState::Closed, closes)] {
            let at = entered(&ledger, sale, state).await.unwrap();
            assert!(at >= set && at.since(set) < LATE_MS, "{sale} {state}: {at}, set was {set}");
        }
    }
    let ran = scripts(&cluster).await - before;
    assert!(ran < 500, "{ran} scripts, with 10,000 sales of which two had something to do");
    until("nothing is left to do for them", || async {
        let left = ledger.moments(closes.plus(60_000), 10).await.unwrap();
        left.is_empty()
    })
    .await;
}

#[tokio::test]
async fn moments_that_no_node_has_noted_are_found_when_a_node_starts() {
    let cluster = start(Edge::None, &[]).await;
    let ledger = ledger_of(&cluster).await;
    let sale = SaleId::parse("autumn").unwrap();
    let opens = ledger.time().await.unwrap().plus(4_000);
    let terms = terms(opens, UnixMillis(0));
    ledger.create_sale(&sale, Capacity::new(1).unwrap(), &terms, false).await.unwrap();
    // As a version made it that had no such list.
    ledger.forget_moment(&sale).await.unwrap();
    cluster.kill_heaviest_node().unwrap();
    until("it has opened", || async { entered(&ledger, &sale, SaleState::Open).await.is_some() })
        .await;
    let at = entered(&ledger, &sale, SaleState::Open).await.unwrap();
    assert!(at.since(opens) < 2 * LATE_MS, "{at}, set was {opens}");
}
