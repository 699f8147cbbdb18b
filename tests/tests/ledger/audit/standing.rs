//! Sales that are as they should be, or stand still, and what cannot be checked of them.

use crate::audit::stage::{Stage, wish};
use lastseat_ledger::{Ledger, LedgerUrl};
use lastseat_tests::harness::redis::users::with_passwords;
use shared::SaleId;

#[tokio::test]
async fn a_sale_of_which_nothing_is_there_is_none() {
    let stage = Stage::new().await;
    let none = stage.ledger.audit(&SaleId::parse("nowhere").unwrap()).await;
    assert_eq!(none.unwrap().map(|report| report.ok), None);
}

#[tokio::test]
async fn a_sale_that_stands_still_is_audited_and_says_that_orders_may_be_missing() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    sale.says(&["HSET", ":sale", "history", "of-another-redis"]).await;
    let report = sale.audit().await;
    assert!(report.ok && report.not_checked[0].why.contains("stands still"), "{report:?}");
    sale.says(&["HSET", ":buyers", "nobody", "1"]).await;
    assert!(!sale.audit().await.ok);
    assert_eq!(sale.field("history").await, "of-another-redis");
}

#[tokio::test]
async fn a_sale_of_an_older_lastseat_is_ok_without_history_and_with_fields_of_a_newer_one() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    sale.says(&["HDEL", ":sale", "history"]).await;
    sale.says(&["HSET", ":sale", "colour", "red"]).await;
    let report = sale.audit().await;
    let named =
        |words: &str| report.not_checked.iter().any(|n| !n.matters && n.what.contains(words));
    assert!(report.ok && named("acknowledged orders") && named("field colour"), "{report:?}");
}

#[tokio::test]
async fn ended_orders_that_are_counted_right_or_by_an_older_lastseat_only_in_part_are_ok() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    sale.says(&["HSET", ":buyers", "ended buyer-2", "1"]).await;
    sale.says(&["HSET", ":sale", "ended_peak", "1"]).await;
    let report = sale.audit().await;
    assert!(report.ok && report.not_checked.is_empty(), "{report:?}");
    sale.says(&["HDEL", ":buyers", "ended buyer-2"]).await;
    let report = sale.audit().await;
    assert!(report.ok && report.not_checked[0].what.contains("ended orders"), "{report:?}");
}

#[tokio::test]
async fn an_order_that_was_cancelled_before_it_came_is_a_record_as_any_other() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    let (id, record) = ("order-of-a-tombstone", "1x:0:0:1700000000000:0:-");
    let text = format!("1 1700000000000 {}\nR {id} {record}", sale.field("version").await);
    sale.says(&["XADD", ":log", "7-0", "e", &text]).await;
    sale.says(&["HSET", ":orders", id, record]).await;
    sale.says(&["HSET", ":sale", "commit_seq", "7", "cancelled_early", "1"]).await;
    let report = sale.audit().await;
    assert!(report.ok && report.not_checked.is_empty(), "{report:?}");
}

#[tokio::test]
async fn a_log_that_was_acknowledged_is_ok_and_says_what_it_no_longer_shows() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    for (seq, from) in [(4, 5), (6, 0)] {
        stage.ledger.ack(&sale.id, seq).await.unwrap();
        let report = sale.audit().await;
        assert!(report.ok && report.log_from == from, "{report:?}");
    }
    stage.ledger.reserve(&sale.id, &[wish(30)]).await.unwrap();
    let report = sale.audit().await;
    assert!(report.ok && report.log_from == 7, "{report:?}");
}

#[tokio::test]
async fn a_log_that_is_acknowledged_while_it_is_audited_gives_no_false_finding() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    let (ledger, id) = (stage.ledger.aside(), sale.id.clone());
    let busy = tokio::spawn(async move {
        for n in 100..700 {
            let id_of = wish(n).id;
            ledger.reserve(&id, &[wish(n)]).await.unwrap();
            let (snapshot, _) = ledger.cancel(&id, &id_of).await.unwrap().unwrap();
            // Eight entries: half of what a page of the log has.
            if n % 4 == 0 {
                ledger.ack(&id, snapshot.commit_seq).await.unwrap();
            }
        }
    });
    let (mut audits, mut trimmed) = (0, 0);
    while !busy.is_finished() {
        // Trimmed three times faster than it was read: the caller is asked to try again.
        if let Ok(report) = stage.ledger.audit(&sale.id).await {
            let report = report.unwrap();
            assert!(report.ok, "{report:?}");
            audits += 1;
        } else {
            trimmed += 1;
        }
    }
    busy.await.unwrap();
    assert!(audits + trimmed > 0, "it was audited while it was busy");
    let report = sale.audit().await;
    assert!(report.ok, "{report:?}");
}

#[tokio::test]
async fn the_user_of_the_published_list_may_do_all_that_an_audit_does() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    let users = with_passwords();
    let line = users.lines().find(|line| line.starts_with("user lastseat ")).unwrap();
    let mut words = vec!["ACL", "SETUSER"];
    words.extend(line.split(' ').skip(1));
    sale.says(&words).await;
    sale.says(&["XSETID", ":log", "99-0"]).await;
    sale.says(&["DEL", ":buyers"]).await;
    sale.says(&["SET", ":buyers", "x"]).await;
    let socket = stage.redis.socket();
    let url = format!("redis+unix://{}?user=lastseat&pass=secret-of-lastseat", socket.display());
    let ledger = Ledger::connect(&LedgerUrl::parse(&url).unwrap()).await.unwrap();
    let report = ledger.audit(&sale.id).await.unwrap().unwrap();
    let all = report.differences.join("\n");
    assert!(all.contains("gave the number 99-0"), "{report:?}");
    assert!(all.contains("key :buyers is a string"), "{report:?}");
    // A list of users from before: it names the damage, though not as much of it.
    sale.says(&["ACL", "SETUSER", "lastseat", "-type", "-xinfo|stream"]).await;
    let report = ledger.audit(&sale.id).await.unwrap().unwrap();
    let all = format!("{:?} {:?}", report.differences, report.not_checked);
    assert!(
        all.contains("key :buyers is a something else") && all.contains("XINFO STREAM"),
        "{all}"
    );
}
