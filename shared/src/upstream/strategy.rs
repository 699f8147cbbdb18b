//! Balancing strategies: how one of several origins is chosen.

use crate::domain::ids::BuyerId;
use std::net::IpAddr;

/// How an origin is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// nginx's smooth weighted round robin.
    #[default]
    RoundRobin,
    /// nginx's `ip_hash`: a client stays with its origin while that is up.
    IpHash,
    /// Weighted rendezvous hashing of the buyer: a buyer stays with its origin, and when one origin
    /// of n leaves only its own buyers move, about 1/n of all.
    BuyerHash,
    /// The origin with the fewest requests in flight for its weight.
    LeastInFlight,
    /// Of two origins drawn at random by weight, the one with fewer requests in flight for its
    /// weight.
    RandomTwo,
}

impl Balance {
    const WORDS: [(&str, Self); 5] = [
        ("round_robin", Self::RoundRobin),
        ("ip_hash", Self::IpHash),
        ("buyer_hash", Self::BuyerHash),
        ("least_in_flight", Self::LeastInFlight),
        ("random_two", Self::RandomTwo),
    ];

    /// The words that [`Balance::parse`] reads, for messages.
    pub const EXPECTED: &str = "round_robin, ip_hash, buyer_hash, least_in_flight or random_two";

    /// Reads the word of a configuration.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(w, _)| *w == word).map(|(_, balance)| balance)
    }
}

/// What a request shows of its sender.
#[derive(Clone, Copy, Debug, Default)]
pub struct RouteKey<'a> {
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The buyer, where the edge has it.
    pub buyer: Option<&'a BuyerId>,
    /// Two random numbers in `0.0..1.0`.
    pub chance: [f64; 2],
    /// The origin of this turn, where an edge sends orders that come shortly one after the other to
    /// one origin, so that they gather there. It is taken while it may be asked, and each order
    /// counts as one of its own, so that the weights stay exact by orders.
    pub turn: Option<usize>,
}

/// nginx hashes the first three octets of an IPv4 address (a /24 stays together) and all of an IPv6
/// one.
pub(super) fn hash_ip(start: u32, ip: IpAddr) -> u32 {
    let step = |hash: u32, octet: &u8| (hash * 113 + u32::from(*octet)) % 6_271;
    match ip {
        IpAddr::V4(v4) => v4.octets().iter().take(3).fold(start, step),
        IpAddr::V6(v6) => v6.octets().iter().fold(start, step),
    }
}

/// The score of an origin for a buyer; the highest one wins. Weighted rendezvous hashing:
/// Schindelhauer and Schomaker, "Weighted distributed hash tables", 2005 (the logarithmic method).
pub(super) fn rendezvous(url: &str, weight: u32, buyer: &str) -> f64 {
    // FNV-1a, then the finaliser of splitmix64: the same on every edge and every build.
    let bytes = buyer.bytes().chain([0]).chain(url.bytes());
    let fnv = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let mixed = mixed ^ (mixed >> 31);
    // Uniform in (0, 1): 53 bits, never 0.
    let unit = ((mixed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -f64::from(weight) / unit.ln()
}
