//! Audit of the fields of a sale, one by one and against the log.

use super::super::redis_keys::PARTS;
use super::found::{FindingKind, Found};
use super::log::Log;
use super::plan_fields::is_of_plan;
use super::sale_read::{KINDS, LOG, NUMBERS, ORDERS, OTHERS, SALE, SEATS, SaleRead, shown};
use shared::domain::sale::LateSeats;
use shared::ledger_model::order_book::OrderCount;
use shared::limits::CAPACITY_MAX;
use shared::plan::Plan;
use shared::{PayUrl, ReturnUrl};

/// Names keys that are missing or of another type.
pub(super) fn check_keys(look: &SaleRead, plan: Option<&Plan>, found: &mut Found) {
    for (part, kind) in KINDS.iter().enumerate() {
        let error = &look.errors[part];
        if error.is_empty() || part == SEATS && plan.is_none() {
            continue;
        }
        let is = match look.kinds[part].as_str() {
            "?" => "something else",
            kind => kind,
        };
        if look.kinds[part] != *kind && error.contains("WRONGTYPE") {
            found.note(
                FindingKind::WrongType,
                format!("key :{} is a {is}, not a {kind}", PARTS[part]),
            );
        }
        found.not_checked(format!("key :{}", PARTS[part]), error.clone(), true);
    }
    if look.is_missing(SALE) {
        found.note(
            FindingKind::SaleMissing,
            "key :sale is missing, other keys of the sale are there".into(),
        );
    }
}

/// Checks each field of the sale, as far as it says something for itself.
pub(super) fn check_fields(look: &SaleRead, plan: Option<&Plan>, found: &mut Found) {
    if look.is_missing(SALE) || !look.reads(SALE) {
        return;
    }
    check_numbers(look, plan, found);
    check_words(look, found);
    check_history(look, found);
    for name in look.fields.keys() {
        let of_plan = plan.is_some() && is_of_plan(name);
        let known = of_plan
            || NUMBERS.iter().chain(&OTHERS).any(|n| n.as_bytes() == name)
            || name.starts_with(b"heal:");
        if !known {
            found.not_checked(
                format!("field {} of the sale", shown(name)),
                "this version of lastseat does not have it".into(),
                false,
            );
        }
    }
}

/// Checks the fields that every sale has and that are numbers.
fn check_numbers(look: &SaleRead, plan: Option<&Plan>, found: &mut Found) {
    for name in NUMBERS {
        let bound = if name == "capacity" { u64::from(CAPACITY_MAX) } else { u64::MAX };
        match look.text(name) {
            None => found
                .note(FindingKind::FieldMissing, format!("field {name} of the sale is missing")),
            Some(value) if look.number(name).is_none_or(|number| number > bound) => found.note(
                FindingKind::FieldInvalid,
                format!(
                    "field {name} of the sale is not a whole number as lastseat writes it: {value}"
                ),
            ),
            Some(value) if name == "format" && !["1", "2"].contains(&value.as_str()) => found.note(
                FindingKind::FieldInvalid,
                format!("field format of the sale is {value}, this lastseat knows 1 and 2"),
            ),
            Some(value) if name == "format" && (value == "2") != plan.is_some() => {
                let has = if plan.is_some() { "has a plan" } else { "has no plan" };
                found.note(
                    FindingKind::FieldInvalid,
                    format!("field format of the sale is {value}, but it {has}"),
                );
            }
            Some(_) => {}
        }
    }
}

/// Checks the state, and the fields that a sale may have.
fn check_words(look: &SaleRead, found: &mut Found) {
    match look.text("state") {
        None => found.note(FindingKind::FieldMissing, "field state of the sale is missing".into()),
        Some(word) if look.state().is_none() => found.note(
            FindingKind::FieldInvalid,
            format!("field state of the sale is no state: {word}"),
        ),
        Some(_) => {}
    }
    for name in ["ended_peak", "cancelled_early"] {
        if let Some(value) = look.text(name).filter(|_| look.number(name).is_none()) {
            found.note(
                FindingKind::FieldInvalid,
                format!("field {name} of the sale is not a whole number: {value}"),
            );
        }
    }
    if let Some(value) = look.text("buyers_cancel").filter(|value| value != "0" && value != "1") {
        found.note(
            FindingKind::FieldInvalid,
            format!("field buyers_cancel of the sale is neither 0 nor 1: {value}"),
        );
    }
    if let Some(value) = look.text("late_seats").filter(|word| LateSeats::parse(word).is_none()) {
        found.note(
            FindingKind::FieldInvalid,
            format!("field late_seats of the sale is neither same nor other: {value}"),
        );
    }
    if let Some(error) = look.text("pay_url").and_then(|value| PayUrl::parse(&value).err()) {
        found.note(
            FindingKind::FieldInvalid,
            format!("field pay_url of the sale is no template of an address: {error}"),
        );
    }
    if let Some(error) = look.text("return_url").and_then(|text| ReturnUrl::parse(&text).err()) {
        found.note(
            FindingKind::FieldInvalid,
            format!("field return_url of the sale is no address: {error}"),
        );
    }
    if look.has_damaged_event() {
        found.note(
            FindingKind::FieldInvalid,
            "field event of the sale is not what lastseat writes of an event".to_owned(),
        );
    }
}

fn check_history(look: &SaleRead, found: &mut Found) {
    let why = match look.text("history") {
        None => {
            "the sale has no field history: one of an older lastseat, or the field was deleted. \
             It is taken to be \
             whole"
        }
        Some(history) if history != look.history => {
            "the sale stands still: Redis was started again or replaced, and what nodes \
             acknowledged may not be \
             restored yet. Audit again when it sells"
        }
        Some(_) => return,
    };
    found.not_checked("whether all acknowledged orders are there", why.into(), false);
}

/// Compares the counters of the sale with the orders.
pub(super) fn check_counters(look: &SaleRead, log: &Log, count: &OrderCount, found: &mut Found) {
    for (name, counted) in [("held", count.held), ("confirmed", count.confirmed)] {
        // What is no number was named for itself.
        if let Some(said) = look.number(name).filter(|said| *said != counted) {
            let (orders_say, said) = (Some(counted.to_string()), Some(said.to_string()));
            found.differs(FindingKind::Counter, name.to_owned(), orders_say, said);
        }
    }
    let capacity = look.number("capacity");
    if let (Some(capacity), Some(held), Some(confirmed)) =
        (capacity, look.number("held"), look.number("confirmed"))
        && held + confirmed > capacity
    {
        found.note(
            FindingKind::CountersAboveCapacity,
            format!("the counters say {held} held + {confirmed} confirmed of {capacity} tickets"),
        );
    }
    let taken = count.held + count.confirmed;
    if let Some(capacity) = capacity.or(log.says.capacity.map(u64::from))
        && taken > capacity
    {
        let over = taken - capacity;
        found.note(FindingKind::Oversold, format!("OVERSOLD by {over}"));
    }
    let most = count.ended.values().max().copied().unwrap_or(0);
    // Absent in a sale of a lastseat that did not count them.
    if let Some(peak) = look.number("ended_peak").filter(|peak| *peak < most) {
        found.not_checked(
            "field ended_peak of the sale",
            format!(
                "it says {peak}, a buyer has {most} ended orders: some ended under an older \
                lastseat"
            ),
            false,
        );
    }
    if let Some(early) = look.number("cancelled_early")
        && early != count.cancelled_early
    {
        let (orders_say, said) = (count.cancelled_early.to_string(), early.to_string());
        found.differs(
            FindingKind::Ended,
            "orders that were cancelled before they came".into(),
            Some(orders_say),
            Some(said),
        );
    }
}

/// Holds the sale's fields against the last entries of its log.
pub(super) fn check_against_log(look: &SaleRead, log: &Log, found: &mut Found) {
    let mut compare = |name: &str, log_says: Option<String>, sale_says: Option<String>| {
        if let (Some(log_says), Some(sale_says)) = (log_says, sale_says)
            && log_says != sale_says
        {
            let sentence = format!("{name}: the log says {log_says}, the sale says {sale_says}");
            let what = name.to_owned();
            found.note_as(
                FindingKind::FieldAgainstLog,
                what,
                sentence,
                Some(log_says),
                Some(sale_says),
            );
        }
    };
    let says = &log.says;
    compare(
        "capacity",
        says.capacity.map(|n| n.to_string()),
        look.number("capacity").map(|n| n.to_string()),
    );
    compare(
        "state",
        says.state.map(|state| state.to_string()),
        look.state().map(|state| state.to_string()),
    );
    if let Some(terms) = says.terms {
        let terms = [
            ("opens_at", terms.opens_at.0),
            ("closes_at", terms.closes_at.0),
            ("hold_ms", terms.hold_ms),
            ("buyer_limit", terms.buyer_limit.into()),
            ("order_limit", terms.order_limit.into()),
        ];
        for (name, value) in terms {
            compare(name, Some(value.to_string()), look.number(name).map(|n| n.to_string()));
        }
    }
    let version = look.number("version");
    if version.is_some_and(|version| version < says.version) {
        let (log_says, said) = (says.version.to_string(), version.map(|n| n.to_string()));
        compare("version", Some(log_says), said);
    }
}

/// Checks whether the log is where the sale says it is.
pub(super) fn check_log(look: &SaleRead, log: &Log, found: &mut Found) {
    if !look.reads(LOG) {
        return;
    }
    let (commit_seq, acked) = (look.number("commit_seq"), look.number("acked_seq"));
    if look.is_missing(LOG) {
        if commit_seq != Some(0) {
            found.note(FindingKind::LogMissing, "the log is missing".into());
        }
        return;
    }
    let acked_seq = acked.unwrap_or(0);
    match log.from {
        Some(from) if from > acked_seq + 1 && !log.begins_healed && acked.is_some() => found.note(
            FindingKind::LogTrimmed,
            format!("the log begins with entry {from}, acknowledged is what is up to {acked_seq}"),
        ),
        Some(from) if from > 1 => found.not_checked(
            format!("orders against the log before its entry {from}"),
            "what was acknowledged was trimmed".into(),
            false,
        ),
        _ => {}
    }
    if let Some(commit_seq) = commit_seq {
        // A log without entries is one that was acknowledged to its end.
        let last = log.last.unwrap_or(acked_seq);
        if last < commit_seq {
            found.note(
                FindingKind::LogBehind,
                format!("the log ends with entry {last}, the sale is at {commit_seq}"),
            );
        }
        for (seq, events) in &log.ahead {
            found.note(
                FindingKind::LogAhead,
                format!(
                    "the log has entry {seq}, the sale is at {commit_seq}: a script was carried \
                     out by half ({events})"
                ),
            );
        }
        if acked_seq > commit_seq.max(log.position()) {
            found.note(
                FindingKind::AcknowledgedAhead,
                format!("acknowledged is what is up to {acked_seq}, the sale is at {commit_seq}"),
            );
        }
    }
    check_last_id(look, log, commit_seq, found);
    if look.is_missing(ORDERS) && log.orders.whole().next().is_some() {
        found.note(FindingKind::OrdersMissing, "key :orders is missing, the log has orders".into());
    }
}

/// The next entry must be one that Redis takes.
fn check_last_id(look: &SaleRead, log: &Log, commit_seq: Option<u64>, found: &mut Found) {
    let Some(id) = &look.last_id else {
        found.not_checked(
            "the last number that the log gave",
            "this Redis user may not run XINFO STREAM, see deploy/redis/users.acl".into(),
            false,
        );
        return;
    };
    let expected = log.position().max(commit_seq.unwrap_or(0));
    let main = id.split('-').next().and_then(|n| n.parse::<u64>().ok());
    let beyond = main.is_none_or(|n| n > expected) || *id != format!("{}-0", main.unwrap_or(0));
    if beyond && log.foreign.is_empty() {
        found.note(
            FindingKind::LogNumberAhead,
            format!(
                "the log gave the number {id}, the sale is at {expected}: its next entry \
                would be refused"
            ),
        );
    }
}
