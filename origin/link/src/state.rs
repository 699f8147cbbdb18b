//! State of a link: whether it is open, which orders wait, and when it is opened again.
//!
//! Nothing here waits or does I/O; the time is an argument.

use crate::{LinkAnswer, LinkError};
use shared::KeyRing;
use shared::limits::{
    LINK_BACKOFF_MAX_MS, LINK_BACKOFF_MS, LINK_PLAIN_MS, LINK_TURNED_AWAY_MS, LINK_UNDER_WAY_MAX,
};
use shared::link::OrdersWriter;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

type Asker = oneshot::Sender<Result<LinkAnswer, LinkError>>;

/// Where a link is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkPhase {
    /// There is no connection; one may be opened from this moment on. Until then orders are refused
    /// with this error.
    Down(Instant, LinkError),
    /// A connection is being opened.
    Opening,
    /// Orders are sent.
    Open,
    /// The node is sent plain requests; from this moment on it is asked for a link again.
    Plain(Instant),
    /// That is being done.
    PlainOpening,
    /// Nobody is left who asks.
    Abandoned,
}

/// What becomes of an order that is asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Queue,
    ConnectAndQueue,
    Refuse(LinkError),
    ConnectAndRefuse(LinkError),
}

/// How a connection ended, or why there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkEnd {
    /// It could not be opened, it broke, or the node leaves.
    Down,
    /// The node takes no more connections.
    TurnedAway,
    /// The node does not take links.
    Plain,
}

/// An order that is in no frame yet.
#[derive(Debug)]
struct QueuedOrder {
    order: Vec<u8>,
    asker: Asker,
}

/// Those who wait for the answer to an order that was sent, by its number.
#[derive(Debug, Default)]
pub(crate) struct SentOrders {
    askers: Vec<Option<Asker>>,
    free: Vec<u32>,
}

impl SentOrders {
    fn add(&mut self, asker: Asker) -> u32 {
        if let Some(number) = self.free.pop() {
            if let Some(place) = self.askers.get_mut(number as usize) {
                *place = Some(asker);
            }
            return number;
        }
        self.askers.push(Some(asker));
        // There are at most LINK_UNDER_WAY_MAX.
        u32::try_from(self.askers.len() - 1).unwrap_or(u32::MAX)
    }

    /// Who waits for the answer with this number; `None` for one that was not asked for.
    pub(crate) fn take(&mut self, number: u32) -> Option<Asker> {
        let asker = self.askers.get_mut(number as usize)?.take()?;
        self.free.push(number);
        Some(asker)
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.askers.len() - self.free.len()
    }

    /// What became of all of them is unknown.
    pub(crate) fn broken(self) {
        for asker in self.askers.into_iter().flatten() {
            // Nobody may be waiting any more.
            let _ = asker.send(Err(LinkError::Broken));
        }
    }
}

/// The state of one link.
#[derive(Debug)]
pub(crate) struct LinkState {
    phase: LinkPhase,
    keys: Arc<KeyRing>,
    queued: VecDeque<QueuedOrder>,
    pub(crate) sent: SentOrders,
    /// Connections that failed one after the other.
    failures: u32,
}

impl LinkState {
    pub(crate) fn new(keys: KeyRing, now: Instant) -> Self {
        Self {
            phase: LinkPhase::Down(now, LinkError::NotSent),
            keys: Arc::new(keys),
            queued: VecDeque::new(),
            sent: SentOrders::default(),
            failures: 0,
        }
    }

    pub(crate) fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.keys)
    }

    pub(crate) fn replace_keys(&mut self, keys: KeyRing) {
        self.keys = Arc::new(keys);
    }

    pub(crate) fn under_way(&self) -> usize {
        self.queued.len() + self.sent.len()
    }

    /// What becomes of an order that is asked `now`; the caller carries it out.
    pub(crate) fn turn(&mut self, now: Instant) -> Turn {
        match self.phase {
            LinkPhase::Open | LinkPhase::Opening => Turn::Queue,
            LinkPhase::Down(until, _) if now >= until => {
                self.phase = LinkPhase::Opening;
                Turn::ConnectAndQueue
            }
            LinkPhase::Plain(until) if now >= until => {
                self.phase = LinkPhase::PlainOpening;
                Turn::ConnectAndRefuse(LinkError::Plain)
            }
            LinkPhase::Plain(_) | LinkPhase::PlainOpening => Turn::Refuse(LinkError::Plain),
            LinkPhase::Down(_, why) => Turn::Refuse(why),
            LinkPhase::Abandoned => Turn::Refuse(LinkError::NotSent),
        }
    }

    /// Queues an order for the next frame.
    pub(crate) fn queue(
        &mut self,
        order: Vec<u8>,
    ) -> Result<oneshot::Receiver<Result<LinkAnswer, LinkError>>, LinkError> {
        if self.under_way() >= LINK_UNDER_WAY_MAX {
            // Those whose askers have left need no place.
            self.queued.retain(|queued| !queued.asker.is_closed());
            if self.under_way() >= LINK_UNDER_WAY_MAX {
                return Err(LinkError::Full);
            }
        }
        let (asker, answer) = oneshot::channel();
        self.queued.push_back(QueuedOrder { order, asker });
        Ok(answer)
    }

    /// Puts what waits into a frame, as far as it has room. From here on it counts as sent.
    pub(crate) fn fill(&mut self, frame: &mut OrdersWriter) {
        while let Some(queued) = self.queued.pop_front() {
            if queued.asker.is_closed() {
                continue;
            }
            if !frame.has_room(&queued.order) {
                self.queued.push_front(queued);
                return;
            }
            let number = self.sent.add(queued.asker);
            frame.add(number, &queued.order);
        }
    }

    /// The link is open; `false` where nobody needs it any more.
    pub(crate) fn opened(&mut self) -> bool {
        if self.phase == LinkPhase::Abandoned {
            return false;
        }
        self.phase = LinkPhase::Open;
        true
    }

    /// The node has answered something.
    pub(crate) const fn works(&mut self) {
        self.failures = 0;
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.phase == LinkPhase::Abandoned
    }

    /// Nobody is left who asks.
    pub(crate) fn abandon(&mut self) {
        self.phase = LinkPhase::Abandoned;
    }

    /// From now on nothing is sent over the connection that there was: what was not sent is given
    /// back. `chance` (0 to 1) spreads the next attempt. Returns those who wait for an answer: it
    /// may still come where the node only takes leave.
    pub(crate) fn ended(&mut self, end: LinkEnd, now: Instant, chance: f64) -> SentOrders {
        let (error, wait_ms) = match end {
            LinkEnd::Plain => (LinkError::Plain, LINK_PLAIN_MS),
            LinkEnd::TurnedAway => (LinkError::TurnedAway, LINK_TURNED_AWAY_MS),
            LinkEnd::Down => {
                let doubled = LINK_BACKOFF_MS << self.failures.min(16);
                self.failures = self.failures.saturating_add(1);
                (LinkError::NotSent, doubled.min(LINK_BACKOFF_MAX_MS))
            }
        };
        let until = now + Duration::from_millis(wait_ms).mul_f64(1.0 + chance / 2.0);
        if self.phase != LinkPhase::Abandoned {
            self.phase = match end {
                LinkEnd::Plain => LinkPhase::Plain(until),
                LinkEnd::Down | LinkEnd::TurnedAway => LinkPhase::Down(until, error),
            };
        }
        for queued in self.queued.drain(..) {
            let _ = queued.asker.send(Err(error));
        }
        std::mem::take(&mut self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::limits::SHED_MS;

    fn state(now: Instant) -> LinkState {
        let keys = KeyRing::parse("0123456789abcdef0123456789abcdef").unwrap();
        LinkState::new(keys, now)
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_link_that_breaks_is_opened_again_after_a_wait_that_doubles_up_to_a_second() {
        let mut now = Instant::now();
        let mut state = state(now);
        for wait in [25, 50, 100, 200, 400, 800, 1_000, 1_000] {
            assert_eq!(state.turn(now), Turn::ConnectAndQueue);
            assert_eq!(state.turn(now), Turn::Queue, "one connection at a time");
            state.ended(LinkEnd::Down, now, 0.0).broken();
            let refused = Turn::Refuse(LinkError::NotSent);
            assert_eq!(state.turn(now + ms(wait - 1)), refused);
            now += ms(wait);
        }
        // One that has worked is opened again at once, and not by all in the same moment.
        assert_eq!(state.turn(now), Turn::ConnectAndQueue);
        assert!(state.opened());
        state.works();
        state.ended(LinkEnd::Down, now, 1.0).broken();
        assert_eq!(state.turn(now + ms(37)), Turn::Refuse(LinkError::NotSent));
        assert_eq!(state.turn(now + ms(38)), Turn::ConnectAndQueue);
    }

    #[test]
    fn a_link_that_was_turned_away_is_opened_again_before_the_node_is_asked_again() {
        let mut now = Instant::now();
        let mut state = state(now);
        for _ in 0..10 {
            assert_eq!(state.turn(now), Turn::ConnectAndQueue);
            let mut asked = state.queue(vec![1]).unwrap();
            state.ended(LinkEnd::TurnedAway, now, 1.0).broken();
            assert_eq!(asked.try_recv(), Ok(Err(LinkError::TurnedAway)));
            let refused = Turn::Refuse(LinkError::TurnedAway);
            assert_eq!(state.turn(now + ms(LINK_TURNED_AWAY_MS - 1)), refused);
            now += ms(SHED_MS);
        }
        // That was no failure of the node.
        assert_eq!(state.turn(now), Turn::ConnectAndQueue);
        state.ended(LinkEnd::Down, now, 0.0).broken();
        assert_eq!(state.turn(now + ms(LINK_BACKOFF_MS)), Turn::ConnectAndQueue);
    }

    #[test]
    fn a_node_that_takes_no_links_is_asked_again_later_and_nobody_waits_for_that() {
        let now = Instant::now();
        let mut state = state(now);
        assert_eq!(state.turn(now), Turn::ConnectAndQueue);
        let mut asked = state.queue(vec![1]).unwrap();
        state.ended(LinkEnd::Plain, now, 0.0).broken();
        assert_eq!(asked.try_recv(), Ok(Err(LinkError::Plain)));
        assert_eq!(state.turn(now + ms(LINK_PLAIN_MS - 1)), Turn::Refuse(LinkError::Plain));
        let again = now + ms(LINK_PLAIN_MS);
        assert_eq!(state.turn(again), Turn::ConnectAndRefuse(LinkError::Plain));
        assert_eq!(state.turn(again), Turn::Refuse(LinkError::Plain));
        assert!(state.opened(), "it has learned the protocol");
        assert_eq!(state.turn(again), Turn::Queue);
    }

    #[test]
    fn what_was_sent_is_in_doubt_and_what_was_not_is_not() {
        let now = Instant::now();
        let mut state = state(now);
        let (mut sent, left) = (state.queue(vec![1]).unwrap(), state.queue(vec![2]).unwrap());
        drop(left);
        let mut frame = OrdersWriter::default();
        state.fill(&mut frame);
        assert_eq!((frame.orders(), state.under_way()), (1, 1), "whoever left is not sent");
        let mut queued = state.queue(vec![3]).unwrap();
        state.ended(LinkEnd::Down, now, 0.0).broken();
        assert_eq!(sent.try_recv(), Ok(Err(LinkError::Broken)));
        assert_eq!(queued.try_recv(), Ok(Err(LinkError::NotSent)));
        assert_eq!(state.under_way(), 0);
    }
}
