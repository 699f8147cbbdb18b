//! Bounds of plans, of the seats that they have, and of what is kept as gone of them.

use super::WINDOW_MAX_MS;

/// Stops of a plan: the longest railway lines have some 60, and what an edge has to know of each
/// class grows with them. A hall has none, and one leg.
pub const STOPS_MAX: usize = 64;
/// Legs between them. One character of a grant counts them.
pub const LEGS_MAX: usize = STOPS_MAX - 1;
/// Classes of seats and places of one sale: one bit each in a quota's 64.
pub const SEAT_CLASSES_MAX: usize = 64;
/// Seats of one class, and of one sale. With one leg the planes have 8 KiB, with 63 legs 504 KiB:
/// Redis reads them in one call, and a node keeps a copy.
pub const SEATS_MAX: usize = 65_536;
/// Quotas of one plan: an order is held against each of them, on each leg.
pub const SEAT_QUOTAS_MAX: usize = 64;
/// The same with those of the standing places, one a class.
pub const SEAT_BOOK_QUOTAS_MAX: usize = SEAT_QUOTAS_MAX + SEAT_CLASSES_MAX;
/// Lines of one order. Each searches the planes of its class, at most nine times where lines are in
/// each other's way, while Redis does nothing else.
pub const ORDER_LINES_MAX: usize = 8;
/// Candidates of one line: claims that a node or a buyer has chosen, best first.
pub const SEAT_CANDIDATES_MAX: usize = 8;
/// Seats of a group that is split over several pieces with a search through all ways to split it.
/// Of a larger group the longest pieces are taken first, until so many are left. At 8 the search
/// has at most 80 pieces and takes 2,900 steps.
pub const SPLIT_SEATS_MAX: u32 = 8;

/// Seats whose bits are in one word of the ledger.
pub const SEATS_PER_WORD: u32 = 32;
/// Coaches and blocks of one plan, in all classes: what is kept of each takes some 200 bytes.
pub const PLAN_PARTS_MAX: usize = 4_096;
/// Rows of one coach or block. A bench of the longest stand has a few hundred.
pub const PLAN_ROWS_MAX: usize = 1_000;
/// Seats of one row, with the places in it that have none.
pub const PLAN_ROW_SEATS_MAX: usize = 1_024;
/// Longest id of a stop, a class or a quota, in bytes: eight lines of an order stay below 1 KiB of
/// an address.
pub const PLAN_ID_MAX: usize = 32;
/// Longest id of a coach or a block, in bytes. It is part of the name of each of its seats.
pub const PART_ID_MAX: usize = 16;
/// Longest label of a row or of a seat in its row, in bytes. A plan keeps it in one word.
pub const SEAT_LABEL_MAX: usize = 8;
/// Longest name of a stop, a class, a block or a quota, in bytes: 32 Chinese characters. Tickets
/// show it in one line.
pub const PLAN_NAME_MAX: usize = 96;
/// Longest plan, in bytes, as people write it and as the ledger keeps it. The stadium among the
/// examples has 2 KiB; a hall of 3,000 rows that all differ has some 100.
pub const PLAN_BYTES_MAX: usize = 256 * 1_024;
/// Errors of one plan that are named; more are counted. Nobody mends more at a time.
pub const PLAN_ERRORS_MAX: usize = 100;

/// Longest header `Lastseat-Gone`, in bytes: with the longest of all others it fits into what
/// proxies keep for a head. Thirty stops, their ids and forty rows of a class are some 600.
pub const GONE_HEADER_MAX: usize = 600;
/// The part of it that ids of stops may take, in bytes. Longer ones are left out, and an edge then
/// has stops by their numbers only.
pub const GONE_STOPS_MAX: usize = 300;
/// What is kept as gone of one sale: rows, each of a class and a quantity. A row takes up to 250
/// bytes, and a header has room for fewer.
pub const GONE_ROWS_MAX: usize = 64;
/// Sales of which an edge keeps that: 4 MiB at most. Of more, the one that was observed longest ago
/// is dropped, and its orders go to a node.
pub const EDGE_GONE_SALES_MAX: usize = 256;
/// How long seats that were held count as gone without being looked at again, in milliseconds:
/// whether they are still held or sold by now is no newer version. It outlasts the longest window.
pub const GONE_HELD_MS: u64 = 1_000;
/// Longest value of `?for=` in an address, in bytes: eight lines of the longest ids fit, with their
/// commas escaped.
pub const WANTED_MAX: usize = 1_024;

const _: () = assert!(
    GONE_HELD_MS > WINDOW_MAX_MS && GONE_STOPS_MAX < GONE_HEADER_MAX,
    "what is held is refused between two questions, and rows have room"
);
const _: () = assert!(LEGS_MAX < 64, "one character of base64 counts the legs");
const _: () = assert!(SEAT_CLASSES_MAX <= 64, "a quota names its classes in 64 bits");
const _: () = assert!(
    SEATS_MAX * (STOPS_MAX - 1) / 8 <= 512 * 1_024,
    "the bits of the largest sale are half a MiB"
);
const _: () = assert!(
    SEATS_MAX.is_multiple_of(SEATS_PER_WORD as usize),
    "the last word of the largest class is full"
);
const _: () = assert!(SEAT_LABEL_MAX == 8, "a label is one word of 8 bytes");
