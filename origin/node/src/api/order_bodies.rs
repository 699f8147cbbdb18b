//! The bodies of the calls that change an order, or acknowledge the log.

use serde::{Deserialize, Serialize};
use shared::wire::json_integer;
use shared::{IfState, Quantity};
use utoipa::ToSchema;

/// The body of a call that takes none: absent, or `{}`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Body of `confirm`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest {
    /// Confirm so many tickets, the rest returns; all when absent.
    #[serde(default, deserialize_with = "json_integer::number_or_null")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Quantity>)]
    pub quantity: Option<u64>,
}

/// Body of `cancel`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// Only if the order is in this state, so that a late word of a payment that failed gives no
    /// paid order back; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_state: Option<IfState>,
}

/// Body of `POST /v1/admin/sales/{sale}/log/ack`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AckRequest {
    /// The last `commit_seq` that was taken over.
    #[serde(deserialize_with = "json_integer::number")]
    pub to: u64,
}

/// What was acknowledged of a log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogPosition {
    /// The sale.
    pub sale: String,
    /// The position that was named.
    pub to: u64,
    /// The end of the log.
    pub commit_seq: u64,
}
