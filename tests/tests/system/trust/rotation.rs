//! Each secret is replaced while the sale sells, by the steps of
//! `docs/howto/replace-a-secret.md`, and no order fails.

use crate::trust::{A, SALE, edge_before};
use hyper::{Method, StatusCode};
use lastseat_cluster::process::free_port;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::{lastseat, repository, scratch};
use lastseat_tests::harness::redis::users::password;
use lastseat_tests::harness::wait::until;
use lastseat_tests::harness::{Durability, Edge, HttpClient, PrivateRedis, Program, RedisSetup};
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const OLD: &str = "00001111000011110000111100001111";
const NEW: &str = "99998888999988889999888899998888";
const PATIENCE: Duration = Duration::from_secs(30);

/// Which secrets nodes have in one step: tokens, and the address of the ledger with its password.
struct Secrets {
    token: String,
    redis: String,
}

/// A node as an operator starts it.
struct Node {
    id: u16,
    url: String,
    admin: String,
    program: Program,
}

fn command(id: u16, addresses: [&str; 2], secrets: &Secrets, directory: &Path) -> Command {
    let address = |url: &str| url.trim_start_matches("http://").to_owned();
    let mut command = Command::new(lastseat().expect("the program"));
    command
        .env("REDIS_URL", &secrets.redis)
        .env("LASTSEAT_NODE", id.to_string())
        .env("LASTSEAT_LISTEN", address(addresses[0]))
        .env("LASTSEAT_ADMIN_LISTEN", address(addresses[1]))
        .env("LASTSEAT_EDGE_KEY", A)
        .env("LASTSEAT_ADMIN_TOKEN", format!("{}-admin", secrets.token).replace(',', "-admin,"))
        .env("LASTSEAT_SHOP_TOKEN", format!("{}-shop", secrets.token).replace(',', "-shop,"))
        .env("LASTSEAT_DATA_DIR", directory);
    command
}

impl Node {
    fn start(id: u16, secrets: &Secrets, directory: &Path) -> Self {
        let url = || format!("http://127.0.0.1:{}", free_port().expect("a free port"));
        let (url, admin) = (url(), url());
        let program = Self::serve(id, [&url, &admin], secrets, directory);
        Self { id, url, admin, program }
    }

    /// Starts it and waits until it serves, as the unit does.
    fn serve(id: u16, addresses: [&str; 2], secrets: &Secrets, directory: &Path) -> Program {
        let mut serve = command(id, addresses, secrets, directory);
        let program = Program::start("lastseat serve", {
            serve.arg("serve");
            serve
        });
        let program = program.expect("a node");
        let mut ready = command(id, addresses, secrets, directory);
        let ready = ready.args(["ready", "--wait", "30s"]).output().expect("lastseat ready");
        assert!(ready.status.success(), "{}", program.notes());
        program
    }

    /// Restarts it with other secrets, as `systemctl restart` does.
    fn restart(&mut self, secrets: &Secrets, directory: &Path) {
        self.program.signal(Signal::TERM);
        let ended = self.program.wait(PATIENCE).expect("it ends");
        assert!(ended.success(), "{}", self.program.notes());
        self.program = Self::serve(self.id, [&self.url, &self.admin], secrets, directory);
    }

    async fn admin_says(&self, token: &str) -> StatusCode {
        let bearer = format!("Bearer {token}-admin");
        let headers = [("authorization", bearer.as_str())];
        let asked = request(Method::GET, "/v1/admin/sales", &headers, "").unwrap();
        HttpClient::new(&self.admin).unwrap().send(asked).await.unwrap().status
    }

    /// What the shop's call for an order that does not exist is answered: 404 with the right token.
    async fn shop_says(&self, edge: &str, token: &str) -> StatusCode {
        let bearer = format!("Bearer {token}-shop");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let path = format!("/v1/sales/{SALE}/orders/0123456789abcdef/confirm");
        let asked = request(Method::POST, &path, &headers, "").unwrap();
        HttpClient::new(edge).unwrap().send(asked).await.unwrap().status
    }
}

/// Buys one ticket after the other until it is told to stop; only 201 is good, and "busy" is asked
/// again.
async fn buy(edge: String, stop: Arc<AtomicBool>, bought: Arc<AtomicU64>) {
    let mut client = HttpClient::new(&edge).unwrap();
    while !stop.load(Ordering::Relaxed) {
        let n = bought.load(Ordering::Relaxed);
        let answer = client.order(SALE, None, &format!(r#"{{"buyer":"b{n}"}}"#)).await.unwrap();
        match answer.status {
            StatusCode::CREATED => drop(bought.fetch_add(1, Ordering::Relaxed)),
            StatusCode::TOO_MANY_REQUESTS => {}
            other => panic!("{other}: {}", answer.text()),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until more was bought: the last change is in use.
async fn sells(bought: &AtomicU64) {
    let before = bought.load(Ordering::Relaxed);
    lastseat_tests::harness::wait::until_async("buyers go on", async || {
        (bought.load(Ordering::Relaxed) > before + 20).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_the_password_of_redis_are_replaced_while_a_sale_sells_and_no_order_fails() {
    let redis = RedisSetup::new(Durability::Always).with_port().with_users().start();
    let directory = scratch().unwrap();
    let old_url = redis.url();
    let new_url = old_url.replace(&password("lastseat"), NEW);
    let old = Secrets { token: OLD.to_owned(), redis: old_url };
    let both = Secrets { token: format!("new:{NEW},old:{OLD}"), redis: new_url.clone() };
    let new = Secrets { token: format!("new:{NEW}"), redis: new_url };
    let mut nodes = [1, 2].map(|id| Node::start(id, &old, directory.path()));
    let urls: Vec<String> = nodes.iter().map(|node| node.url.clone()).collect();
    create(&nodes[0], &old).await;
    let edge = edge_before(Edge::under_test(), &urls, A).await;
    let (stop, bought) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let buyer = tokio::spawn(buy(edge.url.clone(), Arc::clone(&stop), Arc::clone(&bought)));
    sells(&bought).await;

    // 1. Whoever verifies learns the new secret beside the old one: Redis, then the nodes in turn.
    let new_password = format!(">{NEW}");
    let _: String = redis.ask(&["ACL", "SETUSER", "lastseat", &new_password]).await;
    let _: String = redis.ask(&["ACL", "SAVE"]).await;
    for node in &mut nodes {
        let directory = directory.path();
        tokio::task::block_in_place(|| node.restart(&both, directory));
        sells(&bought).await;
        for token in [OLD, NEW] {
            assert_eq!(node.admin_says(token).await, StatusCode::OK, "{token}");
        }
    }
    // 2. Callers change over, one after the other: both are taken.
    for token in [OLD, NEW] {
        assert_eq!(nodes[0].shop_says(&edge.url, token).await, StatusCode::NOT_FOUND, "{token}");
    }
    // 3. The old secret is taken away.
    for node in &mut nodes {
        let directory = directory.path();
        tokio::task::block_in_place(|| node.restart(&new, directory));
        sells(&bought).await;
        assert_eq!(node.admin_says(OLD).await, StatusCode::UNAUTHORIZED);
        assert_eq!(node.admin_says(NEW).await, StatusCode::OK);
    }
    let old_password = format!("<{}", password("lastseat"));
    let _: String = redis.ask(&["ACL", "SETUSER", "lastseat", &old_password]).await;
    let _: String = redis.ask(&["ACL", "SAVE"]).await;
    sells(&bought).await;
    assert_eq!(nodes[1].shop_says(&edge.url, OLD).await, StatusCode::UNAUTHORIZED);
    assert_eq!(nodes[1].shop_says(&edge.url, NEW).await, StatusCode::NOT_FOUND);
    // What is kept in the file of users lets nobody in with the old one either.
    let said = redis.says_to("lastseat", &["PING"]);
    assert!(said.contains("NOAUTH") || said.contains("WRONGPASS"), "{said}");

    stop.store(true, Ordering::Relaxed);
    buyer.await.expect("no order has failed");
    assert!(bought.load(Ordering::Relaxed) > 100);
}

async fn create(node: &Node, secrets: &Secrets) {
    let bearer = format!("Bearer {}-admin", secrets.token);
    let headers = [("authorization", bearer.as_str())];
    let path = format!("/v1/admin/sales/{SALE}");
    let asked = request(Method::PUT, &path, &headers, r#"{"capacity":1000000}"#).unwrap();
    let answer = HttpClient::new(&node.admin).unwrap().send(asked).await.unwrap();
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
}

/// The receiver of the how-to with one secret; what it prints is what it took.
fn receiver(secret: &str, port: u16, directory: &Path) -> Program {
    let file = directory.join("receiver.secret");
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    let mut command = Command::new(repository().join("node_modules/.bin/node"));
    command.arg(repository().join("docs/examples/webhook-receiver.mjs"));
    command.arg(file).arg(port.to_string());
    let receiver = Program::start("webhook-receiver.mjs", command).expect("node starts");
    assert!(receiver.line(PATIENCE).unwrap().contains("listening"));
    receiver
}

/// Delivers everything from the beginning, signed with `secrets`; whether all of it was taken.
fn delivers(secrets: &str, redis: &PrivateRedis, port: u16) -> bool {
    let mut command = Command::new(lastseat().expect("the program"));
    command
        .env("LASTSEAT_WEBHOOK_SECRET", secrets)
        .env("REDIS_URL", redis.url())
        .args(["relay", SALE, "--once", "--from", "1", "--name", "rotation"])
        .args(["--to", &format!("http://127.0.0.1:{port}/")]);
    command.output().expect("a relay").status.success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secret_of_webhooks_is_replaced_and_the_receiver_of_the_how_to_takes_each_delivery() {
    let redis = PrivateRedis::start(Durability::Always);
    let directory = scratch().unwrap();
    let secrets = Secrets { token: OLD.to_owned(), redis: redis.url() };
    let node = Node::start(1, &secrets, directory.path());
    create(&node, &secrets).await;
    let both = format!("new:{NEW},old:{OLD}");
    let port = free_port().unwrap();
    let mut running = receiver(OLD, port, directory.path());
    assert!(delivers(OLD, &redis, port));
    // The relay signs with both, then the receiver changes over, then the old one is taken away.
    assert!(delivers(&both, &redis, port));
    running.stop().unwrap();
    let running = receiver(NEW, port, directory.path());
    assert!(delivers(&both, &redis, port));
    assert!(delivers(&format!("new:{NEW}"), &redis, port));
    assert!(!delivers(OLD, &redis, port), "the receiver takes what is signed with another secret");
    until("it printed what it took", || {
        running.line(PATIENCE).ok().filter(|line| line.contains(SALE)).map(drop)
    });
}
