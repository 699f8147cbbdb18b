//! Command `lastseat orders unrestored`.

use super::target::api;
use super::{order_id, print_text, sale_id};
use crate::api_client::{self, ApiCall, ApiClient};
use crate::cli::{Common, ServerFlags, UnrestoredFlags};
use crate::failure::{Failure, NOT_FOUND};
use lastseat_node::api::unrestored::{UnrestoredList, UnrestoredOrder};
use lastseat_node::timestamp::Rfc3339;
use shared::SaleId;
use shared::wire::seat_lines::LineView;
use std::process::ExitCode;

/// Exit code 1 where some are left after a retry.
pub(super) async fn run(
    common: &Common,
    server: &ServerFlags,
    flags: &UnrestoredFlags,
) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let api = api(common, server)?;
    if let Some(order) = &flags.settled {
        return settle(&api, &sale, order).await;
    }
    let listed: UnrestoredList = api.read(&ApiCall::get(&sale, "/unrestored")).await?;
    let before = listed.orders.len();
    let left = if flags.retry {
        api.read(&ApiCall::post(&sale, "/unrestored/retry")).await?
    } else {
        listed
    };
    if flags.retry {
        let restored = before.saturating_sub(left.orders.len());
        eprintln!("lastseat: {restored} of {before} orders are restored");
    }
    let mut text = String::new();
    for order in &left.orders {
        text.push_str(&line(order, common.json)?);
        text.push('\n');
    }
    print_text(&text)?;
    let none = left.orders.is_empty();
    if none {
        eprintln!("sale {sale}: every acknowledged order is in the ledger");
    }
    // A list that was only asked for is no failure.
    Ok(ExitCode::from(u8::from(flags.retry && !none)))
}

fn line(order: &UnrestoredOrder, json: bool) -> Result<String, Failure> {
    if json {
        return serde_json::to_string(order).map_err(Failure::runtime);
    }
    let UnrestoredOrder { order_id, buyer, state, quantity, lines, why, node, at } = order;
    let (at, why) = (Rfc3339(*at), why.as_str());
    let lines: String = lines.iter().map(|line| format!("  {}", had(line))).collect();
    Ok(format!("{at}  {order_id}  {buyer}  {state}  {quantity}  {why}  node {node}{lines}"))
}

/// What a line of the order had, such as `second A-C: 1-1A 1-1B`.
fn had(line: &LineView) -> String {
    let way = match (&line.from, &line.to) {
        (Some(from), Some(to)) => format!(" {from}-{to}"),
        _ => String::new(),
    };
    let what = match line.seats.as_slice() {
        [] => line.quantity.to_string(),
        seats => seats.join(" "),
    };
    format!("{}{way}: {what}", line.class)
}

async fn settle(api: &ApiClient, sale: &SaleId, order: &str) -> Result<ExitCode, Failure> {
    let id = order_id(order)?;
    let call = ApiCall::post(sale, &format!("/unrestored/{}/settle", id.in_path()));
    let answer = api.call(&call).await?;
    let _: UnrestoredList = api_client::read(&answer)?;
    if answer.replayed {
        let why = format!("order {id} is not among those of sale {sale} that are not restored");
        return Err(Failure::new(NOT_FOUND, "unknown_order", why));
    }
    Ok(ExitCode::SUCCESS)
}
