//! Rate limiter: a token bucket for each client address, in a fixed amount of memory.
//!
//! A bucket is one number: when it will be full again. Asking moves that moment, time passes it by;
//! there is nothing to refill and no timer. Buckets live in a table of sets of a few slots each,
//! and an address belongs to one set. A newcomer to a full set takes the slot that is nearest to
//! full, *with what it owes*: so a flood of invented addresses costs no memory, and no address ever
//! gets more than a bucket of its own would give it, also not by being forgotten and coming back.
//! What a flood can do is to use up a whole set; honest addresses that share it are then refused
//! with `busy` more often than they should. Which addresses share a set cannot be found out from
//! outside.

use crate::domain::time::UnixMillis;
use crate::limits::CLIENT_RATE_MAX;
use core::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};

/// Slots of one set: so many are looked at for each request.
const WAYS: usize = 8;
/// Microseconds of a millisecond.
const US: u64 = 1_000;

/// How many requests an address may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    unit: Unit,
    burst: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

/// The text is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rate is written \"5/s burst 20\" or \"30/m burst 10\", with whole numbers from 1 to {max}, \
     or \"off\"",
    max = CLIENT_RATE_MAX
)]
pub struct RateError;

impl Rate {
    /// So many requests a second, and so many at once.
    #[must_use]
    pub const fn per_second(count: u32, burst: u32) -> Self {
        Self { count, unit: Unit::Second, burst }
    }

    /// So many requests an hour, and so many at once.
    #[must_use]
    pub const fn per_hour(count: u32, burst: u32) -> Self {
        Self { count, unit: Unit::Hour, burst }
    }

    /// Reads `COUNT/s burst COUNT` or `COUNT/m burst COUNT`; nothing or `off` = no limit.
    ///
    /// # Errors
    /// The text is neither.
    pub fn parse(text: &str) -> Result<Option<Self>, RateError> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let (rate, burst) = match words[..] {
            [] | ["off"] => return Ok(None),
            [rate, "burst", burst] => (rate, burst),
            _ => return Err(RateError),
        };
        let (count, unit) = match rate.split_once('/') {
            Some((count, "s")) => (count, Unit::Second),
            Some((count, "m")) => (count, Unit::Minute),
            _ => return Err(RateError),
        };
        let number = |text: &str| {
            let number = text.parse().ok();
            number.filter(|number| (1..=CLIENT_RATE_MAX).contains(number))
        };
        Ok(Some(Self {
            count: number(count).ok_or(RateError)?,
            unit,
            burst: number(burst).ok_or(RateError)?,
        }))
    }

    /// What one request takes, in microseconds of refilling.
    fn cost_us(self) -> u64 {
        let unit = match self.unit {
            Unit::Second => 1_000_000,
            Unit::Minute => 60_000_000,
            Unit::Hour => 3_600_000_000,
        };
        unit / u64::from(self.count.max(1))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => 's',
            Unit::Minute => 'm',
            Unit::Hour => 'h',
        };
        write!(f, "{}/{unit} burst {}", self.count, self.burst)
    }
}

/// The buckets of many addresses.
#[derive(Debug)]
pub struct RateLimiter {
    cost_us: u64,
    /// What a full bucket holds, in microseconds.
    depth_us: u64,
    /// Mixed into the hash of each address.
    seed: u64,
    sets: Vec<[Slot; WAYS]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The hash of the address; 0 = never used.
    print: u64,
    /// When the bucket is full again, in Unix microseconds.
    full_at: u64,
}

impl RateLimiter {
    /// Buckets for at most `addresses` at a time, rounded up to whole sets. `seed` must be a secret
    /// of this process: with it one could find addresses that share a set with a chosen one.
    #[must_use]
    pub fn new(rate: Rate, addresses: usize, seed: u64) -> Self {
        let cost_us = rate.cost_us();
        Self {
            cost_us,
            depth_us: cost_us * u64::from(rate.burst),
            seed,
            sets: vec![[Slot::default(); WAYS]; addresses.div_ceil(WAYS).max(1)],
        }
    }

    /// Takes one request out of the bucket of `address`. Requests without a known address share
    /// one.
    ///
    /// # Errors
    /// It has none; milliseconds until it has, at least 1.
    pub fn take(&mut self, address: Option<IpAddr>, now: UnixMillis) -> Result<(), u32> {
        self.take_of(&address.map(network), now)
    }

    /// As [`RateLimiter::take`], out of the bucket of anything.
    ///
    /// # Errors
    /// It has none; milliseconds until it has, at least 1.
    pub fn take_of(&mut self, whose: &impl Hash, now: UnixMillis) -> Result<(), u32> {
        let now = now.0.saturating_mul(US);
        let (cost, depth) = (self.cost_us, self.depth_us);
        let Some(slot) = self.slot(whose) else {
            return Ok(());
        };
        // Never beyond one whole bucket from now: a clock that was set back must not lock anybody
        // out.
        slot.full_at = slot.full_at.clamp(now, now.saturating_add(depth));
        let full_at = slot.full_at.saturating_add(cost);
        let over = full_at.saturating_sub(now.saturating_add(depth));
        if over == 0 {
            slot.full_at = full_at;
            Ok(())
        } else {
            Err(u32::try_from(over.div_ceil(US)).unwrap_or(u32::MAX))
        }
    }

    /// Puts back what the last [`RateLimiter::take_of`] of `whose` took: it was not needed.
    pub fn give_back(&mut self, whose: &impl Hash) {
        let (print, cost) = (self.print(whose), self.cost_us);
        let own = self.set(print).and_then(|set| set.iter_mut().find(|slot| slot.print == print));
        if let Some(slot) = own {
            slot.full_at = slot.full_at.saturating_sub(cost);
        }
    }

    fn print(&self, whose: &impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.seed.hash(&mut hasher);
        whose.hash(&mut hasher);
        hasher.finish().max(1)
    }

    fn set(&mut self, print: u64) -> Option<&mut [Slot; WAYS]> {
        // Set and print come from the same hash; the print is compared whole.
        let index = (print >> 16) as usize % self.sets.len().max(1);
        self.sets.get_mut(index)
    }

    /// The slot of an address: its own, or else the one in its set that is nearest to full, which
    /// becomes its own.
    fn slot(&mut self, whose: &impl Hash) -> Option<&mut Slot> {
        let print = self.print(whose);
        let set = self.set(print)?;
        let own = set.iter().position(|slot| slot.print == print);
        let place = own.or_else(|| {
            let slots = set.iter().enumerate();
            slots.min_by_key(|(_, slot)| slot.full_at).map(|(i, _)| i)
        });
        let slot = set.get_mut(place?)?;
        slot.print = print;
        Some(slot)
    }
}

/// What counts as one client: an IPv4 address, or the 64 bits of an IPv6 network, of which one
/// household has all the addresses.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn buckets(rate: &str, addresses: usize) -> RateLimiter {
        RateLimiter::new(Rate::parse(rate).unwrap().unwrap(), addresses, 7)
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn taken(buckets: &mut RateLimiter, address: Option<IpAddr>, now: u64, tries: u32) -> u32 {
        let take = |_| u32::from(buckets.take(address, UnixMillis(now)).is_ok());
        (0..tries).map(take).sum()
    }

    #[test]
    fn a_rate_is_read_and_written_in_one_form() {
        for text in ["5/s burst 20", "30/m burst 1", "100000/s burst 100000"] {
            assert_eq!(Rate::parse(text).unwrap().unwrap().to_string(), text);
        }
        for text in ["", "  ", "off"] {
            assert_eq!(Rate::parse(text), Ok(None));
        }
        for text in [
            "5",
            "5/s",
            "5/h burst 2",
            "0/s burst 1",
            "5/s burst 0",
            "5/s burst",
            "-1/s burst 1",
            "1.5/s burst 2",
            "5/s, burst 20",
            "5 / s burst 20",
            "100001/s burst 1",
            "on",
        ] {
            assert_eq!(Rate::parse(text), Err(RateError), "{text}");
        }
    }

    #[test]
    fn a_client_has_its_burst_and_then_its_rate() {
        let mut buckets = buckets("5/s burst 20", 64);
        assert_eq!(taken(&mut buckets, ip("10.0.0.1"), 1_000, 100), 20);
        assert_eq!(taken(&mut buckets, ip("10.0.0.1"), 1_199, 100), 0);
        assert_eq!(taken(&mut buckets, ip("10.0.0.1"), 1_200, 100), 1);
        assert_eq!(taken(&mut buckets, ip("10.0.0.1"), 2_200, 100), 5);
        assert_eq!(taken(&mut buckets, ip("10.0.0.1"), 60_000, 100), 20);
        assert_eq!(taken(&mut buckets, ip("10.0.0.2"), 60_000, 100), 20);
    }

    #[test]
    fn ipv6_counts_by_its_network_and_an_ipv4_address_in_ipv6_as_itself() {
        let mut buckets = buckets("1/s burst 2", 64);
        assert_eq!(taken(&mut buckets, ip("2001:db8:1:2::1"), 1, 5), 2);
        assert_eq!(taken(&mut buckets, ip("2001:db8:1:2:ffff::9"), 1, 5), 0);
        assert_eq!(taken(&mut buckets, ip("2001:db8:1:3::1"), 1, 5), 2);
        assert_eq!(taken(&mut buckets, ip("10.0.0.1"), 1, 5), 2);
        assert_eq!(taken(&mut buckets, ip("::ffff:10.0.0.1"), 1, 5), 0);
        assert_eq!(taken(&mut buckets, None, 1, 5), 2);
    }

    #[test]
    fn a_flood_of_invented_addresses_neither_grows_the_memory_nor_frees_a_heavy_client() {
        let mut buckets = buckets("1/m burst 10", 64);
        let heavy = ip("10.0.0.1");
        assert_eq!(taken(&mut buckets, heavy, 1_000, 50), 10);
        let mut admitted = 0;
        for n in 0..100_000u32 {
            let invented = IpAddr::from((0xC000_0000 + n).to_be_bytes());
            admitted += taken(&mut buckets, Some(invented), 1_000, 1);
        }
        assert_eq!(taken(&mut buckets, heavy, 1_000, 50), 0);
        assert!(admitted <= 64 * 10, "{admitted}");
        assert_eq!(buckets.sets.len() * WAYS, 64);
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let mut buckets = buckets("5/s burst 20", 64);
        assert_eq!(taken(&mut buckets, ip("10.0.0.1"), 900_000, 100), 20);
        assert_eq!(taken(&mut buckets, ip("10.0.0.1"), 1_000, 100), 0);
        assert_eq!(taken(&mut buckets, ip("10.0.0.1"), 5_000, 100), 20);
    }

    proptest! {
        /// A table of one set, and more addresses than it has slots.
        #[test]
        fn no_address_gets_more_than_a_bucket_of_its_own_would_give(
            arrivals in proptest::collection::vec((0u8..24, 0u64..400), 1..600),
        ) {
            let mut shared = buckets("5/s burst 4", WAYS);
            let mut own: HashMap<u8, RateLimiter> = HashMap::new();
            let mut now = 1_000_000;
            for (host, pause) in arrivals {
                now += pause;
                let address = Some(IpAddr::from([10, 0, 0, host]));
                if shared.take(address, UnixMillis(now)).is_ok() {
                    let own = own.entry(host).or_insert_with(|| buckets("5/s burst 4", WAYS));
                    prop_assert!(own.take(address, UnixMillis(now)).is_ok());
                }
            }
        }

        #[test]
        fn who_waits_as_told_is_served(
            count in 1u32..2_000, burst in 1u32..50, minute in any::<bool>(), asks in 1u32..200,
        ) {
            let unit = if minute { 'm' } else { 's' };
            let mut buckets = buckets(&format!("{count}/{unit} burst {burst}"), 64);
            let mut now = 1_000_000;
            for _ in 0..asks {
                if let Err(ms) = buckets.take(ip("10.0.0.1"), UnixMillis(now)) {
                    prop_assert!(ms >= 1);
                    now += u64::from(ms);
                    prop_assert_eq!(buckets.take(ip("10.0.0.1"), UnixMillis(now)), Ok(()));
                }
            }
        }
    }
}
