//! A grant: what an origin's answer tells an edge about one sale. It travels in the header
//! `Lastseat-Grant` and reserves nothing.

use crate::limits::{HEADROOM, PROBES_PER_SECOND, WINDOW_MAX_MS, WINDOW_MIN_MS};
use crate::sale::{SaleState, Snapshot};
use crate::time::UnixMillis;

/// What can be had from a sale, seen from an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Supply {
    /// Tickets are free.
    Free,
    /// Nothing free, nothing held.
    SoldOut,
    /// Nothing free, some held.
    AllHeld,
    /// Not opened yet.
    NotOpen,
    /// Paused by an operator.
    Paused,
    /// Over.
    Closed,
    /// The ledger has no such sale.
    Unknown,
}

impl Supply {
    const LETTERS: [(Self, u8); 7] = [
        (Self::Free, b'f'),
        (Self::SoldOut, b's'),
        (Self::AllHeld, b'h'),
        (Self::NotOpen, b'n'),
        (Self::Paused, b'p'),
        (Self::Closed, b'c'),
        (Self::Unknown, b'u'),
    ];

    const fn letter(self) -> char {
        match self {
            Self::Free => 'f',
            Self::SoldOut => 's',
            Self::AllHeld => 'h',
            Self::NotOpen => 'n',
            Self::Paused => 'p',
            Self::Closed => 'c',
            Self::Unknown => 'u',
        }
    }

    /// What `snapshot` offers.
    #[must_use]
    pub const fn of(snapshot: &Snapshot) -> Self {
        match snapshot.state {
            SaleState::Scheduled => Self::NotOpen,
            SaleState::Paused => Self::Paused,
            SaleState::Closed => Self::Closed,
            SaleState::Open if snapshot.free() > 0 => Self::Free,
            SaleState::Open if snapshot.held > 0 => Self::AllHeld,
            SaleState::Open => Self::SoldOut,
        }
    }
}

/// One origin's word on one sale at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The ledger's version; a grant of an older version never overrides a newer one.
    pub version: u64,
    /// The moment of the answer by the ledger's clock.
    pub at: UnixMillis,
    /// Length of the window that `at` lies in, in milliseconds: [`WINDOW_MIN_MS`] times a power of two.
    pub window_ms: u64,
    /// Requests that the edge may forward in the window (while scheduled: in the first window of the sale).
    pub budget: u32,
    /// What can be had.
    pub supply: Supply,
    /// When the sale opens by the ledger's clock, 0 when it is open or nobody knows.
    pub opens_at: UnixMillis,
}

/// Version number that starts the header.
const FORMAT: &str = "1";

impl Grant {
    /// The window that the grant belongs to: its first millisecond by the ledger's clock.
    #[must_use]
    pub const fn window(&self) -> UnixMillis {
        UnixMillis(self.at.0 - self.at.0 % self.window_ms)
    }

    /// Milliseconds that were left of the window when the origin answered, at least 1.
    #[must_use]
    pub const fn left_ms(&self) -> u64 {
        self.window_ms - self.at.0 % self.window_ms
    }

    /// The header value: `1.<version>.<at>.<window_ms>.<budget>.<supply>.<opens_at>`.
    #[must_use]
    pub fn to_header(&self) -> String {
        format!(
            "{FORMAT}.{}.{}.{}.{}.{}.{}",
            self.version,
            self.at,
            self.window_ms,
            self.budget,
            self.supply.letter(),
            self.opens_at
        )
    }

    /// Reads a header value; `None` for one that no version of lastseat writes.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        if header.len() > 120 {
            return None;
        }
        let mut fields = header.split('.');
        if fields.next()? != FORMAT {
            return None;
        }
        let mut number = || fields.next()?.parse::<u64>().ok();
        let (version, at, window_ms) = (number()?, number()?, number()?);
        let budget = u32::try_from(number()?).ok()?;
        let supply = match fields.next()?.as_bytes() {
            [letter] => Supply::LETTERS.iter().find(|(_, l)| l == letter)?.0,
            _ => return None,
        };
        let opens_at = fields.next()?.parse().ok()?;
        let whole = fields.next().is_none() && (1..=WINDOW_MAX_MS).contains(&window_ms);
        whole.then_some(Self {
            version,
            at: UnixMillis(at),
            window_ms,
            budget,
            supply,
            opens_at: UnixMillis(opens_at),
        })
    }
}

/// What an origin knows when it makes a grant.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// Edges that asked lately, at least 1.
    pub live_edges: u32,
    /// Tickets asked for by orders that wait in the cluster for the ledger, estimated.
    pub pending: u32,
    /// Orders that the cluster can take in one window, estimated.
    pub can_take: u32,
}

impl Offer {
    /// The grant for one edge: an equal share of what is free and not yet asked for, with a headroom,
    /// bounded by what the origins can take.
    ///
    /// The share is rounded at random, so that its expectation is right: 0.2 is one request in every fifth window,
    /// neither none (the last tickets would strand) nor one (every edge's crowd would come after the last ticket).
    /// `chance` is a random number in `0.0..1.0`.
    #[must_use]
    pub fn grant(self, snapshot: &Snapshot, at: UnixMillis, chance: f64) -> Grant {
        let supply = Supply::of(snapshot);
        let edges = f64::from(self.live_edges.max(1));
        let wanted = f64::from(snapshot.free()) * (1.0 + HEADROOM) - f64::from(self.pending);
        let share = wanted.max(0.0).min(f64::from(self.can_take)) / edges;
        let opens_at = match supply {
            Supply::NotOpen => snapshot.terms.opens_at,
            _ => UnixMillis(0),
        };
        Grant {
            version: snapshot.version,
            at,
            window_ms: window_ms(self.live_edges),
            budget: round_at_random(share, chance),
            supply,
            opens_at,
        }
    }
}

impl Grant {
    /// The word on a sale that the ledger does not have: version 0, so that any real one overrides it.
    #[must_use]
    pub const fn of_unknown_sale(at: UnixMillis) -> Self {
        Self {
            version: 0,
            at,
            window_ms: WINDOW_MAX_MS,
            budget: 0,
            supply: Supply::Unknown,
            opens_at: UnixMillis(0),
        }
    }
}

/// The shortest window in which `live_edges` together begin at most [`PROBES_PER_SECOND`] windows a
/// second: doubled from [`WINDOW_MIN_MS`], so that windows of different length begin together.
fn window_ms(live_edges: u32) -> u64 {
    let mut length = WINDOW_MIN_MS;
    while length < WINDOW_MAX_MS && u64::from(live_edges) * 1_000 > length * PROBES_PER_SECOND {
        length *= 2;
    }
    length
}

fn round_at_random(share: f64, chance: f64) -> u32 {
    let whole = share.floor();
    whole as u32 + u32::from(chance < share - whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sale::Terms;
    use proptest::prelude::*;

    fn snapshot(capacity: u32, held: u32, confirmed: u32) -> Snapshot {
        Snapshot {
            capacity,
            held,
            confirmed,
            version: 3,
            commit_seq: 9,
            state: SaleState::Open,
            terms: Terms::default(),
            at: UnixMillis(0),
        }
    }

    const OFFER: Offer = Offer {
        live_edges: 1,
        pending: 0,
        can_take: 100_000,
    };

    #[test]
    fn one_edge_gets_what_is_free_and_a_tenth_more() {
        let grant = OFFER.grant(&snapshot(10_000, 0, 0), UnixMillis(1_000_100), 0.5);
        assert_eq!(grant.budget, 11_000);
        assert_eq!(grant.window(), UnixMillis(1_000_000));
        assert_eq!(grant.left_ms(), 150);
    }

    #[test]
    fn orders_that_wait_and_a_full_origin_shrink_the_budget() {
        let free = snapshot(10_000, 0, 0);
        assert_eq!(
            Offer {
                pending: 11_000,
                ..OFFER
            }
            .grant(&free, UnixMillis(0), 0.0)
            .budget,
            0
        );
        assert_eq!(
            Offer {
                can_take: 70,
                ..OFFER
            }
            .grant(&free, UnixMillis(0), 0.5)
            .budget,
            70
        );
    }

    #[test]
    fn a_share_below_one_is_right_on_average_and_never_zero_for_all() {
        let offer = Offer {
            live_edges: 6_000,
            ..OFFER
        };
        let last = snapshot(50, 0, 0);
        let rounds = 100_000u32;
        let total: u32 = (0..rounds)
            .map(|i| {
                offer
                    .grant(&last, UnixMillis(0), f64::from(i) / f64::from(rounds))
                    .budget
            })
            .sum();
        let mean = f64::from(total) / f64::from(rounds);
        assert!((mean - 55.0 / 6_000.0).abs() < 1e-4, "{mean}");
    }

    #[test]
    fn many_edges_stretch_the_window_but_never_over_a_second() {
        assert_eq!(
            [1, 500, 501, 1_001, 100_000].map(window_ms),
            [250, 250, 500, 1_000, 1_000]
        );
    }

    #[test]
    fn held_tickets_make_the_difference_between_all_held_and_sold_out() {
        assert_eq!(Supply::of(&snapshot(10, 1, 9)), Supply::AllHeld);
        assert_eq!(Supply::of(&snapshot(10, 0, 10)), Supply::SoldOut);
        assert_eq!(Supply::of(&snapshot(10, 0, 9)), Supply::Free);
    }

    proptest! {
        #[test]
        fn a_grant_reads_back_from_its_header(
            version: u64, at: u64, budget: u32, window in 1u64..=1_000, s in 0usize..7, opens_at: u64,
        ) {
            let grant = Grant {
                version, at: UnixMillis(at), window_ms: window, budget,
                supply: Supply::LETTERS[s].0, opens_at: UnixMillis(opens_at),
            };
            prop_assert_eq!(Grant::parse(&grant.to_header()), Some(grant));
        }

        #[test]
        fn no_header_makes_the_parser_panic(text in ".{0,200}") {
            let _ = Grant::parse(&text);
        }
    }
}
