//! Bounds of the relay of a shop: endpoints, what is under way to them, and what is said of them.

use super::SALES_MAX;

/// Endpoints of one relay: a shop has a few systems that want to be informed.
pub const WEBHOOK_ENDPOINTS_MAX: usize = 16;
/// Secrets of one endpoint: the new one and the one that it replaces.
pub const WEBHOOK_SECRETS_MAX: usize = 2;
/// Longest name of an endpoint or a relay, in bytes: it is a part of two keys.
pub const WEBHOOK_NAME_MAX: usize = 64;
/// Largest file of endpoints, in bytes.
pub const WEBHOOK_FILE_MAX: usize = 64 * 1_024;
/// Most kinds of events that one filter names.
pub const WEBHOOK_KINDS_MAX: usize = 32;
/// Sales that one relay watches at a time: as many as a node serves. One that has ended leaves when
/// everything of it was taken, and makes room.
pub const WEBHOOK_SALES_MAX: usize = SALES_MAX;
/// Sales of which one endpoint is sent something at the same time, each in its own order. A
/// receiver that is slow with one of them still takes the others.
pub const WEBHOOK_TURNS_MAX: usize = 8;
/// Entries of a log that are read at a time. One of a full batch takes some 100 KiB, its body two
/// or three times as much; all turns of all endpoints together hold 1,024 entries at most.
pub const WEBHOOK_PAGE: usize = 8;
/// How long one sale is delivered to an endpoint before another one that waits has its turn, in
/// milliseconds.
pub const WEBHOOK_TURN_MS: u64 = 2_000;
/// Ends of logs that one relay asks for in a second: some thousandths of Redis. With few sales each
/// is asked every 100 ms.
pub const WEBHOOK_POLLS_PER_SECOND: usize = 2_000;
/// Failures in a row after which an endpoint counts as down: then one delivery at a time is tried.
pub const WEBHOOK_DOWN_AFTER: u32 = 8;
/// Sales that the published status of one endpoint lists, those that wait for longest first: some
/// 200 bytes each.
pub const WEBHOOK_STATUS_SALES_MAX: usize = 64;
/// Longest reason of a failure that is kept of a sale, in characters.
pub const WEBHOOK_ANSWER_MAX: usize = 400;
/// Retries that may have been asked for by hand and not been taken by a relay yet.
pub const WEBHOOK_ASKS_MAX: usize = 256;
/// A retry that no relay has taken for so long is dropped, in milliseconds (an hour).
pub const WEBHOOK_ASK_LIFE_MS: u64 = 3_600_000;

const _: () = assert!(WEBHOOK_POLLS_PER_SECOND * 4 > WEBHOOK_SALES_MAX);
