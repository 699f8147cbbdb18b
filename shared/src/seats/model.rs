//! Reference model of seats: the same rules by plain sets, slow and obvious.
//!
//! A seat on a leg is in a set or it is not. The model works out what a line must get by trying
//! every place, and judges what the search, here or in the ledger's script, says.

use crate::limits::SPLIT_SEATS_MAX;
use crate::seats::journey::Journey;
use crate::seats::layout::SeatLayout;
use crate::seats::line::{SeatLine, SeatRefusal, Together};
use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};

/// One class by plain sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatModel {
    legs: usize,
    seats: u32,
    rows: Vec<Range<u32>>,
    coaches: Vec<Range<u32>>,
    keeps_singles: bool,
    taken: BTreeSet<(u32, usize)>,
}

impl SeatModel {
    /// A class of which nothing is taken.
    #[must_use]
    pub fn new(layout: &SeatLayout) -> Self {
        Self {
            legs: layout.legs(),
            seats: layout.seats(),
            rows: layout.rows().to_vec(),
            coaches: layout.coaches().to_vec(),
            keeps_singles: layout.keeps_singles(),
            taken: BTreeSet::new(),
        }
    }

    /// Each seat and leg that somebody has.
    #[must_use]
    pub const fn taken(&self) -> &BTreeSet<(u32, usize)> {
        &self.taken
    }

    /// Whether a seat is free on all legs of a journey.
    #[must_use]
    pub fn is_free(&self, seat: u32, journey: Journey) -> bool {
        let known = seat < self.seats && journey.to() <= self.legs;
        known && journey.legs().all(|leg| !self.taken.contains(&(seat, leg)))
    }

    /// Takes seats. `Err` names what somebody has already, and then nothing is taken.
    pub fn take(&mut self, journey: Journey, seats: &[u32]) -> Result<(), (u32, usize)> {
        let asked: Vec<_> = seat_legs(journey, seats).collect();
        if let Some(twice) = asked.iter().find(|seat_leg| self.taken.contains(seat_leg)) {
            return Err(*twice);
        }
        self.taken.extend(asked);
        Ok(())
    }

    /// Gives seats back. `Err` names what nobody has, and then nothing is given back.
    pub fn give_back(&mut self, journey: Journey, seats: &[u32]) -> Result<(), (u32, usize)> {
        let asked: Vec<_> = seat_legs(journey, seats).collect();
        if let Some(free) = asked.iter().find(|seat_leg| !self.taken.contains(seat_leg)) {
            return Err(*free);
        }
        for seat_leg in &asked {
            self.taken.remove(seat_leg);
        }
        Ok(())
    }

    /// How many seats are free on all legs of a journey.
    #[must_use]
    pub fn count_free(&self, journey: Journey) -> u32 {
        (0..self.seats).filter(|seat| self.is_free(*seat, journey)).count() as u32
    }

    /// Free seats side by side, as far as they go, within `seats`.
    fn pieces(&self, journey: Journey, within: &Range<u32>) -> Vec<Range<u32>> {
        let mut pieces: Vec<Range<u32>> = Vec::new();
        for row in self.rows.iter().filter(|row| within.contains(&row.start)) {
            for seat in row.clone().filter(|seat| self.is_free(*seat, journey)) {
                match pieces.last_mut() {
                    Some(last) if last.end == seat && seat != row.start => last.end += 1,
                    _ => pieces.push(seat..seat + 1),
                }
            }
        }
        pieces
    }

    /// How good the run from `first` is, lower being better; 9 if it leaves a single seat.
    fn rank(&self, piece: &Range<u32>, first: u32, line: &SeatLine) -> u32 {
        let run = first..first + line.quantity();
        if !self.keeps_singles {
            let beside = [run.start - piece.start, piece.end - run.end];
            return if beside.contains(&1) { 9 } else { 0 };
        }
        let (from, to) = (line.journey().from(), line.journey().to());
        let gaps = |seat: u32| {
            let before = from > 0 && !self.taken.contains(&(seat, from - 1));
            let after = to < self.legs && !self.taken.contains(&(seat, to));
            u32::from(before) + u32::from(after)
        };
        run.map(gaps).max().unwrap_or(0)
    }

    /// The best run of the line's seats side by side, with its rank.
    fn run(&self, line: &SeatLine) -> Option<(u32, u32)> {
        let everything = 0..self.seats;
        let pieces = self.pieces(line.journey(), &everything);
        let long = pieces.iter().filter(|piece| piece.len() >= line.quantity() as usize);
        let runs = long.flat_map(|piece| {
            let firsts = piece.start..=piece.end - line.quantity();
            firsts.map(move |first| (self.rank(piece, first, line), first))
        });
        runs.min()
    }

    /// The fewest pieces that give the line's seats within `seats`, without leaving a single one if
    /// `strict`.
    fn fewest(&self, line: &SeatLine, within: &Range<u32>, strict: bool) -> Option<u32> {
        // The fewest pieces for each number of seats.
        let mut sums = BTreeMap::from([(0, 0)]);
        for piece in self.pieces(line.journey(), within) {
            let len = piece.len() as u32;
            for (sum, pieces) in sums.clone() {
                let takes = (1..=len).filter(|taken| !strict || taken + 1 != len);
                for more in takes.map(|taken| sum + taken).filter(|s| *s <= line.quantity()) {
                    let fewest = sums.entry(more).or_insert(u32::MAX);
                    *fewest = (*fewest).min(pieces + 1);
                }
            }
        }
        sums.get(&line.quantity()).copied()
    }

    /// Seats that are free without a free neighbour, though they had one before `seats` were taken.
    #[must_use]
    pub fn singles_left(&self, journey: Journey, seats: &[u32]) -> Vec<u32> {
        let mut after = self.clone();
        after.taken.extend(seat_legs(journey, seats));
        let everything = 0..self.seats;
        let alone = |model: &Self| -> BTreeSet<u32> {
            let pieces = model.pieces(journey, &everything).into_iter();
            pieces.filter(|piece| piece.len() == 1).map(|piece| piece.start).collect()
        };
        alone(&after).difference(&alone(self)).copied().collect()
    }

    /// Whether the line could be served without leaving a single seat: by any seats that are as
    /// close together as it asks for.
    #[must_use]
    pub fn can_avoid_singles(&self, line: &SeatLine) -> bool {
        let everything = 0..self.seats;
        let rooms = match line.together() {
            Together::Row => return self.run(line).is_some_and(|(rank, _)| rank < 9),
            Together::Coach => self.coaches.as_slice(),
            Together::Any => core::slice::from_ref(&everything),
        };
        rooms.iter().any(|room| self.fewest(line, room, true).is_some())
    }

    /// Judges what a search says about a line; `Err` says what is wrong with it.
    pub fn judge(
        &self,
        line: &SeatLine,
        said: &Result<Vec<u32>, SeatRefusal>,
    ) -> Result<(), String> {
        let free = |claim: &Vec<u32>| claim.iter().all(|seat| self.is_free(*seat, line.journey()));
        let single = |claim: &Vec<u32>| {
            !self.keeps_singles && !self.singles_left(line.journey(), claim).is_empty()
        };
        let chosen = line.candidates();
        if let Some(best) = chosen.iter().find(|claim| free(claim) && !single(claim)) {
            return require(said.as_ref() == Ok(best), "the best free claim is taken");
        }
        let kept = chosen.iter().find(|claim| free(claim));
        match said {
            Err(SeatRefusal::LeavesSingle { seat, instead }) => {
                let left = kept.map(|kept| self.singles_left(line.journey(), kept));
                let named = left.is_some_and(|left| left.first() == Some(seat));
                require(named && !line.searches(), "the claim leaves this single seat")?;
                require(!single(instead), "what is named instead leaves none")?;
                self.judge_search(line, &Ok(instead.clone()))
            }
            Err(SeatRefusal::SeatTaken { seat, nearest }) => {
                require(kept.is_none() && !line.searches(), "no claim is free")?;
                self.judge_taken(line, *seat, *nearest)
            }
            Ok(seats) if kept == Some(seats) => {
                let exact = line.quantity() <= SPLIT_SEATS_MAX || line.together() == Together::Row;
                let avoidable = exact && self.can_avoid_singles(line);
                require(!avoidable, "there is no way without a single seat")
            }
            _ => {
                let searched = chosen.is_empty() || line.searches();
                require(searched, "a line that has chosen is not searched for")?;
                self.judge_search(line, said)
            }
        }
    }

    fn judge_taken(&self, line: &SeatLine, seat: u32, nearest: Option<u32>) -> Result<(), String> {
        let best = &line.candidates()[0];
        let taken = best.iter().find(|seat| !self.is_free(**seat, line.journey()));
        require(taken == Some(&seat), "the first seat that is taken is named")?;
        let others = (0..self.seats)
            .filter(|other| self.is_free(*other, line.journey()) && !best.contains(other));
        let expected = others.min_by_key(|other| (other.abs_diff(seat), *other));
        require(nearest == expected, "the nearest free seat is named")
    }

    fn judge_search(
        &self,
        line: &SeatLine,
        said: &Result<Vec<u32>, SeatRefusal>,
    ) -> Result<(), String> {
        let free = self.count_free(line.journey());
        let run = self.run(line);
        let in_one_coach = |seats: &[u32]| {
            self.coaches.iter().any(|coach| seats.iter().all(|seat| coach.contains(seat)))
        };
        let seats = match said {
            Err(SeatRefusal::SoldOut { free: named }) => {
                return require(*named == free && free < line.quantity(), "too few are free");
            }
            Err(SeatRefusal::NotTogether) => {
                let enough = |coach| self.fewest(line, coach, false).is_some();
                let possible = match line.together() {
                    Together::Row => run.is_some(),
                    Together::Coach => self.coaches.iter().any(enough),
                    Together::Any => true,
                };
                let are_free = free >= line.quantity();
                return require(are_free && !possible, "they are free but not together");
            }
            Err(_) => return Err(format!("nothing was chosen, and the answer is {said:?}")),
            Ok(seats) => seats,
        };
        let each_once = seats.windows(2).all(|two| two[0] < two[1]);
        require(each_once && seats.len() == line.quantity() as usize, "so many were asked for")?;
        let all_free = seats.iter().all(|seat| self.is_free(*seat, line.journey()));
        require(all_free, "each seat was free on each leg")?;
        if line.together() == Together::Coach {
            require(in_one_coach(seats), "they are in one coach")?;
        }
        let as_run = |first: u32| seats.iter().copied().eq(first..first + line.quantity());
        match run {
            Some((rank, first)) if rank < 9 || line.together() == Together::Row => {
                require(as_run(first), "the best run in a row is taken")
            }
            run => self.judge_split(line, seats, run.map(|(_, first)| as_run(first))),
        }
    }

    /// Judges seats of a line for which there is no run in a row that leaves no single seat;
    /// `is_run` is whether they are the one that does, if there is one.
    fn judge_split(
        &self,
        line: &SeatLine,
        seats: &[u32],
        is_run: Option<bool>,
    ) -> Result<(), String> {
        let everything = 0..self.seats;
        let fewest = |strict| {
            let coach = |room| self.fewest(line, room, strict);
            let coaches = self.coaches.iter().filter_map(coach).min();
            let beyond = line.together() == Together::Any;
            coaches.or_else(|| self.fewest(line, &everything, strict).filter(|_| beyond))
        };
        let pieces = self.pieces(line.journey(), &everything);
        let used = |piece: &&Range<u32>| seats.iter().any(|seat| piece.contains(seat));
        let used = pieces.iter().filter(used).count() as u32;
        let singles = self.singles_left(line.journey(), seats).len();
        if !self.keeps_singles && fewest(true).is_some() {
            // Above the bound the search takes the longest pieces first and may miss the best way.
            let exact = line.quantity() <= SPLIT_SEATS_MAX;
            require(singles == 0 || !exact, "no single seat is left where there is a way")?;
            if exact {
                return require(Some(used) == fewest(true), "they are in as few pieces as can be");
            }
            return Ok(());
        }
        match is_run {
            Some(is_run) => require(is_run, "the run in a row is taken"),
            None => require(Some(used) == fewest(false), "they are in as few pieces as can be"),
        }
    }
}

fn seat_legs(journey: Journey, seats: &[u32]) -> impl Iterator<Item = (u32, usize)> + '_ {
    seats.iter().flat_map(move |seat| journey.legs().map(move |leg| (*seat, leg)))
}

fn require(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("not true: {what}")) }
}
