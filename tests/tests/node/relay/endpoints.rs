//! Endpoints of a shop: all sales, filters, secrets, and where an endpoint begins.

use crate::relay::receiver::{Mood, NEW_SECRET, Receiver, SECRET};
use crate::relay::shop::ENDS_WITHIN;
use crate::relay::stage::{Stage, endpoint, has_all, in_order, stopped};
use lastseat_tests::harness::wait::until_async;
use shared::SaleId;
use std::time::Duration;

/// Twelve sales of two seasons, each with some changes.
async fn seasons(stage: &Stage) -> Vec<SaleId> {
    let mut sales = Vec::new();
    for number in 0..12 {
        let season = if number % 2 == 0 { "spring" } else { "autumn" };
        let sale = stage.sale(&format!("{season}-{number}")).await;
        stage.sell(&sale, number).await;
        sales.push(sale);
    }
    sales
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_relay_delivers_each_sale_in_order_to_each_endpoint_and_finds_new_sales() {
    let stage = Stage::start().await;
    let mut sales = seasons(&stage).await;
    let (crm, books) = (Receiver::willing().await, Receiver::willing().await);
    let text = endpoint("crm", &crm, "") + &endpoint("books", &books, "");
    let relay = stage.relay(&text, &[]);
    has_all(&stage, &crm, &sales).await;
    // What comes later is delivered as well, also of sales that are new, and of one that has ended.
    sales.push(stage.sale("winter").await);
    for (number, sale) in (100..).zip(&sales) {
        stage.sell(sale, number).await;
    }
    stage.end(&sales[0]).await;
    for receiver in [&crm, &books] {
        has_all(&stage, receiver, &sales).await;
        in_order(&stage, receiver, &sales, 0).await;
    }
    let said = stopped(relay);
    assert_eq!(said["endpoints"]["crm"]["entries"], crm.positions().len());
    assert_eq!(said["endpoints"]["crm"]["failed_attempts"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_leaves_out_sales_and_kinds_of_events_and_positions_go_on_past_them() {
    let stage = Stage::start().await;
    let sales = seasons(&stage).await;
    let (all, some) = (Receiver::willing().await, Receiver::willing().await);
    let filter = "sales = [\"spring-*\"]\nevents = [\"confirmed\", \"sale_*\"]";
    let text = endpoint("all", &all, "") + &endpoint("some", &some, filter);
    let relay = stage.relay(&text, &[]);
    has_all(&stage, &all, &sales).await;
    let (springs, autumns): (Vec<_>, Vec<_>) =
        sales.into_iter().partition(|sale| sale.as_str().starts_with("spring"));
    has_all(&stage, &some, &springs).await;
    for sale in &springs {
        // Created, held, confirmed.
        assert_eq!(some.of(sale), [1, 3]);
        assert_eq!(stage.position(sale, "some").await, Some(3));
        // What is left out at the end is passed, too.
        stage.hold(sale, 999).await;
        until_async("the position goes on", async || {
            (stage.position(sale, "some").await == Some(4)).then_some(())
        })
        .await;
        assert_eq!(some.of(sale), [1, 3]);
    }
    for sale in &autumns {
        assert!(some.of(sale).is_empty(), "{sale}");
        assert_eq!(stage.position(sale, "some").await, None);
    }
    let kinds = |receiver: &Receiver| -> Vec<String> {
        let bodies = receiver.taken().into_iter().map(|delivery| delivery.body);
        let events = bodies.flat_map(|body| body["events"].as_array().unwrap().clone());
        events.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    };
    assert!(kinds(&all).iter().any(|kind| kind == "held"));
    assert!(kinds(&some).iter().all(|kind| kind == "confirmed" || kind.starts_with("sale_")));
    stopped(relay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_secrets_sign_each_delivery_until_the_old_one_is_taken_out_of_the_file() {
    let stage = Stage::start().await;
    let sale = stage.sale("spring").await;
    let receiver = Receiver::willing().await;
    let text = |files| endpoint("shop", &receiver, &format!("secret_files = [{files}]"));
    let relay = stage.relay(&text("\"old.secret\""), &[]);
    let signed = async |step: u32, wanted: &[&str]| {
        // The file is read again every few seconds.
        let mut number = 100 * step;
        until_async("deliveries are signed with these", async || {
            number += 1;
            stage.hold(&sale, number).await;
            has_all(&stage, &receiver, &[sale.clone()]).await;
            (receiver.taken().last()?.signed_with == wanted).then_some(())
        })
        .await;
    };
    signed(1, &[SECRET]).await;
    stage.write(&text("\"new.secret\", \"old.secret\""));
    signed(2, &[NEW_SECRET, SECRET]).await;
    // A file that is wrong changes nothing.
    stage.write("[[endpoint]]\nname = \"shop\"\n");
    until_async("it is said what is wrong", async || {
        relay.notes().contains("the endpoints stay as they were").then_some(())
    })
    .await;
    signed(3, &[NEW_SECRET, SECRET]).await;
    stage.write(&text("\"new.secret\""));
    signed(4, &[NEW_SECRET]).await;
    in_order(&stage, &receiver, &[sale.clone()], 0).await;
    assert!(!relay.notes().contains(SECRET) && !relay.notes().contains(NEW_SECRET));
    stopped(relay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_goes_on_where_a_relay_of_one_sale_has_stopped() {
    let stage = Stage::start().await;
    let receiver = Receiver::willing().await;
    let (by_url, by_name) = (stage.sale("by-url").await, stage.sale("by-name").await);
    for (sale, name) in [(&by_url, None), (&by_name, Some("shop"))] {
        stage.sell(sale, 1).await;
        let mut words = vec![sale.as_str(), "--once", "--to", receiver.url(), "--secret", SECRET];
        words.extend(name.iter().flat_map(|name| ["--name", *name]));
        let (said, code) = stage.asks(&words);
        assert_eq!((&said["position"], code), (&3.into(), Some(0)));
    }
    let sales = [by_url, by_name];
    let relay = stage.relay(&endpoint("shop", &receiver, ""), &[]);
    for sale in &sales {
        stage.sell(sale, 2).await;
    }
    has_all(&stage, &receiver, &sales).await;
    // Nothing of before came again, and the position is the endpoint's own from now on.
    in_order(&stage, &receiver, &sales, 0).await;
    for sale in &sales {
        assert_eq!(stage.position(sale, "shop").await, Some(5));
    }
    stopped(relay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_begins_now_receives_nothing_of_before_and_everything_after_it() {
    let stage = Stage::start().await;
    let sales = seasons(&stage).await;
    let ended = stage.sale("winter").await;
    stage.end(&ended).await;
    let receiver = Receiver::willing().await;
    let text = endpoint("new", &receiver, "start = \"now\"");
    let mut relay = stage.relay(&text, &[]);
    until_async("each sale has a position", async || {
        for sale in &sales {
            stage.position(sale, "new").await.filter(|position| *position == 3)?;
        }
        Some(())
    })
    .await;
    relay.stop().unwrap();
    // What happens while no relay runs is not of before.
    for (number, sale) in (100..).zip(&sales) {
        stage.hold(sale, number).await;
    }
    let late = stage.sale("late").await;
    let relay = stage.relay(&text, &[]);
    for sale in &sales {
        until_async("what came later is delivered", async || {
            (receiver.of(sale) == [4]).then_some(())
        })
        .await;
    }
    has_all(&stage, &receiver, &[late.clone()]).await;
    assert_eq!(receiver.of(&late), [1]);
    assert!(receiver.of(&ended).is_empty());
    stopped(relay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_of_all_sales_that_runs_once_ends_and_says_what_is_left() {
    let stage = Stage::start().await;
    let mut sales = seasons(&stage).await;
    let ended = stage.sale("winter").await;
    stage.end(&ended).await;
    sales.push(ended);
    let (good, bad) = (Receiver::willing().await, Receiver::start(|_| Mood::Says(500)).await);
    let text = endpoint("good", &good, "") + &endpoint("bad", &bad, "sales = [\"winter\"]");
    let mut relay = stage.relay(&text, &["--once"]);
    assert_eq!(relay.wait(ENDS_WITHIN).unwrap().code(), Some(1), "{}", relay.notes());
    let said: serde_json::Value = serde_json::from_str(&relay.line(ENDS_WITHIN).unwrap()).unwrap();
    assert_eq!((&said["left"]["good"], &said["left"]["bad"]), (&0.into(), &1.into()), "{said}");
    in_order(&stage, &good, &sales, 0).await;
    // Now it works.
    let mut relay = stage.relay(&endpoint("good", &good, ""), &["--once"]);
    assert_eq!(relay.wait(ENDS_WITHIN).unwrap().code(), Some(0), "{}", relay.notes());
    in_order(&stage, &good, &sales, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_are_acknowledged_only_as_far_as_every_endpoint_has_taken_them() {
    let stage = Stage::start().await;
    let sale = stage.sale("spring").await;
    stage.sell(&sale, 1).await;
    let good = Receiver::willing().await;
    let slow = Receiver::start_for(|_, delivery| match delivery.commit_seq {
        1 | 2 => Mood::Takes(Duration::ZERO),
        _ => Mood::Later(300),
    })
    .await;
    let text = "acknowledge = true\n".to_owned()
        + &endpoint("good", &good, "")
        + &endpoint("slow", &slow, "");
    let relay = stage.relay(&text, &[]);
    has_all(&stage, &good, &[sale.clone()]).await;
    let kept = async || {
        let entries = stage.ledger.log(&sale, 1, 100).await.unwrap();
        entries.into_iter().map(|entry| entry.commit_seq).collect::<Vec<u64>>()
    };
    until_async("the log is trimmed", async || (kept().await == [3]).then_some(())).await;
    assert_eq!(stage.position(&sale, "slow").await, Some(2));
    stopped(relay);
    assert_eq!(kept().await, [3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_endpoints_that_is_wrong_is_refused_at_the_start_in_words() {
    let stage = Stage::start().await;
    let receiver = Receiver::willing().await;
    let text = endpoint("a b", &receiver, "events = [\"sold\"]")
        + &endpoint("shop", &receiver, "secret_files = [\"gone.secret\"]");
    let mut relay = stage.relay(&text, &[]);
    assert_eq!(relay.wait(ENDS_WITHIN).unwrap().code(), Some(2));
    for word in ["its name has", "\"sold\" is no kind", "gone.secret cannot be read"] {
        until_async("all that is wrong is said", async || {
            relay.notes().contains(word).then_some(())
        })
        .await;
    }
}
