//! Client of the operators' API of nodes.
//!
//! It never follows a redirect, so that the token reaches no other server. Of several servers the
//! next one is asked where one does not answer; a call that must not be made twice goes to another
//! one only if nothing of it was sent.

use crate::failure::{Failure, NOT_FOUND, REFUSED, UNREACHABLE};
use crate::http_address::{address, causes, no_certificates, shown};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use lastseat_node::secret::Secret;
use lastseat_node::telemetry::https_client::{self, HttpsClient};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shared::wire::messages::header::IDEMPOTENCY_REPLAYED;
use shared::{Code, SaleId};
use std::time::Duration;

/// Time for one exchange with one server.
const DEADLINE: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read: a page of the log or of sales has at most some megabytes.
const ANSWER_MAX: usize = 64 * 1024 * 1024;
/// Servers that one client asks in turn.
const SERVERS_MAX: usize = 32;
/// A good address.
const EXAMPLE: &str = "http://10.0.0.5:3101";

/// The operators' API of one cluster.
#[derive(Debug)]
pub struct ApiClient {
    client: HttpsClient,
    servers: Vec<Uri>,
    token: Option<Secret>,
}

/// One call.
#[derive(Clone, Debug)]
pub struct ApiCall {
    method: Method,
    path: String,
    body: Option<Bytes>,
    repeatable: bool,
    deadline: Duration,
}

/// What a server answered that did what it was asked for.
#[derive(Clone, Debug)]
pub struct ApiAnswer {
    /// Its status, a good one.
    pub status: StatusCode,
    /// Whether things were so already.
    pub replayed: bool,
    /// What it said.
    pub body: Bytes,
}

impl ApiCall {
    /// Reads `path` of the sale; `path` is empty or begins with a slash.
    pub fn get(sale: &SaleId, path: &str) -> Self {
        Self::of(Method::GET, of_sale(sale, path))
    }

    /// Changes something of the sale.
    pub fn post(sale: &SaleId, path: &str) -> Self {
        Self::of(Method::POST, of_sale(sale, path))
    }

    /// Any call.
    pub const fn of(method: Method, path: String) -> Self {
        Self { method, path, body: None, repeatable: true, deadline: DEADLINE }
    }

    /// The same with a body.
    pub fn with(self, body: &impl Serialize) -> Result<Self, Failure> {
        let body = serde_json::to_vec(body).map_err(Failure::runtime)?;
        Ok(Self { body: Some(body.into()), ..self })
    }

    /// The same, where a repeat would do it again.
    pub fn once(self) -> Self {
        Self { repeatable: false, ..self }
    }

    /// The same with more time.
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}

/// Path of a sale.
pub(crate) fn of_sale(sale: &SaleId, path: &str) -> String {
    format!("/v1/admin/sales/{sale}{path}")
}

/// Why there was no answer.
struct NoAnswer {
    why: String,
    /// Whether the server may have received the call.
    sent: bool,
}

/// What is read of a problem; codes of later versions are welcome.
#[derive(Deserialize)]
struct ProblemBody {
    code: String,
    detail: String,
}

impl ApiClient {
    /// A client of the servers in `addresses`, asked in this order.
    ///
    /// # Errors
    /// A sentence for each address that is none.
    pub fn new<'a>(
        flag: &str,
        addresses: impl Iterator<Item = &'a str>,
        token: Option<Secret>,
    ) -> Result<Self, Failure> {
        let read = |url: &str| match address(flag, url, EXAMPLE) {
            Ok(uri) if uri.path() == "/" && uri.query().is_none() => Ok(uri),
            Ok(uri) => Err(format!("{flag} takes {} without a path", shown(&uri))),
            Err(wrong) => Err(wrong),
        };
        let (mut servers, mut wrong) = (Vec::new(), Vec::new());
        for url in addresses.map(str::trim).filter(|url| !url.is_empty()) {
            read(url).map_or_else(|e| wrong.push(e), |uri| servers.push(uri));
        }
        if servers.len() > SERVERS_MAX {
            wrong.push(format!("{flag} names more than {SERVERS_MAX} servers"));
        }
        if servers.is_empty() && wrong.is_empty() {
            wrong.push(format!("{flag} names no server; write an address such as {EXAMPLE}"));
        }
        if !wrong.is_empty() {
            return Err(Failure::usage(wrong));
        }
        let secured = servers.iter().find(|uri| uri.scheme_str() == Some("https"));
        let client = https_client::client(secured.is_some())
            .map_err(|e| Failure::runtime(no_certificates(secured.unwrap_or(&servers[0]), &e)))?;
        Ok(Self { client, servers, token })
    }

    /// Makes a call and reads its answer.
    ///
    /// # Errors
    /// The API's refusal, or that no server answered.
    pub async fn read<T: DeserializeOwned>(&self, call: &ApiCall) -> Result<T, Failure> {
        read(&self.call(call).await?)
    }

    /// Makes a call.
    ///
    /// # Errors
    /// The API's refusal, or that no server answered.
    pub async fn call(&self, call: &ApiCall) -> Result<ApiAnswer, Failure> {
        let mut silent = Vec::new();
        for server in &self.servers {
            let exchange = tokio::time::timeout(call.deadline, self.exchange(server, call)).await;
            let lost = match exchange {
                Ok(Ok(answer)) => return accepted(server, answer),
                Ok(Err(lost)) => lost,
                Err(_) => {
                    let why = format!("no answer within {:?}", call.deadline);
                    NoAnswer { why, sent: true }
                }
            };
            let said = format!("{}: {}", shown(server), lost.why);
            if lost.sent && !call.repeatable {
                return Err(Failure::new(
                    UNREACHABLE,
                    Code::OutcomeUnknown.as_str(),
                    format!("the answer was lost, so the change may have been made: {said}"),
                ));
            }
            silent.push(said);
        }
        let all = silent.join("; ");
        Err(Failure::unreachable(format!(
            "no node answers: {all}. Is it the address of the operators' listener?"
        )))
    }

    async fn exchange(&self, server: &Uri, call: &ApiCall) -> Result<ApiAnswer, NoAnswer> {
        let never_sent = |why: String| NoAnswer { why, sent: false };
        let uri = format!("{}{}", shown(server), call.path);
        let mut request = Request::builder()
            .method(&call.method)
            .uri(uri)
            .header(USER_AGENT, concat!("lastseat/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.reveal()));
        }
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(call.body.clone().unwrap_or_default());
        let request = request.body(body).map_err(|e| never_sent(e.to_string()))?;
        let response = self.client.request(request).await;
        let response = response.map_err(|e| NoAnswer { why: causes(&e), sent: !e.is_connect() })?;
        let status = response.status();
        let replayed = response.headers().contains_key(IDEMPOTENCY_REPLAYED);
        let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
        let body = body.map_err(|e| NoAnswer { why: causes(&*e), sent: true })?.to_bytes();
        Ok(ApiAnswer { status, replayed, body })
    }
}

/// A good answer as `T`.
///
/// # Errors
/// It is none of this version of the API.
pub(crate) fn read<T: DeserializeOwned>(answer: &ApiAnswer) -> Result<T, Failure> {
    serde_json::from_slice(&answer.body).map_err(|e| {
        Failure::runtime(format!(
            "the answer is none of this version of the operators' API ({e}): use the lastseat of \
             the nodes' version"
        ))
    })
}

fn accepted(server: &Uri, answer: ApiAnswer) -> Result<ApiAnswer, Failure> {
    let status = answer.status;
    if status.is_success() {
        return Ok(answer);
    }
    let Ok(ProblemBody { code, detail }) = serde_json::from_slice(&answer.body) else {
        let redirect =
            if status.is_redirection() { ", and redirects are not followed" } else { "" };
        return Err(Failure::runtime(format!(
            "{} answered {status}, which no node does{redirect}: name the operators' listener of a \
             node",
            shown(server)
        )));
    };
    let (code, detail) = (plain(&code), plain(&detail));
    let known = Code::ALL.iter().find(|known| known.as_str() == code);
    let exit = match known {
        Some(Code::UnknownSale | Code::UnknownOrder) => NOT_FOUND,
        Some(Code::Unavailable | Code::OutcomeUnknown) => UNREACHABLE,
        _ => REFUSED,
    };
    let more = match known {
        Some(Code::UnknownSale) => " `lastseat sale list` names those that there are.",
        Some(Code::NotFound) => " Name the operators' listener of a node of this version.",
        Some(Code::Unauthorized | Code::TokenExpired) => {
            " Name it with --token, LASTSEAT_ADMIN_TOKEN or a context."
        }
        _ => "",
    };
    Err(Failure::new(exit, &code, format!("{code}: {detail}{more}")))
}

/// Text of a server without what would control a terminal.
fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(addresses: &str) -> Result<ApiClient, String> {
        let client = ApiClient::new("--server", addresses.split(','), None);
        client.map_err(|e| e.to_string())
    }

    #[test]
    fn a_server_is_an_address_without_a_path_and_all_that_are_wrong_are_named() {
        assert_eq!(client("http://a:1, https://b:2/").unwrap().servers.len(), 2);
        let wrong = client("http://a:1/v1,ftp://b,c").unwrap_err();
        for word in ["without a path", "http:// or https://"] {
            assert!(wrong.contains(word), "{wrong}");
        }
        assert!(client(",").unwrap_err().contains("names no server"));
        let many = vec!["http://a:1"; SERVERS_MAX + 1].join(",");
        assert!(client(&many).unwrap_err().contains("more than"));
    }

    #[test]
    fn what_no_node_says_is_no_answer_of_a_node() {
        let answer = |status, body: &'static str| {
            let status = StatusCode::from_u16(status).unwrap();
            let answer =
                ApiAnswer { status, replayed: false, body: Bytes::from_static(body.as_bytes()) };
            accepted(&Uri::from_static("http://a:1"), answer).unwrap_err()
        };
        let moved = answer(308, "").to_string();
        assert!(moved.contains("redirects are not followed"), "{moved}");
        let later = answer(409, r#"{"code":"of_a_later_version","detail":"No."}"#);
        assert_eq!(later.to_string(), "lastseat: of_a_later_version: No.");
        let painted = answer(500, r#"{"code":"x","detail":"\u001b[31m\nok"}"#).to_string();
        assert_eq!(painted, r"lastseat: x: \u{1b}[31m\nok");
        assert!(answer(503, r#"{"code":"unavailable","detail":"No."}"#).is_unreachable());
    }
}
