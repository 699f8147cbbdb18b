//! Command `lastseat orders`, except `export`, `find`, `replay` and `unrestored`.

use super::target::api;
use super::{export, find, order_id, print, replay, sale_id, unrestored};
use crate::api_client::{self, ApiCall};
use crate::cli::{
    AckFlags, Common, OrderCancelFlags, OrderConfirmFlags, OrderFlags, OrderPartFlags,
    OrdersCommand, ServerFlags,
};
use crate::failure::Failure;
use lastseat_node::api::order_bodies::{AckRequest, CancelRequest, ConfirmRequest, LogPosition};
use shared::wire::messages::OrderView;
use shared::{OrderId, Quantity, SaleId};
use std::process::ExitCode;

pub(super) async fn run(
    common: &Common,
    server: &ServerFlags,
    command: OrdersCommand,
) -> Result<ExitCode, Failure> {
    match command {
        OrdersCommand::Show(flags) => {
            let (sale, id) = named(&flags)?;
            let call = ApiCall::get(&sale, &path(&id, ""));
            let order: OrderView = api(common, server)?.read(&call).await?;
            print(common, &order)?;
            Ok(ExitCode::SUCCESS)
        }
        OrdersCommand::Find(flags) => find::run(common, server, &flags).await,
        OrdersCommand::Confirm(flags) => confirm(common, server, &flags).await,
        OrdersCommand::Cancel(flags) => cancel(common, server, &flags).await,
        OrdersCommand::Extend(flags) => {
            let (sale, id) = named(&flags)?;
            let call = ApiCall::post(&sale, &path(&id, "/extend"));
            changed(common, server, &id, call).await
        }
        OrdersCommand::Export(flags) => export::run(common, server, &flags).await,
        OrdersCommand::Ack(flags) => ack(common, server, &flags).await,
        OrdersCommand::Replay(flags) => replay::run(common, &flags).await,
        OrdersCommand::Unrestored(flags) => unrestored::run(common, server, &flags).await,
    }
}

fn named(flags: &OrderFlags) -> Result<(SaleId, OrderId), Failure> {
    Ok((sale_id(&flags.sale)?, order_id(&flags.order)?))
}

fn path(id: &OrderId, verb: &str) -> String {
    format!("/orders/{}{verb}", id.in_path())
}

async fn confirm(
    common: &Common,
    server: &ServerFlags,
    flags: &OrderConfirmFlags,
) -> Result<ExitCode, Failure> {
    let (sale, id) = named(&flags.order)?;
    let quantity = flags.quantity;
    quantity.map(Quantity::new).transpose().map_err(|e| Failure::usage(vec![e.to_string()]))?;
    let OrderPartFlags { lines, seats } = flags.part.clone();
    let call = ApiCall::post(&sale, &path(&id, "/confirm")).with(&ConfirmRequest {
        quantity,
        lines,
        seats,
        reference: flags.reference.clone(),
        metadata: flags.metadata.as_deref().map(metadata).transpose()?,
    })?;
    changed(common, server, &id, call).await
}

fn metadata(text: &str) -> Result<serde_json::Value, Failure> {
    serde_json::from_str(text)
        .map_err(|e| Failure::usage(vec![format!("--metadata is no JSON: {e}")]))
}

async fn cancel(
    common: &Common,
    server: &ServerFlags,
    flags: &OrderCancelFlags,
) -> Result<ExitCode, Failure> {
    let (sale, id) = named(&flags.order)?;
    let if_state = flags.if_state;
    let OrderPartFlags { lines, seats } = flags.part.clone();
    let call = ApiCall::post(&sale, &path(&id, "/cancel")).with(&CancelRequest {
        if_state,
        lines,
        seats,
    })?;
    changed(common, server, &id, call).await
}

/// Makes a change of an order and says what became of it.
async fn changed(
    common: &Common,
    server: &ServerFlags,
    id: &OrderId,
    call: ApiCall,
) -> Result<ExitCode, Failure> {
    let answer = api(common, server)?.call(&call).await?;
    let order: OrderView = api_client::read(&answer)?;
    if answer.replayed {
        eprintln!("order {id} was {} already", order.state);
    }
    print(common, &order)?;
    Ok(ExitCode::SUCCESS)
}

async fn ack(common: &Common, server: &ServerFlags, flags: &AckFlags) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let call = ApiCall::post(&sale, "/log/ack").with(&AckRequest { to: flags.to })?;
    let answer = api(common, server)?.call(&call).await?;
    if answer.replayed {
        eprintln!("that was acknowledged already");
    }
    print::<LogPosition>(common, &api_client::read(&answer)?)?;
    Ok(ExitCode::SUCCESS)
}
