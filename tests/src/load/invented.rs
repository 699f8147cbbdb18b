//! Calls about orders and sales that nobody made.

use super::reply::LastReply;
use serde::Deserialize;
use shared::Code;

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InventedCall {
    /// `GET` of an order.
    Read,
    /// `POST .../confirm`, without a token.
    Confirm,
    /// `POST .../cancel`
    Cancel,
    /// `POST .../extend`
    Extend,
    /// `GET` of a sale: its name is invented.
    View,
}

impl InventedCall {
    /// Its method.
    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Read | Self::View => "GET",
            Self::Confirm | Self::Cancel | Self::Extend => "POST",
        }
    }

    /// Its path, about `id` in `sale`.
    pub(super) fn path(self, sale: &str, id: &str) -> String {
        match self {
            Self::Read => format!("/v1/sales/{sale}/orders/{id}"),
            Self::Confirm => format!("/v1/sales/{sale}/orders/{id}/confirm"),
            Self::Cancel => format!("/v1/sales/{sale}/orders/{id}/cancel"),
            Self::Extend => format!("/v1/sales/{sale}/orders/{id}/extend"),
            Self::View => format!("/v1/sales/{id}"),
        }
    }

    /// What an answer means: "busy", or that there is no such thing. A cancel of an order that has
    /// not come yet is carried out.
    pub(super) fn observe(self, status: u16, body: &[u8]) -> LastReply {
        #[derive(Deserialize)]
        struct No {
            code: Code,
            retry_after_ms: Option<u32>,
        }
        let no = serde_json::from_slice::<No>(body).ok();
        match (status, no) {
            (429 | 503, Some(No { code, retry_after_ms: Some(wait_ms) })) => {
                LastReply::Later { wait_ms, code }
            }
            (404, Some(No { code: Code::UnknownOrder | Code::UnknownSale, .. })) => {
                LastReply::Refused
            }
            (401, Some(_)) if self == Self::Confirm => LastReply::Refused,
            (200, None) if self == Self::Cancel => LastReply::Refused,
            _ => LastReply::Wrong(format!("{status} {}", String::from_utf8_lossy(body))),
        }
    }
}
