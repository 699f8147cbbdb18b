//! What an operator asks the relay of a shop: its status, a retry, its metrics.

use crate::metrics::{OF_A_RELAY, all_documented, shown};
use crate::relay::receiver::{Mood, Receiver};
use crate::relay::stage::{Stage, endpoint, has_all, stopped};
use lastseat_cluster::process::free_port;
use lastseat_tests::harness::HttpClient;
use lastseat_tests::harness::wait::until_async;
use std::time::Duration;

const AT_ONCE: Mood = Mood::Takes(Duration::ZERO);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_by_hand_is_tried_at_once_and_can_begin_anew() {
    let stage = Stage::start().await;
    let (spring, autumn) = (stage.sale("spring").await, stage.sale("autumn").await);
    // Each sale is to wait for five minutes after its first delivery.
    let receiver = Receiver::start_for(|attempt, _| match attempt {
        0 | 1 => Mood::Later(300),
        _ => AT_ONCE,
    })
    .await;
    let relay = stage.relay(&endpoint("shop", &receiver, ""), &[]);
    until_async("both were tried", async || (receiver.all().len() == 2).then_some(())).await;
    for sale in [&spring, &autumn] {
        let said = until_async("the status says that it waits", async || {
            let said = stage.stream("shop", sale).await;
            (said["failed_attempts"] == 1).then_some(said)
        })
        .await;
        let wait = said["next_try_at"].as_u64().unwrap() - said["last_at"].as_u64().unwrap();
        assert!((200_000..=300_100).contains(&wait), "{said}");
        assert_eq!((&said["position"], &said["lag_entries"]), (&0.into(), &1.into()));
        assert!(said["last_answer"].as_str().unwrap().contains("503"), "{said}");
    }
    let (said, code) = stage.asks(&["retry", "shop", "spring"]);
    assert_eq!((&said["sale"], code), (&"spring".into(), Some(0)), "{said}");
    has_all(&stage, &receiver, &[spring.clone()]).await;
    assert!(receiver.of(&autumn).is_empty());
    assert_eq!(stage.asks(&["retry", "shop"]).1, Some(0));
    has_all(&stage, &receiver, &[autumn.clone()]).await;
    // From an entry on, whatever was delivered.
    stage.sell(&spring, 1).await;
    has_all(&stage, &receiver, &[spring.clone()]).await;
    assert_eq!(stage.asks(&["retry", "shop", "spring", "--from", "2"]).1, Some(0));
    until_async("two entries come again", async || {
        (receiver.of(&spring) == [1, 2, 3, 2, 3]).then_some(())
    })
    .await;
    assert_eq!(stage.position(&spring, "shop").await, Some(3));
    for (words, code, told) in [
        (&["retry", "shop", "winter"][..], 3, "unknown_sale"),
        (&["retry", "crm"], 3, "unknown_endpoint"),
        (&["status", "crm"], 3, "unknown_endpoint"),
    ] {
        let (said, ended) = stage.asks(words);
        assert_eq!((&said["error"]["code"], ended), (&told.into(), Some(code)), "{said}");
    }
    stopped(relay);
    let (said, code) = stage.asks(&["retry", "shop"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said["error"]["detail"].as_str().unwrap().contains("no process relays"), "{said}");
    assert!(stage.asks(&["status"]).0["relay"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trimmed_log_stops_its_sale_alone_until_somebody_says_where_to_go_on() {
    let stage = Stage::start().await;
    let (spring, autumn) = (stage.sale("spring").await, stage.sale("autumn").await);
    stage.sell(&spring, 1).await;
    stage.ledger.ack(&spring, 2).await.unwrap();
    let receiver = Receiver::willing().await;
    let relay = stage.relay(&endpoint("shop", &receiver, ""), &[]);
    has_all(&stage, &receiver, &[autumn]).await;
    let said = until_async("it is said", async || {
        let said = stage.stream("shop", &spring).await;
        said["trouble"].is_string().then_some(said)
    })
    .await;
    assert!(said["trouble"].as_str().unwrap().contains("--from 3"), "{said}");
    assert_eq!(stage.asks(&["status"]).1, Some(1));
    assert_eq!(stage.asks(&["retry", "shop", "spring", "--from", "3"]).1, Some(0));
    has_all(&stage, &receiver, &[spring.clone()]).await;
    assert_eq!(receiver.of(&spring), [3]);
    stopped(relay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_of_a_relay_are_those_of_the_documents_and_name_lag_and_failures() {
    let stage = Stage::start().await;
    let spring = stage.sale("spring").await;
    let (good, bad) = (Receiver::willing().await, Receiver::start(|_| Mood::Later(300)).await);
    let text = endpoint("good", &good, "") + &endpoint("bad", &bad, "");
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let relay = stage.relay(&text, &["--metrics-listen", &address]);
    has_all(&stage, &good, &[spring]).await;
    let mut client = HttpClient::new(&format!("http://{address}")).unwrap();
    until_async("lag and failures are shown", async || {
        let page = client.get("/metrics").await.ok()?.text();
        let has = |line: &str| page.lines().any(|shown| shown == line);
        let lag = page
            .lines()
            .find_map(|line| line.strip_prefix("lastseat_webhook_lag_seconds{endpoint=\"bad\"} "));
        (lag?.parse::<f64>().ok()? > 0.0
            && has("lastseat_webhook_lag_seconds{endpoint=\"good\"} 0")
            && has("lastseat_webhook_relay_active 1")
            && has("lastseat_webhook_deliveries_total{endpoint=\"bad\",outcome=\"failed\"} 1")
            && has("lastseat_webhook_deliveries_total{endpoint=\"good\",outcome=\"taken\"} 1")
            && has("lastseat_webhook_sales_failing{endpoint=\"bad\"} 1"))
        .then_some(())
    })
    .await;
    let mut documented = all_documented();
    documented.retain(|name, _| name.starts_with(OF_A_RELAY));
    assert_eq!(shown(&client.get("/metrics").await.unwrap().text()), documented);
    assert_eq!(client.get("/livez").await.unwrap().text(), "alive\n");
    stopped(relay);
}
