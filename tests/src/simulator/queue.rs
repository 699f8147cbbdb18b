//! Event queue: earliest first, and of two at one moment the one that was put there first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Length of one slot as a power of two, in microseconds. A heap of all events of a rush would not
/// fit into the caches of the processor; one slot of it does.
const SLOT_BITS: u32 = 14;

/// Events that have not happened yet.
#[derive(Debug)]
pub struct EventQueue<E> {
    /// The slot of the next event: those before it have passed.
    slot: u64,
    /// Events of this slot.
    present: BinaryHeap<Reverse<Due<E>>>,
    later: BTreeMap<u64, Vec<Reverse<Due<E>>>>,
}

#[derive(Debug)]
struct Due<E> {
    at: u64,
    /// Rises with each event that is put into the queue.
    number: u64,
    event: E,
}

impl<E> PartialEq for Due<E> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl<E> Eq for Due<E> {}
impl<E> PartialOrd for Due<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Due<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self { slot: 0, present: BinaryHeap::new(), later: BTreeMap::new() }
    }
}

impl<E> EventQueue<E> {
    pub fn push(&mut self, at: u64, number: u64, event: E) {
        let due = Reverse(Due { at, number, event });
        let slot = at >> SLOT_BITS;
        if slot <= self.slot {
            self.present.push(due);
        } else {
            self.later.entry(slot).or_default().push(due);
        }
    }

    /// When the next event happens.
    pub fn next_at(&mut self) -> Option<u64> {
        if self.present.is_empty()
            && let Some((slot, events)) = self.later.pop_first()
        {
            self.slot = slot;
            self.present = events.into();
        }
        self.present.peek().map(|Reverse(due)| due.at)
    }

    /// Takes out the next event and its moment.
    pub fn pop(&mut self) -> Option<(u64, E)> {
        self.next_at()?;
        let Reverse(due) = self.present.pop()?;
        Some((due.at, due.event))
    }
}
