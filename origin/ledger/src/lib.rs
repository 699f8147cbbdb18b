//! Ledger client: calls the Lua scripts that alone change what is taken.
//!
//! Everything that changes what is taken is a Lua script in `lua/`; this module calls them and
//! reads their replies.

#![warn(missing_docs)]

pub mod ack_journal;
pub mod audit;
pub mod clock;
mod connection;
mod event_log;
mod moments;
pub mod node_numbers;
mod node_registry;
mod observer;
mod order_changes;
mod order_search;
mod plan_shape;
pub mod preflight;
pub mod private_file;
pub mod recovery;
pub mod recovery_state;
mod redis_error;
pub mod redis_keys;
mod relay_lease;
mod replica_wait;
mod reply;
pub mod reserve_batch;
mod rights;
mod sale_changes;
mod sale_formats;
mod sale_lists;
mod scan;
pub mod scripts;
mod server_info;
mod span;
mod tls;
mod url;
mod webhooks;

pub use audit::AuditReport;
pub use connection::RunId;
pub use connection::replica_fence::Replicas;
pub use event_log::read as read_log_entry;
pub use observer::{LedgerObserver, NoObserver};
pub use order_search::{OrderFilter, OrderSearch, OrdersFound, SearchPosition};
pub use preflight::{Concern, ConnectError, Found};
pub use redis_error::Fault;
pub use relay_lease::{LeaseAct, LeaseReply};
pub use reply::read_snapshot;
pub use reply::{refusal, refused_change};
pub use sale_formats::SeatsRead;
pub use server_info::Facts;
pub use shared::domain::order::{Reserve, Verdict};
pub use shared::domain::sale::{Created, Creation, SaleChange, TermsChange};
pub use url::LedgerUrl;

use crate::ack_journal::AckJournal;
use crate::clock::LedgerClock;
use connection::Connection;
use recovery_state::Recovering;
use redis::{Cmd, Value};
use replica_wait::ReplicaConnections;
use sale_formats::SaleFormats;
use scripts::{SCRIPTS, Script, Scripts};
use shared::limits::{NODE_FORGET_MS, NODE_LIVE_MS};
use shared::{Actor, Order, OrderState, SaleId};
use shared::{Snapshot, UnixMillis};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::Instrument;

/// Client of the ledger; clones share one connection.
#[derive(Clone, Debug)]
pub struct Ledger {
    link: Connection,
    url: Arc<LedgerUrl>,
    scripts: ScriptSet,
    clock: Arc<LedgerClock>,
    observer: Arc<dyn LedgerObserver>,
    acknowledged: AckJournal,
    /// Whether this process had a heartbeat as a node: others wait only for nodes that they know.
    joined: Arc<AtomicBool>,
    recovering: Arc<Recovering>,
    /// Where changes wait for replicas, if they do.
    replica_connections: Option<Arc<ReplicaConnections>>,
    /// Which sales have a plan.
    formats: Arc<SaleFormats>,
    /// Whether it pauses after each command that is not a script.
    gentle: bool,
    /// Who makes the changes, for the log.
    actor: Option<Actor>,
}

/// A gentle ledger pauses this many times as long as its last command took ...
const PAUSE_FACTOR: u32 = 9;
/// ... but no longer than this.
const PAUSE_MAX: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
enum ScriptSet {
    Built,
    Patched(Arc<Scripts>),
}

/// How the sale stands and what became of the call; `None` when the ledger has no such sale.
pub type Reply<T> = Result<Option<(Snapshot, T)>, Fault>;

impl Ledger {
    /// Connects and checks that the server can be trusted with tickets.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the server and what to do.
    pub async fn connect(url: &LedgerUrl) -> Result<Self, ConnectError> {
        let link = Connection::new(url);
        preflight::servers(&link, url).await?;
        Ok(Self {
            link,
            url: Arc::new(url.clone()),
            scripts: ScriptSet::Built,
            clock: Arc::default(),
            observer: Arc::new(NoObserver),
            acknowledged: AckJournal::default(),
            joined: Arc::new(AtomicBool::new(true)),
            recovering: Arc::default(),
            replica_connections: None,
            formats: Arc::default(),
            gentle: false,
            actor: None,
        })
    }

    /// How every server that takes orders is set now: what [`Ledger::connect`] has checked, and
    /// more.
    ///
    /// # Errors
    /// One does not answer, or none is known.
    pub async fn inspect(&self) -> Result<Vec<Found>, Fault> {
        let servers = preflight::lookup(&self.link, &self.url).await;
        servers.map_err(|(place, why)| Fault::NotSent(format!("{place}: {why}")))
    }

    /// The same ledger, where no change is confirmed before so many replicas have it.
    #[must_use]
    pub fn waiting_for(self, replicas: Option<Replicas>) -> Self {
        let replica_connections =
            replicas.map(|replicas| Arc::new(ReplicaConnections::new(&self.link, replicas)));
        Self { replica_connections, ..self }
    }

    /// The same ledger with other script texts. For tests that plant faults.
    #[must_use]
    pub fn with_scripts(&self, scripts: Scripts) -> Self {
        Self { scripts: ScriptSet::Patched(Arc::new(scripts)), ..self.clone() }
    }

    /// The same ledger, reporting its calls to `observer`.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn LedgerObserver>) -> Self {
        Self { observer, ..self }
    }

    /// The same ledger as a node's: it notes in `acknowledged` what it acknowledges, and changes
    /// nothing before its first heartbeat. In a recovery nobody waits for a node that is not
    /// listed.
    #[must_use]
    pub fn keeping(self, acknowledged: AckJournal) -> Self {
        Self { acknowledged, joined: Arc::default(), ..self }
    }

    /// The ack journal of this process.
    pub const fn ack_journal(&self) -> &AckJournal {
        &self.acknowledged
    }

    /// State of the running recovery.
    pub const fn recovering(&self) -> &Arc<Recovering> {
        &self.recovering
    }

    /// Whether one server has all sales and the list of nodes.
    pub const fn has_one_server(&self) -> bool {
        self.link.has_one_server()
    }

    /// The same ledger over connections of its own, for calls that must not wait behind orders, nor
    /// orders behind them. They connect when they are first used.
    #[must_use]
    pub fn aside(&self) -> Self {
        let link = self.link.another();
        let replica_connections = self.replica_connections.as_ref();
        let replica_connections = replica_connections.map(|all| Arc::new(all.another(&link)));
        Self { link, replica_connections, ..self.clone() }
    }

    /// The same over a connection of its own that leaves most of the time to others: after each
    /// command it pauses nine times as long as that took. For what reads much and is in no hurry.
    #[must_use]
    pub fn gently(&self) -> Self {
        Self { gentle: true, ..self.aside() }
    }

    /// The same ledger, whose changes are `actor`'s in the log; `None` = nobody's with a name.
    #[must_use]
    pub fn acting_for(&self, actor: Option<&Actor>) -> Self {
        Self { actor: actor.cloned(), ..self.clone() }
    }

    /// The word of a script for who calls.
    fn actor(&self) -> &str {
        self.actor.as_ref().map_or("", Actor::as_str)
    }

    /// The server that `sale` was on when one was last connected to. Another one than before may
    /// lack what was acknowledged: it was started again, or it is a replica that was promoted.
    #[must_use]
    pub fn server(&self, sale: &SaleId) -> Option<RunId> {
        let [key, ..] = redis_keys::of_sale(sale);
        self.link.server(&key)
    }

    /// A number that rises whenever [`Ledger::server`] may answer differently; raised before
    /// anything is sent over a new connection.
    #[must_use]
    pub fn server_changes(&self) -> watch::Receiver<u64> {
        self.link.server_changes()
    }

    /// The ledger's clock, estimated from its last reply.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// The ledger's clock, asked for now.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn time(&self) -> Result<UnixMillis, Fault> {
        let reply = self.call(&redis::cmd("TIME")).await?;
        let Value::Array(parts) = &reply else {
            return Err(reply::strange("a time", &reply));
        };
        let (seconds, micros) = (part(parts, 0)?, part(parts, 1)?);
        let ms = reply::number(seconds)?.saturating_mul(1_000);
        let now = UnixMillis(ms).plus(reply::number(micros)? / 1_000);
        self.clock.observe(now);
        Ok(now)
    }

    /// How many orders were ever granted in a sale.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn orders_granted(&self, sale: &SaleId) -> Result<u64, Fault> {
        let [_, orders, ..] = redis_keys::of_sale(sale);
        let reply = self.call(redis::cmd("HLEN").arg(orders)).await?;
        reply::number(&reply)
    }

    /// Expires due holds (a bounded number) and says how the sale stands and how many it expired.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn sweep(&self, sale: &SaleId) -> Reply<u64> {
        let script = &self.scripts().snapshot;
        let run = async || {
            let last_seen = self.acknowledged.commit_seq(sale);
            self.run_either(sale, script, (last_seen, None), |_, _| ()).await
        };
        let stands_still =
            |parts: &[Value]| part(parts, 2).and_then(reply::text).map(|word| word == FENCED);
        let Some(mut parts) = run().await? else {
            return Ok(None);
        };
        if stands_still(&parts)? && self.adopt(sale).await? {
            parts = run().await?.unwrap_or(parts);
        }
        let expired = reply::number(part(&parts, 1)?)?;
        let snapshot = if stands_still(&parts)? {
            self.recovering.want(sale);
            self.snapshot_in_recovery(&parts)?
        } else {
            self.observed(sale, &parts)?
        };
        self.observer.holds_expired(expired);
        Ok(Some((snapshot, expired)))
    }

    /// How the sale stands.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn snapshot(&self, sale: &SaleId) -> Result<Option<Snapshot>, Fault> {
        Ok(self.sweep(sale).await?.map(|(snapshot, _)| snapshot))
    }

    /// Reports that `node` lives with `weight` and receives who else does.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn heartbeat(&self, node: u16, weight: u32) -> Result<Heartbeat, Fault> {
        let heartbeat = self.heartbeat_or_leave(node, weight, "").await?;
        self.joined.store(true, Ordering::Release);
        Ok(heartbeat)
    }

    /// Reports that `node` stops. Where it has restored all that it had to in `settled`, the
    /// present history of Redis, nobody need ever wait for it; else (empty) it counts as silent.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn leave(&self, node: u16, settled: &str) -> Result<Heartbeat, Fault> {
        self.heartbeat_or_leave(node, 0, settled).await
    }

    async fn heartbeat_or_leave(
        &self,
        node: u16,
        weight: u32,
        settled: &str,
    ) -> Result<Heartbeat, Fault> {
        let script = &self.scripts().beat;
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script.hash).arg(2);
        command.arg(redis_keys::NODES).arg(redis_keys::RECOVERY);
        command.arg(node).arg(weight);
        command.arg(NODE_LIVE_MS).arg(NODE_FORGET_MS).arg(settled);
        let parts = self.run(script, &command).await?.unwrap_or_default();
        self.clock.observe(UnixMillis(reply::number(part(&parts, 0)?)?));
        let live_weight = u32::try_from(reply::number(part(&parts, 1)?)?)
            .map_err(|_| Fault::Corrupt("the weights of the nodes are out of bounds".into()))?;
        let Value::Array(nodes) = part(&parts, 2)? else {
            return Err(reply::strange("a list of nodes", part(&parts, 2)?));
        };
        Ok(Heartbeat {
            live_weight,
            nodes: nodes.iter().map(reply::node).collect::<Result<_, _>>()?,
            history: reply::text(part(&parts, 3)?)?.to_owned(),
            behind: reply::number(part(&parts, 4)?)?,
        })
    }

    fn scripts(&self) -> &Scripts {
        match &self.scripts {
            ScriptSet::Built => &SCRIPTS,
            ScriptSet::Patched(scripts) => scripts,
        }
    }

    async fn run(&self, script: &Script, command: &Cmd) -> Result<Option<Vec<Value>>, Fault> {
        self.observer.script_called(script.call());
        let running = self.link.run(script, command);
        let reply = running.instrument(span::of_ledger_call(script.call())).await;
        let reply = reply.and_then(reply::parts);
        self.counted(reply)
    }

    /// Runs a script that changes a sale; `command` makes it for the `commit_seq` last seen of
    /// the sale. A sale that may lack acknowledged orders does not change: nothing happened, and a
    /// node recovers it. Where that takes no waiting it is done at once, so that the first buyer is
    /// answered. The second part is as of [`Ledger::commit`].
    async fn change(
        &self,
        sale: &SaleId,
        script: &Script,
        command: impl Fn(u64) -> Cmd,
    ) -> Result<(Option<Vec<Value>>, Result<(), Fault>), Fault> {
        if !self.joined.load(Ordering::Acquire) {
            return Err(Fault::NotSent("this node has had no heartbeat yet".into()));
        }
        let fenced = |parts: &Option<Vec<Value>>| parts.as_deref().is_some_and(is_fenced);
        let last_seen = || self.acknowledged.commit_seq(sale);
        let (mut parts, mut safe) = self.commit(sale, script, &command(last_seen())).await?;
        if fenced(&parts) && self.adopt(sale).await? {
            (parts, safe) = self.commit(sale, script, &command(last_seen())).await?;
        }
        if fenced(&parts) {
            self.recovering.want(sale);
            return Err(recovery::healing(sale));
        }
        Ok((parts, safe))
    }

    /// Runs a script that changes what was acknowledged, and waits for replicas where that is asked
    /// for; the second part is the fault where too few have it.
    async fn commit(
        &self,
        sale: &SaleId,
        script: &Script,
        command: &Cmd,
    ) -> Result<(Option<Vec<Value>>, Result<(), Fault>), Fault> {
        let Some((replica_connections, link)) =
            self.replica_connections.as_ref().and_then(|l| Some((l, l.of(sale)?)))
        else {
            return Ok((self.run(script, command).await?, Ok(())));
        };
        self.observer.script_called(script.call());
        let fence = replica_connections.fence(sale);
        let running = link.commit(script, command, &fence);
        let reply = running.instrument(span::of_ledger_call(script.call())).await;
        let reply = reply.and_then(|(value, safe)| Ok((reply::parts(value)?, safe)));
        let (parts, safe) = self.counted(reply)?;
        if safe {
            return Ok((parts, Ok(())));
        }
        self.observer.unreplicated();
        Ok((parts, Err(replica_connections.too_few())))
    }

    /// Sends a command that is not a script.
    async fn call(&self, command: &Cmd) -> Result<Value, Fault> {
        let begun = Instant::now();
        let reply = self.counted(self.link.call(command).await);
        if self.gentle {
            tokio::time::sleep((begun.elapsed() * PAUSE_FACTOR).min(PAUSE_MAX)).await;
        }
        reply
    }

    fn counted<T>(&self, reply: Result<T, Fault>) -> Result<T, Fault> {
        reply.inspect_err(|fault| self.observer.call_failed(fault))
    }

    fn observed(&self, sale: &SaleId, parts: &[Value]) -> Result<Snapshot, Fault> {
        let snapshot = self.snapshot_in_recovery(parts)?;
        self.acknowledged.observe(sale, &snapshot);
        Ok(snapshot)
    }

    /// How a sale stands that may lack orders. It is not kept as the newest: what this process
    /// received before is what the sale is to be again.
    fn snapshot_in_recovery(&self, parts: &[Value]) -> Result<Snapshot, Fault> {
        let snapshot = reply::snapshot(part(parts, 0)?)?;
        self.clock.observe(snapshot.at);
        Ok(snapshot)
    }
}

/// Reply to a node's heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The sum of live weights.
    pub live_weight: u32,
    /// The nodes that live or may; the caller is one of them.
    pub nodes: BTreeSet<u16>,
    /// The history that Redis writes: a new one after each start and each promotion.
    pub history: String,
    /// How often a sale was found behind in a history that nodes had declared: when it rises, they
    /// look again.
    pub behind: u64,
}

/// What a changing script answers instead of changing a sale that may lack acknowledged orders.
const FENCED: &str = "y";

fn is_fenced(parts: &[Value]) -> bool {
    parts.get(1).is_some_and(|word| reply::text(word) == Ok(FENCED))
}

/// Whether a ledger without `order` breaks what was acknowledged. That a hold ended, the
/// clock says.
const fn acknowledges(order: &Order) -> bool {
    order.refused_late || !matches!(order.state, OrderState::Expired)
}

fn replaced() -> Fault {
    Fault::Unknown("Redis was replaced while it was asked".into())
}

fn part(parts: &[Value], index: usize) -> Result<&Value, Fault> {
    parts.get(index).ok_or_else(|| Fault::Corrupt("a reply of the ledger has too few parts".into()))
}

fn letter(parts: &[Value]) -> Result<u8, Fault> {
    match reply::text(part(parts, 1)?)?.as_bytes() {
        [letter] => Ok(*letter),
        _ => Err(reply::strange("a letter", part(parts, 1)?)),
    }
}

fn strange_letter(script: &Script, letter: u8) -> Fault {
    Fault::Corrupt(format!("{}.lua answered the letter {:?}", script.name, char::from(letter)))
}
