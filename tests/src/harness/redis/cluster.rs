//! A Redis Cluster of one test's own.

use super::users::password;
use super::{PrivateRedis, RedisSetup};
use crate::harness::ledger;
use crate::harness::wait::until_async;
use anyhow::{Context, Result};
use lastseat_cluster::process::free_port;
use redis::Value;
use shared::{Order, OrderId};
use std::collections::HashMap;

/// Slots of a Redis Cluster.
const SLOTS: usize = 16_384;
/// A node that is silent for so long has failed, in milliseconds.
const NODE_TIMEOUT_MS: &str = "2000";

/// Masters that share the slots evenly, and replicas.
#[derive(Debug)]
pub struct RedisCluster {
    /// The masters, as it was started.
    pub masters: Vec<PrivateRedis>,
    /// The replicas that were added.
    pub replicas: Vec<PrivateRedis>,
}

impl RedisCluster {
    /// Starts one whose masters know each other and have all slots.
    ///
    /// # Panics
    /// redis-server is missing, or the nodes do not come together.
    pub async fn start(masters: usize) -> Self {
        let cluster =
            Self { masters: (0..masters).map(|_| node()).collect(), replicas: Vec::new() };
        for (i, master) in cluster.masters.iter().enumerate() {
            let slot = |i: usize| i * SLOTS / masters;
            let (first, last) = (slot(i).to_string(), (slot(i + 1) - 1).to_string());
            let _: () = master.ask(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).await;
            let epoch = (i + 1).to_string();
            let _: () = master.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await;
            if i > 0 {
                meet(master, &cluster.masters[0]).await;
            }
        }
        for master in &cluster.masters {
            cluster.settled(master, masters).await;
        }
        cluster
    }

    /// Adds a replica of master `of` and waits until it follows.
    ///
    /// # Panics
    /// It does not.
    pub async fn add_replica(&mut self, of: usize) {
        let replica = node();
        meet(&replica, &self.masters[0]).await;
        let nodes = self.masters.len() + self.replicas.len() + 1;
        for known in self.masters.iter().chain([&replica]) {
            self.settled(known, nodes).await;
        }
        let id: String = self.masters[of].ask(&["CLUSTER", "MYID"]).await;
        let _: () = replica.ask(&["CLUSTER", "REPLICATE", &id]).await;
        replica.has_caught_up();
        self.replicas.push(replica);
    }

    /// How lastseat is told of it: by one node, which has to name the others.
    #[must_use]
    pub fn url(&self) -> String {
        let url = self.masters[0].url();
        url.replace("redis://", "redis+cluster://")
    }

    /// Whether a master of it takes writes.
    pub async fn serves(&self, master: usize) -> bool {
        let info = self.masters[master].try_ask(&["CLUSTER", "INFO"]).await;
        info.is_ok_and(|info: String| info.lines().any(|line| line == "cluster_state:ok"))
    }

    /// The slot of a key.
    pub async fn slot(&self, key: &str) -> u16 {
        self.masters[0].ask(&["CLUSTER", "KEYSLOT", key]).await
    }

    /// Which master has a slot, by what it says itself.
    ///
    /// # Panics
    /// None has it.
    pub async fn owner(&self, slot: u16) -> usize {
        let alive = self.masters.iter().find(|master| master.runs());
        let alive = alive.expect("a master lives");
        // First and last slot, then the master: host and port; then more.
        let rows: Vec<Vec<Value>> = alive.ask(&["CLUSTER", "SLOTS"]).await;
        for row in rows {
            let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = row.as_slice()
            else {
                panic!("CLUSTER SLOTS says {row:?}");
            };
            if (*first..=*last).contains(&slot.into()) {
                let port = Value::Int(0);
                let port = master.get(1).unwrap_or(&port);
                let ports = |m: &PrivateRedis| *port == Value::Int(m.address().port().into());
                return self.masters.iter().position(ports).expect("a master");
            }
        }
        panic!("nobody has slot {slot}");
    }

    /// Tells both ends that `slot` moves from its master to master `to`; which one it leaves.
    pub async fn begin_move(&self, slot: u16, to: usize) -> usize {
        let from = self.owner(slot).await;
        let (source, target) = (&self.masters[from], &self.masters[to]);
        let [source_id, target_id] = [id(source).await, id(target).await];
        let slot = slot.to_string();
        let _: () = target.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source_id]).await;
        let _: () = source.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target_id]).await;
        from
    }

    /// Moves up to `count` keys of the slot; how many were moved.
    pub async fn move_keys(&self, slot: u16, from: usize, to: usize, count: u32) -> usize {
        let (slot, count) = (slot.to_string(), count.to_string());
        let source = &self.masters[from];
        let keys: Vec<String> = source.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, &count]).await;
        if !keys.is_empty() {
            let port = self.masters[to].address().port().to_string();
            let password = password("admin");
            let mut words = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000"];
            words.extend(["AUTH2", "admin", &password, "KEYS"]);
            words.extend(keys.iter().map(String::as_str));
            let _: () = source.ask(&words).await;
        }
        keys.len()
    }

    /// Gives the slot to master `to` for good.
    pub async fn end_move(&self, slot: u16, to: usize) {
        let target = id(&self.masters[to]).await;
        let slot = slot.to_string();
        let mut order: Vec<usize> = (0..self.masters.len()).collect();
        order.sort_by_key(|node| *node != to);
        for node in order {
            let _: () =
                self.masters[node].ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &target]).await;
        }
    }

    /// The orders of `sale`, from the node that has them.
    ///
    /// # Errors
    /// No node has them.
    pub async fn orders(&self, sale: &str) -> Result<HashMap<OrderId, Order>> {
        let mut last = None;
        for node in self.masters.iter().chain(&self.replicas) {
            if node.runs() {
                match ledger::orders(&node.url(), sale).await {
                    Ok(orders) => return Ok(orders),
                    Err(e) => last = Some(e),
                }
            }
        }
        Err(last.context("no node runs")?)
    }

    async fn settled(&self, node: &PrivateRedis, nodes: usize) {
        until_async("the nodes come together", async || {
            let info: String = node.ask(&["CLUSTER", "INFO"]).await;
            let has = |line: &str| info.lines().any(|l| l == line);
            let all = has(&format!("cluster_known_nodes:{nodes}"));
            (all && has("cluster_state:ok")).then_some(())
        })
        .await;
    }
}

async fn id(node: &PrivateRedis) -> String {
    node.ask(&["CLUSTER", "MYID"]).await
}

fn node() -> PrivateRedis {
    let bus = free_port().expect("a port").to_string();
    let options = [
        ["--cluster-enabled", "yes"],
        ["--cluster-port", &bus],
        ["--cluster-node-timeout", NODE_TIMEOUT_MS],
        ["--cluster-require-full-coverage", "no"],
        ["--cluster-replica-validity-factor", "0"],
        ["--repl-diskless-sync-delay", "0"],
    ];
    RedisSetup::default().with_port().with_users().options(options.as_flattened()).start()
}

async fn meet(one: &PrivateRedis, other: &PrivateRedis) {
    let bus: Vec<String> = other.ask(&["CONFIG", "GET", "cluster-port"]).await;
    let port = other.address().port().to_string();
    let _: () = one.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus[1]]).await;
}
