//! Headers that may be sent once: a repeated one is refused.
//!
//! Of a request that sends one of them twice, one reader takes the first value and another one the
//! last; so it is refused, wherever it arrives.

use crate::wire::messages::header;
use crate::wire::problem::Problem;

/// The headers of a request that may be sent once, in lower case. RFC 9110 (section 5.3) lets a
/// header be repeated only where its value is a list, and RFC 9112 (section 3.2) has a server
/// refuse a second `Host`.
pub const ONCE: [&str; 12] = [
    "authorization",
    "host",
    header::IDEMPOTENCY_KEY,
    header::RETRY,
    header::BUYER_TOKEN,
    header::EDGE,
    header::EDGE_COUNTS,
    header::EDGE_CALLS,
    header::BODY_HASH,
    header::KEY,
    header::CLIENT_IP,
    header::SIGNATURE,
];

/// What joins the values of a repeated header where a runtime shows them as one text (the Fetch
/// standard, "get a header"). No valid value of a header in [`ONCE`] has it: none has a space but
/// for the one in `Bearer <token>`.
const JOINT: &str = ", ";

/// Whether `value` is several values of a header in [`ONCE`], joined.
#[must_use]
pub fn is_joined(value: &str) -> bool {
    value.contains(JOINT)
}

/// The answer to a request that sends the header `name` more than once.
#[must_use]
pub fn repeated(name: &str) -> Problem {
    Problem::invalid(format!("the header {name} was sent more than once; send it once"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::OrderId;

    #[test]
    fn an_order_id_may_have_commas_but_is_never_taken_for_two() {
        let id = "0123456789,abcdef,";
        assert!(OrderId::parse(id).is_ok());
        assert!(!is_joined(id));
        assert!(is_joined(&format!("{id}, {id}")));
        assert!(is_joined(", "), "two empty ones");
        assert!(!is_joined("Bearer abc"));
    }
}
