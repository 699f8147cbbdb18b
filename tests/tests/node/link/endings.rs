//! Nodes that go while a link is open, and those that never take one.

use crate::link::{A, SALE, body, id, link, nodes, order};
use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use lastseat_link::{LinkCount, LinkError};
use lastseat_tests::harness::Cluster;
use rustix::process::{Pid, Signal, kill_process};
use shared::domain::order::KeySource;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub(crate) fn signal(cluster: &Cluster, signal: Signal) {
    let pid = cluster.nodes[0].pid.and_then(|pid| Pid::from_raw(pid.cast_signed())).unwrap();
    kill_process(pid, signal).unwrap();
}

#[tokio::test]
async fn a_node_that_is_killed_leaves_orders_unknown_at_once_and_later_ones_unsent() {
    let cluster = nodes(&[1], A, 100, &[]).await;
    let (link, _) = link(&cluster.nodes[0].url, A);
    assert!(link.ask(&order(&id(0), KeySource::Made, &body("first"))).await.is_ok());
    // It has the orders and cannot answer: then it dies.
    signal(&cluster, Signal::STOP);
    let mut asked = JoinSet::new();
    for number in 1..=10 {
        let link = link.clone();
        asked.spawn(async move {
            link.ask(&order(&id(number), KeySource::Made, &body(&format!("b{number}")))).await
        });
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    signal(&cluster, Signal::KILL);
    while let Some(answer) = asked.join_next().await {
        assert_eq!(answer.unwrap(), Err(LinkError::Broken));
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "nobody waits for the dead");
    let later = link.ask(&order(&id(11), KeySource::Made, &body("late"))).await;
    assert_eq!(later, Err(LinkError::NotSent));
}

#[tokio::test]
async fn a_node_that_stops_answers_what_it_has_and_sends_others_away() {
    let cluster = nodes(&[1], A, 100_000, &[]).await;
    let (link, counters) = link(&cluster.nodes[0].url, A);
    let answered = Arc::new(AtomicU64::new(0));
    let granted = Arc::new(AtomicU64::new(0));
    let mut buyers = JoinSet::new();
    for buyer in 0..32_u64 {
        let (link, answered, granted) = (link.clone(), Arc::clone(&answered), Arc::clone(&granted));
        buyers.spawn(async move {
            for turn in 0.. {
                let number = turn * 32 + buyer;
                let body = body(&format!("buyer-{number}"));
                match link.ask(&order(&id(number), KeySource::Made, &body)).await {
                    Ok(answer) if answer.status == 201 => {
                        granted.fetch_add(1, Ordering::Relaxed);
                    }
                    // Nothing happened; whoever was not told that the node leaves asks on.
                    Ok(answer) if answer.status == 503 => continue,
                    Ok(answer) => panic!("{} {:?}", answer.status, answer.body),
                    Err(LinkError::NotSent | LinkError::TurnedAway) => return,
                    Err(error) => panic!("{error:?}"),
                }
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while answered.load(Ordering::Relaxed) < 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signal(&cluster, Signal::TERM);
    while let Some(ended) = buyers.join_next().await {
        ended.unwrap();
    }
    assert_eq!(counters.get(LinkCount::Broken), 0, "the node took leave");
    let orders = cluster.orders(SALE).await.unwrap();
    assert_eq!(orders.len() as u64, granted.load(Ordering::Relaxed));
}

/// A node of an earlier version: it has nothing at the address of the link.
async fn older_node(asked: Arc<AtomicU64>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let asked = Arc::clone(&asked);
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                assert_eq!(request.uri().path(), "/v1/link");
                asked.fetch_add(1, Ordering::Relaxed);
                let mut response = Response::new(Full::new(Bytes::from("{}")));
                *response.status_mut() = hyper::StatusCode::NOT_FOUND;
                async { Ok::<_, Infallible>(response) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    url
}

#[tokio::test]
async fn a_node_of_an_earlier_version_is_spoken_to_plainly_and_not_asked_each_time() {
    let asked = Arc::<AtomicU64>::default();
    let (link, _) = link(&older_node(Arc::clone(&asked)).await, A);
    for number in 0..100 {
        let answer = link.ask(&order(&id(number), KeySource::Made, &body("ada"))).await;
        assert_eq!(answer, Err(LinkError::Plain));
        // Time to ask again, if it were to.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_gateway_with_another_key_is_told_so_over_http() {
    let cluster = nodes(&[1], A, 100, &[]).await;
    let (link, _) = link(&cluster.nodes[0].url, crate::link::B);
    let answer = link.ask(&order(&id(0), KeySource::Made, &body("ada"))).await;
    assert_eq!(answer, Err(LinkError::Plain), "a plain request brings the reason");
    assert_eq!(cluster.count("lastseat_links_opened_total", &[]).await.unwrap(), 0);
}
