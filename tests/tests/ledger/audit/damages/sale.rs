//! Damages of the fields of a sale, and of whole keys.

use super::{Damage, NOTHING, Plans, With, damage};
use lastseat_ledger::audit::FindingKind::*;

/// Fields of the sale that are numbers and must be there.
pub(crate) const NUMBERS: [&str; 12] = [
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

pub(super) fn of_the_sale() -> Vec<Damage> {
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
            &["HSET :sale format 3"],
            &[(FieldInvalid, "format of the sale is 3")],
            &[Plans::Refuses(With::Nothing, "format of another lastseat")],
        ),
        damage(
            "the format of a sale with a plan",
            &["HSET :sale format 2"],
            &[(FieldInvalid, "format of the sale is 2, but it has no plan")],
            &[NOTHING],
        ),
        damage(
            "the format of a sale with a plan, and a log that begins late",
            &["HSET :sale format 2", "XTRIM :log MINID 3-0"],
            &[(FieldInvalid, "format of the sale is 2, but it has no plan")],
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

pub(super) fn of_types() -> Vec<Damage> {
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
