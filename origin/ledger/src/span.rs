//! The tracing span of one call of the ledger.

use tracing::{Span, debug_span};

/// The span of one call of the ledger.
pub(crate) fn of_ledger_call(script: &'static str) -> Span {
    debug_span!("ledger", otel.kind = "client", db.system.name = "redis", script)
}
