//! Gate of calls about orders: which reads, confirmations, cancellations and extensions go on.
//!
//! Orders pass a gate because most are refused. A call about an order cannot be refused for good
//! from memory, but each costs a look into the ledger, and ids can be invented without end. So a
//! call about an order that this process has seen goes on at once. All others share a budget for
//! each sale and one for all sales, and beyond it they are told to ask again (`busy`, 429).
//!
//! - **Known orders** have a bucket each: who holds one ticket cannot ask without end either.
//! - **One heavy address** leaves half of every budget to others, so that a flood from a few
//!   addresses does not keep out a buyer whose order this process has not seen yet.
//! - **Tokens that an origin has accepted** (an edge cannot verify them) are not counted against
//!   those budgets. A token that was not seen yet has a small budget of its own before it takes
//!   part in the others, so that a shop's first call does not compete with calls without a token.
//!
//! **Orders that are cancelled before they come** stay in the ledger, a bounded number in a sale.
//! One client gets a small part of them: beyond it the same call goes on, and an order that is not
//! there is not remembered.
//!
//! **Orders that the ledger did not have** are remembered for [`ABSENT_MS`], in which calls about
//! them leave half of every budget to others, too: who asks for one id again and again, or for a
//! list of them, does not take the place of a first question. They are never answered
//! `unknown_order` from memory: an order that was absent a moment ago may have been granted since,
//! through another edge or node, restored by a recovery, or by a request that was still on its way.
//! No process observes that in time, so no 404 from memory is safe, however short its life. `busy`
//! is true in each of these cases, and beyond the budget only.

use super::rate_limit::{Rate, RateLimiter, network};
use super::recent_orders::fingerprint;
use super::token_budget::{BURST_SECONDS, TokenBudget};
use crate::domain::ids::{OrderId, SaleId};
use crate::domain::time::UnixMillis;
use crate::limits::{
    ABSENT_MAX, ABSENT_MS, CALL_RETRY_MS, CALL_SPREAD_MS, CLIENT_CALLS_BURST,
    CLIENT_CALLS_PER_SECOND, CLIENT_EARLY_BURST, CLIENT_EARLY_PER_HOUR, EARLY_CLIENTS_MAX,
    EDGE_ALL_CALLS_PER_SECOND, EDGE_CALLED_ORDERS_MAX, EDGE_CALLS_PER_SECOND, EDGE_CLIENTS_MAX,
    EDGE_SALES_MAX, NODE_ALL_CALLS_PER_SECOND, NODE_CALLS_PER_SECOND, ORDER_CALLS_BURST,
    ORDER_CALLS_PER_SECOND, ORIGIN_CALLED_ORDERS_MAX, ORIGIN_CLIENTS_MAX, SALES_MAX,
    TOKEN_CALLS_PER_SECOND, TOKEN_SEEN_MS, TOKENS_MAX,
};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

/// How much one tier lets through, and how much it keeps for that.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// Calls a second in one sale.
    pub per_sale: u32,
    /// Calls a second in all sales.
    pub overall: u32,
    /// Sales with a budget of their own.
    pub sales: usize,
    /// Orders whose calls are counted.
    pub orders: usize,
    /// Client addresses whose calls are counted.
    pub clients: usize,
    /// Client addresses in a sale whose early cancellations are counted.
    pub early: usize,
}

impl CallLimits {
    /// Those of an edge isolate.
    pub const EDGE: Self = Self {
        per_sale: EDGE_CALLS_PER_SECOND,
        overall: EDGE_ALL_CALLS_PER_SECOND,
        sales: EDGE_SALES_MAX,
        orders: EDGE_CALLED_ORDERS_MAX,
        clients: EDGE_CLIENTS_MAX,
        // The node counts them.
        early: 1,
    };
    /// Those of a node.
    pub const NODE: Self = Self {
        per_sale: NODE_CALLS_PER_SECOND,
        overall: NODE_ALL_CALLS_PER_SECOND,
        sales: SALES_MAX,
        orders: ORIGIN_CALLED_ORDERS_MAX,
        clients: ORIGIN_CLIENTS_MAX,
        early: EARLY_CLIENTS_MAX,
    };
}

/// A call about an order.
#[derive(Clone, Copy, Debug)]
pub struct OrderCall<'a> {
    /// In which sale.
    pub sale: &'a SaleId,
    /// Whether this process has seen that the sale exists. Others share one budget.
    pub exists: bool,
    /// Which order.
    pub order: &'a OrderId,
    /// Whether this process has seen the order granted, read or changed.
    pub known: bool,
    /// Who calls.
    pub client: Option<IpAddr>,
    /// The token that it carries, where it is not verified here.
    pub token: Option<&'a str>,
    /// How often the ledger is asked for it.
    pub lookups: u32,
}

/// On what ground a call goes on; each has places of its own among the calls under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallClass {
    /// Its order is known.
    Known,
    /// Its token was accepted, lately.
    Shop,
    /// The budget had room for it.
    Stranger,
}

/// Why a call does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallRefusal {
    /// The budget for orders that were not seen is used up.
    Budget,
    /// The same, for an order that the ledger did not have a moment ago.
    Repeated,
}

/// What the status of an origin's answer to a call says of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderCallAnswer {
    /// It is there, as it stands or in a state in which the call is refused.
    There,
    /// It is not there now.
    Absent,
    /// Nothing.
    Other,
}

impl OrderCallAnswer {
    /// Reads the status.
    #[must_use]
    pub const fn of(status: u16) -> Self {
        match status {
            200 | 409 | 410 => Self::There,
            404 => Self::Absent,
            _ => Self::Other,
        }
    }
}

/// Whether the status of an origin's answer to a confirmation says that its token was accepted;
/// `None` where the origin did not look at it.
#[must_use]
pub const fn accepts_token(status: u16) -> Option<bool> {
    match OrderCallAnswer::of(status) {
        OrderCallAnswer::There | OrderCallAnswer::Absent => Some(true),
        OrderCallAnswer::Other if status == 401 => Some(false),
        OrderCallAnswer::Other => None,
    }
}

/// The calls about orders of one process, in a fixed amount of memory.
#[derive(Debug)]
pub struct OrderCalls {
    limits: CallLimits,
    seed: u64,
    of_orders: RateLimiter,
    of_clients: RateLimiter,
    /// Orders that clients have cancelled before they came.
    of_early: RateLimiter,
    sales: HashMap<SaleId, TokenBudget>,
    other_sales: TokenBudget,
    all: TokenBudget,
    new_tokens: TokenBudget,
    absent: AbsentOrders,
    /// Tokens that an origin has accepted, and when.
    tokens: VecDeque<(u64, UnixMillis)>,
}

impl OrderCalls {
    /// Nothing was called yet. `seed` must be a secret of this process, as for [`RateLimiter`].
    #[must_use]
    pub fn new(limits: CallLimits, seed: u64) -> Self {
        let of_order = Rate::per_second(ORDER_CALLS_PER_SECOND, ORDER_CALLS_BURST);
        let of_client = Rate::per_second(CLIENT_CALLS_PER_SECOND, CLIENT_CALLS_BURST);
        let of_early = Rate::per_hour(CLIENT_EARLY_PER_HOUR, CLIENT_EARLY_BURST);
        Self {
            limits,
            seed,
            of_orders: RateLimiter::new(of_order, limits.orders, seed),
            of_clients: RateLimiter::new(of_client, limits.clients, seed),
            of_early: RateLimiter::new(of_early, limits.early, seed),
            sales: HashMap::new(),
            other_sales: TokenBudget::default(),
            all: TokenBudget::default(),
            new_tokens: TokenBudget::default(),
            absent: AbsentOrders::default(),
            tokens: VecDeque::new(),
        }
    }

    /// Decides whether `call` goes on.
    ///
    /// # Errors
    /// Why it does not; its client asks again after [`come_back_ms`].
    pub fn decide(
        &mut self,
        call: &OrderCall<'_>,
        now: UnixMillis,
    ) -> Result<CallClass, CallRefusal> {
        let token = call.token.map(|token| self.print(token));
        if token.is_some_and(|print| self.was_accepted(print, now)) {
            return Ok(CallClass::Shop);
        }
        if call.known && self.of_orders.take_of(call.order, now).is_ok() {
            return Ok(CallClass::Known);
        }
        if token.is_some() && self.new_tokens.take(TOKEN_CALLS_PER_SECOND, 1, 0, now) {
            return Ok(CallClass::Stranger);
        }
        let absent = !call.known && self.absent.has(call.order, now);
        let heavy = self.of_clients.take(call.client, now).is_err();
        if self.takes(call, heavy || absent || call.known, now) {
            Ok(CallClass::Stranger)
        } else if absent {
            Err(CallRefusal::Repeated)
        } else {
            Err(CallRefusal::Budget)
        }
    }

    /// Whether `client` may have one more order of `sale` cancelled before it comes. A sale
    /// remembers a bounded number of them, which one client must not use up. It is taken:
    /// [`OrderCalls::was_not_early`] puts it back.
    pub fn may_cancel_early(
        &mut self,
        sale: &SaleId,
        client: Option<IpAddr>,
        now: UnixMillis,
    ) -> bool {
        self.of_early.take_of(&(sale, client.map(network)), now).is_ok()
    }

    /// What `client` cancelled in `sale` was there, or nothing came of it.
    pub fn was_not_early(&mut self, sale: &SaleId, client: Option<IpAddr>) {
        self.of_early.give_back(&(sale, client.map(network)));
    }

    /// The ledger did not have `order`.
    pub fn was_absent(&mut self, order: &OrderId, now: UnixMillis) {
        self.absent.add(order, now);
    }

    /// `order` is asked for: it may be there from now on.
    pub fn ordered(&mut self, order: &OrderId) {
        self.absent.remove(order);
    }

    /// An origin has accepted `token`, or has refused it.
    pub fn saw_token(&mut self, token: &str, accepted: bool, now: UnixMillis) {
        let print = self.print(token);
        self.tokens.retain(|(known, _)| *known != print);
        if !accepted {
            return;
        }
        if self.tokens.len() >= TOKENS_MAX {
            self.tokens.pop_front();
        }
        self.tokens.push_back((print, now));
    }

    fn was_accepted(&self, print: u64, now: UnixMillis) -> bool {
        let fresh = |at: UnixMillis| now.since(at).max(at.since(now)) < TOKEN_SEEN_MS;
        self.tokens.iter().any(|(known, at)| *known == print && fresh(*at))
    }

    fn print(&self, token: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.seed.hash(&mut hasher);
        token.hash(&mut hasher);
        hasher.finish()
    }

    /// Takes `call` out of the budget of its sale and out of that of all sales, if both have it.
    fn takes(&mut self, call: &OrderCall<'_>, heavy: bool, now: UnixMillis) -> bool {
        let CallLimits { per_sale, overall, .. } = self.limits;
        let left = |rate: u32| if heavy { u64::from(rate) * BURST_SECONDS / 2 } else { 0 };
        let all = self.all;
        if !self.all.take(overall, call.lookups, left(overall), now) {
            return false;
        }
        let taken = self.of_sale(call, now).take(per_sale, call.lookups, left(per_sale), now);
        if !taken {
            self.all = all;
        }
        taken
    }

    fn of_sale(&mut self, call: &OrderCall<'_>, now: UnixMillis) -> &mut TokenBudget {
        if !call.exists {
            return &mut self.other_sales;
        }
        if !self.sales.contains_key(call.sale) && self.sales.len() >= self.limits.sales {
            // A full one says no more than none.
            self.sales.retain(|_, budget| !budget.is_full(now));
            if self.sales.len() >= self.limits.sales {
                return &mut self.other_sales;
            }
        }
        self.sales.entry(call.sale.clone()).or_default()
    }
}

/// When a client whose call was refused asks again, in milliseconds: those of a flood do not come
/// back together.
#[must_use]
pub fn come_back_ms(chance: f64) -> u32 {
    CALL_RETRY_MS + (chance * CALL_SPREAD_MS) as u32
}

/// Orders that the ledger did not have, for [`ABSENT_MS`].
#[derive(Debug, Default)]
struct AbsentOrders {
    since: HashMap<u64, UnixMillis>,
    by_age: VecDeque<(u64, UnixMillis)>,
}

impl AbsentOrders {
    fn has(&self, order: &OrderId, now: UnixMillis) -> bool {
        let since = self.since.get(&fingerprint(order));
        since.is_some_and(|since| is_fresh(*since, now))
    }

    fn add(&mut self, order: &OrderId, now: UnixMillis) {
        while let Some((print, since)) = self.by_age.front().copied()
            && (!is_fresh(since, now) || self.by_age.len() >= ABSENT_MAX)
        {
            self.by_age.pop_front();
            if self.since.get(&print) == Some(&since) {
                self.since.remove(&print);
            }
        }
        let print = fingerprint(order);
        self.since.insert(print, now);
        self.by_age.push_back((print, now));
    }

    fn remove(&mut self, order: &OrderId) {
        self.since.remove(&fingerprint(order));
    }
}

const fn is_fresh(since: UnixMillis, now: UnixMillis) -> bool {
    // In both directions: the clock may be set back.
    now.since(since) < ABSENT_MS && since.since(now) < ABSENT_MS
}

#[cfg(test)]
mod tests;
