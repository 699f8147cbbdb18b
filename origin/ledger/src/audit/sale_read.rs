//! Consistent read of a sale as it is stored in Redis, without assumptions about its content.

use super::super::redis_keys::PARTS;
use super::super::{Fault, Ledger, redis_keys, reply};
use redis::Value;
use shared::domain::sale::Terms;
use shared::plan::Plan;
use shared::{EventDetails, SaleId, SaleState, UnixMillis};
use std::collections::BTreeMap;

/// The type that each of the parts of a sale has.
pub(super) const KINDS: [&str; 6] = ["hash", "hash", "hash", "zset", "stream", "string"];
/// Fields of the sale that are whole numbers and must be there.
pub(super) const NUMBERS: [&str; 12] = [
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
/// Fields that a sale may have beside them; those that begin with `heal:` belong to healing.
pub(super) const OTHERS: [&str; 11] = [
    "state",
    "history",
    "ended_peak",
    "hold_times",
    "cancelled_early",
    "buyers_cancel",
    "pay_url",
    "late_seats",
    "return_url",
    "event",
    "actors",
];
/// Scripts write numbers of at most 14 digits.
const NUMBER_MAX: u64 = 100_000_000_000_000;

pub(super) const SALE: usize = 0;
pub(super) const ORDERS: usize = 1;
pub(super) const BUYERS: usize = 2;
pub(super) const HOLDS: usize = 3;
pub(super) const LOG: usize = 4;
/// Only a sale with a plan has this key.
pub(super) const SEATS: usize = 5;

/// What was there at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct SaleRead {
    /// When, by the clock of Redis.
    pub at: UnixMillis,
    /// The history that Redis writes; empty where it does not say.
    pub history: String,
    /// The type of each key: `none` = missing, `?` = not known.
    pub kinds: Vec<String>,
    /// Why a key cannot be read as what it should be; empty where it can.
    pub errors: Vec<String>,
    /// The fields of the sale as they are.
    pub fields: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The last number that the log gave, where Redis says it.
    pub last_id: Option<String>,
    /// Entries of the log after the sale's `commit_seq`, the first 16.
    pub ahead: Vec<String>,
    /// The seats as they are.
    pub seats: Option<Vec<u8>>,
    tallies: Vec<Value>,
    deadlines: Vec<Value>,
}

impl SaleRead {
    /// Whether nothing of the sale is there.
    pub(super) fn is_nothing(&self) -> bool {
        self.kinds.iter().all(|kind| kind == "none")
    }

    /// Whether this key is missing.
    pub(super) fn is_missing(&self, part: usize) -> bool {
        self.kinds[part] == "none"
    }

    /// Whether this key can be read.
    pub(super) fn reads(&self, part: usize) -> bool {
        self.errors[part].is_empty()
    }

    /// A field of the sale as it is, made printable.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.fields.get(name.as_bytes()).map(|value| shown(value))
    }

    /// A field of the sale that is a whole number as scripts write it.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        number(self.fields.get(name.as_bytes())?)
    }

    /// Whether the field `event` of the sale has something that no operator has set.
    pub(super) fn has_damaged_event(&self) -> bool {
        let text = self.fields.get(b"event".as_slice()).map_or(&[][..], Vec::as_slice);
        let is_event = |text: &str| text.is_empty() || EventDetails::from_stored(text).is_some();
        !std::str::from_utf8(text).is_ok_and(is_event)
    }

    /// The plan, where the sale has one that can be read.
    pub(super) fn plan(&self) -> Option<Plan> {
        let text = self.fields.get(b"plan".as_slice())?;
        Plan::from_json(std::str::from_utf8(text).ok()?).ok()
    }

    /// The position of the log that the sale says it is at.
    pub(super) fn commit_seq(&self) -> Option<u64> {
        self.number("commit_seq")
    }

    /// The state, where it is one.
    pub(super) fn state(&self) -> Option<SaleState> {
        let word = self.fields.get(b"state".as_slice())?;
        SaleState::parse(std::str::from_utf8(word).ok()?)
    }

    /// The terms, where all of them are numbers.
    pub(super) fn terms(&self) -> Option<Terms> {
        let small = |name| u32::try_from(self.number(name)?).ok();
        Some(Terms {
            opens_at: UnixMillis(self.number("opens_at")?),
            closes_at: UnixMillis(self.number("closes_at")?),
            hold_ms: self.number("hold_ms")?,
            buyer_limit: small("buyer_limit")?,
            order_limit: small("order_limit")?,
        })
    }

    /// The tallies that were asked for, as they are.
    pub(super) fn tallies(&self) -> impl Iterator<Item = Option<String>> {
        self.tallies.iter().map(perhaps)
    }

    /// The deadlines that were asked for, as they are.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Option<String>> {
        self.deadlines.iter().map(perhaps)
    }
}

impl Ledger {
    /// Looks at `sale`, and at these fields of its buyers and these holds of its orders.
    ///
    /// # Errors
    /// See [`Fault`]; never because of what lies there.
    pub(super) async fn read_raw(
        &self,
        sale: &SaleId,
        buyers: &[String],
        orders: &[String],
    ) -> Result<SaleRead, Fault> {
        let script = &self.scripts().peek;
        let mut keys = redis_keys::of_sale_by_plan(sale).to_vec();
        // While a slot moves to another node of a Redis Cluster, a script that names a key which is
        // not there is refused, and most sales have no seats.
        let seats = self.call(redis::cmd("EXISTS").arg(&keys[SEATS])).await?;
        if reply::number(&seats)? == 0 {
            keys.truncate(SEATS);
        }
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script.hash).arg(keys.len()).arg(&keys);
        command.arg(buyers.len()).arg(buyers).arg(orders);
        let parts = self.run(script, &command).await?.unwrap_or_default();
        read(&parts).ok_or_else(|| Fault::Corrupt("peek.lua answered something else".into()))
    }
}

fn read(parts: &[Value]) -> Option<SaleRead> {
    let [at, history, kinds, errors, fields, last_id, ahead, tallies, deadlines, seats] = parts
    else {
        return None;
    };
    let texts = |value: &Value| -> Option<Vec<String>> {
        let items = reply::items(value.clone()).ok()?;
        items.iter().map(perhaps).collect()
    };
    let flat = reply::items(fields.clone()).ok()?;
    let pairs = flat.chunks_exact(2);
    let (mut kinds, mut errors) = (texts(kinds)?, texts(errors)?);
    if kinds.len() == SEATS && errors.len() == SEATS {
        kinds.push("none".to_owned());
        errors.push(String::new());
    }
    (kinds.len() == PARTS.len() && errors.len() == PARTS.len()).then_some(())?;
    Some(SaleRead {
        at: UnixMillis(reply::number(at).ok()?),
        history: perhaps(history)?,
        kinds,
        errors,
        fields: pairs
            .map(|pair| Some((bytes(&pair[0])?.to_vec(), bytes(&pair[1])?.to_vec())))
            .collect::<Option<_>>()?,
        last_id: perhaps(last_id).filter(|id| !id.is_empty()),
        ahead: texts(ahead)?,
        seats: bytes(seats).map(<[u8]>::to_vec),
        tallies: reply::items(tallies.clone()).ok()?,
        deadlines: reply::items(deadlines.clone()).ok()?,
    })
}

/// The bytes of a value.
pub(super) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

fn perhaps(value: &Value) -> Option<String> {
    match value {
        Value::Int(n) => Some(n.to_string()),
        Value::Double(n) => Some(n.to_string()),
        other => bytes(other).map(shown),
    }
}

/// A whole number as scripts write it, without sign and of at most 14 digits.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(text).ok()?.parse().ok()?;
    (digits && number < NUMBER_MAX).then_some(number)
}

/// Bytes as a person can read them, at most 160 characters.
pub(super) fn shown(bytes: &[u8]) -> String {
    const SHOWN: usize = 160;
    let text: String = bytes[..bytes.len().min(SHOWN)].escape_ascii().to_string();
    text.chars().take(SHOWN).collect()
}
