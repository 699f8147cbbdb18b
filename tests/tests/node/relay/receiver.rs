//! A receiver of webhooks as a shop would write one, with moods.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::Sha256;
use shared::SaleId;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// The secret that it shares with the relay ...
pub(crate) const SECRET: &str = "a-secret-of-both-sides-0123456789";
/// ... and the one that replaces it.
pub(crate) const NEW_SECRET: &str = "a-new-secret-of-both-sides-012345";

/// What it does with a delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    /// Takes it after a while.
    Takes(Duration),
    /// Answers with this status.
    Says(u16),
    /// Breaks the connection without a word.
    Breaks,
    /// Takes it, and never ends its answer.
    Stalls,
    /// Wants to be asked again in so many seconds.
    Later(u64),
}

/// One delivery as it came.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) sale: String,
    pub(crate) commit_seq: u64,
    pub(crate) body: Value,
    /// The secrets that it was signed with, in their sequence.
    pub(crate) signed_with: Vec<&'static str>,
    pub(crate) taken: bool,
}

/// A running receiver.
pub(crate) struct Receiver {
    url: String,
    deliveries: Arc<Mutex<Vec<Delivery>>>,
}

impl Receiver {
    /// Starts one; `mood` says what it does with its first, second ... delivery.
    pub(crate) async fn start(mood: impl Fn(usize) -> Mood + Send + Sync + 'static) -> Self {
        Self::start_for(move |attempt, _| mood(attempt)).await
    }

    /// Starts one that takes all at once.
    pub(crate) async fn willing() -> Self {
        Self::start(|_| Mood::Takes(Duration::ZERO)).await
    }

    /// Starts one that decides by what it is sent, too.
    pub(crate) async fn start_for(
        mood: impl Fn(usize, &Delivery) -> Mood + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let deliveries = Arc::new(Mutex::new(Vec::new()));
        let (kept, mood) = (Arc::clone(&deliveries), Arc::new(mood));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let (kept, mood) = (Arc::clone(&kept), Arc::clone(&mood));
                tokio::spawn(async move {
                    let service = service_fn(|request| receive(request, &kept, &*mood));
                    let connection = http1::Builder::new();
                    // A connection that we break, or that a killed relay breaks, is none of our
                    // worries.
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url: format!("http://{address}/hook?key=1"), deliveries }
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// All that came, in order.
    pub(crate) fn all(&self) -> Vec<Delivery> {
        self.deliveries.lock().expect("deliveries").clone()
    }

    /// What it took, in order.
    pub(crate) fn taken(&self) -> Vec<Delivery> {
        self.all().into_iter().filter(|d| d.taken).collect()
    }

    /// The positions of what it took of one sale, in order.
    pub(crate) fn of(&self, sale: &SaleId) -> Vec<u64> {
        let taken = self.taken().into_iter().filter(|d| d.sale == sale.as_str());
        taken.map(|d| d.commit_seq).collect()
    }

    /// The positions of what it took, in order.
    pub(crate) fn positions(&self) -> Vec<u64> {
        self.taken().iter().map(|d| d.commit_seq).collect()
    }
}

async fn receive(
    request: Request<Incoming>,
    kept: &Mutex<Vec<Delivery>>,
    mood: &(impl Fn(usize, &Delivery) -> Mood + Sync),
) -> io::Result<Response<BoxBody<Bytes, Infallible>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    assert_eq!(head.uri.path_and_query().map(|p| p.as_str()), Some("/hook?key=1"));
    let delivery = verify(&head.headers, &body);
    let attempt = kept.lock().expect("deliveries").len();
    let mood = mood(attempt, &delivery);
    let taken = matches!(mood, Mood::Takes(_) | Mood::Stalls);
    if let Mood::Takes(after) = mood {
        tokio::time::sleep(after).await;
    }
    let delivery = Delivery { taken, ..delivery };
    kept.lock().expect("deliveries").push(delivery);
    let status = match mood {
        Mood::Takes(_) => 204,
        Mood::Says(status) => status,
        Mood::Breaks => return Err(io::ErrorKind::ConnectionReset.into()),
        Mood::Stalls => 200,
        Mood::Later(_) => 503,
    };
    let mut response = Response::builder().status(status);
    if let Mood::Later(seconds) = mood {
        response = response.header(RETRY_AFTER, seconds);
    }
    let body = match mood {
        Mood::Stalls => {
            response = response.header(CONTENT_LENGTH, 5);
            let begun = stream::once(async { Ok(Frame::data(Bytes::from_static(b"ab"))) });
            BodyExt::boxed(StreamBody::new(begun.chain(stream::pending())))
        }
        _ => BodyExt::boxed(Full::default()),
    };
    Ok(response.body(body).expect("an answer"))
}

/// Checks all that a receiver should check.
fn verify(headers: &HeaderMap, body: &[u8]) -> Delivery {
    let header = |name: &str| headers[name].to_str().expect("a header");
    assert_eq!(header("content-type"), "application/json");
    assert!(header("user-agent").starts_with("lastseat/"));
    let (time, codes) = header("lastseat-signature")
        .strip_prefix("t=")
        .and_then(|rest| rest.split_once(",v1="))
        .expect("t=...,v1=...");
    let age = lastseat_ledger::clock::now().0 / 1_000 - time.parse::<u64>().expect("seconds");
    assert!(age < 60, "an old delivery, or one sent again by somebody else");
    let signed_with = codes.split(",v1=").map(|given| {
        let secret = [SECRET, NEW_SECRET].into_iter().find(|s| code(s, time, body) == given);
        secret.expect("signed with another secret")
    });
    let signed_with = signed_with.collect();
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let commit_seq = header("lastseat-sequence").parse().expect("a number");
    assert_eq!(body["commit_seq"], commit_seq);
    let sale = body["sale"].as_str().expect("a sale").to_owned();
    Delivery { sale, commit_seq, body, signed_with, taken: false }
}

/// What a delivery of `body` at `time` is signed with.
fn code(secret: &str, time: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
