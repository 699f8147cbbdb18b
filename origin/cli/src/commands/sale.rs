//! Command `lastseat sale`, except `watch`.

use super::target::{api, ledger};
use super::{fault, print, sale_id, watch};
use crate::api_client::{self, ApiCall, ApiClient, of_sale};
use crate::cli::{
    Common, SaleCommand, SaleCreateFlags, SaleRestockFlags, SaleSetFlags, ServerFlags, TermsFlags,
};
use crate::event_file;
use crate::failure::{Failure, REFUSED};
use crate::plan_file;
use crate::when::MomentArg;
use hyper::{Method, StatusCode};
use lastseat_ledger::Ledger;
use lastseat_node::api::sale_bodies::{NewSale, SaleList, SaleReport};
use lastseat_node::api::sale_changes::{RestockRequest, TermsRequest};
use serde::Deserialize;
use shared::{Actor, Problem, SaleId, UnixMillis};
use std::process::ExitCode;

pub(super) async fn run(
    common: &Common,
    server: &ServerFlags,
    command: SaleCommand,
) -> Result<ExitCode, Failure> {
    match command {
        SaleCommand::Create(flags) => create(common, server, &flags).await,
        SaleCommand::Show(flags) => {
            let call = ApiCall::get(&sale_id(&flags.sale)?, "");
            let report: SaleReport = api(common, server)?.read(&call).await?;
            print(common, &report)?;
            Ok(ExitCode::SUCCESS)
        }
        SaleCommand::List => list(common, server).await,
        SaleCommand::Open(flags) => change_state(common, server, &flags.sale, "/open").await,
        SaleCommand::Pause(flags) => change_state(common, server, &flags.sale, "/pause").await,
        SaleCommand::Close(flags) => change_state(common, server, &flags.sale, "/close").await,
        SaleCommand::Restock(flags) => restock(common, server, &flags).await,
        SaleCommand::Set(flags) => set(common, server, &flags).await,
        SaleCommand::Watch(flags) => watch::run(common, server, &flags).await,
    }
}

/// Where the ledger's clock is read.
enum Clock<'a> {
    Node(&'a ApiClient),
    Ledger(&'a Ledger),
}

/// What is read of a status.
#[derive(Deserialize)]
struct StatusTime {
    at: UnixMillis,
}

impl Clock<'_> {
    async fn now(&self) -> Result<UnixMillis, Failure> {
        match self {
            Self::Ledger(ledger) => ledger.time().await.map_err(fault),
            Self::Node(api) => {
                let call = ApiCall::of(Method::GET, "/v1/admin/status".to_owned());
                let status: StatusTime = api.read(&call).await?;
                Ok(status.at)
            }
        }
    }
}

/// The flags as the API writes them, relative moments by the ledger's clock.
async fn terms(flags: &TermsFlags, clock: Clock<'_>) -> Result<TermsRequest, Failure> {
    let moments = [flags.opens_at, flags.closes_at];
    let relative = moments.iter().any(|moment| matches!(moment, Some(MomentArg::In(_))));
    let now = if relative { clock.now().await? } else { UnixMillis(0) };
    let [opens_at, closes_at] = moments.map(|moment| moment.map(|moment| moment.from(now).0));
    Ok(TermsRequest {
        opens_at,
        closes_at,
        hold_ms: flags.hold.map(|span| span.0),
        buyer_limit: flags.buyer_limit,
        order_limit: flags.order_limit,
        buyers_cancel: flags.buyers_cancel,
        pay_url: flags.pay_url.clone(),
        late_seats: flags.late_seats,
        return_url: flags.return_url.clone(),
        event: flags.event.as_deref().map(event_file::document_of).transpose()?,
    })
}

async fn create(
    common: &Common,
    server: &ServerFlags,
    flags: &SaleCreateFlags,
) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let (report, new) = if flags.on.ledger {
        create_on(&ledger(common).await?, &sale, flags).await?
    } else {
        let api = api(common, server)?;
        let wanted = new_sale(flags, Clock::Node(&api)).await?;
        let call = ApiCall::of(Method::PUT, of_sale(&sale, "")).with(&wanted)?;
        let answer = api.call(&call).await?;
        (api_client::read(&answer)?, answer.status == StatusCode::CREATED)
    };
    if new {
        eprintln!("sale {sale} was created");
    } else {
        eprintln!("sale {sale} was there already, with these terms");
    }
    print::<SaleReport>(common, &report)?;
    Ok(ExitCode::SUCCESS)
}

/// Creates it where no node runs yet.
async fn create_on(
    ledger: &Ledger,
    sale: &SaleId,
    flags: &SaleCreateFlags,
) -> Result<(SaleReport, bool), Failure> {
    let wanted = new_sale(flags, Clock::Ledger(ledger)).await?;
    let wanted = wanted.check().map_err(|e| Failure::usage(vec![e.detail]))?;
    let plan = wanted.plan_note();
    let ledger = ledger.acting_for(Some(&Actor::ledger()));
    match wanted.create(&ledger, sale).await.map_err(fault)? {
        Ok((snapshot, new)) => Ok((SaleReport::new(sale, &snapshot, plan), new)),
        Err(Problem { code, detail, .. }) => {
            let code = code.as_str();
            Err(Failure::new(REFUSED, code, format!("{code}: {detail}")))
        }
    }
}

async fn new_sale(flags: &SaleCreateFlags, clock: Clock<'_>) -> Result<NewSale, Failure> {
    let plan = flags.plan.as_deref().map(plan_file::plan_of).transpose()?;
    let terms = terms(&flags.terms, clock).await?;
    let wanted = NewSale {
        capacity: flags.capacity,
        plan: plan
            .map(|plan| serde_json::to_value(plan.to_document()))
            .transpose()
            .map_err(Failure::runtime)?,
        opens_at: terms.opens_at,
        closes_at: terms.closes_at,
        hold_ms: terms.hold_ms,
        buyer_limit: terms.buyer_limit,
        order_limit: terms.order_limit,
        buyers_cancel: terms.buyers_cancel,
        pay_url: terms.pay_url,
        late_seats: terms.late_seats,
        return_url: terms.return_url,
        event: terms.event,
        open: flags.closed.then_some(false),
    };
    wanted.check().map_err(|e| Failure::usage(vec![e.detail]))?;
    Ok(wanted)
}

async fn list(common: &Common, server: &ServerFlags) -> Result<ExitCode, Failure> {
    let api = api(common, server)?;
    let page = async |after: Option<String>| -> Result<SaleList, Failure> {
        let after = after.map_or_else(String::new, |sale| format!("?after={sale}"));
        api.read(&ApiCall::of(Method::GET, format!("/v1/admin/sales{after}"))).await
    };
    let mut list = page(None).await?;
    while let Some(last) = list.next_after.take() {
        let SaleList { sales, next_after } = page(Some(last)).await?;
        list.sales.extend(sales);
        list.next_after = next_after;
    }
    if common.json {
        print(common, &list)?;
    } else {
        super::print_text(&table(&list))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(list: &SaleList) -> String {
    let line = |words: [&str; 7]| {
        let [sale, state, capacity, free, held, confirmed, counts] = words;
        format!(
            "{sale:24} {state:9} {capacity:>10} {free:>10} {held:>10} {confirmed:>10} {counts}\n"
        )
    };
    let mut text = line(["SALE", "STATE", "CAPACITY", "FREE", "HELD", "CONFIRMED", "COUNTED IN"]);
    for sale in &list.sales {
        let numbers = [sale.capacity, sale.free, sale.held, sale.confirmed];
        let [capacity, free, held, confirmed] = &numbers.map(|number| number.to_string());
        let counts = match &sale.plan {
            None => "tickets".to_owned(),
            Some(plan) if plan.legs == 1 => "places of a plan".to_owned(),
            Some(plan) => format!("places on {} legs of a plan", plan.legs),
        };
        text += &line([&sale.sale, sale.state.as_str(), capacity, free, held, confirmed, &counts]);
    }
    text
}

async fn change_state(
    common: &Common,
    server: &ServerFlags,
    sale: &str,
    verb: &str,
) -> Result<ExitCode, Failure> {
    let sale = sale_id(sale)?;
    changed(common, server, &sale, ApiCall::post(&sale, verb)).await
}

async fn restock(
    common: &Common,
    server: &ServerFlags,
    flags: &SaleRestockFlags,
) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let wanted = RestockRequest { capacity: flags.capacity, add: flags.add };
    wanted.check().map_err(|e| Failure::usage(vec![e.detail]))?;
    let call = ApiCall::post(&sale, "/restock").with(&wanted)?;
    let call = if flags.add.is_some() { call.once() } else { call };
    changed(common, server, &sale, call).await
}

async fn set(
    common: &Common,
    server: &ServerFlags,
    flags: &SaleSetFlags,
) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let wanted = terms(&flags.terms, Clock::Node(&api(common, server)?)).await?;
    wanted.check().map_err(|e| Failure::usage(vec![e.detail]))?;
    let call = ApiCall::of(Method::PATCH, of_sale(&sale, "")).with(&wanted)?;
    changed(common, server, &sale, call).await
}

/// Makes a change of a sale and says what became of it.
async fn changed(
    common: &Common,
    server: &ServerFlags,
    sale: &SaleId,
    call: ApiCall,
) -> Result<ExitCode, Failure> {
    let answer = api(common, server)?.call(&call).await?;
    if answer.replayed {
        eprintln!("sale {sale} was so already");
    }
    print::<SaleReport>(common, &api_client::read(&answer)?)?;
    Ok(ExitCode::SUCCESS)
}
