//! OpenAPI description of the operator API.

use super::call::{Call, LEDGER, curl, query};
use super::example;
use super::headers::REPLAYED;
use super::seats;
use super::watching;
use crate::api::event_line::EventLine;
use crate::api::event_line::LOG_LINES_MAX;
use crate::api::order_bodies::{AckRequest, CancelRequest, ConfirmRequest, LogPosition, Nothing};
use crate::api::order_search::OrderList;
use crate::api::sale_bodies::{NewSale, SaleList};
use crate::api::sale_changes::{RestockRequest, TermsRequest};
use crate::api::unrestored::{UnrestoredList, UnrestoredOrder, UnrestoredReason};
use serde_json::json;
use shared::limits::SEARCH_PAGE_MAX;
use shared::{BuyerId, Code, OrderState, PaymentReference, SaleId, SaleState};
use utoipa::PartialSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{HttpMethod, Required};

/// A `next_after` of a search.
const SEARCH_POSITION: &str = "9c1f0a77d3b54e20.6144.";
const SALE: &str = "/v1/admin/sales/{sale}";

pub(super) fn calls() -> Vec<Call> {
    let calls = vec![
        watching::status(),
        watching::status_stream(),
        watching::overview(),
        list(),
        create(),
        show(),
        terms(),
        state("/v1/admin/sales/{sale}/open", "openSale", "Open a sale", SaleState::Open),
        state("/v1/admin/sales/{sale}/pause", "pauseSale", "Pause a sale", SaleState::Paused),
        restock(),
        seats::legs(),
        watching::history(),
        audit(),
        log(),
        ack(),
        find_orders(),
        order(),
        change_order(
            "/v1/admin/sales/{sale}/orders/{order}/confirm",
            ("confirmAnyOrder", "Confirm an order"),
            OrderState::Confirmed,
        )
        .takes::<ConfirmRequest>(Required::False, json!({"quantity": 1}))
        .no(&[Code::QuantityHeld, Code::NotItsSeats, Code::NeedsLines, Code::NoPlan]),
        change_order(
            "/v1/admin/sales/{sale}/orders/{order}/cancel",
            ("cancelAnyOrder", "Cancel an order"),
            OrderState::Cancelled,
        )
        .takes::<CancelRequest>(Required::False, json!({"if_state": "held"}))
        .no(&[Code::NotItsSeats, Code::NoPlan]),
        change_order(
            "/v1/admin/sales/{sale}/orders/{order}/extend",
            ("extendAnyOrder", "Make a hold last longer"),
            OrderState::Held,
        )
        .takes::<Nothing>(Required::False, json!({}))
        .no(&[Code::HoldLimit]),
        unrestored(),
        retry_unrestored(),
        settle_unrestored(),
        state(
            "/v1/admin/sales/{sale}/close",
            "closeSale",
            "Close a sale for good",
            SaleState::Closed,
        ),
    ];
    let common = |call: Call| call.tag("sales").token("operator").no(&LEDGER);
    calls.into_iter().map(common).collect()
}

fn list() -> Call {
    let page = SaleList { sales: vec![example::report(SaleState::Open)], next_after: None };
    Call::new(HttpMethod::Get, "/v1/admin/sales", "listSales", "All sales")
        .about("By id, at most 1,000 on a page. `next_after` is there if more follow.")
        .curl(&curl("GET", "/v1/admin/sales", None))
        .parameter(query("after", "The last sale of the page before.", SaleId::schema()))
        .yes(200, "A page of sales.", &page, &[])
        .no(&[Code::Invalid])
}

fn create() -> Call {
    let body = json!({"capacity": 10_000, "hold_ms": example::HOLD_MS, "order_limit": 4});
    Call::new(HttpMethod::Put, SALE, "createSale", "Create a sale")
        .about(
            "Of so many equal tickets (`capacity`), or seat by seat (`plan`). It is open from the \
             start, unless it has a time to open at or `open` is false. All that is wrong with a \
             plan is in `detail`, a line each.",
        )
        .curl(&curl("PUT", "/v1/admin/sales/demo", Some(body.clone())))
        .takes::<NewSale>(Required::True, body)
        .yes(201, "It is new.", &example::report(SaleState::Open), &[])
        .yes(200, "It was there with these terms.", &example::report(SaleState::Open), &[])
        .no(&[Code::SaleExists, Code::BadTerms])
}

fn show() -> Call {
    Call::new(HttpMethod::Get, SALE, "getSaleReport", "A sale with all its numbers")
        .about(
            "`capacity = free + held + confirmed` holds in every answer. With a `plan` these \
             numbers count places on legs, not tickets.",
        )
        .curl(&curl("GET", "/v1/admin/sales/demo", None))
        .yes(200, "The sale.", &example::report(SaleState::Open), &[])
        .no(&[Code::UnknownSale])
}

fn terms() -> Call {
    let body = json!({"buyer_limit": 60});
    Call::new(HttpMethod::Patch, SALE, "changeTerms", "Change the terms of a sale")
        .about(
            "Also while it is open; orders that exist keep theirs. What is absent stays as it is.",
        )
        .curl(&curl("PATCH", "/v1/admin/sales/demo", Some(body.clone())))
        .takes::<TermsRequest>(Required::True, body)
        .yes(200, "The terms are these.", &example::report(SaleState::Open), &[REPLAYED])
        .no(&[Code::UnknownSale, Code::BadTransition, Code::BadTerms, Code::NoPlan])
}

fn state(path: &'static str, id: &str, title: &str, to: SaleState) -> Call {
    let about = "A sale goes scheduled, open, paused and open again, closed, and no other way.";
    Call::new(HttpMethod::Post, path, id, title)
        .about(about)
        .curl(&curl("POST", &path.replace("{sale}", "demo"), None))
        .takes::<Nothing>(Required::False, json!({}))
        .yes(200, "The sale is in that state.", &example::report(to), &[REPLAYED])
        .no(&[Code::UnknownSale, Code::BadTransition])
}

fn restock() -> Call {
    let body = json!({"capacity": 12_000});
    let path = "/v1/admin/sales/{sale}/restock";
    Call::new(HttpMethod::Post, path, "restockSale", "Change how many tickets there are")
        .about(
            "`capacity` is safe to repeat. `add` is not: each repeat adds again. The capacity \
             never goes below what \
             is held and confirmed.",
        )
        .curl(&curl("POST", "/v1/admin/sales/demo/restock", Some(body.clone())))
        .takes::<RestockRequest>(Required::True, body)
        .yes(200, "There are so many.", &example::report(SaleState::Open), &[REPLAYED])
        .no(&[
            Code::UnknownSale,
            Code::CapacityTaken,
            Code::HasPlan,
            Code::BadTransition,
            Code::BadTerms,
            Code::Busy,
        ])
}

fn audit() -> Call {
    let path = "/v1/admin/sales/{sale}/audit";
    Call::new(HttpMethod::Get, path, "auditSale", "Recount a sale")
        .about(
            "From its orders and from its log, also while it sells, and whatever its data is: \
             damage is named in \
             `findings`, each with what to do, and what could not be checked in `not_checked`. \
             Changes nothing. Takes \
             seconds for millions of orders. `lastseat audit --repair-plan` also plans the repair.",
        )
        .curl(&curl("GET", "/v1/admin/sales/demo/audit", None))
        .yes(
            200,
            "What was found; `ok` where nothing differs and nothing that matters was left \
            unchecked.",
            &example::audit(),
            &[],
        )
        .no(&[Code::UnknownSale])
}

fn log() -> Call {
    let path = "/v1/admin/sales/{sale}/log";
    let lines = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("An EventLine as JSON on each line."));
    let mut line = serde_json::to_string(&example::event()).unwrap_or_default();
    line.push('\n');
    let number = |min: usize| ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min));
    let from = "First `commit_seq`; the oldest that the log still has when absent or trimmed.";
    let limit = "The page ends with the entry that reaches so many lines.";
    let limits = number(1).maximum(Some(LOG_LINES_MAX));
    Call::new(HttpMethod::Get, path, "readLog", "A page of a sale's log")
        .about(
            "Whole entries only, so that the next page begins after the last `commit_seq`. Empty \
             where the log ends.",
        )
        .curl(&curl("GET", "/v1/admin/sales/demo/log?limit=100", None))
        .with::<EventLine>()
        .says("Events as NDJSON.", "application/x-ndjson", lines.build().into(), json!(line))
        .parameter(query("from", from, number(0).maximum(Some(usize::MAX)).into()))
        .parameter(query("limit", limit, limits.into()))
        .no(&[Code::UnknownSale])
}

fn find_orders() -> Call {
    let path = "/v1/admin/sales/{sale}/orders";
    let page = OrderList {
        orders: vec![example::order(OrderState::Held)],
        next_after: Some(SEARCH_POSITION.to_owned()),
        read: 10_000,
        of: 48_210,
        unreadable: 0,
    };
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let limits = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(SEARCH_PAGE_MAX));
    let number = "With this number, as a person types it: `k3f7 9qxm 2d`.";
    let limit = "The page ends with the order that reaches this number; 100 when absent.";
    let after = "The `next_after` of the page before.";
    Call::new(HttpMethod::Get, path, "findOrders", "Find orders of a sale")
        .about(
            "Those that are all of what the query says; all orders where it says nothing. There \
             is no index: each page reads at most 10,000 records of the sale and takes at most a \
             second or so, and may be empty although later ones are not. Go on while there is \
             `next_after`. What is there during the whole search is found; an order may be found \
             twice while the sale sells. Where Redis was restarted between two pages the answer \
             is `invalid`: begin anew.",
        )
        .curl(&curl("GET", "/v1/admin/sales/demo/orders?buyer=ada", None))
        .parameter(query("buyer", "Of this buyer.", BuyerId::schema()))
        .parameter(query("number", number, text().build().into()))
        .parameter(query("state", "In this state.", OrderState::schema()))
        .parameter(query("reference", "Paid under this reference.", PaymentReference::schema()))
        .parameter(query("after", after, text().build().into()))
        .parameter(query("limit", limit, limits.into()))
        .yes(200, "A page of orders.", &page, &[])
        .no(&[Code::Invalid, Code::UnknownSale, Code::Busy])
}

fn order() -> Call {
    let path = "/v1/admin/sales/{sale}/orders/{order}";
    Call::new(HttpMethod::Get, path, "getAnyOrder", "An order as it stands")
        .about("As the public call of the same name.")
        .curl(&curl("GET", "/v1/admin/sales/demo/orders/$KEY", None))
        .yes(200, "The order.", &example::order(OrderState::Held), &[])
        .no(&[Code::UnknownOrder])
}

fn ack() -> Call {
    let path = "/v1/admin/sales/{sale}/log/ack";
    let body = json!({"to": 1});
    let position = LogPosition { sale: "demo".to_owned(), to: 1, commit_seq: 912 };
    Call::new(HttpMethod::Post, path, "acknowledgeLog", "Let the log forget what was taken over")
        .about("All entries up to a `commit_seq`. The audit needs none of them.")
        .curl(&curl("POST", "/v1/admin/sales/demo/log/ack", Some(body.clone())))
        .takes::<AckRequest>(Required::True, body)
        .yes(200, "They may be forgotten.", &position, &[REPLAYED])
        .no(&[Code::UnknownSale, Code::BadTerms])
}

fn change_order(path: &'static str, (id, title): (&str, &str), to: OrderState) -> Call {
    let shown = path.replace("{sale}", "demo").replace("{order}", "$KEY");
    Call::new(HttpMethod::Post, path, id, title)
        .about("As the public call of the same name, with the operators' token.")
        .curl(&curl("POST", &shown, None))
        .yes(200, "The order.", &example::order(to), &[REPLAYED])
        .no(&[Code::UnknownSale, Code::UnknownOrder, Code::WrongState, Code::HoldExpired])
}

fn unrestored() -> Call {
    let path = "/v1/admin/sales/{sale}/unrestored";
    let order = example::order(OrderState::Held);
    let order = UnrestoredOrder {
        order_id: order.order_id,
        buyer: order.buyer,
        state: order.state,
        quantity: order.quantity,
        lines: Vec::new(),
        why: UnrestoredReason::NoRoom,
        node: 2,
        at: order.created_at,
    };
    Call::new(HttpMethod::Get, path, "listUnrestored", "Acknowledged orders that are not restored")
        .about(
            "After Redis lost its last changes the nodes restore what they had acknowledged. Here \
             is what came too late: `no_room` = its tickets were sold to others meanwhile, \
             `conflict` = it ended differently.",
        )
        .curl(&curl("GET", "/v1/admin/sales/demo/unrestored", None))
        .yes(200, "The orders.", &UnrestoredList { orders: vec![order] }, &[])
        .no(&[Code::UnknownSale])
}

fn retry_unrestored() -> Call {
    let path = "/v1/admin/sales/{sale}/unrestored/retry";
    Call::new(HttpMethod::Post, path, "retryUnrestored", "Try to restore them once more")
        .about("After a restock has made room.")
        .curl(&curl("POST", "/v1/admin/sales/demo/unrestored/retry", None))
        .takes::<Nothing>(Required::False, json!({}))
        .yes(200, "Those that are left.", &UnrestoredList::default(), &[])
        .no(&[Code::UnknownSale])
}

fn settle_unrestored() -> Call {
    let path = "/v1/admin/sales/{sale}/unrestored/{order}/settle";
    Call::new(HttpMethod::Post, path, "settleUnrestored", "Take an order off that list")
        .about("The buyer was refunded.")
        .curl(&curl("POST", "/v1/admin/sales/demo/unrestored/$KEY/settle", None))
        .takes::<Nothing>(Required::False, json!({}))
        .yes(200, "Those that are left.", &UnrestoredList::default(), &[REPLAYED])
        .no(&[Code::UnknownSale])
}
