//! What must be true of all that any node acknowledged: it is there, now or once the nodes have
//! restored it, and as it was told.

use super::redis::RedisReply;
use super::world::SimulatedWorld;
use shared::{Order, OrderId, OrderState};

impl SimulatedWorld {
    /// A node reads an acknowledged order. While the sale may lack it the answer is "try again";
    /// that there is no such order is true only of one that is lost, which is listed, or whose node
    /// the sale did not wait for.
    pub(super) fn was_read(&mut self, id: &OrderId, reply: &RedisReply) {
        self.judge.stats.reads += 1;
        match reply {
            RedisReply::Fenced => self.judge.stats.fenced_reads += 1,
            RedisReply::Order(true) => {}
            _ if self.judge.went_without || self.redis.unrestored().contains(id) => {}
            _ => self.broken("a read says that there is no order that was told", id.to_string()),
        }
    }

    /// What must be true at the end, whoever came.
    pub(super) fn conclude(&mut self) {
        if let Err(seen) = self.redis.audit().compare_all(self.redis.sale()) {
            self.broken("the log is not the ledger", seen);
        }
        for (rule, seen) in self.missing() {
            self.broken(rule, seen);
        }
    }

    /// Whether the clock of Redis was set back: holds that had ended last once more, and orders
    /// whose place came from them may have to wait, listed (docs/FAILOVER.md, "Clocks").
    const fn clock_was_set_back(&self) -> bool {
        self.redis.clock_was_set_back
    }

    /// Whatever a node acknowledged is as it was told, or what came after it; only where the sale
    /// went on without a node may its orders be missing, and then each is listed.
    fn missing(&self) -> Vec<(&'static str, String)> {
        let mut missing = Vec::new();
        for (id, (number, told)) in &self.judge.told {
            let is = self.redis.audit().order(id);
            if is.is_some_and(|is| is_as_answered(told, is)) {
                continue;
            }
            let seen = format!("{id}: {number} {told:?}, is {is:?}");
            if !self.redis.unrestored().contains(id) {
                missing.push(("an acknowledged order is missing and not listed", seen));
            } else if !self.judge.went_without
                && !self.judge.lost_unacknowledged
                && !self.clock_was_set_back()
            {
                missing.push(("an acknowledged order is missing although no node was", seen));
            }
        }
        missing
    }
}

/// Whether an order is as it was told to be, or as it became after that.
fn is_as_answered(told: &Order, is: &Order) -> bool {
    let same = told.buyer == is.buyer && told.asked == is.asked;
    // Seats only go back: by what a later call named, acknowledged or not. A hold that was paid
    // late may have got others; whether the sale gives them says `has_seats_as_told`.
    let held = matches!(told.state, OrderState::Held | OrderState::Expired);
    let (may_be_less, same_seats) = match (&told.seats, &is.seats) {
        (None, None) => (false, true),
        (Some(told), Some(has)) if held && is.state != OrderState::Held => {
            (true, has.is_no_more_than(told))
        }
        (Some(told), Some(is)) => (true, is.is_part_of(told)),
        // What was cancelled before it came has no lines.
        _ => (false, told.is_tombstone() || is.is_tombstone()),
    };
    same && same_seats
        && match told.state {
            OrderState::Held | OrderState::Expired => true,
            OrderState::Confirmed => {
                is.state == OrderState::Cancelled
                    || is.state == OrderState::Confirmed && (may_be_less || is.taken == told.taken)
            }
            OrderState::Cancelled => !is.state.takes(),
        }
}
