//! Redis: the ledger's rules ([`shared::model`]) behind a clock that may jump, an append-only file that is written
//! before anything is answered (`appendfsync always`), and a script cache that is lost.

use super::audit::Audit;
use shared::UnixMillis;
use shared::limits::NODE_LIVE_MS;
use shared::log::Entry;
use shared::model::{Answer, Command, Sale};
use shared::{OrderId, Snapshot};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What a node asks of Redis.
#[derive(Clone, Debug)]
pub enum Ask {
    /// A script of the ledger.
    Script(Rc<Command>),
    /// `SCRIPT LOAD`.
    Load,
    /// A node's heartbeat: its number and weight.
    Beat(usize, u32),
}

/// What Redis answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// The script ran.
    Done(Snapshot, Answer),
    /// The scripts are loaded.
    Loaded,
    /// The sum of the weights of live nodes.
    Live(u32),
    /// `NOSCRIPT`: nothing happened.
    NoScript,
    /// `LOADING`: nothing happened.
    Loading,
}

/// When a planted fault may touch the sale.
#[derive(Clone, Copy, Debug)]
pub enum Moment<'a> {
    /// Before a script runs.
    Before,
    /// After it ran; with what it wrote into the log.
    After(Option<&'a Entry>),
}

/// Whether Redis answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Up,
    /// It reads its file.
    Loading,
    /// Nobody is there.
    Down,
}

/// The server and its one sale.
#[derive(Debug)]
pub struct Redis {
    /// Whether it answers.
    pub health: Health,
    /// Until when it does nothing, in microseconds of the simulation.
    pub busy_until: u64,
    /// Jumps of its clock so far, in milliseconds.
    pub clock_ms: i64,
    /// Rises when it is started anew: connections to an earlier one are gone.
    pub life: u64,
    sale: Sale,
    log: Vec<Entry>,
    audit: Audit,
    /// Entries that are in the file for sure.
    durable: usize,
    has_scripts: bool,
    beats: BTreeMap<usize, (u32, UnixMillis)>,
}

impl Redis {
    /// A server with a new sale.
    ///
    /// # Errors
    /// The log breaks a rule.
    pub fn new(sale: Sale, first: Entry) -> Result<Self, String> {
        let mut audit = Audit::default();
        audit.read(&first)?;
        Ok(Self {
            health: Health::Up,
            busy_until: 0,
            clock_ms: 0,
            life: 1,
            sale,
            log: vec![first],
            audit,
            durable: 1,
            has_scripts: false,
            beats: BTreeMap::new(),
        })
    }

    /// The sale as it is.
    #[must_use]
    pub const fn sale(&self) -> &Sale {
        &self.sale
    }

    /// The sale as its log tells it.
    #[must_use]
    pub const fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Carries out one call; `alter` is for planted faults and sees the sale before and after. Answers with the entry
    /// of the log, if there is one.
    ///
    /// # Errors
    /// A rule is broken.
    pub fn run(
        &mut self,
        ask: &Ask,
        now: UnixMillis,
        alter: impl FnMut(&mut Sale, Moment<'_>),
    ) -> Result<(Reply, Option<Entry>), String> {
        if self.health == Health::Loading {
            return Ok((Reply::Loading, None));
        }
        Ok(match ask {
            Ask::Load => {
                self.has_scripts = true;
                (Reply::Loaded, None)
            }
            Ask::Beat(node, weight) => (Reply::Live(self.beat(*node, *weight, now)), None),
            Ask::Script(_) if !self.has_scripts => (Reply::NoScript, None),
            Ask::Script(command) => self.script(command, now, alter)?,
        })
    }

    fn script(
        &mut self,
        command: &Command,
        now: UnixMillis,
        mut alter: impl FnMut(&mut Sale, Moment<'_>),
    ) -> Result<(Reply, Option<Entry>), String> {
        alter(&mut self.sale, Moment::Before);
        let (answer, entry) = self.sale.apply(command, now);
        alter(&mut self.sale, Moment::After(entry.as_ref()));
        if let Some(entry) = &entry {
            self.audit.read(entry)?;
            self.log.push(entry.clone());
        }
        self.audit.compare(&self.sale)?;
        Ok((Reply::Done(self.sale.snapshot(now), answer), entry))
    }

    fn beat(&mut self, node: usize, weight: u32, now: UnixMillis) -> u32 {
        self.beats.insert(node, (weight, now));
        let live = |at: UnixMillis| now.since(at) < NODE_LIVE_MS && at <= now;
        self.beats
            .values()
            .filter(|(_, at)| live(*at))
            .map(|(weight, _)| weight)
            .sum()
    }

    /// `SCRIPT FLUSH`.
    pub const fn forget_scripts(&mut self) {
        self.has_scripts = false;
    }

    /// A program of the operators brings the scripts with it.
    pub const fn run_scripts_of_operators(&mut self) {
        self.has_scripts = true;
    }

    /// The file is written: what was decided so far survives.
    pub const fn fsync(&mut self) {
        self.durable = self.log.len();
    }

    /// Killed. What was not written is gone, and so are the last `cut` entries of the file.
    pub fn crash(&mut self, cut: usize) {
        self.health = Health::Down;
        self.durable = self.durable.saturating_sub(cut).max(1);
        self.has_scripts = false;
        self.beats.clear();
        self.life += 1;
    }

    /// Started again: the file is read. Answers with the orders that the ledger had and has no
    /// more, or has as they were before.
    ///
    /// This is where what nodes remember of acknowledged orders comes in, once they bring it back.
    ///
    /// # Errors
    /// The log breaks a rule.
    pub fn restart(&mut self) -> Result<Vec<OrderId>, String> {
        self.log.truncate(self.durable);
        let audit = Audit::of(&self.log)?;
        let was = self.audit.orders();
        let gone = was.filter(|(id, order)| audit.order(id) != Some(*order));
        let mut gone: Vec<_> = gone.map(|(id, _)| id.clone()).collect();
        gone.sort();
        self.sale = audit.rebuild().ok_or("the log is empty")?;
        self.audit = audit;
        self.health = Health::Up;
        Ok(gone)
    }
}
