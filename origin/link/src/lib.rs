//! Client of the link: a gateway's orders to one node, in signed batches over one connection, or
//! as calls where the node is in this process.
//!
//! A [`NodeLink`] belongs to one thread of a gateway and one node; it also works where several
//! threads share it. It connects when it is first asked. Orders that arrive while a frame is being
//! written go together in the next one; no timer gathers anything. The format is in
//! [`shared::link`], the node's end in `origin/node/src/http/link/`.

#![warn(missing_docs)]

mod answer;
mod connect;
mod connection;
mod counters;
mod in_process;
mod state;

pub use answer::LinkAnswer;
pub use counters::{LinkCount, LinkCounters};
pub use in_process::{InProcessAnswer, InProcessNode};

use in_process::InProcessLink;
use shared::link::LinkOrder;
use shared::{EdgeId, KeyRing, UnixMillis};
use state::{LinkEnd, LinkState, SentOrders, Turn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// Why an order has no answer over the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// Nothing of it was sent: it may go to another node as if this one had not been asked.
    NotSent,
    /// Nothing of it was sent, because the node stops or has too many connections. It has answered,
    /// so it has not failed.
    TurnedAway,
    /// It was sent, wholly or in part, and the link broke: what became of it is unknown. It is
    /// asked again under the same id.
    Broken,
    /// The node does not take links, or the order has a field that no frame carries: it goes to
    /// this node as a plain request.
    Plain,
    /// Too many orders are under way to this node ([`shared::limits::LINK_UNDER_WAY_MAX`]).
    Full,
}

/// How a link is opened.
#[derive(Clone, Debug)]
pub struct LinkSetup {
    /// The node, `host:port`.
    pub authority: String,
    /// The id of the gateway's thread.
    pub edge: EdgeId,
    /// The zone of the gateway, which the node shows to operators.
    pub zone: Option<String>,
    /// The newest key signs.
    pub keys: KeyRing,
    /// The clock that signatures are dated by.
    pub now: fn() -> UnixMillis,
}

/// A link to one node. It is closed when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct NodeLink(Transport);

/// How the orders of a link reach their node.
#[derive(Clone, Debug)]
enum Transport {
    Connection(Arc<LinkHandle>),
    InProcess(Arc<InProcessLink>),
}

#[derive(Debug)]
struct LinkHandle(Arc<LinkCore>);

/// What the handles of a link and the task of its connection share.
#[derive(Debug)]
struct LinkCore {
    setup: LinkSetup,
    state: Mutex<LinkState>,
    /// Wakes the task: there are orders to send, or nobody is left who asks.
    wake: Notify,
    counters: Arc<LinkCounters>,
    /// Whether the node that was connected to last takes what orders say that they are for.
    takes_wanted: AtomicBool,
}

impl NodeLink {
    /// A link that connects when it is first asked, in a task of the runtime that asks. Several
    /// links may share `counters`.
    #[must_use]
    pub fn new(setup: LinkSetup, counters: Arc<LinkCounters>) -> Self {
        let state = LinkState::new(setup.keys.clone(), Instant::now());
        let (state, wake, takes_wanted) =
            (Mutex::new(state), Notify::new(), AtomicBool::new(false));
        let core = LinkCore { setup, state, wake, counters, takes_wanted };
        Self(Transport::Connection(Arc::new(LinkHandle(Arc::new(core)))))
    }

    /// The way of `edge` to a node of this process: no connection is made and nothing is signed.
    #[must_use]
    pub fn in_process(
        node: Arc<dyn InProcessNode>,
        edge: EdgeId,
        counters: Arc<LinkCounters>,
    ) -> Self {
        Self(Transport::InProcess(Arc::new(InProcessLink::new(node, edge, counters))))
    }

    /// Sends an order and waits for its answer. Dropped early, it leaves nothing behind: what was
    /// not sent is not, and a late answer is dropped.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub async fn ask(&self, order: &LinkOrder<'_>) -> Result<LinkAnswer, LinkError> {
        let handle = match &self.0 {
            Transport::Connection(handle) => handle,
            Transport::InProcess(link) => return link.ask(order).await,
        };
        let takes_wanted = handle.0.takes_wanted.load(Ordering::Relaxed);
        let order = LinkOrder { wanted: order.wanted.filter(|_| takes_wanted), ..*order };
        let bytes = order.to_bytes().ok_or(LinkError::Plain)?;
        let answer = handle.0.queue(bytes)?;
        // Whoever ends a link tells all who wait; a sender that is gone without a word is a broken
        // link, too.
        answer.await.unwrap_or(Err(LinkError::Broken))
    }

    /// From the next frame on, the newest of these keys signs: keys are replaced without a broken
    /// link. Within a process nothing is signed.
    pub fn replace_keys(&self, keys: KeyRing) {
        if let Transport::Connection(handle) = &self.0 {
            handle.0.state().replace_keys(keys);
        }
    }

    /// Orders that wait for a frame or an answer; over a connection also those whose askers have
    /// left.
    #[must_use]
    pub fn under_way(&self) -> usize {
        match &self.0 {
            Transport::Connection(handle) => handle.0.state().under_way(),
            Transport::InProcess(link) => link.under_way(),
        }
    }
}

impl Drop for LinkHandle {
    fn drop(&mut self) {
        self.0.state().abandon();
        self.0.wake.notify_one();
    }
}

impl LinkCore {
    fn state(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// See [`LinkState::ended`].
    fn ended(&self, end: LinkEnd) -> SentOrders {
        self.state().ended(end, Instant::now(), fastrand::f64())
    }

    /// Queues an order, and connects where that is due.
    fn queue(
        self: &Arc<Self>,
        order: Vec<u8>,
    ) -> Result<oneshot::Receiver<Result<LinkAnswer, LinkError>>, LinkError> {
        let (turn, queued) = {
            let mut state = self.state();
            let turn = state.turn(Instant::now());
            let queued = match turn {
                Turn::Queue | Turn::ConnectAndQueue => state.queue(order),
                Turn::Refuse(error) | Turn::ConnectAndRefuse(error) => Err(error),
            };
            (turn, queued)
        };
        match turn {
            Turn::ConnectAndQueue | Turn::ConnectAndRefuse(_) => {
                tokio::spawn(connection::run(Arc::clone(self)));
            }
            Turn::Queue if queued.is_ok() => self.wake.notify_one(),
            Turn::Queue | Turn::Refuse(_) => {}
        }
        if matches!(queued, Err(LinkError::Full)) {
            self.counters.add(LinkCount::Full, 1);
        }
        queued
    }
}
