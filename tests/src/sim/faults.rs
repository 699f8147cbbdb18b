//! What breaks, and how it is mended.

use super::journal::SimulatedJournal;
use super::planted::Planted;
use super::scenario::{InjectedFault, Item, Link, LinkDirection, What, Whose};
use super::world::{SimulatedWorld, WorldEvent};

impl SimulatedWorld<'_> {
    pub(super) fn strike(&mut self, number: u64, fault: InjectedFault) {
        match fault {
            InjectedFault::Cut { .. } | InjectedFault::Noise { .. } => {
                self.network.disturb(number, fault)
            }
            InjectedFault::NodeCrash { node, .. } => self.crash_node(node),
            InjectedFault::NodeFreeze { node, .. } => {
                if self.nodes[node].up {
                    self.nodes[node].frozen.get_or_insert_with(Vec::new);
                }
            }
            InjectedFault::NodeSlow { node, by_ms, .. } => {
                self.nodes[node].slow_us += by_ms * 1_000
            }
            InjectedFault::NodeFull { node, .. } => self.nodes[node].full += 1,
            InjectedFault::Evict { edge } => self.new_isolate(edge),
            InjectedFault::Reset { edge } => {
                self.isolates[self.edges[edge]].reset();
                self.new_isolate(edge);
            }
            InjectedFault::RedisStall { ms } => {
                let until = self.now + ms * 1_000;
                self.redis.busy_until = self.redis.busy_until.max(until);
            }
            InjectedFault::RedisCrash { .. } => self.crash_redis(0),
            InjectedFault::RedisTailCut { entries, .. } => self.crash_redis(entries),
            InjectedFault::ScriptsLost => self.redis.forget_scripts(),
            InjectedFault::Clock { whose, by_ms } => match whose {
                Whose::Edge(edge) => self.edge_clocks[edge] += by_ms,
                Whose::Node(node) => self.nodes[node].clock_ms += by_ms,
                Whose::Redis => {
                    self.redis.clock_ms += by_ms;
                    self.redis.clock_was_set_back |= by_ms < 0;
                }
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
            InjectedFault::Cut { .. } | InjectedFault::Noise { .. } => self.network.mend(*number),
            InjectedFault::NodeCrash { node, .. } if !self.nodes[*node].up => {
                self.start_node(*node)
            }
            InjectedFault::NodeFreeze { node, .. } => {
                for event in self.nodes[*node].frozen.take().unwrap_or_default() {
                    self.push(0, event);
                }
            }
            InjectedFault::NodeSlow { node, by_ms, .. } => {
                self.nodes[*node].slow_us -= by_ms * 1_000
            }
            InjectedFault::NodeFull { node, .. } => self.nodes[*node].full -= 1,
            InjectedFault::RedisCrash { .. } | InjectedFault::RedisTailCut { .. } => {
                self.restart_redis()
            }
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
                self.push(300, WorldEvent::Heard { back, answer: None });
            }
        }
    }
}
