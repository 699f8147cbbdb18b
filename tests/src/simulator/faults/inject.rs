//! Injection of faults into the simulated system: what breaks, and how it is mended.

use super::super::journal::SimulatedJournal;
use super::super::network::{Link, LinkDirection};
use super::super::planted::Planted;
use super::super::world::{SimulatedWorld, WorldEvent};
use super::scenario::{Breakage, Whose};

impl SimulatedWorld {
    /// A fault begins that lasts for `ms` milliseconds.
    pub(super) fn strike(&mut self, number: u64, what: Breakage, ms: u64) {
        match what {
            Breakage::Network(disturbance) => self.network.disturb(number, disturbance),
            Breakage::NodeCrash { node } => self.crash_node(node),
            Breakage::NodeFreeze { node } => {
                if self.nodes[node].up {
                    self.nodes[node].frozen.get_or_insert_with(Vec::new);
                }
            }
            Breakage::NodeSlow { node, by_ms } => self.nodes[node].slow_us += by_ms * 1_000,
            Breakage::NodeFull { node } => self.nodes[node].full += 1,
            Breakage::Evict { edge } => self.new_isolate(edge),
            Breakage::Reset { edge } => {
                self.isolates[self.edges[edge]].reset();
                self.new_isolate(edge);
            }
            Breakage::RedisStall => {
                let until = self.now + ms * 1_000;
                self.redis.busy_until = self.redis.busy_until.max(until);
            }
            Breakage::RedisCrash { loading_ms } => {
                self.crash_redis(0);
                self.push((ms - loading_ms) * 1_000, WorldEvent::RedisLoads);
            }
            Breakage::RedisTailCut { writes } => self.crash_redis(writes),
            Breakage::ScriptsLost => self.redis.forget_scripts(),
            Breakage::Clock { whose, by_ms } => match whose {
                Whose::Edge(edge) => self.edge_clocks[edge] += by_ms,
                Whose::Node(node) => self.nodes[node].clock_ms += by_ms,
                Whose::Redis => {
                    self.redis.clock_ms += by_ms;
                    self.redis.clock_was_set_back |= by_ms < 0;
                }
            },
        }
    }

    /// It ends.
    pub(super) fn mend(&mut self, number: u64, what: Breakage) {
        self.note(|| format!("fault #{number} ends"));
        match what {
            Breakage::Network(_) => self.network.mend(number),
            Breakage::NodeCrash { node } if !self.nodes[node].up => self.start_node(node),
            Breakage::NodeFreeze { node } => {
                for event in self.nodes[node].frozen.take().unwrap_or_default() {
                    self.push(0, event);
                }
            }
            Breakage::NodeSlow { node, by_ms } => self.nodes[node].slow_us -= by_ms * 1_000,
            Breakage::NodeFull { node } => self.nodes[node].full -= 1,
            Breakage::RedisCrash { .. } | Breakage::RedisTailCut { .. } => self.restart_redis(),
            _ => {}
        }
    }

    fn crash_node(&mut self, n: usize) {
        if self.has(Planted::JournalLostWithNode) {
            self.nodes[n].journal = SimulatedJournal::default();
        }
        for back in self.nodes[n].kill() {
            let link = Link::EdgeNode(self.isolates[back.isolate].edge, n);
            if self.network.passes(link, LinkDirection::Out) {
                self.push(300, WorldEvent::Received { back, answer: None });
            }
        }
    }
}
