//! HTTP/1.1 and HTTP/2 on one port, and a thread a core.

use crate::gateway::{Running, SOON, exchange, plain, said};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper::{Method, Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lastseat_tests::harness::HttpClient;
use lastseat_tests::harness::http::request;
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test]
async fn each_thread_accepts_connections_on_the_same_port() {
    let front = Running::start(plain());
    assert_eq!(front.entry.threads, 2);
    let (mut clients, mut threads) = (Vec::new(), BTreeSet::new());
    // The kernel chooses a listener by a hash of the addresses: 64 on one side are one in 2^63.
    for _ in 0..64 {
        let mut client = HttpClient::new(&front.entry.url).unwrap();
        let answer = client.get("/").await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        threads.insert(said(&answer.text(), "thread").to_owned());
        clients.push(client);
    }
    let both = ["gateway-1", "gateway-2"].map(str::to_owned);
    assert_eq!(threads, BTreeSet::from(both));
    let metrics = front.metrics().await;
    assert_eq!(metrics.count("lastseat_gateway_connections", &[]), 64);
    let answered = ["protocol=\"http/1\"", "status=\"2xx\""];
    assert_eq!(metrics.count("lastseat_gateway_requests_total", &answered), 64);
}

#[tokio::test]
async fn http_2_in_clear_is_told_by_its_preface_and_many_requests_share_a_connection() {
    let front = Running::start(plain());
    let stream = front.connect().await;
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let url = format!("http://{}/wait/20", front.authority());
    let requests = (0..50).map(|_| {
        let mut sender = sender.clone();
        let asked = Request::get(&url).body(Full::<Bytes>::default()).unwrap();
        async move {
            let answer = sender.send_request(asked).await.unwrap();
            assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
            answer.into_body().collect().await.unwrap().to_bytes()
        }
    });
    for text in futures_util::future::join_all(requests).await {
        let text = String::from_utf8_lossy(&text).into_owned();
        assert_eq!(said(&text, "version"), "HTTP/2.0");
        assert_eq!(said(&text, "host"), front.authority(), "the authority is the host");
        assert_eq!((said(&text, "client"), said(&text, "tls")), ("127.0.0.1", "false"));
    }
    let metrics = front.metrics().await;
    assert_eq!(metrics.count("lastseat_gateway_connections", &[]), 1);
    let answered = ["protocol=\"http/2\"", "status=\"2xx\""];
    assert_eq!(metrics.count("lastseat_gateway_requests_total", &answered), 50);
}

#[tokio::test]
async fn a_method_that_begins_as_the_preface_does_is_http_1() {
    let front = Running::start(plain());
    for method in ["POST", "PROPFIND", "PRIVATE"] {
        let head = format!("{method} / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        let head = format!("{head}content-length: 0\r\n\r\n");
        let mut stream = front.connect().await;
        // In two parts, of which the first may still be either.
        tokio::io::AsyncWriteExt::write_all(&mut stream, &head.as_bytes()[..2]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let answer = exchange(&mut stream, &head.as_bytes()[2..], SOON).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{method}: {answer}");
        assert_eq!(said(&answer, "version"), "HTTP/1.1");
    }
}

#[tokio::test]
async fn a_client_that_ends_its_side_is_answered_all_the_same() {
    let front = Running::start(plain());
    let mut stream = front.connect().await;
    let head = b"GET /wait/100 HTTP/1.1\r\nhost: x\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, head).await.unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
    let answer = exchange(&mut stream, b"", SOON).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn who_sends_too_much_reads_the_whole_refusal_before_the_connection_closes() {
    let front = Running::start(plain());
    let body = "x".repeat(2 * 1024 * 1024);
    let mut client = HttpClient::new(&front.entry.url).unwrap();
    let answer = client.send(request(Method::POST, "/", &[], &body).unwrap()).await.unwrap();
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.header("connection"), "close");
    assert_eq!(answer.problem().unwrap().code, shared::Code::TooLarge);
}
