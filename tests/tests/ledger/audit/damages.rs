//! Each kind of damage, what of it the audit names, and whether its plan repairs it.

use crate::audit::stage::{Sale, Stage, assert_finds, order};
use lastseat_ledger::audit::FindingKind::{self, *};
use lastseat_ledger::audit::plan::{Ahead, Choices, PlanTrust};
use shared::Capacity;

/// How a repair is planned.
#[derive(Clone, Copy, Debug)]
pub(crate) enum With {
    Nothing,
    Trust(PlanTrust),
    Undo,
    Capacity(u64),
}

impl With {
    pub(crate) fn choices(self) -> Choices {
        let mut choices = Choices::default();
        match self {
            Self::Nothing => {}
            Self::Trust(trust) => choices.trust = Some(trust),
            Self::Undo => choices.ahead = Ahead::Undo,
            Self::Capacity(tickets) => choices.capacity = Some(Capacity::new(tickets).unwrap()),
        }
        choices
    }
}

/// What a plan makes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plans {
    /// It repairs it.
    Repairs(With),
    /// There is none, and it says why.
    Refuses(With, &'static str),
}

pub(crate) struct Damage {
    pub name: &'static str,
    pub does: Vec<Vec<String>>,
    pub finds: Vec<(FindingKind, &'static str)>,
    pub plans: Vec<Plans>,
}

const NOTHING: Plans = Plans::Repairs(With::Nothing);
const LOG: Plans = Plans::Repairs(With::Trust(PlanTrust::Log));
const RECORDS: Plans = Plans::Repairs(With::Trust(PlanTrust::Records));

fn damage(
    name: &'static str,
    does: &[&str],
    finds: &[(FindingKind, &'static str)],
    plans: &[Plans],
) -> Damage {
    let words = |line: &&str| {
        line.split(' ').map(|word| word.replace('~', " ").replace('|', "\n")).collect()
    };
    Damage {
        name,
        does: does.iter().map(words).collect(),
        finds: finds.to_vec(),
        plans: plans.to_vec(),
    }
}

/// Every damage of the table; `~` in a word is a space, `|` a new line.
pub(crate) fn all() -> Vec<Damage> {
    let mut all = of_the_sale();
    all.extend(of_types());
    all.extend(of_records());
    all.extend(of_tallies_and_holds());
    all.extend(of_the_log());
    all
}

const NUMBERS: [&str; 12] = [
    "format",
    "capacity",
    "held",
    "confirmed",
    "version",
    "commit_seq",
    "opens_at",
    "closes_at",
    "hold_ms",
    "buyer_limit",
    "order_limit",
    "acked_seq",
];

fn of_the_sale() -> Vec<Damage> {
    let mut all = Vec::new();
    for field in NUMBERS.into_iter().chain(["state"]) {
        let words: &'static str = format!("field {field} of the sale is missing").leak();
        let line = format!("HDEL :sale {field}");
        all.push(damage(words, &[&line], &[(FieldMissing, words)], &[NOTHING]));
    }
    for field in NUMBERS {
        for value in ["", "x", "-1", "1.5", "1e3", "999999999999999999999"] {
            let words: &'static str =
                format!("field {field} of the sale is not a whole number").leak();
            let line = format!("HSET :sale {field} {value}");
            all.push(damage(words, &[&line], &[(FieldInvalid, words)], &[NOTHING]));
        }
    }
    all.extend([
        damage(
            "an unknown state",
            &["HSET :sale state ajar"],
            &[(FieldInvalid, "state of the sale is no state: ajar")],
            &[NOTHING],
        ),
        damage(
            "another format",
            &["HSET :sale format 2"],
            &[(FieldInvalid, "format of the sale is 2")],
            &[Plans::Refuses(With::Nothing, "format of another lastseat")],
        ),
        damage(
            "counters above the capacity",
            &["HSET :sale held 19"],
            &[
                (CountersAboveCapacity, "19 held + 2 confirmed of 20"),
                (Counter, "held: the orders say 5, the ledger says 19"),
            ],
            &[NOTHING],
        ),
        damage(
            "a counter too low",
            &["HSET :sale confirmed 0"],
            &[(Counter, "confirmed: the orders say 2, the ledger says 0")],
            &[NOTHING],
        ),
        damage(
            "an older version",
            &["HSET :sale version 1"],
            &[(FieldAgainstLog, "version")],
            &[NOTHING],
        ),
        damage(
            "another capacity than in the log",
            &["HSET :sale capacity 30"],
            &[(FieldAgainstLog, "capacity: the log says 20, the sale says 30")],
            &[
                Plans::Refuses(With::Nothing, "choose with --capacity"),
                Plans::Repairs(With::Capacity(30)),
                Plans::Repairs(With::Capacity(20)),
            ],
        ),
        damage(
            "another state than in the log",
            &["HSET :sale state scheduled"],
            &[(FieldAgainstLog, "state: the log says open, the sale says scheduled")],
            &[NOTHING],
        ),
        damage(
            "other terms than in the log",
            &["HSET :sale buyer_limit 9"],
            &[(FieldAgainstLog, "buyer_limit: the log says 3, the sale says 9")],
            &[NOTHING],
        ),
        damage(
            "more acknowledged than the log ever had",
            &["HSET :sale acked_seq 99"],
            &[(AcknowledgedAhead, "up to 99, the sale is at 6")],
            &[NOTHING],
        ),
        damage("no sale", &["DEL :sale"], &[(SaleMissing, ":sale is missing")], &[NOTHING]),
        damage(
            "no sale, and a log that begins late",
            &["DEL :sale", "XTRIM :log MINID 3-0"],
            &[(SaleMissing, ":sale is missing")],
            &[Plans::Refuses(With::Capacity(20), "terms of the sale are damaged")],
        ),
    ]);
    all
}

fn of_types() -> Vec<Damage> {
    let mut all = Vec::new();
    let keys = ["sale", "orders", "buyers", "holds", "log"];
    for (key, kind) in keys.into_iter().zip(["hash", "hash", "hash", "zset", "stream"]) {
        let words: &'static str = format!("key :{key} is a string, not a {kind}").leak();
        let (delete, set) = (format!("DEL :{key}"), format!("SET :{key} x"));
        all.push(damage(words, &[&delete, &set], &[(WrongType, words)], &[NOTHING]));
    }
    all.extend([
        damage(
            "every key of another type",
            &[
                "DEL :sale :orders :buyers :holds :log",
                "SET :sale x",
                "SADD :orders x",
                "LPUSH :buyers x",
                "SET :holds x",
                "HSET :log a b",
            ],
            &[
                (WrongType, ":sale is a string"),
                (WrongType, ":orders is a set"),
                (WrongType, ":buyers is a list"),
                (WrongType, ":holds is a string"),
                (WrongType, ":log is a hash"),
            ],
            &[Plans::Refuses(With::Capacity(20), "restore a backup")],
        ),
        damage(
            "no orders",
            &["DEL :orders"],
            &[
                (OrdersMissing, "the log has orders"),
                (RecordMissing, "order-00000000000003: in the log, but has no record"),
            ],
            &[NOTHING],
        ),
        damage(
            "no orders, and a log that begins late",
            &["DEL :orders", "XTRIM :log MINID 3-0"],
            &[
                (Counter, "held: the orders say 0, the ledger says 5"),
                (Tally, "tally of buyer buyer-3: the orders say none, the ledger says 1"),
            ],
            &[Plans::Refuses(With::Nothing, "restore a backup")],
        ),
        damage(
            "no buyers",
            &["DEL :buyers"],
            &[(Tally, "tally of buyer buyer-3: the orders say 1, the ledger says none")],
            &[NOTHING],
        ),
        damage(
            "no holds",
            &["DEL :holds"],
            &[(Hold, "hold of order order-00000000000003")],
            &[NOTHING],
        ),
    ]);
    all
}

fn of_records() -> Vec<Damage> {
    let (first, third) = (order(0), order(3));
    let other = format!("HSET :orders {first} 1c:1:1:1700000000000:0:eve");
    let more = format!("HSET :orders {third} 1h:9:9:1700000000000:1900000000000:eve");
    vec![
        damage(
            "a field that is no order",
            &["HSET :orders short x"],
            &[(RecordForeign, "key :orders has short")],
            &[NOTHING],
        ),
        damage(
            "a field of bytes",
            &["HSET :orders \u{1}\u{fffd}\"'$(x)` x"],
            &[(RecordForeign, "key :orders has \\x01")],
            &[NOTHING],
        ),
        damage(
            "a record that is none",
            &[&format!("HSET :orders {third} garbage")],
            &[(RecordInvalid, "its record garbage is not one that lastseat writes")],
            &[NOTHING],
        ),
        damage(
            "a record of a huge moment",
            &[&format!("HSET :orders {third} 1h:1:1:1700000000000:18446744073709551615:buyer-3")],
            &[(RecordInvalid, "order-00000000000003")],
            &[NOTHING],
        ),
        damage(
            "a record that is none, of an order that the log no longer has",
            &[
                &format!("HSET :orders {third} garbage"),
                "XTRIM :log MINID 4-0",
                "HSET :sale acked_seq 3",
            ],
            &[(RecordInvalid, "order-00000000000003")],
            &[Plans::Refuses(With::Nothing, "give the order up: --except ORDER")],
        ),
        damage(
            "no record",
            &[&format!("HDEL :orders {third}")],
            &[
                (RecordMissing, "order-00000000000003: in the log, but has no record"),
                (Counter, "held"),
            ],
            &[NOTHING],
        ),
        damage(
            "a record that contradicts the log",
            &[&other],
            &[(RecordAgainstLog, "its record is \"1c:1:1:1700000000000:0:eve\", the log says")],
            &[Plans::Refuses(With::Nothing, "--trust log"), LOG, RECORDS],
        ),
        damage(
            "a held record that contradicts the log",
            &[&more],
            &[(RecordAgainstLog, "order-00000000000003")],
            &[LOG, RECORDS],
        ),
        damage(
            "a record that the log does not have, the shape that a half script of an older \
             lastseat leaves",
            &[
                "HSET :orders order-00000000000099 1c:1:1:1700000000000:0:late",
                "HSET :buyers late 1",
            ],
            &[
                (RecordUnlogged, "order-00000000000099: has a record, but is not in the log"),
                (Counter, "confirmed: the orders say 3, the ledger says 2"),
            ],
            &[Plans::Refuses(With::Nothing, "--trust records"), LOG, RECORDS],
        ),
        damage(
            "more sold than exists",
            &["HSET :orders order-00000000000099 1c:14:14:1700000000000:0:late"],
            &[(Oversold, "OVERSOLD by 1")],
            &[Plans::Refuses(With::Trust(PlanTrust::Records), "order-00000000000099"), LOG],
        ),
    ]
}

fn of_tallies_and_holds() -> Vec<Damage> {
    let third = order(3);
    vec![
        damage(
            "a tally too high",
            &["HSET :buyers buyer-3 5"],
            &[(Tally, "tally of buyer buyer-3: the orders say 1, the ledger says 5")],
            &[NOTHING],
        ),
        damage(
            "a tally of nobody",
            &["HSET :buyers nobody 1"],
            &[(Tally, "tally of buyer nobody: the orders say none, the ledger says 1")],
            &[NOTHING],
        ),
        damage(
            "a tally that is no number",
            &["HSET :buyers buyer-3 x"],
            &[(Tally, "the ledger says x")],
            &[NOTHING],
        ),
        damage(
            "a buyer that is none",
            &["HSET :buyers two~words 1"],
            &[(BuyerForeign, "key :buyers has two words")],
            &[NOTHING],
        ),
        damage(
            "more ended orders than there are",
            &["HSET :buyers ended~buyer-2 5"],
            &[(Ended, "ended orders of buyer buyer-2: the orders say 1, the ledger says 5")],
            &[NOTHING],
        ),
        damage(
            "ended orders that are no number",
            &["HSET :buyers ended~buyer-2 x"],
            &[(Ended, "the ledger says x")],
            &[NOTHING],
        ),
        damage(
            "a count of early cancellations that is wrong",
            &["HSET :sale cancelled_early 7"],
            &[(Ended, "cancelled before they came: the orders say 0, the ledger says 7")],
            &[NOTHING],
        ),
        damage(
            "a word of buyers' returns that is none",
            &["HSET :sale buyers_cancel x"],
            &[(FieldInvalid, "buyers_cancel of the sale is neither 0 nor 1: x")],
            &[NOTHING],
        ),
        damage(
            "a pay URL that is none",
            &["HSET :sale pay_url http://shop.example/"],
            &[(FieldInvalid, "pay_url of the sale is no template of an address")],
            &[NOTHING],
        ),
        damage(
            "a peak that is no number",
            &["HSET :sale ended_peak x"],
            &[(FieldInvalid, "ended_peak")],
            &[NOTHING],
        ),
        damage(
            "no hold",
            &[&format!("ZREM :holds {third}")],
            &[(Hold, "hold of order order-00000000000003")],
            &[NOTHING],
        ),
        damage(
            "a hold of a confirmed order",
            &[&format!("ZADD :holds 1900000000000 {}", order(0))],
            &[(
                Hold,
                "hold of order order-00000000000000: the orders say none, the ledger says \
                 1900000000000",
            )],
            &[NOTHING],
        ),
        damage(
            "a hold with another deadline",
            &[&format!("ZADD :holds 5 {third}")],
            &[(Hold, "the ledger says 5")],
            &[NOTHING],
        ),
        damage(
            "a deadline with a fraction",
            &[&format!("ZADD :holds 1.5 {third}")],
            &[(Hold, "the ledger says 1.5")],
            &[NOTHING],
        ),
        damage(
            "a hold that is none",
            &["ZADD :holds 5 short"],
            &[(HoldForeign, "key :holds has short")],
            &[NOTHING],
        ),
    ]
}

fn of_the_log() -> Vec<Damage> {
    vec![
        damage("no log", &["DEL :log"], &[(LogMissing, "the log is missing")], &[NOTHING]),
        damage(
            "a log that somebody trimmed",
            &["XTRIM :log MINID 4-0"],
            &[(LogTrimmed, "begins with entry 4, acknowledged is what is up to 0")],
            &[NOTHING],
        ),
        damage(
            "a log trimmed further than acknowledged",
            &["HSET :sale acked_seq 2", "XTRIM :log MINID 5-0"],
            &[(LogTrimmed, "begins with entry 5, acknowledged is what is up to 2")],
            &[NOTHING],
        ),
        damage(
            "a log that was emptied",
            &["XTRIM :log MAXLEN 0"],
            &[(LogBehind, "ends with entry 0, the sale is at 6")],
            &[NOTHING],
        ),
        damage(
            "a gap in the log",
            &["XDEL :log 4-0"],
            &[(LogGap, "no entries between 3 and 5")],
            &[NOTHING],
        ),
        damage(
            "a log that lost its end",
            &["XDEL :log 6-0"],
            &[
                (LogBehind, "ends with entry 5, the sale is at 6"),
                (RecordUnlogged, "order-00000000000006"),
            ],
            &[Plans::Refuses(With::Nothing, "--trust"), LOG, RECORDS],
        ),
        damage(
            "an entry of somebody else",
            &["XADD :log 1763862000123-0 who knows"],
            &[(LogEntryInvalid, "log entry 1763862000123-0")],
            &[NOTHING],
        ),
        damage(
            "an entry that cannot be read, ahead",
            &["XADD :log 7-0 e garbage"],
            &[(LogEntryInvalid, "log entry 7-0")],
            &[NOTHING],
        ),
        damage(
            "an entry between the numbers",
            &["XADD :log 6-5 e x"],
            &[(LogEntryInvalid, "log entry 6-5")],
            &[NOTHING],
        ),
        damage(
            "a number that was given too far",
            &["XSETID :log 99-0"],
            &[(LogNumberAhead, "gave the number 99-0, the sale is at 6")],
            &[NOTHING],
        ),
        damage(
            "a script that wrote its log entry and nothing else",
            &["XADD :log 7-0 e 1~1700000000000~9|g~order-00000000000099~2~1900000000000~late"],
            &[
                (LogAhead, "the log has entry 7, the sale is at 6"),
                (Counter, "held: the orders say 7, the ledger says 5"),
            ],
            &[NOTHING, Plans::Repairs(With::Undo)],
        ),
        damage(
            "a script that wrote its log entry and records",
            &[
                "XADD :log 7-0 e \
                 1~1700000000000~9|g~order-00000000000099~2~1900000000000~late|x~order-00000000000003",
                "HSET :orders order-00000000000099 1h:2:2:1700000000000:1900000000000:late",
            ],
            &[
                (LogAhead, "g order-00000000000099 2 1900000000000 late; x order-00000000000003"),
                (Hold, "order-00000000000099"),
            ],
            &[NOTHING, Plans::Repairs(With::Undo)],
        ),
        damage(
            "a restock by half",
            &["XADD :log 7-0 e 1~1700000000000~9|K~25"],
            &[
                (LogAhead, "(K 25)"),
                (FieldAgainstLog, "capacity: the log says 25, the sale says 20"),
            ],
            &[NOTHING, Plans::Repairs(With::Undo)],
        ),
    ]
}

/// Does the damage to the sale.
pub(crate) async fn inflict(sale: &Sale<'_>, damage: &Damage) {
    for line in &damage.does {
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        sale.says(&words).await;
    }
}

#[tokio::test]
async fn each_damage_is_named_by_its_kind_and_looking_at_it_changes_nothing() {
    let stage = Stage::new().await;
    for damage in all() {
        let sale = stage.sale().await;
        let clean = sale.audit().await;
        assert!(clean.ok, "{clean:?}");
        inflict(&sale, &damage).await;
        let before = sale.stored().await;
        let report = sale.audit().await;
        for (kind, words) in &damage.finds {
            assert_finds(&report, damage.name, *kind, words);
        }
        for finding in &report.findings {
            assert_eq!(finding.remedy, finding.kind.remedy());
        }
        assert_eq!(sale.stored().await, before, "{}", damage.name);
    }
}

#[tokio::test]
async fn an_entry_that_was_replaced_is_named_where_more_was_taken_than_existed_or_the_log_contradicts_itself()
 {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    sale.rewrite_entry(1, "1 1700000000000 1\nC 5 0 0 3600000 3 10 open").await;
    let report = sale.audit().await;
    assert_finds(
        &report,
        "oversold",
        LogOversold,
        "log entry 2: 6 tickets were taken after it, 5 existed",
    );
    assert_finds(
        &report,
        "capacity",
        FieldAgainstLog,
        "capacity: the log says 5, the sale says 20",
    );

    let sale = stage.sale().await;
    sale.rewrite_entry(3, "1 1700000000000 2\nc order-00000000000077 1").await;
    let report = sale.audit().await;
    assert_finds(&report, "unknown", LogContradiction, "log entry 3: c order-00000000000077 1");
    assert_finds(&report, "record", RecordAgainstLog, "order-00000000000000");

    let sale = stage.sale().await;
    sale.rewrite_entry(4, "not an entry").await;
    let report = sale.audit().await;
    assert_finds(&report, "none", LogEntryInvalid, "log entry 4-0");
    let plan = sale.plan(&With::Nothing.choices()).await;
    let (ran, said) = sale.run(&plan);
    assert!(ran, "{said}");
    let report = sale.audit().await;
    assert!(report.ok, "{report:?}");
    sale.sells_on().await;
}

#[tokio::test]
async fn a_thousand_damages_of_one_kind_are_counted_and_hide_no_other_kind() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    for n in 0..1_000 {
        sale.says(&["HSET", ":orders", &format!("no-{n}"), "x"]).await;
    }
    sale.says(&["HSET", ":buyers", "nobody", "1"]).await;
    let report = sale.audit().await;
    assert_eq!(report.kinds.get(&RecordForeign), Some(&1_000));
    assert_finds(&report, "flood", Tally, "nobody");
    assert_eq!((report.findings.len(), report.more_differences), (51, 950));
}
