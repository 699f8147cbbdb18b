//! Single rules of the ledger on a real Redis, one sentence each.

use crate::scripts::world::{ledger, redis_says, scripts};
use lastseat_ledger::ack_journal::AckJournal;
use lastseat_ledger::recovery::NodeDeclaration;
use lastseat_ledger::redis_keys;
use lastseat_ledger::scripts::{SCRIPTS, Script};
use lastseat_ledger::{
    Fault, Ledger, LedgerUrl, NoObserver, Reserve, Verdict, refusal, refused_change,
};
use lastseat_tests::harness::paths::repository;
use lastseat_tests::harness::redis::content::content_of;
use lastseat_tests::harness::{Durability, PrivateRedis};
use shared::ledger_model::event_log::Event;
use shared::recovery::{View, beyond};
use shared::{BuyerId, Capacity, Order, OrderId, Quantity, Refusal, SaleId, Terms, UnixMillis};
use std::sync::Arc;

fn wish(n: u32) -> Reserve {
    Reserve {
        id: OrderId::parse(&format!("order-{n:014}")).unwrap(),
        buyer: BuyerId::parse(&format!("buyer-{n}")).unwrap(),
        quantity: Quantity::ONE,
        lines: None,
    }
}

async fn real(redis: &PrivateRedis) -> Ledger {
    Ledger::connect(&LedgerUrl::parse(&redis.url()).unwrap()).await.unwrap()
}

async fn open(ledger: &Ledger, name: &str, capacity: u64, terms: Terms) -> SaleId {
    let sale = SaleId::parse(name).unwrap();
    ledger.create_sale(&sale, Capacity::new(capacity).unwrap(), &terms, true).await.unwrap();
    sale
}

async fn buy(ledger: &Ledger, sale: &SaleId, orders: std::ops::Range<u32>) -> Vec<Verdict> {
    let batch: Vec<Reserve> = orders.map(wish).collect();
    ledger.reserve(sale, &batch).await.unwrap().unwrap().1
}

fn granted(verdicts: &[Verdict]) -> usize {
    verdicts.iter().filter(|v| matches!(v, Verdict::Granted { replayed: false, .. })).count()
}

/// Two files of a script use one name for two things only by mistake: the second one then stands
/// for both. Only `commit` is hidden on purpose, by the one that writes seats and then calls it.
#[test]
fn no_function_of_a_script_hides_another_one_of_its_files() {
    for script in SCRIPTS.all() {
        let text = &script.text;
        let mut names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("local function ")?.split('(').next())
            .filter(|name| *name != "commit")
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{}: {names:?}", script.name);
    }
}

#[tokio::test]
async fn ten_thousand_tickets_and_10001_orders_sell_exactly_ten_thousand() {
    let redis = PrivateRedis::start(Durability::Off);
    let ledger = real(&redis).await;
    let sale = open(&ledger, "exact", 10_000, Terms::default()).await;
    let mut sold = 0;
    for first in (0..10_001).step_by(500) {
        sold += granted(&buy(&ledger, &sale, first..(first + 500).min(10_001)).await);
    }
    assert_eq!(sold, 10_000);
    let report = ledger.audit(&sale).await.unwrap().unwrap();
    assert!(report.ok && report.confirmed == 10_000 && report.free == 0, "{report:?}");
}

#[tokio::test]
async fn no_tickets_sell_none_and_one_ticket_sells_one() {
    let redis = PrivateRedis::start(Durability::Off);
    let ledger = real(&redis).await;
    for capacity in [0, 1] {
        let sale = open(&ledger, &format!("of-{capacity}"), capacity, Terms::default()).await;
        let verdicts = buy(&ledger, &sale, 0..5).await;
        assert_eq!(granted(&verdicts) as u64, capacity);
        assert_eq!(verdicts[4], Verdict::Refused(Refusal::SoldOut));
    }
}

#[tokio::test]
async fn a_batch_of_any_size_makes_the_same_number_of_redis_calls() {
    let redis = PrivateRedis::start(Durability::Off);
    let ledger = real(&redis).await;
    let sale = open(&ledger, "calls", 100_000, Terms { hold_ms: 60_000, ..Terms::default() }).await;
    buy(&ledger, &sale, 0..1).await;
    let mut calls = Vec::new();
    for (first, size) in [(1, 1), (10, 16), (100, 256), (1_000, 1_024)] {
        redis_says(&redis, &["CONFIG", "RESETSTAT"]).await;
        buy(&ledger, &sale, first..first + size).await;
        calls.push(commands_in_scripts(&redis).await);
    }
    assert!(calls.iter().all(|c| *c == calls[0]), "{calls:?}");
}

/// Commands that Redis executed since RESETSTAT, without the ones of connections and statistics.
async fn commands_in_scripts(redis: &PrivateRedis) -> u64 {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut info = redis::cmd("INFO");
    info.arg("commandstats");
    let stats: String = info.query_async(&mut connection).await.unwrap();
    stats
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_"))
        .filter(|line| {
            !["config|", "info", "client|", "hello", "evalsha", "script|", "select"]
                .iter()
                .any(|w| line.starts_with(w))
        })
        .filter_map(|line| line.split("calls=").nth(1)?.split(',').next()?.parse::<u64>().ok())
        .sum()
}

#[tokio::test]
async fn a_hold_that_ends_is_sold_to_the_next_buyer_at_once() {
    let redis = PrivateRedis::start(Durability::Off);
    let ledger = real(&redis).await;
    let sale = open(&ledger, "holds", 1, Terms { hold_ms: 60, ..Terms::default() }).await;
    assert_eq!(granted(&buy(&ledger, &sale, 0..1).await), 1);
    assert_eq!(buy(&ledger, &sale, 1..2).await, [Verdict::Refused(Refusal::AllHeld)]);
    tokio::time::sleep(std::time::Duration::from_millis(70)).await;
    assert_eq!(granted(&buy(&ledger, &sale, 2..3).await), 1);
}

#[tokio::test]
async fn a_lost_script_cache_is_loaded_again_and_nothing_is_sold_twice() {
    let redis = PrivateRedis::start(Durability::Off);
    let ledger = real(&redis).await;
    let sale = open(&ledger, "flushed", 10, Terms::default()).await;
    buy(&ledger, &sale, 0..3).await;
    redis_says(&redis, &["SCRIPT", "FLUSH"]).await;
    assert_eq!(granted(&buy(&ledger, &sale, 0..4).await), 1);
    assert!(ledger.audit(&sale).await.unwrap().unwrap().ok);
}

#[tokio::test]
async fn damaged_or_foreign_data_is_named_and_never_sold() {
    let damages: [(&str, &[&str]); 7] = [
        ("not a whole number", &["HSET", "lastseat:{s}:sale", "capacity", "many"]),
        ("not a whole number", &["HDEL", "lastseat:{s}:sale", "held"]),
        ("format 3", &["HSET", "lastseat:{s}:sale", "format", "3"]),
        ("more tickets are taken", &["HSET", "lastseat:{s}:sale", "confirmed", "11"]),
        ("no fields", &["DEL", "lastseat:{s}:sale"]),
        (
            "not one that lastseat writes",
            &["HSET", "lastseat:{s}:orders", "order-00000000000007", "9?"],
        ),
        ("WRONGTYPE", &["SET", "lastseat:{s}:holds", "text"]),
    ];
    for (message, damage) in damages {
        let redis = PrivateRedis::start(Durability::Off);
        let ledger = real(&redis).await;
        let sale = open(&ledger, "s", 10, Terms::default()).await;
        buy(&ledger, &sale, 0..1).await;
        redis_says(&redis, damage).await;
        match ledger.reserve(&sale, &[wish(7)]).await {
            Err(Fault::Corrupt(text)) => assert!(text.contains(message), "{message}: {text}"),
            other => panic!("{damage:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_audit_names_every_difference() {
    let damages: [(&str, &[&str]); 5] = [
        ("confirmed", &["HSET", "lastseat:{s}:sale", "confirmed", "2"]),
        ("tally of buyer buyer-1", &["HSET", "lastseat:{s}:buyers", "buyer-1", "5"]),
        ("tally of buyer nobody", &["HSET", "lastseat:{s}:buyers", "nobody", "1"]),
        (
            "hold of order order-00000000000009",
            &["ZADD", "lastseat:{s}:holds", "99999999999999", "order-00000000000009"],
        ),
        (
            "OVERSOLD by 1",
            &["HSET", "lastseat:{s}:orders", "order-00000000000008", "1c:8:8:1:0:late"],
        ),
    ];
    for (name, damage) in damages {
        let redis = PrivateRedis::start(Durability::Off);
        let ledger = real(&redis).await;
        let sale = open(&ledger, "s", 10, Terms::default()).await;
        buy(&ledger, &sale, 0..3).await;
        redis_says(&redis, damage).await;
        let report = ledger.audit(&sale).await.unwrap().unwrap();
        assert!(
            !report.ok && report.differences.iter().any(|d| d.contains(name)),
            "{name}: {report:?}"
        );
    }
}

const FIELDS: &str = "lastseat:{s}:sale";

async fn field(redis: &PrivateRedis, name: &str) -> Option<String> {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut get = redis::cmd("HGET");
    get.arg(FIELDS).arg(name);
    get.query_async(&mut connection).await.unwrap()
}

#[tokio::test]
async fn a_sale_that_knows_no_history_of_redis_takes_the_present_one_with_its_next_change() {
    let redis = PrivateRedis::start(Durability::Off);
    let ledger = real(&redis).await;
    let sale = open(&ledger, "s", 10, Terms::default()).await;
    let history = field(&redis, "history").await;
    assert_eq!(history.as_ref().map(String::len), Some(40));
    redis_says(&redis, &["HDEL", FIELDS, "history"]).await;
    assert_eq!(granted(&buy(&ledger, &sale, 0..1).await), 1);
    assert_eq!(field(&redis, "history").await, history);
}

/// The fence itself, with callers that do not heal.
#[tokio::test]
async fn a_sale_that_may_lack_orders_answers_nothing_but_how_it_stands() {
    let redis = PrivateRedis::start(Durability::Off);
    let ledger = real(&redis).await;
    let terms = Terms { hold_ms: 1, ..Terms::default() };
    let sale = open(&ledger, "s", 10, terms).await;
    buy(&ledger, &sale, 0..1).await;
    let id = "order-00000000000000";
    let seq = ledger.snapshot(&sale).await.unwrap().unwrap().commit_seq;
    let behind = (seq + 1).to_string();
    for (history, heard) in [(Some("of-another-redis"), "0"), (None, behind.as_str())] {
        if let Some(history) = history {
            redis_says(&redis, &["HSET", FIELDS, "history", history]).await;
        } else {
            redis_says(&redis, &["HDEL", FIELDS, "history"]).await;
        }
        let before = all_keys(&redis).await;
        let calls: [(&Script, &[&str]); 8] = [
            (&SCRIPTS.reserve.plain, &["order-of-somebody", "ada", "1"]),
            (&SCRIPTS.confirm.plain, &[id, "0"]),
            (&SCRIPTS.cancel.plain, &[id]),
            (&SCRIPTS.extend.plain, &[id, "3"]),
            (&SCRIPTS.restock.plain, &["99", "-1"]),
            (&SCRIPTS.state.plain, &["closed"]),
            (&SCRIPTS.terms.plain, &["", "", "5", "", ""]),
            (&SCRIPTS.snapshot.plain, &[]),
        ];
        for (script, arguments) in calls {
            let answer = evaluate(&redis, script, heard, arguments).await;
            let place = if script.name == "snapshot" { 2 } else { 1 };
            assert_eq!(answer[place], "y", "{}: {answer:?}", script.name);
        }
        assert_eq!(all_keys(&redis).await, before, "nothing was written");
    }
}

async fn evaluate(
    redis: &PrivateRedis,
    script: &Script,
    heard: &str,
    arguments: &[&str],
) -> Vec<String> {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = redis::cmd("EVAL");
    command.arg(&script.text).arg(5);
    command.arg(&redis_keys::of_sale(&SaleId::parse("s").unwrap()));
    command.arg(heard).arg(arguments);
    command.query_async(&mut connection).await.unwrap()
}

/// Everything that Redis has of the sale.
async fn all_keys(redis: &PrivateRedis) -> Vec<redis::Value> {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut all = Vec::new();
    for key in redis_keys::of_sale(&SaleId::parse("s").unwrap()) {
        all.push(content_of(key).query_async(&mut connection).await.unwrap());
    }
    all
}

/// Expects that nothing changes the sale, and recovers it.
async fn stands_still(ledger: &Ledger, sale: &SaleId) {
    let refused = ledger.reserve(sale, &[wish(9)]).await;
    assert!(matches!(refused, Err(Fault::NotSent(_))), "{refused:?}");
    ledger.recover_without_nodes(sale).await.unwrap();
}

#[tokio::test]
async fn where_no_node_lives_a_sale_stands_still_until_it_is_recovered_by_hand() {
    let redis = PrivateRedis::start(Durability::Off);
    let ledger = real(&redis).await;
    let sale = open(&ledger, "s", 10, Terms::default()).await;
    redis_says(&redis, &["HSET", FIELDS, "history", "of-another-redis"]).await;
    stands_still(&ledger, &sale).await;
    assert_eq!(granted(&buy(&ledger, &sale, 0..1).await), 1);
    // Whoever knows of more than there is: numbers that were given are not given again.
    redis_says(&redis, &["HSET", FIELDS, "commit_seq", "1"]).await;
    redis_says(&redis, &["DEL", "lastseat:{s}:log", "lastseat:{s}:orders"]).await;
    redis_says(&redis, &["HSET", FIELDS, "confirmed", "0"]).await;
    redis_says(&redis, &["DEL", "lastseat:{s}:buyers"]).await;
    stands_still(&ledger, &sale).await;
    assert_eq!(granted(&buy(&ledger, &sale, 1..2).await), 1);
    let log = ledger.log(&sale, 1, 10).await.unwrap();
    let seqs: Vec<u64> = log.iter().map(|entry| entry.commit_seq).collect();
    let first = beyond(2, log[0].at) + 1;
    assert_eq!(seqs, [first, first + 1], "{log:?}");
    assert_eq!(log[0].events, [Event::Healed { found: 1 }]);
    let report = ledger.audit(&sale).await.unwrap().unwrap();
    assert!(report.ok, "{report:?}");
}

#[tokio::test]
async fn what_an_operator_set_is_taken_over_from_a_node_that_reads_the_sale_while_it_recovers() {
    let redis = PrivateRedis::start(Durability::Off);
    let (first, second) = (real(&redis).await, real(&redis).await);
    let sale = open(&first, "s", 3, Terms::default()).await;
    assert_eq!(granted(&buy(&first, &sale, 0..1).await), 1);
    second.restock(&sale, Capacity::new(12).unwrap(), None).await.unwrap().unwrap();
    // Redis was replaced by one that has the creation of the sale only.
    redis_says(&redis, &["DEL", "lastseat:{s}:orders", "lastseat:{s}:buyers"]).await;
    redis_says(&redis, &["XDEL", "lastseat:{s}:log", "2-0", "3-0"]).await;
    let fields = ["capacity", "3", "confirmed", "0", "commit_seq", "1", "version", "1"];
    redis_says(&redis, &[&["HSET", FIELDS, "history", "other"][..], &fields].concat()).await;
    let history = first.lookup(&sale, None).await.unwrap().unwrap().history;
    let registers = |node| NodeDeclaration {
        node: Some(node),
        made: None,
        history: &history,
        view: const { &View { history: String::new(), awaited: vec![], missing: vec![] } },
    };
    let heal = first.heal(&sale, &registers(1)).await.unwrap().unwrap();
    assert_eq!(heal.snapshot.capacity, 3, "{heal:?}");
    let (still, _) = second.sweep(&sale).await.unwrap().unwrap();
    assert_eq!(still.capacity, 3);
    let heal = second.heal(&sale, &registers(2)).await.unwrap().unwrap();
    assert_eq!(heal.snapshot.capacity, 12, "{heal:?}");
}

#[tokio::test]
async fn a_node_acknowledges_nothing_before_the_others_can_know_of_it() {
    let redis = PrivateRedis::start(Durability::Off);
    let operator = real(&redis).await;
    let sale = open(&operator, "s", 3, Terms::default()).await;
    let directory = tempfile::tempdir().unwrap();
    let journal = AckJournal::open(directory.path(), Arc::new(NoObserver)).unwrap();
    let node = real(&redis).await.keeping(journal);
    let refused = node.reserve(&sale, &[wish(1)]).await;
    assert!(matches!(refused, Err(Fault::NotSent(_))), "{refused:?}");
    let refused = node.cancel(&sale, &wish(1).id).await;
    assert!(matches!(refused, Err(Fault::NotSent(_))), "{refused:?}");
    node.heartbeat(7, 1).await.unwrap();
    assert_eq!(granted(&buy(&node, &sale, 1..2).await), 1);
}

#[tokio::test]
async fn acknowledged_entries_leave_the_log_and_no_others() {
    let redis = PrivateRedis::start(Durability::Off);
    let ledger = real(&redis).await;
    let sale = open(&ledger, "acked", 10, Terms::default()).await;
    for n in 0..5 {
        buy(&ledger, &sale, n..n + 1).await;
    }
    ledger.ack(&sale, 4).await.unwrap().unwrap();
    let left: Vec<u64> =
        ledger.log(&sale, 1, 100).await.unwrap().iter().map(|e| e.commit_seq).collect();
    assert_eq!(left, [5, 6]);
}

#[tokio::test]
async fn the_clock_of_redis_rules_and_no_caller_brings_one() {
    let redis = PrivateRedis::start(Durability::Off);
    let moved = ledger(&redis, scripts(None)).await;
    redis_says(&redis, &["SET", "lastseat:{t}:sale:clock", "5000"]).await;
    let terms = Terms { opens_at: UnixMillis(6_000), ..Terms::default() };
    let sale = SaleId::parse("t").unwrap();
    moved.create_sale(&sale, Capacity::new(1).unwrap(), &terms, false).await.unwrap();
    let early = buy(&moved, &sale, 0..1).await;
    assert_eq!(early, [Verdict::Refused(Refusal::NotOpen(Some(UnixMillis(6_000))))]);
    redis_says(&redis, &["SET", "lastseat:{t}:sale:clock", "6000"]).await;
    assert_eq!(granted(&buy(&moved, &sale, 0..1).await), 1);
}

/// Each script says what it is for and what it takes and answers, and answers no refusal letter
/// that nobody can read.
#[test]
fn every_script_has_a_header_and_known_refusal_letters() {
    let at = shared::ledger_model::Sale::create(
        Capacity::new(1).unwrap(),
        Terms::default(),
        true,
        UnixMillis(1),
    )
    .0
    .snapshot(UnixMillis(1));
    let order = Order::tombstone(UnixMillis(1));
    for script in SCRIPTS.all() {
        let path = |name| repository().join(format!("origin/ledger/lua/{name}.lua"));
        let own = std::fs::read_to_string(path(script.name));
        let own = own.or_else(|_| std::fs::read_to_string(path(script.call()))).unwrap();
        assert!(script.text.ends_with(&own), "{}: its own file comes last", script.name);
        assert!(own.starts_with("-- "), "{}: begins with its purpose", script.name);
        assert!(
            own.contains("-- ARGV ") && own.contains("-- Reply "),
            "{}: a contract",
            script.name
        );
        if ["reserve", "confirm", "cancel", "extend"].contains(&script.call()) {
            for code in own
                .lines()
                .take_while(|l| l.starts_with("--"))
                .flat_map(|l| l.split([' ', ',', ':']))
                .collect::<Vec<_>>()
                .windows(2)
            {
                if let [letter, word] = code
                    && letter.len() == 1
                    && word.contains('_')
                {
                    let byte = letter.as_bytes()[0];
                    let of_change = [None, Some(&order)]
                        .into_iter()
                        .find_map(|order| refused_change(byte, order, 2));
                    let of_order = refusal(byte, &at).filter(|_| script.call() == "reserve");
                    let read = of_order.or(of_change).map(|r| r.code().as_str());
                    assert_eq!(read, Some(*word), "{}: letter {letter}", script.name);
                }
            }
        }
    }
}
