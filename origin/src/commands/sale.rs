//! `lastseat sale`

use super::{fault, ledger, print};
use crate::cli::{Common, SaleCommand, SaleCreateFlags};
use crate::failure::Failure;
use crate::ledger::Created;
use crate::operator::{NewSale, SaleReport};
use shared::{Code, SaleId};
use std::process::ExitCode;

pub(super) async fn run(common: &Common, command: SaleCommand) -> Result<ExitCode, Failure> {
    match command {
        SaleCommand::Create(flags) => create(common, &flags).await,
        SaleCommand::Show { sale } => show(common, &sale).await,
    }
}

pub(super) fn sale_id(text: &str) -> Result<SaleId, Failure> {
    SaleId::parse(text).map_err(|e| Failure::usage(vec![format!("{text:?}: {e}")]))
}

async fn create(common: &Common, flags: &SaleCreateFlags) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let wanted = NewSale {
        capacity: flags.capacity,
        opens_at: flags.opens_at,
        closes_at: flags.closes_at,
        hold_ms: flags.hold_ms,
        buyer_limit: flags.buyer_limit,
        order_limit: flags.order_limit,
        open: flags.closed.then_some(false),
    };
    let wanted = wanted.check().map_err(|e| Failure::usage(vec![e]))?;
    let ledger = ledger(common).await?;
    let (snapshot, created) = ledger
        .create_sale(&sale, wanted.capacity, &wanted.terms, wanted.open)
        .await
        .map_err(fault)?;
    match created {
        Created::New => eprintln!("sale {sale} was created"),
        Created::Unchanged => eprintln!("sale {sale} was there already, with these terms"),
        Created::Differs => {
            return Err(Failure::runtime(format!(
                "sale {sale}: {}",
                Code::SaleExists.detail()
            )));
        }
    }
    print(common, &SaleReport::new(&sale, &snapshot))?;
    Ok(ExitCode::SUCCESS)
}

async fn show(common: &Common, sale: &str) -> Result<ExitCode, Failure> {
    let sale = sale_id(sale)?;
    let snapshot = ledger(common).await?.snapshot(&sale).await.map_err(fault)?;
    let snapshot = snapshot.ok_or_else(|| Failure::runtime(format!("there is no sale {sale}")))?;
    print(common, &SaleReport::new(&sale, &snapshot))?;
    Ok(ExitCode::SUCCESS)
}
