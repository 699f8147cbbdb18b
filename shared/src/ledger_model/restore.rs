//! Reference model of `restore.lua`.
//!
//! Whoever asserts what, and in whatever sequence, the end is the same, save that tickets have to
//! be free.

use super::{Order, OrderId, OrderState, Pass, Restored, Step};
use crate::ledger_model::event_log::Event;

impl Step<'_> {
    pub(super) fn restore(&mut self, id: &OrderId, acked: &Order, pass: Pass) -> Restored {
        let Some(order) = self.sale.orders.get(id).cloned() else {
            return self.insert(id, acked.clone(), pass);
        };
        if order.buyer != acked.buyer || order.asked != acked.asked {
            return Restored::Conflict;
        }
        match acked.state {
            OrderState::Held => self.as_held(id, order, acked, pass),
            OrderState::Confirmed => self.as_confirmed(id, order, acked.taken),
            OrderState::Cancelled => self.as_cancelled(id, order),
            OrderState::Expired if acked.refused_late => self.as_refused_late(id, order),
            OrderState::Expired => Restored::Present,
        }
    }

    fn insert(&mut self, id: &OrderId, mut acked: Order, pass: Pass) -> Restored {
        if acked.state == OrderState::Held && acked.deadline <= self.now {
            acked.state = OrderState::Expired;
        }
        if acked.state.takes() {
            let confirmed = acked.state == OrderState::Confirmed;
            if !self.sale.fits(acked.taken) || !(confirmed || pass == Pass::Last) {
                return Restored::NoRoom;
            }
            self.sale.take(confirmed, &acked.buyer, acked.taken);
        } else if acked.is_tombstone() {
            self.sale.cancelled_early += 1;
        } else {
            self.sale.ended_more(&acked.buyer);
        }
        self.is_now(id, acked)
    }

    fn as_held(&mut self, id: &OrderId, mut order: Order, acked: &Order, pass: Pass) -> Restored {
        let longer = acked.deadline > order.deadline;
        match order.state {
            OrderState::Held if longer => {
                order.deadline = acked.deadline;
                let (id, deadline) = (id.clone(), acked.deadline);
                self.becomes(order, Event::Extended { id, deadline })
            }
            // It was extended, the ledger forgot that and let it expire.
            OrderState::Expired if longer && !order.refused_late && acked.deadline > self.now => {
                if !self.sale.fits(order.taken) || pass < Pass::Last {
                    return Restored::NoRoom;
                }
                self.sale.retake(false, &order.buyer, order.taken);
                order.state = OrderState::Held;
                order.deadline = acked.deadline;
                self.is_now(id, order)
            }
            _ => Restored::Present,
        }
    }

    fn as_confirmed(&mut self, id: &OrderId, mut order: Order, tickets: u32) -> Restored {
        let (before, had) = (order.state, order.taken);
        match before {
            OrderState::Cancelled => return Restored::Present,
            OrderState::Confirmed if had == tickets => return Restored::Present,
            OrderState::Confirmed => return Restored::Conflict,
            _ if order.refused_late || tickets > had => return Restored::Conflict,
            OrderState::Expired if !self.sale.fits(tickets) => return Restored::NoRoom,
            OrderState::Expired => {}
            OrderState::Held => self.sale.give_back(false, &order.buyer, had),
        }
        if before == OrderState::Expired {
            self.sale.retake(true, &order.buyer, tickets);
        } else {
            self.sale.take(true, &order.buyer, tickets);
        }
        order.state = OrderState::Confirmed;
        order.taken = tickets;
        let (id, quantity) = (id.clone(), tickets);
        if before == OrderState::Expired {
            return self.becomes(order, Event::Retaken { id, quantity });
        }
        if tickets < had {
            self.sale.version += 1;
        }
        self.becomes(order, Event::Confirmed { id, quantity })
    }

    fn as_cancelled(&mut self, id: &OrderId, mut order: Order) -> Restored {
        if order.state == OrderState::Cancelled || order.refused_late {
            return Restored::Present;
        }
        // One that expired here was given back late, or paid late and then given back: no payment
        // may take tickets again.
        if order.state.takes() {
            self.free_tickets_of(&order);
        }
        order.state = OrderState::Cancelled;
        self.becomes(order, Event::Cancelled(id.clone()))
    }

    fn as_refused_late(&mut self, id: &OrderId, mut order: Order) -> Restored {
        match order.state {
            OrderState::Confirmed => return Restored::Conflict,
            OrderState::Cancelled => return Restored::Present,
            OrderState::Expired if order.refused_late => return Restored::Present,
            OrderState::Expired => {}
            OrderState::Held => {
                self.free_tickets_of(&order);
                self.events.push(Event::Expired(id.clone()));
            }
        }
        order.state = OrderState::Expired;
        order.refused_late = true;
        self.becomes(order, Event::RefusedLate(id.clone()))
    }

    pub(super) fn free_tickets_of(&mut self, order: &Order) {
        let confirmed = order.state == OrderState::Confirmed;
        self.sale.end(confirmed, &order.buyer, order.taken);
        self.sale.version += 1;
    }

    fn is_now(&mut self, id: &OrderId, order: Order) -> Restored {
        let event = Event::Restored { id: id.clone(), order: order.clone() };
        self.becomes(order, event)
    }

    fn becomes(&mut self, order: Order, event: Event) -> Restored {
        if let Some(id) = event.order() {
            self.sale.orders.insert(id.clone(), order);
        }
        self.events.push(event);
        Restored::Done
    }
}

#[cfg(test)]
mod tests {
    use crate::ledger_model::{ModelCommand, ModelReply, Sale};
    use crate::{
        BuyerId, Cancellation, Capacity, Order, OrderId, OrderState, Pass, Quantity, Reserve,
        Terms, UnixMillis, Verdict,
    };
    use proptest::prelude::*;
    use std::collections::HashMap;

    const NODES: usize = 3;

    fn id(n: u8) -> OrderId {
        OrderId::parse(&format!("order-{n:016}")).unwrap()
    }

    fn command(what: u8, n: u8, quantity: u8) -> ModelCommand {
        match what {
            0..=4 => ModelCommand::Reserve(vec![Reserve {
                id: id(n),
                buyer: BuyerId::parse(&format!("buyer-{n}")).unwrap(),
                quantity: Quantity::new(u64::from(quantity)).unwrap(),
            }]),
            5 | 6 => ModelCommand::Confirm(id(n), None),
            7 => ModelCommand::Confirm(id(n), Some(Quantity::ONE)),
            8 => ModelCommand::Cancel(id(n), Cancellation::default()),
            _ => ModelCommand::Extend(id(n)),
        }
    }

    /// The order that an answer acknowledges.
    fn acknowledged(
        sale: &Sale,
        command: &ModelCommand,
        answer: &ModelReply,
    ) -> Option<(OrderId, Order)> {
        let (verdict, id) = match (answer, command) {
            (ModelReply::Orders(verdicts), ModelCommand::Reserve(batch)) => {
                (&verdicts[0], &batch[0].id)
            }
            (
                ModelReply::Order(verdict),
                ModelCommand::Confirm(id, _)
                | ModelCommand::Cancel(id, _)
                | ModelCommand::Extend(id),
            ) => (verdict, id),
            _ => return None,
        };
        let order = match verdict {
            Verdict::Granted { order, .. } => order,
            Verdict::Refused(_) => sale.orders.get(id).filter(|order| order.refused_late)?,
        };
        let acked = order.refused_late || order.state != OrderState::Expired;
        acked.then(|| (id.clone(), order.clone()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// A replica that was behind is promoted, and each node asserts what it acknowledged:
        /// whatever was lost and whoever comes first, everything that was acknowledged is so again.
        #[test]
        fn whatever_tail_of_a_history_is_lost_all_that_was_acknowledged_is_restored(
            steps in proptest::collection::vec(
                (0..10u8, 0..14u8, 1..4u8, 0..NODES, 0..60u64), 1..120),
            capacity in 1..9u64,
            hold in prop_oneof![Just(0u64), 50..400u64],
            kept in 0.0..1.0f64,
            first in 0..NODES,
        ) {
            let terms = Terms { hold_ms: hold, ..Terms::default() };
            let mut now = UnixMillis(1_000);
            let (mut sale, _) = Sale::create(Capacity::new(capacity).unwrap(), terms, true, now);
            let mut behind = sale.clone();
            let mut acked: HashMap<OrderId, Order> = HashMap::new();
            let mut journals = vec![HashMap::new(); NODES];
            let cut = (kept * steps.len() as f64) as usize;
            for (step, (what, n, quantity, node, pause)) in steps.iter().enumerate() {
                now = now.plus(*pause);
                let command = command(*what, *n, *quantity);
                let (answer, _) = sale.apply(&command, now);
                if let Some((id, order)) = acknowledged(&sale, &command, &answer) {
                    acked.insert(id.clone(), order.clone());
                    journals[*node].insert(id, (sale.commit_seq, order));
                }
                if step + 1 == cut {
                    behind = sale.clone();
                }
            }

            let found = behind.commit_seq;
            let mut left: Vec<Vec<(OrderId, Order)>> = (0..NODES)
                .map(|node| {
                    let journal = &journals[(first + node) % NODES];
                    let lost = journal.iter().filter(|(_, (seq, _))| *seq > found);
                    let mut mine: Vec<_> = lost.collect();
                    mine.sort_by_key(|(id, (seq, _))| (*seq, (*id).clone()));
                    mine.into_iter().map(|(id, (_, order))| (id.clone(), order.clone())).collect()
                })
                .collect();
            for pass in [Pass::First, Pass::Second, Pass::Last] {
                for left in &mut left {
                    let (answer, _) = behind.apply(&ModelCommand::Restore(left.clone(), pass), now);
                    let ModelReply::Restored(became) = answer else { panic!("{answer:?}") };
                    let mut became = became.into_iter();
                    left.retain(|_| !became.next().unwrap().is_settled());
                }
            }
            prop_assert!(left.iter().all(Vec::is_empty), "{left:?}");
            behind.apply(&ModelCommand::Sweep, now);
            sale.apply(&ModelCommand::Sweep, now);
            for id in acked.keys() {
                let (was, is) = (&sale.orders[id], &behind.orders[id]);
                let same_state = was.state == is.state && was.taken == is.taken;
                let same_end = same_state && was.refused_late == is.refused_late;
                // One that was given back after a part of it was confirmed may lack that part.
                let same_over = !was.state.takes() && was.state == is.state;
                let over = same_over && was.refused_late == is.refused_late;
                prop_assert!(same_end || over, "{id}: was {was:?}, is {is:?}");
                prop_assert!(was.state != OrderState::Held || was.deadline == is.deadline);
            }
            prop_assert_eq!((sale.held, sale.confirmed), (behind.held, behind.confirmed));
        }
    }
}
