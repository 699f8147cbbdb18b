//! Bounds of what a sale says of its event, and of the page that shows it.

/// Characters of the title of what a sale sells: two lines of a telephone.
pub const EVENT_TITLE_MAX: usize = 100;
/// Characters of each other text about it: subtitle, place, organiser, what the logo says.
pub const EVENT_TEXT_MAX: usize = 200;
/// Characters of what the shop says to those who come too late: two or three sentences.
pub const EVENT_SOLD_OUT_MAX: usize = 300;
/// Characters of the price of a ticket or of a class, which stands beside a name in one line.
pub const EVENT_PRICE_MAX: usize = 40;
/// Bytes of each of its addresses: terms, help, sold out, logo.
pub const EVENT_URL_MAX: usize = 512;
/// Bytes of the name of its time zone; the longest in use has 32.
pub const EVENT_ZONE_MAX: usize = 64;
/// Bytes of all of it as JSON. It is a part of each page that is sent, and of what a node keeps of
/// each sale; most have a few hundred.
pub const EVENT_BYTES_MAX: usize = 8 * 1_024;
/// How long an edge waits at most for it before it sends the page without it, in milliseconds: the
/// page then asks for it by itself. Nobody waits for a page because no node answers.
pub const PAGE_WAIT_MS: u64 = 600;
