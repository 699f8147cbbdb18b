//! Recovery rules: which sales a node may lack entries for, and which nodes it waits for.
//!
//! What a node decides while sales recover after Redis was restarted or replaced: which sales may
//! lack something of its own, which nodes it waits for, and which pass over a sale it makes next.
//! Time is an argument, in milliseconds of a clock that is never set back. See `docs/FAILOVER.md`.

use crate::domain::order::Pass;
use crate::domain::sale::SaleState;
use crate::domain::time::UnixMillis;
use crate::limits::{HEAL_LONGEST_MS, HEAL_SILENCE_MS};
use std::collections::{BTreeMap, BTreeSet};

/// Ranges of the log that earlier failovers lost: entries after the first number up to the second.
pub type LostRanges = Vec<(u64, u64)>;

/// How far numbers of the log and versions go on at least where some may have been given that are
/// not known any more.
const NUMBERS_SKIPPED: u64 = 1_000_000;
/// ... and they go on to so many for each millisecond since 1970,
const NUMBERS_A_MS: u64 = 10;
/// as long as that is a number that Lua still writes in full after many entries (until 2255).
const CLOCK_NUMBER_MAX: u64 = 90_000_000_000_000;

/// The number with which a sale goes on where `number` is the last one that is known and later ones
/// may have been given, at `now` by the clock of the ledger: one that was not given before, unless
/// a sale had more than 10 entries in each millisecond since it went on by this rule, or the clock
/// was set back. `heal.lua` has the same rule.
#[must_use]
pub fn beyond(number: u64, now: UnixMillis) -> u64 {
    let by_the_clock = now.0.saturating_mul(NUMBERS_A_MS).min(CLOCK_NUMBER_MAX);
    (number + NUMBERS_SKIPPED).max(by_the_clock)
}

/// A sale as a node found it: nothing was changed to read this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryLookup {
    /// The history that its Redis writes.
    pub history: String,
    /// Whether it changes: its recovery in this history is over, or none was needed.
    pub whole: bool,
    /// The last entry of its log that the history was found with; of a sale that is whole, the last
    /// one that it has.
    pub found: u64,
    /// Its state.
    pub state: SaleState,
    /// What earlier failovers lost.
    pub lost: LostRanges,
    /// The pass that its record says this node has made; 0 = registered and none made. `None` = not
    /// registered.
    pub mark: Option<u8>,
    /// A node counts as done with it only where its record says so: the sale was not there when
    /// nodes looked first.
    pub marks_only: bool,
}

/// What a node has of one sale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mine {
    /// The highest `commit_seq` that the node received before it looked.
    pub received: u64,
    /// The highest `commit_seq` in its journal, 0 = none.
    pub noted: u64,
    /// Whether its journal has an entry in a range that was lost, which this process has not
    /// restored yet.
    pub in_lost: bool,
}

/// What a sale asks of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Nothing: it is whole and has all of this node's.
    None,
    /// It has all of this node's, but is not whole: it goes on as soon as all nodes have declared.
    Adopt,
    /// It may lack something of this node's: this node registers, and makes its passes.
    Restore,
    /// It went on without this node, and may lack something of it: one pass, for what still fits.
    Late,
}

/// What `look` asks of the node that has `mine`.
#[must_use]
pub fn duty(look: &RecoveryLookup, mine: Mine) -> Duty {
    let behind = mine.received > look.found;
    if look.whole && !behind {
        return if mine.in_lost { Duty::Late } else { Duty::None };
    }
    let lacks = behind || mine.noted > look.found || mine.in_lost;
    let begun = look.mark.is_some_and(|made| made < Pass::Last as u8);
    if lacks || begun || look.marks_only { Duty::Restore } else { Duty::Adopt }
}

/// Whether an entry at `commit_seq` lies in one of the ranges that were lost.
#[must_use]
pub fn is_in(lost: &[(u64, u64)], commit_seq: u64) -> bool {
    let inside = |(found, jumped): &(u64, u64)| commit_seq > *found && commit_seq <= *jumped;
    lost.iter().any(inside)
}

/// What the ledger has of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Its weight; 0 = it fell silent, or left while it still had something to restore.
    pub weight: u32,
    /// Its last heartbeat, by the ledger's clock.
    pub beat: UnixMillis,
    /// The histories of which it has declared that it registered everything that it may have to
    /// restore.
    pub declared: BTreeSet<String>,
}

/// What the ledger has of the nodes, read in one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    /// When, by the ledger's clock.
    pub at: UnixMillis,
    /// The nodes that live or did within the last hour.
    pub known: BTreeMap<u16, Known>,
    /// How often a sale was found behind in a history that had been declared.
    pub behind: u64,
    /// The history that the Redis which answered writes.
    pub history: String,
}

#[derive(Clone, Copy, Debug)]
struct Lived {
    beat: UnixMillis,
    /// When this heartbeat was seen first.
    seen: u64,
}

/// Which nodes are waited for. A node is waited for if it lived when the history began, for as long
/// as its heartbeat comes, but no longer than [`HEAL_SILENCE_MS`] after it fell silent and
/// [`HEAL_LONGEST_MS`] in all.
#[derive(Clone, Debug, Default)]
pub struct AwaitedNodes {
    me: Option<u16>,
    /// What this node itself has declared.
    declared: BTreeSet<String>,
    /// When each history was seen first.
    since: BTreeMap<String, u64>,
    lived: BTreeMap<u16, Lived>,
    nodes: Nodes,
}

impl AwaitedNodes {
    /// The list that node `me` keeps; `None` = a caller that is no node.
    #[must_use]
    pub fn new(me: Option<u16>) -> Self {
        Self { me, ..Self::default() }
    }

    /// `history` was seen; the nodes in `lived` lived at the heartbeat before. Answers whether it
    /// is new.
    pub fn begin(&mut self, history: &str, lived: &BTreeSet<u16>, now: u64) -> bool {
        if self.since.contains_key(history) {
            return false;
        }
        self.since.insert(history.to_owned(), now);
        for node in lived {
            let beat = UnixMillis(0);
            self.lived.entry(*node).or_insert(Lived { beat, seen: now }).seen = now;
        }
        true
    }

    /// A sale has less than was received in a history that is no new one, as after all keys were
    /// deleted: the list of nodes may be lost, too, and whoever in `lived` had a heartbeat a moment
    /// ago is waited for.
    pub fn doubt(&mut self, lived: &BTreeSet<u16>, now: u64) {
        for node in lived {
            let beat = UnixMillis(0);
            let lived = self.lived.entry(*node);
            lived.or_insert(Lived { beat, seen: now }).seen = now;
        }
    }

    /// Forgets every history that is not among `present`.
    pub fn keep(&mut self, present: &BTreeSet<String>) {
        self.since.retain(|history, _| present.contains(history));
    }

    /// This node has declared these histories, and no others any more.
    pub fn declare(&mut self, histories: impl Iterator<Item = String>) {
        self.declared = histories.collect();
    }

    /// Updates from what the ledger has.
    pub fn receive(&mut self, nodes: Nodes, now: u64) {
        // A node that is not in the ledger's list any more left with nothing to restore.
        let before = &self.nodes.known;
        self.lived.retain(|node, _| nodes.known.contains_key(node) || !before.contains_key(node));
        for (node, known) in &nodes.known {
            // One that another node just found silent may have lived when the history began.
            let fresh = nodes.at.since(known.beat) < HEAL_SILENCE_MS;
            match self.lived.get_mut(node) {
                Some(lived) if lived.beat != known.beat => {
                    let first = lived.beat == UnixMillis(0);
                    lived.beat = known.beat;
                    if !first || known.weight > 0 {
                        lived.seen = now;
                    }
                }
                Some(_) => {}
                None if known.weight > 0 || fresh => {
                    let (beat, seen) = (known.beat, now);
                    self.lived.insert(*node, Lived { beat, seen });
                }
                None => {}
            }
        }
        self.nodes = nodes;
    }

    /// How often a sale was found behind in a history that had been declared.
    #[must_use]
    pub const fn behind(&self) -> u64 {
        self.nodes.behind
    }

    /// Whom the sales of `history` wait for.
    #[must_use]
    pub fn view(&self, history: &str, now: u64) -> View {
        let mut view = View { history: history.to_owned(), ..View::default() };
        let since = self.since.get(history).copied().unwrap_or(now);
        let nodes: BTreeSet<u16> =
            self.nodes.known.keys().chain(self.lived.keys()).chain(&self.me).copied().collect();
        for node in nodes {
            let own = self.me == Some(node) && self.declared.contains(history);
            let known = self.nodes.known.get(&node);
            let declared = own || known.is_some_and(|known| known.declared.contains(history));
            let awaited = self.lived.get(&node).is_some_and(|lived| {
                now.saturating_sub(lived.seen.max(since)) < HEAL_SILENCE_MS
                    && now.saturating_sub(since) < HEAL_LONGEST_MS
            });
            if awaited || self.me == Some(node) {
                view.awaited.push((node, declared));
            } else {
                view.missing.push((node, declared));
            }
        }
        view
    }

    /// Nodes with a heartbeat that are not waited for any longer, because they have not declared
    /// `history` for too long.
    #[must_use]
    pub fn overdue(&self, history: &str, now: u64) -> Vec<u16> {
        let view = self.view(history, now);
        let missing = view.missing.iter().filter(|(_, declared)| !declared);
        missing
            .map(|(node, _)| *node)
            .filter(|node| {
                let lived = self.lived.get(node);
                lived.is_some_and(|lived| now.saturating_sub(lived.seen) < HEAL_SILENCE_MS)
            })
            .collect()
    }
}

/// Whom the sales of one history wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The history.
    pub history: String,
    /// Nodes that are waited for, and whether each has declared the history.
    pub awaited: Vec<(u16, bool)>,
    /// Nodes that are known and not waited for, and whether each has declared it.
    pub missing: Vec<(u16, bool)>,
}

impl View {
    /// Whether a sale that no node has to restore anything of may go on.
    #[must_use]
    pub fn is_declared(&self) -> bool {
        self.awaited.iter().all(|(_, declared)| *declared)
    }

    /// Which part of the sales `me` adopts, so that the nodes do not all adopt the same ones: its
    /// place among those that are waited for, and their number.
    #[must_use]
    pub fn share(&self, me: u16) -> (usize, usize) {
        let place = self.awaited.iter().position(|(node, _)| *node == me);
        (place.unwrap_or(0), self.awaited.len().max(1))
    }
}

/// Where the recovery of a sale is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryStage {
    /// The sale is whole; `by_us` = this call ended its recovery.
    Whole {
        /// Whether it was not before.
        by_us: bool,
    },
    /// It recovers.
    Heals {
        /// The last entry of the log that was found; what came after it is to be restored.
        found: u64,
        /// The pass that all nodes have made that are waited for.
        made: Option<Pass>,
    },
}

/// What a node does next for a sale that it restores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Makes this pass over what it has left.
    Make(Pass),
    /// Nothing: others have to make the pass that it made last. It does not keep other sales
    /// waiting meanwhile.
    Wait,
    /// The sale goes on; what is left is restored as far as it fits.
    End,
}

/// How far a node is with a sale that it restores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    made: Option<Pass>,
}

impl Turn {
    /// The pass that was made last.
    #[must_use]
    pub const fn made(&self) -> Option<Pass> {
        self.made
    }

    /// What to do when the sale is at `stage`. No pass begins before all nodes have made the one
    /// before it.
    #[must_use]
    pub fn next(&self, stage: RecoveryStage) -> Next {
        match (stage, self.made) {
            (RecoveryStage::Whole { .. }, _) => Next::End,
            (RecoveryStage::Heals { .. }, None) => Next::Make(Pass::First),
            (RecoveryStage::Heals { made, .. }, Some(own))
                if own < Pass::Last && made >= self.made =>
            {
                Next::Make(own.next())
            }
            (RecoveryStage::Heals { .. }, Some(_)) => Next::Wait,
        }
    }

    /// A pass was made; where nothing is left, it was the last one.
    pub const fn has_made(&mut self, pass: Pass, is_left: bool) {
        self.made = Some(if is_left { pass } else { Pass::Last });
    }
}

#[cfg(test)]
mod tests;
