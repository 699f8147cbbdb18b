//! Batch command of `reserve.lua` and the parser of its reply.

use super::scripts::{SCRIPTS, Script};
use super::{Fault, part, reply, strange_letter};
use redis::{Cmd, Value};
use shared::domain::order::{Reserve, Verdict};
use shared::{Order, OrderState, SaleId, Snapshot, UnixMillis};

/// The command that asks for tickets for each order of `batch`, for a caller that has seen
/// `last_seen` entries of the sale's log.
#[must_use]
pub fn command(script: &Script, sale: &SaleId, last_seen: u64, batch: &[Reserve]) -> Cmd {
    let mut command = script.on(sale, last_seen);
    for order in batch {
        command.arg(order.id.as_str()).arg(order.buyer.as_str()).arg(order.quantity.get());
    }
    command
}

/// What the parts of a reply to [`command`] say: how the sale stands, and a verdict for each order
/// of `batch`.
///
/// # Errors
/// `Corrupt`: it is not a reply of `reserve.lua`.
pub fn read(batch: &[Reserve], parts: &[Value]) -> Result<(Snapshot, Vec<Verdict>), Fault> {
    let snapshot = reply::snapshot(part(parts, 0)?)?;
    let letters = reply::text(part(parts, 1)?)?.as_bytes();
    let replays = match part(parts, 2)? {
        Value::Array(records) => records.as_slice(),
        other => return Err(reply::strange("a list of records", other)),
    };
    if letters.len() != batch.len() {
        return Err(reply::strange("a letter for each order", part(parts, 1)?));
    }
    let mut replays = replays.iter();
    let hold = snapshot.terms.hold_ms > 0;
    let verdict = |(order, letter): (&Reserve, &u8)| match letter {
        b'g' => Ok(Verdict::Granted {
            replayed: false,
            order: Order {
                buyer: order.buyer.clone(),
                state: if hold { OrderState::Held } else { OrderState::Confirmed },
                asked: order.quantity.get(),
                taken: order.quantity.get(),
                created_at: snapshot.at,
                deadline: if hold {
                    snapshot.at.plus(snapshot.terms.hold_ms)
                } else {
                    UnixMillis(0)
                },
                refused_late: false,
            },
        }),
        b'r' => {
            let record = replays.next().ok_or_else(|| strange_letter(&SCRIPTS.reserve, b'r'))?;
            Ok(Verdict::Granted { order: reply::order(&order.id, record)?, replayed: true })
        }
        other => reply::refusal(*other, &snapshot)
            .map(Verdict::Refused)
            .ok_or_else(|| strange_letter(&SCRIPTS.reserve, *other)),
    };
    let verdicts: Result<_, Fault> = batch.iter().zip(letters).map(verdict).collect();
    Ok((snapshot, verdicts?))
}
