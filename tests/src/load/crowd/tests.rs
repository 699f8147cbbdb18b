//! Tests of the load generator: what a server delays or refuses is seen.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SAID: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"code\":1}";

/// Answers each request, and stands still from `stall_at` after its start for `stall`.
async fn server(stall_at: Duration, stall: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let started = Instant::now();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, started + stall_at, stall));
        }
    });
    url
}

async fn serve(mut stream: TcpStream, stall_from: Instant, stall: Duration) {
    let mut read = [0; 1_024];
    while let Ok(1..) = stream.read(&mut read).await {
        let now = Instant::now();
        if now > stall_from && now < stall_from + stall {
            tokio::time::sleep_until((stall_from + stall).into()).await;
        }
        if stream.write_all(SAID).await.is_err() {
            return;
        }
    }
}

async fn sent(url: String, connections: u32, pace: Pace, warm_up: Duration) -> CrowdOutcomes {
    let load = CrowdLoad::new(&[url], LoadRequest::Tickets, connections, pace);
    send(&CrowdLoad { warm_up, ..load }, |_| {}).await.unwrap()
}

/// A server that stands still for half of a second delays everything that was meant for that
/// time: with 2 connections a closed loop sees two slow answers, an open one sees half of all.
#[tokio::test]
async fn a_stalled_server_shows_up_as_latency_of_all_that_was_meant_for_that_time() {
    let (stall_at, stall) = (Duration::from_millis(300), Duration::from_millis(500));
    let time = Duration::from_secs(1);
    let url = server(stall_at, stall).await;
    let open = sent(url, 2, Pace::Rate(400, time), Duration::ZERO).await.tally;
    assert_eq!((open.requests, open.errors), (400, 0), "{:?}", open.samples);
    let slow = |tally: &LoadTally| {
        let recorded = tally.latency_us.iter_recorded();
        let slow = recorded.filter(|value| value.value_iterated_to() >= 100_000);
        slow.map(|value| value.count_at_value()).sum::<u64>()
    };
    // 400 ms of the stall lie more than 100 ms before its end: 160 requests were meant for
    // them.
    assert!((150..=400).contains(&slow(&open)), "{} were slow", slow(&open));
    assert!(open.latency_us.max() >= 450_000, "{}", open.latency_us.max());

    let url = server(stall_at, stall).await;
    let closed = sent(url, 2, Pace::AsFastAsItGoes(time), Duration::ZERO).await.tally;
    assert!(closed.requests > 100 && slow(&closed) < 10, "a closed loop omits them");
}

#[tokio::test]
async fn so_many_requests_are_sent_and_each_is_answered_once() {
    let url = server(Duration::from_secs(60), Duration::ZERO).await;
    let pace = Pace::Buyers { count: 1_000, a_second: None };
    let found = sent(url.clone(), 7, pace, Duration::ZERO).await;
    assert_eq!((found.tally.granted, found.tally.winners()), (1_000, 1_000));
    let found = sent(url, 7, pace, Duration::from_millis(50)).await;
    assert_eq!((found.tally.granted, found.tally.broken()), (1_000, 0));
    assert_eq!(found.connections_opened, 7);
    assert!(found.tally.winners() > 1_000, "those of the warm-up count for the audit");
}

#[tokio::test]
async fn a_server_that_hangs_up_is_an_error_and_not_an_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = [0; 64];
            drop(stream.read(&mut read).await);
        }
    });
    let pace = Pace::Buyers { count: 3, a_second: None };
    let tally = sent(url, 1, pace, Duration::ZERO).await.tally;
    assert_eq!((tally.errors, tally.granted, tally.done()), (3, 0, 3));
    assert!(tally.samples[0].contains("closed"), "{:?}", tally.samples);
}
