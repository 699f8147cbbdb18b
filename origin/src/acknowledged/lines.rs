//! The lines of the journal: `s <sale> <snapshot>`, then `o <id> <record>` for each order that was acknowledged with it.
//! Ids have no spaces and no control characters.

use crate::ledger::read_snapshot;
use shared::{Order, OrderId, SaleId, Snapshot};
use std::io::Write as _;
use std::ops::Range;

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
    // The orders of a batch differ in little more than their ids and buyers, and writing numbers takes long.
    let mut last: Option<(&Order, Range<usize>)> = None;
    for (id, order) in orders {
        to.extend_from_slice(b"o ");
        to.extend_from_slice(id.as_str().as_bytes());
        to.push(b' ');
        let buyer = order.buyer.as_str();
        match &last {
            Some((like, numbers)) if same_numbers(like, order) => {
                to.extend_from_within(numbers.clone());
                to.extend_from_slice(buyer.as_bytes());
            }
            _ => {
                let record = to.len();
                let _ = write!(to, "{}", order.record());
                last = Some((order, record..to.len() - buyer.len()));
            }
        }
        to.push(b'\n');
    }
    if to.len() == head {
        to.truncate(begin);
    }
}

/// Whether their records differ in the buyer only, with which a record ends.
fn same_numbers(a: &Order, b: &Order) -> bool {
    let numbers = |order: &Order| {
        let (state, late) = (order.state, order.refused_late);
        let (asked, taken) = (order.asked, order.taken);
        (state, late, asked, taken, order.created_at, order.deadline)
    };
    numbers(a) == numbers(b)
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

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{SaleState, Terms, UnixMillis};

    #[test]
    fn what_was_written_is_read_whatever_the_orders_of_a_batch_have_in_common() {
        let sale = SaleId::parse("spring").unwrap();
        let said = Snapshot {
            capacity: 9,
            held: 1,
            confirmed: 2,
            version: 3,
            commit_seq: 4,
            state: SaleState::Paused,
            terms: Terms {
                hold_ms: 5,
                buyer_limit: 6,
                ..Terms::default()
            },
            at: UnixMillis(7),
        };
        let records = [
            "1h:1:1:5:9:ada",
            "1h:1:1:5:9:a-longer-one:with:colons",
            "1h:2:2:5:9:ada",
            "1h:1:1:5:9:eve",
            "1h:1:1:5:9:bob",
            "1l:1:1:5:9:bob",
            "1e:1:1:5:9:bob",
            "1c:2:1:5:0:bob",
        ];
        let id = |n: usize| OrderId::parse(&format!("order-{n:016}")).unwrap();
        let orders: Vec<(OrderId, Order)> = (0..)
            .zip(records)
            .map(|(n, record)| (id(n), Order::unpack(&id(n), record).unwrap()))
            .collect();
        let mut text = Vec::new();
        write(
            &mut text,
            &sale,
            &said,
            orders.iter().map(|(id, order)| (id, order)),
        );
        write(&mut text, &sale, &said, std::iter::empty());
        let mut heard = Vec::new();
        read(&text, |of, snapshot, id, order| {
            assert_eq!((of, snapshot), (&sale, &said));
            heard.push((id, order));
        });
        assert_eq!(heard, orders);
        assert_eq!(
            text.iter().filter(|byte| **byte == b'\n').count(),
            1 + records.len()
        );
    }
}
