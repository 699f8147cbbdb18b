//! Gone journeys: what is gone of a sale with a plan, as node and edge keep it.
//!
//! Within one version of a sale its stock only falls. So if a journey was refused for a quantity,
//! every journey that contains it is gone too, and every larger quantity: for a class and a
//! quantity that is one staircase ([`Reach`]). A refusal that leaves some seats free says it of one
//! more than those. A newer version forgets all of it, an older one nothing.
//!
//! What is sold out stays so for the version: nothing was held on the journey, and what is taken
//! and given back later leaves no more than there was. What is held may be sold by now, which is no
//! newer version, so it counts for [`GONE_HELD_MS`] only, and for as long once more at an edge that
//! received it last.

use super::wanted_journeys::{StopWord, WantedJourneys, WantedLine};
use crate::domain::refusal::Refusal;
use crate::domain::time::UnixMillis;
use crate::limits::{GONE_HELD_MS, GONE_ROWS_MAX, GONE_STOPS_MAX, QUANTITY_MAX, SEAT_CLASSES_MAX};
use crate::plan::Plan;
use crate::seats::{Journey, Reach};
use crate::seats::{OrderLines, SeatLine, SeatRefusal};
use std::sync::Arc;

mod header;

/// How a journey is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GoneBy {
    /// Nothing is held that could come back.
    SoldOut,
    /// Some is.
    AllHeld,
}

/// A line of an order that is gone, which refuses the whole order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoneLine {
    /// The line, by its place in the order.
    pub line: usize,
    /// [`Refusal::SoldOut`] or [`Refusal::AllHeld`] where nothing is free, else
    /// [`Refusal::NotEnough`].
    pub refusal: Refusal,
    /// Seats that are free for its journey, at most.
    pub free: u32,
}

impl GoneLine {
    const fn of(line: usize, by: GoneBy, free: u32) -> Self {
        let refusal = match by {
            _ if free > 0 => Refusal::NotEnough,
            GoneBy::SoldOut => Refusal::SoldOut,
            GoneBy::AllHeld => Refusal::AllHeld,
        };
        Self { line, refusal, free }
    }
}

/// What is gone of one sale, in one version of it. The default has nothing of any sale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoneJourneys {
    version: u64,
    names: Arc<GoneNames>,
    /// In the order of their classes, then of their quantities.
    rows: Vec<GoneRow>,
}

/// What the sale's plan calls its stops and classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct GoneNames {
    legs: usize,
    stops: GoneStops,
    /// At a node all of them, at an edge those that headers named.
    classes: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum GoneStops {
    #[default]
    Unknown,
    Hall,
    Ids(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct GoneRow {
    class: usize,
    quantity: u32,
    sold: Reach,
    held: Reach,
    /// Until when the latter counts.
    held_until: UnixMillis,
}

impl GoneRow {
    fn by(&self, journey: Journey, now: UnixMillis) -> Option<GoneBy> {
        if !self.sold.has(journey) {
            return Some(GoneBy::SoldOut);
        }
        (now < self.held_until && !self.held.has(journey)).then_some(GoneBy::AllHeld)
    }

    fn lose(&mut self, by: GoneBy, now: UnixMillis, lose: impl FnOnce(&mut Reach)) {
        match by {
            GoneBy::SoldOut => lose(&mut self.sold),
            GoneBy::AllHeld => {
                if now >= self.held_until {
                    self.held = Reach::everywhere(self.held.legs());
                    self.held_until = now.plus(GONE_HELD_MS);
                }
                lose(&mut self.held);
            }
        }
    }
}

impl GoneJourneys {
    /// Nothing is gone of a sale with this plan; for a node.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let ids: Vec<String> = plan.stops().iter().map(|stop| stop.id.clone()).collect();
        let length = ids.iter().map(String::len).sum::<usize>() + ids.len();
        let stops = match ids.len() {
            0 => GoneStops::Hall,
            _ if length > GONE_STOPS_MAX => GoneStops::Unknown,
            _ => GoneStops::Ids(ids),
        };
        let classes = plan.classes().iter().map(|class| class.id.clone()).collect();
        let names = GoneNames { legs: plan.legs(), stops, classes };
        Self { names: Arc::new(names), ..Self::default() }
    }

    /// The newest version that was observed.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Whether nothing is gone, as far as was observed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The sale has this version, or a newer one; returns whether none newer was observed.
    pub fn at_version(&mut self, version: u64) -> bool {
        if version > self.version {
            self.version = version;
            self.rows.clear();
        }
        version == self.version
    }

    /// The ledger, at `version`, refused an order of this one line; `some_held` as in its answer.
    /// What an order of several lines was refused does not count: they see what the others have
    /// taken, which is free again when it is refused. Returns whether that was new.
    pub fn refused(
        &mut self,
        version: u64,
        line: &SeatLine,
        (refusal, some_held): (&SeatRefusal, bool),
        now: UnixMillis,
    ) -> bool {
        let SeatRefusal::SoldOut { free } = refusal else { return false };
        let by = if some_held { GoneBy::AllHeld } else { GoneBy::SoldOut };
        let wanted = (line.class(), line.journey(), free.saturating_add(1));
        self.note(version, wanted, by, now)
    }

    /// At `version` fewer than so many seats of a class are free for a journey. `class` is its
    /// place in the plan. Returns whether that was new.
    pub fn note(
        &mut self,
        version: u64,
        (class, journey, quantity): (usize, Journey, u32),
        by: GoneBy,
        now: UnixMillis,
    ) -> bool {
        let of_plan = class < self.names.classes.len() && journey.to() <= self.names.legs;
        if !self.at_version(version)
            || !of_plan
            || !(1..=QUANTITY_MAX).contains(&quantity)
            || self.by(class, journey, quantity, now).is_some_and(|(noted, _)| noted <= by)
        {
            return false;
        }
        let Some(row) = self.row(class, quantity) else { return false };
        row.lose(by, now, |reach| reach.lose(journey));
        true
    }

    /// Whether so many seats of a class are gone for a journey: how, and how many are free at most.
    /// `class` is its place in the plan.
    fn by(
        &self,
        class: usize,
        journey: Journey,
        quantity: u32,
        now: UnixMillis,
    ) -> Option<(GoneBy, u32)> {
        if journey.to() > self.names.legs {
            return None;
        }
        let rows = self.rows.iter().filter(|row| row.class == class && row.quantity <= quantity);
        let gone = rows.filter_map(|row| Some((row.by(journey, now)?, row.quantity - 1)));
        gone.fold(None, |all, (by, free)| match all {
            None => Some((by, free)),
            Some((other, fewer)) => Some((by.min(other), free.min(fewer))),
        })
    }

    /// Whether a line of an order is gone, which refuses all of it: the first that is so for the
    /// whole version, or else the first of which some is held. A class or stop that was not
    /// observed is not gone.
    #[must_use]
    pub fn refuses(&self, wanted: &WantedJourneys<'_>, now: UnixMillis) -> Option<GoneLine> {
        let lines = wanted.lines().iter().map(|line| {
            let (class, journey) = self.names.find(line)?;
            self.by(class, journey, line.quantity, now)
        });
        Self::first(lines)
    }

    /// The same, for a node, which has the lines by numbers.
    #[must_use]
    pub fn refuses_lines(&self, lines: &OrderLines, now: UnixMillis) -> Option<GoneLine> {
        let lines = lines.as_slice().iter();
        Self::first(lines.map(|of| self.by(of.class(), of.journey(), of.quantity(), now)))
    }

    fn first(lines: impl Iterator<Item = Option<(GoneBy, u32)>>) -> Option<GoneLine> {
        let gone = lines.enumerate().filter_map(|(at, gone)| Some((gone?, at)));
        // The first of equals.
        let ((by, free), at) = gone.min_by_key(|((by, _), at)| (*by, *at))?;
        Some(GoneLine::of(at, by, free))
    }

    /// The place of a class that a header names.
    fn class(&mut self, id: &str) -> usize {
        let place = self.names.classes.iter().position(|class| class == id);
        place.unwrap_or_else(|| {
            let names = Arc::make_mut(&mut self.names);
            if names.classes.len() >= SEAT_CLASSES_MAX && self.rows.is_empty() {
                names.classes.clear();
            }
            names.classes.push(id.to_owned());
            names.classes.len() - 1
        })
    }

    /// The row of a class and a quantity. Where there are too many, the one of the largest quantity
    /// makes room for one of a smaller, which says more.
    fn row(&mut self, class: usize, quantity: u32) -> Option<&mut GoneRow> {
        let place = |rows: &[GoneRow]| {
            rows.binary_search_by_key(&(class, quantity), |row| (row.class, row.quantity))
        };
        if place(&self.rows).is_err() && self.rows.len() >= GONE_ROWS_MAX {
            let largest = self.rows.iter().enumerate().max_by_key(|(_, row)| row.quantity);
            let (at, _) = largest.filter(|(_, row)| row.quantity > quantity)?;
            self.rows.remove(at);
        }
        let at = place(&self.rows).unwrap_or_else(|at| {
            let (sold, held_until) = (Reach::everywhere(self.names.legs), UnixMillis(0));
            let held = sold.clone();
            self.rows.insert(at, GoneRow { class, quantity, sold, held, held_until });
            at
        });
        self.rows.get_mut(at)
    }
}

impl GoneNames {
    fn are_of(&self, legs: usize, stops: &GoneStops) -> bool {
        self.legs == legs && self.stops == *stops
    }

    fn find(&self, line: &WantedLine<'_>) -> Option<(usize, Journey)> {
        let class = self.classes.iter().position(|id| id == line.class)?;
        let journey = match line.journey {
            Some((from, to)) => Journey::new(self.stop(from)?, self.stop(to)?)?,
            None => (self.stops == GoneStops::Hall).then_some(Journey::HALL)?,
        };
        Some((class, journey))
    }

    fn stop(&self, word: StopWord<'_>) -> Option<usize> {
        match (word, &self.stops) {
            (_, GoneStops::Hall) => None,
            (StopWord::Number(number), _) => usize::from(number).checked_sub(1),
            (StopWord::Id(id), GoneStops::Ids(ids)) => ids.iter().position(|stop| stop == id),
            (StopWord::Id(_), GoneStops::Unknown) => None,
        }
    }
}

#[cfg(test)]
mod tests;
