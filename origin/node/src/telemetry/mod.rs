//! Telemetry of a node: metrics, log, spans and the log of decisions.

pub mod decision_log;
pub mod https_client;
pub mod logging;
pub mod metrics;
pub(crate) mod spans;
