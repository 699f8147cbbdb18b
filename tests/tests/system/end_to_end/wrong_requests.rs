//! Whoever sends nonsense is told what is wrong with it, wherever it is sent.

use hyper::Method;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, HttpReply, Setup};
use shared::Code;
use shared::wire::messages::header::{ANSWERED_BY, IDEMPOTENCY_KEY};
use shared::wire::problem::PROBLEM_JSON;

const ORDERS: &str = "/v1/sales/open/orders";
const GOOD: &str = r#"{"buyer":"ada","quantity":1}"#;
const KEY: &str = "0123456789abcdef";

struct Wrong {
    what: &'static str,
    method: Method,
    path: String,
    key: String,
    body: String,
    code: Code,
}

impl Wrong {
    fn body(what: &'static str, body: &str, code: Code) -> Self {
        Self {
            what,
            method: Method::POST,
            path: ORDERS.to_owned(),
            key: KEY.to_owned(),
            body: body.to_owned(),
            code,
        }
    }

    fn path(what: &'static str, path: &str, code: Code) -> Self {
        Self { path: path.to_owned(), ..Self::body(what, GOOD, code) }
    }

    fn asked(what: &'static str, method: Method, path: &str, code: Code) -> Self {
        Self { method, body: String::new(), ..Self::path(what, path, code) }
    }

    fn key(what: &'static str, key: &str) -> Self {
        Self { key: key.to_owned(), ..Self::body(what, GOOD, Code::Invalid) }
    }
}

fn all() -> Vec<Wrong> {
    let long = "x".repeat(10_240);
    let million = format!(r#"{{"buyer":"{}","quantity":1}}"#, "a".repeat(1_000_000));
    let quantity = |text| format!(r#"{{"buyer":"ada","quantity":{text}}}"#);
    let invalid = |what, body: &str| Wrong::body(what, body, Code::Invalid);
    vec![
        invalid("no JSON", "buyer=ada"),
        invalid("half of a JSON", r#"{"buyer":"ada""#),
        invalid("JSON that is no object", "[1]"),
        invalid("no body", ""),
        invalid("no buyer", r#"{"quantity":1}"#),
        invalid("a buyer of two lines", r#"{"buyer":"a\nb","quantity":1}"#),
        invalid("a field that does not exist", r#"{"buyer":"ada","qty":1}"#),
        invalid("quantity 0", &quantity("0")),
        invalid("quantity -1", &quantity("-1")),
        invalid("quantity 10^12", &quantity("1000000000000")),
        invalid("quantity 1.5", &quantity("1.5")),
        invalid("quantity as text", &quantity("\"1\"")),
        Wrong::body("more tickets than an order may have", &quantity("11"), Code::OrderLimit),
        Wrong::body("a body of 1 MB", &million, Code::TooLarge),
        Wrong::key("a key of 10 KB", &long),
        Wrong::key("a short key", "short"),
        Wrong::key("a key with spaces", "0123456789 abcdef"),
        Wrong::path("an unknown sale", "/v1/sales/nobody/orders", Code::UnknownSale),
        Wrong::path("a sale id of 10 KB", &format!("/v1/sales/{long}/orders"), Code::Invalid),
        Wrong::path("a sale id with a brace", "/v1/sales/a%7Db/orders", Code::Invalid),
        Wrong::path("an unknown path", "/v1/tickets", Code::NotFound),
        Wrong::asked("DELETE of orders", Method::DELETE, ORDERS, Code::MethodNotAllowed),
        Wrong::asked("GET of orders", Method::GET, ORDERS, Code::MethodNotAllowed),
        Wrong::asked("POST to a sale", Method::POST, "/v1/sales/open", Code::MethodNotAllowed),
        Wrong::asked("GET of nothing", Method::GET, "/nothing", Code::NotFound),
        Wrong::asked("an unknown sale", Method::GET, "/v1/sales/nobody", Code::UnknownSale),
        Wrong::asked(
            "an unknown order",
            Method::GET,
            &format!("{ORDERS}/{KEY}"),
            Code::UnknownOrder,
        ),
        Wrong::asked(
            "an order id of 10 KB",
            Method::GET,
            &format!("{ORDERS}/{long}"),
            Code::Invalid,
        ),
    ]
}

fn fault_in(answer: &HttpReply, wrong: &Wrong) -> Option<String> {
    let problem = match answer.problem() {
        Ok(problem) => problem,
        Err(e) => return Some(format!("{e:#}")),
    };
    let status = wrong.code.status();
    let said = format!("{} {}", answer.status, answer.text());
    if problem.code != wrong.code || problem.status != status || answer.status != status {
        return Some(format!("expected {status} {:?}: {said}", wrong.code));
    }
    let sentence = problem.detail.len() > 10 && problem.detail.ends_with('.');
    if !sentence || problem.title.is_empty() {
        return Some(format!("no sentence: {said}"));
    }
    if answer.header("content-type") != PROBLEM_JSON || answer.header(ANSWERED_BY).is_empty() {
        return Some(format!("headers {:?}", answer.headers));
    }
    let allow = answer.header("allow");
    (wrong.code == Code::MethodNotAllowed && allow.is_empty()).then(|| format!("no Allow: {said}"))
}

async fn every_wrong_request_is_refused_at(place: &str, url: &str) {
    let mut client = HttpClient::new(url).unwrap();
    let mut faults = Vec::new();
    for wrong in all() {
        let headers = [(IDEMPOTENCY_KEY, wrong.key.as_str())];
        let asked = request(wrong.method.clone(), &wrong.path, &headers, &wrong.body).unwrap();
        let fault = match client.send(asked).await {
            Ok(answer) => fault_in(&answer, &wrong),
            Err(lost) => Some(lost.to_string()),
        };
        faults.extend(fault.map(|fault| format!("{}: {fault}", wrong.what)));
    }
    assert!(faults.is_empty(), "at {place}:\n{}", faults.join("\n"));
}

#[tokio::test]
async fn every_wrong_request_gets_its_4xx_and_a_sentence() {
    for edge in [Edge::Workerd, Edge::Gateway, Edge::Wrangler] {
        let setup = Setup { direct: true, ..Setup::with_edge(edge) };
        let cluster = Cluster::start(&setup).unwrap();
        cluster.create_sale("open", 1_000).await.unwrap();
        every_wrong_request_is_refused_at("a node", &cluster.nodes[0].url).await;
        every_wrong_request_is_refused_at(edge.as_str(), &cluster.edges[0]).await;
        let audit = cluster.audit("open").await.unwrap();
        assert_eq!((audit.free, audit.ok), (1_000, true), "nothing was sold");
    }
}
