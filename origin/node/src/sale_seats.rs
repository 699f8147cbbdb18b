//! Seats of a sale as a node shows them: what is taken, read at most once a second while asked.

use crate::sale_plan::SalePlan;
use lastseat_ledger::{Fault, Ledger, SeatsRead};
use shared::admission::batcher::gone;
use shared::plan::Plan;
use shared::plan::stored::seats_bytes;
use shared::seats::{Journey, SeatBook};
use shared::wire::entity_tag::weak_tag;
use shared::{SaleId, UnixMillis};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long what was read is shown.
const KEPT: Duration = Duration::from_secs(1);

/// What is taken of a sale's seats, at one moment.
#[derive(Debug)]
pub struct SeatsView {
    /// The plan.
    pub plan: Arc<Plan>,
    /// What is free, seat by seat and quota by quota.
    pub book: SeatBook,
    /// Places of each class that are held, on each leg.
    pub held: Vec<Vec<u32>>,
    /// The sale's version.
    pub version: u64,
    /// When that was read, by the ledger's clock.
    pub at: UnixMillis,
    /// Its entity tag, the same as long as nothing of it but `at` changes and at every node.
    pub tag: String,
}

/// How many places are free for a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreePlaces {
    /// So many can be had at once; whether together is another question.
    pub free: u32,
    /// Nothing is free and some of it is held: it may be free again by itself.
    pub all_held: bool,
}

impl SeatsView {
    /// What was read of a sale with this plan at `at`, when it had this version.
    #[must_use]
    pub fn new(plan: Arc<Plan>, read: SeatsRead, version: u64, at: UnixMillis) -> Self {
        let SeatsRead { book, held } = read;
        // Once for a reading, however many answers are made of it.
        let (text, seats) = (plan.to_json(), seats_bytes(&book, &held));
        let tag = weak_tag([&version.to_be_bytes()[..], text.as_bytes(), &seats]);
        Self { plan, book, held, version, at, tag }
    }

    /// What is free of a class for each journey, first by its stop of departure, then by that of
    /// arrival. A journey is the one before it and one leg more, so each costs one `and` a word.
    #[must_use]
    pub fn journeys(&self, class: usize) -> Vec<(Journey, FreePlaces)> {
        let legs = self.plan.legs();
        let mut all = Vec::with_capacity(legs * (legs + 1) / 2);
        let Some(planes) = self.book.planes(class) else { return all };
        for from in 0..legs {
            let mut free = planes.plane(from).to_vec();
            for to in from + 1..=legs {
                if to > from + 1 {
                    let plane = planes.plane(to - 1);
                    free.iter_mut().zip(plane).for_each(|(free, plane)| *free &= plane);
                }
                let seats = free.iter().map(|word| word.count_ones()).sum();
                let Some(journey) = Journey::new(from, to) else { continue };
                all.push((journey, self.places(class, journey, seats)));
            }
        }
        all
    }

    /// What is free of a class for one journey.
    #[must_use]
    pub fn journey(&self, class: usize, journey: Journey) -> FreePlaces {
        let seats = self.book.planes(class).map_or(0, |planes| planes.count_free(journey));
        self.places(class, journey, seats)
    }

    /// The seats of a class that are free for a journey, as a plane.
    #[must_use]
    pub fn free_seats(&self, class: usize, journey: Journey) -> Vec<u32> {
        self.book.planes(class).map_or_else(Vec::new, |planes| planes.free_on(journey))
    }

    /// As the ledger decides: so many seats are free, and quotas may have less room.
    fn places(&self, class: usize, journey: Journey, seats: u32) -> FreePlaces {
        let free = self.book.within_quotas(class, journey, seats);
        let all_held = free == 0 && self.book.some_held(&self.held, class, journey, true);
        FreePlaces { free, all_held }
    }
}

/// When the ledger was asked, and what it said.
type LastRead = (Instant, Result<Arc<SeatsView>, Fault>);

/// What was read of one sale.
#[derive(Debug, Default)]
pub(crate) struct SeatsCache {
    /// Held while the ledger is asked: concurrent readers share one call, also one that fails.
    last: Mutex<Option<LastRead>>,
}

impl SeatsCache {
    /// What was read within the last second; else the ledger is asked.
    ///
    /// # Errors
    /// The ledger does not say.
    pub(crate) async fn get(
        &self,
        ledger: &Ledger,
        sale: &SaleId,
        plan: &Arc<SalePlan>,
    ) -> Result<Arc<SeatsView>, Fault> {
        let came = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((begun, outcome)) = last.as_ref()
            && (begun.elapsed() < KEPT || *begun >= came)
        {
            return outcome.clone();
        }
        let begun = Instant::now();
        let outcome = read(ledger, sale, plan).await.map(Arc::new);
        *last = Some((begun, outcome.clone()));
        outcome
    }
}

async fn read(ledger: &Ledger, sale: &SaleId, plan: &SalePlan) -> Result<SeatsView, Fault> {
    let plan = Arc::clone(plan.plan());
    let found = ledger.seats(sale, &plan).await?;
    let (snapshot, read) = found.ok_or_else(|| gone(sale))?;
    Ok(SeatsView::new(plan, read, snapshot.version, snapshot.at))
}
