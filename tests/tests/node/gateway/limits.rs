//! Bounds of a connection: how many, how slow, how large, and floods of HTTP/2 frames.

use crate::gateway::{Running, SOON, exchange, plain};
use hyper::client::conn::http2;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lastseat_gateway::front::FrontConfig;
use lastseat_tests::harness::HttpClient;
use lastseat_tests::harness::wait::until_async;
use shared::limits::HEADERS_MAX;
use shared::{Code, Problem};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Types of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
/// Flags of frames.
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:method GET`, `:scheme http`, `:path /`, `:authority x` (HPACK, all but the last from the
/// static table).
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x01, 0x01, b'x'];
/// The same for a path that is answered after 5 s.
const GET_LATE: &[u8] = &[
    0x82, 0x86, 0x04, 0x0A, b'/', b'w', b'a', b'i', b't', b'/', b'5', b'0', b'0', b'0', 0x01, 0x01,
    b'x',
];

/// Code of a reset.
const CANCEL: &[u8] = &[0, 0, 0, 8];
/// A flood that goes on for longer is not ended.
const ROUNDS_MAX: u32 = 200_000;
/// Counts the connections that were ended.
const ENDED: &str = "lastseat_gateway_http2_connections_ended_total";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A connection that has begun with the preface and empty settings.
async fn begun(front: &Running) -> TcpStream {
    let mut stream = front.connect().await;
    let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    stream.write_all(&begin).await.unwrap();
    stream
}

/// The kinds and payloads of whole frames.
fn frames_of(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [high, middle, low, kind, ..] = bytes {
        let length = u32::from_be_bytes([0, *high, *middle, *low]);
        let end = 9 + usize::try_from(length).unwrap();
        let Some(payload) = bytes.get(9..end) else {
            break;
        };
        frames.push((*kind, payload.to_vec()));
        bytes = &bytes[end..];
    }
    frames
}

#[tokio::test]
async fn a_head_of_a_hundred_headers_is_read_and_one_more_is_refused() {
    let front = Running::start(plain());
    for (headers, status) in [(HEADERS_MAX, "200 OK"), (HEADERS_MAX + 1, "431 ")] {
        let fill = "x-note: 1\r\n".repeat(headers - 2);
        let head = format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fill}\r\n");
        let said = exchange(&mut front.connect().await, head.as_bytes(), SOON).await;
        let said = said.expect("the connection is closed");
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{headers}: {said:?}");
    }
}

#[tokio::test]
async fn who_comes_above_the_limit_of_connections_is_told_so_and_closed() {
    let front = Running::start(FrontConfig { connections_max: 2, ..plain() });
    let mut stay =
        [HttpClient::new(&front.entry.url).unwrap(), HttpClient::new(&front.entry.url).unwrap()];
    for client in &mut stay {
        assert_eq!(client.get("/").await.unwrap().status, StatusCode::OK);
    }
    let head = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let refused = exchange(&mut front.connect().await, head, SOON).await.unwrap();
    let (head, body) = refused.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nretry-after: "), "{head}");
    assert!(head.contains("\r\nlastseat-answered-by: edge\r\n"), "{head}");
    let problem: Problem = serde_json::from_str(body).unwrap();
    assert_eq!(problem.code, Code::Unavailable);
    assert!(problem.detail.starts_with("This gateway has too many connections."), "{body}");
    let metrics = front.metrics().await;
    assert_eq!(metrics.count("lastseat_gateway_connections_turned_away_total", &[]), 1);
    drop(stay);
    until_async("a place is free", async || {
        let mut client = HttpClient::new(&front.entry.url).unwrap();
        (client.get("/").await.ok()?.status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_head_that_is_not_whole_after_5_seconds_ends_its_connection() {
    let front = Running::start(plain());
    let begins = [&b"GET / HTTP/1.1\r\nhost:"[..], b"PR", b"G"].map(|begin| {
        let front = &front;
        async move {
            let mut stream = front.connect().await;
            let started = Instant::now();
            let answer = exchange(&mut stream, begin, Duration::from_secs(9)).await;
            assert_eq!(answer.as_deref(), Some(""), "{begin:?}");
            started.elapsed()
        }
    });
    for waited in futures_util::future::join_all(begins).await {
        assert!((4_900..8_000).contains(&waited.as_millis()), "{waited:?}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_over_both_protocols() {
    let front = Running::start(plain());
    let long = "x".repeat(17 * 1024);
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nlong: {long}\r\n\r\n");
    let answer = exchange(&mut front.connect().await, head.as_bytes(), SOON).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many: String = (0..101).map(|n| format!("h{n}: x\r\n")).collect();
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    let answer = exchange(&mut front.connect().await, head.as_bytes(), SOON).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");

    let stream = TokioIo::new(front.connect().await);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let asked = Request::get("http://x/").header("long", long).body(String::new());
    let answer = sender.send_request(asked.unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[tokio::test]
async fn an_http_2_connection_begins_with_the_bounds_that_its_client_has_to_keep() {
    let front = Running::start(plain());
    let mut stream = begun(&front).await;
    stream.write_all(&frame(GOAWAY, 0, 0, &[0; 8])).await.unwrap();
    let mut bytes = Vec::new();
    tokio::time::timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("an end").unwrap();
    let frames = frames_of(&bytes);
    let (kind, settings) = &frames[0];
    assert_eq!(*kind, SETTINGS);
    let of = |wanted: u16| {
        settings.chunks_exact(6).find_map(|setting| {
            let (id, value) = setting.split_at(2);
            let value = u32::from_be_bytes(value.try_into().unwrap());
            (u16::from_be_bytes(id.try_into().unwrap()) == wanted).then_some(value)
        })
    };
    assert_eq!(of(3), Some(100), "streams at a time");
    assert_eq!(of(4), Some(16 * 1024), "window of a stream");
    assert_eq!(of(6), Some(16 * 1024), "bytes of a list of headers");
}

/// The bytes of one round of a flood.
type Round = Box<dyn Fn(u32) -> Vec<u8>>;

/// Sends what `next` makes until the connection ends. What comes is read meanwhile, so that it is
/// the front that ends the flood.
async fn flood(front: &Running, next: Round) {
    let mut stream = begun(front).await;
    let (mut reader, mut writer) = stream.split();
    let send = async {
        for round in 0..ROUNDS_MAX {
            if writer.write_all(&next(round)).await.is_err() {
                return;
            }
            // The other half reads.
            tokio::task::yield_now().await;
        }
        panic!("the flood went on for {ROUNDS_MAX} rounds");
    };
    let mut received = Vec::new();
    let ended = async {
        tokio::select! {
            () = send => {}
            _ = reader.read_to_end(&mut received) => {}
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ended).await.expect("an end of the flood");
}

/// Odd numbers are those of a client.
fn stream_of(round: u32) -> u32 {
    2 * round + 1
}

#[tokio::test]
async fn a_flood_of_http_2_frames_ends_its_connection_and_nothing_else() {
    let front = Running::start(plain());
    let mut neighbour = HttpClient::new(&front.entry.url).unwrap();
    neighbour.get("/").await.unwrap();
    let floods: [(&str, &str, Round); 7] = [
        ("pings", "bytes", Box::new(|_| frame(PING, 0, 0, &[0; 8]))),
        ("settings", "bytes", Box::new(|_| frame(SETTINGS, 0, 0, &[]))),
        ("window updates", "bytes", Box::new(|_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]))),
        ("frames of an unknown type", "bytes", Box::new(|_| frame(0x42, 0, 0, &[0; 64]))),
        (
            "continuations",
            "protocol",
            Box::new(|round| match round {
                0 => frame(HEADERS, END_STREAM, 1, GET),
                _ => frame(CONTINUATION, 0, 1, &[]),
            }),
        ),
        (
            "empty data",
            "protocol",
            Box::new(|round| match round {
                0 => frame(HEADERS, END_HEADERS, 1, GET_LATE),
                _ => frame(DATA, 0, 1, &[]),
            }),
        ),
        (
            "requests that are reset at once",
            "protocol",
            // All in one write: they are reset before they are accepted.
            Box::new(|round| {
                let of_one = |n| {
                    let stream = stream_of(64 * round + n);
                    let begin = frame(HEADERS, END_STREAM | END_HEADERS, stream, GET_LATE);
                    [begin, frame(RST_STREAM, 0, stream, CANCEL)].concat()
                };
                (0..64).flat_map(of_one).collect()
            }),
        ),
    ];
    for (what, reason, next) in floods {
        let label = format!("reason=\"{reason}\"");
        let counted = async || front.metrics().await.count(ENDED, &[&label]);
        let before = counted().await;
        flood(&front, next).await;
        until_async(what, async || (counted().await == before + 1).then_some(())).await;
        assert_eq!(neighbour.get("/").await.unwrap().status, StatusCode::OK, "{what}");
    }
    assert_eq!(neighbour.opened(), 1, "its connection lived through all floods");
}

#[tokio::test]
async fn who_cancels_requests_that_were_accepted_is_ended_after_a_hundred() {
    let front = Running::start(plain());
    let mut stream = begun(&front).await;
    let mut rounds = 0;
    let ended = |stream: &TcpStream| {
        let mut received = [0; 4_096];
        loop {
            match stream.try_read(&mut received) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(e) => return e.kind() != std::io::ErrorKind::WouldBlock,
            }
        }
    };
    while !ended(&stream) {
        assert!(rounds < 1_000, "no end");
        let begin = frame(HEADERS, END_STREAM | END_HEADERS, stream_of(rounds), GET_LATE);
        stream.write_all(&begin).await.unwrap();
        // So long that the request is accepted first.
        tokio::time::sleep(Duration::from_millis(2)).await;
        stream.write_all(&frame(RST_STREAM, 0, stream_of(rounds), CANCEL)).await.unwrap();
        rounds += 1;
    }
    assert!((100..120).contains(&rounds), "{rounds}");
    assert_eq!(front.metrics().await.count(ENDED, &["reason=\"resets\""]), 1);
}
