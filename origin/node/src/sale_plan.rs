//! Plan cache: the plan of one sale, read from the ledger at most once a minute.

use lastseat_ledger::Fault;
use shared::plan::{Plan, UnsellablePlan};
use shared::seats::{SeatBook, SeatLayout};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long a plan is kept, and the answer that a sale has none. A plan stays as it is; only a sale
/// that was lost and created again has another one, and then the cache is emptied where this node
/// notices it.
const KEPT: Duration = Duration::from_secs(60);
/// How long it is kept on where the ledger did not answer.
const KEPT_ON: Duration = Duration::from_secs(1);

/// A plan and the layouts of its classes.
#[derive(Debug)]
pub struct SalePlan {
    plan: Arc<Plan>,
    /// Nothing of it is taken.
    book: SeatBook,
}

impl SalePlan {
    /// Lays out the seats of a plan.
    ///
    /// # Errors
    /// None, as long as compiled plans keep to the bounds of a [`SeatBook`].
    pub fn new(plan: Arc<Plan>) -> Result<Self, UnsellablePlan> {
        let book = plan.seat_book()?;
        Ok(Self { plan, book })
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The layout of a class, by its place in the plan.
    #[must_use]
    pub fn layout(&self, class: usize) -> Option<&SeatLayout> {
        self.book.layout(class)
    }
}

/// The plan of one sale, as it was read last.
#[derive(Debug, Default)]
pub(crate) struct PlanCache {
    known: RwLock<Option<KnownPlan>>,
    /// Held while it is read: concurrent readers share one ledger call.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct KnownPlan {
    until: Instant,
    plan: Option<Arc<SalePlan>>,
}

impl PlanCache {
    /// The plan, if the sale has one; `read` asks the ledger for it.
    ///
    /// # Errors
    /// It was never read, and the ledger does not say.
    pub(crate) async fn get(
        &self,
        read: impl AsyncFnOnce() -> Result<Option<Arc<Plan>>, Fault>,
    ) -> Result<Option<Arc<SalePlan>>, Fault> {
        if let Some(known) = self.known().filter(KnownPlan::is_fresh) {
            return Ok(known.plan);
        }
        let _reading = match (self.reading.try_lock(), self.known()) {
            (Ok(reading), _) => reading,
            // Somebody reads it again: nobody else waits for that.
            (Err(_), Some(known)) => return Ok(known.plan),
            (Err(_), None) => self.reading.lock().await,
        };
        let last = self.known();
        if let Some(known) = last.as_ref().filter(|known| known.is_fresh()) {
            return Ok(known.plan.clone());
        }
        let plan = match read().await {
            Ok(plan) => plan,
            // What it was a minute ago is better than nothing: the ledger decides.
            Err(fault) => {
                let plan = last.map(|known| known.plan).ok_or(fault)?;
                self.keep(plan.clone(), KEPT_ON);
                return Ok(plan);
            }
        };
        let unchanged = last.and_then(|known| known.plan);
        let unchanged = unchanged.filter(|known| plan.as_ref() == Some(known.plan()));
        let plan = match (plan, unchanged) {
            (None, _) => None,
            (Some(_), Some(known)) => Some(known),
            (Some(plan), None) => Some(Arc::new(laid_out(plan)?)),
        };
        self.keep(plan.clone(), KEPT);
        Ok(plan)
    }

    /// Empties the cache: the sale was lost, and may have been created again with another plan.
    pub(crate) fn forget(&self) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn keep(&self, plan: Option<Arc<SalePlan>>, time: Duration) {
        let known = KnownPlan { until: Instant::now() + time, plan };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    fn known(&self) -> Option<KnownPlan> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl KnownPlan {
    fn is_fresh(&self) -> bool {
        Instant::now() < self.until
    }
}

fn laid_out(plan: Arc<Plan>) -> Result<SalePlan, Fault> {
    SalePlan::new(plan).map_err(|e| Fault::Corrupt(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALL: &str = r#"{"classes":[{"id":"stalls","standing":5}]}"#;

    #[tokio::test]
    async fn a_plan_is_read_once_and_a_sale_without_one_is_remembered_too() {
        let cache = PlanCache::default();
        let away = async || Err(Fault::NotSent("away".into()));
        assert!(cache.get(away).await.is_err());
        let plan = Arc::new(Plan::from_json(HALL).unwrap());
        let read = async || Ok(Some(Arc::clone(&plan)));
        let first = cache.get(read).await.unwrap().unwrap();
        let again = cache.get(away).await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let none = PlanCache::default();
        assert!(none.get(async || Ok(None)).await.unwrap().is_none());
        assert!(none.get(away).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_cache_that_was_emptied_reads_the_plan_of_the_sale_that_is_there_now() {
        let cache = PlanCache::default();
        let plan = |places: u32| {
            let text = HALL.replace('5', &places.to_string());
            Arc::new(Plan::from_json(&text).unwrap())
        };
        let (old, new) = (plan(5), plan(6));
        let first = cache.get(async || Ok(Some(Arc::clone(&old)))).await.unwrap().unwrap();
        cache.forget();
        let second = cache.get(async || Ok(Some(Arc::clone(&new)))).await.unwrap().unwrap();
        assert_eq!((first.plan(), second.plan()), (&old, &new));
        assert_ne!(old, new);
    }

    #[tokio::test]
    async fn while_one_reads_the_plan_again_others_get_the_one_that_was_read_before() {
        let cache = PlanCache::default();
        let plan = Arc::new(Plan::from_json(HALL).unwrap());
        let read = async || Ok(Some(Arc::clone(&plan)));
        cache.get(read).await.unwrap().unwrap();
        cache.keep(cache.known().unwrap().plan, Duration::ZERO);
        let never = async || std::future::pending().await;
        let again = cache.get(never);
        let first = tokio::time::timeout(Duration::from_millis(50), async {
            tokio::pin!(again);
            let other = async || Err(Fault::NotSent("asked twice".into()));
            tokio::select! {
                biased;
                _ = &mut again => unreachable!("it is never read"),
                other = cache.get(other) => other,
            }
        });
        assert!(first.await.unwrap().unwrap().is_some());
    }
}
