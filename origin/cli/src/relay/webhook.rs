//! Webhook client: posts deliveries to one receiver.

use super::sign::signature;
use crate::http_address::{address, causes, no_certificates, shown};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri};
use lastseat_ledger::clock;
use lastseat_node::secret::SecretRing;
use lastseat_node::telemetry::https_client::{self, HttpsClient};
use std::time::Duration;

/// Header with the signature of a delivery, see [`signature`].
pub const SIGNATURE: &str = "lastseat-signature";
/// Header with the `commit_seq` of a delivery.
pub const SEQUENCE: &str = "lastseat-sequence";

/// Time for an exchange, from the connection to the head of the answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read, so that the connection can be used again; a longer one costs
/// the connection and nothing else.
const ANSWER_MAX: usize = 64 * 1024;
/// Time for that.
const ANSWER_DEADLINE: Duration = Duration::from_secs(1);
/// A receiver is not left alone for longer, whatever its `Retry-After` says.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Why a delivery does not count as taken.
#[derive(Debug)]
pub(super) struct NotTaken {
    pub(super) why: String,
    /// When the receiver wants to be asked again, if it says so in seconds.
    pub(super) retry_after: Option<Duration>,
    /// Whether that is said of all that it is sent: it has too much to do.
    pub(super) overloaded: bool,
}

impl From<String> for NotTaken {
    fn from(why: String) -> Self {
        Self { why, retry_after: None, overloaded: false }
    }
}

/// A receiver of webhooks.
#[derive(Debug)]
pub struct Webhook {
    client: HttpsClient,
    uri: Uri,
    secrets: SecretRing,
}

impl Webhook {
    /// The receiver at `url`, which `place` names, a flag or a line of a file.
    ///
    /// # Errors
    /// A sentence that says what a good address looks like, or that this machine knows no
    /// certificates.
    pub fn new(place: &str, url: &str, secrets: SecretRing) -> Result<Self, String> {
        let uri = address(place, url, "https://shop.example/hooks/lastseat")?;
        let client = https_client::client(uri.scheme_str() == Some("https"));
        let client = client.map_err(|e| no_certificates(&uri, &e))?;
        Ok(Self { client, uri, secrets })
    }

    /// The receiver for logs: a path or a query may hold a secret.
    #[must_use]
    pub fn shown(&self) -> String {
        shown(&self.uri)
    }

    /// Whether buyers' ids would cross a network in the clear.
    #[must_use]
    pub fn is_in_the_clear(&self) -> bool {
        let host = self.uri.host().unwrap_or_default();
        let at_home = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        self.uri.scheme_str() == Some("http") && !at_home
    }

    /// Posts `body` once; the status with which it was taken.
    ///
    /// # Errors
    /// Why it does not count as delivered.
    pub(super) async fn post(&self, commit_seq: u64, body: &Bytes) -> Result<StatusCode, NotTaken> {
        let response = tokio::time::timeout(DEADLINE, self.exchange(commit_seq, body)).await;
        let response = response.map_err(|_| format!("no answer within {DEADLINE:?}"))??;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let retry_after = retry_after.map(|s| Duration::from_secs(s).min(RETRY_AFTER_MAX));
        // What counts is the status, whatever the body says, and whether it ever ends.
        let rest = Limited::new(response.into_body(), ANSWER_MAX).collect();
        let _ = tokio::time::timeout(ANSWER_DEADLINE, rest).await;
        if status.is_success() {
            return Ok(status);
        }
        let busy =
            matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let overloaded = busy && retry_after.is_some();
        Err(NotTaken { why: format!("the answer was {status}"), retry_after, overloaded })
    }

    async fn exchange(&self, commit_seq: u64, body: &Bytes) -> Result<Response<Incoming>, String> {
        let signed = signature(&self.secrets, clock::now().0 / 1_000, body);
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.uri.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("lastseat/", env!("CARGO_PKG_VERSION")))
            .header(SIGNATURE, signed)
            .header(SEQUENCE, commit_seq)
            .body(Full::new(body.clone()))
            .map_err(|e| e.to_string())?;
        self.client.request(request).await.map_err(|e| causes(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_may_be_a_secret_is_not_shown() {
        let secret = || SecretRing::parse("0123456789abcdef0123456789abcdef").unwrap();
        let url = "http://10.0.0.7:9000/T0/s3cret?key=s3cret";
        let webhook = Webhook::new("--to", url, secret()).unwrap();
        assert_eq!(webhook.shown(), "http://10.0.0.7:9000");
        assert!(webhook.is_in_the_clear());
        let local = Webhook::new("--to", "http://127.0.0.1:9000/", secret()).unwrap();
        assert!(!local.is_in_the_clear());
    }
}
