//! Seats of a sale as its log tells them, by plain sets ([`SeatModel`]): no seat is taken twice on
//! a leg, no quota has more places than it may, and what the ledger says to lines is right.

use shared::domain::order_state::OrderState;
use shared::ledger_model::sale_seats::SaleSeats;
use shared::plan::Plan;
use shared::seats::{
    Journey, OrderLines, SeatBook, SeatClaim, SeatLine, SeatLineRefusal, SeatModel, SeatRefusal,
};
use shared::{Order, Verdict};
use std::sync::Arc;

/// Places on each leg.
type OnLegs = Vec<u32>;

#[derive(Clone, Debug)]
pub struct SeatAudit {
    pub plan: Arc<Plan>,
    /// Layouts and quotas; nothing is taken of it.
    book: SeatBook,
    classes: Vec<SeatModel>,
    /// Places that are used of each quota, and those that are held of each class.
    used: Vec<OnLegs>,
    held: Vec<OnLegs>,
}

impl SeatAudit {
    /// Nothing is taken.
    pub fn new(plan: &Arc<Plan>) -> Result<Self, String> {
        let book = plan.seat_book().map_err(|error| error.to_string())?;
        let (legs, classes) = (plan.legs(), plan.classes().len());
        let layouts = (0..classes).filter_map(|class| book.layout(class));
        Ok(Self {
            plan: Arc::clone(plan),
            classes: layouts.map(SeatModel::new).collect(),
            used: vec![vec![0; legs]; book.quotas().len()],
            held: vec![vec![0; legs]; classes],
            book,
        })
    }

    /// An order was as `before` and is as `after`.
    pub fn follow(&mut self, before: Option<&Order>, after: Option<&Order>) -> Result<(), String> {
        for order in before.into_iter().filter(|order| order.state.takes()) {
            for claim in claims(order)? {
                let model = &mut self.classes[claim.class];
                let given_back = model.give_back(claim.journey, &claim.seats);
                given_back.map_err(|(seat, leg)| format!("nobody has seat {seat} on leg {leg}"))?;
                self.count(order, claim, |places, of| *places -= of);
            }
        }
        for order in after.into_iter().filter(|order| order.state.takes()) {
            for claim in claims(order)? {
                let has_seats = self.has_seats(claim.class);
                let seats = if has_seats { claim.quantity as usize } else { 0 };
                if claim.seats.len() != seats {
                    return Err(format!("{claim:?} has too many seats or too few"));
                }
                let taken = self.classes[claim.class].take(claim.journey, &claim.seats);
                taken.map_err(|(seat, leg)| format!("seat {seat} is taken twice on leg {leg}"))?;
                self.count(order, claim, |places, of| *places += of);
            }
        }
        let quotas = self.book.quotas().iter().zip(&self.used).enumerate();
        for (quota, (of, used)) in quotas {
            if used.iter().any(|used| *used > of.size()) {
                return Err(format!("{used:?} places of quota {quota}, which has {}", of.size()));
            }
        }
        Ok(())
    }

    fn count(&mut self, order: &Order, claim: &SeatClaim, change: fn(&mut u32, u32)) {
        let quotas = self.book.quotas().iter().zip(&mut self.used);
        let counting = quotas.filter(|(quota, _)| quota.counts(claim.class));
        let mut counts: Vec<&mut OnLegs> = counting.map(|(_, used)| used).collect();
        if order.state == OrderState::Held {
            counts.push(&mut self.held[claim.class]);
        }
        for legs in counts {
            legs[claim.journey.legs()].iter_mut().for_each(|places| change(places, claim.quantity));
        }
    }

    /// Whether the ledger's planes, quotas and held places are these.
    pub fn compare(&self, ledger: &SaleSeats) -> Result<(), String> {
        for (class, model) in self.classes.iter().enumerate() {
            let Some(planes) = ledger.book.planes(class) else {
                return Err(format!("class {class} has no planes"));
            };
            let seats = self.plan.classes()[class].seats();
            for (seat, leg) in
                (0..seats).flat_map(|seat| (0..planes.legs()).map(move |leg| (seat, leg)))
            {
                if planes.is_free(seat, leg) == model.taken().contains(&(seat, leg)) {
                    return Err(format!(
                        "seat {seat} of class {class} on leg {leg} is another in the log"
                    ));
                }
            }
        }
        let used = ledger.book.quotas().iter().zip(&self.used);
        let same = |used: &OnLegs, of: &dyn Fn(usize) -> u32| {
            used.iter().enumerate().all(|(leg, used)| *used == of(leg))
        };
        for (quota, (of, used)) in used.enumerate() {
            if !same(used, &|leg| of.used(leg)) {
                return Err(format!("quota {quota} is used otherwise in the log: {used:?}"));
            }
        }
        if ledger.held != self.held {
            return Err(format!("held are {:?}, in the log {:?}", ledger.held, self.held));
        }
        Ok(())
    }

    /// Judges what the ledger said to an order for these lines, before it had anything.
    pub fn judge(&self, lines: &OrderLines, said: &Verdict) -> Result<(), String> {
        let wrong = |why: String| format!("{lines} is answered with {said:?}: {why}");
        match said {
            Verdict::Granted { order, .. } => {
                let claims = claims(order)?;
                if lines.as_slice().len() != claims.len() {
                    return Err(wrong("lines without claims".into()));
                }
                for (line, claim) in lines.as_slice().iter().zip(claims) {
                    self.is_granted(lines, line, claim).map_err(wrong)?;
                }
                Ok(())
            }
            Verdict::NoSeats { refused, some_held } => {
                if self.some_held(refused, lines) != *some_held {
                    return Err(wrong("some is held, or nothing is".into()));
                }
                self.is_refused(lines, refused).map_err(wrong)
            }
            Verdict::Refused(_) => Ok(()),
        }
    }

    fn is_granted(
        &self,
        lines: &OrderLines,
        line: &SeatLine,
        claim: &SeatClaim,
    ) -> Result<(), String> {
        let asked = (line.class(), line.journey(), line.quantity());
        if asked != (claim.class, claim.journey, claim.quantity) {
            return Err("the claim is not the line's".into());
        }
        // Which seats are the best ones depends on the other legs, too.
        let of_class = lines.as_slice().iter().filter(|other| other.class() == line.class());
        if self.has_seats(line.class()) && of_class.count() == 1 {
            return self.classes[line.class()].judge(line, &Ok(claim.seats.clone()));
        }
        Ok(())
    }

    /// A line of an order has found nothing. Alone it is judged exactly; beside others, which take
    /// seats before it, only by numbers.
    fn is_refused(&self, lines: &OrderLines, refused: &SeatLineRefusal) -> Result<(), String> {
        let Some(line) = lines.as_slice().get(refused.line) else {
            return Err("there is no such line".into());
        };
        let (class, room) = (line.class(), self.room(line));
        let others: u32 = self.beside(lines, line).map(SeatLine::quantity).sum();
        if others > 0 {
            let sold_out = matches!(refused.refusal, SeatRefusal::SoldOut { .. });
            let has_room = room >= others + line.quantity();
            return if sold_out && has_room { Err("there is room".into()) } else { Ok(()) };
        }
        if self.left(class, line.journey()) < line.quantity() {
            let said = SeatRefusal::SoldOut { free: room };
            return if refused.refusal == said { Ok(()) } else { Err(format!("{said:?}")) };
        }
        if !self.has_seats(class) {
            return Err("there is room".into());
        }
        self.classes[class].judge(line, &Err(refused.refusal.clone()))
    }

    /// Whether as many places are free as a line asks for, together or not.
    pub fn has_room(&self, line: &SeatLine) -> bool {
        self.room(line) >= line.quantity()
    }

    fn room(&self, line: &SeatLine) -> u32 {
        let (class, journey) = (line.class(), line.journey());
        let left = self.left(class, journey);
        if self.has_seats(class) { left.min(self.classes[class].count_free(journey)) } else { left }
    }

    /// Other lines of an order that may take what this one wants.
    fn beside<'a>(
        &'a self,
        lines: &'a OrderLines,
        line: &'a SeatLine,
    ) -> impl Iterator<Item = &'a SeatLine> {
        let meets =
            |one: Journey, other: Journey| one.from() < other.to() && other.from() < one.to();
        lines.as_slice().iter().filter(move |other| {
            !std::ptr::eq(*other, line)
                && meets(other.journey(), line.journey())
                && (other.class() == line.class() || self.shares(other.class(), line.class()))
        })
    }

    fn shares(&self, one: usize, other: usize) -> bool {
        self.book.quotas().iter().any(|quota| quota.counts(one) && quota.counts(other))
    }

    fn has_seats(&self, class: usize) -> bool {
        self.plan.classes()[class].seats() > 0
    }

    /// Places that the quotas of a class leave on each leg of a journey.
    fn left(&self, class: usize, journey: Journey) -> u32 {
        let quotas = self.book.quotas().iter().zip(&self.used);
        let counting = quotas.filter(|(quota, _)| quota.counts(class));
        let left = counting.flat_map(|(quota, used)| {
            used[journey.legs()].iter().map(|used| quota.size().saturating_sub(*used))
        });
        left.min().unwrap_or(u32::MAX)
    }

    /// Whether places are held that would serve the line: of its class, and where it is sold out of
    /// the classes with which it shares a quota.
    fn some_held(&self, refused: &SeatLineRefusal, lines: &OrderLines) -> bool {
        let line = &lines.as_slice()[refused.line];
        let sold_out = matches!(refused.refusal, SeatRefusal::SoldOut { .. });
        let of =
            |class: usize| class == line.class() || (sold_out && self.shares(class, line.class()));
        let held = self.held.iter().enumerate().filter(|(class, _)| of(*class));
        held.flat_map(|(_, legs)| &legs[line.journey().legs()]).any(|places| *places > 0)
    }
}

fn claims(order: &Order) -> Result<&[SeatClaim], String> {
    let seats = order.seats.as_deref().ok_or("an order without lines in a sale with a plan")?;
    Ok(&seats.claims)
}
