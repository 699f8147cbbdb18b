//! A Redis that is set otherwise while nodes run.

use crate::rim::{SALE, start, until};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::metrics::Metrics;
use lastseat_tests::harness::redis;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, HttpReply};
use shared::Code;

async fn redis(cluster: &Cluster, words: &[&str]) {
    let url = &cluster.redis.as_ref().unwrap().url;
    redis::command(url, words).await.unwrap();
}

async fn get(url: &str, path: &str) -> HttpReply {
    HttpClient::new(url).unwrap().get(path).await.unwrap()
}

async fn readyz(cluster: &Cluster) -> HttpReply {
    get(&cluster.nodes[0].url, "/readyz").await
}

async fn metrics(cluster: &Cluster) -> Metrics {
    Metrics(get(&cluster.nodes[0].admin, "/metrics").await.text())
}

async fn order(cluster: &Cluster, key: &str) -> HttpReply {
    let mut client = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let ordered = client.order(SALE, Some(key), r#"{"buyer":"ada"}"#).await;
    ordered.unwrap()
}

async fn change(cluster: &Cluster, key: &str, verb: &str) -> HttpReply {
    let mut client = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let path = format!("/v1/sales/{SALE}/orders/{key}/{verb}");
    let token = std::fs::read_to_string(cluster.data_dir().join("shop.token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let asked = request(Method::POST, &path, &[("authorization", &bearer)], "").unwrap();
    client.send(asked).await.unwrap()
}

/// Whether an order is refused as one that did not happen.
async fn refuses(cluster: &Cluster, key: &str) -> bool {
    let answer = order(cluster, key).await;
    answer.status == StatusCode::SERVICE_UNAVAILABLE
        && answer.problem().unwrap().code == Code::Unavailable
}

#[tokio::test]
async fn what_is_refused_at_the_start_stops_the_sale_when_it_comes_later() {
    let cluster = start(Edge::None, &[]).await;
    assert_eq!(order(&cluster, "before-0123456789").await.status, 201);
    let replica = ["REPLICAOF", "127.0.0.1", "1"];
    let faults: [(&[&str], &[&str], &str); 4] = [
        (
            &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"],
            &["CONFIG", "SET", "maxmemory-policy", "noeviction"],
            "maxmemory-policy allkeys-lru",
        ),
        // No heartbeat needs these: without the watch nobody would notice before a script needs
        // one.
        (
            &["ACL", "SETUSER", "default", "-zmscore", "-zrem"],
            &["ACL", "SETUSER", "default", "+zmscore", "+zrem"],
            "ZREM",
        ),
        (&replica, &["REPLICAOF", "NO", "ONE"], "is a replica"),
        (
            &["ACL", "SETUSER", "default", "resetkeys", "~lastseat:nodes*"],
            &["ACL", "SETUSER", "default", "allkeys"],
            "does not let this user run",
        ),
    ];
    for (n, (fault, remedy, words)) in faults.into_iter().enumerate() {
        redis(&cluster, fault).await;
        until(&format!("not ready: {words}"), || async {
            let said = readyz(&cluster).await;
            said.status == StatusCode::SERVICE_UNAVAILABLE && said.text().contains(words)
        })
        .await;
        let key = format!("during-{n:016}");
        assert!(refuses(&cluster, &key).await, "sold: {words}");
        for verb in ["confirm", "cancel", "extend"] {
            let answer = change(&cluster, "before-0123456789", verb).await;
            assert_eq!(answer.status, 503, "{verb} with {words}: {}", answer.text());
        }
        let now = metrics(&cluster).await;
        assert_eq!(now.count("lastseat_ready", &[]), 0, "{words}");
        assert_eq!(now.count("lastseat_redis_unfit", &[]), 1, "{words}");

        redis(&cluster, remedy).await;
        until(&format!("ready again after: {words}"), || async {
            readyz(&cluster).await.status == StatusCode::OK
        })
        .await;
        until(&format!("sells again after: {words}"), || async {
            order(&cluster, &key).await.status == StatusCode::CREATED
        })
        .await;
        assert_eq!(metrics(&cluster).await.count("lastseat_redis_unfit", &[]), 0);
    }
    let audit = cluster.audit(SALE).await.unwrap();
    assert!(audit.ok && audit.confirmed == 5, "{audit:?}");
}

#[tokio::test]
async fn what_is_warned_of_at_the_start_is_shown_when_it_comes_later_and_the_sale_goes_on() {
    let cluster = start(Edge::None, &[]).await;
    let used = metrics(&cluster).await;
    until("the memory is shown", || async {
        let now = metrics(&cluster).await;
        now.count("lastseat_redis_used_memory_bytes", &["server=\"ledger\""]) > 100_000
    })
    .await;
    assert_eq!(used.sum("lastseat_redis_concern", &[]), 0.0);
    // So much that what is sold here meanwhile is far less than the rest of the memory.
    let filler = "x".repeat(32_000_000);
    redis(&cluster, &["SET", "filler", &filler]).await;
    until("the filler is there", || async {
        let now = metrics(&cluster).await;
        now.count("lastseat_redis_used_memory_bytes", &[]) > 32_000_000
    })
    .await;
    let used = metrics(&cluster).await;
    let used = used.count("lastseat_redis_used_memory_bytes", &[]);
    let most = (used * 100 / 93).to_string();
    let concerns: [(&[&str], &[&str], &str); 4] = [
        (
            &["ACL", "SETUSER", "default", "-smove"],
            &["ACL", "SETUSER", "default", "+smove"],
            "no_move",
        ),
        (
            &["CONFIG", "SET", "appendfsync", "everysec"],
            &["CONFIG", "SET", "appendfsync", "always"],
            "late_sync",
        ),
        (
            &["CONFIG", "SET", "appendonly", "no"],
            &["CONFIG", "SET", "appendonly", "yes"],
            "no_append_only_file",
        ),
        (
            &["CONFIG", "SET", "maxmemory", &most],
            &["CONFIG", "SET", "maxmemory", "0"],
            "memory_high",
        ),
    ];
    for (n, (concern, remedy, word)) in concerns.into_iter().enumerate() {
        let shown = |wanted: u64| {
            let cluster = &cluster;
            move || async move {
                let label = format!("concern=\"{word}\"");
                metrics(cluster).await.count("lastseat_redis_concern", &[&label]) == wanted
            }
        };
        redis(&cluster, concern).await;
        until(&format!("shown: {word}"), shown(1)).await;
        assert_eq!(readyz(&cluster).await.status, 200, "{word}");
        let key = format!("during-{n:016}");
        assert_eq!(order(&cluster, &key).await.status, 201, "{word}");
        redis(&cluster, remedy).await;
        until(&format!("over: {word}"), shown(0)).await;
    }
}
