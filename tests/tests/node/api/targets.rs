//! Whom a command asks: a server that is named, a context, the cluster on this machine, or the
//! ledger itself; and how it ends where that one refuses or is not there.

use crate::api::shop::{Ran, Shop, lines};
use lastseat_tests::harness::paths::{lastseat, scratch};
use lastseat_tests::harness::{Durability, PrivateRedis, Program};
use rustix::process::Signal;
use serde_json::Value;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

const ADA: &str = r#"{"buyer":"ada","quantity":2}"#;
const PATIENCE: Duration = Duration::from_secs(30);

/// An operator's account, on a machine where nothing of lastseat runs in the present directory.
struct Operator {
    home: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Operator {
    fn new() -> Self {
        Self { home: scratch().unwrap(), environment: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    fn contexts(&self) -> PathBuf {
        self.home.path().join(".config/lastseat/contexts.toml")
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(lastseat().unwrap());
        command.env_clear().env("HOME", self.home.path()).current_dir(self.home.path());
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.args(line.split(' ')).stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Ran {
        let ran = self.command(line).output().unwrap();
        Ran {
            code: ran.status.code().expect("it ends by itself"),
            stdout: String::from_utf8(ran.stdout).unwrap(),
            stderr: String::from_utf8(ran.stderr).unwrap(),
        }
    }

    /// The data of a command that works.
    #[track_caller]
    fn data(&self, line: &str) -> Value {
        let ran = self.run(&format!("{line} --json"));
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{line}: {e}: {}", ran.stdout))
    }

    /// Expects that a command fails with this exit code, and its error as JSON with this code.
    #[track_caller]
    fn fails(&self, line: &str, exit: i32, code: &str) -> String {
        let ran = self.run(&format!("{line} --json"));
        assert_eq!((ran.code, ran.stdout.as_str()), (exit, ""), "{line}: {}", ran.stderr);
        let error: Value = serde_json::from_str(ran.stderr.trim_end())
            .unwrap_or_else(|e| panic!("{line}: {e}: {}", ran.stderr));
        assert_eq!(
            (&error["error"]["code"], &error["error"]["exit"]),
            (&code.into(), &exit.into())
        );
        let text = self.run(line);
        assert_eq!(text.code, exit, "{line}: {}", text.stderr);
        assert!(text.stderr.starts_with("lastseat: ") || code == "usage", "{}", text.stderr);
        error["error"]["detail"].as_str().unwrap().to_owned()
    }
}

/// Every command of an operator, on a sale of its own.
async fn every_command_works(shop: &Shop, operator: &Operator, sale: &str) {
    let created = operator.data(&format!("sale create {sale} --capacity 10 --hold 10m"));
    assert_eq!(created["state"], "open");
    let (paid, given_up) = (shop.buy(sale, ADA).await.order_id, shop.buy(sale, ADA).await.order_id);
    for (line, field, value) in [
        (format!("orders show {sale} {paid}"), "state", Value::from("held")),
        (format!("orders extend {sale} {paid}"), "state", "held".into()),
        (format!("orders confirm {sale} {paid} --quantity 1"), "quantity", 1.into()),
        (format!("orders cancel {sale} {given_up}"), "state", "cancelled".into()),
        (format!("sale restock {sale} --add 5"), "capacity", 15.into()),
        (format!("sale set {sale} --hold 5m"), "hold_ms", 300_000.into()),
        (format!("sale set {sale} --closes-at +1h"), "hold_ms", 300_000.into()),
        (format!("sale pause {sale}"), "state", "paused".into()),
        (format!("sale open {sale}"), "state", "open".into()),
        (format!("sale show {sale}"), "free", 14.into()),
        (format!("sale watch {sale} --once"), "orders", 2.into()),
        (format!("audit {sale}"), "ok", true.into()),
        (format!("orders ack {sale} --to 2"), "to", 2.into()),
        (format!("sale close {sale}"), "state", "closed".into()),
    ] {
        assert_eq!(operator.data(&line)[field], value, "{line}");
    }
    let sales = operator.data("sale list")["sales"].as_array().unwrap().clone();
    assert!(sales.iter().any(|listed| listed["sale"] == sale));
    let exported = operator.run(&format!("orders export {sale}"));
    assert_eq!(exported.code, 0, "{}", exported.stderr);
    assert_eq!(lines(&exported.stdout)[0]["commit_seq"], 3);
    for flags in ["", " --retry"] {
        let none = operator.run(&format!("orders unrestored {sale}{flags}"));
        assert_eq!((none.code, none.stdout.as_str()), (0, ""), "{}", none.stderr);
    }
    let shown = operator.data(&format!("top {sale} --once"));
    assert_eq!(shown["sales"][0]["sale"], sale);
}

#[tokio::test]
async fn every_command_works_at_a_server_by_a_context_and_beside_a_cluster_on_this_machine() {
    let shop = Shop::open();
    let (server, token) = (shop.nodes[1].admin.clone(), shop.admin_token.clone());
    let by_server = Operator::new().with("LASTSEAT_ADMIN_TOKEN", &token);
    let by_server = by_server.with("LASTSEAT_SERVER", &server);
    every_command_works(&shop, &by_server, "by-server").await;

    let by_context = Operator::new();
    let set = format!("context set prod --server {server} --token {token}");
    assert_eq!(by_context.run(&set).code, 0);
    let mode = fs::metadata(by_context.contexts()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(by_context.run("context use prod").code, 0);
    every_command_works(&shop, &by_context, "by-context").await;

    let data_dir = shop.data_dir().to_str().unwrap();
    let local = Operator::new().with("LASTSEAT_DATA_DIR", data_dir);
    every_command_works(&shop, &local, "local").await;
    // An exported address of the same ledger names the same cluster.
    let same = local.with("REDIS_URL", &shop.redis.as_ref().unwrap().url);
    assert_eq!(same.data("sale show local")["state"], "closed");
    let shown = by_context.data(&format!("sale show local --context local --data-dir {data_dir}"));
    assert_eq!(shown["sale"], "local");
}

#[tokio::test]
async fn a_failure_has_a_code_and_an_exit_code_that_say_how_it_failed() {
    let shop = Shop::open();
    shop.create("small", r#"{"capacity":2,"hold_ms":60000}"#).await;
    let held = shop.buy("small", ADA).await.order_id;
    let (server, token) = (&shop.nodes[0].admin, &shop.admin_token);
    let nobody = Operator::new();
    let known = Operator::new().with("LASTSEAT_SERVER", server);
    let known = known.with("LASTSEAT_ADMIN_TOKEN", token);
    for (line, exit, code, word) in [
        ("sale restock small --capacity 1", 1, "capacity_taken", "2 tickets"),
        ("sale create small --capacity 9", 1, "sale_exists", "other terms"),
        ("orders ack small --to 99", 1, "bad_terms", "ends at 2"),
        ("sale show small --token wrong", 1, "unauthorized", "--token"),
        ("sale show none", 3, "unknown_sale", "lastseat sale list"),
        ("orders show small 0123456789abcdef", 3, "unknown_order", "No order"),
        ("orders unrestored small --settled 0123456789abcdef", 3, "unknown_order", "not among"),
        ("sale show small --server http://127.0.0.1:1", 4, "unreachable", "127.0.0.1:1"),
        ("sale close small --context prod", 2, "usage", "leave one out"),
        ("sale set small", 2, "usage", "at least one"),
        ("sale show", 2, "usage", "<SALE>"),
        ("orders replay small --from x", 2, "usage", "--ledger"),
        // An audit that could not be made is neither clean nor not.
        ("audit none", 2, "unknown_sale", "No sale"),
        ("audit small --server http://127.0.0.1:1", 2, "unreachable", "127.0.0.1:1"),
    ] {
        let detail = known.fails(line, exit, code);
        assert!(detail.contains(word), "{line}: {word:?} is missing in: {detail}");
    }
    let over = format!("orders confirm small {held} --quantity 3");
    known.fails(&over, 1, "quantity_held");
    let public = &shop.nodes[0].url;
    let wrong_door = known.fails(&format!("sale show small --server {public}"), 1, "not_found");
    assert!(wrong_door.contains("operators' listener"), "{wrong_door}");
    nobody.fails(&format!("sale show small --server {server}"), 1, "unauthorized");
    let lost = nobody.fails("sale show small", 2, "usage");
    assert!(lost.contains("lastseat cluster") && lost.contains("--server"), "{lost}");
    nobody.fails("sale show small --context prod", 3, "unknown_context");
    // What was meant for one ledger does not go to a cluster on another.
    let other = Operator::new().with("REDIS_URL", "redis://127.0.0.1:1/");
    let other = other.with("LASTSEAT_DATA_DIR", shop.data_dir().to_str().unwrap());
    let refused = other.fails("sale close small", 2, "usage");
    assert!(refused.contains("--ledger"), "{refused}");
    assert_eq!(shop.report("small").await["state"], "open", "nothing of that changed anything");
}

/// A server that receives a request, answers `with` and hangs up; how many it received.
fn hangs_up(with: String) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let received = Arc::<AtomicU32>::default();
    let count = Arc::clone(&received);
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|length| length > 0) {
                count.fetch_add(1, Ordering::Relaxed);
            }
            let _ = stream.write_all(with.as_bytes());
        }
    });
    (address, received)
}

#[tokio::test]
async fn another_node_is_asked_where_one_is_away_but_nothing_is_added_twice() {
    let shop = Shop::open();
    shop.create("stock", r#"{"capacity":10}"#).await;
    let operator = Operator::new().with("LASTSEAT_ADMIN_TOKEN", &shop.admin_token);
    let node = &shop.nodes[2].admin;
    let away = format!("--server http://127.0.0.1:1,{node}");
    let added = operator.data(&format!("sale restock stock --add 5 {away}"));
    assert_eq!(added["capacity"], 15);
    let (silent, received) = hangs_up(String::new());
    let silent = format!("--server {silent},{node}");
    let set = operator.data(&format!("sale restock stock --capacity 20 {silent}"));
    assert_eq!((&set["capacity"], received.load(Ordering::Relaxed)), (&20.into(), 1));
    let unknown =
        operator.fails(&format!("sale restock stock --add 5 {silent}"), 4, "outcome_unknown");
    assert!(unknown.contains("may have been made"), "{unknown}");
    assert_eq!(shop.report("stock").await["capacity"], 20, "nobody else was asked to add");
}

#[tokio::test]
async fn the_token_goes_to_the_server_that_was_named_and_to_no_other() {
    let (other, received) = hangs_up(String::new());
    let (moved, asked) = hangs_up(format!(
        "HTTP/1.1 308 Permanent Redirect\r\nlocation: {other}/v1/admin/sales/s\r\n\
         content-length: 0\r\n\r\n"
    ));
    let operator = Operator::new().with("LASTSEAT_ADMIN_TOKEN", "0123456789abcdef");
    let refused = operator.fails(&format!("sale show s --server {moved}"), 1, "failed");
    assert!(refused.contains("redirects are not followed"), "{refused}");
    assert_eq!((asked.load(Ordering::Relaxed), received.load(Ordering::Relaxed)), (2, 0));
}

#[test]
fn contexts_are_kept_listed_and_forgotten_without_showing_a_token() {
    let operator = Operator::new();
    let token = "0123456789abcdef-secret";
    for name in ["prod", "rehearsal"] {
        let set = format!("context set {name} --server http://a:1,http://b:2 --token {token}");
        assert_eq!(operator.run(&set).code, 0);
    }
    assert_eq!(operator.run("context use prod").code, 0);
    let listed = operator.run("context list");
    assert!(listed.stdout.contains("* prod"), "{}", listed.stdout);
    let json = operator.data("context list");
    assert_eq!((&json[0]["name"], &json[0]["current"]), (&"prod".into(), &true.into()));
    assert_eq!(json[1]["servers"], serde_json::json!(["http://a:1", "http://b:2"]));
    assert!(!listed.stdout.contains(token) && !json.to_string().contains(token));
    assert_eq!(operator.run("context remove prod").code, 0);
    operator.fails("context use prod", 3, "unknown_context");
    operator.fails("context set local --server http://a:1", 2, "usage");
    operator.fails("context set x --server a:1", 2, "usage");
    assert_eq!(operator.data("context list").as_array().unwrap().len(), 1);
}

#[test]
fn a_file_of_contexts_that_others_can_read_or_that_is_none_is_refused() {
    let operator = Operator::new();
    assert_eq!(operator.run("context set prod --server http://127.0.0.1:1 --token t").code, 0);
    let file = operator.contexts();
    for mode in [0o644, 0o640, 0o602] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        for line in ["sale list --context prod", "context list"] {
            let refused = operator.fails(line, 1, "failed");
            assert!(refused.contains("chmod 600"), "{refused}");
        }
    }
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    operator.fails("sale list --context prod", 4, "unreachable");
    fs::write(&file, "no file of contexts").unwrap();
    let refused = operator.fails("sale list --context prod", 1, "failed");
    assert!(refused.contains("lastseat context set"), "{refused}");
}

#[tokio::test]
async fn the_option_sale_of_earlier_versions_works_and_says_what_to_write() {
    let shop = Shop::open();
    shop.create("old", r#"{"capacity":5,"hold_ms":60000}"#).await;
    let id = shop.buy("old", ADA).await.order_id;
    for (old, new) in [
        ("audit --sale old".to_owned(), "lastseat audit old"),
        (format!("orders show {id} --sale old"), "lastseat orders show old"),
        (format!("orders confirm --sale=old {id} --quantity 1"), "lastseat orders confirm old"),
        ("orders export --from 2 --sale old".to_owned(), "lastseat orders export old"),
        ("top --once --sale old".to_owned(), "lastseat top old"),
    ] {
        let words: Vec<&str> = old.split(' ').collect();
        let ran = shop.run(&words);
        assert_eq!(ran.code, 0, "{old}: {}", ran.stderr);
        assert!(!ran.stdout.is_empty(), "{old}");
        let noted = ran.stderr.lines().filter(|line| line.contains("deprecated"));
        assert_eq!(noted.filter(|line| line.contains(new)).count(), 1, "{}", ran.stderr);
    }
    let help = shop.run(&["audit", "--help"]);
    assert!(!help.stdout.contains("--sale"), "{}", help.stdout);
}

#[test]
fn a_sale_is_created_read_and_audited_on_a_ledger_without_a_node() {
    let redis = PrivateRedis::start(Durability::Always);
    let operator = Operator::new().with("REDIS_URL", &redis.url());
    let refused = operator.fails("sale create first --capacity 5", 2, "usage");
    assert!(refused.contains("--ledger"), "{refused}");
    let create = "sale create first --capacity 5 --hold 10m --opens-at +1h --ledger";
    assert_eq!(operator.data(create)["state"], "scheduled");
    operator.fails("sale create first --capacity 6 --ledger", 1, "sale_exists");
    let past = "sale create past --capacity 5 --closes-at 2001-09-09T01:46:40Z --ledger";
    assert!(operator.fails(past, 1, "bad_terms").contains("has passed"));
    operator.fails("audit past --ledger", 2, "unknown_sale");
    assert_eq!(operator.data("audit first --ledger")["capacity"], 5);
    assert_eq!(operator.data("top --once --ledger")["sales"][0]["sale"], "first");
    let exported = operator.run("orders export first --ledger");
    assert_eq!(lines(&exported.stdout)[0]["type"], "sale_created");
    operator.fails("orders export none --ledger", 3, "unknown_sale");
    let away = "orders export first --ledger --redis-url redis://127.0.0.1:1/";
    operator.fails(away, 4, "unreachable");
}

#[test]
fn lastseat_alone_starts_a_cluster_and_its_first_line_says_so() {
    let operator = Operator::new().with("LASTSEAT_PORTS", "0").with("LASTSEAT_WEIGHTS", "1");
    let mut command = operator.command("--json");
    command.env("LASTSEAT_EDGE_KEY", "0123456789abcdef0123456789abcdef");
    let mut program = Program::start("lastseat", command).unwrap();
    let line: Value = serde_json::from_str(&program.line(PATIENCE).unwrap()).unwrap();
    assert_eq!(line["nodes"].as_array().unwrap().len(), 1);
    let notes = program.notes();
    let first = notes.lines().next().unwrap();
    assert!(first.contains("no command") && first.contains("lastseat cluster"), "{notes}");
    // Beside it no server need be named.
    assert_eq!(operator.data("sale create here --capacity 1")["free"], 1);
    let ended = program.stop_after(|program| program.signal(Signal::INT));
    assert!(ended.unwrap().success());
}
