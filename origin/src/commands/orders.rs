//! `lastseat orders`

use super::sale::sale_id;
use super::{fault, ledger, print};
use crate::cli::{Common, OrdersCommand};
use crate::failure::Failure;
use shared::OrderId;
use shared::wire::OrderView;
use std::process::ExitCode;

pub(super) async fn run(common: &Common, command: OrdersCommand) -> Result<ExitCode, Failure> {
    match command {
        OrdersCommand::Show { order, sale } => show(common, &sale, &order).await,
    }
}

async fn show(common: &Common, sale: &str, order: &str) -> Result<ExitCode, Failure> {
    let sale = sale_id(sale)?;
    let id = OrderId::parse(order).map_err(|e| Failure::usage(vec![format!("{order:?}: {e}")]))?;
    let found = ledger(common)
        .await?
        .order(&sale, &id)
        .await
        .map_err(fault)?;
    let order = found.ok_or_else(|| {
        Failure::runtime(format!(
            "sale {sale} has no order {id}; nothing was sold under that id"
        ))
    })?;
    print(common, &OrderView::new(&sale, &id, &order))?;
    Ok(ExitCode::SUCCESS)
}
