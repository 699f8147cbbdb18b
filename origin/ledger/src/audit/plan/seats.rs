//! Repair plan of the seats of a sale with a plan: the string is made anew from the orders.

use super::super::sale_read::SEATS;
use super::super::seats::conflicts;
use super::orders::Target;
use super::{Draft, NAMED, script};
use shared::ledger_model::seat_recount::SeatRecount;
use shared::plan::stored::seats_bytes;

impl Draft<'_> {
    /// What the orders have of the plan; nothing in a sale without one. Where two orders have the
    /// same, the plan says that it does not decide between them.
    pub(super) fn count_seats(&mut self, target: &Target) -> Option<SeatRecount> {
        let plan = self.recount.plan.as_deref()?;
        let counted = SeatRecount::of(plan, target.orders.iter())
            .map_err(|error| self.why_not(error.to_string()))
            .ok()?;
        let said = conflicts(plan, &counted);
        for (_, sentence) in said.iter().take(NAMED) {
            self.why_not(sentence.clone());
        }
        if !said.is_empty() {
            self.why_not(format!(
                "{} such things: a plan does not decide who goes without. Cancel orders \
                 (lastseat orders cancel), or give orders up with --except ORDER where the log \
                 and the records contradict each other, then plan again",
                said.len()
            ));
        }
        Some(counted)
    }

    /// Sets the string where it is not what the orders have.
    pub(super) fn write_seats(&mut self, counted: Option<&SeatRecount>) {
        let Some(counted) = counted else { return };
        let shall = seats_bytes(&counted.book, &counted.held);
        if self.recount.look.reads(SEATS) && self.recount.look.seats.as_ref() == Some(&shall) {
            return;
        }
        self.changes += 1;
        let words = [b"SET".as_slice(), self.key(SEATS).as_bytes(), &shall].map(<[u8]>::to_vec);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.plan.commands.push(script::line(&words));
    }
}
