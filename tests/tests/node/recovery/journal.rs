//! The journal of a node was cut or could not be written, and the ledger lost its last moments:
//! what the journals still have is restored, each order into its own sale, and nothing else.

use crate::recovery::buyers::{Buyer, SALE, Told, missing};
use crate::recovery::stage::Stage;
use lastseat_tests::harness::ledger;
use lastseat_tests::harness::wait::until_async;
use shared::OrderId;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const OTHER: &str = "other";
const TICKETS: &str = "12000";

fn open_sales(stage: &Stage) {
    for sale in [SALE, OTHER] {
        let words = ["sale", "create", sale, "--capacity", TICKETS];
        stage.says(&[&words[..], &["--hold", "10m"]].concat());
    }
}

fn journal(stage: &Stage, node: u16) -> PathBuf {
    let directory = stage.nodes_directory();
    directory.join(format!("node-{node}/acknowledged.log"))
}

/// The orders of a sale in the ledger whose ids begin with `prefix`.
async fn orders(stage: &Stage, sale: &str, prefix: &str) -> BTreeSet<String> {
    let found = ledger::orders(&stage.redis_url(), sale).await;
    let ids = found.expect("the ledger").into_keys().map(|id: OrderId| id.to_string());
    ids.filter(|id| id.starts_with(prefix)).collect()
}

fn audits_agree(stage: &Stage) {
    for sale in [SALE, OTHER] {
        let report = stage.says(&["--json", "audit", sale, "--ledger"]);
        assert!(report.contains(r#""ok":true"#), "{report}");
    }
}

/// The ids of orders whose lines are whole in the first `cut` bytes of a journal.
fn noted(text: &[u8], cut: usize) -> BTreeSet<String> {
    let text = &text[..cut];
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let text = std::str::from_utf8(&text[..whole]).expect("text");
    let orders = text.lines().filter(|line| line.starts_with("O "));
    orders.map(|line| line.split(' ').nth(1).expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_journals_cut_anywhere_is_restored_exactly_what_they_have() {
    let mut stage = Stage::new(2, false);
    open_sales(&stage);
    let told = Arc::<Mutex<Told>>::default();
    let sale_of = |n: u32| if n.is_multiple_of(2) { SALE } else { OTHER };
    for n in 0..4 {
        let buyer = Buyer::new(stage.nodes[0].client(), &told);
        assert!(buyer.in_sale(sale_of(n)).buys(&format!("kept-order-{n:05}"), 1).await);
    }
    let length = usize::try_from(stage.primary.files().length()).expect("short");
    for n in 0..12 {
        let node = &stage.nodes[n as usize / 2 % 2];
        let buyer = Buyer::new(node.client(), &told);
        assert!(buyer.in_sale(sale_of(n)).buys(&format!("lost-order-{n:05}"), 1).await);
    }
    stage.kill_all();
    let ledger = stage.primary.files().bytes();
    let journals = [1, 2].map(|node| fs::read(journal(&stage, node)).expect("a journal"));
    let ends = journals.each_ref().map(Vec::len);
    // From the end: the line end, the checksum, the order, its head, the answers before; and
    // nothing left.
    let back = [0, 1, 5, 30, 75, 95, 150, 180, 230, 300, usize::MAX];
    for (n, back_of_one) in back.into_iter().enumerate() {
        let back_of_other = back[(n + 4) % back.len()];
        let cuts = [back_of_one, back_of_other];
        let mut has = BTreeSet::new();
        for (node, (text, back)) in journals.iter().zip(cuts).enumerate() {
            let cut = ends[node].saturating_sub(back);
            fs::write(journal(&stage, node as u16 + 1), &text[..cut]).expect("it is cut");
            has.extend(noted(text, cut));
        }
        stage.primary.files().replace(&ledger[..length]);
        stage.primary.start_again(&[]);
        for node in 0..2 {
            stage.start_again(node);
        }
        let wanted = |sale: &'static str| -> BTreeSet<String> {
            let lost = (0..12).filter(|n| sale_of(*n) == sale);
            let lost = lost.map(|n| format!("lost-order-{n:05}"));
            lost.filter(|id| has.contains(id)).collect()
        };
        until_async("what the journals have is restored", async || {
            let restored = stage.sum("lastseat_orders_restored_total").await;
            (restored as usize >= wanted(SALE).len() + wanted(OTHER).len()).then_some(())
        })
        .await;
        stage.is_whole().await;
        for sale in [SALE, OTHER] {
            let found = orders(&stage, sale, "lost").await;
            assert_eq!(found, wanted(sale), "{sale}, cut {cuts:?} from the end");
            assert_eq!(orders(&stage, sale, "kept").await.len(), 2);
        }
        assert_eq!(stage.sum("lastseat_orders_unrestored_total").await, 0);
        audits_agree(&stage);
        stage.kill_all();
    }
}

/// Buys at the first node in both sales in turn; what was told stands in `told`.
async fn buy(stage: &Stage, told: [&Arc<Mutex<Told>>; 2], name: &str, orders: usize) {
    for n in 0..orders {
        for (sale, told) in [SALE, OTHER].into_iter().zip(told) {
            let mut buyer = Buyer::new(stage.nodes[0].client(), told).in_sale(sale);
            assert!(buyer.buys(&format!("{name}-{sale}-{n:08}"), 1).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_full_disk_every_order_is_in_the_journal_and_none_in_another_sale() {
    let mut stage = Stage::on_a_small_disk(1, 2);
    open_sales(&stage);
    let told = [(); 2].map(|()| Arc::<Mutex<Told>>::default());
    let both = [&told[0], &told[1]];
    let length = stage.primary.files().length();
    buy(&stage, both, "before", 5).await;
    stage.disk.as_ref().expect("a disk").fill().expect("it is full");
    // What is left of the last page of the file takes a part of an answer.
    buy(&stage, both, "meanwhile", 60).await;
    let failures = stage.sum("lastseat_acknowledged_write_failures_total").await;
    assert!(failures > 0, "the disk was full");
    let (status, ready) = stage.nodes[0].ready().await;
    let unsaved = stage.sum("lastseat_acknowledged_unsaved_bytes").await;
    stage.disk.as_ref().expect("a disk").empty().expect("it has room");
    buy(&stage, both, "after", 5).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let notes = stage.nodes[0].notes();
    let unsaved_then = stage.sum("lastseat_acknowledged_unsaved_bytes").await;

    stage.kill_all();
    stage.primary.files().cut(length);
    stage.primary.start_again(&[]);
    stage.start_again(0);
    until_async("orders are restored", async || {
        let restored = stage.sum("lastseat_orders_restored_total").await;
        (restored >= 10).then_some(())
    })
    .await;
    stage.is_whole().await;
    for (sale, told) in [SALE, OTHER].into_iter().zip(&told) {
        let wanted: BTreeSet<String> = told.lock().unwrap().keys().cloned().collect();
        let found = orders(&stage, sale, "").await;
        let strangers: Vec<_> = found.difference(&wanted).collect();
        let lost: Vec<_> = wanted.difference(&found).collect();
        assert!(
            strangers.is_empty() && lost.is_empty(),
            "sale {sale} has orders of the other one: {strangers:?}; it lacks {lost:?}"
        );
    }
    let told = told[0].lock().unwrap().clone();
    let missing = missing(&stage.redis_url(), &told).await;
    assert!(missing.is_empty(), "{missing:?}");
    audits_agree(&stage);

    // While it lasted it could be seen, and the log had a line when it began and one when it ended.
    assert_eq!(status, 200, "the node sells all the same");
    assert!(ready.contains("acknowledged.log cannot be written"), "{ready}");
    assert!(unsaved > 1_000 && unsaved_then == 0, "{unsaved} {unsaved_then}");
    let lines = |words: &str| notes.lines().filter(|line| line.contains(words)).count();
    assert_eq!(lines("acknowledged.log cannot be written"), 1, "{notes}");
    assert_eq!(lines("acknowledged.log is written again"), 1, "{notes}");
}
