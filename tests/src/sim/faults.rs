//! What breaks, and how it is mended.

use super::journal::Journal;
use super::planted::Planted;
use super::scenario::{Fault, Item, Link, Way, What, Whose};
use super::world::{Event, World};

impl World<'_> {
    pub(super) fn strike(&mut self, number: u64, fault: Fault) {
        match fault {
            Fault::Cut { .. } | Fault::Noise { .. } => self.network.disturb(number, fault),
            Fault::NodeCrash { node, .. } => self.crash_node(node),
            Fault::NodeFreeze { node, .. } => {
                if self.nodes[node].up {
                    self.nodes[node].frozen.get_or_insert_with(Vec::new);
                }
            }
            Fault::NodeSlow { node, by_ms, .. } => self.nodes[node].slow_us += by_ms * 1_000,
            Fault::NodeFull { node, .. } => self.nodes[node].full += 1,
            Fault::Evict { edge } => self.new_isolate(edge),
            Fault::Reset { edge } => {
                self.isolates[self.edges[edge]].reset();
                self.new_isolate(edge);
            }
            Fault::RedisStall { ms } => {
                let until = self.now + ms * 1_000;
                self.redis.busy_until = self.redis.busy_until.max(until);
            }
            Fault::RedisCrash { .. } => self.crash_redis(0),
            Fault::RedisTailCut { entries, .. } => self.crash_redis(entries),
            Fault::ScriptsLost => self.redis.forget_scripts(),
            Fault::Clock { whose, by_ms } => match whose {
                Whose::Edge(edge) => self.edge_clocks[edge] += by_ms,
                Whose::Node(node) => self.nodes[node].clock_ms += by_ms,
                Whose::Redis => self.redis.clock_ms += by_ms,
            },
        }
    }

    pub(super) fn end(&mut self, index: usize) {
        let Item { number, what, .. } = &self.scenario.items[index];
        let What::Fault(fault) = what else {
            return;
        };
        self.note(|| format!("fault #{number} ends"));
        match fault {
            Fault::Cut { .. } | Fault::Noise { .. } => self.network.mend(*number),
            Fault::NodeCrash { node, .. } if !self.nodes[*node].up => self.start_node(*node),
            Fault::NodeFreeze { node, .. } => {
                for event in self.nodes[*node].frozen.take().unwrap_or_default() {
                    self.push(0, event);
                }
            }
            Fault::NodeSlow { node, by_ms, .. } => self.nodes[*node].slow_us -= by_ms * 1_000,
            Fault::NodeFull { node, .. } => self.nodes[*node].full -= 1,
            Fault::RedisCrash { .. } | Fault::RedisTailCut { .. } => self.restart_redis(),
            _ => {}
        }
    }

    fn crash_node(&mut self, n: usize) {
        if self.has(Planted::JournalLostWithNode) {
            self.nodes[n].journal = Journal::default();
        }
        for back in self.nodes[n].kill() {
            let link = Link::EdgeNode(self.isolates[back.isolate].edge, n);
            if self.network.passes(link, Way::Out) {
                self.push(300, Event::Heard { back, answer: None });
            }
        }
    }
}
