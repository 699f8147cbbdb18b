//! Connections to Redis: routes each call to the server that has the sale.
//!
//! All calls of a link share its connections: redis-rs sends them down one socket and sorts the
//! replies.
//!
//! Whatever goes wrong, a call ends with a verdict. It is sent again here only when the server said
//! that it did nothing: the script was not known, or another node of the cluster has the slot.

mod backoff;
mod cluster;
mod cluster_slots;
mod connect;
pub(crate) mod replica_fence;
mod seal;
mod sentinel;
mod server_identity;
mod stream;

pub use server_identity::RunId;

use super::redis_error::{self, Fault};
use super::scripts::Script;
use super::url::{LedgerUrl, Topology};
use cluster::Masters;
use redis::{Cmd, RedisError, Value};
use replica_fence::Fence;
use sentinel::Sentinels;
use server_identity::Servers;
use shared::limits::LEDGER_DEADLINE_MS;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::Place;
use tokio::sync::watch;

pub(super) use stream::{Stream, Trouble};

/// How often one call is sent at most when servers say that they did nothing: to another node
/// (twice, where a slot moves), after loading a script, and once the keys of a moving slot are
/// together.
const SENDINGS_MAX: u32 = 6;
/// First wait for a slot whose keys are on two nodes, or that no node serves; it doubles.
const UNSETTLED: Duration = Duration::from_millis(10);

/// The way to one ledger; clones share its connections.
#[derive(Clone)]
pub(super) struct Connection {
    path: Path,
    topology: Arc<Topology>,
    servers: Arc<Servers>,
}

#[derive(Clone)]
enum Path {
    /// All keys are at one server.
    One(Stream),
    /// Each master of a Redis Cluster has some.
    Cluster(Masters),
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn new(url: &LedgerUrl) -> Self {
        Self::over(Arc::new(url.topology().clone()), Arc::default())
    }

    /// A link of its own to the same ledger, for calls that must not stand in line with orders.
    pub(super) fn another(&self) -> Self {
        Self::over(Arc::clone(&self.topology), Arc::clone(&self.servers))
    }

    fn over(topology: Arc<Topology>, servers: Arc<Servers>) -> Self {
        let one = |place| Path::One(Stream::new(ONLY.into(), place, Arc::clone(&servers), None));
        let path = match &*topology {
            Topology::One(info) => one(Place::Server(info.clone())),
            Topology::Sentinel { sentinels, primary, access } => {
                let sentinels = Sentinels::new(sentinels, primary, access);
                one(Place::Named(Arc::new(sentinels)))
            }
            Topology::Cluster(seeds) => Path::Cluster(Masters::new(seeds, Arc::clone(&servers))),
        };
        Self { path, topology, servers }
    }

    /// Whether all keys are at one server.
    pub(super) const fn has_one_server(&self) -> bool {
        matches!(self.path, Path::One(_))
    }

    /// Sends one command.
    ///
    /// # Errors
    /// With the verdict on whether it may have been carried out.
    pub(super) async fn call(&self, command: &Cmd) -> Result<Value, Fault> {
        let reply = self.deliver(command, None, None).await;
        Ok(reply?.value)
    }

    /// Runs a script by its hash, loading it first where the server does not have it (a new or
    /// restarted server, or after SCRIPT FLUSH).
    ///
    /// # Errors
    /// With the verdict on whether it may have been carried out.
    pub(super) async fn run(&self, script: &Script, command: &Cmd) -> Result<Value, Fault> {
        let reply = self.deliver(command, Some(script), None).await;
        Ok(reply?.value)
    }

    /// As [`Connection::run`], then waits for replicas; whether enough of them have it.
    ///
    /// # Errors
    /// With the verdict on whether it may have been carried out.
    pub(super) async fn commit(
        &self,
        script: &Script,
        command: &Cmd,
        fence: &Fence,
    ) -> Result<(Value, bool), Fault> {
        let reply = self.deliver(command, Some(script), Some(fence)).await?;
        Ok((reply.value, reply.replicated))
    }

    /// The server that last had `key`, as far as one was connected to.
    pub(super) fn server(&self, key: &str) -> Option<RunId> {
        match &self.path {
            Path::One(_) => self.servers.last(ONLY),
            Path::Cluster(masters) => masters.server(cluster_slots::of_key(key.as_bytes())),
        }
    }

    /// Changes whenever a server was found where there was none or another one before.
    pub(super) fn server_changes(&self) -> watch::Receiver<u64> {
        self.servers.changes()
    }

    /// A connection to each server that takes orders, and where it is if there are several.
    ///
    /// # Errors
    /// Nobody says which servers there are.
    pub(super) async fn wires(&self) -> Result<Vec<(Option<Arc<str>>, Stream)>, String> {
        match &self.path {
            Path::One(wire) => Ok(vec![(None, wire.clone())]),
            Path::Cluster(masters) => {
                let all = masters.all().await?;
                Ok(all.into_iter().map(|(at, wire)| (Some(at), wire)).collect())
            }
        }
    }

    async fn deliver(
        &self,
        command: &Cmd,
        script: Option<&Script>,
        fence: Option<&Fence>,
    ) -> Result<Reply, Trouble> {
        let begun = Instant::now();
        let mut way = self.route(command).await?;
        let mut sendings = 1;
        loop {
            let trouble = match way.send(command, fence).await {
                Ok(reply) => return Ok(reply),
                Err(trouble) => trouble,
            };
            let late = begun.elapsed() >= Duration::from_millis(LEDGER_DEADLINE_MS);
            if sendings == SENDINGS_MAX || late {
                return Err(trouble);
            }
            way = self.another_route(way, command, script, trouble, sendings).await?;
            sendings += 1;
        }
    }

    async fn route(&self, command: &Cmd) -> Result<Route, Trouble> {
        let wire = match &self.path {
            Path::One(wire) => wire.clone(),
            Path::Cluster(masters) => {
                let wire = masters.of_slot(cluster_slots::of_command(command)).await;
                wire.map_err(Trouble::NotConnected)?
            }
        };
        let asking = false;
        Ok(Route { wire, asking })
    }

    /// How to send a command again after `trouble` at `way`, which says that nothing happened;
    /// `trouble` itself where it does not say that.
    async fn another_route(
        &self,
        way: Route,
        command: &Cmd,
        script: Option<&Script>,
        trouble: Trouble,
        sendings: u32,
    ) -> Result<Route, Trouble> {
        let Trouble::Sent(error) = &trouble else {
            if let Path::Cluster(masters) = &self.path {
                masters.doubt();
            }
            return Err(trouble);
        };
        if let (Some("NOSCRIPT"), Some(script)) = (error.code(), script) {
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(&script.text);
            // Loading changes no ticket, so whatever goes wrong here, nothing happened.
            let loaded = way.wire.send(&load).await;
            return match loaded {
                Ok(_) => Ok(way),
                Err(trouble) => Err(Trouble::NotConnected(trouble.text())),
            };
        }
        let Path::Cluster(masters) = &self.path else {
            return Err(trouble);
        };
        let named = |error: &RedisError| masters.at(error.redirect_node()?.0, &way.wire);
        match error.code() {
            Some("MOVED") => masters.doubt(),
            Some("ASK") => {}
            Some("TRYAGAIN" | "CLUSTERDOWN") => {
                masters.doubt();
                tokio::time::sleep(UNSETTLED * (1 << sendings)).await;
                return self.route(command).await;
            }
            // It was demoted.
            Some("READONLY") => {
                masters.doubt();
                return Err(trouble);
            }
            _ => return Err(trouble),
        }
        let asking = error.code() == Some("ASK");
        match named(error) {
            Some(wire) => Ok(Route { wire, asking }),
            None => Err(trouble),
        }
    }
}

/// The name of the server where there is one.
const ONLY: &str = "ledger";

/// Where a command is sent, and how.
struct Route {
    wire: Stream,
    /// The slot is migrating to this node: send `ASKING` before the command.
    asking: bool,
}

struct Reply {
    value: Value,
    /// Whether the fence holds; nobody asked where there was none.
    replicated: bool,
}

impl Route {
    async fn send(&self, command: &Cmd, fence: Option<&Fence>) -> Result<Reply, Trouble> {
        if !self.asking && fence.is_none() {
            let value = self.wire.send(command).await?;
            let replicated = false;
            return Ok(Reply { value, replicated });
        }
        let mut all = redis::pipe();
        let mut add = |command: Cmd| {
            // It counts for one command.
            if self.asking {
                all.cmd("ASKING");
            }
            all.add_command(command);
        };
        add(command.clone());
        if let Some(fence) = fence {
            add(fence.write());
            all.add_command(fence.wait());
        }
        let count = all.len();
        let mut replies = self.wire.send_all(&all, count).await?;
        let replicated = match (fence, replies.as_slice()) {
            (Some(fence), [.., written, waited]) => fence.holds(written, waited),
            _ => false,
        };
        let place = usize::from(self.asking);
        let value = replies.get_mut(place).map_or(Value::Nil, std::mem::take);
        let value = value.extract_error().map_err(Trouble::Sent)?;
        Ok(Reply { value, replicated })
    }
}

impl Trouble {
    fn text(&self) -> String {
        match self {
            Self::NotConnected(why) => why.clone(),
            Self::Sent(error) => error.to_string(),
        }
    }
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NotConnected(why) => Self::NotSent(why),
            Trouble::Sent(error) => redis_error::verdict(&error),
        }
    }
}
