//! Scripts of a sale with a plan that were carried out by half: found after each of their writes,
//! and finished or taken back.

use super::stored::{Train, cancel, id, request};
use crate::audit::damages::With;
use crate::audit::stage::{Stage, assert_finds};
use lastseat_ledger::audit::FindingKind::LogAhead;
use shared::ledger_model::ModelCommand;
use shared::seats::OrderPart;
use shared::{Order, OrderState, Pass, Payment, UnixMillis};

/// A script of each kind that moves seats.
fn scripts(train: &Train) -> Vec<(&'static str, ModelCommand)> {
    let acked = |n, record: &str| (id(n), Order::unpack(&id(n), record).unwrap());
    let restored = acked(20, "2c:1:1:1700000000000:0:0.0-1.1a:0.0-1.1=2::lost");
    let shrunk = {
        let mut order = train.sale.orders[&id(0)].clone();
        let seats = order.seats.clone().unwrap();
        let (_, rest) = seats.split(&OrderPart::Seats(vec![(0, 1)])).unwrap();
        order.keep(1, Some(&rest));
        (id(0), order)
    };
    vec![
        (
            "a batch",
            ModelCommand::Reserve(vec![request(10, "0.0-3.2a"), request(11, "1.0-2.1a,0.0-1.1a")]),
        ),
        ("a payment", ModelCommand::Confirm(id(3), OrderPart::Whole, Payment::default())),
        (
            "a payment of a part",
            ModelCommand::Confirm(id(5), OrderPart::Seats(vec![(0, 7)]), Payment::default()),
        ),
        ("a cancellation", cancel(4, OrderPart::Whole)),
        ("a part that is given back", cancel(0, OrderPart::Seats(vec![(0, 1)]))),
        ("a restored order", ModelCommand::Restore(vec![restored], Pass::First)),
        ("a restored order with fewer seats", ModelCommand::Restore(vec![shrunk], Pass::First)),
    ]
}

#[tokio::test]
async fn a_script_that_ended_after_any_of_its_writes_is_found_and_finished_or_taken_back() {
    let stage = Stage::new().await;
    let train = Train::new(&stage).await;
    for (name, command) in scripts(&train) {
        let mut after = train.clone();
        after.does(&command);
        let writes = after.writes(Some(&train));
        assert!(writes.len() >= 3 && after.log.len() == train.log.len() + 1, "{name}");
        for done in 1..writes.len() {
            for with in [With::Nothing, With::Undo] {
                let name = format!("{name}, {done} of {} writes, {with:?}", writes.len());
                let sale = train.put(&stage).await;
                for words in &writes[..done] {
                    sale.tries(words).await.unwrap();
                }
                assert_finds(&sale.audit().await, &name, LogAhead, "entry 7");
                let plan = sale.plan(&with.choices()).await;
                assert_eq!(plan.why_not, [""; 0], "{name}");
                let (ran, said) = sale.run(&plan);
                assert!(ran, "{name}: {plan}\n{said}");
                let report = sale.audit().await;
                assert!(report.ok, "{name}: {plan}\n{report:#?}");
                let shall = if matches!(with, With::Undo) { &train } else { &after };
                shall.assert_lies_in(&sale, &name).await;
            }
        }
    }
}

#[tokio::test]
async fn holds_that_ended_by_half_are_found_and_finished() {
    let stage = Stage::new().await;
    let train = Train::new(&stage).await;
    let mut after = train.clone();
    let (_, entry) = after.sale.apply(&ModelCommand::Sweep, UnixMillis(4_000_000_000_000));
    after.log.extend(entry);
    let ended = after.sale.orders.values().filter(|order| order.state == OrderState::Expired);
    assert_eq!(ended.count(), 3);
    let writes = after.writes(Some(&train));
    for done in 1..writes.len() {
        let sale = train.put(&stage).await;
        for words in &writes[..done] {
            sale.tries(words).await.unwrap();
        }
        let plan = sale.plan(&With::Nothing.choices()).await;
        let (ran, said) = sale.run(&plan);
        assert!(ran, "{done}: {plan}\n{said}");
        let report = sale.audit().await;
        assert!(report.ok, "{done}: {plan}\n{report:#?}");
        after.assert_lies_in(&sale, &format!("after {done} writes")).await;
    }
}
