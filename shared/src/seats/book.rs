//! Book of a sale with seats: its classes and quotas, and orders of several lines.
//!
//! There are two rules. An order fits if for every quota, on each leg, used + asked <= size; and if
//! for every claim each of its seats is free on each of its legs. An order is all or nothing, and
//! its lines see each other's claims.

use crate::limits::{LEGS_MAX, ORDER_LINES_MAX, SEAT_BOOK_QUOTAS_MAX, SEAT_CLASSES_MAX, SEATS_MAX};
use crate::seats::journey::Journey;
use crate::seats::layout::SeatLayout;
use crate::seats::line::{SeatLine, SeatRefusal};
use crate::seats::planes::{Planes, SeatLegError};
use crate::seats::search::SeatSearch;
use core::cmp::Reverse;

/// Why a book was not made, or a change of it not carried out. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeatBookError {
    /// Too many classes or none, or they differ in their legs.
    #[error("a sale has 1 to {max} classes of as many legs", max = SEAT_CLASSES_MAX)]
    Classes,
    /// Too many seats.
    #[error("the classes of a sale have at most {max} seats together", max = SEATS_MAX)]
    Seats,
    /// Too many quotas, or one that names no class of the sale.
    #[error("a sale has at most {SEAT_BOOK_QUOTAS_MAX} quotas, each of some of its classes")]
    Quotas,
    /// A class without seats that no quota bounds.
    #[error("class {0} has no seats, so a quota must bound it")]
    Unbounded(usize),
    /// A line or claim of an order does not fit to its class, or there are too many or none.
    #[error("an order has 1 to {max} lines, each of a class of the sale", max = ORDER_LINES_MAX)]
    Lines,
    /// A quota has no room for a claim, or fewer places in use than are given back.
    #[error("quota {quota} cannot change by so many places on leg {leg}")]
    Quota {
        /// The quota, by its number.
        quota: usize,
        /// The leg.
        leg: usize,
    },
    /// Seats cannot be taken or given back.
    #[error(transparent)]
    Seat(#[from] SeatLegError),
}

/// A number of places that some classes together may not exceed on any leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatQuota {
    size: u32,
    classes: u64,
    used: Vec<u32>,
}

impl SeatQuota {
    /// At most `size` places of these classes, by their numbers, on each leg. A class beyond
    /// [`SEAT_CLASSES_MAX`] is left out, and a quota of no class is not accepted by a book.
    #[must_use]
    pub fn new(size: u32, classes: &[usize]) -> Self {
        let known = classes.iter().filter(|class| **class < SEAT_CLASSES_MAX);
        let classes = known.fold(0, |all, class| all | (1u64 << class));
        Self { size, classes, used: vec![0; LEGS_MAX] }
    }

    /// Places in use on a leg.
    #[must_use]
    pub fn used(&self, leg: usize) -> u32 {
        self.used.get(leg).copied().unwrap_or(0)
    }

    /// Places that are left on every leg of a journey.
    #[must_use]
    pub fn left(&self, journey: Journey) -> u32 {
        let used = self.used[journey.legs()].iter().copied().max().unwrap_or(0);
        self.size.saturating_sub(used)
    }

    /// The most places in use.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// Whether the places of a class count here.
    #[must_use]
    pub const fn counts(&self, class: usize) -> bool {
        self.classes & (1 << class) != 0
    }
}

/// What a line has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatClaim {
    /// The class, by its number in the sale.
    pub class: usize,
    /// The legs.
    pub journey: Journey,
    /// Places, as many as seats where the class has seats.
    pub quantity: u32,
    /// The seats in ascending order; none in a class without seats.
    pub seats: Vec<u32>,
}

/// Why an order was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatLineRefusal {
    /// The line that found nothing, by its place in the order.
    pub line: usize,
    /// Why.
    pub refusal: SeatRefusal,
}

/// All seats and quotas of one sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatBook {
    classes: Vec<(SeatLayout, Planes)>,
    quotas: Vec<SeatQuota>,
}

impl SeatBook {
    /// A sale of which nothing is taken.
    ///
    /// # Errors
    /// The sale has too many classes, seats or quotas, classes of different legs, a quota of no
    /// class, or a class that neither seats nor a quota bound.
    pub fn new(classes: Vec<SeatLayout>, quotas: Vec<SeatQuota>) -> Result<Self, SeatBookError> {
        let legs = classes.first().map_or(0, SeatLayout::legs);
        let alike = classes.iter().all(|class| class.legs() == legs);
        if !(1..=SEAT_CLASSES_MAX).contains(&classes.len()) || !alike {
            return Err(SeatBookError::Classes);
        }
        let seats: usize = classes.iter().map(|class| class.seats() as usize).sum();
        if seats > SEATS_MAX {
            return Err(SeatBookError::Seats);
        }
        let known = |quota: &SeatQuota| {
            quota.classes != 0 && (64 - quota.classes.leading_zeros()) as usize <= classes.len()
        };
        if quotas.len() > SEAT_BOOK_QUOTAS_MAX || !quotas.iter().all(known) {
            return Err(SeatBookError::Quotas);
        }
        let bounded = |class| quotas.iter().any(|quota| quota.counts(class));
        let mut without = classes.iter().enumerate().filter(|(_, class)| class.seats() == 0);
        if let Some((class, _)) = without.find(|(class, _)| !bounded(*class)) {
            return Err(SeatBookError::Unbounded(class));
        }
        let with_planes = |layout: SeatLayout| {
            let planes = Planes::free(&layout);
            (layout, planes)
        };
        Ok(Self { classes: classes.into_iter().map(with_planes).collect(), quotas })
    }

    /// The same sale with these planes of its classes, and so many places in use of each quota on
    /// each leg. `None` if there are more or fewer classes or quotas, or one has more in use than
    /// its size. That planes and quotas say the same is not known here.
    pub(crate) fn with_taken(mut self, planes: Vec<Planes>, used: &[Vec<u32>]) -> Option<Self> {
        if planes.len() != self.classes.len() || used.len() != self.quotas.len() {
            return None;
        }
        for ((layout, of_class), planes) in self.classes.iter_mut().zip(planes) {
            let fits = planes.legs() == layout.legs() && planes.words() == of_class.words();
            *of_class = Some(planes).filter(|_| fits)?;
        }
        for (quota, used) in self.quotas.iter_mut().zip(used) {
            let fits = used.len() <= LEGS_MAX && used.iter().all(|used| *used <= quota.size);
            quota.used.get_mut(..used.len()).filter(|_| fits)?.copy_from_slice(used);
        }
        Some(self)
    }

    /// The layout of a class.
    #[must_use]
    pub fn layout(&self, class: usize) -> Option<&SeatLayout> {
        self.classes.get(class).map(|(layout, _)| layout)
    }

    /// The planes of a class.
    #[must_use]
    pub fn planes(&self, class: usize) -> Option<&Planes> {
        self.classes.get(class).map(|(_, planes)| planes)
    }

    /// The quotas.
    #[must_use]
    pub fn quotas(&self) -> &[SeatQuota] {
        &self.quotas
    }

    /// Whether a quota counts the places of both classes, so that what is given back of one can be
    /// had of the other.
    #[must_use]
    pub fn share_a_quota(&self, one: usize, other: usize) -> bool {
        self.quotas.iter().any(|quota| quota.counts(one) && quota.counts(other))
    }

    /// How many places of a class every quota leaves for a journey, of `seats` that are free all
    /// the way; in a class without seats the quotas alone count.
    #[must_use]
    pub fn within_quotas(&self, class: usize, journey: Journey, seats: u32) -> u32 {
        let has_seats = self.layout(class).is_some_and(|layout| layout.seats() > 0);
        let quotas = self.quotas.iter().filter(|quota| quota.counts(class));
        let left = quotas.map(|quota| quota.left(journey));
        left.chain(has_seats.then_some(seats)).min().unwrap_or(0)
    }

    /// How many places of a class can be had at once for a journey, whether or not together.
    #[must_use]
    pub fn count_free(&self, class: usize, journey: Journey) -> u32 {
        let seats = self.planes(class).map_or(0, |planes| planes.count_free(journey));
        self.within_quotas(class, journey, seats)
    }

    /// Whether some place is only held that would be free for the journey when it is given back:
    /// one of the class, on a leg of the journey, and with `of_quotas` one of a class with which
    /// it shares a quota. `held[class][leg]` are the held places.
    #[must_use]
    pub fn some_held(
        &self,
        held: &[Vec<u32>],
        class: usize,
        journey: Journey,
        of_quotas: bool,
    ) -> bool {
        let counts = |other| other == class || (of_quotas && self.share_a_quota(class, other));
        let is_held = |legs: &[u32]| {
            legs.get(journey.legs()).is_some_and(|legs| legs.iter().any(|places| *places > 0))
        };
        held.iter().enumerate().any(|(other, legs)| counts(other) && is_held(legs))
    }

    /// Finds and takes what an order asks for: a claim for each line, in their order, or nothing.
    ///
    /// The lines are not decided in their order but as they are hard to serve: chosen seats first,
    /// then those that must stand in a row, in a coach, anywhere; of equals longer journeys first,
    /// then larger groups. So a line takes no seat that another one of the same order has chosen. A
    /// line that finds nothing is tried once more before all others, so that it is not the order of
    /// the lines that refuses it.
    ///
    /// # Errors
    /// No lines, too many, or one for a class that the sale does not have. Inside: the first line
    /// that finds nothing, and why.
    pub fn place(
        &mut self,
        lines: &[SeatLine],
    ) -> Result<Result<Vec<SeatClaim>, SeatLineRefusal>, SeatBookError> {
        let fits = |line: &SeatLine| {
            self.layout(line.class()).is_some_and(|layout| {
                let mut seats = line.candidates().iter().flatten();
                line.journey().to() <= layout.legs() && seats.all(|seat| *seat < layout.seats())
            })
        };
        if !(1..=ORDER_LINES_MAX).contains(&lines.len()) || !lines.iter().all(fits) {
            return Err(SeatBookError::Lines);
        }
        let mut order: Vec<usize> = (0..lines.len()).collect();
        order.sort_by_key(|at| {
            let line = &lines[*at];
            let chooses = !line.candidates().is_empty();
            let legs = line.journey().legs().len();
            (Reverse(chooses), line.together(), Reverse(legs), Reverse(line.quantity()))
        });
        let mut moved = vec![false; lines.len()];
        let mut first = None;
        loop {
            let refused = match self.place_in(lines, &order)? {
                Ok(claims) => return Ok(Ok(claims)),
                Err(refused) => refused,
            };
            let line = refused.line;
            let at = order.iter().position(|other| *other == line).unwrap_or(0);
            let first = first.get_or_insert(refused);
            if at == 0 || moved[line] {
                return Ok(Err(first.clone()));
            }
            moved[line] = true;
            order[..=at].rotate_right(1);
        }
    }

    /// The same, with the lines decided in this order.
    fn place_in(
        &mut self,
        lines: &[SeatLine],
        order: &[usize],
    ) -> Result<Result<Vec<SeatClaim>, SeatLineRefusal>, SeatBookError> {
        let mut claims: Vec<(usize, SeatClaim)> = Vec::with_capacity(lines.len());
        for at in order {
            match self.claim(&lines[*at]) {
                Ok(claim) => {
                    self.take_one(&claim)?;
                    claims.push((*at, claim));
                }
                Err(refusal) => {
                    for (_, claim) in &claims {
                        self.give_back_one(claim)?;
                    }
                    return Ok(Err(SeatLineRefusal { line: *at, refusal }));
                }
            }
        }
        claims.sort_unstable_by_key(|(at, _)| *at);
        Ok(Ok(claims.into_iter().map(|(_, claim)| claim).collect()))
    }

    /// What a line would get. It changes nothing.
    fn claim(&self, line: &SeatLine) -> Result<SeatClaim, SeatRefusal> {
        let (class, journey, quantity) = (line.class(), line.journey(), line.quantity());
        let (layout, planes) = &self.classes[class];
        // Whether so many seats are free the search finds out, unless a quota refuses before.
        if self.within_quotas(class, journey, u32::MAX) < quantity {
            return Err(SeatRefusal::SoldOut { free: self.count_free(class, journey) });
        }
        let seats = match layout.seats() {
            0 => Vec::new(),
            _ => SeatSearch::new(layout, planes).find(line)?,
        };
        Ok(SeatClaim { class, journey, quantity, seats })
    }

    /// Takes exactly these claims, as a recovery does, or nothing.
    ///
    /// # Errors
    /// A claim is not of this sale, a seat of it is taken, or a quota has no room for it.
    pub fn take(&mut self, claims: &[SeatClaim]) -> Result<(), SeatBookError> {
        self.all_or_nothing(claims, Self::take_one, Self::give_back_one)
    }

    /// Gives claims back, all or nothing.
    ///
    /// # Errors
    /// A claim is not of this sale, or not taken.
    pub fn give_back(&mut self, claims: &[SeatClaim]) -> Result<(), SeatBookError> {
        self.all_or_nothing(claims, Self::give_back_one, Self::take_one)
    }

    /// Whether a claim is one of this sale: its class, its legs and each of its seats.
    #[must_use]
    pub fn has_places_of(&self, claim: &SeatClaim) -> bool {
        let seats = self.layout(claim.class).map_or(0, SeatLayout::seats);
        self.check(claim).is_ok() && claim.seats.iter().all(|seat| *seat < seats)
    }

    /// Counts a claim that somebody has, whatever the rules say: of its seats those are taken that
    /// are free, and its quotas count it also beyond their size. One that is not of this sale
    /// changes nothing.
    pub fn count(&mut self, claim: &SeatClaim) {
        if !self.has_places_of(claim) {
            return;
        }
        let planes = &mut self.classes[claim.class].1;
        for leg in claim.journey.legs() {
            let free = claim.seats.iter().copied().filter(|seat| planes.is_free(*seat, leg));
            let free: Vec<u32> = free.collect();
            if let Some(leg) = Journey::new(leg, leg + 1) {
                // What is free can be taken.
                let _ = planes.take(leg, &free);
            }
        }
        for quota in self.quotas.iter_mut().filter(|quota| quota.counts(claim.class)) {
            let used = quota.used[claim.journey.legs()].iter_mut();
            used.for_each(|used| *used = used.saturating_add(claim.quantity));
        }
    }

    fn all_or_nothing(
        &mut self,
        claims: &[SeatClaim],
        change: fn(&mut Self, &SeatClaim) -> Result<(), SeatBookError>,
        undo: fn(&mut Self, &SeatClaim) -> Result<(), SeatBookError>,
    ) -> Result<(), SeatBookError> {
        for (done, claim) in claims.iter().enumerate() {
            if let Err(error) = change(self, claim) {
                for before in &claims[..done] {
                    undo(self, before)?;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn take_one(&mut self, claim: &SeatClaim) -> Result<(), SeatBookError> {
        self.check(claim)?;
        for (number, quota) in self.quotas.iter().enumerate() {
            let full = |leg: &usize| quota.size.saturating_sub(quota.used(*leg)) < claim.quantity;
            if let Some(leg) = claim.journey.legs().find(full).filter(|_| quota.counts(claim.class))
            {
                return Err(SeatBookError::Quota { quota: number, leg });
            }
        }
        self.classes[claim.class].1.take(claim.journey, &claim.seats)?;
        for quota in self.quotas.iter_mut().filter(|quota| quota.counts(claim.class)) {
            quota.used[claim.journey.legs()].iter_mut().for_each(|used| *used += claim.quantity);
        }
        Ok(())
    }

    fn give_back_one(&mut self, claim: &SeatClaim) -> Result<(), SeatBookError> {
        self.check(claim)?;
        for (number, quota) in self.quotas.iter().enumerate() {
            let few = |leg: &usize| quota.used(*leg) < claim.quantity;
            if let Some(leg) = claim.journey.legs().find(few).filter(|_| quota.counts(claim.class))
            {
                return Err(SeatBookError::Quota { quota: number, leg });
            }
        }
        self.classes[claim.class].1.give_back(claim.journey, &claim.seats)?;
        for quota in self.quotas.iter_mut().filter(|quota| quota.counts(claim.class)) {
            quota.used[claim.journey.legs()].iter_mut().for_each(|used| *used -= claim.quantity);
        }
        Ok(())
    }

    /// Whether a claim can be one of this sale.
    fn check(&self, claim: &SeatClaim) -> Result<(), SeatBookError> {
        let fits = self.layout(claim.class).is_some_and(|layout| {
            let seats = if layout.seats() == 0 { 0 } else { claim.quantity as usize };
            claim.seats.len() == seats && claim.journey.to() <= layout.legs()
        });
        if fits { Ok(()) } else { Err(SeatBookError::Lines) }
    }
}
