//! A simulated client's request, as the edge's rules read it.

use super::message::{Op, Request};
use shared::SaleId;
use shared::domain::order::KeySource;
use shared::edge::client_request::{ClientRequest, RequestBody, SentKey, SentMarks};
use std::borrow::Cow;
use std::net::IpAddr;

/// Who asks what.
#[derive(Debug)]
pub(super) struct SimulatedRequest<'a> {
    request: &'a Request,
    path: String,
}

impl<'a> SimulatedRequest<'a> {
    pub(super) fn new(sale: &SaleId, request: &'a Request) -> Self {
        let verb = match request.op {
            Op::Order => None,
            Op::Confirm => Some("confirm"),
            Op::Cancel => Some("cancel"),
            Op::Extend => Some("extend"),
        };
        let path = match (verb, &request.id) {
            (Some(verb), Some(id)) => format!("/v1/sales/{sale}/orders/{id}/{verb}"),
            _ => format!("/v1/sales/{sale}/orders"),
        };
        Self { request, path }
    }
}

impl ClientRequest for SimulatedRequest<'_> {
    fn method(&self) -> &str {
        "POST"
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn host(&self) -> Cow<'_, str> {
        "edge.example".into()
    }

    fn client_ip(&self) -> Option<IpAddr> {
        None
    }

    fn sent_key(&self) -> SentKey<'_> {
        match (&self.request.id, self.request.op) {
            (Some(id), Op::Order) => {
                let repeated = self.request.key == KeySource::Repeated;
                SentKey::Here(id.as_str().into(), repeated)
            }
            _ => SentKey::Absent,
        }
    }

    fn authorization(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn buyer_token(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn content_length(&self) -> Option<Cow<'_, str>> {
        self.has_body().then_some(Cow::Borrowed("1"))
    }

    fn content_type(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn traceparent(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn if_none_match(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn page_marks(&self) -> Option<SentMarks> {
        None
    }

    fn has_body(&self) -> bool {
        self.request.op == Op::Order
    }

    fn asks_permission(&self) -> bool {
        false
    }

    fn wants_page(&self) -> bool {
        false
    }
}

/// The body of an order. What it says travels beside it: the simulated edges neither verify buyers
/// nor route by them.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimulatedBody;

impl RequestBody for SimulatedBody {
    fn len(&self) -> usize {
        1
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(b"?")
    }
}
