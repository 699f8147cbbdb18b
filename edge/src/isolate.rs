//! State of one isolate, kept between requests. Plain data only.
//!
//! Each method borrows, works without waiting, and hands out owned values, so that no borrow can
//! outlive an await.

use crate::config::{ClientIp, Config};
use crate::runtime;
use js_sys::{JSON, Object, Reflect};
use shared::admission::browser_origin::AllowedOrigins;
use shared::admission::gate::{Arrival, GateDecision, Gates, Observation};
use shared::admission::order_calls::{CallClass, CallLimits, CallRefusal, OrderCall, OrderCalls};
use shared::admission::rate_limit::RateLimiter;
use shared::admission::recent_orders::RecentOrders;
use shared::admission::sale_cache::{CacheLookup, SaleCache};
use shared::domain::order::KeySource;
use shared::limits::{
    EDGE_CLIENTS_MAX, EDGE_KNOWN_CALLS_MAX, EDGE_SHOP_CALLS_MAX, EDGE_STRANGE_CALLS_MAX,
    EDGE_UNDER_WAY_MAX,
};
use shared::upstream::balancer::{RouteKey, Router};
use shared::upstream::forwarding::{Attempt, AttemptVerdict, Forwarding, Wait};
use shared::{BuyerId, EdgeCounts, EdgeId, EdgeTally, Grant, KeyRing, OrderId, Refusal, SaleId};
use shared::{TraceParent, UnixMillis};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashSet;
use std::net::IpAddr;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use web_sys::Response;
use worker::console_error;

/// One isolate's knowledge: hints that cost nothing but an extra request when they are lost.
pub(crate) struct Isolate {
    pub(crate) id: EdgeId,
    pub(crate) client_ip: ClientIp,
    /// With which it signs.
    pub(crate) keys: KeyRing,
    /// Verifies the shop's buyer tokens, where orders need one.
    pub(crate) buyer_keys: Option<KeyRing>,
    /// Pages of other hosts that may call this edge.
    pub(crate) allowed_origins: AllowedOrigins,
    /// What each client address may still ask, where that is limited.
    clients: Option<RefCell<RateLimiter>>,
    trace_share: f64,
    /// Whether a trace that a client names goes on.
    pub(crate) takes_client_traces: bool,
    gates: RefCell<Gates>,
    router: RefCell<Router>,
    /// Orders that were granted, read or changed through this isolate.
    seen: RefCell<RecentOrders>,
    /// Calls about orders.
    calls: RefCell<OrderCalls>,
    /// Those that wait for origins, by class.
    calls_under_way: [Rc<Cell<u32>>; 3],
    views: RefCell<SaleCache>,
    /// Orders that wait for origins.
    under_way: Rc<Cell<u32>>,
    /// Counts that have not been reported to an origin yet.
    tally: RefCell<EdgeTally>,
    chance: RefCell<Chance>,
    /// Origins that rejected this edge's signature and were named in the log.
    doubters: RefCell<HashSet<usize>>,
}

/// One of the requests under way, until it is dropped, whatever becomes of the request.
pub(crate) struct Place(Rc<Cell<u32>>);

impl Place {
    fn take(taken: &Rc<Cell<u32>>, max: u32) -> Option<Self> {
        let before = taken.get();
        (before < max).then(|| {
            taken.set(before.saturating_add(1));
            Self(Rc::clone(taken))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

thread_local! {
    static ISOLATE: OnceCell<Result<Rc<Isolate>, Rc<str>>> = const { OnceCell::new() };
}

/// This isolate, made from `env` by the first request.
///
/// # Errors
/// What is wrong with the configuration, in words; it is logged once.
pub(crate) fn isolate(env: &Object) -> Result<Rc<Isolate>, Rc<str>> {
    ISOLATE.with(|cell| {
        cell.get_or_init(|| match Isolate::new(env) {
            Ok(isolate) => Ok(Rc::new(isolate)),
            Err(fault) => {
                console_error!("lastseat edge: {fault}");
                Err(fault.into())
            }
        })
        .clone()
    })
}

/// Whether an isolate can work with `env`. No chance is taken here: the runtime gives none before
/// the first request.
///
/// # Errors
/// What is wrong with the configuration, in words.
pub(crate) fn check(env: &Object) -> Result<(), String> {
    Config::read(|name| var(env, name)).map(drop)
}

impl Isolate {
    fn new(env: &Object) -> Result<Self, String> {
        let config = Config::read(|name| var(env, name))?;
        let mut chance = Chance::default();
        let id = chance.take().map(u64::from_le_bytes).map_err(no_chance)?;
        let seed = chance.take().map(u64::from_le_bytes).map_err(no_chance)?;
        let clients = config.client_rate;
        let clients = clients.map(|rate| RateLimiter::new(rate, EDGE_CLIENTS_MAX, seed));
        let start = chance.take().map(u16::from_le_bytes).map_err(no_chance)?;
        let start = f64::from(start) / 65_536.0;
        Ok(Self {
            id: EdgeId::parse(&format!("{id:016x}")).map_err(|error| error.to_string())?,
            client_ip: config.client_ip,
            keys: config.keys,
            buyer_keys: config.buyer_keys,
            allowed_origins: config.allowed_origins,
            clients: clients.map(RefCell::new),
            trace_share: config.trace_share,
            takes_client_traces: config.takes_client_traces,
            gates: RefCell::default(),
            router: RefCell::new(config.router.starting_at(start)),
            seen: RefCell::default(),
            calls: RefCell::new(OrderCalls::new(CallLimits::EDGE, seed)),
            calls_under_way: Default::default(),
            views: RefCell::default(),
            under_way: Rc::default(),
            tally: RefCell::default(),
            chance: RefCell::new(chance),
            doubters: RefCell::default(),
        })
    }

    /// An origin rejected this edge's signature. Buyers cannot help that, so it is logged for the
    /// operator, once for each origin.
    pub(crate) fn rejected_by(&self, index: usize, why: &str) {
        if self.doubters.borrow_mut().insert(index) {
            let router = self.router.borrow();
            let url = router.url(index).unwrap_or_default();
            console_error!(
                "lastseat edge: {url} does not take this edge's signature ({why}). Give both the \
                 same \
                 LASTSEAT_EDGE_KEY and set their clocks; see docs/SECURITY.md"
            );
        }
    }

    /// Whether clients are limited by their address.
    pub(crate) const fn limits_clients(&self) -> bool {
        self.clients.is_some()
    }

    /// Takes a request out of the bucket of `client`.
    ///
    /// # Errors
    /// There is none in it for so many milliseconds.
    pub(crate) fn take(&self, client: Option<IpAddr>, now: UnixMillis) -> Result<(), u32> {
        let clients = self.clients.as_ref();
        clients.map_or(Ok(()), |clients| clients.borrow_mut().take(client, now))
    }

    pub(crate) fn decide(&self, sale: &SaleId, ask: Arrival, now: UnixMillis) -> GateDecision {
        let chance = self.chance();
        self.gates.borrow_mut().of(sale).decide(ask, now, chance)
    }

    /// A place among the orders under way; `None` when there are too many.
    pub(crate) fn enter(&self) -> Option<Place> {
        Place::take(&self.under_way, EDGE_UNDER_WAY_MAX)
    }

    /// A place among the calls about orders under way, if `order` of `sale` may be called about.
    pub(crate) fn enter_call(
        &self,
        sale: &SaleId,
        order: &OrderId,
        client: Option<IpAddr>,
        token: Option<&str>,
        now: UnixMillis,
    ) -> Option<Place> {
        let call = OrderCall {
            sale,
            exists: self.gates.borrow().knows(sale),
            order,
            known: self.seen.borrow().has(order),
            client,
            token,
            lookups: 1,
        };
        let class = self.calls.borrow_mut().decide(&call, now);
        let [known, shop, strange] = &self.calls_under_way;
        match class {
            Ok(CallClass::Known) => Place::take(known, EDGE_KNOWN_CALLS_MAX),
            Ok(CallClass::Shop) => Place::take(shop, EDGE_SHOP_CALLS_MAX),
            Ok(CallClass::Stranger) => Place::take(strange, EDGE_STRANGE_CALLS_MAX),
            Err(CallRefusal::Budget | CallRefusal::Repeated) => None,
        }
    }

    /// Counts a call about an order that was refused here.
    pub(crate) fn count_call_refused(&self, sale: &SaleId) {
        self.tally.borrow_mut().call_refused(sale);
    }

    /// An origin did not have `order`.
    pub(crate) fn saw_absent(&self, order: &OrderId, now: UnixMillis) {
        self.calls.borrow_mut().was_absent(order, now);
    }

    /// `order` is asked for: it may be there from now on.
    pub(crate) fn saw_ordered(&self, order: &OrderId) {
        self.calls.borrow_mut().ordered(order);
    }

    /// An origin has accepted a call with `token`, or has refused it for its token.
    pub(crate) fn saw_token(&self, token: &str, accepted: bool, now: UnixMillis) {
        self.calls.borrow_mut().saw_token(token, accepted, now);
    }

    pub(crate) fn count_refused(&self, sale: &SaleId, refusal: Refusal) {
        self.tally.borrow_mut().refused(sale, refusal);
    }

    pub(crate) fn count_passed(&self, sale: &SaleId) {
        self.tally.borrow_mut().passed(sale);
    }

    pub(crate) fn count_forwarded(&self, sale: &SaleId) {
        self.tally.borrow_mut().forwarded(sale);
    }

    pub(crate) fn count_failed(&self, sale: &SaleId) {
        self.tally.borrow_mut().failed(sale);
    }

    /// Takes the counts of `sale` that are about to be reported to an origin.
    pub(crate) fn take_counts(&self, sale: &SaleId) -> Option<EdgeCounts> {
        self.tally.borrow_mut().take(sale)
    }

    /// Puts back counts that no origin received, for the next request.
    pub(crate) fn put_back_counts(&self, sale: &SaleId, counts: &EdgeCounts) {
        self.tally.borrow_mut().put_back(sale, counts);
    }

    /// What is to be thought of an order id that a client sent.
    pub(crate) fn recognise(&self, id: &OrderId, key: KeySource) -> KeySource {
        if self.seen.borrow().has(id) { KeySource::Known } else { key }
    }

    /// Remembers an order that an origin has.
    pub(crate) fn saw_order(&self, id: &OrderId) {
        self.seen.borrow_mut().add(id);
    }

    /// Takes in the grant of an answer to what was sent at `asked`.
    pub(crate) fn observe(&self, sale: &SaleId, grant: &Grant, asked: UnixMillis, now: UnixMillis) {
        let chance = self.chance();
        let when = Observation { asked, now, chance };
        self.gates.borrow_mut().observe(sale, grant, when);
    }

    /// Takes in which sales exist.
    pub(crate) fn list(&self, names: &str) {
        self.gates.borrow_mut().list(names);
        self.views.borrow_mut().list(names);
    }

    /// What is done for one who wants to see `sale`.
    pub(crate) fn lookup(&self, sale: &SaleId, waits: u32, now: UnixMillis) -> CacheLookup {
        self.views.borrow_mut().lookup(sale, waits, now)
    }

    /// Remembers what an origin, asked at `asked`, said of `sale` just now.
    pub(crate) fn keep(&self, sale: &SaleId, asked: UnixMillis, body: &str) {
        let received_at = runtime::now();
        self.views.borrow_mut().keep(sale, asked, received_at, body);
    }

    /// Whether an origin cannot be picked before the buyer is known.
    pub(crate) fn needs_buyer(&self) -> bool {
        self.router.borrow().needs_buyer()
    }

    /// The next origin of an forwarded request and the address of `path` there.
    pub(crate) fn next_origin(
        &self,
        forwarding: &mut Forwarding<Response>,
        ip: Option<IpAddr>,
        buyer: Option<&BuyerId>,
        now: UnixMillis,
        path: &str,
    ) -> Option<(Attempt, String)> {
        let sender = RouteKey { ip, buyer, chance: [self.chance(), self.chance()] };
        let mut router = self.router.borrow_mut();
        let attempt = forwarding.next(&mut router, &sender, now)?;
        Some((attempt, format!("{}{path}", router.url(attempt.index)?)))
    }

    /// See [`Attempt::poll_ms`].
    pub(crate) fn poll_ms(&self, attempt: &Attempt, now: UnixMillis) -> u64 {
        attempt.poll_ms(&self.router.borrow(), now)
    }

    /// See [`Attempt::ends`].
    pub(crate) fn ends(&self, attempt: &Attempt, now: UnixMillis) -> Option<Wait> {
        attempt.ends(&mut self.router.borrow_mut(), now)
    }

    /// See [`Forwarding::observed`].
    pub(crate) fn observed(
        &self,
        forwarding: &mut Forwarding<Response>,
        attempt: &Attempt,
        verdict: AttemptVerdict,
        wait: Wait,
        answer: Option<Response>,
        now: UnixMillis,
    ) -> Option<Response> {
        forwarding.observed(attempt, verdict, wait, answer, &mut self.router.borrow_mut(), now)
    }

    /// An order id that nobody can guess.
    ///
    /// # Errors
    /// The runtime gave no random bytes.
    pub(crate) fn new_order_id(&self, now: UnixMillis) -> Result<OrderId, JsValue> {
        Ok(OrderId::new_v7(now, self.chance.borrow_mut().take()?))
    }

    /// A new trace, for the configured share of requests.
    pub(crate) fn start_trace(&self) -> Option<TraceParent> {
        // Mostly nothing is traced, and then chance is not asked either.
        if self.trace_share == 0.0 || self.chance() >= self.trace_share {
            return None;
        }
        let random = self.chance.borrow_mut().take().ok()?;
        Some(TraceParent::start(random))
    }

    /// A number in `0.0..1.0` that spreads those who come back.
    pub(crate) fn chance(&self) -> f64 {
        let word = self.chance.borrow_mut().take().map_or(0, u16::from_le_bytes);
        f64::from(word) / 65_536.0
    }
}

/// Random bytes, asked for in bulk: one call into the runtime serves some 300 orders.
struct Chance {
    pool: [u8; 4_096],
    used: usize,
}

impl Default for Chance {
    fn default() -> Self {
        let pool = [0; 4_096];
        Self { used: pool.len(), pool }
    }
}

impl Chance {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], JsValue> {
        if let Some(bytes) = self.next() {
            return Ok(bytes);
        }
        runtime::fill_random(&mut self.pool)?;
        self.used = 0;
        self.next().ok_or(JsValue::NULL)
    }

    fn next<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.pool.get(self.used..)?.first_chunk().copied()?;
        self.used = self.used.saturating_add(N);
        Some(bytes)
    }
}

fn no_chance(error: JsValue) -> String {
    format!("the runtime gives no random bytes: {error:?}")
}

/// A variable as text; one that wrangler was given as a table is written as JSON. Not `env.var`:
/// under bare workerd a variable that is not set is null, and `env.var` panics on null.
fn var(env: &Object, name: &str) -> Option<String> {
    let value = Reflect::get(env, &name.into()).ok()?;
    if value.is_null() || value.is_undefined() {
        return None;
    }
    let text = value.as_string();
    text.or_else(|| JSON::stringify(&value).ok().map(String::from))
}
