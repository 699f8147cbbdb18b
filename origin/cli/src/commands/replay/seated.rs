//! Replay of a sale with a plan: each order comes back with exactly the seats that it had.

use super::{Replay, Replayed};
use crate::commands::{fault, no_sale};
use crate::failure::Failure;
use crate::journal::{ExportedLog, ExportedOrder};
use lastseat_ledger::Ledger;
use lastseat_ledger::ack_journal::AckedOrder;
use shared::domain::sale::{Creation, PageTerms};
use shared::limits::RESTORE_BATCH_MAX;
use shared::plan::Plan;
use shared::{Capacity, Order, OrderId, OrderState, Pass, Restored, SaleId, SaleState};
use std::collections::HashMap;
use std::sync::Arc;

/// The number of no node: what cannot be restored is listed under it.
const NO_NODE: u16 = 0;

/// Creates the sale where the ledger does not have it, and whether it did: nobody has to look for
/// its plan. It sells nothing before its orders are back, whatever ends this.
pub(super) async fn create(
    ledger: &Ledger,
    sale: &SaleId,
    journal: &ExportedLog,
    plan: &Arc<Plan>,
) -> Result<bool, Failure> {
    if ledger.snapshot(sale).await.map_err(fault)?.is_some() {
        return Ok(false);
    }
    let Some(terms) = journal.terms else { return Err(no_sale(sale)) };
    let opened = journal.state != Some(SaleState::Scheduled);
    let wanted = Creation {
        capacity: Capacity::new(plan.places()).map_err(Failure::runtime)?,
        terms,
        open: opened,
        page: PageTerms::default(),
        plan: Some(Arc::clone(plan)),
    };
    ledger.create_sale_as(sale, &wanted).await.map_err(fault)?;
    if opened {
        ledger.set_state(sale, SaleState::Paused).await.map_err(fault)?;
    }
    eprintln!(
        "lastseat: sale {sale} was created again. No log has its payment page, whether buyers may \
         cancel and what late payments get: set them with lastseat sale set"
    );
    Ok(true)
}

/// Brings these orders to where the journal leaves them, in the three passes of a recovery, for the
/// same reason: what gives seats back comes first.
pub(super) async fn give_back(
    replay: &mut Replay,
    orders: &[&ExportedOrder],
) -> Result<(), Failure> {
    let known = replay.ledger.all_orders(&replay.sale).await.map_err(fault)?;
    let acked = |exported: &&ExportedOrder| {
        let order = exported.by_plan.clone()?;
        Some((exported.id.clone(), AckedOrder { commit_seq: 0, order }))
    };
    let orders: Vec<(OrderId, AckedOrder)> = orders.iter().filter_map(acked).collect();
    let mut became: HashMap<OrderId, Restored> = HashMap::new();
    for pass in [Pass::First, Pass::Second, Pass::Last] {
        let settled = |id| became.get(id).is_some_and(|became| became.is_settled());
        let left: Vec<_> = orders.iter().filter(|(id, _)| !settled(id)).cloned().collect();
        for batch in left.chunks(RESTORE_BATCH_MAX) {
            let (ledger, sale) = (&replay.ledger, &replay.sale);
            let reply = ledger.restore(sale, NO_NODE, batch, pass).await.map_err(fault)?;
            let (_, letters) = reply.ok_or_else(|| no_sale(sale))?;
            became.extend(batch.iter().map(|(id, _)| id.clone()).zip(letters));
        }
    }
    for (id, acked) in &orders {
        match became.get(id) {
            Some(Restored::Done) => count(&mut replay.done, known.get(id), &acked.order),
            Some(Restored::Present) => replay.done.unchanged += 1,
            Some(Restored::NoRoom) => {
                replay.failed(id, "another order has its seats, or a quota is full");
            }
            Some(Restored::Conflict) | None => {
                replay
                    .failed(id, "the ledger has another order under its id, or another end of it");
            }
        }
    }
    Ok(())
}

/// Counts an order that was not as the journal says.
fn count(done: &mut Replayed, before: Option<&Order>, after: &Order) {
    match (before, after.state) {
        (Some(_), OrderState::Cancelled) => done.cancelled += 1,
        (Some(_), OrderState::Confirmed) => done.confirmed += 1,
        _ => done.restored += 1,
    }
}
