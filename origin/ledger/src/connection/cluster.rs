//! Redis Cluster client: slot owners, and a connection to each primary.
//!
//! redis-rs has a client for clusters. This is not it, because a sending has a verdict here (that
//! client sends again by itself), because each connection must say which run of the server it leads
//! to, and because a script has to be loaded on the very node that does not have it. All that is
//! left to do is this table: a sale has one slot.

use super::backoff::Backoff;
use super::cluster_slots::{self, Range};
use super::connect::ask;
use super::server_identity::{RunId, Servers};
use super::stream::{Place, Stream};
use crate::url::{Access, ServerAddress};
use redis::{Cmd, ConnectionAddr};
use shared::limits::{LEDGER_DEADLINE_MS, LEDGER_MASTERS_MAX};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Time that one node has to say who has which slot.
const ANSWER: Duration = Duration::from_millis(250);
/// Time between two questions, however many orders went to the wrong node.
const GAP: Duration = Duration::from_millis(100);

const SILENT: &str = "no node of the cluster said who has which slot";

/// All masters; clones are the same.
#[derive(Clone)]
pub(super) struct Masters(Arc<Inner>);

struct Inner {
    known: watch::Receiver<Known>,
    wires: Arc<Wires>,
    /// The task that reads who has which slot, until it is started.
    refresh: Mutex<Option<TopologyRefresh>>,
}

enum Known {
    Nothing,
    /// No node could be asked.
    Away(Arc<str>),
    Map(Map),
}

/// Who has which slot.
struct Map {
    ranges: Vec<Range>,
    /// The connection for each range.
    wires: Vec<Stream>,
}

impl Map {
    fn find(&self, slot: u16) -> Option<usize> {
        let index = self.ranges.partition_point(|range| range.last < slot);
        (self.ranges.get(index)?.first <= slot).then_some(index)
    }
}

impl Masters {
    pub(super) fn new(seeds: &[ServerAddress], servers: Arc<Servers>) -> Self {
        let (state, known) = watch::channel(Known::Nothing);
        let access = seeds.first().map(ServerAddress::access);
        let wires = Arc::new(Wires {
            access: access.unwrap_or_default(),
            servers,
            doubt: Arc::default(),
            open: Mutex::default(),
        });
        let refresh =
            TopologyRefresh { seeds: seeds.to_vec(), wires: Arc::clone(&wires), state, turn: 0 };
        Self(Arc::new(Inner { known, wires, refresh: Mutex::new(Some(refresh)) }))
    }

    /// The connection to the master that has `slot`.
    pub(super) async fn of_slot(&self, slot: u16) -> Result<Stream, String> {
        if let Known::Map(map) = &*self.0.known.borrow()
            && let Some(index) = map.find(slot)
        {
            return Ok(map.wires[index].clone());
        }
        let mut reader = self.0.known.clone();
        let known = self.settled(&mut reader).await?;
        if let Known::Map(map) = &*known
            && let Some(index) = map.find(slot)
        {
            return Ok(map.wires[index].clone());
        }
        self.doubt();
        Err(format!("no master of the cluster has slot {slot}"))
    }

    /// The connection to the node at `place`, which a node on the host of `near` has named; it may
    /// have named a port alone.
    pub(super) fn at(&self, place: &str, near: &Stream) -> Option<Stream> {
        if let Some(port) = place.strip_prefix(':') {
            let (host, _) = near.name().rsplit_once(':')?;
            return self.0.wires.get(&format!("{host}:{port}"));
        }
        self.0.wires.get(place)
    }

    /// The map may be wrong: have it looked at again, soon, in the background.
    pub(super) fn doubt(&self) {
        self.0.wires.doubt.notify_one();
    }

    /// The server that had `slot` last.
    pub(super) fn server(&self, slot: u16) -> Option<RunId> {
        let known = self.0.known.borrow();
        let Known::Map(map) = &*known else {
            return None;
        };
        let range = &map.ranges[map.find(slot)?];
        self.0.wires.servers.last(&range.master)
    }

    /// Every master, and a connection to it.
    pub(super) async fn all(&self) -> Result<Vec<(Arc<str>, Stream)>, String> {
        let mut reader = self.0.known.clone();
        let known = self.settled(&mut reader).await?;
        let Known::Map(map) = &*known else {
            return Err(SILENT.to_owned());
        };
        let mut all: Vec<(Arc<str>, Stream)> = Vec::new();
        for (range, wire) in map.ranges.iter().zip(&map.wires) {
            if all.iter().all(|(place, _)| *place != range.master) {
                all.push((Arc::clone(&range.master), wire.clone()));
            }
        }
        Ok(all)
    }

    /// What is known as soon as something is: a map, or why there is none.
    async fn settled<'a>(
        &self,
        reader: &'a mut watch::Receiver<Known>,
    ) -> Result<watch::Ref<'a, Known>, String> {
        self.spawn_task();
        let within = Duration::from_millis(LEDGER_DEADLINE_MS);
        let settled = reader.wait_for(|known| !matches!(known, Known::Nothing));
        let known = tokio::time::timeout(within, settled).await;
        let known = known.ok().and_then(Result::ok);
        let known = known.ok_or_else(|| SILENT.to_owned())?;
        match &*known {
            Known::Away(why) => {
                self.doubt();
                Err(why.to_string())
            }
            _ => Ok(known),
        }
    }

    fn spawn_task(&self) {
        let refresh = &self.0.refresh;
        let mut refresh = refresh.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refresh) = refresh.take() {
            tokio::spawn(refresh.run());
        }
    }
}

/// The connections by place, `host:port`.
struct Wires {
    access: Access,
    servers: Arc<Servers>,
    /// Notified when the map may be wrong.
    doubt: Arc<Notify>,
    open: Mutex<HashMap<Arc<str>, Stream>>,
}

impl Wires {
    /// `None` where `place` is no address, or there are too many.
    fn get(&self, place: &str) -> Option<Stream> {
        let mut open = self.open();
        if let Some(wire) = open.get(place) {
            return Some(wire.clone());
        }
        // Twice: those of the map and those that nodes have named since.
        if open.len() >= 2 * LEDGER_MASTERS_MAX {
            return None;
        }
        let name: Arc<str> = place.into();
        let wire = Stream::new(
            Arc::clone(&name),
            Place::Primary(self.access.at(place)?),
            Arc::clone(&self.servers),
            Some(Arc::clone(&self.doubt)),
        );
        open.insert(name, wire.clone());
        Some(wire)
    }

    fn keep(&self, places: &[Arc<str>]) {
        self.open().retain(|place, _| places.contains(place));
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Arc<str>, Stream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that reads who has which slot: when it starts, and whenever that is in doubt.
struct TopologyRefresh {
    seeds: Vec<ServerAddress>,
    wires: Arc<Wires>,
    state: watch::Sender<Known>,
    /// Which node is asked first the next time: one may have missed the news.
    turn: usize,
}

impl TopologyRefresh {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut present: Vec<Range> = Vec::new();
        loop {
            let looked = Instant::now();
            let answer = tokio::select! {
                answer = lookup(&self.seeds, &self.wires.access, &present, self.turn) => answer,
                () = self.state.closed() => return,
            };
            self.turn = self.turn.wrapping_add(1);
            let again = match answer {
                Ok(ranges) => {
                    backoff.reset();
                    if ranges != present {
                        self.apply(&ranges, !present.is_empty());
                        present = ranges;
                    }
                    tokio::select! {
                        () = self.wires.doubt.notified() => {}
                        () = self.state.closed() => return,
                    }
                    looked + GAP
                }
                Err(why) => {
                    tracing::debug!("no node says who has which slot: {why}");
                    if present.is_empty() {
                        self.state.send_replace(Known::Away(why.into()));
                    }
                    Instant::now() + backoff.next()
                }
            };
            tokio::select! {
                () = tokio::time::sleep_until(again) => {}
                () = self.state.closed() => return,
            }
        }
    }

    /// Takes a new map; with `at_once`, connects to its masters before somebody needs them, to
    /// learn who they are.
    fn apply(&self, ranges: &[Range], at_once: bool) {
        let masters = cluster_slots::masters(ranges);
        self.wires.keep(&masters);
        let wires: Option<Vec<Stream>> =
            ranges.iter().map(|range| self.wires.get(&range.master)).collect();
        let Some(wires) = wires else {
            return tracing::warn!("a node of the cluster named a master that is no address");
        };
        if at_once {
            wires.iter().for_each(Stream::spawn_task);
        }
        self.state.send_replace(Known::Map(Map { ranges: ranges.to_vec(), wires }));
        self.wires.servers.moved(&masters);
    }
}

/// Asks one node after the other who has which slot.
async fn lookup(
    seeds: &[ServerAddress],
    access: &Access,
    present: &[Range],
    turn: usize,
) -> Result<Vec<Range>, String> {
    let mut nodes: Vec<ServerAddress> =
        cluster_slots::masters(present).iter().filter_map(|place| access.at(place)).collect();
    if let Some(turns) = turn.checked_rem(nodes.len()) {
        nodes.rotate_left(turns);
    }
    nodes.extend_from_slice(seeds);
    let mut why = "no node is known".to_owned();
    for node in &nodes {
        let answer = ask(node, question(), ANSWER).await;
        let ranges = match answer {
            Ok(answer) => cluster_slots::read(&answer, &host(node)),
            Err(e) => Err(e.to_string()),
        };
        match ranges {
            Ok(ranges) => return Ok(ranges),
            Err(e) => why = format!("{}: {e}", node.addr()),
        }
    }
    Err(why)
}

fn question() -> &'static Cmd {
    static QUESTION: std::sync::LazyLock<Cmd> = std::sync::LazyLock::new(|| {
        let mut question = redis::cmd("CLUSTER");
        question.arg("SLOTS");
        question
    });
    &QUESTION
}

fn host(node: &ServerAddress) -> String {
    match node.addr() {
        ConnectionAddr::Tcp(host, _) => host.clone(),
        other => other.to_string(),
    }
}
