//! Forwarding of one request over the origins, as a state machine.
//!
//! A request on its way from an edge to the origins: who is asked, for how long, what an answer
//! means, and when the next one is asked. Asking a second origin must do no harm: reading is
//! idempotent, and so is everything under one order id.
//!
//! The edge's shell and the simulator carry out what is said here: they send, and they have the
//! timers.

use crate::domain::time::UnixMillis;
use crate::limits::{EDGE_ATTEMPT_MS, EDGE_ATTEMPTS_MAX, EDGE_DEADLINE_MS};
use crate::upstream::balancer::{AttemptOutcome, RouteKey, Router, Tried};
use crate::wire::problem::Code;

/// What the edge reads of something that came back. Everything but the status is read only where it
/// matters.
pub trait UpstreamResponse {
    /// The HTTP status.
    fn status(&self) -> u16;
    /// Whether a lastseat origin made it, and not something that stands in its place.
    fn is_ours(&self) -> bool;
    /// Whether it says that this client, and not the origin, has had enough.
    fn limits_the_client(&self) -> bool;
    /// Whether it says that the origin rejected this edge's signature.
    fn rejects_the_edge(&self) -> bool;
}

/// How far an origin got with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptVerdict {
    /// It decided.
    Decided,
    /// It decided that it cannot take more now.
    Busy,
    /// It could not, and nothing happened: another one may.
    NothingHappened,
    /// It rejected this edge's signature, and nothing happened: another one may accept it.
    EdgeRejected,
    /// It cannot say what became of the order: another one may be able to, under the same
    /// id.
    Unknown,
    /// It did not answer, or something else did in its place.
    Failed,
    /// Nothing was sent to it: it cannot be reached, and nothing happened there.
    NotSent,
}

impl AttemptVerdict {
    /// What the end of a wait says, with what came back, if anything did.
    #[must_use]
    pub fn at_end(wait: Wait, answer: Option<&impl UpstreamResponse>) -> Self {
        match wait {
            Wait::NotSent => Self::NotSent,
            Wait::Full => Self::NothingHappened,
            Wait::Over | Wait::Silent => Self::of(answer),
        }
    }

    /// Reads what came back, if anything did.
    #[must_use]
    pub fn of(answer: Option<&impl UpstreamResponse>) -> Self {
        match answer.map(|answer| (answer.status(), answer)) {
            None => Self::Failed,
            Some((500.., answer)) if !answer.is_ours() => Self::Failed,
            Some((503, _)) => Self::NothingHappened,
            Some((504, _)) => Self::Unknown,
            // The origin has room, but not for this client.
            Some((429, answer)) if answer.limits_the_client() => Self::Decided,
            Some((429, answer)) if answer.is_ours() => Self::Busy,
            Some((401, answer)) if answer.rejects_the_edge() => Self::EdgeRejected,
            Some(_) => Self::Decided,
        }
    }
}

/// No origin answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostRequest {
    /// None was asked.
    NotSent,
    /// One may have got the request: workerd does not distinguish a refused connection from one
    /// that was reset after the request was read.
    Unknown,
}

impl LostRequest {
    /// The response to the client.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::NotSent => Code::Unavailable,
            Self::Unknown => Code::OutcomeUnknown,
        }
    }
}

/// One origin that is being asked.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// Which one, as [`Router::url`] counts.
    pub index: usize,
    /// When it was asked.
    pub asked: UnixMillis,
    /// Whether one that was asked before may have carried the request out: then this one must not
    /// answer an order from a hint ([`crate::domain::order::KeySource::repeated`]).
    pub repeats: bool,
    /// When nobody waits for it any more.
    until: UnixMillis,
    /// Who was tried, if another one may be asked: the last one is not left, because nobody would
    /// be asked after it.
    others: Option<Tried>,
}

impl Attempt {
    /// How long to wait before [`Attempt::ends`] is asked, in milliseconds.
    #[must_use]
    pub fn poll_ms(&self, router: &Router, now: UnixMillis) -> u64 {
        router.silence_limit_ms(self.index).min(self.until.since(now))
    }

    /// Whether the wait is over although nothing came: the time is up, or the origin has gone
    /// silent while another one takes requests. A frozen node costs a buyer about a second and not
    /// the whole wait.
    pub fn ends(&self, router: &mut Router, now: UnixMillis) -> Option<Wait> {
        let silent = self.others.is_some_and(|tried| router.should_leave(self.index, tried, now));
        if silent { Some(Wait::Silent) } else { (now >= self.until).then_some(Wait::Over) }
    }
}

/// How the wait for an origin ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// With an answer or a broken connection, or the time was up.
    Over,
    /// The origin was left, because it answers nobody.
    Silent,
    /// Nothing was sent, because the origin cannot be reached. workerd does not distinguish this
    /// from a connection that was reset; other shells do.
    NotSent,
    /// Nothing was sent, because as much as may be is under way to this origin, or because it said
    /// that it takes no more connections.
    Full,
}

/// One request's way over the origins. `R` is an answer.
#[derive(Debug)]
pub struct Forwarding<R> {
    deadline: UnixMillis,
    attempts: usize,
    tried: Tried,
    lost: LostRequest,
    over: bool,
    answer: Option<R>,
    /// Said that nothing happened there. It is the client's answer if nobody has another one.
    nothing_happened: Option<R>,
}

impl<R> Forwarding<R> {
    /// The forwarded request of a request that arrived at `since`.
    #[must_use]
    pub fn new(since: UnixMillis) -> Self {
        Self {
            deadline: since.plus(EDGE_DEADLINE_MS),
            attempts: 0,
            tried: Tried::default(),
            lost: LostRequest::NotSent,
            over: false,
            answer: None,
            nothing_happened: None,
        }
    }

    /// The origin to ask now; `None` when the forwarded request has ended.
    pub fn next(
        &mut self,
        router: &mut Router,
        sender: &RouteKey<'_>,
        now: UnixMillis,
    ) -> Option<Attempt> {
        let ms = self.deadline.since(now).min(EDGE_ATTEMPT_MS);
        if self.over || self.attempts >= EDGE_ATTEMPTS_MAX || ms == 0 {
            return None;
        }
        let index = router.pick(sender, self.tried, now)?;
        self.tried.add(index);
        self.attempts += 1;
        Some(Attempt {
            index,
            asked: now,
            repeats: self.lost == LostRequest::Unknown,
            until: now.plus(ms),
            others: (self.attempts < EDGE_ATTEMPTS_MAX).then_some(self.tried),
        })
    }

    /// Takes in how one attempt ended; gives an answer back that nobody will read.
    pub fn observed(
        &mut self,
        attempt: &Attempt,
        verdict: AttemptVerdict,
        wait: Wait,
        answer: Option<R>,
        router: &mut Router,
        now: UnixMillis,
    ) -> Option<R> {
        let outcome = match (verdict, wait) {
            (AttemptVerdict::Decided, _) => AttemptOutcome::Answered,
            (AttemptVerdict::Failed, Wait::Silent) => AttemptOutcome::Silent,
            (AttemptVerdict::Failed | AttemptVerdict::NotSent, _) => AttemptOutcome::Failed,
            _ => AttemptOutcome::Shed,
        };
        router.report(attempt.index, outcome, now);
        match verdict {
            // "Busy" says that nothing happened, which is not known of the one that was asked
            // before.
            AttemptVerdict::Busy if self.lost == LostRequest::Unknown => {
                self.over = true;
                answer
            }
            AttemptVerdict::Decided | AttemptVerdict::Busy => {
                self.over = true;
                self.answer = answer;
                None
            }
            AttemptVerdict::NothingHappened => match answer {
                Some(answer) => self.nothing_happened.replace(answer),
                None => None,
            },
            AttemptVerdict::EdgeRejected | AttemptVerdict::NotSent => answer,
            AttemptVerdict::Unknown | AttemptVerdict::Failed => {
                // Two that cannot say: the ledger is away, and to ask a third would only add to
                // its load.
                self.over = verdict == AttemptVerdict::Unknown && self.lost == LostRequest::Unknown;
                self.lost = LostRequest::Unknown;
                answer
            }
        }
    }

    /// The end: the client's answer, and one that nobody will read.
    pub fn end(self) -> (Result<R, LostRequest>, Option<R>) {
        match (self.answer, self.lost, self.nothing_happened) {
            (Some(answer), _, unread) => (Ok(answer), unread),
            (None, LostRequest::NotSent, Some(answer)) => (Ok(answer), None),
            (None, lost, unread) => (Err(lost), unread),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::balancer::{Balance, OriginRow};

    struct Reply {
        status: u16,
        ours: bool,
        limits: bool,
        rejects: bool,
    }

    impl UpstreamResponse for Reply {
        fn status(&self) -> u16 {
            self.status
        }
        fn is_ours(&self) -> bool {
            self.ours
        }
        fn limits_the_client(&self) -> bool {
            self.limits
        }
        fn rejects_the_edge(&self) -> bool {
            self.rejects
        }
    }

    const fn reply(status: u16) -> Reply {
        Reply { status, ours: true, limits: false, rejects: false }
    }

    const NOBODY: RouteKey<'_> = RouteKey { ip: None, buyer: None, chance: [0.0; 2], turn: None };

    fn router() -> Router {
        let rows = (1..=4).map(|n| OriginRow::new(format!("http://127.0.0.1:300{n}"), 1));
        Router::new(rows.collect(), Balance::RoundRobin, None).unwrap()
    }

    /// Runs an forwarded request over origins that answer so, one after the other, at once.
    fn run(verdicts: &[AttemptVerdict]) -> (usize, Result<AttemptVerdict, LostRequest>) {
        let (mut router, now) = (router(), UnixMillis(1_000));
        let mut forwarding = Forwarding::new(now);
        let mut asked = 0;
        while let Some(attempt) = forwarding.next(&mut router, &NOBODY, now) {
            let verdict = verdicts.get(asked).copied().unwrap_or(AttemptVerdict::Failed);
            asked += 1;
            let answer = (verdict != AttemptVerdict::Failed).then_some(verdict);
            forwarding.observed(&attempt, verdict, Wait::Over, answer, &mut router, now);
        }
        (asked, forwarding.end().0)
    }

    #[test]
    fn an_answer_means_what_its_status_and_its_maker_say() {
        let of = |reply: Reply| AttemptVerdict::of(Some(&reply));
        let foreign = |status| Reply { ours: false, ..reply(status) };
        assert_eq!(AttemptVerdict::of(None::<&Reply>), AttemptVerdict::Failed);
        assert_eq!(of(reply(201)), AttemptVerdict::Decided);
        assert_eq!(of(reply(409)), AttemptVerdict::Decided);
        assert_eq!(of(reply(500)), AttemptVerdict::Decided);
        assert_eq!(of(reply(503)), AttemptVerdict::NothingHappened);
        assert_eq!(of(reply(504)), AttemptVerdict::Unknown);
        assert_eq!(of(foreign(503)), AttemptVerdict::Failed);
        assert_eq!(of(reply(429)), AttemptVerdict::Busy);
        assert_eq!(of(foreign(429)), AttemptVerdict::Decided);
        let limits = Reply { limits: true, ..reply(429) };
        assert_eq!(of(limits), AttemptVerdict::Decided);
        assert_eq!(of(reply(401)), AttemptVerdict::Decided);
        let rejects = Reply { rejects: true, ..reply(401) };
        assert_eq!(of(rejects), AttemptVerdict::EdgeRejected);
    }

    #[test]
    fn a_decision_and_busy_end_the_forwarding() {
        assert_eq!(run(&[AttemptVerdict::Decided]), (1, Ok(AttemptVerdict::Decided)));
        assert_eq!(run(&[AttemptVerdict::Busy]), (1, Ok(AttemptVerdict::Busy)));
        let second = run(&[AttemptVerdict::NothingHappened, AttemptVerdict::Decided]);
        assert_eq!(second, (2, Ok(AttemptVerdict::Decided)));
    }

    #[test]
    fn a_request_that_may_have_arrived_is_never_called_unavailable_or_busy() {
        assert_eq!(LostRequest::Unknown.code(), Code::OutcomeUnknown);
        assert_eq!(LostRequest::NotSent.code(), Code::Unavailable);
        for before in [AttemptVerdict::Failed, AttemptVerdict::Unknown] {
            let lost =
                run(&[before, AttemptVerdict::NothingHappened, AttemptVerdict::NothingHappened]);
            assert_eq!(lost, (3, Err(LostRequest::Unknown)));
            assert_eq!(run(&[before, AttemptVerdict::Busy]), (2, Err(LostRequest::Unknown)));
        }
    }

    #[test]
    fn where_nothing_happened_anywhere_the_last_origin_says_so() {
        let all = [AttemptVerdict::NothingHappened; 3];
        assert_eq!(run(&all), (3, Ok(AttemptVerdict::NothingHappened)));
        assert_eq!(run(&[AttemptVerdict::EdgeRejected; 3]), (3, Err(LostRequest::NotSent)));
    }

    #[test]
    fn an_origin_is_told_that_one_before_it_may_have_carried_the_order_out() {
        for (before, repeats) in [
            (AttemptVerdict::Failed, true),
            (AttemptVerdict::Unknown, true),
            (AttemptVerdict::NothingHappened, false),
            (AttemptVerdict::EdgeRejected, false),
        ] {
            let (mut router, now) = (router(), UnixMillis(1_000));
            let mut forwarding = Forwarding::<()>::new(now);
            let first = forwarding.next(&mut router, &NOBODY, now).unwrap();
            assert!(!first.repeats);
            forwarding.observed(&first, before, Wait::Over, None, &mut router, now);
            let second = forwarding.next(&mut router, &NOBODY, now).unwrap();
            assert_eq!(second.repeats, repeats, "{before:?}");
        }
    }

    #[test]
    fn two_that_do_not_know_are_enough() {
        assert_eq!(run(&[AttemptVerdict::Unknown; 3]), (2, Err(LostRequest::Unknown)));
        assert_eq!(run(&[AttemptVerdict::Failed; 3]), (3, Err(LostRequest::Unknown)));
    }

    #[test]
    fn a_forwarding_ends_with_its_deadline_and_each_wait_with_its_own() {
        let (mut router, since) = (router(), UnixMillis(1_000));
        let mut forwarding = Forwarding::<()>::new(since);
        let first = forwarding.next(&mut router, &NOBODY, since).unwrap();
        let over = since.plus(EDGE_ATTEMPT_MS);
        // Alone in its silence it is waited for to the end: the router has no report of other
        // events.
        assert_eq!(first.ends(&mut router, UnixMillis(1_001)), None);
        assert_eq!(first.ends(&mut router, over), Some(Wait::Over));
        forwarding.observed(&first, AttemptVerdict::Failed, Wait::Over, None, &mut router, over);
        let late = since.plus(EDGE_DEADLINE_MS - 10);
        let second = forwarding.next(&mut router, &NOBODY, late).unwrap();
        assert_eq!(second.poll_ms(&router, late), 10);
        assert_eq!(second.ends(&mut router, late.plus(10)), Some(Wait::Over));
        assert!(forwarding.next(&mut router, &NOBODY, since.plus(EDGE_DEADLINE_MS)).is_none());
    }

    #[test]
    fn a_silent_origin_is_left_while_another_one_takes_requests() {
        let mut router = router();
        let mut now = UnixMillis(1_000);
        let mut forwarding = Forwarding::<()>::new(now);
        let attempt = forwarding.next(&mut router, &NOBODY, now).unwrap();
        let ended = loop {
            now = now.plus(attempt.poll_ms(&router, now));
            if let Some(wait) = attempt.ends(&mut router, now) {
                break wait;
            }
        };
        assert_eq!(ended, Wait::Silent);
        assert!(now.since(attempt.asked) <= 1_000);
    }
}
