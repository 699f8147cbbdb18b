//! Tests of recovery: whatever tail of a history is lost, all that was acknowledged comes back.

use crate::ledger_model::{ModelCommand, ModelReply, Sale};
use crate::seats::OrderPart;
use crate::{
    BuyerId, Cancellation, Capacity, Order, OrderId, OrderState, Pass, Payment, PaymentReference,
    Quantity, Reserve, Terms, UnixMillis, Verdict,
};
use proptest::prelude::*;
use std::collections::HashMap;

/// Nodes that acknowledge orders and restore them.
pub(super) const NODES: usize = 3;

fn id(n: u8) -> OrderId {
    OrderId::parse(&format!("order-{n:016}")).unwrap()
}

fn command(what: u8, n: u8, quantity: u8) -> ModelCommand {
    match what {
        0..=4 => ModelCommand::Reserve(vec![Reserve {
            id: id(n),
            buyer: BuyerId::parse(&format!("buyer-{n}")).unwrap(),
            quantity: Quantity::new(u64::from(quantity)).unwrap(),
            lines: None,
        }]),
        5 => ModelCommand::Confirm(id(n), OrderPart::Whole, Payment::default()),
        6 => ModelCommand::Confirm(id(n), OrderPart::Whole, paid()),
        7 => ModelCommand::Confirm(id(n), OrderPart::Tickets(1), Payment::default()),
        8 => ModelCommand::Cancel(id(n), Cancellation::default(), OrderPart::Whole),
        _ => ModelCommand::Extend(id(n)),
    }
}

fn paid() -> Payment {
    Payment { reference: PaymentReference::parse("pi_3").ok(), metadata: None }
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
            ModelCommand::Confirm(id, ..) | ModelCommand::Cancel(id, ..) | ModelCommand::Extend(id),
        ) => (verdict, id),
        _ => return None,
    };
    let order = match verdict {
        Verdict::Granted { order, .. } => order,
        Verdict::Refused(_) | Verdict::NoSeats { .. } => {
            sale.orders.get(id).filter(|order| order.refused_late)?
        }
    };
    let acked = order.refused_late || order.state != OrderState::Expired;
    acked.then(|| (id.clone(), order.clone()))
}

/// What happened to a sale, and what is lost of it.
pub(super) struct History {
    pub(super) sale: Sale,
    /// Commands with the node that gave them and the pause before.
    pub(super) steps: Vec<(ModelCommand, usize, u64)>,
    /// The part of the steps that the promoted replica has, 0 to 1.
    pub(super) kept: f64,
    /// The node that restores first.
    pub(super) first: usize,
}

impl History {
    /// A replica that was behind is promoted, and each node asserts what it acknowledged: whatever
    /// was lost and whoever comes first, everything that was acknowledged is so again.
    pub(super) fn all_comes_back(self) -> Result<(), TestCaseError> {
        let Self { mut sale, steps, kept, first } = self;
        let mut now = UnixMillis(1_000);
        let mut behind = sale.clone();
        let mut acked: HashMap<OrderId, Order> = HashMap::new();
        let mut journals = vec![HashMap::new(); NODES];
        let cut = (kept * steps.len() as f64) as usize;
        for (step, (command, node, pause)) in steps.iter().enumerate() {
            now = now.plus(*pause);
            let (answer, _) = sale.apply(command, now);
            if let Some((id, order)) = acknowledged(&sale, command, &answer) {
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
            let same_share = was.taken == is.taken && was.seats == is.seats;
            let same_end = was.state == is.state && was.refused_late == is.refused_late;
            // One that has ended after it gave a part back, or after a part of it was confirmed,
            // may lack that part.
            let is_over = !was.state.takes();
            prop_assert!(same_end && (same_share || is_over), "{id}: was {was:?}, is {is:?}");
            prop_assert!(was.state != OrderState::Held || was.deadline == is.deadline);
        }
        prop_assert_eq!((sale.held, sale.confirmed), (behind.held, behind.confirmed));
        let seats = |sale: &Sale| sale.seats.as_ref().map(|seats| seats.bytes());
        prop_assert_eq!(seats(&sale), seats(&behind));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

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
        let capacity = Capacity::new(capacity).unwrap();
        let (sale, _) = Sale::create(capacity, terms, true, UnixMillis(1_000));
        let step = |(what, n, quantity, node, pause)| (command(what, n, quantity), node, pause);
        let steps = steps.into_iter().map(step).collect();
        History { sale, steps, kept, first }.all_comes_back()?;
    }
}
