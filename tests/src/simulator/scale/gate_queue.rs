//! Requests that wait at the gates of their edges: until their time is over, or, at a gateway,
//! until a grant has room for them.

use super::super::isolate::Passing;
use std::collections::{BTreeMap, VecDeque};

/// Who waits, by buyer, and for each edge in which order they came.
#[derive(Debug)]
pub struct GateQueue {
    /// With the number of the wait: a buyer may wait several times, and the end of one wait is none
    /// of the next.
    waiting: BTreeMap<u32, (u64, Passing)>,
    turns: Vec<VecDeque<(u32, u64)>>,
    waits: u64,
}

impl GateQueue {
    pub fn new(edges: usize) -> Self {
        Self { waiting: BTreeMap::new(), turns: vec![VecDeque::new(); edges], waits: 0 }
    }

    /// A buyer begins to wait; the number of this wait.
    pub fn wait(&mut self, edge: u32, buyer: u32, passing: Passing) -> u64 {
        self.waits += 1;
        self.waiting.insert(buyer, (self.waits, passing));
        self.turns[edge as usize].push_back((buyer, self.waits));
        self.waits
    }

    /// The time of this wait is over; `None` if it has ended before.
    pub fn ends(&mut self, edge: u32, buyer: u32, wait: u64) -> Option<Passing> {
        let passing = self.take(buyer, wait);
        // Whoever is gone leaves the queue when they are first in it.
        let turns = &mut self.turns[edge as usize];
        while let Some((buyer, wait)) = turns.front()
            && self.waiting.get(buyer).is_none_or(|(now, _)| now != wait)
        {
            turns.pop_front();
        }
        passing
    }

    /// Takes as many as there is room for out of the queue of an edge, those that wait longest
    /// first.
    pub fn wake(&mut self, edge: u32, room: u32) -> Vec<(u32, Passing)> {
        let mut woken = Vec::new();
        while woken.len() < room as usize
            && let Some((buyer, wait)) = self.turns[edge as usize].pop_front()
        {
            woken.extend(self.take(buyer, wait).map(|passing| (buyer, passing)));
        }
        woken
    }

    fn take(&mut self, buyer: u32, wait: u64) -> Option<Passing> {
        let waits = self.waiting.get(&buyer).is_some_and(|(now, _)| *now == wait);
        waits.then(|| self.waiting.remove(&buyer).map(|(_, passing)| passing))?
    }
}
