//! TLS of a gateway: versions of HTTP, resumed sessions, certificates that are replaced.

use crate::gateway::{Running, SOON, exchange, plain, said};
use http_body_util::BodyExt;
use hyper::Request;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lastseat_gateway::front::{CertificateFiles, ClientAddressSource, FrontConfig};
use lastseat_tests::harness::certificates::Certificates;
use lastseat_tests::harness::wait::until_async;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Certificate and key of a gateway in a directory of their own, so that they can be replaced.
pub(super) struct Served {
    directory: TempDir,
}

impl Served {
    pub(super) fn new(certificates: &Certificates) -> Self {
        let directory = lastseat_tests::harness::paths::scratch().unwrap();
        let served = Self { directory };
        served.replace(certificates, &["server.pem", "server.key"]);
        served
    }

    pub(super) fn files(&self) -> CertificateFiles {
        let file = |name| self.directory.path().join(name);
        CertificateFiles { cert: file("server.pem"), key: file("server.key") }
    }

    /// The flags of the command.
    pub(super) fn flags(&self) -> [String; 2] {
        let CertificateFiles { cert, key } = self.files();
        [format!("--tls-cert={}", cert.display()), format!("--tls-key={}", key.display())]
    }

    /// As tools do that renew certificates: a whole file takes the place of another.
    pub(super) fn replace(&self, certificates: &Certificates, names: &[&str]) {
        for name in names {
            let (new, file) = (self.directory.path().join("new"), self.directory.path().join(name));
            fs::copy(certificates.file(name), &new).unwrap();
            fs::rename(new, file).unwrap();
        }
    }
}

/// A client that trusts these authorities and offers these protocols.
pub(super) fn client(authorities: &[&Path], protocols: &[&str]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    }
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

pub(super) async fn connect(
    client: &TlsConnector,
    authority: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(authority).await?;
    client.connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// What a handler says of a request over HTTP/1.1.
async fn ask(stream: TlsStream<TcpStream>) -> String {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let asked = Request::get("/").header("host", "localhost").body(String::new()).unwrap();
    let body = sender.send_request(asked).await.unwrap().into_body();
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn start(served: &Served) -> Running {
    Running::start(FrontConfig { tls: Some(served.files()), ..plain() })
}

/// So many handshakes failed. One is counted when its connection is closed, which the client may
/// see first.
async fn assert_failed(front: &Running, handshakes: u64) {
    until_async("all failed handshakes are counted", async || {
        let metrics = front.metrics().await;
        let failed = metrics.count("lastseat_gateway_tls_handshakes_failed_total", &[]);
        assert!(failed <= handshakes, "{failed}");
        (failed == handshakes).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_version_of_http_is_negotiated_and_without_a_word_it_is_http_1() {
    let certificates = Certificates::make();
    let served = Served::new(&certificates);
    let front = start(&served);
    assert!(front.entry.url.starts_with("https://"), "{}", front.entry.url);
    let ca = certificates.file("ca.pem");
    for (offered, chosen) in
        [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"], "http/1.1"), (&[], "")]
    {
        let stream = connect(&client(&[&ca], offered), front.authority()).await.unwrap();
        let alpn = stream.get_ref().1.alpn_protocol().unwrap_or_default().to_vec();
        assert_eq!(String::from_utf8_lossy(&alpn), chosen);
        if chosen != "h2" {
            let text = ask(stream).await;
            assert_eq!((said(&text, "version"), said(&text, "tls")), ("HTTP/1.1", "true"));
            continue;
        }
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let asked = Request::get("https://localhost/").body(String::new()).unwrap();
        let body = sender.send_request(asked).await.unwrap().into_body();
        let text = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert_eq!((said(&text, "version"), said(&text, "tls")), ("HTTP/2.0", "true"));
    }
    // A protocol that it does not speak is refused in the handshake.
    assert!(connect(&client(&[&ca], &["spdy/3"]), front.authority()).await.is_err());
    assert_failed(&front, 1).await;
}

#[tokio::test]
async fn a_session_is_resumed_on_each_thread_also_after_many_others_have_begun() {
    let certificates = Certificates::make();
    let served = Served::new(&certificates);
    let front = start(&served);
    let ca = certificates.file("ca.pem");
    let ours = client(&[&ca], &["http/1.1"]);
    let kind = |stream: &TlsStream<TcpStream>| stream.get_ref().1.handshake_kind();
    let stream = connect(&ours, front.authority()).await.unwrap();
    assert_eq!(kind(&stream), Some(HandshakeKind::Full));
    // The tickets come before the answer.
    ask(stream).await;
    // More than a server would remember that keeps sessions in its memory.
    for _ in 0..300 {
        let other = client(&[&ca], &["http/1.1"]);
        let stream = connect(&other, front.authority()).await.unwrap();
        assert_eq!(kind(&stream), Some(HandshakeKind::Full));
    }
    let mut threads = BTreeSet::new();
    for n in 0..64 {
        let stream = connect(&ours, front.authority()).await.unwrap();
        assert_eq!(kind(&stream), Some(HandshakeKind::Resumed), "connection {n}");
        threads.insert(said(&ask(stream).await, "thread").to_owned());
    }
    assert_eq!(threads.len(), 2, "{threads:?}");
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart_and_a_broken_pair_is_not() {
    let (old, new) = (Certificates::make(), Certificates::make());
    let served = Served::new(&old);
    let front = start(&served);
    let (only_old, only_new) =
        (client(&[&old.file("ca.pem")], &[]), client(&[&new.file("ca.pem")], &[]));
    let mut open = connect(&only_old, front.authority()).await.unwrap();
    assert!(connect(&only_new, front.authority()).await.is_err());
    let seconds =
        front.metrics().await.count("lastseat_gateway_certificate_expires_in_seconds", &[]);
    assert!((80_000..=86_400).contains(&seconds), "a day: {seconds}");

    // A certificate without its key: the old pair stays.
    served.replace(&new, &["server.pem"]);
    let reloads = async |outcome: &str| {
        let label = format!("outcome=\"{outcome}\"");
        let metrics = front.metrics().await;
        metrics.count("lastseat_gateway_certificate_reloads_total", &[&label])
    };
    let begun = Instant::now();
    while reloads("refused").await == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the pair is not read");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    connect(&only_old, front.authority()).await.unwrap();
    // The files are read every 5 s, and what is wrong with them is reported once.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(reloads("refused").await, 1);
    // Now the key, too.
    served.replace(&new, &["server.key"]);
    until_async("the new pair is used", async || (reloads("used").await == 1).then_some(())).await;
    connect(&only_new, front.authority()).await.unwrap();
    assert!(connect(&only_old, front.authority()).await.is_err());
    // A connection that was open goes on.
    open.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn who_does_not_finish_the_handshake_is_cut_off_after_5_seconds() {
    let certificates = Certificates::make();
    let served = Served::new(&certificates);
    let front = start(&served);
    let begun = Instant::now();
    // The begin of a handshake record.
    let mut stream = front.connect().await;
    let answer = exchange(&mut stream, &[0x16, 0x03, 0x01], Duration::from_secs(9)).await;
    assert_eq!(answer.as_deref(), Some(""));
    assert!(begun.elapsed() >= Duration::from_millis(4_900), "{:?}", begun.elapsed());
    // And who speaks no TLS at once.
    let plain = exchange(&mut front.connect().await, b"GET / HTTP/1.1\r\n\r\n", SOON).await;
    assert!(!plain.expect("an end").contains("HTTP/1.1"));
    assert_failed(&front, 2).await;
}

#[tokio::test]
async fn a_proxy_protocol_header_stands_before_the_handshake() {
    let certificates = Certificates::make();
    let served = Served::new(&certificates);
    let front = Running::start(FrontConfig {
        tls: Some(served.files()),
        trusted_proxies: "127.0.0.0/8".parse().unwrap(),
        proxy_protocol: true,
        client_address: ClientAddressSource::Connection,
        ..plain()
    });
    let mut stream = front.connect().await;
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\xCB\0\x71\x09\x7F\0\0\x01\x10\0\x01\xBB";
    stream.write_all(header).await.unwrap();
    let connector = client(&[&certificates.file("ca.pem")], &["http/1.1"]);
    let name = ServerName::try_from("localhost").unwrap();
    let text = ask(connector.connect(name, stream).await.unwrap()).await;
    assert_eq!((said(&text, "client"), said(&text, "tls")), ("203.0.113.9", "true"));
}
