//! Parser of script replies. Anything unexpected is `Corrupt`.
//!
//! Anything unexpected is `Corrupt`, never a guess.

use super::redis_error::Fault;
use redis::Value;
use shared::domain::sale::Terms;
use shared::{Order, OrderId, Refusal, SaleState, Snapshot, UnixMillis};

/// The parts of a script's reply, or `None` when the ledger has no such sale.
pub(super) fn parts(value: Value) -> Result<Option<Vec<Value>>, Fault> {
    match value {
        Value::Nil => Ok(None),
        Value::Array(parts) if !parts.is_empty() => Ok(Some(parts)),
        other => Err(strange("a reply", &other)),
    }
}

pub(super) fn text(value: &Value) -> Result<&str, Fault> {
    match value {
        Value::BulkString(bytes) => {
            std::str::from_utf8(bytes).map_err(|_| strange("a text", value))
        }
        Value::SimpleString(text) => Ok(text),
        _ => Err(strange("a text", value)),
    }
}

pub(super) fn number(value: &Value) -> Result<u64, Fault> {
    match value {
        Value::Int(n) => u64::try_from(*n).ok(),
        _ => text(value)?.parse().ok(),
    }
    .ok_or_else(|| strange("a number", value))
}

/// Reads the snapshot that every reply starts with.
pub(super) fn snapshot(value: &Value) -> Result<Snapshot, Fault> {
    read_snapshot(text(value)?).ok_or_else(|| strange("a snapshot", value))
}

/// Reads the words of a snapshot.
pub fn read_snapshot(text: &str) -> Option<Snapshot> {
    let mut words = text.split(' ');
    let mut next = || words.next()?.parse::<u64>().ok();
    let small = |n: u64| u32::try_from(n).ok();
    let (capacity, held, confirmed) = (small(next()?)?, small(next()?)?, small(next()?)?);
    let (version, commit_seq) = (next()?, next()?);
    let state = SaleState::parse(words.next()?)?;
    let mut next = || words.next()?.parse::<u64>().ok();
    let terms = Terms {
        opens_at: UnixMillis(next()?),
        closes_at: UnixMillis(next()?),
        hold_ms: next()?,
        buyer_limit: small(next()?)?,
        order_limit: small(next()?)?,
    };
    let at = UnixMillis(next()?);
    let exact = held.checked_add(confirmed)? <= capacity && words.next().is_none();
    exact.then_some(Snapshot { capacity, held, confirmed, version, commit_seq, state, terms, at })
}

/// The refusal that a letter of `reserve.lua` stands for.
pub fn refusal(letter: u8, snapshot: &Snapshot) -> Option<Refusal> {
    Some(match letter {
        b'k' => Refusal::KeyReused,
        b'w' => {
            let opens_at = snapshot.terms.opens_at;
            Refusal::NotOpen((opens_at.0 > 0).then_some(opens_at))
        }
        b'p' => Refusal::Paused,
        b'c' => Refusal::Closed,
        b'o' => Refusal::OrderLimit,
        b'b' => Refusal::BuyerLimit,
        b'f' => Refusal::EndedLimit,
        b'i' => Refusal::NeedsLines,
        b'n' => Refusal::NotEnough,
        b'a' => Refusal::AllHeld,
        b's' => Refusal::SoldOut,
        _ => return None,
    })
}

/// The refusal that a letter of `confirm.lua`, `cancel.lua` or `extend.lua` stands for. `order` is
/// as it stands, if it is there; the call named `asked` tickets.
pub fn refused_change(letter: u8, order: Option<&Order>, asked: u32) -> Option<Refusal> {
    Some(match (letter, order) {
        (b'u', None) => Refusal::UnknownOrder,
        (b'v', Some(order)) => Refusal::WrongState(order.state),
        (b'q', Some(order)) => Refusal::QuantityHeld { has: order.taken, asked },
        (b'e', Some(order)) if order.refused_late => Refusal::HoldExpired,
        (b'e', Some(_)) => Refusal::HoldEnded,
        (b'm', Some(_)) => Refusal::HoldLimit,
        (b't', Some(_)) => Refusal::Paid,
        (b'i', Some(_)) => Refusal::NeedsLines,
        (b'N', Some(_)) => Refusal::NotItsSeats,
        (b'P', Some(_)) => Refusal::NoPlan,
        _ => return None,
    })
}

/// The fields and values of a hash, one after the other.
pub(super) fn items(value: Value) -> Result<Vec<Value>, Fault> {
    match value {
        Value::Array(items) => Ok(items),
        Value::Map(pairs) => Ok(pairs.into_iter().flat_map(|(k, v)| [k, v]).collect()),
        other => Err(strange("a hash", &other)),
    }
}

/// The number of a node.
pub(super) fn node(value: &Value) -> Result<u16, Fault> {
    u16::try_from(number(value)?).map_err(|_| strange("a node's number", value))
}

pub(super) fn order(id: &OrderId, value: &Value) -> Result<Order, Fault> {
    Order::unpack(id, text(value)?).map_err(|e| Fault::Corrupt(e.to_string()))
}

pub(super) fn strange(wanted: &str, got: &Value) -> Fault {
    let shown: String = format!("{got:?}").chars().take(200).collect();
    Fault::Corrupt(format!("expected {wanted} from the ledger, got {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_with_more_taken_than_there_is_is_not_believed() {
        let line = |held| format!("10 {held} 4 1 1 open 0 0 0 0 10 1763862000123");
        assert_eq!(read_snapshot(&line(6)).unwrap().free(), 0);
        assert_eq!(read_snapshot(&line(7)), None);
        assert_eq!(read_snapshot(&line(u32::MAX)), None);
        assert_eq!(read_snapshot("10 6 4 1 1 open 0 0 0 0 10"), None);
        assert_eq!(read_snapshot(&format!("{} 9", line(6))), None);
    }
}
