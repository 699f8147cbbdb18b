//! OpenAPI description of what a sale with a plan sells and of what is left of it.

use super::call::{Call, curl};
use super::example;
use super::headers;
use shared::Code;
use utoipa::PartialSchema;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{HttpMethod, Required};

/// `?for=` of an order.
pub(super) fn wanted() -> Parameter {
    query(
        "for",
        "What the order is for, for edges, which refuse from memory what is gone and read no body \
         for it: the lines in their order with commas between them, each class, stops and \
         quantity, `second.VNP-NKH.2,first.1-3.1`, or in a hall `stalls.2`. Stops by their ids or \
         by their numbers from 1. A node refuses an order of which it says something else.",
    )
}

pub(super) fn plan() -> Call {
    let path = "/v1/sales/{sale}/plan";
    Call::new(HttpMethod::Get, path, "getPlan", "What a sale sells, seat by seat")
        .about(
            "Its stops, classes, coaches and blocks, with the names that orders and people use. A \
             plan stays as it is: an answer may be shown for a minute.",
        )
        .curl(r#"curl -sS "$URL/v1/sales/G1/plan""#)
        .yes(200, "The plan.", &example::plan(), &[headers::CACHE_CONTROL])
        .no(&[Code::UnknownSale, Code::NoPlan])
}

pub(super) fn seats() -> Call {
    let path = "/v1/sales/{sale}/seats";
    Call::new(HttpMethod::Get, path, "getSeats", "What is left, journey by journey")
        .about(
            "How many places of each class are free all the way, for each journey, at most 20 \
             (`more` where there are more). With `class` and `block` also which seats of a coach \
             or block are free. Free means that one order could have it a moment ago; whether \
             several are together the ledger says. A node reads it at most once a second.",
        )
        .curl(r#"curl -sS "$URL/v1/sales/G1/seats?class=second&from=VNP&to=NKH""#)
        .parameter(query("class", "One class, by its id; all when absent."))
        .parameter(query("block", "A coach or block of the class, by its id: seat by seat."))
        .parameter(query("from", "Where the journey begins, by id or number; needs `to`."))
        .parameter(query("to", "Where it ends. Without both, all journeys."))
        .yes(200, "What is left.", &example::seats(), &[headers::CACHE_CONTROL, headers::ETAG])
        .nothing(304, "It is as the header `If-None-Match` says.", &[headers::ETAG])
        .no(&[Code::Invalid, Code::UnknownSale, Code::NoPlan])
}

/// For operators.
pub(super) fn legs() -> Call {
    let path = "/v1/admin/sales/{sale}/legs";
    Call::new(HttpMethod::Get, path, "getSaleLegs", "A sale with a plan, leg by leg")
        .about(
            "`places = free + held + confirmed` of each class on each leg. And how much of each \
             coach or block is taken on the leg of which the fewest places can be had; of more \
             than 200 in a sale neighbours are counted together. What the dashboard shows. A node \
             reads it at most once a second.",
        )
        .curl(&curl("GET", "/v1/admin/sales/G1/legs", None))
        .yes(200, "Its legs.", &example::legs(), &[headers::CACHE_CONTROL, headers::ETAG])
        .nothing(304, "It is as the header `If-None-Match` says.", &[headers::ETAG])
        .no(&[Code::UnknownSale, Code::NoPlan])
}

fn query(name: &str, about: &str) -> Parameter {
    Parameter::builder()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(String::schema()))
        .build()
}
