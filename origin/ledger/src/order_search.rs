//! Search among the orders of a sale, a page at a time.
//!
//! There is no index: what sells tickets would pay for it with each order. A page reads a bounded
//! number of records in small commands, and says where the next one goes on. An order that is there
//! during all pages is found; one that comes meanwhile may be found or not, and one may be found
//! twice while the sale grows.

use super::scan::SCAN_PAGE;
use super::{Fault, Ledger, redis_keys, replaced, reply};
use redis::Value;
use shared::domain::order_number::{order_number, read_order_number};
use shared::limits::{ORDER_SEARCH_MS, ORDERS_SEARCHED_MAX};
use shared::{BuyerId, Order, OrderId, OrderState, PaymentReference, SaleId};
use std::collections::HashSet;
use std::fmt;
use std::time::{Duration, Instant};

/// Which orders are looked for: those that are all of what is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Of this buyer.
    pub buyer: Option<BuyerId>,
    /// With this number, as [`order_number`] writes it.
    pub number: Option<String>,
    /// In this state.
    pub state: Option<OrderState>,
    /// Paid under this reference.
    pub reference: Option<PaymentReference>,
}

impl OrderFilter {
    /// Whether an order is looked for, except by its number.
    fn takes(&self, order: &Order) -> bool {
        self.buyer.as_ref().is_none_or(|buyer| *buyer == order.buyer)
            && self.state.is_none_or(|state| state == order.state)
            && self.reference.as_ref().is_none_or(|wanted| {
                let payment = order.payment.as_ref().map(|note| &note.payment);
                payment.and_then(|payment| payment.reference.as_ref()) == Some(wanted)
            })
    }
}

/// Where a search goes on. It holds for one server of Redis: another one keeps the orders in
/// another sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPosition {
    /// How the server's name for itself begins.
    server: String,
    /// Where the scan goes on.
    cursor: u64,
    /// The last number that was found there; what is behind it is still to be shown.
    after: Option<String>,
}

/// Letters of a server's name that a position has.
const SERVER_LETTERS: usize = 16;

impl SearchPosition {
    /// Reads what its `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split('.');
        let (server, cursor, after) = (words.next()?, words.next()?, words.next()?);
        let is_server = server.len() <= SERVER_LETTERS
            && server.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let after = match after {
            "" => None,
            number => Some(read_order_number(number)?),
        };
        let position = Self { server: server.to_owned(), cursor: cursor.parse().ok()?, after };
        (is_server && words.next().is_none()).then_some(position)
    }
}

impl fmt::Display for SearchPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.server, self.cursor, self.after.as_deref().unwrap_or_default())
    }
}

/// Orders that a page of a search has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrdersFound {
    /// In no sequence that means anything.
    pub orders: Vec<(OrderId, Order)>,
    /// Where the next page begins; `None` = all orders were read.
    pub next: Option<SearchPosition>,
    /// Records that this page has read.
    pub read: u64,
    /// Records that the sale has.
    pub of: u64,
    /// Records of this page that lastseat does not write: an audit names them.
    pub unreadable: u64,
}

/// Outcome of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderSearch {
    /// A page.
    Found(OrdersFound),
    /// The position is one of another server: Redis was restarted or replaced, or the sale moved.
    Moved,
}

/// An order that is looked for.
struct Match {
    number: String,
    id: OrderId,
    order: Order,
}

impl Ledger {
    /// A page of the orders of `sale` that `filter` takes, from `from` on: it ends with the order
    /// that reaches `limit`, after [`ORDERS_SEARCHED_MAX`] records or after [`ORDER_SEARCH_MS`].
    /// `None` where there is no such sale. A hold past its deadline counts as expired.
    ///
    /// # Errors
    /// See [`Fault`]; `NotSent` also where the sale may lack what was acknowledged, and where Redis
    /// was replaced meanwhile.
    pub async fn find_orders(
        &self,
        sale: &SaleId,
        filter: &OrderFilter,
        from: Option<&SearchPosition>,
        limit: usize,
    ) -> Result<Option<OrderSearch>, Fault> {
        let mut found = OrdersFound { of: self.orders_granted(sale).await?, ..Default::default() };
        let server = self.server_letters(sale);
        if from.is_some_and(|from| from.server != server) {
            return Ok(Some(OrderSearch::Moved));
        }
        let (mut cursor, mut after) =
            from.map_or((0, None), |from| (from.cursor, from.after.clone()));
        let (begun, mut seen) = (Instant::now(), HashSet::new());
        let next = loop {
            let (next, mut matches) = self.read_matches(sale, filter, cursor, &mut found).await?;
            matches.retain(|found| after.as_ref().is_none_or(|after| found.number > *after));
            let rest = cut(&mut matches, limit - found.orders.len());
            let last = matches.last().map(|found| found.number.clone());
            let new = matches.into_iter().filter(|found| seen.insert(found.id.clone()));
            found.orders.extend(new.map(|found| (found.id, found.order)));
            if rest {
                break Some((cursor, last));
            }
            if next == 0 {
                break None;
            }
            let spent = begun.elapsed() >= Duration::from_millis(ORDER_SEARCH_MS)
                || found.read + SCAN_PAGE as u64 > ORDERS_SEARCHED_MAX;
            if spent || found.orders.len() >= limit {
                break Some((next, None));
            }
            (cursor, after) = (next, None);
        };
        // After the records: what they showed was whole then.
        if self.whole_snapshot(sale).await?.is_none() {
            return Ok(None);
        }
        if self.server_letters(sale) != server {
            return Err(replaced());
        }
        found.next = next.map(|(cursor, after)| SearchPosition { server, cursor, after });
        Ok(Some(OrderSearch::Found(found)))
    }

    fn server_letters(&self, sale: &SaleId) -> String {
        let server = self.server(sale);
        let letters = server.iter().flat_map(|server| server.as_str().chars());
        letters.filter(char::is_ascii_alphanumeric).take(SERVER_LETTERS).collect()
    }

    /// What one command of the scan finds, by number, and where the next one begins.
    async fn read_matches(
        &self,
        sale: &SaleId,
        filter: &OrderFilter,
        cursor: u64,
        found: &mut OrdersFound,
    ) -> Result<(u64, Vec<Match>), Fault> {
        let [_, key, ..] = redis_keys::of_sale(sale);
        let page = self.scan_page("HSCAN", &key, cursor).await?;
        let now = self.now();
        let mut matches = Vec::new();
        for (name, record) in page.pairs() {
            found.read += 1;
            let Some((id, mut order)) = read(name, record) else {
                found.unreadable += 1;
                continue;
            };
            if order.state == OrderState::Held && order.deadline <= now {
                order.state = OrderState::Expired;
            }
            if !filter.takes(&order) {
                continue;
            }
            let number = order_number(sale, &id);
            if filter.number.as_ref().is_none_or(|wanted| *wanted == number) {
                matches.push(Match { number, id, order });
            }
        }
        matches.sort_by(|a, b| (&a.number, &a.id).cmp(&(&b.number, &b.id)));
        matches.dedup_by(|a, b| a.id == b.id);
        Ok((page.next, matches))
    }
}

/// Leaves at most `room` of `matches`, and with the last one all that share its number. Whether
/// some are left out.
fn cut(matches: &mut Vec<Match>, room: usize) -> bool {
    let Some(last) = room.checked_sub(1).and_then(|last| matches.get(last)) else {
        return false;
    };
    let number = last.number.clone();
    let keep = matches.partition_point(|found| found.number <= number);
    let rest = keep < matches.len();
    matches.truncate(keep);
    rest
}

fn read(name: &Value, record: &Value) -> Option<(OrderId, Order)> {
    let id = OrderId::parse(reply::text(name).ok()?).ok()?;
    let order = Order::unpack(&id, reply::text(record).ok()?).ok()?;
    Some((id, order))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_from_its_text_and_other_texts_are_none() {
        for text in ["f00d.0.", "0123456789abcdef.18446744073709551615.DT52-XKTF-B1", ".7."] {
            assert_eq!(SearchPosition::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "f00d", "f00d.0", "f00d.x.", "f00d.0.x", "f00d.0..", "f_d.0.", "é.0."] {
            assert_eq!(SearchPosition::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_page_is_not_cut_between_two_orders_of_one_number() {
        let order = Order::tombstone(shared::UnixMillis(1));
        let matches = || {
            let all = ["A", "B", "B", "C"].into_iter().enumerate();
            let of = |(place, number): (usize, &str)| Match {
                number: number.to_owned(),
                id: OrderId::parse(&format!("order-{place:016}")).unwrap(),
                order: order.clone(),
            };
            all.map(of).collect::<Vec<_>>()
        };
        for (room, kept, rest) in [(1, 1, true), (2, 3, true), (3, 3, true), (4, 4, false)] {
            let mut matches = matches();
            assert_eq!((cut(&mut matches, room), matches.len()), (rest, kept), "{room}");
        }
    }
}
