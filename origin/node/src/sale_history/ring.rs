//! Ring: points of one sale at equal distances in time, the newest of them, in a fixed number of
//! slots.

use super::{Flows, HistoryStep};
use crate::status::TicketCounts;
use shared::UnixMillis;

/// What is known of one stretch of time, in 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slot {
    /// Orders that came within `flows_ms`.
    flows: [u32; 4],
    /// The part of the stretch of which they are known, in milliseconds; 0 = none.
    flows_ms: u32,
    held: u32,
    confirmed: u32,
    /// Whether the tickets are known.
    has_tickets: bool,
}

const _: () = assert!(size_of::<Slot>() == 32);

/// The newest slots of one sale. Time runs by the ledger's clock.
#[derive(Debug)]
pub(super) struct Ring {
    every_ms: u64,
    slots: Box<[Slot]>,
    /// The number of the newest slot: its time divided by `every_ms`.
    newest: u64,
}

/// The speed of a sale over some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct SaleRates {
    /// Orders that asked, a second.
    pub(crate) asked: Option<f64>,
    /// Tickets that were taken (held or confirmed), a second; 0 where more came back.
    pub(crate) taken: Option<f64>,
}

impl Ring {
    /// An empty one of so many slots.
    pub(super) fn new(slots: usize, every_ms: u64, now: UnixMillis) -> Self {
        let slots = vec![Slot::default(); slots].into_boxed_slice();
        Self { every_ms, slots, newest: now.0 / every_ms }
    }

    /// Adds what came within the last `span_ms`, and how the tickets stand now. `None` = not known.
    pub(super) fn add(
        &mut self,
        now: UnixMillis,
        flows: Option<(Flows, u64)>,
        tickets: Option<TicketCounts>,
    ) {
        let Some(slot) = self.slot_at(now) else { return };
        if let Some((flows, span_ms)) = flows {
            for (sum, more) in slot.flows.iter_mut().zip(flows.0) {
                *sum = sum.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
            }
            slot.flows_ms =
                slot.flows_ms.saturating_add(u32::try_from(span_ms).unwrap_or(u32::MAX));
        }
        if let Some(TicketCounts { held, confirmed, .. }) = tickets {
            (slot.held, slot.confirmed, slot.has_tickets) = (held, confirmed, true);
        }
    }

    /// The slot of `now`; those between it and the newest are empty. `None` where the clock was
    /// set back by a little: that time is there already.
    fn slot_at(&mut self, now: UnixMillis) -> Option<&mut Slot> {
        let (number, len) = (now.0 / self.every_ms, self.slots.len() as u64);
        if number < self.newest {
            if self.newest - number < len {
                return None;
            }
            // It was set back so far that nothing here is of the past any more.
            self.slots.fill(Slot::default());
            self.newest = number;
        }
        for skipped in (self.newest + 1..=number).take(self.slots.len()) {
            self.slots[(skipped % len) as usize] = Slot::default();
        }
        self.newest = number;
        Some(&mut self.slots[(number % len) as usize])
    }

    /// The slots with their numbers, the oldest first.
    fn slots(&self) -> impl Iterator<Item = (u64, &Slot)> {
        let len = self.slots.len() as u64;
        let first = (self.newest + 1).saturating_sub(len);
        (first..=self.newest).map(move |number| (number, &self.slots[(number % len) as usize]))
    }

    /// All that is known, without the empty slots before it.
    pub(super) fn read(&self) -> HistoryStep {
        let known = self.slots().skip_while(|(_, slot)| **slot == Slot::default());
        let known: Vec<(u64, &Slot)> = known.collect();
        let from = known.first().map_or(self.newest, |(number, _)| *number);
        let rate = |place: usize| {
            let rates = known.iter().map(|(_, slot)| slot.rate(place).map(rounded));
            rates.collect::<Vec<Option<f64>>>()
        };
        let tickets = |count: fn(&Slot) -> u32| {
            let counts = known.iter().map(|(_, slot)| slot.has_tickets.then(|| count(slot)));
            counts.collect::<Vec<Option<u32>>>()
        };
        HistoryStep {
            every_ms: self.every_ms,
            from: UnixMillis(from * self.every_ms),
            asked: rate(0),
            refused_at_edge: rate(1),
            ledger: rate(2),
            granted: rate(3),
            held: tickets(|slot| slot.held),
            confirmed: tickets(|slot| slot.confirmed),
        }
    }

    /// How fast it went over the last `over` slots that are complete at `now`.
    pub(super) fn rates(&self, over: u64, now: UnixMillis) -> SaleRates {
        let last = (now.0 / self.every_ms).saturating_sub(1);
        let span = last.saturating_sub(over)..=last;
        let lately: Vec<(u64, &Slot)> =
            self.slots().filter(|(number, _)| span.contains(number)).collect();
        let ms: u64 = lately.iter().map(|(_, slot)| u64::from(slot.flows_ms)).sum();
        let asked: u64 = lately.iter().map(|(_, slot)| u64::from(slot.flows[0])).sum();
        let mut tickets = lately.iter().filter(|(_, slot)| slot.has_tickets);
        let taken = match (tickets.next(), tickets.next_back()) {
            (Some((from, first)), Some((to, last))) => {
                let seconds = (to - from) as f64 * self.every_ms as f64 / 1_000.0;
                Some(((last.taken() - first.taken()) / seconds).max(0.0))
            }
            _ => None,
        };
        SaleRates {
            asked: (ms > 0).then(|| rounded(asked as f64 * 1_000.0 / ms as f64)),
            taken: taken.map(rounded),
        }
    }
}

impl Slot {
    /// Tickets that somebody has.
    fn taken(&self) -> f64 {
        f64::from(self.held) + f64::from(self.confirmed)
    }

    /// Orders a second of one kind.
    fn rate(&self, place: usize) -> Option<f64> {
        let ms = f64::from(self.flows_ms);
        (self.flows_ms > 0).then(|| f64::from(self.flows[place]) * 1_000.0 / ms)
    }
}

/// To a tenth: what is written is read by people.
fn rounded(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets(held: u32, confirmed: u32) -> Option<TicketCounts> {
        Some(TicketCounts { at: UnixMillis(0), capacity: 1_000, held, confirmed })
    }

    fn flows(asked: u64, span_ms: u64) -> Option<(Flows, u64)> {
        Some((Flows([asked, 0, asked, 1]), span_ms))
    }

    fn ring() -> Ring {
        Ring::new(5, 1_000, UnixMillis(100_000))
    }

    #[test]
    fn a_point_is_a_rate_and_what_is_not_known_is_none() {
        let mut ring = ring();
        ring.add(UnixMillis(100_200), flows(30, 1_000), tickets(1, 2));
        ring.add(UnixMillis(102_100), None, tickets(2, 3));
        ring.add(UnixMillis(103_100), flows(40, 2_000), None);
        let read = ring.read();
        assert_eq!((read.every_ms, read.from), (1_000, UnixMillis(100_000)));
        assert_eq!(read.asked, [Some(30.0), None, None, Some(20.0)]);
        assert_eq!(read.granted, [Some(1.0), None, None, Some(0.5)]);
        assert_eq!(read.held, [Some(1), None, Some(2), None]);
        assert_eq!(read.confirmed, [Some(2), None, Some(3), None]);
    }

    #[test]
    fn the_oldest_points_make_room_and_a_long_silence_leaves_none() {
        let mut ring = ring();
        for second in 0..20 {
            ring.add(UnixMillis(100_000 + second * 1_000), flows(second, 1_000), None);
        }
        let read = ring.read();
        assert_eq!(read.from, UnixMillis(115_000));
        assert_eq!(read.asked, [15.0, 16.0, 17.0, 18.0, 19.0].map(Some));
        ring.add(UnixMillis(124_000), flows(7, 1_000), None);
        assert_eq!(ring.read().asked, [Some(7.0)]);
        ring.add(UnixMillis(900_000), flows(9, 1_000), None);
        assert_eq!((ring.read().from, ring.read().asked), (UnixMillis(900_000), vec![Some(9.0)]));
    }

    #[test]
    fn a_clock_that_was_set_back_rewrites_nothing_unless_it_was_far() {
        let mut ring = ring();
        ring.add(UnixMillis(100_000), flows(1, 1_000), None);
        ring.add(UnixMillis(98_000), flows(9, 1_000), None);
        assert_eq!(ring.read().asked, [Some(1.0)]);
        ring.add(UnixMillis(50_000), flows(2, 1_000), None);
        let read = ring.read();
        assert_eq!((read.from, read.asked), (UnixMillis(50_000), vec![Some(2.0)]));
    }

    #[test]
    fn several_readings_within_a_slot_are_one_point() {
        let mut ring = Ring::new(5, 10_000, UnixMillis(100_000));
        for second in 0..10 {
            let known = flows(10, 1_000).filter(|_| second != 4);
            ring.add(UnixMillis(100_000 + second * 1_000), known, tickets(0, second as u32));
        }
        let read = ring.read();
        assert_eq!((read.asked, read.confirmed), (vec![Some(10.0)], vec![Some(9)]));
    }

    #[test]
    fn the_speed_is_that_of_the_last_complete_seconds() {
        let mut ring = ring();
        ring.add(UnixMillis(100_000), flows(10, 1_000), tickets(0, 10));
        ring.add(UnixMillis(101_000), flows(20, 1_000), tickets(4, 10));
        ring.add(UnixMillis(102_000), flows(30, 1_000), tickets(4, 14));
        ring.add(UnixMillis(103_000), flows(500, 1_000), tickets(900, 14));
        let rates = ring.rates(2, UnixMillis(103_900));
        assert_eq!(rates, SaleRates { asked: Some(20.0), taken: Some(4.0) });
        assert_eq!(ring.rates(2, UnixMillis(120_000)), SaleRates::default());
        let mut back = self::ring();
        back.add(UnixMillis(100_000), None, tickets(9, 0));
        back.add(UnixMillis(101_000), None, tickets(1, 0));
        let rates = back.rates(2, UnixMillis(102_000));
        assert_eq!(rates, SaleRates { asked: None, taken: Some(0.0) });
    }
}
