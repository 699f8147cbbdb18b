//! Batch command of `reserve.lua` and `reserve_by_plan.lua` and the parser of its reply.

use super::ack_journal::TooLate;
use super::scripts::{SCRIPTS, Script};
use super::{Fault, Ledger, Reply, acknowledges, part, replaced, reply, strange_letter};
use redis::{Cmd, Value};
use shared::domain::order::{Reserve, Verdict};
use shared::limits::BATCH_MAX;
use shared::seats::order_lines::claims_of_text;
use shared::seats::{OrderLines, OrderSeats, SeatLineRefusal, SeatRefusal};
use shared::{Order, OrderState, Refusal, SaleId, Snapshot, UnixMillis};
use std::slice;
use std::sync::Arc;
use std::time::Instant;

impl Ledger {
    /// Asks for tickets for a batch of 1 to [`BATCH_MAX`] orders; the verdicts are in their order.
    ///
    /// Repeating a batch is harmless: each id has one outcome.
    ///
    /// # Errors
    /// See [`Fault`]; `Unknown` means that the same batch must be sent again to learn the outcome.
    pub async fn reserve(&self, sale: &SaleId, batch: &[Reserve]) -> Reply<Vec<Verdict>> {
        assert!((1..=BATCH_MAX).contains(&batch.len()), "a batch has 1 to {BATCH_MAX} orders");
        let script = &self.scripts().reserve;
        let (begun, sent) = (Instant::now(), self.acknowledged.now());
        let words = |command: &mut Cmd, by_plan| add_orders(command, by_plan, batch);
        let reply = self.change_either(sale, script, words).await;
        self.observer.batch_done(batch.len(), begun.elapsed());
        let reply = reply?;
        let Some(parts) = reply.parts else {
            return Ok(None);
        };
        let (snapshot, verdicts) = read(batch, reply.by_plan, &parts)?;
        self.clock.observe(snapshot.at);
        let granted = |verdict: &Verdict| matches!(verdict, Verdict::Granted { .. });
        // A "no" changes nothing that could be lost.
        if verdicts.iter().any(granted) {
            self.counted(reply.more)?;
        }
        let granted = batch.iter().zip(&verdicts).filter_map(|(request, verdict)| {
            let Verdict::Granted { order, .. } = verdict else {
                return None;
            };
            acknowledges(order).then_some((&request.id, order))
        });
        self.acknowledged.note(sale, &snapshot, granted, sent).map_err(|TooLate| replaced())?;
        self.observer.batch_decided(sale, &verdicts);
        Ok(Some((snapshot, verdicts)))
    }
}

/// The command that asks for tickets for each order of `batch`, for a caller that has seen
/// `last_seen` entries of the log of a sale without a plan.
#[must_use]
pub fn command(script: &Script, sale: &SaleId, last_seen: u64, batch: &[Reserve]) -> Cmd {
    let mut command = script.on(sale, last_seen);
    add_orders(&mut command, false, batch);
    command
}

/// The words of a batch. A sale without a plan is not asked for lines.
fn add_orders(command: &mut Cmd, by_plan: bool, batch: &[Reserve]) {
    for order in batch.iter().filter(|order| by_plan || order.lines.is_none()) {
        command.arg(order.id.as_str()).arg(&*order.buyer.stored()).arg(order.quantity.get());
        if by_plan {
            command.arg(order.lines.as_ref().map(OrderLines::to_string).unwrap_or_default());
        }
    }
}

/// What the parts of a reply say: how the sale, which has a plan or has none, stands, and a verdict
/// for each order of `batch`.
///
/// # Errors
/// `Corrupt`: it is not a reply of `reserve.lua` or `reserve_by_plan.lua`.
pub fn read(
    batch: &[Reserve],
    by_plan: bool,
    parts: &[Value],
) -> Result<(Snapshot, Vec<Verdict>), Fault> {
    let snapshot = reply::snapshot(part(parts, 0)?)?;
    let letters = reply::text(part(parts, 1)?)?.as_bytes();
    let texts = match part(parts, 2)? {
        Value::Array(texts) => texts.iter(),
        other => return Err(reply::strange("a list of texts", other)),
    };
    let asked = batch.iter().filter(|order| by_plan || order.lines.is_none());
    if letters.len() != asked.count() {
        return Err(reply::strange("a letter for each order", part(parts, 1)?));
    }
    let (mut letters, mut replies) =
        (letters.iter(), Replies { by_plan, snapshot: &snapshot, texts });
    let mut verdicts = Vec::with_capacity(batch.len());
    for order in batch {
        if order.lines.is_some() && !by_plan {
            verdicts.push(Verdict::Refused(Refusal::NoPlan));
            continue;
        }
        verdicts.push(match letters.next().copied().unwrap_or(b'?') {
            // What most replies consist of.
            b'g' if !by_plan => {
                Verdict::Granted { replayed: false, order: replies.granted(order, None) }
            }
            letter => replies.verdict(order, letter)?,
        });
    }
    Ok((snapshot, verdicts))
}

/// What is left to be read of a reply.
struct Replies<'a> {
    by_plan: bool,
    snapshot: &'a Snapshot,
    texts: slice::Iter<'a, Value>,
}

impl Replies<'_> {
    fn verdict(&mut self, order: &Reserve, letter: u8) -> Result<Verdict, Fault> {
        match letter {
            b'g' => {
                let seats = self.claims(order)?;
                let order = self.granted(order, seats);
                Ok(Verdict::Granted { replayed: false, order })
            }
            b'r' => {
                let record = self.text(b'r')?;
                Ok(Verdict::Granted { order: reply::order(&order.id, record)?, replayed: true })
            }
            b'L' => {
                let said = self.text(b'L')?;
                no_seats(reply::text(said)?).ok_or_else(|| reply::strange("why not", said))
            }
            other => reply::refusal(other, self.snapshot)
                .map(Verdict::Refused)
                .ok_or_else(|| strange_letter(&SCRIPTS.reserve.plain, other)),
        }
    }

    fn text(&mut self, letter: u8) -> Result<&Value, Fault> {
        self.texts.next().ok_or_else(|| strange_letter(&SCRIPTS.reserve.plain, letter))
    }

    /// What a granted order has; nothing is said of one in a sale without a plan.
    fn claims(&mut self, order: &Reserve) -> Result<Option<Arc<OrderSeats>>, Fault> {
        if !self.by_plan {
            return Ok(None);
        }
        let said = self.text(b'g')?;
        let lines = order.lines.clone().zip(claims_of_text(reply::text(said)?));
        let seats = lines.and_then(|(lines, claims)| OrderSeats::new(lines, claims));
        // All that it asked for, or nothing.
        let seats = seats.filter(|seats| seats.tickets() == seats.lines.tickets());
        let seats = seats.ok_or_else(|| reply::strange("the claims of lines", said))?;
        Ok(Some(Arc::new(seats)))
    }

    fn granted(&self, order: &Reserve, seats: Option<Arc<OrderSeats>>) -> Order {
        let (at, hold_ms) = (self.snapshot.at, self.snapshot.terms.hold_ms);
        Order {
            buyer: order.buyer.clone(),
            state: if hold_ms > 0 { OrderState::Held } else { OrderState::Confirmed },
            asked: order.quantity.get(),
            taken: order.quantity.get(),
            created_at: at,
            deadline: if hold_ms > 0 { at.plus(hold_ms) } else { UnixMillis(0) },
            refused_late: false,
            seats,
            payment: None,
        }
    }
}

/// Reads `<line> <1 = some of it is held, else 0>` and why a line was refused.
fn no_seats(text: &str) -> Option<Verdict> {
    let words: Vec<&str> = text.split(' ').collect();
    let [line, some_held, why, rest @ ..] = words.as_slice() else {
        return None;
    };
    let number = |word: &str| word.parse::<u32>().ok();
    let refusal = match (*why, rest) {
        ("s", [free]) => SeatRefusal::SoldOut { free: number(free)? },
        ("t", []) => SeatRefusal::NotTogether,
        ("x", [seat, nearest]) => SeatRefusal::SeatTaken {
            seat: number(seat)?,
            nearest: if *nearest == "-" { None } else { Some(number(nearest)?) },
        },
        ("l", [seat, instead]) => SeatRefusal::LeavesSingle {
            seat: number(seat)?,
            instead: instead.split('+').map(number).collect::<Option<_>>()?,
        },
        _ => return None,
    };
    let refused = Arc::new(SeatLineRefusal { line: line.parse().ok()?, refusal });
    Some(Verdict::NoSeats { refused, some_held: *some_held == "1" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_line_is_refused_reads_from_its_words() {
        let of = |text| match no_seats(text) {
            Some(Verdict::NoSeats { refused, some_held }) => {
                Some((refused.line, refused.refusal.clone(), some_held))
            }
            _ => None,
        };
        let (seat, nearest) = (7, Some(9));
        assert_eq!(of("0 1 s 3"), Some((0, SeatRefusal::SoldOut { free: 3 }, true)));
        assert_eq!(of("2 0 t"), Some((2, SeatRefusal::NotTogether, false)));
        assert_eq!(of("0 0 x 7 9"), Some((0, SeatRefusal::SeatTaken { seat, nearest }, false)));
        let none = SeatRefusal::SeatTaken { seat, nearest: None };
        assert_eq!(of("0 0 x 7 -"), Some((0, none, false)));
        let instead = vec![1, 2];
        assert_eq!(
            of("1 0 l 7 1+2"),
            Some((1, SeatRefusal::LeavesSingle { seat, instead }, false))
        );
        for text in ["", "0 1", "0 1 s", "0 1 s x", "0 1 t 1", "0 1 q", "x 1 t", "0 0 l 7 1+"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
