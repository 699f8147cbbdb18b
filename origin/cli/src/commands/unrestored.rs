//! Command `lastseat orders unrestored`.

use super::{fault, ledger, print_text};
use super::{no_sale, sale_id};
use crate::cli::{Common, UnrestoredFlags};
use crate::failure::Failure;
use lastseat_ledger::Ledger;
use lastseat_ledger::ack_journal::AckedOrder;
use lastseat_ledger::recovery::Unrestored;
use lastseat_node::timestamp::Rfc3339;
use serde::Serialize;
use shared::limits::RESTORE_BATCH_MAX;
use shared::{OrderId, OrderState, Pass, Restored, SaleId, UnixMillis};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// One order as `--json` prints it.
#[derive(Debug, Serialize)]
struct Line {
    order_id: String,
    buyer: String,
    /// How it was told to be.
    state: OrderState,
    quantity: u32,
    /// `no_room` or `conflict`.
    why: &'static str,
    /// The node that had acknowledged it.
    node: u16,
    /// When it was tried last.
    at: UnixMillis,
}

impl Line {
    fn new(order: &Unrestored) -> Self {
        Self {
            order_id: order.id.to_string(),
            buyer: order.order.buyer.to_string(),
            state: order.order.state,
            quantity: order.order.taken,
            why: match order.why {
                Restored::Conflict => "conflict",
                _ => "no_room",
            },
            node: order.node,
            at: order.at,
        }
    }

    fn to_text(&self, json: bool) -> Result<String, Failure> {
        if json {
            return serde_json::to_string(self).map_err(Failure::runtime);
        }
        let (state, quantity) = (self.state, self.quantity);
        let (id, buyer, why, node) = (&self.order_id, &self.buyer, self.why, self.node);
        let at = Rfc3339(self.at);
        Ok(format!("{at}  {id}  {buyer}  {state}  {quantity}  {why}  node {node}"))
    }
}

/// Exit codes: 0 none is left, 1 some are.
pub(super) async fn run(common: &Common, flags: &UnrestoredFlags) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let ledger = ledger(common).await?;
    let known = ledger.snapshot(&sale).await.map_err(fault)?;
    known.ok_or_else(|| no_sale(&sale))?;
    if let Some(order) = &flags.settled {
        return settle(&ledger, &sale, order).await;
    }
    if flags.retry {
        retry(&ledger, &sale).await?;
    }
    let left = ledger.unrestored(&sale).await.map_err(fault)?;
    let mut text = String::new();
    for order in &left {
        text.push_str(&Line::new(order).to_text(common.json)?);
        text.push('\n');
    }
    print_text(&text)?;
    if left.is_empty() {
        eprintln!("sale {sale}: every acknowledged order is in the ledger");
    }
    // A list that was only asked for is no failure.
    Ok(ExitCode::from(u8::from(flags.retry && !left.is_empty())))
}

async fn settle(ledger: &Ledger, sale: &SaleId, order: &str) -> Result<ExitCode, Failure> {
    let id = OrderId::parse(order).map_err(|e| Failure::usage(vec![format!("{order:?}: {e}")]))?;
    if ledger.settle_unrestored(sale, &id).await.map_err(fault)? {
        return Ok(ExitCode::SUCCESS);
    }
    let why = format!("order {id} is not among those of sale {sale} that could not be restored");
    Err(Failure::runtime(why))
}

/// Tries those that are listed once more; a restock may have made room.
async fn retry(ledger: &Ledger, sale: &SaleId) -> Result<(), Failure> {
    let mut by_node: BTreeMap<u16, Vec<(OrderId, AckedOrder)>> = BTreeMap::new();
    for order in ledger.unrestored(sale).await.map_err(fault)? {
        let (commit_seq, order_) = (0, order.order);
        let told = AckedOrder { commit_seq, order: order_ };
        by_node.entry(order.node).or_default().push((order.id, told));
    }
    for (node, orders) in by_node {
        for batch in orders.chunks(RESTORE_BATCH_MAX) {
            let reply = ledger.restore(sale, node, batch, Pass::Last).await;
            let became = reply.map_err(fault)?.ok_or_else(|| no_sale(sale))?.1;
            let settled = became.iter().filter(|became| became.is_settled()).count();
            eprintln!("lastseat: {settled} orders that node {node} had acknowledged are restored");
        }
    }
    Ok(())
}
