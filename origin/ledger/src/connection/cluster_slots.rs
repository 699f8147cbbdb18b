//! Slots of a Redis Cluster: the slot of a key, and the primary of a slot.

use crate::redis_keys;
use crate::reply;
use redis::{Arg, Cmd, Value};
use shared::limits::LEDGER_MASTERS_MAX;
use std::sync::Arc;

/// Slots of a Redis Cluster.
const SLOTS: u16 = 16_384;

/// The slot of a key: of the part in braces, if it has one, so that all keys of a sale share
/// theirs.
pub(super) fn of_key(key: &[u8]) -> u16 {
    let tag = key.iter().position(|b| *b == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|b| *b == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    crc16(tag.unwrap_or(key)) % SLOTS
}

/// The slot of the first key of a command; for one without keys that of the list of sales, so that
/// it always goes to the same master.
pub(super) fn of_command(command: &Cmd) -> u16 {
    let word = |index: usize| match command.args_iter().nth(index) {
        Some(Arg::Simple(bytes)) => Some(bytes),
        _ => None,
    };
    let key = match word(0) {
        Some(b"EVALSHA") => word(3),
        Some(b"TIME" | b"INFO" | b"CONFIG" | b"SCRIPT") => None,
        _ => word(1),
    };
    of_key(key.unwrap_or(redis_keys::SALES.as_bytes()))
}

/// CRC-16/XMODEM, as the Redis Cluster specification demands it. Keys are short: no table.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 }
        })
    })
}

/// Slots that follow each other and have the same master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    /// `host:port` of the master.
    pub(super) master: Arc<str>,
}

/// Reads the reply to CLUSTER SLOTS of the node that runs at `host`; sorted by slot.
pub(super) fn read(answer: &Value, host: &str) -> Result<Vec<Range>, String> {
    let strange = || "CLUSTER SLOTS was answered strangely".to_owned();
    let Value::Array(rows) = answer else {
        return Err(strange());
    };
    let mut ranges: Vec<Range> = Vec::with_capacity(rows.len());
    for row in rows {
        let Value::Array(row) = row else {
            return Err(strange());
        };
        let [first, last, Value::Array(master), ..] = row.as_slice() else {
            return Err(strange());
        };
        let slot = |value| reply::number(value).ok().and_then(|n| u16::try_from(n).ok());
        let (Some(first), Some(last)) = (slot(first), slot(last)) else {
            return Err(strange());
        };
        let (Some(name), Some(port)) = (master.first(), master.get(1)) else {
            return Err(strange());
        };
        // A node that has no address of its own to announce means: as you have reached me.
        let name = match reply::text(name) {
            Ok("") | Err(_) => host,
            Ok(name) => name,
        };
        let port = reply::number(port).map_err(|_| strange())?;
        let place = format!("{name}:{port}");
        let master = ranges.iter().find(|range| *range.master == *place);
        let master = master.map_or_else(|| place.into(), |range| Arc::clone(&range.master));
        ranges.push(Range { first, last, master });
    }
    ranges.sort_by_key(|range| range.first);
    if ranges.is_empty() {
        return Err("no master has any slot".to_owned());
    }
    if masters(&ranges).len() > LEDGER_MASTERS_MAX {
        return Err(format!("the cluster has more than {LEDGER_MASTERS_MAX} masters"));
    }
    Ok(ranges)
}

/// The masters of `ranges`, each once.
pub(super) fn masters(ranges: &[Range]) -> Vec<Arc<str>> {
    let mut masters: Vec<Arc<str>> = ranges.iter().map(|r| Arc::clone(&r.master)).collect();
    masters.sort();
    masters.dedup();
    masters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripts::SCRIPTS;
    use shared::SaleId;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        for (key, slot) in [
            ("", 0),
            ("foo", 12_182),
            ("{user1000}.following", 3_443),
            ("foo{}{bar}", 8_363),
            ("foo{{bar}}zap", 4_015),
            ("foo{bar}{zap}", 5_061),
        ] {
            assert_eq!(of_key(key.as_bytes()), slot, "{key}");
        }
    }

    #[test]
    fn all_that_concerns_a_sale_goes_to_the_slot_of_its_name() {
        let sale = SaleId::parse("spring").unwrap();
        let slot = of_key(b"spring");
        let mut keys = redis_keys::of_sale_by_plan(&sale).to_vec();
        keys.extend(redis_keys::of_sale(&sale));
        keys.extend(redis_keys::of_relay(&sale, "shop"));
        keys.extend([redis_keys::unrestored(&sale), redis_keys::of_fence(&sale)]);
        for key in keys {
            assert_eq!(of_key(key.as_bytes()), slot, "{key}");
        }
        assert_eq!(of_command(&SCRIPTS.reserve.plain.on(&sale, 7)), slot);
        let [_, orders, ..] = redis_keys::of_sale(&sale);
        assert_eq!(of_command(redis::cmd("HGET").arg(orders).arg("x")), slot);
        let [lease, turn] = redis_keys::WEBHOOKS_LEASE;
        assert_eq!(of_key(lease.as_bytes()), of_key(turn.as_bytes()));
        let list = of_key(redis_keys::SALES.as_bytes());
        assert_eq!(of_command(&redis::cmd("TIME")), list);
        assert_eq!(of_command(redis::cmd("SMEMBERS").arg(redis_keys::SALES)), list);
    }

    fn row(first: i64, last: i64, host: Value, port: i64) -> Value {
        Value::Array(vec![
            Value::Int(first),
            Value::Int(last),
            Value::Array(vec![host, Value::Int(port)]),
        ])
    }

    #[test]
    fn masters_are_read_with_their_slots() {
        let b = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let rows = Value::Array(vec![
            row(100, 16_383, b("10.0.0.2"), 7_000),
            row(0, 98, b("10.0.0.1"), 7_000),
            row(99, 99, Value::Nil, 7_001),
        ]);
        let ranges = read(&rows, "10.0.0.9").unwrap();
        let places: Vec<&str> = ranges.iter().map(|range| &*range.master).collect();
        assert_eq!(places, ["10.0.0.1:7000", "10.0.0.9:7001", "10.0.0.2:7000"]);
        assert_eq!((ranges[2].first, ranges[2].last), (100, 16_383));
        assert!(read(&Value::Array(Vec::new()), "a").is_err());
        assert!(read(&Value::Nil, "a").is_err());
    }
}
