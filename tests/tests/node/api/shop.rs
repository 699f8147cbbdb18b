//! A cluster without edge, and the calls of buyers, shop and operators.

use hyper::{Method, StatusCode};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::{lastseat, repository};
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, HttpReply, Setup};
use serde_json::Value;
use shared::wire::messages::OrderView;
use shared::{Code, OrderState};
use std::ops::Deref;
use std::process::{Command, Stdio};

/// The token of the shop in these tests.
pub(crate) const SHOP_TOKEN: &str = "shop-0123456789abcdef0123456789abcdef";

/// A running cluster.
pub(crate) struct Shop(Cluster);

impl Deref for Shop {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.0
    }
}

/// What a command said.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Shop {
    /// Starts one whose shop has [`SHOP_TOKEN`].
    pub(crate) fn open() -> Self {
        Self::open_with(&["--shop-token", SHOP_TOKEN])
    }

    /// Starts one with other arguments.
    pub(crate) fn open_with(arguments: &[&str]) -> Self {
        Self::open_in(arguments, &[])
    }

    /// Starts one with other arguments and variables.
    pub(crate) fn open_in(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let variable = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let setup = Setup {
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: environment.iter().map(variable).collect(),
            ..Setup::with_edge(Edge::None)
        };
        Self(Cluster::start(&setup).expect("the cluster comes up"))
    }

    /// What its processes have said on stderr.
    pub(crate) fn notes(&mut self) -> String {
        self.0.program().notes()
    }

    /// Sends a request to the public address of the node at `index`.
    pub(crate) async fn send(
        &self,
        index: usize,
        (method, path): (Method, &str),
        token: Option<&str>,
        body: &str,
    ) -> HttpReply {
        let url = &self.nodes[index].url;
        send(url, method, path, token, body).await
    }

    /// Sends a request with the admin token to the operators' address of the first node.
    pub(crate) async fn admin(&self, method: Method, path: &str, body: &str) -> HttpReply {
        let url = &self.nodes[0].admin;
        let path = format!("/v1/admin/sales{path}");
        send(url, method, &path, Some(&self.admin_token), body).await
    }

    /// Makes a sale; `body` as the API takes it.
    pub(crate) async fn create(&self, sale: &str, body: &str) {
        let answer = self.admin(Method::PUT, &format!("/{sale}"), body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }

    /// Orders tickets at the node at `index`; a key is made there.
    pub(crate) async fn order(&self, index: usize, sale: &str, body: &str) -> HttpReply {
        let mut client = HttpClient::new(&self.nodes[index].url).unwrap();
        client.order(sale, None, body).await.unwrap()
    }

    /// Orders tickets that are to be had.
    pub(crate) async fn buy(&self, sale: &str, body: &str) -> OrderView {
        let answer = self.order(0, sale, body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json().unwrap()
    }

    /// Cancels, extends or confirms an order, as the shop, at the node at `index`.
    pub(crate) async fn change(
        &self,
        index: usize,
        order: &OrderView,
        verb: &str,
        body: &str,
    ) -> HttpReply {
        let path = format!("{}/{verb}", path_of(order));
        self.send(index, (Method::POST, &path), Some(SHOP_TOKEN), body).await
    }

    /// Cancels an order at the node at `index`, as whoever knows its id, with this token, if any.
    pub(crate) async fn give_back(
        &self,
        index: usize,
        order: &OrderView,
        token: Option<&str>,
    ) -> HttpReply {
        let path = format!("{}/cancel", path_of(order));
        self.send(index, (Method::POST, &path), token, "").await
    }

    /// The order as it stands.
    pub(crate) async fn lookup(&self, order: &OrderView) -> OrderView {
        let answer = self.send(1, (Method::GET, &path_of(order)), None, "").await;
        answer.json().unwrap()
    }

    /// Waits until the order has expired.
    pub(crate) async fn expired(&self, order: &OrderView) {
        until_async("the hold expires", async || {
            (self.lookup(order).await.state == OrderState::Expired).then_some(())
        })
        .await;
    }

    /// A sale with all its numbers.
    pub(crate) async fn report(&self, sale: &str) -> Value {
        let answer = self.admin(Method::GET, &format!("/{sale}"), "").await;
        answer.json().unwrap()
    }

    /// The types of all events of a sale.
    pub(crate) async fn events(&self, sale: &str) -> Vec<String> {
        let answer = self.admin(Method::GET, &format!("/{sale}/log"), "").await;
        let kind = |line: Value| line["type"].as_str().unwrap().to_owned();
        lines(&answer.text()).into_iter().map(kind).collect()
    }

    /// Runs `lastseat` on the ledger of this cluster.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let ran = self.command(words).output().unwrap();
        Ran {
            code: ran.status.code().expect("it ends by itself"),
            stdout: String::from_utf8(ran.stdout).unwrap(),
            stderr: String::from_utf8(ran.stderr).unwrap(),
        }
    }

    /// The command that [`Shop::run`] runs.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(lastseat().unwrap());
        command.current_dir(repository()).args(words);
        command.env("LASTSEAT_DATA_DIR", self.data_dir());
        for other in ["REDIS_URL", "LASTSEAT_SERVER", "LASTSEAT_CONTEXT", "LASTSEAT_ADMIN_TOKEN"] {
            command.env_remove(other);
        }
        command.stdin(Stdio::null());
        command
    }
}

async fn send(url: &str, method: Method, path: &str, token: Option<&str>, body: &str) -> HttpReply {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = bearer.iter().map(|b| ("authorization", b.as_str())).collect();
    let asked = request(method, path, &headers, body).unwrap();
    HttpClient::new(url).unwrap().send(asked).await.unwrap()
}

/// The address of an order.
pub(crate) fn path_of(order: &OrderView) -> String {
    format!("/v1/sales/{}/orders/{}", order.sale, order.order_id)
}

/// Each line of NDJSON.
pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Expects a "no" with this code.
#[track_caller]
pub(crate) fn assert_no(answer: &HttpReply, code: Code) {
    let problem = answer.problem().unwrap();
    assert_eq!(problem.code, code, "{}", answer.text());
    assert_eq!(answer.status.as_u16(), code.status());
}
