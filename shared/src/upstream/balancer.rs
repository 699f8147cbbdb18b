//! Load balancer of an edge: chooses an origin by strategy, health, zone and backup.
//!
//! Source of smooth weighted round robin, ip-hash and the health rule: nginx
//! `ngx_http_upstream_round_robin.c` and `ngx_http_upstream_ip_hash_module.c`, written anew.

pub use crate::upstream::origin_table::{ORIGINS_MAX, OriginRow, TableError, WEIGHT_MAX, is_zone};
pub use crate::upstream::strategy::{Balance, RouteKey};

use crate::domain::time::UnixMillis;
use crate::limits::SILENCE_POLL_MS;
use crate::upstream::health::{Health, Moment};
use crate::upstream::strategy::{hash_ip, rendezvous};
use std::net::IpAddr;

/// Weights are counted in this fraction, so that an origin of weight 1 can start slowly too. Smooth
/// round robin gives the same order whatever all weights are multiplied by.
const SCALE: i64 = 64;

/// Turns that are skipped at most to start at a random place.
const START_TURNS_MAX: u32 = 1_000;

/// What became of a request to an origin. A refusal is an answer: the origin did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It answered.
    Answered,
    /// It answered that it cannot take more now, or that it is stopping. Not a failure, but no
    /// reason to send it more either.
    Shed,
    /// Refused, reset, timed out, or a 5xx that lastseat did not make.
    Failed,
    /// Left, because it answered nobody any more: see [`Router::should_leave`]. It rests at once.
    Silent,
}

/// A longer time between two events of a router is not counted as time in which origins could have
/// answered: the edge itself slept, or nobody came. While a request is out, it looks more often
/// than this.
const BLINK_MS: u64 = SILENCE_POLL_MS + 50;

/// The origins of one edge isolate and what it has observed of their health.
#[derive(Debug)]
pub struct Router {
    balance: Balance,
    origins: Vec<Origin>,
    total_weight: u32,
    /// What the local zone, while it starts slowly, owes to the others, in parts of [`SCALE`].
    spill: i64,
    last: Moment,
}

#[derive(Debug)]
struct Origin {
    url: String,
    weight: u32,
    backup: bool,
    local: bool,
    current: i64,
    effective: i64,
    health: Health,
}

/// Indices of origins that one order was sent to already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried(u64);

impl Tried {
    /// Whether `index` was tried.
    #[must_use]
    pub const fn has(self, index: usize) -> bool {
        index < ORIGINS_MAX && self.0 >> index & 1 == 1
    }

    /// Remembers `index`.
    pub const fn add(&mut self, index: usize) {
        if index < ORIGINS_MAX {
            self.0 |= 1 << index;
        }
    }
}

type Choice = fn(&Origin, Moment) -> bool;

/// The neighbours of a local zone that starts slowly.
const ELSEWHERE: Choice = |o, now| !o.local && !o.backup && o.health.takes_gladly(now);

/// Who may be asked, from the best choice to the last resort. The first one that any origin meets
/// holds.
const CHOICES: [Choice; 6] = [
    |o, now| o.local && !o.backup && o.health.takes_gladly(now),
    |o, now| !o.backup && o.health.takes_gladly(now),
    |o, now| o.local && !o.backup && o.health.takes(now),
    |o, now| !o.backup && o.health.takes(now),
    |o, now| o.health.takes(now),
    // All rest: better to ask one that failed than to ask nobody.
    |_, _| true,
];

impl Router {
    /// Checks the table. `zone` is the edge's own; without one, all origins are local.
    ///
    /// # Errors
    /// A sentence that names the row and the rule.
    pub fn new(
        rows: Vec<OriginRow>,
        balance: Balance,
        zone: Option<&str>,
    ) -> Result<Self, TableError> {
        crate::upstream::origin_table::check(&rows, zone)?;
        let origins: Vec<Origin> = rows
            .into_iter()
            .map(|row| Origin {
                health: Health::new(&row),
                local: zone.is_none() || row.zone.as_deref() == zone,
                url: row.url,
                weight: row.weight,
                backup: row.backup,
                current: 0,
                effective: i64::from(row.weight) * SCALE,
            })
            .collect();
        let total_weight = origins.iter().map(|o| o.weight).sum();
        Ok(Self {
            balance,
            origins,
            total_weight,
            spill: 0,
            last: Moment { at: UnixMillis(0), awake_ms: 0 },
        })
    }

    /// Starts the turns at a random place: thousands of isolates that start together must not all
    /// begin with the same origin. From there on the turns are exact.
    #[must_use]
    pub fn starting_at(mut self, chance: f64) -> Self {
        let turns = (chance * f64::from(self.total_weight.min(START_TURNS_MAX))) as u32;
        let mut all = Tried::default();
        (0..self.origins.len()).for_each(|index| all.add(index));
        for _ in 0..turns {
            self.next_in_turn(all, None, self.last.at);
        }
        self
    }

    /// Number of origins.
    #[must_use]
    pub fn len(&self) -> usize {
        self.origins.len()
    }

    /// Never true: a table has at least one row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// Whether the edge has to read the buyer before it can pick.
    #[must_use]
    pub fn needs_buyer(&self) -> bool {
        self.balance == Balance::BuyerHash
    }

    /// The URL of an origin that [`Router::pick`] returned.
    #[must_use]
    pub fn url(&self, index: usize) -> Option<&str> {
        self.origins.get(index).map(|o| o.url.as_str())
    }

    /// Chooses the origin for a request, leaving out those in `tried`; `None` only when all were
    /// tried. The outcome of the request must be given to [`Router::report`].
    pub fn pick(&mut self, sender: &RouteKey<'_>, tried: Tried, now: UnixMillis) -> Option<usize> {
        let now = self.tick(now);
        let open = self.open(tried, now)?;
        let by_rule = match self.balance {
            Balance::RoundRobin => None,
            Balance::IpHash => sender.ip.and_then(|ip| self.by_ip(ip, open)),
            Balance::BuyerHash => sender.buyer.and_then(|b| self.by_buyer(b.as_str(), open)),
            Balance::LeastInFlight => self.least_in_flight(open, now.at),
            Balance::RandomTwo => self.random_two(sender.chance, open),
        };
        let chosen = by_rule.or_else(|| self.next_in_turn(open, sender.turn, now.at))?;
        if let Some(origin) = self.origins.get_mut(chosen) {
            origin.health.picked(now);
        }
        Some(chosen)
    }

    /// How long to wait for origin `index` before [`Router::should_leave`] is asked, in
    /// milliseconds.
    #[must_use]
    pub fn silence_limit_ms(&self, index: usize) -> u64 {
        let origin = self.origins.get(index);
        origin.map_or(SILENCE_POLL_MS, |origin| origin.health.silence_limit_ms(self.last))
    }

    /// Whether a request that waits for origin `index` should go to another one: this one answers
    /// nobody, and one that was not tried takes requests. When all are silent, asking more of them
    /// would not help.
    pub fn should_leave(&mut self, index: usize, tried: Tried, now: UnixMillis) -> bool {
        let now = self.tick(now);
        let silent = self.origins.get(index);
        let silent = silent.is_some_and(|origin| origin.health.is_silent(now));
        silent && self.any(tried, |origin, now| origin.health.takes(now), now)
    }

    /// How many origins failed so often that they were left alone, and have not answered since.
    #[must_use]
    pub fn failing(&self) -> usize {
        self.origins.iter().filter(|origin| origin.health.is_failing()).count()
    }

    /// Takes in what became of a request to origin `index`.
    pub fn report(&mut self, index: usize, outcome: AttemptOutcome, now: UnixMillis) {
        let now = self.tick(now);
        let Some(origin) = self.origins.get_mut(index) else {
            return;
        };
        match outcome {
            AttemptOutcome::Answered => origin.health.answered(now),
            AttemptOutcome::Shed => {
                origin.health.answered(now);
                origin.health.sheds(now.at);
            }
            AttemptOutcome::Failed => {
                let cost = i64::from(origin.weight / origin.health.max_fails().max(1)) * SCALE;
                origin.effective = (origin.effective - cost).max(0);
                origin.health.failed(1, now.at);
            }
            AttemptOutcome::Silent => {
                origin.effective = 0;
                origin.health.failed(origin.health.max_fails(), now.at);
            }
        }
    }

    fn tick(&mut self, at: UnixMillis) -> Moment {
        let awake_ms = self.last.awake_ms + at.since(self.last.at).min(BLINK_MS);
        self.last = Moment { at, awake_ms };
        self.last
    }

    fn any(&self, tried: Tried, may: Choice, now: Moment) -> bool {
        let mut untried = self.origins.iter().enumerate();
        untried.any(|(index, origin)| !tried.has(index) && may(origin, now))
    }

    /// Those of the best choice that were not tried.
    fn open(&mut self, tried: Tried, now: Moment) -> Option<Tried> {
        let best = CHOICES.into_iter().find(|may| self.any(tried, *may, now))?;
        let choice = if self.any(tried, ELSEWHERE, now) && self.spills(tried, now) {
            ELSEWHERE
        } else {
            best
        };
        let mut open = Tried::default();
        for (index, origin) in self.origins.iter().enumerate() {
            if !tried.has(index) && choice(origin, now) {
                open.add(index);
            }
        }
        Some(open)
    }

    /// Whether this request goes elsewhere although local origins take it: they all start slowly
    /// after a rest, and the part of their load that they do not carry yet is still carried by the
    /// other zones.
    fn spills(&mut self, tried: Tried, now: Moment) -> bool {
        let local = CHOICES[0];
        let shares = self.origins.iter().enumerate();
        let shares = shares.filter(|(index, origin)| !tried.has(*index) && local(origin, now));
        // In parts of SCALE.
        let carried = shares.map(|(_, origin)| origin.health.ramp(SCALE, now.at)).max();
        self.spill += SCALE - carried.unwrap_or(SCALE);
        let spills = self.spill >= SCALE;
        if spills {
            self.spill -= SCALE;
        }
        spills
    }

    fn of(&self, open: Tried) -> impl Iterator<Item = (usize, &Origin)> {
        self.origins.iter().enumerate().filter(move |(index, _)| open.has(*index))
    }

    /// One turn of smooth weighted round robin over the origins in `open`. `kept` is taken
    /// whoever's turn it is, and pays for the turn as if it were its own.
    fn next_in_turn(&mut self, open: Tried, kept: Option<usize>, at: UnixMillis) -> Option<usize> {
        let mut total = 0;
        let mut best: Option<(usize, i64)> = None;
        for (index, origin) in self.origins.iter_mut().enumerate() {
            if !open.has(index) {
                continue;
            }
            let full = i64::from(origin.weight) * SCALE;
            let share = origin.health.ramp(origin.effective, at);
            origin.current += share;
            total += share;
            origin.effective = (origin.effective + SCALE).min(full);
            if best.is_none_or(|(_, current)| origin.current > current) {
                best = Some((index, origin.current));
            }
        }
        let (best, _) = best?;
        let index = kept.filter(|kept| open.has(*kept)).unwrap_or(best);
        if let Some(origin) = self.origins.get_mut(index) {
            origin.current -= total;
        }
        Some(index)
    }

    /// nginx tries up to 20 further hashes when the hashed origin cannot be used.
    fn by_ip(&self, ip: IpAddr, open: Tried) -> Option<usize> {
        let mut hash: u32 = 89;
        for _ in 0..=20 {
            hash = hash_ip(hash, ip);
            let mut rest = hash % self.total_weight;
            let (index, _) = self.origins.iter().enumerate().find(|(_, origin)| {
                let here = rest < origin.weight;
                rest = rest.saturating_sub(origin.weight);
                here
            })?;
            if open.has(index) {
                return Some(index);
            }
        }
        None
    }

    fn by_buyer(&self, buyer: &str, open: Tried) -> Option<usize> {
        let score = |origin: &Origin| rendezvous(&origin.url, origin.weight, buyer);
        let best = self.of(open).max_by(|(_, a), (_, b)| score(a).total_cmp(&score(b)));
        best.map(|(index, _)| index)
    }

    /// Those with the smallest load take turns, so that an idle cluster is served by weight too.
    fn least_in_flight(&mut self, open: Tried, now: UnixMillis) -> Option<usize> {
        let least = self.of(open).map(|(_, o)| o.load(now)).min_by(f64::total_cmp)?;
        let mut idlest = Tried::default();
        for (index, origin) in self.of(open) {
            if origin.load(now) <= least {
                idlest.add(index);
            }
        }
        self.next_in_turn(idlest, None, now)
    }

    fn random_two(&self, chance: [f64; 2], open: Tried) -> Option<usize> {
        let first = self.draw(chance[0], open)?;
        let mut others = Tried::default();
        for (index, _) in self.of(open).filter(|(index, _)| *index != first) {
            others.add(index);
        }
        let Some(second) = self.draw(chance[1], others) else {
            return Some(first);
        };
        let load = |index: usize| {
            let origin = self.origins.get(index)?;
            Some(f64::from(origin.health.in_flight() + 1) / f64::from(origin.weight))
        };
        Some(if load(second)? < load(first)? { second } else { first })
    }

    /// Draws one of `open` by weight.
    fn draw(&self, chance: f64, open: Tried) -> Option<usize> {
        let total: u32 = self.of(open).map(|(_, o)| o.weight).sum();
        let mut rest = chance * f64::from(total);
        let drawn = self.of(open).find(|(_, origin)| {
            rest -= f64::from(origin.weight);
            rest < 0.0
        });
        drawn.or_else(|| self.of(open).last()).map(|(index, _)| index)
    }
}

impl Origin {
    /// Requests in flight for its share, with the one that is to be sent.
    fn load(&self, now: UnixMillis) -> f64 {
        let share = self.health.ramp(i64::from(self.weight) * SCALE, now);
        f64::from(self.health.in_flight() + 1) / share as f64
    }
}

#[cfg(test)]
mod tests;
