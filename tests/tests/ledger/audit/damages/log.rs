//! Damages of the log.

use super::{Damage, LOG, NOTHING, Plans, RECORDS, With, damage};
use lastseat_ledger::audit::FindingKind::*;

pub(super) fn of_the_log() -> Vec<Damage> {
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
