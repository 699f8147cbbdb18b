//! The drills: on which system, for how long, what is done to it, and what must hold.

use super::scene::{Goods, Load, Scene, Stage};
use super::{
    calls, connections, descriptors, edges, flood, ledger, ledger_link, ledger_state, node_link,
    nodes, overload, restock, server_limits, slow_clients, spread, workers, zones,
};
use crate::harness::proxy::LinkFault;
use crate::load::InventedCall;
use anyhow::Result;
use futures_util::future::LocalBoxFuture;
use rustix::process::Signal;
use shared::limits::EDGE_ATTEMPT_MS;
use std::time::Duration;

/// What is done, while the crowd buys.
type Fault = for<'a> fn(&'a mut Scene) -> LocalBoxFuture<'a, Result<()>>;

/// What must hold beside what the fault itself demands. Of every drill with a crowd: nothing is
/// oversold, unsold or lost, and buyers see no 5xx that its load does not allow.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    /// Nobody waits longer for an answer.
    Answer(Duration),
    /// Nor do 99 of 100 winners for their ticket.
    Ticket(Duration),
    /// Each edge sold something: those that were left alone, and the one that came back.
    EveryEdgeSold,
    /// Nobody is told "sold out" while the ledger is away, and then everything goes on without a
    /// restart.
    LedgerBack,
}

/// A drill.
#[derive(Clone, Copy, Debug)]
pub struct Drill {
    /// Its name on the command line.
    pub name: &'static str,
    /// What is done.
    pub done: &'static str,
    /// What must hold.
    pub holds: &'static str,
    pub(super) stage: Stage,
    /// How long the fault lasts, or how often it comes: in the short form, in the long one.
    pub(super) time_s: [u32; 2],
    /// What is done before the first buyer comes.
    pub(super) before: Option<Fault>,
    /// The part of the tickets that is sold before the fault.
    pub(super) after: Option<f64>,
    pub(super) load: Option<Load>,
    pub(super) expect: &'static [Expect],
    pub(super) fault: Fault,
}

impl Drill {
    /// The drill of that name.
    ///
    /// # Errors
    /// There is none; the message says where they are listed.
    pub fn named(name: &str) -> Result<&'static Self, String> {
        let found = DRILLS.iter().find(|drill| drill.name == name);
        found.ok_or_else(|| format!("there is no drill {name}. --list names them"))
    }
}

/// A buyer whose request went to somebody who never answers waits for so long, if that one answers
/// others meanwhile: an edge gives up one attempt, and a busy machine is late.
const ONE_ATTEMPT: Expect = Expect::Answer(Duration::from_millis(EDGE_ATTEMPT_MS + 1_000));
/// Beside those who hold places a ticket may take so long on a busy machine; who was held up by one
/// of them waits for 5 s.
const BESIDE: Expect = Expect::Ticket(Duration::from_secs(1));

/// Nine of ten buyers get a ticket.
const fn buyers_for(rest_s: [u32; 2]) -> Option<Load> {
    Some(Load { rest_s, ..BUYERS })
}

const fn ledger_away_for(rest_s: [u32; 2]) -> Option<Load> {
    Some(Load { rest_s, may_see_faults: true, ..BUYERS })
}

/// The same, while the ledger is away.
const fn train_away_for(rest_s: [u32; 2]) -> Option<Load> {
    Some(Load { rest_s, goods: Goods::Train, may_see_faults: true, ..BUYERS })
}

/// Nearly all buyers get their journey in a train.
const fn travellers_for(rest_s: [u32; 2]) -> Option<Load> {
    Some(Load { rest_s, goods: Goods::Train, ..BUYERS })
}

const BUYERS: Load = Load {
    goods: Goods::Tickets,
    rest_s: [0, 0],
    times: 1,
    tickets: (9, 10),
    added: 0,
    may_see_faults: false,
};

/// What a drill is that does not say otherwise.
const DRILL: Drill = Drill {
    name: "",
    done: "",
    holds: "",
    stage: Stage::Cluster(&[], &[]),
    time_s: [0, 0],
    before: None,
    after: None,
    load: None,
    expect: &[],
    fault: |_| Box::pin(std::future::ready(Ok(()))),
};
const EDGE: Drill =
    Drill { after: Some(0.2), load: buyers_for([8, 8]), expect: &[Expect::EveryEdgeSold], ..DRILL };
const ZONE: Drill = Drill {
    stage: Stage::Cluster(&zones::ZONES, &[]),
    time_s: [4, 15],
    after: Some(0.1),
    load: buyers_for([20, 20]),
    ..DRILL
};
const LEDGER: Drill = Drill {
    time_s: [3, 6],
    after: Some(0.2),
    load: ledger_away_for([4, 8]),
    expect: &[Expect::LedgerBack],
    ..DRILL
};
const LEDGER_LINK: Drill = Drill { stage: Stage::Links(None), ..LEDGER };
const REPLIES: Drill = Drill {
    stage: Stage::Links(None),
    time_s: [4, 12],
    after: Some(0.05),
    load: buyers_for([3, 3]),
    expect: &[ONE_ATTEMPT],
    ..DRILL
};
const CALLS: Drill = Drill {
    stage: Stage::Shop(calls::TOKEN),
    time_s: [3, 15],
    after: Some(0.1),
    load: buyers_for([8, 8]),
    holds: "buyers order, read and pay as without it, the ledger is asked within the budget",
    ..DRILL
};
const NODE_LINK: Drill =
    Drill { time_s: [3, 7], after: Some(0.1), load: buyers_for([6, 6]), ..REPLIES };

/// All drills.
#[rustfmt::skip] // A row is a paragraph.
pub const DRILLS: [Drill; 47] = [
    Drill { name: "spread", done: "three edges that know nothing of each other",
        holds: "1,000 orders at each reach the four nodes exactly 1:2:3:4",
        fault: |scene| Box::pin(spread::one_two_three_four(scene)), ..DRILL },
    Drill { name: "node-killed", done: "kill -9 of a node",
        holds: "no fault reaches a buyer, it serves again",
        after: Some(0.2), load: buyers_for([10, 10]),
        fault: |scene| Box::pin(nodes::killed(scene)), ..DRILL },
    Drill { name: "node-frozen", done: "a node freezes for seconds",
        holds: "it is left alone within a second and serves again within ten",
        time_s: [4, 12], after: Some(0.15), load: buyers_for([11, 11]),
        expect: &[Expect::Answer(Duration::from_millis(EDGE_ATTEMPT_MS))],
        fault: |scene| Box::pin(nodes::frozen(scene)), ..DRILL },
    Drill { name: "node-restarted", done: "SIGTERM of a node",
        holds: "no buyer is dropped, no fault seen",
        after: Some(0.15), load: buyers_for([12, 12]),
        fault: |scene| Box::pin(nodes::restarted(scene)), ..DRILL },
    Drill { name: "edge-killed", done: "kill -9 of one of three edges",
        holds: "its buyers go on at the others",
        fault: |scene| Box::pin(edges::ended(scene, Signal::KILL, "kill -9")), ..EDGE },
    Drill { name: "edge-frozen", done: "an edge freezes for seconds",
        holds: "it delays its own buyers and loses none",
        time_s: [3, 8], load: buyers_for([6, 6]),
        fault: |scene| Box::pin(edges::frozen(scene)), ..EDGE },
    Drill { name: "edge-restarted", done: "SIGTERM of one of three edges",
        holds: "its buyers go on at the others",
        fault: |scene| Box::pin(edges::ended(scene, Signal::TERM, "SIGTERM")), ..EDGE },
    Drill { name: "worker-killed", done: "kill -9 of one of two workers that share a port",
        holds: "the port answers, both serve again",
        stage: Stage::Workerd { edges: 1, workers: 2 }, after: Some(0.2), load: buyers_for([6, 6]),
        fault: |scene| Box::pin(workers::killed(scene)), ..DRILL },
    Drill { name: "restock", done: "100 tickets come back after the sell-out",
        holds: "they are sold within a second, through all edges",
        load: Some(Load { rest_s: [12, 12], times: 2, tickets: (1, 24),
            added: restock::ADDED_IN_ALL, ..BUYERS }),
        fault: |scene| Box::pin(restock::sold_again(scene)), ..DRILL },
    Drill { name: "zone-frozen", done: "all nodes of a zone freeze",
        holds: "its edges spill over, and come back slowly",
        fault: |scene| Box::pin(zones::frozen(scene)), ..ZONE },
    Drill { name: "zone-killed", done: "all nodes of a zone stay dead for seconds",
        holds: "no fault reaches a buyer",
        fault: |scene| Box::pin(zones::killed(scene)), ..ZONE },
    Drill { name: "overload", done: "a node has no free connection",
        holds: "its load goes to the others, it has not failed",
        stage: Stage::Cluster(&[], &overload::ENVIRONMENT),
        time_s: [4, 4], load: buyers_for([6, 6]),
        before: Some(|scene| Box::pin(overload::takes_places(scene))), after: None,
        fault: |scene| Box::pin(overload::spills(scene)), ..DRILL },
    Drill { name: "ledger-frozen", done: "Redis frozen for seconds",
        holds: "honest faults, never \"sold out\", no restart needed",
        time_s: [4, 10], fault: |scene| Box::pin(ledger::frozen(scene)), ..LEDGER },
    Drill { name: "ledger-killed", done: "kill -9 of Redis",
        holds: "nothing acknowledged is lost, nodes recover by themselves",
        time_s: [2, 2], fault: |scene| Box::pin(ledger::killed(scene)), ..LEDGER },
    Drill { name: "intake", done: "slow heads, large bodies, too many connections and idle ones",
        holds: "cut, refused, turned away, kept",
        stage: Stage::Cluster(&["--insecure-direct"], &server_limits::ENVIRONMENT), time_s: [8, 65],
        fault: |scene| Box::pin(server_limits::guards(scene)), ..DRILL },
    Drill { name: "reply-lost",
        done: "Redis has sold and its reply is lost, the link cut or silent",
        holds: "no fault, each order once",
        fault: |scene| Box::pin(ledger_link::replies_lost(scene)), ..REPLIES },
    Drill { name: "ledger-slow", done: "Redis is 2, 15, 60 ms away",
        holds: "orders wait longer, and that is all",
        time_s: [5, 12], expect: &[Expect::Ticket(ledger_link::SLOW)],
        fault: |scene| Box::pin(ledger_link::slow(scene)), ..REPLIES },
    Drill { name: "ledger-late", done: "Redis is so far away that every reply is too late",
        holds: "honest faults, each order once",
        fault: |scene| Box::pin(ledger_link::late(scene)), ..LEDGER_LINK },
    Drill { name: "ledger-cut",
        done: "the link to Redis is cut again and again, also in the middle of a batch",
        holds: "it sells in between",
        fault: |scene| Box::pin(ledger_link::cut(scene)), ..LEDGER_LINK },
    Drill { name: "ledger-half-open",
        done: "the link to Redis takes everything and answers nothing",
        holds: "as if Redis were frozen",
        fault: |scene| Box::pin(ledger_link::half_open(scene)), ..LEDGER_LINK },
    Drill { name: "ledger-paused", done: "CLIENT PAUSE",
        holds: "honest faults, never \"sold out\"",
        fault: |scene| Box::pin(ledger_state::paused(scene)), ..LEDGER },
    Drill { name: "ledger-kicks", done: "CLIENT KILL and SCRIPT FLUSH again and again",
        holds: "it sells in between, each order once",
        fault: |scene| Box::pin(ledger_state::connections_killed(scene)), ..LEDGER },
    Drill { name: "ledger-loading", done: "Redis is killed and reads a slow file, its scripts gone",
        holds: "honest faults, no restart of a node",
        time_s: [4, 4], fault: |scene| Box::pin(ledger_state::loading(scene)), ..LEDGER_LINK },
    Drill { name: "ledger-full", done: "Redis has no memory left",
        holds: "nothing is sold, nothing is evicted, it goes on by itself",
        time_s: [2, 6],
        fault: |scene| Box::pin(ledger_state::commanded(scene,
            &["CONFIG", "SET", "maxmemory", "100kb"], &["CONFIG", "SET", "maxmemory", "0"])),
        ..LEDGER },
    // A failover that went wrong: the primary was made a replica of nobody who is there.
    Drill { name: "ledger-read-only", done: "Redis is made a replica and a primary again",
        holds: "nothing is sold, it goes on by itself",
        time_s: [2, 6],
        fault: |scene| Box::pin(ledger_state::commanded(scene,
            &["REPLICAOF", "127.0.0.1", "9"], &["REPLICAOF", "NO", "ONE"])),
        ..LEDGER },
    Drill { name: "disk-full", done: "the disk of the append-only file is full",
        holds: "Redis ends, and nothing acknowledged is lost",
        stage: Stage::Links(Some(24)),
        fault: |scene| Box::pin(ledger_state::disk_full(scene)), ..LEDGER },
    Drill { name: "tail-cut", done: "Redis loses its last writes with the power",
        holds: "the nodes bring back each order that was acknowledged",
        stage: Stage::Links(None), load: ledger_away_for([6, 10]),
        fault: |scene| Box::pin(ledger_state::tail_cut(scene)), ..DRILL },
    Drill { name: "answer-lost", done: "a node has sold and its answer to the edge is lost",
        holds: "no fault, each order once",
        fault: |scene| Box::pin(node_link::answers_lost(scene)), ..REPLIES },
    Drill { name: "node-slow", done: "the way to a node is 100 ms longer",
        holds: "no fault",
        fault: |scene| Box::pin(node_link::broken(scene, "is 100 ms longer each way",
            Some(LinkFault::Delay(Duration::from_millis(100))))), ..NODE_LINK },
    Drill { name: "node-cut",
        done: "the way to a node is cut again and again, also in the middle of an order",
        holds: "no fault",
        fault: |scene| Box::pin(node_link::broken(scene, "is cut again and again", None)),
        ..NODE_LINK },
    Drill { name: "node-half-open", done: "the way to a node takes everything and answers nothing",
        holds: "no fault, its share goes elsewhere",
        fault: |scene| Box::pin(node_link::broken(scene, "takes everything and answers nothing",
            Some(LinkFault::Swallow))), ..NODE_LINK },
    Drill { name: "descriptors", done: "a node has no file descriptor left",
        holds: "no fault, it does not spin, and serves again",
        fault: |scene| Box::pin(descriptors::exhausted(scene)), ..NODE_LINK },
    Drill { name: "slow-clients", done: "400 clients send half of an order",
        holds: "others buy as before, half orders sell nothing",
        stage: Stage::Cluster(&["--insecure-direct"], &[]), after: Some(0.05),
        load: buyers_for([10, 10]), expect: &[BESIDE],
        fault: |scene| Box::pin(slow_clients::hold_nobody_up(scene)), ..DRILL },
    Drill { name: "flood", done: "three times what can be sold is offered",
        holds: "\"busy\", bounded memory and answers, quick again in 2 s",
        stage: Stage::Workerd { edges: 1, workers: 1 }, time_s: [5, 60],
        fault: |scene| Box::pin(flood::three_times(scene)), ..DRILL },
    Drill { name: "flood-read", done: "thousands a second read orders that nobody made",
        fault: |scene| Box::pin(calls::flooded(scene, InventedCall::Read)), ..CALLS },
    Drill { name: "flood-confirm", done: "thousands a second confirm such orders, without a token",
        fault: |scene| Box::pin(calls::flooded(scene, InventedCall::Confirm)), ..CALLS },
    Drill { name: "flood-cancel", done: "thousands a second cancel such orders",
        fault: |scene| Box::pin(calls::flooded(scene, InventedCall::Cancel)), ..CALLS },
    Drill { name: "flood-extend", done: "thousands a second extend such orders",
        fault: |scene| Box::pin(calls::flooded(scene, InventedCall::Extend)), ..CALLS },
    Drill { name: "flood-view", done: "hundreds a second look at sales that nobody made",
        fault: |scene| Box::pin(calls::flooded(scene, InventedCall::View)), ..CALLS },
    Drill { name: "idle", done: "10,000 idle connections (2,000 in the short form)",
        holds: "buyers notice nothing",
        stage: Stage::Cluster(&["--insecure-direct"], &[]),
        time_s: [2, 12], after: Some(0.02), load: buyers_for([6, 10]),
        fault: |scene| Box::pin(connections::idle(scene)), ..DRILL },
    Drill { name: "come-and-go", done: "500 connections open and close without end",
        holds: "buyers notice nothing, no descriptor leaks",
        time_s: [3, 10], after: Some(0.1), load: buyers_for([4, 4]), expect: &[BESIDE],
        fault: |scene| Box::pin(connections::come_and_go(scene)), ..DRILL },
    // The crowds below want journeys, and seats for them, in a train.
    Drill { name: "train-node-killed", done: "kill -9 of a node while a train is sold",
        holds: "no fault reaches a buyer, no seat is sold twice on a leg, none is left",
        after: Some(0.2), load: travellers_for([9, 10]),
        fault: |scene| Box::pin(nodes::killed(scene)), ..DRILL },
    Drill { name: "train-node-frozen", done: "a node freezes for seconds while a train is sold",
        holds: "no fault, no seat twice, none left",
        time_s: [3, 12], after: Some(0.15), load: travellers_for([7, 11]),
        expect: &[Expect::Answer(Duration::from_millis(EDGE_ATTEMPT_MS))],
        fault: |scene| Box::pin(nodes::frozen(scene)), ..DRILL },
    Drill { name: "train-edge-killed",
        done: "kill -9 of one of three edges while a train is sold",
        holds: "its buyers go on at the others, no seat twice, none left",
        load: travellers_for([5, 8]),
        fault: |scene| Box::pin(edges::ended(scene, Signal::KILL, "kill -9")), ..EDGE },
    Drill { name: "train-ledger-killed", done: "kill -9 of Redis while a train is sold",
        holds: "nobody is refused whose seats are free, each yes keeps its seats",
        time_s: [2, 2], load: train_away_for([3, 8]),
        fault: |scene| Box::pin(ledger::killed(scene)), ..LEDGER },
    Drill { name: "train-reply-lost",
        done: "Redis has sold seats and its reply is lost, the link cut or silent",
        holds: "no fault, each order and each seat once",
        time_s: [2, 12], load: travellers_for([3, 3]),
        fault: |scene| Box::pin(ledger_link::replies_lost(scene)), ..REPLIES },
    Drill { name: "train-tail-cut",
        done: "Redis loses its last writes with the power while a train is sold",
        holds: "the nodes bring back each order with the seats that it had",
        stage: Stage::Links(None), load: train_away_for([6, 10]),
        fault: |scene| Box::pin(ledger_state::tail_cut(scene)), ..DRILL },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drill_has_a_name_of_its_own_and_says_what_is_done_and_what_must_hold() {
        for drill in &DRILLS {
            let same = DRILLS.iter().filter(|other| other.name == drill.name);
            assert_eq!(same.count(), 1, "{}", drill.name);
            assert!(!drill.done.is_empty() && !drill.holds.is_empty(), "{}", drill.name);
        }
    }
}
