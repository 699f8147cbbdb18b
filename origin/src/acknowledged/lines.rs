//! The lines of the journal: `s <sale> <snapshot>`, then `o <id> <record>` for each order that was acknowledged with it.
//! Ids have no spaces and no control characters.

use crate::ledger::read_snapshot;
use shared::{Order, OrderId, SaleId, Snapshot};
use std::io::Write as _;

/// An order as it was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The position of the log that it was acknowledged with.
    pub commit_seq: u64,
    /// How it was told to be.
    pub order: Order,
}

/// Writes the lines of one answer to the end of `to`; nothing where no order was acknowledged.
pub(super) fn write<'a>(
    to: &mut Vec<u8>,
    sale: &SaleId,
    snapshot: &Snapshot,
    orders: impl Iterator<Item = (&'a OrderId, &'a Order)>,
) {
    let begin = to.len();
    let terms = &snapshot.terms;
    // Writing to memory cannot fail.
    let _ = writeln!(
        to,
        "s {sale} {} {} {} {} {} {} {} {} {} {} {} {}",
        snapshot.capacity,
        snapshot.held,
        snapshot.confirmed,
        snapshot.version,
        snapshot.commit_seq,
        snapshot.state,
        terms.opens_at,
        terms.closes_at,
        terms.hold_ms,
        terms.buyer_limit,
        terms.order_limit,
        snapshot.at
    );
    let head = to.len();
    for (id, order) in orders {
        to.extend_from_slice(b"o ");
        to.extend_from_slice(id.as_str().as_bytes());
        let _ = writeln!(to, " {}", order.record());
    }
    if to.len() == head {
        to.truncate(begin);
    }
}

/// Reads lines; one that is none, as the last one after a crash, is passed over, and so are the orders after a head that is
/// none.
pub(super) fn read(text: &[u8], mut each: impl FnMut(&SaleId, &Snapshot, OrderId, Order)) {
    let mut head = None;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\n") else {
            return;
        };
        let Ok(line) = std::str::from_utf8(line) else {
            continue;
        };
        if let Some(rest) = line.strip_prefix("s ") {
            head = rest
                .split_once(' ')
                .and_then(|(sale, said)| Some((SaleId::parse(sale).ok()?, read_snapshot(said)?)));
        } else if let (Some((sale, snapshot)), Some(rest)) = (&head, line.strip_prefix("o "))
            && let Some((id, record)) = rest.split_once(' ')
            && let Ok(id) = OrderId::parse(id)
            && let Ok(order) = Order::unpack(&id, record)
        {
            each(sale, snapshot, id, order);
        }
    }
}
