//! Status of the relay of a shop, as it is published in Redis for `lastseat relay status`, and what
//! is asked of it there.

use super::queue::{Queue, Stream};
use serde::{Deserialize, Serialize};
use shared::limits::WEBHOOK_STATUS_SALES_MAX;
use shared::{SaleId, UnixMillis};
use std::cmp::Reverse;
use tokio::time::Instant;

/// The field of the process that relays; each other field is an endpoint's.
pub const RELAY_FIELD: &str = "relay";
/// What stands before the name of an endpoint in its field.
const ENDPOINT_FIELD: &str = "endpoint ";
/// A process that has published nothing for so long has ended, in milliseconds.
pub const PROCESS_LIVES_MS: u64 = 6_000;

/// The field of an endpoint.
#[must_use]
pub fn endpoint_field(name: &str) -> String {
    format!("{ENDPOINT_FIELD}{name}")
}

/// The endpoint that a field is of.
#[must_use]
pub fn endpoint_of(field: &str) -> Option<&str> {
    field.strip_prefix(ENDPOINT_FIELD)
}

/// The process that relays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayProcess {
    /// A node, or a process of its own.
    pub who: String,
    /// How often the work was taken over, this time included.
    pub turn: u64,
    /// Since when it relays, by the ledger's clock.
    pub since: UnixMillis,
    /// When it said so.
    pub at: UnixMillis,
    /// Sales that it watches.
    pub sales: u64,
    /// Whether more sales wait for a place among them.
    pub full: bool,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// Its name.
    pub endpoint: String,
    /// Its server.
    pub to: String,
    /// Whether none of the last deliveries was taken.
    pub down: bool,
    /// Sales of which it receives something.
    pub sales: u64,
    /// Those of which something is not delivered yet.
    pub late_sales: u64,
    /// Those whose last delivery failed, or that somebody has to look after.
    pub failing_sales: u64,
    /// Entries of all sales that are not delivered yet.
    pub lag_entries: u64,
    /// When the oldest of them happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_since: Option<UnixMillis>,
    /// The sales in trouble first, then those that wait for longest, then the others; not more than
    /// [`WEBHOOK_STATUS_SALES_MAX`].
    pub streams: Vec<StreamStatus>,
}

/// One sale at one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamStatus {
    /// The sale.
    pub sale: String,
    /// The last entry that was delivered; 0 = none.
    pub position: u64,
    /// The last entry that its log has.
    pub end: u64,
    /// Entries that are not delivered yet.
    pub lag_entries: u64,
    /// When the first of them happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_since: Option<UnixMillis>,
    /// Attempts that failed in a row.
    pub failed_attempts: u64,
    /// What came of the last attempt: a status, or why there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<String>,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<UnixMillis>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_at: Option<UnixMillis>,
    /// What somebody has to do something about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// A retry that somebody asks for by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryAsk {
    /// The endpoint.
    pub endpoint: String,
    /// The sale; all that wait when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale: Option<SaleName>,
    /// The first entry, whatever was delivered before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// When it was asked, by the ledger's clock.
    pub at: UnixMillis,
}

/// The id of a sale in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleName(pub SaleId);

impl Serialize for SaleName {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for SaleName {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        SaleId::parse(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// How an endpoint stands. `now` and `at` are the same moment.
pub(super) fn status_of(queue: &Queue, now: Instant, at: UnixMillis) -> EndpointStatus {
    let mut streams: Vec<StreamStatus> =
        queue.streams().map(|(sale, stream)| stream_status(sale, stream, now, at)).collect();
    let is_failing = |s: &StreamStatus| s.trouble.is_some() || s.failed_attempts > 0;
    let late = streams.iter().filter(|stream| stream.lag_entries > 0);
    let status = EndpointStatus {
        endpoint: queue.endpoint.name.clone(),
        to: queue.endpoint.webhook.shown(),
        down: queue.is_down(),
        sales: streams.len() as u64,
        late_sales: late.clone().count() as u64,
        failing_sales: streams.iter().filter(|stream| is_failing(stream)).count() as u64,
        lag_entries: streams.iter().fold(0, |sum, s| s.lag_entries.saturating_add(sum)),
        waits_since: late.filter_map(|stream| stream.waits_since).min(),
        streams: Vec::new(),
    };
    streams.sort_by_cached_key(|stream| {
        let waits = stream.waits_since.unwrap_or(UnixMillis::LAST);
        let place = match (is_failing(stream), stream.lag_entries > 0) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        };
        (place, waits, Reverse(stream.last_at), stream.sale.clone())
    });
    streams.truncate(WEBHOOK_STATUS_SALES_MAX);
    EndpointStatus { streams, ..status }
}

fn stream_status(sale: &SaleId, stream: &Stream, now: Instant, at: UnixMillis) -> StreamStatus {
    let lag_entries = stream.lag();
    let later = |due: Instant| {
        let ms = due.saturating_duration_since(now).as_millis();
        at.plus(u64::try_from(ms).unwrap_or(u64::MAX))
    };
    let failing = stream.failed > 0 || stream.trouble.is_some();
    StreamStatus {
        sale: sale.to_string(),
        position: stream.position.unwrap_or(0),
        end: stream.end,
        lag_entries,
        waits_since: stream.waits_since.filter(|_| lag_entries > 0),
        failed_attempts: stream.failed,
        last_answer: stream.last.as_ref().map(|(answer, _)| answer.clone()),
        last_at: stream.last.as_ref().map(|(_, at)| *at),
        next_try_at: stream.next_try().filter(|_| failing).map(later),
        trouble: stream.trouble.clone(),
    }
}
