//! Asking the origins: one after the other, with a deadline each, always under the same order id.

use crate::answer::{self, Verdict};
use crate::glue;
use crate::headers;
use crate::runtime::{self, Reply, Watch};
use crate::state::Isolate;
use js_sys::Object;
use shared::gate::Key;
use shared::limits::{EDGE_ATTEMPT_MS, EDGE_ATTEMPTS_MAX, EDGE_DEADLINE_MS};
use shared::routing::{Outcome, Tried};
use shared::{BuyerId, EdgeCounts, Grant, OrderId, SaleId, UnixMillis};
use std::net::IpAddr;
use wasm_bindgen::JsValue;
use web_sys::{Request, Response};

/// A client's request on its way to an origin. Asking a second origin must do no harm: reading is idempotent,
/// and so is everything under one order id.
pub(crate) struct Errand<'a> {
    pub(crate) isolate: &'a Isolate,
    pub(crate) request: &'a Request,
    pub(crate) sale: &'a SaleId,
    pub(crate) method: &'a str,
    /// The address at the origin.
    pub(crate) path: String,
    /// Whose order it is, where the routing needs to know.
    pub(crate) buyer: Option<BuyerId>,
    /// When the client's request arrived.
    pub(crate) since: UnixMillis,
    /// By which it waits.
    pub(crate) watch: &'a Watch,
}

/// No origin answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// None was asked.
    NotSent,
    /// One may have got the request: workerd does not tell a refused connection from one that was
    /// reset after the request was read.
    Unknown,
}

impl Errand<'_> {
    /// Asks one origin and, if that one fails or is away, another one. `order` is the order to place, if it is that.
    ///
    /// # Errors
    /// No origin answered.
    pub(crate) async fn run(
        &self,
        order: Option<(&OrderId, Key)>,
        body: Option<&JsValue>,
    ) -> Result<Response, Lost> {
        let client_ip = headers::client_ip(self.isolate, self.request);
        let mut untold = self.isolate.take_counts(self.sale);
        let init = headers::init(
            self,
            client_ip,
            order,
            body,
            untold.as_ref(),
            runtime::now(),
        );
        let reply = self.ask_origins(client_ip, &init, &mut untold).await;
        if let Some(counts) = untold {
            self.isolate.put_back_counts(self.sale, &counts);
        }
        reply
    }

    /// `untold` is what `init` tells of the isolate's counts, until an origin has heard it.
    async fn ask_origins(
        &self,
        client: Option<IpAddr>,
        init: &Object,
        untold: &mut Option<EdgeCounts>,
    ) -> Result<Response, Lost> {
        let deadline = self.since.plus(EDGE_DEADLINE_MS);
        let mut tried = Tried::default();
        let mut lost = Lost::NotSent;
        let mut nothing_happened = None;
        for attempt in 1..=EDGE_ATTEMPTS_MAX {
            let now = runtime::now();
            let ms = deadline.since(now).min(EDGE_ATTEMPT_MS);
            if ms == 0 {
                break;
            }
            let Some((index, url)) =
                self.isolate
                    .pick(client, self.buyer.as_ref(), tried, now, &self.path)
            else {
                break;
            };
            tried.add(index);
            // The last one is not left: nobody would be asked after it.
            let others = (attempt < EDGE_ATTEMPTS_MAX).then_some(tried);
            let (reply, silent) = self.ask_one(index, &url, init, others, (now, ms)).await;
            let verdict = answer::verdict(reply.as_ref());
            let heard = runtime::now();
            self.report(index, &verdict, silent, heard);
            let told = reply.as_ref().is_some_and(|r| self.hear(r, now, heard));
            if told && untold.take().is_some() {
                // A second origin must not count it again.
                glue::forget_counts(init);
            }
            match (verdict, reply) {
                (Verdict::Decided | Verdict::Busy, Some(reply)) => {
                    discard(nothing_happened);
                    return Ok(reply);
                }
                (Verdict::NothingHappened, Some(reply)) => {
                    discard(nothing_happened.replace(reply));
                }
                (Verdict::Doubted(why), reply) => {
                    self.isolate.doubted_by(index, &why);
                    discard(reply);
                }
                (verdict, reply) => {
                    discard(reply);
                    // Two that do not know: the ledger is away, and to ask a third would only add to its load.
                    let no_use = verdict == Verdict::Unknown && lost == Lost::Unknown;
                    lost = Lost::Unknown;
                    if no_use {
                        break;
                    }
                }
            }
        }
        match (lost, nothing_happened) {
            (Lost::NotSent, Some(reply)) => Ok(reply),
            (_, reply) => {
                discard(reply);
                Err(lost)
            }
        }
    }

    /// Waits for one origin from `now` for at most so many milliseconds, or until it has gone silent while another one takes requests: a frozen
    /// node costs a buyer about a second and not the whole wait. `others` tells who was tried, if another one may be
    /// asked at all. The second value tells whether it was left.
    async fn ask_one(
        &self,
        index: usize,
        url: &str,
        init: &Object,
        others: Option<Tried>,
        (now, ms): (UnixMillis, u64),
    ) -> (Option<Response>, bool) {
        let until = now.plus(ms);
        let look = |now| self.isolate.patience(index).min(until.since(now));
        let mut reply = self.watch.fetch(url, init, look(now)).await;
        loop {
            let pending = match reply {
                Reply::Here(answer) => return (Some(answer), false),
                Reply::Failed => return (None, false),
                Reply::Pending(pending) => pending,
            };
            let now = runtime::now();
            let silent = others.is_some_and(|tried| self.isolate.should_leave(index, tried, now));
            if silent || now >= until {
                return (None, silent);
            }
            reply = self.watch.wait_on(&pending, look(now)).await;
        }
    }

    fn report(&self, index: usize, verdict: &Verdict, silent: bool, now: UnixMillis) {
        let outcome = match verdict {
            Verdict::Decided => Outcome::Answered,
            Verdict::Busy | Verdict::NothingHappened | Verdict::Unknown | Verdict::Doubted(_) => {
                Outcome::Shed
            }
            Verdict::Failed => {
                self.isolate.count_failed(self.sale);
                if silent {
                    Outcome::Silent
                } else {
                    Outcome::Failed
                }
            }
        };
        self.isolate.report(index, outcome, now);
    }

    /// Takes in the grant of an answer, heard `now`, to what was sent at `asked`; says whether the node has heard this isolate's
    /// counts. One that does not know the sale, or not yet, has kept nothing.
    fn hear(&self, reply: &Response, asked: UnixMillis, now: UnixMillis) -> bool {
        let told = glue::grant(reply).and_then(|text| Grant::parse(&text));
        if let Some(grant) = &told {
            self.isolate.hear(self.sale, grant, asked, now);
        }
        told.is_some_and(|grant| grant.version > 0)
    }
}

/// Ends an answer that nobody will read, so that its connection is free again.
fn discard(answer: Option<Response>) {
    if let Some(answer) = answer {
        let _ = glue::discard(&answer);
    }
}
