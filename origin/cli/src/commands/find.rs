//! Command `lastseat orders find`.

use super::progress::Progress;
use super::target::api;
use super::{print_text, sale_id};
use crate::api_client::ApiCall;
use crate::cli::{Common, OrderFindFlags, ServerFlags};
use crate::failure::Failure;
use lastseat_node::api::order_search::OrderList;
use lastseat_node::timestamp::Rfc3339;
use shared::domain::ids::percent_encoded;
use shared::limits::SEARCH_PAGE_MAX;
use shared::wire::messages::OrderView;
use std::collections::HashSet;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

/// Prints each order that is found, page by page.
pub(super) async fn run(
    common: &Common,
    server: &ServerFlags,
    flags: &OrderFindFlags,
) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    if flags.limit == 0 {
        return Err(Failure::usage(vec!["--limit is a whole number from 1 on".to_owned()]));
    }
    let api = api(common, server)?;
    // Lines on a terminal are their own progress.
    let progress = Progress::shown(!io::stdout().is_terminal());
    let (mut after, mut read, mut unreadable) = (None, 0, 0);
    // The same order may be found twice while the sale sells.
    let mut shown = HashSet::new();
    let more = loop {
        let room = flags.limit - shown.len();
        if room == 0 {
            break true;
        }
        let path = format!("/orders{}", query(flags, room, after.as_deref()));
        let page: OrderList = api.read(&ApiCall::get(&sale, &path)).await?;
        let mut text = String::new();
        for order in &page.orders {
            if shown.len() < flags.limit && shown.insert(order.order_id.clone()) {
                text.push_str(&line(order, common.json)?);
                text.push('\n');
            }
        }
        print_text(&text)?;
        (read, unreadable) = (read + page.read, unreadable + page.unreadable);
        progress.report("orders", read, page.of);
        match page.next_after {
            Some(next) => after = Some(next),
            None => break false,
        }
    };
    drop(progress);
    if more {
        eprintln!("sale {sale}: these are {} orders, and there may be more: --limit", shown.len());
    } else if shown.is_empty() {
        eprintln!("sale {sale}: none of {read} orders is what you look for");
    }
    if unreadable > 0 {
        eprintln!("sale {sale}: {unreadable} records cannot be read: lastseat audit {sale}");
    }
    Ok(ExitCode::SUCCESS)
}

fn query(flags: &OrderFindFlags, room: usize, after: Option<&str>) -> String {
    let mut query = format!("?limit={}", room.min(SEARCH_PAGE_MAX));
    let state = flags.state.map(|state| state.as_str());
    for (name, value) in [
        ("buyer", flags.buyer.as_deref()),
        ("number", flags.number.as_deref()),
        ("state", state),
        ("reference", flags.reference.as_deref()),
        ("after", after),
    ] {
        if let Some(value) = value {
            query.push_str(&format!("&{name}={}", percent_encoded(value)));
        }
    }
    query
}

fn line(order: &OrderView, json: bool) -> Result<String, Failure> {
    if json {
        return serde_json::to_string(order).map_err(Failure::runtime);
    }
    let OrderView { order_id, number, buyer, quantity, state, created_at, .. } = order;
    let (at, state) = (Rfc3339(*created_at), state.as_str());
    Ok(format!("{at}  {number}  {order_id}  {state:9}  {quantity:4}  {buyer}"))
}
