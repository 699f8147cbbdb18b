//! State of one edge, kept between requests: hints that cost nothing but an extra request when they
//! are lost.

use super::client_request::ClientRequest;
use super::config::EdgeConfig;
use super::random_pool::{FillRandom, RandomPool};
use super::under_way::{UnderWay, UnderWayPlace};
use crate::admission::browser_origin::AllowedOrigins;
use crate::admission::gate::{Arrival, Gate, GateDecision, Gates, Observation};
use crate::admission::gone_sales::{GoneDecision, GoneSales};
use crate::admission::grant::Grant;
use crate::admission::order_calls::{CallClass, CallLimits, OrderCall, OrderCalls};
use crate::admission::rate_limit::RateLimiter;
use crate::admission::recent_orders::RecentOrders;
use crate::admission::view_cache::ViewCache;
use crate::admission::wanted_journeys::WantedJourneys;
use crate::auth::key_ring::KeyRing;
use crate::domain::ids::{EdgeId, OrderId, SaleId};
use crate::domain::order::KeySource;
use crate::domain::time::UnixMillis;
use crate::limits::{
    EDGE_CLIENTS_MAX, EDGE_KNOWN_CALLS_MAX, EDGE_SHOP_CALLS_MAX, EDGE_STRANGE_CALLS_MAX,
    EDGE_UNDER_WAY_MAX, GATEWAY_GRANTED_WAITS_MAX, GATEWAY_UNDER_WAY_MAX, GRANTED_WAITS_MAX,
    ORIGIN_CALLED_ORDERS_MAX, ORIGIN_CLIENTS_MAX, TURN_ORDERS_MAX,
};
use crate::upstream::balancer::Router;
use crate::upstream::turn::OrderTurn;
use crate::wire::edge_counters::{EdgeCounts, EdgeTally};
use crate::wire::trace_context::TraceParent;
use core::fmt;
use std::collections::HashSet;
use std::net::IpAddr;

/// A moment, on both clocks of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeTime {
    /// On a clock that does not go back: for deadlines and windows
    /// ([`crate::domain::time::Steady`]).
    pub steady: UnixMillis,
    /// The time of the day, for what others read: signatures, order ids, tokens.
    pub wall: UnixMillis,
}

/// How many requests of each kind may be under way at one edge, and how much it keeps.
#[derive(Clone, Copy, Debug)]
pub struct EdgeLimits {
    /// Orders that wait for origins.
    pub orders: u32,
    /// Orders that begin to wait at the gate of a sale in
    /// [`COLD_WAIT_MS`](crate::limits::COLD_WAIT_MS) though it has a grant.
    pub gate_places: u32,
    /// Calls about orders that this edge has seen.
    pub known_calls: u32,
    /// Calls with a token that an origin has accepted.
    pub shop_calls: u32,
    /// All other calls about orders.
    pub strange_calls: u32,
    /// What its gate of calls lets through and keeps.
    pub calls: CallLimits,
    /// Client addresses whose rate is counted, where it is limited.
    pub clients: usize,
    /// Orders of one turn that go to one origin ([`OrderTurn`]); 0 = each is routed by itself.
    pub turn_orders: u32,
}

impl EdgeLimits {
    /// Those of an isolate, which has 128 MB.
    pub const ISOLATE: Self = Self {
        orders: EDGE_UNDER_WAY_MAX,
        gate_places: GRANTED_WAITS_MAX,
        known_calls: EDGE_KNOWN_CALLS_MAX,
        shop_calls: EDGE_SHOP_CALLS_MAX,
        strange_calls: EDGE_STRANGE_CALLS_MAX,
        calls: CallLimits::EDGE,
        clients: EDGE_CLIENTS_MAX,
        // It sends each order in a request of its own: none would gain.
        turn_orders: 0,
    };

    /// Those of a gateway: one process in the place of many isolates, with a server's memory.
    pub const GATEWAY: Self = Self {
        orders: GATEWAY_UNDER_WAY_MAX,
        gate_places: GATEWAY_GRANTED_WAITS_MAX,
        known_calls: 4 * EDGE_KNOWN_CALLS_MAX,
        shop_calls: 4 * EDGE_SHOP_CALLS_MAX,
        strange_calls: 4 * EDGE_STRANGE_CALLS_MAX,
        calls: CallLimits {
            orders: ORIGIN_CALLED_ORDERS_MAX,
            clients: ORIGIN_CLIENTS_MAX,
            ..CallLimits::EDGE
        },
        clients: ORIGIN_CLIENTS_MAX,
        turn_orders: TURN_ORDERS_MAX,
    };
}

/// Something that the operator should read in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EdgeNotice {
    /// An origin rejects this edge's signature.
    Rejected {
        /// Its address.
        origin: String,
        /// Why, in its words.
        why: String,
    },
    /// The runtime gave no random bytes, so an order got no id.
    NoRandomBytes,
}

impl fmt::Display for EdgeNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { origin, why } => write!(
                f,
                "{origin} does not take this edge's signature ({why}). Give both the same \
                 LASTSEAT_EDGE_KEY and set their clocks; see docs/SECURITY.md"
            ),
            Self::NoRandomBytes => f.write_str("the runtime gives no random bytes"),
        }
    }
}

/// What one edge is configured with, and what it has learnt.
#[derive(Debug)]
pub struct EdgeState {
    /// Its name towards the origins.
    pub id: EdgeId,
    /// The zone that it stands in, which origins are told.
    pub zone: Option<String>,
    /// With which it signs.
    pub keys: KeyRing,
    pub(super) buyer_keys: Option<KeyRing>,
    pub(super) allowed_origins: AllowedOrigins,
    clients: Option<RateLimiter>,
    trace_share: f64,
    takes_client_traces: bool,
    pub(super) gates: Gates,
    pub(super) router: Router,
    pub(super) turn: OrderTurn,
    /// Orders that were granted, read or changed through this edge.
    pub(super) seen: RecentOrders,
    pub(super) calls: OrderCalls,
    /// How sales stand.
    pub(super) views: ViewCache<SaleId>,
    /// Plans and what is left of them, by their addresses at an origin.
    pub(super) parts: ViewCache<String>,
    /// What is gone of sales with plans.
    pub(super) gone: GoneSales,
    /// Counts that have not been reported to an origin yet.
    pub(super) tally: EdgeTally,
    random: RandomPool,
    limits: EdgeLimits,
    orders_under_way: UnderWay,
    calls_under_way: [UnderWay; 3],
    /// Origins that rejected this edge's signature and were named in a notice.
    pub(super) rejected: HashSet<usize>,
    /// At most one for each origin, and one more.
    pub(super) notices: Vec<EdgeNotice>,
}

impl EdgeState {
    /// An edge that has seen nothing yet. `None` where `fill` gives no random bytes: its name and
    /// its hashes must be such as nobody can guess.
    #[must_use]
    pub fn new(config: EdgeConfig, limits: EdgeLimits, fill: FillRandom) -> Option<Self> {
        let mut random = RandomPool::new(fill);
        let id = random.take().map(u64::from_le_bytes)?;
        let seed = random.take().map(u64::from_le_bytes)?;
        let start = random.take().map(u16::from_le_bytes)?;
        let start = f64::from(start) / 65_536.0;
        Some(Self {
            id: EdgeId::parse(&format!("{id:016x}")).ok()?,
            zone: config.zone,
            keys: config.keys,
            buyer_keys: config.buyer_keys,
            allowed_origins: config.allowed_origins,
            clients: config.client_rate.map(|rate| RateLimiter::new(rate, limits.clients, seed)),
            trace_share: config.trace_share,
            takes_client_traces: config.takes_client_traces,
            gates: Gates::with_places(limits.gate_places),
            router: config.router.starting_at(start),
            turn: OrderTurn::of_orders(limits.turn_orders),
            seen: RecentOrders::default(),
            calls: OrderCalls::new(limits.calls, seed),
            views: ViewCache::of_sales(),
            parts: ViewCache::of_addresses(),
            gone: GoneSales::default(),
            tally: EdgeTally::default(),
            random,
            limits,
            orders_under_way: UnderWay::default(),
            calls_under_way: Default::default(),
            rejected: HashSet::new(),
            notices: Vec::new(),
        })
    }

    /// The gate of `sale`, or the one that all sales without their own share.
    pub fn gate(&mut self, sale: &SaleId) -> &mut Gate {
        self.gates.of(sale)
    }

    /// How many of those that wait at the gate of `sale` are decided when they ask now.
    #[must_use]
    pub fn gate_room(&self, sale: &SaleId) -> u32 {
        self.gates.room(sale)
    }

    /// Takes in the grant of a response on `sale`.
    pub fn observe(&mut self, sale: &SaleId, grant: &Grant, when: Observation) {
        self.gates.observe(sale, grant, when);
    }

    /// Whether `order` was granted, read or changed through this edge.
    #[must_use]
    pub fn has_seen(&self, order: &OrderId) -> bool {
        self.seen.has(order)
    }

    /// The origins, and what is known of their health.
    #[must_use]
    pub const fn router(&self) -> &Router {
        &self.router
    }

    /// What the operator should read in the log, once.
    pub fn take_notice(&mut self) -> Option<EdgeNotice> {
        self.notices.pop()
    }

    /// How many orders wait for origins.
    #[must_use]
    pub fn orders_under_way(&self) -> u32 {
        self.orders_under_way.taken()
    }

    /// A number in `0.0..1.0` that spreads those who come back.
    pub fn chance(&mut self) -> f64 {
        self.random.chance()
    }

    /// Takes a request of `client` out of its bucket, where clients are limited by their address.
    ///
    /// # Errors
    /// There is none in it for so many milliseconds.
    pub(super) fn take_of(
        &mut self,
        client: impl FnOnce() -> Option<IpAddr>,
        now: UnixMillis,
    ) -> Result<(), u32> {
        let clients = self.clients.as_mut();
        clients.map_or(Ok(()), |clients| clients.take(client(), now))
    }

    pub(super) fn decide(&mut self, sale: &SaleId, ask: Arrival, now: UnixMillis) -> GateDecision {
        let chance = self.chance();
        self.gates.of(sale).decide(ask, now, chance)
    }

    /// Whether something that an order is for is known to be gone.
    pub(super) fn decide_wanted(
        &mut self,
        sale: &SaleId,
        wanted: &str,
        ask: Arrival,
        now: UnixMillis,
    ) -> GoneDecision {
        // Where no sale has a plan, nothing is read.
        if self.gone.is_empty() {
            return GoneDecision::Unknown;
        }
        let chance = self.chance();
        WantedJourneys::parse(wanted).map_or(GoneDecision::Unknown, |wanted| {
            self.gone.decide((sale, &wanted), ask, now, chance)
        })
    }

    /// A place among the orders under way; `None` when there are too many.
    pub(super) fn enter(&self) -> Option<UnderWayPlace> {
        self.orders_under_way.enter(self.limits.orders)
    }

    /// A place among the calls about orders under way, if the gate of calls lets it on.
    pub(super) fn enter_call(
        &mut self,
        call: OrderCall<'_>,
        now: UnixMillis,
    ) -> Option<UnderWayPlace> {
        let call = OrderCall {
            exists: self.gates.has_listed(call.sale),
            known: self.seen.has(call.order),
            ..call
        };
        let [known, shop, strange] = &self.calls_under_way;
        match self.calls.decide(&call, now).ok()? {
            CallClass::Known => known.enter(self.limits.known_calls),
            CallClass::Shop => shop.enter(self.limits.shop_calls),
            CallClass::Stranger => strange.enter(self.limits.strange_calls),
        }
    }

    /// How an order id that a client sent counts.
    pub(super) fn recognise(&self, id: &OrderId, key: KeySource) -> KeySource {
        if self.has_seen(id) { KeySource::Known } else { key }
    }

    /// Takes in which sales exist.
    pub(super) fn list(&mut self, names: &str) {
        self.gates.list(names);
        self.views.list(names);
    }

    /// Takes the counts of `sale` that are about to be reported to an origin.
    pub(super) fn take_counts(&mut self, sale: &SaleId) -> Option<EdgeCounts> {
        self.tally.take(sale)
    }

    /// An order id that nobody can guess; `None` where the runtime gave no random bytes.
    pub(super) fn new_order_id(&mut self, wall: UnixMillis) -> Option<OrderId> {
        let random = self.random.take();
        if random.is_none() && !self.notices.contains(&EdgeNotice::NoRandomBytes) {
            self.notices.push(EdgeNotice::NoRandomBytes);
        }
        Some(OrderId::new_v7(wall, random?))
    }

    /// A new trace for the share of requests that the edge is configured to have traced. The one
    /// that a client names counts only where clients are trusted with that: it chooses what is
    /// recorded.
    pub(super) fn trace(&mut self, request: &impl ClientRequest) -> Option<TraceParent> {
        if self.takes_client_traces
            && let Some(sent) = request.traceparent()
        {
            return TraceParent::parse(&sent);
        }
        // Mostly nothing is traced, and then chance is not asked either.
        if self.trace_share == 0.0 || self.chance() >= self.trace_share {
            return None;
        }
        self.random.take().map(TraceParent::start)
    }
}
