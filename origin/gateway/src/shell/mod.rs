//! The shell of a gateway: carries out what the rules of `shared::edge` decide, with what a server
//! has: sockets, timers, a clock and chance.

mod clock;
mod exchange;
mod first_contact;
mod gate_waiters;
mod gateway_request;
mod metrics;
mod origin_response;
mod page;
mod plain_client;
mod respond;
mod thread;
mod unread_body;

use crate::config::{EdgeVariables, OwnNode};
use crate::front::{Application, Body, Client, Handler};
use clock::Clock;
use gate_waiters::GateWaiters;
use hyper::body::Incoming;
use hyper::{Request, Response};
use lastseat_http::metrics::page::Page;
use lastseat_link::LinkCounters;
use page::BuyerPage;
use plain_client::PlainClient;
use shared::edge::config::EdgeConfig;
use shared::edge::state::{EdgeLimits, EdgeState};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use thread::Thread;
use tracing::warn;

/// How the key is set where a gateway runs.
const KEY_HINT: &str = "Set the environment variable LASTSEAT_EDGE_KEY";

/// What `/readyz` says beside "ready" while no node answers.
const NO_NODE: &str = "each node of --origins fails: buyers are told to come again\n";

/// What all threads share.
#[derive(Debug)]
pub(crate) struct Shell {
    edge: Mutex<EdgeState>,
    waiters: GateWaiters,
    clock: Clock,
    page: BuyerPage,
    /// The addresses of the origins by their number in the table.
    origins: Vec<String>,
    own_node: Option<OwnNode>,
    /// What each thread has one of its own of: their connections stay on their threads.
    plain: PlainClient,
    links: Arc<LinkCounters>,
    /// Whether a node has answered since the start.
    reached: AtomicBool,
}

/// What one thread answers with.
#[derive(Debug)]
pub(crate) struct ShellThread(Rc<Thread>);

impl Shell {
    /// Reads the variables of the edge.
    ///
    /// # Errors
    /// A sentence that names the variable and says what to do.
    pub(crate) fn start(
        variables: &EdgeVariables,
        own_node: Option<OwnNode>,
    ) -> Result<Self, String> {
        let config = EdgeConfig::read(|name| variables.get(name), KEY_HINT)?;
        let origins: Vec<String> = (0..config.router.len())
            .filter_map(|index| config.router.url(index).map(str::to_owned))
            .collect();
        let plain = PlainClient::new(origins.iter().any(|url| url.starts_with("https://")))?;
        let fill = Box::new(|bytes: &mut [u8]| getrandom::fill(bytes).is_ok());
        let edge = EdgeState::new(config, EdgeLimits::GATEWAY, fill);
        Ok(Self {
            edge: Mutex::new(edge.ok_or("the operating system gives no random bytes")?),
            waiters: GateWaiters::default(),
            clock: Clock::start(),
            page: BuyerPage::read()?,
            origins,
            own_node,
            plain,
            links: Arc::default(),
            reached: AtomicBool::new(false),
        })
    }

    /// Works on the state of the edge, and writes into the log what the operator should read.
    fn edge<T>(&self, work: impl FnOnce(&mut EdgeState) -> T) -> T {
        let mut edge = self.edge.lock().unwrap_or_else(PoisonError::into_inner);
        let done = work(&mut edge);
        while let Some(notice) = edge.take_notice() {
            warn!("{notice}");
        }
        done
    }
}

impl Application for Shell {
    type Handler = ShellThread;

    fn handler(self: &Arc<Self>) -> ShellThread {
        ShellThread(Rc::new(Thread::new(Arc::clone(self))))
    }

    fn ready(&self) -> Result<Option<String>, String> {
        if !self.reached.load(Ordering::Relaxed) {
            return Err("no node of --origins has answered since this gateway started".to_owned());
        }
        let failing = self.edge(|edge| edge.router().failing());
        Ok((failing == self.origins.len()).then(|| NO_NODE.to_owned()))
    }

    fn write_metrics(&self, page: &mut Page) {
        metrics::write(self, page);
    }
}

impl Handler for ShellThread {
    async fn answer(&self, request: Request<Incoming>, client: Client) -> Response<Body> {
        exchange::answer(&self.0, request, client).await
    }
}
