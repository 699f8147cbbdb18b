//! The bodies of the calls that change an order.

use serde::Deserialize;
use shared::Quantity;
use utoipa::ToSchema;

/// The body of a call that takes none: absent, or `{}`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Body of `confirm`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmRequest {
    /// Confirm so many tickets, the rest returns; all when absent.
    #[serde(default, deserialize_with = "shared::wire::json_integer::number_or_null")]
    #[schema(value_type = Option<Quantity>)]
    pub(crate) quantity: Option<u64>,
}
