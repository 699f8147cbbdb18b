//! OpenAPI description of the API for buyers and shops.

use super::call::{Call, LEDGER};
use super::{example, headers, seats};
use crate::api::order_bodies::{CancelRequest, ConfirmRequest, Nothing};
use serde_json::json;
use shared::wire::messages::OrderRequest;
use shared::{Code, OrderState};
use utoipa::openapi::{HttpMethod, Required};

pub(super) fn calls() -> Vec<Call> {
    let writes = [place(), confirm(), cancel(), extend()].map(Call::not_for_foreign_pages);
    let [place, confirm, cancel, extend] = writes;
    let calls = [place, show(), confirm, cancel, extend];
    let orders = calls.into_iter().map(|call| call.tag("orders"));
    let sales = [sale(), event(), seats::plan(), seats::seats()].map(|call| call.tag("sales"));
    let calls: Vec<Call> = sales.into_iter().chain(orders).collect();
    let common = |call: Call| {
        call.parameter(headers::traceparent()).no(&[Code::Busy]).no(&[Code::Untrusted]).no(&LEDGER)
    };
    calls.into_iter().map(common).collect()
}

fn sale() -> Call {
    Call::new(HttpMethod::Get, "/v1/sales/{sale}", "getSale", "How a sale stands")
        .about(
            "The exact number of free tickets is public only while there are many of them. An \
             edge shows an answer \
             again for a second.",
        )
        .curl(r#"curl -sS "$URL/v1/sales/demo""#)
        .yes(
            200,
            "The sale.",
            &example::sale(),
            &[headers::AGE, headers::AGE_MS, headers::CACHE_CONTROL],
        )
        .no(&[Code::UnknownSale])
}

fn event() -> Call {
    Call::new(HttpMethod::Get, "/v1/sales/{sale}/event", "getEvent", "What a sale sells, in words")
        .about(
            "Title, time, place, price and the like, as the operator has set them; without `event` \
             where nothing was said. An edge shows an answer again for ten seconds.",
        )
        .curl(r#"curl -sS "$URL/v1/sales/demo/event""#)
        .yes(
            200,
            "What it sells.",
            &example::event_view(),
            &[headers::AGE, headers::AGE_MS, headers::CACHE_CONTROL, headers::ETAG],
        )
        .nothing(304, "It is as the header `If-None-Match` says.", &[headers::ETAG])
        .no(&[Code::UnknownSale])
}

fn place() -> Call {
    Call::new(HttpMethod::Post, "/v1/sales/{sale}/orders", "placeOrder", "Order tickets")
        .about(
            "The order is confirmed at once, or held until it is paid where the sale has a hold \
             time. Repeating the \
             call with the same `Idempotency-Key` gives the same order, for as long as the order \
             is stored. In a sale with a plan an order has 1 to 8 `lines`, all or nothing; a \
             refusal says which line is the cause.",
        )
        .curl(
            r#"curl -sS "$URL/v1/sales/demo/orders" -H "Idempotency-Key: $KEY" -d '{"buyer":"ada","quantity":1}'"#,
        )
        .parameter(seats::wanted())
        .parameter(headers::idempotency_key())
        .parameter(headers::retry())
        .parameter(headers::buyer_token())
        .takes::<OrderRequest>(Required::True, json!({"buyer": "ada", "quantity": 1}))
        .yes(
            201,
            "The tickets are the buyer's.",
            &example::order(OrderState::Held),
            &[headers::LOCATION],
        )
        .then(201, &["getOrder", "confirmOrder", "extendOrder", "cancelOrder"])
        .yes(
            200,
            "They already were: this key was granted before. The order is shown as it stands now.",
            &example::order(OrderState::Held),
            &[headers::LOCATION, headers::REPLAYED],
        )
        .no(&[
            Code::BuyerToken,
            Code::SoldOut,
            Code::AllHeld,
            Code::NotEnough,
            Code::NotTogether,
            Code::SeatTaken,
            Code::LeavesSingle,
            Code::NotOpen,
            Code::Paused,
            Code::BuyerLimit,
            Code::EndedLimit,
            Code::UnknownSale,
            Code::Closed,
            Code::LengthRequired,
            Code::OrderLimit,
            Code::KeyReused,
            Code::NeedsLines,
            Code::NoPlan,
        ])
}

fn show() -> Call {
    let path = "/v1/sales/{sale}/orders/{order}";
    Call::new(HttpMethod::Get, path, "getOrder", "An order as it stands")
        .about("Always asks the ledger.")
        .curl(r#"curl -sS "$URL/v1/sales/demo/orders/$KEY""#)
        .yes(200, "The order.", &example::order(OrderState::Held), &[])
        .no(&[Code::UnknownOrder])
}

fn confirm() -> Call {
    let path = "/v1/sales/{sale}/orders/{order}/confirm";
    Call::new(HttpMethod::Post, path, "confirmOrder", "The payment came")
        .about(
            "Sells a held order, wholly or in part; the rest returns. A part of an order with \
             lines is named by `lines` or `seats`. A late payment takes the tickets again while \
             some are free, in a sale with a plan the same seats, or, where the sale has \
             `late_seats`: `other` and the call names no `seats`, others for the same lines; \
             otherwise it is refused for good, and the shop refunds.",
        )
        .curl(
            r#"curl -sS -X POST "$URL/v1/sales/demo/orders/$KEY/confirm" -H "Authorization: Bearer $SHOP_TOKEN""#,
        )
        .token("shop")
        .or_without_token()
        .takes::<ConfirmRequest>(Required::False, json!({}))
        .yes(
            200,
            "The order is confirmed.",
            &example::order(OrderState::Confirmed),
            &[headers::REPLAYED],
        )
        .no(&[
            Code::UnknownOrder,
            Code::UnknownSale,
            Code::WrongState,
            Code::QuantityHeld,
            Code::NotItsSeats,
            Code::NeedsLines,
            Code::NoPlan,
            Code::HoldExpired,
            Code::LengthRequired,
        ])
}

fn cancel() -> Call {
    let path = "/v1/sales/{sale}/orders/{order}/cancel";
    Call::new(HttpMethod::Post, path, "cancelOrder", "Give tickets back")
        .about(
            "For whoever knows the order's id, until it is paid; after that for the shop, with \
             the header `Authorization` as for `confirm`, unless the sale lets buyers do it \
             (`buyers_cancel`). An order that was confirmed at once, in a sale without holds, \
             counts as not paid. Another buyer can have the tickets at once. With `lines` or \
             `seats` only those return, and the order stays what it is with the rest. With \
             `if_state` nothing happens to an order in another state: a late word of a payment \
             that failed gives no paid order back. An order whose hold has ended is cancelled, \
             too: a later payment takes no ticket again. So is one that is not there yet \
             (quantity 0): a request for it that is still on its way sells nothing. One whose \
             late payment was refused stays as it is.",
        )
        .curl(r#"curl -sS -X POST "$URL/v1/sales/demo/orders/$KEY/cancel""#)
        // No security scheme: generated clients would ask buyers for a token.
        .takes::<CancelRequest>(Required::False, json!({"if_state": "held"}))
        .yes(
            200,
            "The order has no tickets any more.",
            &example::order(OrderState::Cancelled),
            &[headers::REPLAYED],
        )
        .no(&[
            Code::UnknownOrder,
            Code::UnknownSale,
            Code::WrongState,
            Code::Paid,
            Code::NotItsSeats,
            Code::NoPlan,
            Code::LengthRequired,
        ])
}

fn extend() -> Call {
    let path = "/v1/sales/{sale}/orders/{order}/extend";
    Call::new(HttpMethod::Post, path, "extendOrder", "Hold longer")
        .about(
            "The hold lasts a hold time from now, until it is three hold times old. For whoever \
             knows the order's id.",
        )
        .curl(r#"curl -sS -X POST "$URL/v1/sales/demo/orders/$KEY/extend""#)
        .takes::<Nothing>(Required::False, json!({}))
        .yes(200, "The hold ends later.", &example::order(OrderState::Held), &[])
        .no(&[
            Code::UnknownOrder,
            Code::UnknownSale,
            Code::WrongState,
            Code::HoldLimit,
            Code::HoldExpired,
            Code::LengthRequired,
        ])
}
