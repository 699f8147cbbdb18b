//! The bodies of the calls that change an order, or acknowledge the log.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::limits::ORDER_LINES_MAX;
use shared::wire::json_integer;
use shared::{IfState, OrderMetadata, Payment, PaymentReference, Problem, Quantity};
use utoipa::ToSchema;

/// The body of a call that takes none: absent, or `{}`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Body of `confirm`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest {
    /// Confirm so many tickets, the rest returns; all when absent. Of an order with lines it must
    /// be all that it has: name lines or seats for a part.
    #[serde(default, deserialize_with = "json_integer::number_or_null")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Quantity>)]
    pub quantity: Option<u64>,
    /// Confirm these lines of the order, by their places in it, from 0; the rest returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1, max_items = 8)]
    pub lines: Option<Vec<u32>>,
    /// Confirm these seats of the order, by their names; the rest returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1)]
    pub seats: Option<Vec<String>>,
    /// By which the shop finds the payment, such as the id that its provider has given. It is
    /// stored with the order and written to the log. Of an order that is confirmed already the
    /// first one stays, and the answer has it: where it is another one, the order was paid twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PaymentReference>, nullable = false, required = false)]
    pub reference: Option<String>,
    /// What the shop stores with the order: a JSON object or string of at most 512 bytes, which
    /// nothing here reads. As with `reference`, what is said first stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OrderMetadata>, nullable = false, required = false)]
    pub metadata: Option<Value>,
}

/// Body of `cancel`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// Only if the order is in this state, so that a late word of a payment that failed gives no
    /// paid order back; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_state: Option<IfState>,
    /// Give back these lines of the order alone, by their places in it, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1, max_items = 8)]
    pub lines: Option<Vec<u32>>,
    /// Give back these seats of the order alone, by their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1)]
    pub seats: Option<Vec<String>>,
}

/// The part of an order that a body names. At most one way to name it.
#[derive(Debug)]
pub(crate) enum NamedPart {
    /// All of it.
    Whole,
    /// So many tickets.
    Tickets(Quantity),
    /// These lines.
    Lines(Vec<usize>),
    /// These seats, by their names.
    Seats(Vec<String>),
}

impl NamedPart {
    fn new(
        quantity: Option<u64>,
        lines: Option<Vec<u32>>,
        seats: Option<Vec<String>>,
    ) -> Result<Self, Problem> {
        let one = "Name the part by \"quantity\", \"lines\" or \"seats\", not by several of them.";
        match (quantity, lines, seats) {
            (None, None, None) => Ok(Self::Whole),
            (Some(quantity), None, None) => {
                Quantity::new(quantity).map(Self::Tickets).map_err(Problem::invalid)
            }
            (None, Some(lines), None) => Self::of_lines(&lines),
            (None, None, Some(seats)) if seats.is_empty() => {
                Err(Problem::invalid("\"seats\" names at least one seat of the order."))
            }
            (None, None, Some(seats)) => Ok(Self::Seats(seats)),
            _ => Err(Problem::invalid(one)),
        }
    }

    fn of_lines(lines: &[u32]) -> Result<Self, Problem> {
        let mut places: Vec<usize> = lines.iter().map(|line| *line as usize).collect();
        places.sort_unstable();
        places.dedup();
        let fits = places.last().is_some_and(|last| *last < ORDER_LINES_MAX);
        if !fits || places.len() != lines.len() {
            return Err(Problem::invalid(format!(
                "\"lines\" names lines of the order, each once, by their places in it: 0 to {}.",
                ORDER_LINES_MAX - 1
            )));
        }
        Ok(Self::Lines(places))
    }
}

impl ConfirmRequest {
    /// The part that is confirmed, and what is said of the payment.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn part(self) -> Result<(NamedPart, Payment), Problem> {
        let reference = self.reference.as_deref().map(PaymentReference::parse).transpose();
        let metadata = self.metadata.as_ref().map(OrderMetadata::new).transpose();
        let payment = Payment {
            reference: reference.map_err(Problem::invalid)?,
            metadata: metadata.map_err(Problem::invalid)?,
        };
        Ok((NamedPart::new(self.quantity, self.lines, self.seats)?, payment))
    }
}

impl CancelRequest {
    /// The part that is given back.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn part(self) -> Result<NamedPart, Problem> {
        NamedPart::new(None, self.lines, self.seats)
    }
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
