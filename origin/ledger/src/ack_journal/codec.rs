//! Codec of the ack journal: `S <sale> <snapshot> <checksum>`, then `O <id> <record> <checksum>`
//! for each order that was acknowledged with it. Ids have no spaces and no control characters.
//!
//! A checksum is the CRC-32 of the line before it, in eight hexadecimal digits. That of an order is
//! continued from that of its head, so that an order is never read under another head. The version
//! before wrote `s` and `o` and no checksums; such lines are still read.

use crate::read_snapshot;
use crc32fast::Hasher;
use shared::{Order, OrderId, SaleId, Snapshot};
use std::io::Write as _;
use std::ops::Range;

/// Hexadecimal digits of a checksum.
const DIGITS: usize = 8;

/// An order as it was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckedOrder {
    /// The position of the log that it was acknowledged with.
    pub commit_seq: u64,
    /// Its state as acknowledged.
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
    let _ = write!(
        to,
        "S {sale} {} {} {} {} {} {} {} {} {} {} {} {}",
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
    let of_head = end_line(to, begin, 0);
    let head = to.len();
    // The orders of a batch differ in little more than their ids and buyers, and writing numbers
    // takes long.
    let mut last: Option<(&Order, Range<usize>)> = None;
    for (id, order) in orders {
        let line = to.len();
        to.extend_from_slice(b"O ");
        to.extend_from_slice(id.as_str().as_bytes());
        to.push(b' ');
        let buyer = order.buyer.stored();
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
        end_line(to, line, of_head);
    }
    if to.len() == head {
        to.truncate(begin);
    }
}

/// Whether their records differ in the buyer only, with which a record ends: two orders of a sale
/// with a plan nearly never do.
fn same_numbers(a: &Order, b: &Order) -> bool {
    let numbers = |order: &Order| {
        let (state, late) = (order.state, order.refused_late);
        let (asked, taken) = (order.asked, order.taken);
        (state, late, asked, taken, order.created_at, order.deadline)
    };
    numbers(a) == numbers(b) && a.seats == b.seats && a.payment == b.payment
}

/// Ends the line that begins at `line` with its checksum, continued from `before`; answers it.
fn end_line(to: &mut Vec<u8>, line: usize, before: u32) -> u32 {
    let checksum = continued(before, &to[line..]);
    let mut end = *b" 00000000\n";
    for (place, digit) in end[1..=DIGITS].iter_mut().enumerate() {
        let shift = 4 * (DIGITS - 1 - place);
        *digit = b"0123456789abcdef"[(checksum >> shift) as usize & 0xf];
    }
    to.extend_from_slice(&end);
    checksum
}

fn continued(before: u32, bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(before);
    hasher.update(bytes);
    hasher.finalize()
}

/// What a line before its checksum says, and the checksum; `None` where it is not that of the line.
fn checked(line: &str, before: u32) -> Option<(&str, u32)> {
    let (said, digits) = line.rsplit_once(' ')?;
    let hexadecimal = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != DIGITS || !digits.bytes().all(hexadecimal) {
        return None;
    }
    let checksum = u32::from_str_radix(digits, 16).ok()?;
    (checksum == continued(before, said.as_bytes())).then_some((said, checksum))
}

/// A line of the journal.
enum Line {
    Head(Head),
    Order(OrderId, Order),
}

/// What the orders after it were acknowledged with.
struct Head {
    sale: SaleId,
    snapshot: Snapshot,
    /// `None` in a line of the version before.
    checksum: Option<u32>,
}

impl Line {
    /// Reads a line that stands under `head`; `None` where it is no line, or an order of no head or
    /// of another one.
    fn read(line: &[u8], head: Option<&Head>) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let of_head = head.map(|head| head.checksum);
        match line.get(..2)? {
            "S " => {
                let (said, checksum) = checked(line, 0)?;
                Self::head(said.get(2..)?, Some(checksum))
            }
            "s " => Self::head(line.get(2..)?, None),
            "O " => {
                let (said, _) = checked(line, of_head??)?;
                Self::order(said.get(2..)?)
            }
            "o " if of_head == Some(None) => Self::order(line.get(2..)?),
            _ => None,
        }
    }

    fn head(said: &str, checksum: Option<u32>) -> Option<Self> {
        let (sale, snapshot) = said.split_once(' ')?;
        Some(Self::Head(Head {
            sale: SaleId::parse(sale).ok()?,
            snapshot: read_snapshot(snapshot)?,
            checksum,
        }))
    }

    fn order(said: &str) -> Option<Self> {
        let (id, record) = said.split_once(' ')?;
        let id = OrderId::parse(id).ok()?;
        let order = Order::unpack(&id, record).ok()?;
        Some(Self::Order(id, order))
    }
}

/// Reads lines. One that is none, be it cut or damaged, ends its head: what comes after it belongs
/// to nothing until the next good head. The last line counts only if it is ended.
pub(super) fn read(text: &[u8], mut each: impl FnMut(&SaleId, &Snapshot, OrderId, Order)) {
    let mut head = None;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\n") else {
            return;
        };
        match (Line::read(line, head.as_ref()), &head) {
            (Some(Line::Head(next)), _) => head = Some(next),
            (Some(Line::Order(id, order)), Some(head)) => {
                each(&head.sale, &head.snapshot, id, order);
            }
            _ => head = None,
        }
    }
}

/// The length of the longest part of `text`, from its beginning and of at most `most` bytes, that
/// ends where an answer does.
pub(super) fn whole_answers(text: &[u8], most: usize) -> usize {
    let ends = |at: usize| {
        at == text.len() || at == 0 || (text[at - 1] == b'\n' && text[at..].starts_with(b"S "))
    };
    (0..=most.min(text.len())).rev().find(|at| ends(*at)).unwrap_or(0)
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
            terms: Terms { hold_ms: 5, buyer_limit: 6, ..Terms::default() },
            at: UnixMillis(7),
        };
        let seats: Vec<String> = (64_000..65_000).map(|seat| seat.to_string()).collect();
        let long = format!("2h:1000:1000:5:9:0.0-63.1000a:0.0-63.1000={}::bob", seats.join("+"));
        let records = [
            "1h:1:1:5:9:ada",
            "1h:1:1:5:9:a-longer-one:with:colons",
            "1h:2:2:5:9:ada",
            "1h:1:1:5:9:eve",
            "1h:1:1:5:9:bob",
            "1l:1:1:5:9:bob",
            "1e:1:1:5:9:bob",
            "1c:2:1:5:0:bob",
            // The same numbers with other seats, with other lines, and with none.
            "2h:1:1:5:9:0.0-1.1r:0.0-1.1=3::bob",
            "2h:1:1:5:9:0.0-1.1r:0.0-1.1=4::bob",
            "2h:1:1:5:9:0.0-1.1a:0.0-1.1=4::eve",
            "2h:1:1:5:9:0.0-1.1a:0.0-1.1=4::a:b",
            "1h:1:1:5:9:bob",
            "3c:1:1:5:9:7,pi_3,:bob",
            "3c:1:1:5:9:7,pi_4,:bob",
            "3c:1:1:5:9:7,pi_4,:eve\u{1f}a",
            "1c:1:1:5:9:eve",
            "2c:1:1:5:9:0.0-1.1a:0.0-1.1=4:7,pi_4,:eve",
            "2c:1:1:5:9:0.0-1.1a:0.0-1.1=4::eve",
            &long,
        ];
        let id = |n: usize| OrderId::parse(&format!("order-{n:016}")).unwrap();
        let orders: Vec<(OrderId, Order)> = (0..)
            .zip(records)
            .map(|(n, record)| (id(n), Order::unpack(&id(n), record).unwrap()))
            .collect();
        let mut text = Vec::new();
        write(&mut text, &sale, &said, orders.iter().map(|(id, order)| (id, order)));
        write(&mut text, &sale, &said, std::iter::empty());
        let mut found = Vec::new();
        read(&text, |of, snapshot, id, order| {
            assert_eq!((of, snapshot), (&sale, &said));
            found.push((id, order));
        });
        assert_eq!(found, orders);
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1 + records.len());
    }
}
