//! Shutdown of a gateway: what was begun is finished, clients are asked to go, operators see it.

use crate::gateway::{Running, SOON, exchange, plain};
use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lastseat_tests::harness::HttpClient;
use lastseat_tests::harness::wait::until_async;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_gateway_that_stops_finishes_what_was_begun_over_both_protocols() {
    let mut front = Running::start(plain());
    let mut idle = HttpClient::new(&front.entry.url).unwrap();
    idle.get("/").await.unwrap();
    let mut one = front.connect().await;
    let two = front.connect().await;
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(two)).await.unwrap();
    let second = tokio::spawn(connection);
    let asked = Request::get("http://x/wait/1500").body(String::new()).unwrap();
    let late = tokio::spawn(sender.send_request(asked));
    let head = b"GET /wait/1500 HTTP/1.1\r\nhost: x\r\n\r\n";
    let first = tokio::spawn(async move { exchange(&mut one, head, SOON).await });
    until_async("three connections with a request each", async || {
        let name = "lastseat_gateway_connections";
        (front.metrics().await.count(name, &[]) == 3).then_some(())
    })
    .await;
    // The requests were sent before; they have to be read.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    front.ask_to_stop();
    // It lingers: who comes now is answered, and asked to go.
    let answer = until_async("an answer that asks to close", async || {
        let answer = idle.get("/").await.ok()?;
        (answer.header("connection") == "close").then_some(answer)
    })
    .await;
    assert_eq!(answer.status, StatusCode::OK);
    let first = first.await.unwrap().expect("an end");
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{first}");
    let answer = late.await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!answer.into_body().collect().await.unwrap().to_bytes().is_empty());
    // GOAWAY ended the connection, and not an error.
    tokio::time::timeout(SOON, second).await.expect("an end").unwrap().unwrap();
    let authority = front.authority().to_owned();
    front.end().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(TcpStream::connect(authority).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn a_request_without_an_end_is_cut_within_a_bound() {
    let mut front = Running::start(plain());
    let mut stream = front.connect().await;
    let head = b"GET /wait/60000 HTTP/1.1\r\nhost: x\r\n\r\n";
    let asked = tokio::spawn(async move { exchange(&mut stream, head, SOON).await });
    until_async("the connection is open", async || {
        let open = front.metrics().await.count("lastseat_gateway_connections", &[]);
        (open == 1).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    front.ask_to_stop();
    assert_eq!(asked.await.unwrap().as_deref(), Some(""), "no answer");
    front.end().unwrap();
    let took = begun.elapsed();
    assert!((7..10).contains(&took.as_secs()), "below what a supervisor waits: {took:?}");
}

#[tokio::test]
async fn operators_see_whether_it_lives_and_serves_and_what_it_counts() {
    let mut front = Running::start(plain());
    assert_eq!(front.admin("/livez").await.text(), "alive\n");
    assert_eq!(front.admin("/readyz").await.text(), "ready\n");
    let metrics = front.metrics().await;
    assert_eq!(metrics.count("lastseat_gateway_ready", &[]), 1);
    assert_eq!(metrics.count("lastseat_gateway_threads", &[]), 2);
    assert_eq!(metrics.count("lastseat_echo", &[]), 7, "the application's own");
    front.application.broken.store(true, Ordering::Relaxed);
    let answer = front.admin("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.problem().unwrap().detail, "Not ready: it is broken.");
    assert_eq!(front.metrics().await.count("lastseat_gateway_ready", &[]), 0);
    front.application.broken.store(false, Ordering::Relaxed);
    assert_eq!(front.admin("/nowhere").await.status, StatusCode::NOT_FOUND);
    let posted = lastseat_tests::harness::http::request(hyper::Method::POST, "/metrics", &[], "");
    let mut client = HttpClient::new(&front.entry.admin).unwrap();
    let refused = client.send(posted.unwrap()).await.unwrap();
    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.header("allow"), "GET,HEAD");
    front.ask_to_stop();
    until_async("it says that it stops", async || {
        let answer = client.get("/readyz").await.ok()?;
        answer.text().contains("this gateway is stopping").then_some(())
    })
    .await;
}
