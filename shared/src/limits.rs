//! Limits: every bound of the system, with its unit and its reason.
//!
//! Relations between them are checked when the crate is compiled.

mod dashboard;
mod events;
mod plans;

pub use dashboard::*;
pub use events::*;
pub use plans::*;

/// Longest sale id, in bytes. It is part of five Redis keys and of every log line.
pub const SALE_ID_MAX: usize = 64;
/// Longest buyer id, in bytes.
pub const BUYER_ID_MAX: usize = 128;
/// Longest reference of a payment, in bytes; those of providers have some 30.
pub const PAYMENT_REFERENCE_MAX: usize = 128;
/// Most bytes of what a shop stores with an order, as JSON. In the order's record it may be three
/// times as long, which is then ten times one without it.
pub const ORDER_METADATA_MAX: usize = 512;
/// Shortest order id, in bytes: an order id is a capability, so it must be hard to guess.
pub const ORDER_ID_MIN: usize = 16;
/// Longest order id, in bytes.
pub const ORDER_ID_MAX: usize = 128;
/// Longest edge id, in bytes.
pub const EDGE_ID_MAX: usize = 32;

/// Most tickets one sale can have. Far below 2^53, so that Lua's doubles count exactly.
pub const CAPACITY_MAX: u32 = 1_000_000_000;
/// Most tickets one order can ask for, whatever the sale's own `order_limit` says.
pub const QUANTITY_MAX: u32 = 1_000;
/// Longest hold, in milliseconds (7 days).
pub const HOLD_MS_MAX: u64 = 7 * 24 * 3_600_000;
/// A hold can be extended until it is this many times as old as its sale's hold time.
pub const HOLD_LIFE_FACTOR: u64 = 3;

/// Earliest moment of an opening or closing, in Unix milliseconds: 2001-01-01. Earlier ones are
/// seconds in the place of milliseconds.
pub const MOMENT_MIN_MS: u64 = 978_307_200_000;
/// The last moment that a sale can open or close at, in the year 5138: Lua in Redis writes numbers
/// of 14 digits in full, longer ones with an exponent.
pub const MOMENT_MAX_MS: u64 = 99_999_999_999_999;

/// Most bytes of a request head that a node or a gateway receives.
pub const HEAD_MAX: usize = 16 * 1_024;
/// Most headers of a request over HTTP/1.1 there: the bound of the HTTP library. With any other one
/// it would take its table of headers from the heap, for each request anew.
pub const HEADERS_MAX: usize = 100;
/// Largest request body, in bytes. An order without lines is well below 1 KiB; one with many chosen
/// seats may not fit, and is refused as too large.
pub const BODY_MAX: usize = 4 * 1024;

/// Most orders in one ledger batch. Lua 5.1 in Redis unpacks fewer than 8,000 values onto its
/// stack; the widest call of a batch passes two tallies of each hold that was swept (1,024) and one
/// of each order, two values each, plus the command and its key: 6,146.
pub const BATCH_MAX: usize = 1_024;
/// Lines of orders after which a batch has no room for another order. A line is searched among the
/// seats of its class: some 10 to 40 microseconds of Redis each, so that a batch of them takes as
/// long as the largest one of tickets that are only counted.
pub const BATCH_LINES_MAX: usize = 512;
/// Batches, each of another sale, that one origin has at a ledger of one server at a time. Where
/// more sales have orders they take turns, and what waits for a turn makes the batch fuller: a call
/// costs Redis as much as ten of its orders. Enough that one sync of the file serves many calls.
pub const BATCHES_AT_LEDGER_MAX: usize = 32;
/// How long a batch waits for its turn, in milliseconds. Replies take a few; where they do not
/// come, nobody waits behind those who wait for them.
pub const BATCH_TURN_MS: u64 = 250;
/// Most due holds that one round of a ledger script sweeps.
pub const SWEEP_MAX: usize = 1_024;
/// Orders that may wait in one origin for one sale; the next one is refused with `busy`.
pub const QUEUE_MAX: usize = 8_192;
/// Sales that one origin serves at the same time.
pub const SALES_MAX: usize = 4_096;
/// Sales of which one edge isolate keeps a state.
pub const EDGE_SALES_MAX: usize = 1_024;
/// Orders that one edge isolate has under way at origins; the next one is refused with `busy`. What
/// an isolate holds for those that wait, and how long each waits for those before it, is bounded by
/// this. At 150 ms to the origins it is 3,400 a second.
pub const EDGE_UNDER_WAY_MAX: u32 = 512;
/// Orders that one gateway lets wait for origins: with a body of [`BODY_MAX`] each, 32 MiB.
pub const GATEWAY_UNDER_WAY_MAX: u32 = 8_192;

/// Longest header `Lastseat-Edge-Counts`, in bytes: eleven numbers of ten digits with their signs.
pub const EDGE_COUNTS_HEADER_MAX: usize = 128;
/// Edge isolates that an origin distinguishes for its estimate of live edges.
pub const EDGES_MAX: usize = 65_536;
/// An edge counts as live for this long after its last request, in milliseconds.
pub const EDGE_LIVE_MS: u64 = 5_000;
/// A node counts as live for this long after its last heartbeat, in milliseconds.
pub const NODE_LIVE_MS: u64 = 3_000;
/// A node that fell silent is shown as lost for this long, then it is forgotten, in milliseconds (1
/// hour).
pub const NODE_FORGET_MS: u64 = 3_600_000;
/// Sales whose numbers a node publishes each second, those asked for last: about 300 bytes each.
pub const STATUS_SALES_MAX: usize = 32;
/// Sales that the dashboard and `lastseat top` show; each costs a call to the ledger a second.
pub const SHOWN_SALES_MAX: usize = 64;
/// Most bytes of the header `Lastseat-Sales`: it fits, with all else, into what proxies keep for a
/// head (nginx: 4 KiB).
pub const SALES_HEADER_MAX: usize = 2_048;
/// Sales that have series of their own in one node's `/metrics`, those asked for last.
pub const METRICS_SALES_MAX: usize = 64;
/// Timeline events (opened, sold out, node lost ...) that a node keeps and publishes.
pub const TIMELINE_MAX: usize = 24;
/// Longest status of one node, in bytes; a longer one is rejected.
pub const STATUS_BYTES_MAX: usize = 64 * 1_024;
/// Records of orders that one page of a search among a sale's orders reads: some 10 ms of Redis, in
/// commands of half a millisecond.
pub const ORDERS_SEARCHED_MAX: u64 = 10_000;
/// Time after which such a page ends with what it has, in milliseconds: a slow ledger must not make
/// the operator wait, nor keep the search's place.
pub const ORDER_SEARCH_MS: u64 = 1_000;
/// Orders on one page of a search, unless the caller says how many ...
pub const SEARCH_PAGE: usize = 100;
/// ... and at most: with all that they say, some 300 KiB.
pub const SEARCH_PAGE_MAX: usize = 500;
/// Searches that one node makes at a time. Those that wait longer than [`CALL_WAIT_MS`] are refused
/// with `busy`: operators look for one order at a time, and what sells tickets comes first.
pub const SEARCHES_MAX: usize = 2;
/// Orders of a sale that nodes still audit by themselves: an audit keeps some 500 bytes of each.
pub const AUDIT_ORDERS_MAX: u64 = 200_000;
/// Sales that one node audits by itself; of more, the first by name.
pub const AUDIT_SALES_MAX: usize = SALES_MAX;
/// A ledger that takes longer for a batch, in 1 of 100, is not audited meanwhile, in milliseconds.
pub const AUDIT_SLOW_MS: u64 = 100;
/// Dashboards that one node streams to at the same time.
pub const STATUS_STREAMS_MAX: usize = 32;

/// Acknowledged changes of orders that a node keeps in memory and in its file: two segments of this
/// many bytes, of which the older one is dropped when the newer is full. A change takes some 90
/// bytes, so the last 180,000 at least are there: 18 s at 10,000 orders a second in one node. A
/// failover loses the seconds that its replica was behind.
pub const ACKNOWLEDGED_SEGMENT_BYTES: usize = 16 * 1_024 * 1_024;
/// Orders in one call of `restore.lua`: some 2 ms of Redis.
pub const RESTORE_BATCH_MAX: usize = 512;
/// Orders that could not be restored and are listed for each sale; more are only counted and
/// logged.
pub const UNRESTORED_MAX: usize = 10_000;
/// How long the nodes that live wait for one that was alive when the ledger changed and has fallen
/// silent, in milliseconds of its silence. A node whose heartbeat comes is waited for ...
pub const HEAL_SILENCE_MS: u64 = NODE_LIVE_MS + 2_000;
/// ... but no longer than this after the ledger changed, in milliseconds: a node whose heartbeat
/// comes and that does nothing else must not stop all sales for ever.
pub const HEAL_LONGEST_MS: u64 = 60_000;
/// What Redis wrote so long before it was replaced is taken to be on its disk or at its replica, in
/// milliseconds: what a node listed as unrestored since then it lists again.
pub const HEAL_KEPT_MS: u64 = 60_000;
/// Calls with which one node restores or adopts sales at the same time. None of them waits for
/// another node.
pub const HEALS_MAX: usize = 16;
/// Calls with which one node looks at sales at the same time: a look only reads.
pub const LOOKS_MAX: usize = 64;
/// Listed sales that a node looks at when Redis was restarted or replaced, beside those that it
/// serves; the others go on when somebody asks for them.
pub const SALES_LOOKED_AT_MAX: usize = 16 * SALES_MAX;
/// Histories of Redis that a node says that it is done with; in a Redis Cluster all that its
/// masters write.
pub const DECLARED_MAX: usize = 16;

/// Masters of a Redis Cluster; each costs a node some connections. The cluster itself is made for
/// no more.
pub const LEDGER_MASTERS_MAX: usize = 1_000;
/// Time that one ledger call may take before its outcome counts as unknown, in milliseconds.
pub const LEDGER_DEADLINE_MS: u64 = 1_000;
/// Time that an origin takes at most to answer an order, in milliseconds: one ledger call and
/// one resend of the same ids.
pub const ORIGIN_DEADLINE_MS: u64 = 2_500;
/// Time that an edge waits for one origin before it asks another one, in milliseconds.
pub const EDGE_ATTEMPT_MS: u64 = 3_000;
/// Time that an edge takes at most to answer, in milliseconds; each attempt is clipped to what is
/// left.
pub const EDGE_DEADLINE_MS: u64 = 6_500;
/// Origins that one order is sent to at most.
pub const EDGE_ATTEMPTS_MAX: usize = 3;

/// An origin that has answered nothing for this long while requests are out is left alone, in
/// milliseconds. Below a second, and far above the longest answer of an origin that works.
pub const STALL_MS: u64 = 800;
/// How often an order that waits for an origin looks whether that one has gone silent, in
/// milliseconds. Most answers are there before the first look.
pub const SILENCE_POLL_MS: u64 = 200;
/// How long an origin is spared that said `busy` or that it is stopping, in milliseconds.
pub const SHED_MS: u64 = 500;

/// Requests that an edge isolate forwards for a sale of which it has no grant yet.
pub const COLD_BUDGET: u32 = 4;
/// Length of a round in which an edge has no grant, in milliseconds.
pub const COLD_ROUND_MS: u64 = 250;
/// One wait of an arrival for the first grant, in milliseconds.
pub const COLD_WAIT_MS: u64 = 25;
/// Waits of an arrival at most before it is refused with `busy`.
pub const COLD_WAITS_MAX: u32 = 12;
/// Arrivals that begin to wait in [`COLD_WAIT_MS`] at a gate whose budget is spent; the next one is
/// refused with `busy`. A lone client and a handful at once are served that way, a crowd is not
/// kept on timers.
pub const GRANTED_WAITS_MAX: u32 = 16;
/// The same at a gateway, which wakes those that wait when a grant comes: who arrives there is told
/// `busy` only in a crowd of more than 20,000 a second. At most 6,144 wait for one sale at a time.
pub const GATEWAY_GRANTED_WAITS_MAX: u32 = 512;
/// Arrivals with a client's key that pass a latched gate in [`RECHECK_EVERY_MS`], so that a buyer
/// whose answer was lost finds the order even after the last ticket went.
pub const RECHECK_BUDGET: u32 = 4;
/// How often that budget is full again, in milliseconds.
pub const RECHECK_EVERY_MS: u64 = 1_000;
/// How old an answer about a sale's public state may be that an edge isolate gives from memory, and
/// how often it asks an origin for a new one, in milliseconds.
pub const VIEW_FRESH_MS: u64 = 1_000;
/// How old an answer about a sale's plan, or about what it sells in words, may be that an edge
/// isolate gives from memory, in milliseconds: both change by an operator's hand only.
pub const PLAN_FRESH_MS: u64 = 10_000;
/// Answers about plans and what is left of them that an edge isolate keeps, each for its address
/// with its query: 30 stops have 435 pairs.
pub const EDGE_VIEWS_MAX: usize = 2_048;
/// Most bytes of these: 16 of the longest plans; a thirtieth of an isolate's memory.
pub const EDGE_VIEW_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// New ones that an edge isolate asks for in [`COLD_ROUND_MS`] in sales that exist: 256 a second.
pub const EDGE_VIEW_ASKS: u32 = 64;
/// Longest query of an address for what is left, in bytes.
pub const VIEW_QUERY_MAX: usize = 256;
/// Granted order ids that an edge isolate, and an origin for each sale, keeps for the same
/// reason: a repeat of one of them always reaches the ledger.
pub const RECENT_MAX: usize = 32_768;
/// Orders of a latched sale that one origin looks up in the ledger per second for the same reason.
pub const ORIGIN_RECHECKS_PER_SECOND: u32 = 512;

/// Calls a second about orders that an edge isolate has not seen, in one sale; a burst is twice
/// that. A page asks for its own order through the isolate that sold it, mostly.
pub const EDGE_CALLS_PER_SECOND: u32 = 200;
/// The same in all sales together.
pub const EDGE_ALL_CALLS_PER_SECOND: u32 = 400;
/// Calls a second about orders that a node has not seen, in one sale, however many edges ask; a
/// burst is twice that. A lookup takes some 40 us of Redis: four nodes spend a twelfth of it.
pub const NODE_CALLS_PER_SECOND: u32 = 500;
/// The same in all sales together.
pub const NODE_ALL_CALLS_PER_SECOND: u32 = 1_000;
/// Calls a second about one order that was seen, and at once: its page asks every 10 s. More count
/// as calls about an order that was not seen.
pub const ORDER_CALLS_PER_SECOND: u32 = 4;
/// See [`ORDER_CALLS_PER_SECOND`].
pub const ORDER_CALLS_BURST: u32 = 16;
/// Calls a second about orders that were not seen, and at once, of which one client address has
/// more than its part: beyond that it leaves half of the budget to others.
pub const CLIENT_CALLS_PER_SECOND: u32 = 5;
/// See [`CLIENT_CALLS_PER_SECOND`].
pub const CLIENT_CALLS_BURST: u32 = 20;
/// Calls a second with a token that an edge isolate has not seen accepted, and at once.
pub const TOKEN_CALLS_PER_SECOND: u32 = 50;
/// Tokens that an edge isolate has seen accepted: those of the shop, old and new.
pub const TOKENS_MAX: usize = 8;
/// How long such a token counts as accepted, in milliseconds.
pub const TOKEN_SEEN_MS: u64 = 60_000;
/// Calls about an order that the ledger did not have come after others for so long, in
/// milliseconds.
pub const ABSENT_MS: u64 = 1_000;
/// Such orders that are remembered: more than a node's budget lets through meanwhile.
pub const ABSENT_MAX: usize = 4_096;
/// Clients whose call about an order is refused come back after this time, in milliseconds ...
pub const CALL_RETRY_MS: u32 = 1_000;
/// ... spread over so many milliseconds.
pub const CALL_SPREAD_MS: f64 = 3_000.0;
/// Look-ups a second of names of sales that a node does not list; a burst is twice that. Invented
/// ones cost one each.
pub const NODE_UNLISTED_LOOKUPS_PER_SECOND: u32 = 200;
/// Orders that an edge isolate, and an origin, counts calls of: 128 KiB and 512 KiB.
pub const EDGE_CALLED_ORDERS_MAX: usize = 8_192;
/// See [`EDGE_CALLED_ORDERS_MAX`].
pub const ORIGIN_CALLED_ORDERS_MAX: usize = 32_768;
/// Calls about orders that an edge isolate has under way at origins: of orders that it has seen ...
pub const EDGE_KNOWN_CALLS_MAX: u32 = 256;
/// ... with a token that was accepted ...
pub const EDGE_SHOP_CALLS_MAX: u32 = 128;
/// ... and all others.
pub const EDGE_STRANGE_CALLS_MAX: u32 = 64;
/// Calls about orders that a node has under way at the ledger for clients, and as many for shop and
/// operators: a batch of orders that comes behind them waits some milliseconds.
pub const NODE_CALLS_AT_LEDGER: usize = 16;
/// Calls of clients that wait for such a place; the next one is refused with `busy`.
pub const NODE_CALLS_WAITING: usize = 256;
/// The same of shop and operators.
pub const NODE_SHOP_CALLS_WAITING: usize = 1_024;
/// How long a call waits for a place, in milliseconds.
pub const CALL_WAIT_MS: u64 = 1_000;

/// Origins of pages on other hosts that may call the API: each request of a browser is compared
/// with all of them.
pub const ALLOWED_ORIGINS_MAX: usize = 32;

/// Keys of one ring: the one that signs, and those that are on their way in or out.
pub const KEYS_MAX: usize = 4;
/// Longest key id, in bytes.
pub const KEY_ID_MAX: usize = 16;
/// Shortest secret, in characters: 128 bits in hexadecimal. The ones that lastseat makes have twice
/// that.
pub const SECRET_MIN: usize = 32;
/// Longest secret, in characters.
pub const SECRET_MAX: usize = 256;
/// How far the time of an edge's signature may be from the origin's clock, in either direction, in
/// milliseconds. An overheard request can be repeated for this long, which its order id makes
/// harmless.
pub const SIGNATURE_WINDOW_MS: u64 = 30_000;

/// A node that stops goes on to accept and answer for this long, with a "no" for each new order and
/// the request to close the connection or the word that it leaves, in milliseconds: so edges learn
/// that they should ask another node before they find this one gone.
pub const NODE_LINGER_MS: u64 = 250;

/// Most orders in one frame of a link.
pub const LINK_ORDERS_MAX: usize = 64;
/// Orders of one turn of a gateway that go to one node before the weights choose anew: so many
/// orders can a node be ahead of its share or behind it, however long the sale.
pub const TURN_ORDERS_MAX: u32 = 64;
/// How long such a turn lasts at most, in milliseconds: about what a batch takes. Where few orders
/// come, each has a turn of its own; a node that stands still keeps no more of them than its share
/// and a turn.
pub const TURN_MS: u64 = 5;
/// Most answers in one frame of a link.
pub const LINK_ANSWERS_MAX: usize = 64;
/// Longest frame of a link, in bytes, without the four of its length.
pub const LINK_FRAME_MAX: usize = 256 * 1_024;
/// The part of that which a payload may fill; the rest is kind, number, key id and code.
pub const LINK_FRAME_ROOM: usize = LINK_FRAME_MAX - 64;
/// Longest buyer token in a frame, in bytes: as long as an edge forwards a header.
pub const LINK_TOKEN_MAX: usize = 1_024;
/// Most headers of an answer in a frame, and the longest value of one, in bytes.
pub const LINK_HEADERS_MAX: usize = 16;
/// See [`LINK_HEADERS_MAX`].
pub const LINK_HEADER_MAX: usize = 4_096;
/// Links that a node keeps open: one for each thread of each gateway. Each costs some 300 KiB at
/// most.
pub const LINKS_MAX: usize = 1_024;
/// Orders that a link has under way. Above it a gateway refuses or asks another node, and a node
/// stops reading. At 5 ms a batch it is 200,000 orders a second.
pub const LINK_UNDER_WAY_MAX: usize = 1_024;
/// How long the opening of a link may take, in milliseconds: the orders that wait for it are then
/// sent elsewhere before an edge gives up ([`EDGE_ATTEMPT_MS`]).
pub const LINK_OPEN_MS: u64 = 1_000;
/// A gateway asks for a sign of life on a link on which nothing came for so long, and breaks it
/// when none comes for as long again, in milliseconds.
pub const LINK_PING_MS: u64 = 10_000;
/// A node closes a link on which not even that came for so long, in milliseconds.
pub const LINK_IDLE_MS: u64 = 60_000;
/// First and longest wait before a link that broke or could not be opened is opened again, in
/// milliseconds, each spread over half as much again.
pub const LINK_BACKOFF_MS: u64 = 25;
/// See [`LINK_BACKOFF_MS`].
pub const LINK_BACKOFF_MAX_MS: u64 = 1_000;
/// Wait before a link is opened again that the node turned away, because it stops or has too many
/// connections, in milliseconds, spread over half as much again. It is over when the node is no
/// longer spared ([`SHED_MS`]), and it does not grow: the node serves again once it has room.
pub const LINK_TURNED_AWAY_MS: u64 = SHED_MS / 2;
/// How long a node that does not take links is sent plain requests before it is asked for one
/// again, in milliseconds.
pub const LINK_PLAIN_MS: u64 = 15_000;

/// How old a node's "no" from memory may get while somebody asks, and how often a sale with holds
/// is swept, in milliseconds: a returned ticket is sellable well within 250 ms of its deadline.
pub const REPOLL_MS: u64 = 100;

/// A client that waits for an opening looks again at least this often, in milliseconds: the opening
/// may be moved.
pub const OPENING_RECHECK_MS: u64 = 60_000;
/// An edge that has the moment when a sale opens asks at most this often whether it still holds, in
/// milliseconds.
pub const OPENING_PROBE_MS: u64 = 3_000;
/// Clients that wait for an opening come back spread over this many milliseconds.
pub const OPENING_JITTER_MS: f64 = 1_000.0;

/// Longest life that a buyer token can have left, in milliseconds (1 day): one that leaks is worth
/// something until then.
pub const BUYER_TOKEN_LIFE_MAX_MS: u64 = 24 * 3_600_000;
/// Longest buyer token, in bytes. The longest valid one has 276.
pub const BUYER_TOKEN_MAX: usize = 320;
/// Longest name of an actor, in bytes: it is written into each log entry of a sale that it changes.
pub const ACTOR_MAX: usize = 32;
/// Changes of which a sale without a plan keeps who made them: they are in a field of the sale,
/// which each such change writes anew, at most 13 KiB of it.
pub const ACTORS_MAX: usize = 256;
/// Longest life that a scoped token can have left, in milliseconds (a leap year): who has one of
/// longer life is forgotten before it ends.
pub const SCOPED_TOKEN_LIFE_MAX_MS: u64 = 366 * 24 * 3_600_000;
/// Longest scoped token, in bytes. The longest valid one has below 650, and edges pass on values of
/// up to 1,024.
pub const SCOPED_TOKEN_MAX: usize = 704;
/// Most patterns of sales in a scoped token.
pub const SALE_PATTERNS_MAX: usize = 8;
/// Longest text of all patterns of a scoped token, in bytes: four ids of the longest kind.
pub const SALE_PATTERNS_TEXT_MAX: usize = 256;

/// Most requests of one client address in a second or minute that a rate can name, and the largest
/// burst.
pub const CLIENT_RATE_MAX: u32 = 100_000;
/// Client addresses that an edge isolate distinguishes, where it limits them: 128 KiB.
pub const EDGE_CLIENTS_MAX: usize = 8_192;
/// Client addresses that an origin distinguishes, where it limits them: 2 MiB.
pub const ORIGIN_CLIENTS_MAX: usize = 131_072;

/// Shortest window of a grant, in milliseconds.
pub const WINDOW_MIN_MS: u64 = 250;
/// The same while tickets are free and few edges ask, in milliseconds: what one edge has not used
/// of its budget is offered again after this time.
pub const WINDOW_FEW_MS: u64 = 25;
/// Edges at most that count as few: none of them is granted less than [`FEW_BUDGET_MIN`].
pub const FEW_EDGES: f64 = 8.0;
/// Requests that one of few edges is granted at least, as far as tickets are free and not promised
/// to others. It is what a node simply takes.
pub const FEW_BUDGET_MIN: f64 = 64.0;
/// Longest window of a grant, in milliseconds. With [`REPOLL_MS`] and one way from a far edge (150
/// ms) to the origins it stays within a second, in which a returned ticket is offered at every
/// edge.
pub const WINDOW_MAX_MS: u64 = 700;
/// Windows that all edges together begin per second; the window grows with the number of edges to
/// keep to it.
pub const PROBES_PER_SECOND: u64 = 2_000;
/// Most requests that an edge may send at the very moment of the opening: edges were counted over
/// seconds, and the first answer brings each its share. Below 1 it is by chance.
pub const OPENING_BUDGET_MAX: f64 = 1.0;
/// So long after its first request a node has counted the edges of a crowd, in milliseconds.
pub const COUNTED_MS: u64 = 500;
/// Largest part of what can be granted that an edge gets before that with its first request.
pub const EARLY_SHARE_MAX: f64 = 0.25;
/// Share by which the budgets of nodes and edges exceed what is free, so that refused and repeated
/// orders do not leave tickets behind.
pub const HEADROOM: f64 = 0.1;

/// Ended orders (cancelled or expired) that one buyer may have in one sale before new orders are
/// refused. Each keeps a record in Redis, and a buyer who orders and cancels in a loop makes 1,500
/// of them a second. Must equal `ENDED_MAX` in `prelude.lua`.
pub const ENDED_ORDERS_MAX: u64 = 64;
/// Orders of one sale that were cancelled before they came and are remembered. Must equal
/// `EARLY_MAX` in `cancel.lua`.
pub const CANCELLED_EARLY_MAX: u64 = 4_096;
/// Of these, what one client address gets at one node and an hour; an IPv6 network of 64 bits
/// counts as one address. An honest client cancels an order early when it got no answer.
pub const CLIENT_EARLY_PER_HOUR: u32 = 4;
/// The same, at once.
pub const CLIENT_EARLY_BURST: u32 = 32;
/// Client addresses, each in one sale, that a node distinguishes for that: 256 KiB.
pub const EARLY_CLIENTS_MAX: usize = 16_384;
/// Changes of the hold time that a sale remembers, so that orders keep theirs. Must equal
/// `HOLD_TIMES_MAX` in `sale_fields.lua`.
pub const HOLD_TIMES_MAX: usize = 16;

/// The exact number of free tickets is public at or above this number ...
pub const PUBLIC_FREE_FLOOR: u32 = 100;
/// ... and where it is this part of the capacity or more: of a sale of 6 tickets, 6 are not few.
pub const PUBLIC_FREE_PART: u32 = 10;

/// Bytes of the template of a sale's pay URL. Each page that watches the sale receives it with each
/// answer, and each edge keeps it with its view of the sale.
pub const PAY_URL_MAX: usize = 512;

const _: () = assert!(
    BATCH_TURN_MS + 2 * LEDGER_DEADLINE_MS < ORIGIN_DEADLINE_MS,
    "an origin can wait for its turn and resend once"
);
const _: () = assert!(ORIGIN_DEADLINE_MS < EDGE_ATTEMPT_MS, "the origin gives up before the edge");
const _: () =
    assert!(2 * EDGE_ATTEMPT_MS < EDGE_DEADLINE_MS, "two hung origins leave time for a third");
const _: () = assert!(
    2 * EDGE_DEADLINE_MS < SIGNATURE_WINDOW_MS,
    "one signature serves all attempts, also between clocks that differ by some seconds"
);
const _: () = assert!(
    STALL_MS + SILENCE_POLL_MS <= 1_000 && 2 * SILENCE_POLL_MS <= STALL_MS,
    "silence is noticed within a second, and not by one look alone"
);
const _: () = assert!(
    CALL_WAIT_MS + LEDGER_DEADLINE_MS < EDGE_ATTEMPT_MS,
    "an origin answers a call that waited before the edge gives up"
);
const _: () = assert!(
    ABSENT_MAX as u64 * 1_000 > 2 * NODE_ALL_CALLS_PER_SECOND as u64 * ABSENT_MS,
    "no order is forgotten before its time"
);
const _: () = assert!(BATCH_MAX * 2 < 7_900, "Lua can unpack the widest call");
const _: () =
    assert!(RESTORE_BATCH_MAX * 2 + 8 < 7_900, "Lua can unpack the widest call of restore.lua");
const _: () = assert!(
    HEAL_SILENCE_MS < HEAL_LONGEST_MS,
    "a silent node is given up before one with a heartbeat"
);
const _: () = assert!(BATCH_MAX <= QUEUE_MAX, "a full batch can gather");
const _: () = assert!(WINDOW_MIN_MS <= WINDOW_MAX_MS && COLD_ROUND_MS <= WINDOW_MAX_MS);
const _: () = assert!(0 < WINDOW_FEW_MS && WINDOW_FEW_MS <= WINDOW_MIN_MS);
const _: () = assert!(
    COLD_WAIT_MS * (COLD_WAITS_MAX as u64) > COLD_ROUND_MS,
    "waiting outlasts a cold round"
);
const _: () = assert!(
    2 * (BODY_MAX + LINK_TOKEN_MAX + WANTED_MAX + 1_024) < LINK_FRAME_ROOM,
    "a frame has room for the longest order"
);
const _: () = assert!(LINK_ORDERS_MAX < 255 && LINK_ANSWERS_MAX < 255, "one byte counts them");
const _: () = assert!(LINK_HEADER_MAX <= 65_535 && SALES_HEADER_MAX <= 65_535);
const _: () = assert!(LINK_OPEN_MS < EDGE_ATTEMPT_MS, "an attempt outlasts the opening of a link");
const _: () = assert!(
    LINK_TURNED_AWAY_MS / 2 * 3 < SHED_MS,
    "a node that is asked again is connected to again"
);
const _: () = assert!(3 * LINK_PING_MS < LINK_IDLE_MS, "a node outwaits two lost signs of life");
const _: () = assert!(ORDER_ID_MIN <= ORDER_ID_MAX && ORDER_ID_MAX <= 255);
