//! Idempotency key: what is said to a request that seems to name its order, but not so that anybody
//! reads it.

use crate::wire::problem::Problem;

/// The name that the header had before it was proposed as a standard; no reader of keys knows it.
pub const MISNAMED: &str = "x-idempotency-key";

/// The answer to an order whose key stands under [`MISNAMED`] alone. Without a key it would be a
/// new order each time that it is repeated.
#[must_use]
pub fn misnamed() -> Problem {
    Problem::invalid(
        "the header X-Idempotency-Key is not read; send the same value as Idempotency-Key",
    )
}
