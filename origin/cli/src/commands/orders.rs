//! Command `lastseat orders`, except `export`, `replay` and `unrestored`.

use super::{export, fault, ledger, print, refused, replay, unrestored};
use super::{no_sale, sale_id};
use crate::cli::{AckFlags, Common, OrderConfirmFlags, OrderFlags, OrdersCommand};
use crate::failure::Failure;
use lastseat_ledger::{Reply, SaleChange, Verdict};
use serde::Serialize;
use shared::wire::messages::OrderView;
use shared::{OrderId, Problem, Quantity, SaleId};
use std::process::ExitCode;

pub(super) async fn run(common: &Common, command: OrdersCommand) -> Result<ExitCode, Failure> {
    match command {
        OrdersCommand::Show(flags) => show(common, &flags).await,
        OrdersCommand::Confirm(flags) => confirm(common, &flags).await,
        OrdersCommand::Cancel(flags) => {
            let (sale, id) = named(&flags)?;
            let reply = ledger(common).await?.cancel(&sale, &id).await;
            changed(common, &sale, &id, reply)
        }
        OrdersCommand::Extend(flags) => {
            let (sale, id) = named(&flags)?;
            let reply = ledger(common).await?.extend(&sale, &id).await;
            changed(common, &sale, &id, reply)
        }
        OrdersCommand::Export(flags) => export::run(common, &flags).await,
        OrdersCommand::Ack(flags) => ack(common, &flags).await,
        OrdersCommand::Replay(flags) => replay::run(common, &flags).await,
        OrdersCommand::Unrestored(flags) => unrestored::run(common, &flags).await,
    }
}

fn named(flags: &OrderFlags) -> Result<(SaleId, OrderId), Failure> {
    let order = &flags.order;
    let id = OrderId::parse(order).map_err(|e| Failure::usage(vec![format!("{order:?}: {e}")]))?;
    Ok((sale_id(&flags.sale)?, id))
}

async fn show(common: &Common, flags: &OrderFlags) -> Result<ExitCode, Failure> {
    let (sale, id) = named(flags)?;
    let ledger = ledger(common).await?;
    // Heard first, so that a hold past its deadline is told by the ledger's clock and not by ours.
    let known = ledger.snapshot(&sale).await.map_err(fault)?;
    known.ok_or_else(|| no_sale(&sale))?;
    let found = ledger.order(&sale, &id).await.map_err(fault)?;
    let order = found.ok_or_else(|| {
        Failure::runtime(format!("sale {sale} has no order {id}; nothing was sold under that id"))
    })?;
    print(common, &OrderView::new(&sale, &id, &order))?;
    Ok(ExitCode::SUCCESS)
}

async fn confirm(common: &Common, flags: &OrderConfirmFlags) -> Result<ExitCode, Failure> {
    let (sale, id) = named(&flags.order)?;
    let quantity = flags.quantity.map(Quantity::new).transpose();
    let quantity = quantity.map_err(|e| Failure::usage(vec![e.to_string()]))?;
    let reply = ledger(common).await?.confirm(&sale, &id, quantity).await;
    changed(common, &sale, &id, reply)
}

/// Says what became of a change of an order.
fn changed(
    common: &Common,
    sale: &SaleId,
    id: &OrderId,
    reply: Reply<Verdict>,
) -> Result<ExitCode, Failure> {
    let (_, verdict) = reply.map_err(fault)?.ok_or_else(|| no_sale(sale))?;
    match verdict {
        Verdict::Refused(no) => Err(refused(&Problem::refusal(no))),
        Verdict::Granted { order, replayed } => {
            if replayed {
                eprintln!("order {id} was {} already", order.state);
            }
            print(common, &OrderView::new(sale, id, &order))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What `orders ack` prints.
#[derive(Debug, Serialize)]
struct RelayPosition {
    sale: String,
    /// The position that was named.
    to: u64,
    /// The end of the log.
    commit_seq: u64,
}

async fn ack(common: &Common, flags: &AckFlags) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let reply = ledger(common).await?.ack(&sale, flags.to).await;
    let (snapshot, change) = reply.map_err(fault)?.ok_or_else(|| no_sale(&sale))?;
    match change {
        SaleChange::Invalid => {
            return Err(Failure::runtime(format!(
                "the log of sale {sale} ends at {}; {} cannot have been taken over yet",
                snapshot.commit_seq, flags.to
            )));
        }
        SaleChange::Unchanged => eprintln!("that was acknowledged already"),
        _ => {}
    }
    let acknowledged =
        RelayPosition { sale: sale.to_string(), to: flags.to, commit_seq: snapshot.commit_seq };
    print(common, &acknowledged)?;
    Ok(ExitCode::SUCCESS)
}
