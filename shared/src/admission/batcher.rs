//! Batcher: the decisions of a committer as a state machine.
//!
//! What the committer of a sale decides: which of those who wait are part of the next batch, what a
//! reply of the ledger means for them, and what is asked again. It waits for nothing: an origin's
//! task and the simulator carry out what is said here.
//!
//! One round is: [`Committer::take_left_over`] or new work, [`Committer::sort`] while
//! [`Committer::has_room`], then the batch under a [`Sending`], [`answers`], the poll, and a word
//! to those who wait for the end.

use crate::admission::node_budget::NodeBudget;
use crate::admission::sale_hint::{Admission, SaleHint};
use crate::domain::fault::Fault;
use crate::domain::ids::SaleId;
use crate::domain::order::{KeySource, Reserve, Verdict};
use crate::domain::refusal::Refusal;
use crate::domain::sale::Snapshot;
use crate::domain::time::UnixMillis;
use crate::limits::{BATCH_LINES_MAX, BATCH_MAX, SWEEP_MAX};

/// Who waits for what becomes of an order.
pub trait Waiter {
    /// Whether nobody waits any more.
    fn has_left(&self) -> bool;
}

/// An order in the queue.
#[derive(Debug)]
pub struct QueuedOrder<W> {
    /// The order.
    pub order: Reserve,
    /// Where its id comes from.
    pub key: KeySource,
    /// Who waits.
    pub waiter: W,
}

/// What waits in the queue of a committer. `P` waits for the outcome of a poll, `F` for the end of
/// what came before.
#[derive(Debug)]
pub enum Work<W, P, F> {
    /// An order.
    Order(QueuedOrder<W>),
    /// Poll the ledger again: a caller asks whether the last refusal still holds.
    Poll(Option<P>),
    /// Report when everything before this is done.
    Finish(F),
}

/// What one round carries out, in this order.
#[derive(Debug)]
pub struct BatchRound<W, P, F> {
    /// Orders for the ledger, at most [`BATCH_MAX`].
    pub batch: Vec<QueuedOrder<W>>,
    /// Lines of these orders; the last one begins below [`BATCH_LINES_MAX`].
    pub lines: usize,
    /// Whether the ledger is to be polled.
    pub poll: bool,
    /// Who waits for that.
    pub polls: Vec<P>,
    /// Who waits for the end of the round.
    pub finished: Vec<F>,
}

impl<W, P, F> Default for BatchRound<W, P, F> {
    fn default() -> Self {
        let (batch, polls, finished) = Default::default();
        Self { batch, lines: 0, poll: false, polls, finished }
    }
}

impl<W: Waiter, P, F> BatchRound<W, P, F> {
    /// Leaves out the orders whose clients left while the batch waited for its turn: nothing was
    /// sent for them.
    pub fn leave_out_left(&mut self) {
        self.batch.retain(|waiting| !waiting.waiter.has_left());
    }
}

/// Forms the rounds of one sale at one node.
#[derive(Debug)]
pub struct Committer<W> {
    budget: NodeBudget,
    /// An order that the last batch had no budget for.
    left_over: Option<QueuedOrder<W>>,
}

impl<W: Waiter> Committer<W> {
    /// A committer that may ask for `budget` before the next ledger reply.
    #[must_use]
    pub const fn new(budget: NodeBudget) -> Self {
        Self { budget, left_over: None }
    }

    /// The ledger replied, and this budget follows from it.
    pub const fn restock(&mut self, budget: NodeBudget) {
        self.budget = budget;
    }

    /// The order that opens the next round before anything new does.
    pub const fn take_left_over(&mut self) -> Option<QueuedOrder<W>> {
        self.left_over.take()
    }

    /// Whether more work fits into the round.
    #[must_use]
    pub const fn has_room<P, F>(&self, round: &BatchRound<W, P, F>) -> bool {
        let has_room = round.batch.len() < BATCH_MAX && round.lines < BATCH_LINES_MAX;
        has_room && self.left_over.is_none()
    }

    /// Puts one piece of work where it belongs. An order that is refused from memory is given back
    /// with the refusal.
    pub fn sort<P, F>(
        &mut self,
        work: Work<W, P, F>,
        hint: &SaleHint,
        now: UnixMillis,
        round: &mut BatchRound<W, P, F>,
    ) -> Option<(QueuedOrder<W>, Refusal)> {
        match work {
            Work::Poll(waits) => {
                round.poll = true;
                round.polls.extend(waits);
            }
            Work::Finish(waits) => round.finished.push(waits),
            // Nobody waits and nothing was sent: as if it had never come.
            Work::Order(waiting) if waiting.waiter.has_left() => {}
            Work::Order(waiting) => {
                let (key, places) = (waiting.key, waiting.order.places());
                let first = round.batch.is_empty();
                match hint.admit(&mut self.budget, key, places, first, now) {
                    Admission::Send => {
                        round.lines += waiting.order.lines_to_search();
                        round.batch.push(waiting);
                    }
                    Admission::Later => self.left_over = Some(waiting),
                    Admission::Refuse(refusal) => return Some((waiting, refusal)),
                }
            }
        }
        None
    }
}

/// A batch on its way to the ledger. One without an answer is sent again with the same ids, once:
/// the ids make that harmless.
#[derive(Debug, Default)]
pub struct Sending {
    resent: bool,
}

impl Sending {
    /// Takes in what came back; `None` = the same batch is to be sent once more. `Ok(None)` is the
    /// ledger's word for a sale that it does not have.
    pub fn observed<T>(
        &mut self,
        reply: Result<Option<T>, Fault>,
        sale: &SaleId,
    ) -> Option<Result<T, Fault>> {
        Some(match reply {
            Err(Fault::Unknown(_)) if !self.resent => {
                self.resent = true;
                return None;
            }
            // The first sending may have been carried out, whatever became of the second.
            Err(Fault::NotSent(reason)) if self.resent => Err(Fault::Unknown(reason)),
            Err(fault) => Err(fault),
            Ok(answer) => answer.ok_or_else(|| gone(sale)),
        })
    }
}

/// Which order gets which verdict: verdicts are in the order of the batch, a fault is for all of
/// them.
pub fn answers<W>(
    batch: Vec<QueuedOrder<W>>,
    outcome: Result<Vec<Verdict>, Fault>,
) -> impl Iterator<Item = (QueuedOrder<W>, Result<Verdict, Fault>)> {
    let (verdicts, fault) = match outcome {
        Ok(verdicts) => (verdicts, None),
        Err(fault) => (Vec::new(), Some(fault)),
    };
    let mut verdicts = verdicts.into_iter();
    batch.into_iter().map(move |waiting| {
        let outcome = match &fault {
            Some(fault) => Err(fault.clone()),
            None => {
                verdicts.next().ok_or_else(|| Fault::Corrupt("the ledger left an order out".into()))
            }
        };
        (waiting, outcome)
    })
}

/// What a sweep of the ledger says: how the sale stands, and whether more holds may be due, so that
/// the next page is to be swept at once.
///
/// # Errors
/// No answer, or the sale is gone.
pub fn swept(
    reply: Result<Option<(Snapshot, u64)>, Fault>,
    sale: &SaleId,
) -> Result<(Snapshot, bool), Fault> {
    let (snapshot, expired) = reply?.ok_or_else(|| gone(sale))?;
    Ok((snapshot, expired >= SWEEP_MAX as u64))
}

/// The ledger had the sale once and has it no more: nothing happened, and nothing of it is sold
/// until an operator has created it again.
#[must_use]
pub fn gone(sale: &SaleId) -> Fault {
    Fault::NotSent(format!("sale {sale} is gone from the ledger"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{BuyerId, OrderId, Quantity};
    use crate::domain::order::KeySource;
    use crate::domain::sale::{SaleState, Terms};

    struct Buyer {
        left: bool,
    }

    impl Waiter for Buyer {
        fn has_left(&self) -> bool {
            self.left
        }
    }

    type BatchRound = super::BatchRound<Buyer, u8, u8>;

    fn hint(free: u32) -> SaleHint {
        SaleHint::new(Snapshot {
            capacity: free,
            held: 0,
            confirmed: 0,
            version: 1,
            commit_seq: 1,
            state: SaleState::Open,
            terms: Terms::default(),
            at: UnixMillis(1),
        })
    }

    fn order(n: usize, key: KeySource) -> Work<Buyer, u8, u8> {
        Work::Order(QueuedOrder {
            order: Reserve {
                id: OrderId::parse(&format!("order-{n:016}")).unwrap(),
                buyer: BuyerId::parse("ada").unwrap(),
                quantity: Quantity::ONE,
                lines: None,
            },
            key,
            waiter: Buyer { left: false },
        })
    }

    fn sale() -> SaleId {
        SaleId::parse("demo").unwrap()
    }

    #[test]
    fn whose_client_left_before_the_turn_of_its_batch_is_not_sent() {
        let mut committer = Committer::new(NodeBudget::of(10, 1, 1));
        let mut round = BatchRound::default();
        for n in 0..3 {
            committer.sort(order(n, KeySource::Made), &hint(10), UnixMillis(1), &mut round);
        }
        round.batch[1].waiter.left = true;
        round.leave_out_left();
        let ids: Vec<&str> = round.batch.iter().map(|waiting| waiting.order.id.as_str()).collect();
        assert_eq!(ids, ["order-0000000000000000", "order-0000000000000002"]);
    }

    #[test]
    fn an_order_without_stock_waits_and_opens_the_next_round() {
        let hint = hint(10);
        let mut committer = Committer::new(NodeBudget::of(10, 1, 10));
        let mut round = BatchRound::default();
        let mut n = 0;
        while committer.has_room(&round) {
            committer.sort(order(n, KeySource::Made), &hint, UnixMillis(1), &mut round);
            n += 1;
        }
        assert_eq!((round.batch.len(), n), (2, 3));
        let left = committer.take_left_over().unwrap();
        assert_eq!(left.order.id.as_str(), "order-0000000000000002");
        assert!(committer.has_room(&BatchRound::default()));
        committer.restock(NodeBudget::of(10, 1, 10));
        let mut round = BatchRound::default();
        committer.sort(order(0, KeySource::Made), &hint, UnixMillis(1), &mut round);
        committer.sort(order(1, KeySource::Made), &hint, UnixMillis(1), &mut round);
        assert_eq!(round.batch.len(), 2, "the budget is new");
    }

    #[test]
    fn a_batch_has_an_end_and_who_has_left_is_not_in_it() {
        let hint = hint(100_000);
        let mut committer = Committer::new(NodeBudget::of(100_000, 1, 1));
        let mut round = BatchRound::default();
        let Work::Order(mut gone) = order(0, KeySource::Made) else { unreachable!() };
        gone.waiter.left = true;
        committer.sort(Work::Order(gone), &hint, UnixMillis(1), &mut round);
        assert!(round.batch.is_empty());
        let mut n = 0;
        while committer.has_room(&round) {
            committer.sort(order(n, KeySource::Made), &hint, UnixMillis(1), &mut round);
            n += 1;
        }
        assert_eq!(n, BATCH_MAX);
    }

    #[test]
    fn what_a_client_may_have_sent_before_goes_to_the_ledger_when_nothing_is_free() {
        let hint = hint(0);
        let mut committer = Committer::new(NodeBudget::of(0, 1, 1));
        let mut round = BatchRound::default();
        let mut sort = |key| committer.sort(order(1, key), &hint, UnixMillis(1), &mut round);
        let refused = sort(KeySource::Made).map(|(_, refusal)| refusal);
        assert_eq!(refused, Some(Refusal::SoldOut));
        assert!(sort(KeySource::Sent).is_none());
        assert_eq!(round.batch.len(), 1);
    }

    #[test]
    fn polls_and_ends_are_gathered() {
        let hint = hint(1);
        let mut committer = Committer::<Buyer>::new(NodeBudget::default());
        let mut round = BatchRound::default();
        for work in [Work::Poll(None), Work::Poll(Some(3)), Work::Finish(4)] {
            committer.sort(work, &hint, UnixMillis(1), &mut round);
        }
        assert!(round.poll && round.batch.is_empty());
        assert_eq!((round.polls, round.finished), (vec![3], vec![4]));
    }

    #[test]
    fn an_unknown_outcome_is_asked_for_once_more_and_never_becomes_not_sent() {
        let unknown = || Err::<Option<u8>, _>(Fault::Unknown("late".into()));
        let away = || Err(Fault::NotSent("away".into()));
        let after = |second| {
            let mut sending = Sending::default();
            assert_eq!(sending.observed(unknown(), &sale()), None);
            sending.observed(second, &sale())
        };
        assert_eq!(after(Ok(Some(7))), Some(Ok(7)));
        assert!(matches!(after(unknown()), Some(Err(Fault::Unknown(_)))));
        assert!(matches!(after(away()), Some(Err(Fault::Unknown(_)))));
        let first = Sending::default().observed(away(), &sale());
        assert!(matches!(first, Some(Err(Fault::NotSent(_)))));
    }

    #[test]
    fn a_sale_that_is_gone_is_a_fault_in_which_nothing_happened_and_no_refusal() {
        let outcome = Sending::default().observed(Ok(None::<u8>), &sale());
        assert!(matches!(outcome, Some(Err(Fault::NotSent(_)))));
        assert!(matches!(swept(Ok(None), &sale()), Err(Fault::NotSent(_))));
    }

    #[test]
    fn a_full_page_of_a_sweep_is_followed_by_another_one() {
        let snapshot = *hint(1).snapshot();
        let more = |expired| swept(Ok(Some((snapshot, expired))), &sale()).unwrap().1;
        assert!(more(SWEEP_MAX as u64));
        assert!(!more(SWEEP_MAX as u64 - 1));
    }

    #[test]
    fn each_order_hears_its_own_verdict_and_all_hear_a_fault() {
        let batch = || {
            (0..2)
                .map(|n| match order(n, KeySource::Made) {
                    Work::Order(waiting) => waiting,
                    _ => unreachable!(),
                })
                .collect()
        };
        let verdicts = vec![Verdict::Refused(Refusal::SoldOut), Verdict::Refused(Refusal::Paused)];
        let outcome: Vec<_> = answers(batch(), Ok(verdicts.clone())).collect();
        assert_eq!(outcome.len(), 2);
        for (n, ((waiting, outcome), verdict)) in outcome.into_iter().zip(verdicts).enumerate() {
            assert_eq!(waiting.order.id.as_str(), format!("order-{n:016}"));
            assert_eq!(outcome, Ok(verdict));
        }
        let fault = Fault::Unknown("late".into());
        let outcome = answers(batch(), Err(fault.clone())).map(|(_, outcome)| outcome);
        assert_eq!(outcome.collect::<Vec<_>>(), [Err(fault.clone()), Err(fault)]);
    }
}
