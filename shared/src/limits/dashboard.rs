//! Bounds of what a node keeps and sends for dashboards.

/// Points of a sale's history that are a second apart: five minutes ...
pub const HISTORY_SECONDS: usize = 300;
/// ... and those that are [`HISTORY_STEP_MS`] apart: an hour.
pub const HISTORY_STEPS: usize = 360;
/// Time between two of the latter, in milliseconds.
pub const HISTORY_STEP_MS: u64 = 10_000;
/// Sales of which a node keeps a history, those that sold last: 21 KB each, 11 MB together.
pub const HISTORY_SALES_MAX: usize = 512;
/// Nodes of which each reads the statuses of all once a second for that; with more of them it reads
/// as many times more seldom, so that what they read together grows no faster than they do.
pub const HISTORY_NODES: usize = 16;

/// Sales in an overview: some 250 bytes each.
pub const OVERVIEW_SALES_MAX: usize = 500;
/// Sales, those that sell first, of which an overview chooses.
pub const OVERVIEW_CANDIDATES_MAX: usize = super::SALES_MAX;
/// An overview is made of what the node has in memory; of the sales of which that is older than
/// this, in milliseconds, some are read from the ledger ...
pub const OVERVIEW_OLD_MS: u64 = 5_000;
/// ... at most so many for one overview, the oldest first: some 2 ms of Redis.
pub const OVERVIEW_READS_MAX: usize = 64;
/// Overviews that are asked for within this time share what was read, in milliseconds.
pub const OVERVIEW_FRESH_MS: u64 = 1_000;

/// Edges, each an isolate or a thread of a gateway, of which a node counts the requests one by one:
/// 256 KiB.
pub const EDGES_LISTED_MAX: usize = 1_024;
/// Of these, so many are in the node's status, those with the most requests: 150 bytes each.
pub const STATUS_EDGES_MAX: usize = 24;
/// Edges that a dashboard shows.
pub const SHOWN_EDGES_MAX: usize = 64;
/// An edge is listed for so long after its last request, in milliseconds (5 minutes).
pub const EDGE_LISTED_MS: u64 = 300_000;

/// Alarms that a node publishes with its status, and a dashboard shows: some 300 bytes each.
pub const ALARMS_MAX: usize = 16;
/// Longest sentence of an alarm, in characters.
pub const ALARM_TEXT_MAX: usize = 300;

const _: () = assert!(HISTORY_STEP_MS.is_multiple_of(1_000), "a step is whole seconds");
const _: () = assert!(OVERVIEW_SALES_MAX <= OVERVIEW_CANDIDATES_MAX);
const _: () = assert!(STATUS_EDGES_MAX <= SHOWN_EDGES_MAX);
const _: () = assert!(
    super::STATUS_SALES_MAX * 480
        + super::TIMELINE_MAX * 200
        + STATUS_EDGES_MAX * 200
        + ALARMS_MAX * (ALARM_TEXT_MAX * 4 + 200)
        < super::STATUS_BYTES_MAX,
    "a status has room for all of it"
);
