//! Grant: what an origin's response says to an edge about one sale.
//!
//! It travels in the header `Lastseat-Grant` and reserves nothing.

use crate::admission::edge_census::EdgeShare;
use crate::domain::sale::{SaleState, Snapshot};
use crate::domain::time::UnixMillis;
use crate::limits::{
    FEW_BUDGET_MIN, FEW_EDGES, HEADROOM, OPENING_BUDGET_MAX, PROBES_PER_SECOND, WINDOW_FEW_MS,
    WINDOW_MAX_MS, WINDOW_MIN_MS,
};

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
    /// Length of the window that the grant begins, in milliseconds.
    pub window_ms: u64,
    /// Requests that the edge may forward in the window (while scheduled: in the first window of
    /// the sale).
    pub budget: u32,
    /// What can be had.
    pub supply: Supply,
    /// When the sale opens by the ledger's clock, 0 when it is open or the moment is not set.
    pub opens_at: UnixMillis,
}

/// Longest window that is read, in milliseconds: the origin may be of a version with longer ones.
const WINDOW_READ_MAX_MS: u64 = 1_000;

/// Version number that starts the header.
const FORMAT: &str = "1";

impl Grant {
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
        let whole = fields.next().is_none() && (1..=WINDOW_READ_MAX_MS).contains(&window_ms);
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

/// What an origin needs to make a grant.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// The edge among the others.
    pub edge: EdgeShare,
    /// Tickets asked for by orders that wait in the cluster for the ledger, estimated.
    pub pending: u32,
    /// Orders that the cluster can take in one window, estimated.
    pub can_take: u32,
}

impl Offer {
    /// The grant for one edge: its share of what is free and not yet asked for, with a headroom,
    /// bounded by what the origins can take and by what is not promised to others.
    ///
    /// The share is rounded at random, so that its expectation is right: 0.2 is one request in
    /// every fifth window, neither none (the last tickets would strand) nor one (every edge's crowd
    /// would come after the last ticket). `chance` is a random number in `0.0..1.0`.
    #[must_use]
    pub fn grant(self, snapshot: &Snapshot, at: UnixMillis, chance: f64) -> Grant {
        let supply = Supply::of(snapshot);
        let wanted = f64::from(snapshot.free()) * (1.0 + HEADROOM) - f64::from(self.pending);
        let can = wanted.max(0.0).min(f64::from(self.can_take));
        let room = (wanted - self.edge.promised).max(can * self.edge.sure_share());
        // One of few edges may have a handful of clients at once, whatever its part was so far.
        let least = if self.edge.live <= FEW_EDGES { FEW_BUDGET_MIN.min(can) } else { 0.0 };
        let share = (can * self.edge.share()).max(least);
        let (most, opens_at) = match supply {
            Supply::NotOpen => (OPENING_BUDGET_MAX, snapshot.terms.opens_at),
            _ => (room, UnixMillis(0)),
        };
        Grant {
            version: snapshot.version,
            at,
            window_ms: window_ms(self.edge.live, supply, self.can_take),
            budget: round_at_random(share.min(most), chance),
            supply,
            opens_at,
        }
    }
}

impl Grant {
    /// The word on a sale that the ledger does not have: version 0, so that any real one overrides
    /// it.
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

/// The window in which `live` edges together begin at most [`PROBES_PER_SECOND`] windows a second,
/// within bounds. While tickets are free and the origins have room for a request from each edge,
/// the shortest: what comes then is sold, and an edge whose share is below one waits no longer than
/// that for its turn.
fn window_ms(live: f64, supply: Supply, can_take: u32) -> u64 {
    let wanted = (live * 1_000.0 / PROBES_PER_SECOND as f64) as u64;
    if supply == Supply::Free && f64::from(can_take) >= live {
        return wanted.clamp(WINDOW_FEW_MS, WINDOW_MIN_MS);
    }
    wanted.clamp(WINDOW_MIN_MS, WINDOW_MAX_MS)
}

fn round_at_random(share: f64, chance: f64) -> u32 {
    let whole = share.floor();
    whole as u32 + u32::from(chance < share - whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sale::Terms;
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

    const OFFER: Offer = Offer { edge: ALONE, pending: 0, can_take: 100_000 };

    const ALONE: EdgeShare = EdgeShare { live: 1.0, use_share: 1.0, early: false, promised: 0.0 };

    #[test]
    fn one_edge_gets_what_is_free_and_a_tenth_more() {
        let grant = OFFER.grant(&snapshot(10_000, 0, 0), UnixMillis(1_000_100), 0.5);
        assert_eq!(grant.budget, 11_000);
    }

    #[test]
    fn orders_that_wait_and_a_full_origin_shrink_the_budget() {
        let free = snapshot(10_000, 0, 0);
        assert_eq!(Offer { pending: 11_000, ..OFFER }.grant(&free, UnixMillis(0), 0.0).budget, 0);
        assert_eq!(Offer { can_take: 70, ..OFFER }.grant(&free, UnixMillis(0), 0.5).budget, 70);
    }

    /// The mean budget of many grants.
    fn mean(offer: Offer, snapshot: &Snapshot) -> f64 {
        let rounds = 100_000u32;
        let total: u32 = (0..rounds)
            .map(|i| f64::from(i) / f64::from(rounds))
            .map(|chance| offer.grant(snapshot, UnixMillis(0), chance).budget)
            .sum();
        f64::from(total) / f64::from(rounds)
    }

    #[test]
    fn a_share_below_one_is_neither_none_for_all_nor_one_for_all_of_six_thousand_isolates() {
        let edge = EdgeShare { live: 6_000.0, use_share: 1.0 / 6_000.0, ..ALONE };
        let mean = mean(Offer { edge, ..OFFER }, &snapshot(50, 0, 0));
        assert!((mean - 55.0 / 6_000.0).abs() < 1e-4, "{mean}");
    }

    #[test]
    fn what_quiet_edges_leave_goes_to_the_busy_one() {
        let busy = EdgeShare { live: 1_000.0, use_share: 0.9, ..ALONE };
        let grant = Offer { edge: busy, ..OFFER }.grant(&snapshot(1_000, 0, 0), UnixMillis(0), 0.5);
        assert!(grant.budget > 400, "{grant:?}");
    }

    #[test]
    fn what_is_promised_to_others_is_not_granted_again() {
        let edge = EdgeShare { live: 100.0, promised: 10_500.0, ..ALONE };
        let budget = |promised| {
            let offer = Offer { edge: EdgeShare { promised, ..edge }, ..OFFER };
            let free = snapshot(10_000, 0, 0);
            offer.grant(&free, UnixMillis(0), 0.5).budget
        };
        assert_eq!(budget(10_500.0), 500);
        assert_eq!(budget(11_000.0), 55, "half an equal share is sure");
    }

    #[test]
    fn an_edge_that_nobody_saw_before_may_be_the_first_of_thousands() {
        let edge = EdgeShare { early: true, ..ALONE };
        let offer = Offer { edge, ..OFFER };
        let free = snapshot(10_000, 0, 0);
        assert_eq!(offer.grant(&free, UnixMillis(0), 0.5).budget, 2_750);
    }

    #[test]
    fn one_of_few_edges_gets_what_a_node_simply_takes_and_no_promise_to_others() {
        let budget = |edge, free, can_take| {
            let offer = Offer { edge, can_take, ..OFFER };
            offer.grant(&snapshot(free, 0, 0), UnixMillis(0), 0.5).budget
        };
        let first = EdgeShare { early: true, ..ALONE };
        assert_eq!([5, 20, 50, 100].map(|free| budget(first, free, 8_000)), [5, 22, 55, 64]);
        assert_eq!(budget(first, 50, 10), 10, "a full node takes no more");
        let eighth = EdgeShare { live: 8.0, use_share: 0.0, ..ALONE };
        assert_eq!(budget(eighth, 100, 8_000), 64);
        assert_eq!(budget(EdgeShare { live: 9.0, ..eighth }, 100, 8_000), 6);
        let promised = EdgeShare { promised: 50.0, ..eighth };
        assert_eq!(budget(promised, 50, 8_000), 5);
    }

    #[test]
    fn few_edges_have_short_windows_while_tickets_are_free() {
        let windows = [1.0, 50.0, 100.0, 500.0].map(|live| window_ms(live, Supply::Free, 8_000));
        assert_eq!(windows, [25, 25, 50, 250]);
        assert_eq!(window_ms(1.0, Supply::Free, 0), WINDOW_MIN_MS, "a full node is not asked more");
    }

    #[test]
    fn the_opening_itself_is_not_a_stampede() {
        let scheduled = Snapshot { state: SaleState::Scheduled, ..snapshot(10_000, 0, 0) };
        assert_eq!(OFFER.grant(&scheduled, UnixMillis(0), 0.5).budget, 1);
    }

    #[test]
    fn many_edges_stretch_the_window_but_a_return_is_heard_within_a_second() {
        let windows =
            [1.0, 500.0, 1_000.0, 100_000.0].map(|live| window_ms(live, Supply::SoldOut, 0));
        assert_eq!(windows, [250, 250, 500, WINDOW_MAX_MS]);
        assert_eq!(window_ms(6_000.0, Supply::Free, 8_000), WINDOW_MIN_MS);
        assert_eq!(window_ms(6_000.0, Supply::Free, 100), WINDOW_MAX_MS, "an overloaded cluster");
        let far_ms = 150;
        assert!(crate::limits::REPOLL_MS + WINDOW_MAX_MS + far_ms <= 1_010);
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
            version: u64, at: u64, budget: u32, window in 1u64..=1_000, s in 0usize..7,
            opens_at: u64,
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
