//! Damages of orders: their records, tallies and holds.

use super::{Damage, LOG, NOTHING, Plans, RECORDS, With, damage};
use crate::audit::stage::order;
use lastseat_ledger::audit::FindingKind::*;
use lastseat_ledger::audit::plan::PlanTrust;

pub(super) fn of_records() -> Vec<Damage> {
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

pub(super) fn of_tallies_and_holds() -> Vec<Damage> {
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
            "a word of late seats that is none",
            &["HSET :sale late_seats best"],
            &[(FieldInvalid, "late_seats of the sale is neither same nor other: best")],
            &[NOTHING],
        ),
        damage(
            "a pay URL that is none",
            &["HSET :sale pay_url http://shop.example/"],
            &[(FieldInvalid, "pay_url of the sale is no template of an address")],
            &[NOTHING],
        ),
        damage(
            "a return URL that is none",
            &["HSET :sale return_url http://shop.example/"],
            &[(FieldInvalid, "return_url of the sale is no address")],
            &[NOTHING],
        ),
        damage(
            "event details that are none",
            &["HSET :sale event {}x"],
            &[(FieldInvalid, "event of the sale is not what lastseat writes")],
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
