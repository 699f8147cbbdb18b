//! Proxies before a gateway: whose reports count, and how the address of a client is reported.

use crate::gateway::{Running, SOON, exchange, plain, said};
use lastseat_gateway::front::{ClientAddressSource, FrontConfig};

const ASK: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2 for a client at 203.0.113.9.
fn header(command: u8) -> Vec<u8> {
    let rest = [203, 0, 113, 9, 127, 0, 0, 1, 0x10, 0x00, 0x01, 0xBB];
    [SIGNATURE, &[command, 0x11, 0, 12], &rest].concat()
}

/// A front whose trusted proxies are `networks`.
fn behind(networks: &str, protocol: bool, source: ClientAddressSource) -> Running {
    Running::start(FrontConfig {
        trusted_proxies: networks.parse().unwrap(),
        proxy_protocol: protocol,
        client_address: source,
        ..plain()
    })
}

/// What is answered to `prefix` and a request with these headers.
async fn ask(front: &Running, prefix: &[u8], headers: &str) -> String {
    let bytes = [prefix, ASK.as_bytes(), headers.as_bytes(), b"\r\n"].concat();
    exchange(&mut front.connect().await, &bytes, SOON).await.expect("an end")
}

async fn refused(front: &Running, reason: &str) -> u64 {
    let label = format!("reason=\"{reason}\"");
    front.metrics().await.count("lastseat_gateway_proxy_headers_refused_total", &[&label])
}

#[tokio::test]
async fn a_trusted_proxy_reports_its_client_in_a_header_of_version_2() {
    let front = behind("127.0.0.0/8", true, ClientAddressSource::Connection);
    let answer = ask(&front, &header(0x21), "").await;
    assert_eq!(said(&answer, "client"), "203.0.113.9");
    // The proxy itself, such as a check of health.
    let answer = ask(&front, &header(0x20), "").await;
    assert_eq!(said(&answer, "client"), "127.0.0.1");
    // HTTP/2 behind the header: the server's settings come.
    let preface = [&header(0x21)[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"].concat();
    let goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let sent = [&preface[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0], &goaway].concat();
    let answer = exchange(&mut front.connect().await, &sent, SOON).await.expect("an end");
    assert_eq!(answer.as_bytes().get(3), Some(&4), "{answer:?}");
}

#[tokio::test]
async fn a_trusted_proxy_without_a_valid_header_is_cut_off_and_counted_by_reason() {
    let front = behind("127.0.0.0/8", true, ClientAddressSource::Connection);
    let version_1 = b"PROXY TCP4 203.0.113.9 127.0.0.1 4096 443\r\n";
    let mut malformed = header(0x21);
    malformed[13] = 0x31;
    for (prefix, reason) in [
        (&version_1[..], "version1"),
        (b"", "absent"),
        (&malformed, "malformed"),
        (&header(0x2F), "malformed"),
    ] {
        let before = refused(&front, reason).await;
        assert_eq!(ask(&front, prefix, "").await, "", "{reason}");
        assert_eq!(refused(&front, reason).await, before + 1, "{reason}");
    }
    // A check that only connects is no fault.
    drop(front.connect().await);
    assert_eq!(refused(&front, "").await, 0);
    assert_eq!(said(&ask(&front, &header(0x21), "").await, "client"), "203.0.113.9");
}

#[tokio::test]
async fn what_a_peer_that_is_not_trusted_reports_does_not_count() {
    for source in [ClientAddressSource::Forwarded, ClientAddressSource::Header] {
        let front = behind("192.0.2.0/24", true, source);
        let headers = "x-forwarded-for: 203.0.113.9\r\ncf-connecting-ip: 203.0.113.9\r\n";
        let answer = ask(&front, b"", headers).await;
        assert_eq!(said(&answer, "client"), "127.0.0.1", "no PROXY header is asked of it");
        let answer = ask(&front, &header(0x21), "").await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "its PROXY header is no request: {answer}");
    }
}

#[tokio::test]
async fn the_client_is_taken_from_the_header_that_was_chosen() {
    let headers = "x-forwarded-for: 198.51.100.1, 203.0.113.9, 127.0.0.2\r\n\
                   cf-connecting-ip: 203.0.113.7\r\n";
    for (source, client) in [
        (ClientAddressSource::Forwarded, "203.0.113.9"),
        (ClientAddressSource::Header, "203.0.113.7"),
        (ClientAddressSource::Connection, "127.0.0.1"),
    ] {
        let front = behind("127.0.0.0/8", false, source);
        assert_eq!(said(&ask(&front, b"", headers).await, "client"), client, "{source:?}");
    }
}

#[tokio::test]
async fn headers_count_where_the_client_of_a_proxy_is_a_trusted_proxy_itself() {
    // A load balancer with the PROXY protocol before the gateway, a proxy with headers before that.
    let forwarded = "x-forwarded-for: 198.51.100.1\r\n";
    for (networks, client) in
        [("127.0.0.0/8,203.0.113.0/24", "198.51.100.1"), ("127.0.0.0/8", "203.0.113.9")]
    {
        let front = behind(networks, true, ClientAddressSource::Forwarded);
        let answer = ask(&front, &header(0x21), forwarded).await;
        assert_eq!(said(&answer, "client"), client, "{networks}");
    }
}
