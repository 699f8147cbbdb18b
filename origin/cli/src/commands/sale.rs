//! Command `lastseat sale`, except `watch`.

use super::{fault, ledger, no_sale, print, refused, sale_id, watch};
use crate::cli::{
    Common, SaleCommand, SaleCreateFlags, SaleRestockFlags, SaleSetFlags, TermsFlags,
};
use crate::failure::Failure;
use lastseat_ledger::{Created, Ledger, Reply, SaleChange};
use lastseat_node::api::sale_bodies::{NewSale, SaleList, SaleReport};
use lastseat_node::api::sale_changes::{self, RestockRequest, TermsRequest};
use shared::{Code, Problem, SaleId, SaleState};
use std::process::ExitCode;

pub(super) async fn run(common: &Common, command: SaleCommand) -> Result<ExitCode, Failure> {
    match command {
        SaleCommand::Create(flags) => create(common, &flags).await,
        SaleCommand::Show(flags) => show(common, &flags.sale).await,
        SaleCommand::List => list(common).await,
        SaleCommand::Open(flags) => change_state(common, &flags.sale, SaleState::Open).await,
        SaleCommand::Pause(flags) => change_state(common, &flags.sale, SaleState::Paused).await,
        SaleCommand::Close(flags) => change_state(common, &flags.sale, SaleState::Closed).await,
        SaleCommand::Restock(flags) => restock(common, &flags).await,
        SaleCommand::Set(flags) => set(common, &flags).await,
        SaleCommand::Watch(flags) => watch::run(common, &flags).await,
    }
}

/// The flags as the API writes them, relative moments by the ledger's clock.
async fn terms(flags: &TermsFlags, ledger: &Ledger) -> Result<TermsRequest, Failure> {
    let now = ledger.time().await.map_err(fault)?;
    Ok(TermsRequest {
        opens_at: flags.opens_at.map(|moment| moment.from(now).0),
        closes_at: flags.closes_at.map(|moment| moment.from(now).0),
        hold_ms: flags.hold.map(|span| span.0),
        buyer_limit: flags.buyer_limit,
        order_limit: flags.order_limit,
    })
}

async fn create(common: &Common, flags: &SaleCreateFlags) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let ledger = ledger(common).await?;
    let terms = terms(&flags.terms, &ledger).await?;
    let wanted = NewSale {
        capacity: flags.capacity,
        opens_at: terms.opens_at,
        closes_at: terms.closes_at,
        hold_ms: terms.hold_ms,
        buyer_limit: terms.buyer_limit,
        order_limit: terms.order_limit,
        open: flags.closed.then_some(false),
    };
    let wanted = wanted.check().map_err(|e| Failure::usage(vec![e.detail]))?;
    let (snapshot, created) = ledger
        .create_sale(&sale, wanted.capacity, &wanted.terms, wanted.open)
        .await
        .map_err(fault)?;
    match created {
        Created::New => eprintln!("sale {sale} was created"),
        Created::Unchanged => eprintln!("sale {sale} was there already, with these terms"),
        Created::Differs => return Err(refused(&Problem::new(Code::SaleExists))),
    }
    print(common, &SaleReport::new(&sale, &snapshot))?;
    Ok(ExitCode::SUCCESS)
}

async fn show(common: &Common, sale: &str) -> Result<ExitCode, Failure> {
    let sale = sale_id(sale)?;
    let snapshot = ledger(common).await?.snapshot(&sale).await.map_err(fault)?;
    let snapshot = snapshot.ok_or_else(|| no_sale(&sale))?;
    print(common, &SaleReport::new(&sale, &snapshot))?;
    Ok(ExitCode::SUCCESS)
}

async fn list(common: &Common) -> Result<ExitCode, Failure> {
    let ledger = ledger(common).await?;
    let mut list = SaleList::read(&ledger, None).await.map_err(fault)?;
    while let Some(last) = list.next_after.take() {
        let page = SaleList::read(&ledger, Some(&sale_id(&last)?)).await;
        let page = page.map_err(fault)?;
        list.sales.extend(page.sales);
        list.next_after = page.next_after;
    }
    if common.json {
        print(common, &list)?;
    } else {
        super::print_text(&table(&list))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(list: &SaleList) -> String {
    let line = |words: [&str; 6]| {
        let [sale, state, capacity, free, held, confirmed] = words;
        format!("{sale:24} {state:9} {capacity:>10} {free:>10} {held:>10} {confirmed:>10}\n")
    };
    let mut text = line(["SALE", "STATE", "CAPACITY", "FREE", "HELD", "CONFIRMED"]);
    for sale in &list.sales {
        let numbers = [sale.capacity, sale.free, sale.held, sale.confirmed];
        let [capacity, free, held, confirmed] = &numbers.map(|number| number.to_string());
        text += &line([&sale.sale, sale.state.as_str(), capacity, free, held, confirmed]);
    }
    text
}

async fn change_state(common: &Common, sale: &str, to: SaleState) -> Result<ExitCode, Failure> {
    let sale = sale_id(sale)?;
    let reply = ledger(common).await?.set_state(&sale, to).await;
    changed(common, &sale, reply)
}

async fn restock(common: &Common, flags: &SaleRestockFlags) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let wanted = RestockRequest { capacity: flags.capacity, add: flags.add };
    let wanted = wanted.check().map_err(|e| Failure::usage(vec![e.detail]))?;
    let reply = sale_changes::restock(&ledger(common).await?, &sale, wanted).await;
    changed(common, &sale, reply)
}

async fn set(common: &Common, flags: &SaleSetFlags) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let ledger = ledger(common).await?;
    let wanted = terms(&flags.terms, &ledger).await?;
    let change = wanted.check().map_err(|e| Failure::usage(vec![e.detail]))?;
    let reply = ledger.set_terms(&sale, &change).await;
    changed(common, &sale, reply)
}

/// Says what became of a change of a sale.
fn changed(common: &Common, sale: &SaleId, reply: Reply<SaleChange>) -> Result<ExitCode, Failure> {
    let (snapshot, change) = reply.map_err(fault)?.ok_or_else(|| no_sale(sale))?;
    if let Some(problem) = sale_changes::refused(change, &snapshot) {
        return Err(refused(&problem));
    }
    if change == SaleChange::Unchanged {
        eprintln!("sale {sale} was so already");
    }
    print(common, &SaleReport::new(sale, &snapshot))?;
    Ok(ExitCode::SUCCESS)
}
