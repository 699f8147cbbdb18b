//! Exported log: reads back what `orders export` printed.
//!
//! The shop's copy of the log is the journal from which a ledger that was restored from a backup
//! learns what it forgot.

use serde::Deserialize;
use shared::{BuyerId, OrderId, Quantity, SaleId};
use std::collections::HashMap;
use std::io::{self, BufRead, Read};

/// Longest line, in bytes; the longest that `orders export` prints is below 1 KiB.
const LINE_MAX: u64 = 16 * 1024;

/// What should have become of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It waits for payment.
    Held,
    /// It was paid for and has so many tickets.
    Confirmed(Quantity),
    /// Its hold ended; the ledger's clock ends a restored hold as well.
    Expired,
    /// It was given back, or its late payment was refused: it must have no tickets.
    Over,
}

/// An order of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedOrder {
    /// Its id.
    pub id: OrderId,
    /// Whose it is and what it asked for; absent when the journal begins after its grant.
    pub grant: Option<(BuyerId, Quantity)>,
    /// Where the journal leaves it.
    pub fate: Fate,
}

/// What a journal tells of one sale.
#[derive(Debug, Default)]
pub struct ExportedLog {
    /// The orders, in the sequence of their first mention.
    pub orders: Vec<ExportedOrder>,
    /// The last capacity that it mentions.
    pub capacity: Option<u64>,
    /// The last `commit_seq`.
    pub end: u64,
    /// Positions that are missing before its end: first and last of each gap.
    pub gaps: Vec<(u64, u64)>,
    /// Whether the last line was cut, as a crash of its writer does.
    pub cut: bool,
    places: HashMap<OrderId, usize>,
    /// The last line that counted: commit_seq and index.
    last: (u64, u64),
}

/// The fields of a line that matter here.
#[derive(Deserialize)]
struct Line {
    sale: String,
    commit_seq: u64,
    index: u64,
    #[serde(rename = "type")]
    kind: String,
    order_id: Option<String>,
    buyer: Option<String>,
    quantity: Option<u64>,
    capacity: Option<u64>,
}

impl ExportedLog {
    /// Reads the lines of `sale`; those of other sales are passed over, and a line that comes twice
    /// (an export that was started again) counts once.
    ///
    /// # Errors
    /// A sentence with the number of the line that is none of `orders export`.
    pub fn read(sale: &SaleId, mut from: impl BufRead) -> Result<Self, String> {
        let mut journal = Self::default();
        let mut text = Vec::new();
        for number in 1_u64.. {
            text.clear();
            let read = from
                .by_ref()
                .take(LINE_MAX)
                .read_until(b'\n', &mut text)
                .map_err(|e: io::Error| format!("line {number} cannot be read: {e}"))?;
            if read == 0 {
                break;
            }
            let whole = text.ends_with(b"\n");
            if text.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Line>(&text) {
                Ok(line) if line.sale == sale.as_str() => {
                    journal.take(&line).map_err(|what| format!("line {number}: {what}"))?
                }
                Ok(_) => {}
                Err(_) if !whole && (read as u64) < LINE_MAX => journal.cut = true,
                Err(e) => {
                    return Err(format!(
                        "line {number} is none that `lastseat orders export` prints: {e}"
                    ));
                }
            }
        }
        Ok(journal)
    }

    fn take(&mut self, line: &Line) -> Result<(), String> {
        let place = (line.commit_seq, line.index);
        if self.end > 0 && place <= self.last {
            return Ok(());
        }
        // What is missing before that was lost by Redis, not by the export.
        let healed = line.kind == "sale_healed";
        if self.end > 0 && line.commit_seq > self.end + 1 && !healed {
            self.gaps.push((self.end + 1, line.commit_seq - 1));
        }
        self.end = line.commit_seq;
        self.last = place;
        if let Some(capacity) = line.capacity {
            self.capacity = Some(capacity);
        }
        let Some(id) = &line.order_id else {
            return Ok(());
        };
        let id = OrderId::parse(id).map_err(|e| e.to_string())?;
        let quantity = line.quantity.map(Quantity::new).transpose();
        let quantity = quantity.map_err(|e| e.to_string())?;
        let buyer = line.buyer.as_deref().map(BuyerId::parse).transpose();
        let buyer = buyer.map_err(|e| e.to_string())?;
        let fate = match (line.kind.as_str(), quantity) {
            ("held", _) => Fate::Held,
            ("confirmed" | "retaken", Some(quantity)) => Fate::Confirmed(quantity),
            ("confirmed" | "retaken", None) => return Err("it has no \"quantity\"".to_owned()),
            ("expired", _) => Fate::Expired,
            ("cancelled" | "refused_late", _) => Fate::Over,
            // `extended`, and what later versions may tell of orders.
            _ => return Ok(()),
        };
        let place = *self.places.entry(id.clone()).or_insert_with(|| {
            self.orders.push(ExportedOrder { id, grant: None, fate });
            self.orders.len() - 1
        });
        let exported = &mut self.orders[place];
        exported.fate = fate;
        if let (Some(buyer), Some(quantity)) = (buyer, quantity) {
            exported.grant = Some((buyer, quantity));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ExportedLog, String> {
        ExportedLog::read(&SaleId::parse("spring").unwrap(), text.as_bytes())
    }

    fn line(seq: u64, kind: &str, more: &str) -> String {
        format!(
            r#"{{"sale":"spring","commit_seq":{seq},"index":0,"at":1,"version":1,"type":"{kind}"{more}}}"#
        ) + "\n"
    }

    const ADA: &str = r#","order_id":"0123456789abcdef","buyer":"ada","quantity":2"#;
    const PAID: &str = r#","order_id":"0123456789abcdef","quantity":1"#;
    const OVER: &str = r#","order_id":"0123456789abcdef""#;

    #[test]
    fn the_last_word_on_an_order_counts_and_its_grant_is_kept() {
        let text = line(1, "sale_created", r#","capacity":9,"state":"open""#)
            + &line(2, "held", ADA)
            + &line(3, "confirmed", PAID);
        let journal = read(&text).unwrap();
        let [exported] = &journal.orders[..] else { panic!("{:?}", journal.orders) };
        let two = Quantity::new(2).unwrap();
        assert_eq!(exported.grant, Some((BuyerId::parse("ada").unwrap(), two)));
        assert_eq!(exported.fate, Fate::Confirmed(Quantity::new(1).unwrap()));
        assert_eq!((journal.capacity, journal.end), (Some(9), 3));
        let over = read(&(text + &line(4, "cancelled", OVER))).unwrap();
        assert_eq!(over.orders[0].fate, Fate::Over);
        assert!(over.orders[0].grant.is_some());
    }

    #[test]
    fn lines_that_come_twice_count_once_and_gaps_are_named() {
        let text = line(2, "held", ADA) + &line(3, "cancelled", OVER);
        let journal = read(&(text.clone() + &text + &line(7, "expired", OVER))).unwrap();
        assert_eq!(journal.orders[0].fate, Fate::Expired);
        assert_eq!(journal.gaps, [(4, 6)]);
    }

    #[test]
    fn a_last_line_that_was_cut_is_passed_over_and_any_other_is_refused() {
        let text = line(2, "held", ADA) + r#"{"sale":"spr"#;
        let journal = read(&text).unwrap();
        assert!(journal.cut && journal.orders.len() == 1);
        let refused = read(&(text + "\n")).unwrap_err();
        assert!(refused.contains("line 2"), "{refused}");
        let without = line(2, "confirmed", OVER);
        assert!(read(&without).unwrap_err().contains("quantity"));
    }

    #[test]
    fn other_sales_are_passed_over() {
        let text = line(2, "held", ADA).replace("spring", "autumn");
        assert!(read(&text).unwrap().orders.is_empty());
    }
}
