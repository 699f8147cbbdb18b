//! Webhook client: posts deliveries to one receiver.

use super::sign::signature;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{Method, Request, Uri};
use lastseat_ledger::clock;
use lastseat_node::secret::Secret;
use lastseat_node::telemetry::https_client::{self, HttpsClient};
use std::error::Error;
use std::time::Duration;

/// Header with the signature of a delivery, see [`signature`].
pub const SIGNATURE: &str = "lastseat-signature";
/// Header with the `commit_seq` of a delivery.
pub const SEQUENCE: &str = "lastseat-sequence";

/// Time for a whole exchange, from the connection to the end of the answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read, so that the connection can be used again; a longer one costs
/// the connection and nothing else.
const ANSWER_MAX: usize = 64 * 1024;

/// A receiver of webhooks.
#[derive(Debug)]
pub struct Webhook {
    client: HttpsClient,
    uri: Uri,
    secret: Secret,
}

impl Webhook {
    /// The receiver at `url`.
    ///
    /// # Errors
    /// A sentence that says what a good address looks like, or that this machine knows no
    /// certificates.
    pub fn new(url: &str, secret: Secret) -> Result<Self, String> {
        let uri = address(url)?;
        let client = https_client::client(uri.scheme_str() == Some("https")).map_err(|e| {
            format!(
                "this machine knows no certificates to check {} with: {e}. Install the package \
                 ca-certificates, or name a file of them with SSL_CERT_FILE",
                shown(&uri)
            )
        })?;
        Ok(Self { client, uri, secret })
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

    /// Posts `body` once.
    ///
    /// # Errors
    /// Why it does not count as delivered.
    pub(super) async fn post(&self, commit_seq: u64, body: &Bytes) -> Result<(), String> {
        tokio::time::timeout(DEADLINE, self.exchange(commit_seq, body))
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {DEADLINE:?}")))
    }

    async fn exchange(&self, commit_seq: u64, body: &Bytes) -> Result<(), String> {
        let signed = signature(&self.secret, clock::now().0 / 1_000, body);
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.uri.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("lastseat/", env!("CARGO_PKG_VERSION")))
            .header(SIGNATURE, signed)
            .header(SEQUENCE, commit_seq)
            .body(Full::new(body.clone()))
            .map_err(|e| e.to_string())?;
        let response = self.client.request(request).await.map_err(|e| causes(&e))?;
        let status = response.status();
        // Whatever it says; what counts is the status.
        let _ = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
        if status.is_success() { Ok(()) } else { Err(format!("the answer was {status}")) }
    }
}

fn address(url: &str) -> Result<Uri, String> {
    let wrong = |what: &str| {
        format!("--to {what}; write an address such as https://shop.example/hooks/lastseat")
    };
    let uri: Uri = url.parse().map_err(|e| wrong(&format!("is no URL ({e})")))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(authority)) if authority.as_str().contains('@') => {
            Err(wrong("has a user name, which is not sent; the signature says who we are"))
        }
        (Some("http" | "https"), Some(_)) => Ok(uri),
        _ => Err(wrong("needs http:// or https:// and a host")),
    }
}

fn shown(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}")
}

/// An error with its causes: the outermost one of a client only says that it did not work.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_that_cannot_be_posted_to_is_told_why() {
        for (url, word) in [
            ("shop.example/hook", "no URL"),
            ("ftp://shop.example/hook", "http://"),
            ("/hook", "http://"),
            ("http://a b/", "no URL"),
            ("http://shop:pass@shop.example/", "user name"),
        ] {
            let error = address(url).unwrap_err();
            assert!(error.contains(word), "{url}: {error}");
        }
        assert!(address("https://shop.example:8443/hook?x=1").is_ok());
    }

    #[test]
    fn a_path_that_may_be_a_secret_is_not_shown() {
        let secret = || Secret::new(String::new());
        let webhook = Webhook::new("http://10.0.0.7:9000/T0/s3cret?key=s3cret", secret()).unwrap();
        assert_eq!(webhook.shown(), "http://10.0.0.7:9000");
        assert!(webhook.is_in_the_clear());
        let local = Webhook::new("http://127.0.0.1:9000/", secret()).unwrap();
        assert!(!local.is_in_the_clear());
    }
}
