//! Audit of the seats of a sale with a plan: what the ledger keeps against what the orders have.

use super::found::{FindingKind, Found};
use super::legs::between;
use super::sale_read::{SEATS, SaleRead};
use shared::OrderId;
use shared::ledger_model::order_book::OrderBook;
use shared::ledger_model::seat_recount::{SeatConflict, SeatRecount};
use shared::plan::stored::{SeatsRegion, regions, seats_bytes};
use shared::plan::{Plan, PlanClass};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

const WORD: usize = 4;

/// The legs on which orders have a seat, by its class and its number.
type SeatOwners<'a> = HashMap<(usize, u32), Vec<(Range<usize>, &'a OrderId)>>;

/// A seat, by its class and its number, and whether the ledger has it as taken.
type Wrong = BTreeMap<(usize, u32, bool), Vec<usize>>;

/// The name of a seat.
pub(super) fn name(plan: &Plan, class: usize, seat: u32) -> String {
    let name = plan.seat_name(class, seat);
    name.map_or_else(|| format!("number {seat}"), |name| name.to_string())
}

/// What two orders have both, and what no order can have, as sentences with their kinds.
pub(super) fn conflicts(plan: &Plan, counted: &SeatRecount) -> Vec<(FindingKind, String)> {
    let mut twice: BTreeMap<(usize, u32, &OrderId, &OrderId), Vec<usize>> = BTreeMap::new();
    let mut said = Vec::new();
    for conflict in &counted.conflicts {
        match conflict {
            SeatConflict::Twice { class, seat, leg, orders: [one, other] } => {
                twice.entry((*class, *seat, one, other)).or_default().push(*leg);
            }
            SeatConflict::Quota { quota, leg, used } => {
                let size = counted.book.quotas()[*quota].size();
                let way = between(plan, &(*leg..leg + 1));
                said.push((
                    FindingKind::QuotaExceeded,
                    format!(
                        "{}: orders have {used} of {size} places{way}",
                        quota_name(plan, *quota)
                    ),
                ));
            }
            SeatConflict::Foreign(id) => said.push((
                FindingKind::RecordInvalid,
                format!("order {id}: it has lines or seats that are not in the plan of the sale"),
            )),
        }
    }
    for ((class, seat, one, other), legs) in twice {
        for legs in runs(&legs) {
            let (seat, way) = (name(plan, class, seat), between(plan, &legs));
            said.push((
                FindingKind::SeatTwice,
                format!("seat {seat} is sold twice{way}: orders {one} and {other} have it"),
            ));
        }
    }
    said
}

/// Names each difference between the seats of the ledger and those of the orders.
pub(super) fn check(
    plan: &Plan,
    counted: &SeatRecount,
    orders: &OrderBook,
    look: &SaleRead,
    found: &mut Found,
) {
    for (kind, sentence) in conflicts(plan, counted) {
        found.note(kind, sentence);
    }
    if !look.reads(SEATS) {
        return;
    }
    let shall = seats_bytes(&counted.book, &counted.held);
    let Some(is) = &look.seats else {
        found.note(FindingKind::SeatsInvalid, "key :seats is missing".into());
        return;
    };
    if is.len() != shall.len() {
        let (has, needs) = (is.len(), shall.len());
        found.note(
            FindingKind::SeatsInvalid,
            format!("key :seats has {has} bytes, for its plan it has {needs}"),
        );
        return;
    }
    if *is != shall {
        let compared = Compared { plan, counted, is, shall: &shall, wrong: Wrong::new() };
        compared.report(orders, found);
    }
}

/// Two strings of seats of one plan.
struct Compared<'a> {
    plan: &'a Plan,
    counted: &'a SeatRecount,
    is: &'a [u8],
    shall: &'a [u8],
    wrong: Wrong,
}

impl<'a> Compared<'a> {
    /// These words of both, in pairs.
    fn words(&self, words: Range<usize>) -> Vec<(u32, u32)> {
        let read = |bytes: &'a [u8]| {
            let words = bytes.chunks_exact(WORD).skip(words.start).take(words.len());
            words.map(|word| word.try_into().map_or(0, u32::from_be_bytes))
        };
        read(self.is).zip(read(self.shall)).collect()
    }

    fn report(mut self, orders: &OrderBook, found: &mut Found) {
        // Of the class that is being compared.
        let mut differs = false;
        for (region, words) in regions(&self.counted.book) {
            let both = self.words(words);
            match region {
                SeatsRegion::Rows { .. } => differs = both.iter().any(|(is, shall)| is != shall),
                SeatsRegion::Plane { class, leg } => {
                    differs |= self.plane(class, leg, &both);
                }
                SeatsRegion::Held { class } => {
                    let of = self.plan.classes().get(class).map_or("?", |class| &class.id);
                    if differs {
                        found.note(
                            FindingKind::SeatsInvalid,
                            format!("key :seats has rows or seats that class {of} does not have"),
                        );
                    }
                    self.numbers(&format!("held places of class {of}"), &both, found);
                }
                SeatsRegion::Used { quota } => {
                    let what = format!("{}, places in use", quota_name(self.plan, quota));
                    self.numbers(&what, &both, found);
                }
            }
        }
        self.name_seats(orders, found);
    }

    /// Notes the seats of a plane that differ; whether it has some that do not exist.
    fn plane(&mut self, class: usize, leg: usize, both: &[(u32, u32)]) -> bool {
        let seats = self.plan.classes().get(class).map_or(0, PlanClass::seats);
        let mut beyond = false;
        for (word, (is, shall)) in (0u32..).zip(both) {
            for bit in (0..u32::BITS).filter(|bit| (is ^ shall) >> bit & 1 == 1) {
                let seat = word * u32::BITS + bit;
                if seat >= seats {
                    beyond = true;
                    continue;
                }
                let taken = is >> bit & 1 == 0;
                self.wrong.entry((class, seat, taken)).or_default().push(leg);
            }
        }
        beyond
    }

    /// Compares a number for each leg.
    fn numbers(&self, what: &str, both: &[(u32, u32)], found: &mut Found) {
        let mut from = 0;
        for run in both.chunk_by(|one, next| one == next) {
            let legs = from..from + run.len();
            from = legs.end;
            let (is, shall) = run[0];
            if is != shall {
                let what = format!("{what}{}", between(self.plan, &legs));
                let (is, shall) = (Some(is.to_string()), Some(shall.to_string()));
                found.differs(FindingKind::Places, what, shall, is);
            }
        }
    }

    fn name_seats(&self, orders: &OrderBook, found: &mut Found) {
        let owners = self.owners(orders);
        for ((class, seat, taken), legs) in &self.wrong {
            let named = name(self.plan, *class, *seat);
            for legs in runs(legs) {
                let way = between(self.plan, &legs);
                let what = format!("seat {named}{way}");
                if *taken {
                    let sentence = format!("seat {named} is taken{way} by nobody");
                    let is = Some("taken".to_owned());
                    found.note_as(FindingKind::Seat, what, sentence, Some("free".to_owned()), is);
                    continue;
                }
                let of_it = owners.get(&(*class, *seat)).into_iter().flatten();
                let there = of_it.filter(|(of, _)| of.start < legs.end && legs.start < of.end);
                let ids: Vec<String> = there.map(|(_, id)| id.to_string()).collect();
                let sentence =
                    format!("seat {named} is free{way}, but order {} has it", ids.join(" and "));
                let (shall, is) = (Some(ids.join(" ")), Some("free".to_owned()));
                found.note_as(FindingKind::Seat, what, sentence, shall, is);
            }
        }
    }

    /// The orders that have those seats which the ledger has as free.
    fn owners<'o>(&self, orders: &'o OrderBook) -> SeatOwners<'o> {
        let mut owners: HashMap<_, Vec<_>> = HashMap::new();
        for (id, order) in orders.whole().filter(|(_, order)| order.state.takes()) {
            let claims = order.seats.as_deref().map_or(&[][..], |seats| &seats.claims);
            for claim in claims {
                for seat in &claim.seats {
                    if self.wrong.contains_key(&(claim.class, *seat, false)) {
                        let owner = (claim.journey.legs(), id);
                        owners.entry((claim.class, *seat)).or_default().push(owner);
                    }
                }
            }
        }
        owners.values_mut().for_each(|ids| ids.sort_by_key(|(_, id)| *id));
        owners
    }
}

/// What a quota counts: those behind the quotas of the plan are standing places.
fn quota_name(plan: &Plan, number: usize) -> String {
    if let Some(quota) = plan.quotas().get(number) {
        return format!("quota {}", quota.id);
    }
    let mut classes = plan.classes().iter().enumerate();
    let class = classes.find(|(class, _)| plan.own_quota(*class) == Some(number));
    let class = class.map(|(_, class)| class);
    format!("standing places of class {}", class.map_or("?", |class| &class.id))
}

/// Legs, in rising order, as ranges without gaps.
fn runs(legs: &[usize]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for leg in legs {
        match runs.last_mut() {
            Some(run) if run.end == *leg => run.end += 1,
            _ => runs.push(*leg..leg + 1),
        }
    }
    runs
}
