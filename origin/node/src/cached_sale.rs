//! Cached sale: what a sale handle and its committer share of one sale. Hints, not facts.

use crate::membership::Nodes;
use crate::telemetry::metrics::SaleCounts;
use crate::timeline::Timeline;
use lastseat_ledger::{Ledger, Reserve, Verdict};
use shared::admission::gone_journeys::{GoneJourneys, GoneLine};
use shared::admission::recent_orders::RecentOrders;
use shared::admission::sale_hint::SaleHint;
use shared::plan::Plan;
use shared::seats::{OrderLines, SeatLine, SeatLineRefusal, SeatRefusal};
use shared::{NodeBudget, Refusal, SaleId, Snapshot, UnixMillis};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What a sale handle and its committer share.
#[derive(Debug)]
pub(crate) struct CachedSale {
    known: Mutex<Known>,
    pub(crate) ledger: Ledger,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) sale: SaleId,
    pub(crate) counts: Arc<SaleCounts>,
    timeline: Arc<Timeline>,
}

/// The cached view of the sale: hints, not facts.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) hint: SaleHint,
    /// When the ledger replied last, by the clock of this process.
    pub(crate) seen_at: Instant,
    /// Orders that were granted through this sale handle, or seen in the ledger.
    pub(crate) granted: RecentOrders,
    /// What is gone of a sale with a plan; `None` until its plan was read.
    gone: Option<Gone>,
}

/// Journeys that the ledger refused, and the plan that they are of.
#[derive(Debug)]
struct Gone {
    plan: Arc<Plan>,
    journeys: GoneJourneys,
    /// What edges are sent of them, until something is noted: it goes with every answer.
    header: Option<WrittenHeader>,
}

/// The header `Lastseat-Gone` as it was written last.
#[derive(Debug)]
struct WrittenHeader {
    text: Option<Arc<str>>,
    until: UnixMillis,
}

/// Why an order of a sale with a plan is refused from memory.
#[derive(Clone, Debug)]
pub(crate) struct GoneOrder {
    /// What the hint of the sale decides by.
    pub(crate) refusal: Refusal,
    /// The reply to the order.
    pub(crate) verdict: Verdict,
}

impl CachedSale {
    pub(crate) fn new(
        sale: SaleId,
        ledger: Ledger,
        nodes: Arc<Nodes>,
        counts: Arc<SaleCounts>,
        timeline: Arc<Timeline>,
        snapshot: Snapshot,
    ) -> Self {
        let known = Known {
            hint: SaleHint::new(snapshot),
            seen_at: Instant::now(),
            granted: RecentOrders::default(),
            gone: None,
        };
        Self { known: Mutex::new(known), ledger, nodes, sale, counts, timeline }
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Updates from a ledger reply, unless a newer one came meanwhile.
    pub(crate) fn observe(&self, snapshot: &Snapshot) {
        let mut known = self.known();
        let old = *known.hint.snapshot();
        if known.hint.observe(snapshot) {
            self.timeline.compare(&self.sale, &old, snapshot);
            known.seen_at = Instant::now();
            known.at_version(snapshot.version);
        }
    }

    /// What this node may ask the ledger for, now that things stand so.
    pub(crate) fn budget(&self, snapshot: &Snapshot) -> NodeBudget {
        let (own, live) = self.nodes.weights();
        NodeBudget::of(snapshot.free(), own, live)
    }

    /// Takes in what the ledger said of a batch of orders when the sale had this version.
    pub(crate) fn note_decided<'a>(
        &self,
        version: u64,
        decided: impl Iterator<Item = (&'a Reserve, &'a Verdict)>,
    ) {
        let now = self.ledger.now();
        let mut known = self.known();
        for (order, verdict) in decided {
            match verdict {
                Verdict::Granted { .. } => known.granted.add(&order.id),
                Verdict::NoSeats { refused, some_held } => {
                    known.note_gone(version, order, (&refused.refusal, *some_held), now);
                }
                Verdict::Refused(_) => {}
            }
        }
    }
}

impl Known {
    /// Notes the plan of the sale.
    pub(crate) fn set_plan(&mut self, plan: &Arc<Plan>) {
        if self.gone.as_ref().is_none_or(|gone| gone.plan != *plan) {
            self.gone = Some(Gone::of(Arc::clone(plan)));
            self.at_version(self.hint.snapshot().version);
        }
    }

    fn at_version(&mut self, version: u64) {
        if let Some(gone) = &mut self.gone {
            gone.at_version(version);
        }
    }

    /// Only an order of one line without chosen seats says what is gone for everybody: lines of one
    /// order see what the others have taken.
    fn note_gone(
        &mut self,
        version: u64,
        order: &Reserve,
        refusal: (&SeatRefusal, bool),
        now: UnixMillis,
    ) {
        let Some([line]) = order.lines.as_ref().map(OrderLines::as_slice) else { return };
        if let Some(gone) = &mut self.gone
            && line.candidates().is_empty()
        {
            gone.refused(version, line, refusal, now);
        }
    }

    /// The first line of an order that is gone, which refuses all of it.
    pub(crate) fn gone(&self, lines: Option<&OrderLines>, now: UnixMillis) -> Option<GoneOrder> {
        let GoneLine { line, refusal, free } =
            self.gone.as_ref()?.journeys.refuses_lines(lines?, now)?;
        let refused = SeatLineRefusal { line, refusal: SeatRefusal::SoldOut { free } };
        let some_held = refusal == Refusal::AllHeld;
        let verdict = Verdict::NoSeats { refused: Arc::new(refused), some_held };
        Some(GoneOrder { refusal, verdict })
    }

    /// The header `Lastseat-Gone`, if anything is gone.
    pub(crate) fn gone_header(&mut self, now: UnixMillis) -> Option<Arc<str>> {
        self.gone.as_mut()?.header(now)
    }
}

impl Gone {
    /// Nothing is gone of a sale with this plan.
    fn of(plan: Arc<Plan>) -> Self {
        let journeys = GoneJourneys::of(&plan);
        Self { plan, journeys, header: None }
    }

    fn at_version(&mut self, version: u64) {
        let before = self.journeys.version();
        if !self.journeys.at_version(version) {
            // The sale was lost and counts its versions anew: what was gone says nothing of it.
            self.journeys = GoneJourneys::of(&self.plan);
            self.journeys.at_version(version);
        }
        if self.journeys.version() != before {
            self.header = None;
        }
    }

    fn refused(
        &mut self,
        version: u64,
        line: &SeatLine,
        refusal: (&SeatRefusal, bool),
        now: UnixMillis,
    ) {
        let before = self.journeys.version();
        let is_new = self.journeys.refused(version, line, refusal, now);
        if is_new || self.journeys.version() != before {
            self.header = None;
        }
    }

    fn header(&mut self, now: UnixMillis) -> Option<Arc<str>> {
        if self.journeys.is_empty() {
            return None;
        }
        if self.header.as_ref().is_none_or(|written| now >= written.until) {
            let text = self.journeys.to_header(now).map(Arc::from);
            self.header = Some(WrittenHeader { text, until: self.journeys.header_until(now) });
        }
        self.header.as_ref()?.text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::limits::GONE_HELD_MS;
    use shared::seats::{Journey, Together};

    const NOW: UnixMillis = UnixMillis(10_000);

    /// So many seats on the leg with this number.
    fn line(gone: &Gone, leg: usize, quantity: u32) -> SeatLine {
        let book = gone.plan.seat_book().unwrap();
        let journey = Journey::new(leg, leg + 1).unwrap();
        SeatLine::new(0, book.layout(0).unwrap(), journey, quantity, Together::Any).unwrap()
    }

    #[test]
    fn what_is_gone_is_written_once_until_something_changes() {
        let plan = r#"{"stops":["A","B","C"],"classes":[
            {"id":"second","coaches":[{"ids":"1","rows":"1-2","letters":"AB"}]}]}"#;
        let mut gone = Gone::of(Arc::new(Plan::from_json(plan).unwrap()));
        gone.at_version(3);
        assert_eq!(gone.header(NOW), None);
        let none = SeatRefusal::SoldOut { free: 0 };
        gone.refused(3, &line(&gone, 0, 1), (&none, false), NOW);
        let sold_out = gone.header(NOW).unwrap();
        gone.refused(3, &line(&gone, 0, 2), (&none, true), NOW);
        gone.refused(3, &line(&gone, 1, 1), (&SeatRefusal::NotTogether, true), NOW);
        let again = gone.header(NOW.plus(60_000)).unwrap();
        assert!(Arc::ptr_eq(&sold_out, &again), "that was gone already");

        gone.refused(3, &line(&gone, 1, 1), (&none, true), NOW);
        let held = gone.header(NOW).unwrap();
        assert_ne!(held, sold_out);
        let soon = gone.header(NOW.plus(GONE_HELD_MS - 1)).unwrap();
        assert!(Arc::ptr_eq(&held, &soon));
        assert_eq!(gone.header(NOW.plus(GONE_HELD_MS)), Some(sold_out.clone()));

        gone.at_version(3);
        assert_eq!(gone.header(NOW.plus(GONE_HELD_MS)), Some(sold_out));
        gone.at_version(4);
        assert_eq!(gone.header(NOW), None);
        gone.refused(5, &line(&gone, 0, 1), (&none, false), NOW);
        assert!(gone.header(NOW).unwrap().starts_with("1 5 A,B,C "), "a newer version");
        // The sale was lost, and begins anew.
        gone.at_version(1);
        assert_eq!(gone.header(NOW), None);
    }
}
