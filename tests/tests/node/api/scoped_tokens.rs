//! Tokens of people and programs: what each allows, at which sales, until when.

use crate::api::shop::{SHOP_TOKEN, Shop, assert_no, path_of};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::wait::until;
use lastseat_tests::harness::{HttpClient, HttpReply};
use serde_json::Value;
use shared::auth::sale_patterns::SalePatterns;
use shared::auth::scoped_token::{self, ScopedToken};
use shared::auth::verb::Verbs;
use shared::limits::SCOPED_TOKEN_LIFE_MAX_MS;
use shared::wire::messages::OrderView;
use shared::{Actor, Code, KeyRing, UnixMillis};
use std::process::{Command, Stdio};
use std::time::SystemTime;

const ADA: &str = r#"{"buyer":"ada"}"#;
const HOLD: &str = r#"{"capacity":5,"hold_ms":60000}"#;
const KEY: &str = "cccccccccccccccccccccccccccccccc";
const OTHER_KEY: &str = "dddddddddddddddddddddddddddddddd";

/// A token as `lastseat token create` prints it.
fn made(shop: &Shop, words: &[&str]) -> String {
    let ran = shop.run(&[&["token", "create"], words].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout.trim().to_owned()
}

/// A call to the operators' listener of the first node with `token`.
async fn call(shop: &Shop, method: Method, path: &str, token: &str, body: &str) -> HttpReply {
    let bearer = format!("Bearer {token}");
    let path = format!("/v1/admin{path}");
    let asked = request(method, &path, &[("authorization", &bearer)], body).unwrap();
    HttpClient::new(&shop.nodes[0].admin).unwrap().send(asked).await.unwrap()
}

/// A change of an order at the first node with `token`.
async fn change(shop: &Shop, order: &OrderView, verb: &str, token: &str) -> HttpReply {
    let path = format!("{}/{verb}", path_of(order));
    shop.send(0, (Method::POST, &path), Some(token), "").await
}

#[track_caller]
fn assert_done(answer: &HttpReply) {
    assert!(answer.status.is_success(), "{}", answer.text());
}

#[track_caller]
fn assert_lacks(answer: &HttpReply, code: Code, words: &str) {
    assert_no(answer, code);
    assert_eq!(code.status(), 403);
    assert!(answer.text().contains(words), "{}", answer.text());
}

#[tokio::test]
async fn a_scoped_token_makes_the_calls_of_its_verbs_at_its_sales_and_no_others() {
    let shop = Shop::open();
    for sale in ["spring-1", "spring-2", "autumn"] {
        shop.create(sale, HOLD).await;
    }
    let ada = made(&shop, &["--name", "ada", "--may", "read,pause,open", "--sales", "spring-*"]);
    for sale in ["spring-1", "spring-2"] {
        for verb in ["pause", "open"] {
            let path = format!("/sales/{sale}/{verb}");
            assert_done(&call(&shop, Method::POST, &path, &ada, "").await);
        }
        assert_done(&call(&shop, Method::GET, &format!("/sales/{sale}"), &ada, "").await);
    }
    for (method, path, verb) in [
        (Method::POST, "/sales/spring-1/close", "close"),
        (Method::POST, "/sales/spring-1/restock", "restock"),
        (Method::PATCH, "/sales/spring-1", "terms"),
        (Method::PUT, "/sales/spring-3", "create"),
        (Method::GET, "/sales/spring-1/log", "export"),
        (Method::GET, "/sales/spring-1/audit", "audit"),
        (Method::GET, "/sales/spring-1/unrestored", "find"),
        (Method::GET, "/sales/spring-1/orders/0123456789abcdef", "find"),
        (Method::POST, "/sales/spring-1/orders/0123456789abcdef/cancel", "cancel"),
    ] {
        let answer = call(&shop, method, path, &ada, "").await;
        assert_lacks(&answer, Code::TokenVerb, &format!("\\\"{verb}\\\""));
        assert!(answer.text().contains("ada") && answer.text().contains("read,open,pause"));
    }
    let answer = call(&shop, Method::POST, "/sales/autumn/pause", &ada, "").await;
    assert_lacks(&answer, Code::TokenSale, "spring-*");
    // The address of another sale in another spelling is no way around it.
    let answer = call(&shop, Method::POST, "/sales/autum%6E/pause", &ada, "").await;
    assert_lacks(&answer, Code::TokenSale, "spring-*");
    assert_eq!(shop.report("autumn").await["state"], "open");
    assert_eq!(shop.report("spring-1").await["state"], "open");
}

#[tokio::test]
async fn a_read_only_token_reads_everything_and_changes_nothing() {
    let shop = Shop::open();
    shop.create("spring", HOLD).await;
    let held = shop.buy("spring", ADA).await;
    let reader = made(&shop, &["--name", "grafana", "--read-only"]);
    let order = format!("/sales/spring/orders/{}", held.order_id);
    for path in ["/status", "/sales", "/sales/spring", "/sales/spring/log", "/sales/spring/audit"] {
        assert_done(&call(&shop, Method::GET, path, &reader, "").await);
    }
    assert_done(&call(&shop, Method::GET, &order, &reader, "").await);
    for verb in ["open", "pause", "close", "restock", "log/ack", "unrestored/retry"] {
        let path = format!("/sales/spring/{verb}");
        let answer = call(&shop, Method::POST, &path, &reader, "").await;
        assert_lacks(&answer, Code::TokenVerb, "grafana");
    }
    for verb in ["confirm", "cancel", "extend"] {
        let path = format!("{order}/{verb}");
        let answer = call(&shop, Method::POST, &path, &reader, "").await;
        assert_lacks(&answer, Code::TokenVerb, "grafana");
    }
    assert_lacks(&change(&shop, &held, "confirm", &reader).await, Code::TokenVerb, "confirm");
    assert_eq!(shop.lookup(&held).await, held);
}

#[tokio::test]
async fn a_program_of_the_shop_confirms_and_cancels_with_a_token_of_its_own() {
    let shop = Shop::open();
    for sale in ["spring", "autumn"] {
        shop.create(sale, HOLD).await;
    }
    let till = made(&shop, &["--name", "till-3", "--may", "confirm", "--sales", "spring"]);
    let refunds = made(&shop, &["--name", "refunds", "--may", "cancel", "--sales", "spring"]);
    let paid = shop.buy("spring", ADA).await;
    assert_lacks(&change(&shop, &paid, "confirm", &refunds).await, Code::TokenVerb, "confirm");
    assert_done(&change(&shop, &paid, "confirm", &till).await);
    // Without the verb it is the call of anybody who has the order's id.
    assert_no(&change(&shop, &paid, "cancel", &till).await, Code::Paid);
    assert_done(&change(&shop, &paid, "cancel", &refunds).await);
    let elsewhere = shop.buy("autumn", ADA).await;
    assert_lacks(&change(&shop, &elsewhere, "confirm", &till).await, Code::TokenSale, "spring");
    // What had all powers of its role before has them still.
    assert_done(&change(&shop, &elsewhere, "confirm", SHOP_TOKEN).await);
}

#[tokio::test]
async fn who_has_a_token_for_some_sales_is_shown_those_alone() {
    let shop = Shop::open();
    for sale in ["autumn", "spring-1", "spring-2"] {
        shop.create(sale, HOLD).await;
        shop.admin(Method::POST, &format!("/{sale}/pause"), "").await;
    }
    let ada = made(&shop, &["--name", "ada", "--may", "read", "--sales", "spring-*"]);
    let list = call(&shop, Method::GET, "/sales", &ada, "").await;
    let names = |sales: &Value| -> Vec<String> {
        let sales = sales.as_array().unwrap().iter();
        let mut names: Vec<_> =
            sales.map(|sale| sale["sale"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&list.json::<Value>().unwrap()["sales"]), ["spring-1", "spring-2"]);
    for path in ["/status", "/status?sale=autumn"] {
        let answer = call(&shop, Method::GET, path, &ada, "").await;
        let status: Value = answer.json().unwrap();
        assert_eq!(names(&status["sales"]), ["spring-1", "spring-2"], "{path}");
        assert!(!answer.text().contains("autumn"), "{}", answer.text());
        assert_eq!(status["nodes"].as_array().unwrap().len(), 4);
    }
    let whole = call(&shop, Method::GET, "/status", &shop.admin_token, "").await;
    assert!(whole.text().contains("autumn"));
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    UnixMillis(u64::try_from(since.as_millis()).unwrap())
}

/// A token for everything until `expires_at`, signed with the first of `keys`.
fn signed(keys: &str, expires_at: UnixMillis) -> String {
    let token = ScopedToken {
        name: Actor::of_token("ada").unwrap(),
        verbs: Verbs::all(),
        sales: SalePatterns::all(),
        expires_at,
    };
    scoped_token::make(&KeyRing::parse(keys).unwrap(), &token)
}

#[tokio::test]
async fn a_token_that_is_over_was_changed_or_lost_its_key_is_refused() {
    let ring = format!("new:{OTHER_KEY},old:{KEY}");
    let shop = Shop::open_with(&["--token-keys", &ring]);
    shop.create("spring", HOLD).await;
    let soon = now().plus(60_000);
    let ask = async |token: &str| call(&shop, Method::GET, "/sales/spring", token, "").await;
    // The ring's second key is one that is being replaced.
    for key in [format!("new:{OTHER_KEY}"), format!("old:{KEY}")] {
        assert_done(&ask(&signed(&key, soon)).await);
    }
    let over = ask(&signed(&format!("old:{KEY}"), UnixMillis(now().0 - 1_000))).await;
    assert_no(&over, Code::TokenExpired);
    assert_eq!(
        (over.status, over.header("www-authenticate")),
        (StatusCode::UNAUTHORIZED, "Bearer")
    );
    let good = signed(&format!("old:{KEY}"), soon);
    let (front, code) = good.rsplit_once('.').unwrap();
    let endless = now().plus(2 * SCOPED_TOKEN_LIFE_MAX_MS);
    for (token, word) in [
        (signed(&format!("older:{KEY}"), soon), "not signed with a key"),
        (signed(&format!("old:{OTHER_KEY}"), soon), "not signed with a key"),
        (format!("{front}.{}", code.chars().rev().collect::<String>()), "not signed with a key"),
        (signed(&format!("old:{KEY}"), endless), "longer than a token may be"),
        (good[..good.len() - 1].to_owned(), "damaged"),
        (format!("{good}{}", "0".repeat(9_000)), "damaged"),
        ("lst1.old.x.y".to_owned(), "damaged"),
    ] {
        let answer = ask(&token).await;
        assert_no(&answer, Code::Unauthorized);
        assert!(answer.text().contains(word), "{}", answer.text());
        assert!(!answer.text().contains(&token), "{}", answer.text());
    }
}

/// Runs `lastseat` with nothing of a cluster around it.
fn alone(words: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let directory = lastseat_tests::harness::paths::scratch().unwrap();
    let mut command = Command::new(lastseat_tests::harness::paths::lastseat().unwrap());
    command.env_clear().args(words).envs(environment.iter().copied());
    command.env("LASTSEAT_DATA_DIR", directory.path()).stdin(Stdio::null());
    let ended = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended.status.code().unwrap(), text(ended.stdout), text(ended.stderr))
}

#[test]
fn tokens_are_made_and_read_without_a_node() {
    let keys = [("LASTSEAT_TOKEN_KEYS", KEY)];
    let create = |words: &[&str]| alone(&[&["token", "create"], words].concat(), &keys);
    let (code, token, _) =
        create(&["--name", "ada", "--may", "open, pause", "--sales", "spring-*,x", "--for", "1d"]);
    assert_eq!(code, 0);
    let token = token.trim();
    let (code, said, _) = alone(&["token", "inspect", token], &keys);
    assert_eq!(code, 0);
    for words in ["name       ada", "open, pause", "spring-*,x", "signature  right"] {
        assert!(said.contains(words), "{said}");
    }
    let (code, said, _) = alone(&["token", "inspect", token, "--json"], &[]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &said["genuine"], &said["name"]), (0, &Value::Null, &"ada".into()));
    let left = said["expires_at"].as_u64().unwrap() - now().0;
    assert!((86_000_000..=86_400_000).contains(&left), "{left}");
    let others = [("LASTSEAT_TOKEN_KEYS", OTHER_KEY)];
    let (code, said, _) = alone(&["token", "inspect", token], &others);
    assert!(code == 1 && said.contains("WRONG"), "{said}");
    let over = signed(KEY, UnixMillis(now().0 - 1));
    let (code, said, _) = alone(&["token", "inspect", &over], &keys);
    assert!(code == 1 && said.contains("EXPIRED"), "{said}");

    for (words, sentence) in [
        (&["--name", "a b", "--read-only"][..], "letters, digits"),
        (&["--name", "operator", "--read-only"], "taken"),
        (&["--name", "ada", "--may", "sell"], "\"sell\" is no verb"),
        (&["--name", "ada", "--may", "read", "--sales", "a b"], "pattern"),
        (&["--name", "ada", "--read-only", "--for", "367d"], "366d"),
        (&["--name", "ada"], "--may"),
        (&["--name", "ada", "--may", "read", "--read-only"], "--read-only"),
    ] {
        let (code, said, why) = create(words);
        assert!(code == 2 && said.is_empty() && why.contains(sentence), "{words:?}: {why}");
    }
    let (code, _, why) = alone(&["token", "create", "--name", "ada", "--read-only"], &[]);
    assert!(code == 2 && why.contains("LASTSEAT_TOKEN_KEYS is missing"), "{why}");
    for bad in ["short", "REPLACE-ME: openssl rand -hex 32"] {
        let bad = [("LASTSEAT_TOKEN_KEYS", bad)];
        let (code, _, why) = alone(&["token", "create", "--name", "ada", "--read-only"], &bad);
        assert!(code == 2 && why.contains("openssl rand -hex 32"), "{why}");
    }
}

#[tokio::test]
async fn the_log_of_a_node_names_who_changes_a_sale_and_no_token() {
    let setup = [("LASTSEAT_LOG", "lastseat=debug")];
    let mut shop = Shop::open_in(&["--shop-token", SHOP_TOKEN], &setup);
    shop.create("spring", HOLD).await;
    let ada = made(&shop, &["--name", "ada@example.org", "--may", "all"]);
    assert_done(&call(&shop, Method::POST, "/sales/spring/pause", &ada, "").await);
    assert_done(&shop.admin(Method::POST, "/spring/open", "").await);
    let held = shop.buy("spring", ADA).await;
    assert_done(&change(&shop, &held, "confirm", &ada).await);
    let lines = [
        "operator asks to create sale spring",
        "ada@example.org asks to pause sale spring",
        "operator asks to open sale spring",
        "actor=ada@example.org",
    ];
    until("the log says it", || {
        let notes = shop.notes();
        lines.iter().all(|line| notes.contains(line)).then_some(())
    });
    let notes = shop.notes();
    let code = ada.rsplit('.').next().unwrap();
    for secret in [code, &shop.admin_token, SHOP_TOKEN] {
        assert!(!notes.contains(secret), "{notes}");
    }
}
