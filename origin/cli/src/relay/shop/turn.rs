//! Turn of one sale at one endpoint: its entries are delivered in order until there are none, until
//! one is not taken, or until other sales want their turn.
//!
//! A turn holds the lease of the endpoint's name in that sale, the one that a relay of one sale
//! holds as well. A position is kept only by who has it, so a relay that was frozen and wakes up
//! changes none.

use crate::relay::delivery::body;
use crate::relay::endpoints::Endpoint;
use crate::relay::error::RelayError;
use crate::relay::lease::{Lease, Unleased};
use crate::relay::log::{Log, Page};
use crate::relay::stop::Stop;
use crate::relay::webhook::NotTaken;
use lastseat_ledger::{Fault, Ledger};
use lastseat_node::secret::Secret;
use shared::limits::{WEBHOOK_PAGE, WEBHOOK_TURN_MS};
use shared::{SaleId, UnixMillis};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What a turn works with.
#[derive(Debug)]
pub(super) struct TurnPlan {
    /// The place of the endpoint among those of the relay.
    pub(super) place: usize,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) sale: SaleId,
    /// Reads logs.
    pub(super) ledger: Ledger,
    /// Holds leases: these calls must not wait behind the others.
    pub(super) aside: Ledger,
    /// Of this process.
    pub(super) token: Secret,
    /// The first entry, whatever was delivered before.
    pub(super) from: Option<u64>,
    /// The position where none is kept under the endpoint's name.
    pub(super) otherwise: Option<u64>,
    /// Where there is none either: what was before this moment is not delivered.
    pub(super) since: Option<UnixMillis>,
    pub(super) stop: Stop,
}

/// Why a turn ended.
#[derive(Debug)]
pub(super) enum EndOfTurn {
    /// Everything was delivered.
    Done,
    /// Others want their turn, or the relay stops.
    TimeUp,
    /// The receiver did not take an entry.
    NotTaken(NotTaken),
    /// Another relay delivers this sale under this name.
    Elsewhere,
    /// Another relay may do so by now.
    LeaseLost,
    /// The ledger did not answer.
    Away(String),
    /// Trying again does not help before somebody has done something.
    Stopped(RelayError),
}

/// What a turn did.
#[derive(Debug)]
pub(super) struct TurnEnd {
    pub(super) place: usize,
    pub(super) sale: SaleId,
    pub(super) why: EndOfTurn,
    /// The position that is kept now; `None` = it is not known.
    pub(super) position: Option<u64>,
    /// The last entry that the log had; `None` = it was not read.
    pub(super) end: Option<u64>,
    /// The first entry that was asked for, whatever was delivered before.
    pub(super) from: Option<u64>,
    /// Entries that were delivered.
    pub(super) entries: u64,
    /// Events in them.
    pub(super) events: u64,
    /// What the receiver answered last, where it has taken something.
    pub(super) answer: Option<String>,
    /// When the first entry happened that was not delivered, or the last one that was.
    pub(super) waits_since: Option<UnixMillis>,
}

impl From<Unleased> for EndOfTurn {
    fn from(why: Unleased) -> Self {
        match why {
            Unleased::Lost => Self::LeaseLost,
            Unleased::Corrupt(what) => Self::Stopped(RelayError::Corrupt(what)),
        }
    }
}

impl From<Fault> for EndOfTurn {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Corrupt(what) => Self::Stopped(RelayError::Corrupt(what)),
            fault => Self::Away(fault.to_string()),
        }
    }
}

/// Makes a turn.
pub(super) async fn run(plan: TurnPlan) -> TurnEnd {
    let (sale, name) = (plan.sale.clone(), plan.endpoint.name.clone());
    let mut lease = Lease::new(plan.aside.clone(), sale.clone(), name, plan.token.clone());
    let mut end = TurnEnd {
        place: plan.place,
        sale: sale.clone(),
        why: EndOfTurn::Elsewhere,
        position: None,
        end: None,
        from: plan.from,
        entries: 0,
        events: 0,
        answer: None,
        waits_since: None,
    };
    let kept = match lease.try_claim().await {
        Ok(Some(kept)) => kept,
        Ok(None) => return end,
        Err(fault) => return TurnEnd { why: fault.into(), ..end },
    };
    let log = Log::new(plan.ledger.clone(), sale);
    let mut turn = Turn { plan: &plan, log, lease: &mut lease, end: &mut end };
    let why = turn.deliver(kept).await;
    end.why = why.unwrap_or_else(|why| why);
    if !matches!(end.why, EndOfTurn::LeaseLost) {
        lease.leave().await;
    }
    end
}

struct Turn<'a> {
    plan: &'a TurnPlan,
    log: Log,
    lease: &'a mut Lease,
    end: &'a mut TurnEnd,
}

impl Turn<'_> {
    /// Delivers from the position that was `kept`.
    async fn deliver(&mut self, kept: Option<u64>) -> Result<EndOfTurn, EndOfTurn> {
        let position = match (self.plan.from, kept) {
            (Some(first), _) => first.max(1) - 1,
            (None, Some(position)) => position,
            (None, None) => self.begin().await?,
        };
        if kept != Some(position) {
            self.lease.keep_position(position).await?;
        }
        self.end.position = Some(position);
        let over = Instant::now() + Duration::from_millis(WEBHOOK_TURN_MS);
        let mut next = position + 1;
        loop {
            if Instant::now() >= over || self.plan.stop.has_come() {
                return Ok(EndOfTurn::TimeUp);
            }
            let page = self.lease.during(self.log.read(next, WEBHOOK_PAGE)).await?;
            let page = page?.map_err(EndOfTurn::Stopped)?;
            self.end.end = Some(page.end);
            let Some(last) = page.entries.last().map(|entry| (entry.commit_seq, entry.at)) else {
                return Ok(EndOfTurn::Done);
            };
            if !self.deliver_page(&page, over).await? {
                return Ok(EndOfTurn::TimeUp);
            }
            if last.0 >= page.end {
                return Ok(EndOfTurn::Done);
            }
            (self.end.waits_since, next) = (Some(last.1), last.0 + 1);
        }
    }

    /// Where a sale begins of which nothing was delivered yet.
    async fn begin(&mut self) -> Result<u64, EndOfTurn> {
        match (self.plan.otherwise, self.plan.since) {
            (Some(position), _) => Ok(position),
            (None, Some(at)) => Ok(self.lease.during(self.log.last_before(at)).await??),
            (None, None) => Ok(0),
        }
    }

    /// Delivers the entries of a page; whether there was time for all of them.
    async fn deliver_page(&mut self, page: &Page, over: Instant) -> Result<bool, EndOfTurn> {
        let endpoint = Arc::clone(&self.plan.endpoint);
        let wanted = (&endpoint.filter, &endpoint.naming);
        let mut passed = None;
        for entry in &page.entries {
            if Instant::now() >= over || self.plan.stop.has_come() {
                self.end.waits_since = Some(entry.at);
                self.keep(passed).await?;
                return Ok(false);
            }
            let body = body(&self.plan.sale, entry, &page.beside, wanted)
                .map_err(|e| EndOfTurn::Stopped(RelayError::Corrupt(e.to_string())))?;
            // Of what the filter leaves out the position is kept once for all.
            let Some(body) = body else {
                passed = Some(entry.commit_seq);
                continue;
            };
            let posted = endpoint.webhook.post(entry.commit_seq, &body.bytes);
            match self.lease.during(posted).await? {
                Ok(status) => {
                    self.end.entries += 1;
                    self.end.events += body.events;
                    self.end.answer = Some(status.as_u16().to_string());
                    passed = None;
                    self.keep(Some(entry.commit_seq)).await?;
                }
                Err(refused) => {
                    self.end.waits_since = Some(entry.at);
                    self.keep(passed).await?;
                    return Err(EndOfTurn::NotTaken(refused));
                }
            }
        }
        self.keep(passed).await?;
        Ok(true)
    }

    async fn keep(&mut self, position: Option<u64>) -> Result<(), EndOfTurn> {
        if let Some(position) = position {
            self.lease.keep_position(position).await?;
            self.end.position = Some(position);
        }
        Ok(())
    }
}
