//! Command `lastseat orders replay`.

mod seated;

use super::target::ledger;
use super::{fault, no_sale, print, sale_id};
use crate::cli::{Common, ReplayFlags};
use crate::failure::Failure;
use crate::journal::{ExportedLog, ExportedOrder, Fate};
use lastseat_ledger::{Ledger, Reserve, Verdict};
use serde::Serialize;
use shared::limits::BATCH_MAX;
use shared::seats::OrderPart;
use shared::wire::problem::no_seats_code;
use shared::{Capacity, Order, OrderId, OrderState, SaleId, SaleState};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::process::ExitCode;

/// Orders that could not be brought back and are named; all are counted.
const NAMED_MAX: usize = 100;

/// What `orders replay` prints.
#[derive(Debug, Default, Serialize)]
struct Replayed {
    sale: String,
    /// The last position of the journal.
    journal_end: u64,
    /// Orders that were missing in the ledger and are there again.
    restored: u64,
    /// Orders whose payment the ledger had forgotten.
    confirmed: u64,
    /// Orders that the ledger still had although they were given back.
    cancelled: u64,
    /// Orders that are as the journal says.
    unchanged: u64,
    /// Orders that are not, and could not be made so.
    failed: u64,
}

/// Makes the ledger's orders those of a journal. Each step is idempotent, so the command can be
/// repeated.
pub(super) async fn run(common: &Common, flags: &ReplayFlags) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    if !flags.on.ledger {
        return Err(Failure::usage(vec![
            "a replay works on the ledger itself, while no node sells: stop the nodes and add \
             --ledger"
                .to_owned(),
        ]));
    }
    let journal = read(&sale, flags)?;
    let ledger = ledger(common).await?;
    let created = match &journal.plan {
        Some(plan) => seated::create(&ledger, &sale, &journal, plan).await?,
        None => false,
    };
    ledger.recover_without_nodes(&sale).await.map_err(fault)?;
    let mut replay = Replay {
        done: Replayed { sale: sale.to_string(), journal_end: journal.end, ..Replayed::default() },
        ledger,
        sale,
    };
    let by_plan = |order: &&ExportedOrder| order.by_plan.is_some();
    let (with_seats, counted): (Vec<&ExportedOrder>, Vec<&ExportedOrder>) =
        journal.orders.iter().partition(by_plan);
    if !with_seats.is_empty() {
        seated::give_back(&mut replay, &with_seats).await?;
    }
    let live = |order: &&&ExportedOrder| matches!(order.fate, Fate::Held | Fate::Confirmed(_));
    let live: Vec<&ExportedOrder> = counted.iter().filter(live).copied().collect();
    // A plan says how many places there are.
    if journal.plan.is_none() && (!live.is_empty() || with_seats.is_empty()) {
        replay.capacity(&journal).await?;
    }
    for order in counted.iter().filter(|order| order.fate == Fate::Over) {
        replay.take_back(&order.id).await?;
    }
    for batch in live.chunks(BATCH_MAX) {
        replay.give(batch).await?;
    }
    // A sale that was created above is left as it was, and any other one as it is.
    if let Some(state) = journal.state.filter(|_| created) {
        replay.ledger.set_state(&replay.sale, state).await.map_err(fault)?;
    }
    print(common, &replay.done)?;
    let whole = replay.done.failed == 0 && journal.gaps.is_empty();
    Ok(ExitCode::from(u8::from(!whole)))
}

/// The journal, with notes on what it lacks.
fn read(sale: &SaleId, flags: &ReplayFlags) -> Result<ExportedLog, Failure> {
    let path = flags.from.display();
    let source: Box<dyn BufRead> = if flags.from.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = File::open(&flags.from);
        Box::new(BufReader::new(
            file.map_err(|e| Failure::runtime(format!("{path} cannot be read: {e}")))?,
        ))
    };
    let journal =
        ExportedLog::read(sale, source).map_err(|e| Failure::runtime(format!("{path}: {e}")))?;
    if journal.end == 0 {
        let why = format!("{path} has no lines of sale {sale}: check the name and the file");
        return Err(Failure::runtime(why));
    }
    if journal.cut {
        eprintln!("lastseat: the last line of {path} was cut and is passed over");
    }
    for (first, last) in &journal.gaps {
        eprintln!(
            "lastseat: {path} lacks the entries {first} to {last}; their orders stay unknown"
        );
    }
    Ok(journal)
}

struct Replay {
    ledger: Ledger,
    sale: SaleId,
    done: Replayed,
}

impl Replay {
    /// Looks whether orders can be placed, and gives the sale the tickets that it had in the end.
    async fn capacity(&self, journal: &ExportedLog) -> Result<(), Failure> {
        let sale = &self.sale;
        let known = self.ledger.snapshot(sale).await.map_err(fault)?;
        let snapshot = known.ok_or_else(|| no_sale(sale))?;
        if snapshot.state != SaleState::Open {
            return Err(Failure::runtime(format!(
                "sale {sale} is {}, so the ledger takes no orders. Start a node that no edge \
                 reaches, `lastseat sale open {sale}`, stop it and replay again",
                snapshot.state
            )));
        }
        let more = journal.capacity.filter(|n| *n > snapshot.capacity.into());
        if let Some(more) = more {
            let capacity = Capacity::new(more).map_err(Failure::runtime)?;
            let reply = self.ledger.restock(sale, capacity, None).await;
            reply.map_err(fault)?;
            eprintln!("lastseat: the sale has {more} tickets again");
        }
        Ok(())
    }

    /// An order that was given back must not have tickets, nor take them again with a late payment.
    async fn take_back(&mut self, id: &OrderId) -> Result<(), Failure> {
        let known = self.ledger.order(&self.sale, id).await.map_err(fault)?;
        let may_sell = |order: Order| {
            let paid_late = order.state == OrderState::Expired && !order.refused_late;
            order.state.takes() || paid_late
        };
        if !known.is_some_and(may_sell) {
            self.done.unchanged += 1;
            return Ok(());
        }
        let reply = self.ledger.cancel(&self.sale, id).await.map_err(fault)?;
        match reply {
            Some((_, Verdict::Granted { .. })) => self.done.cancelled += 1,
            _ => self.failed(id, "it cannot be given back"),
        }
        Ok(())
    }

    /// Orders that have tickets: placed again under the same ids, which is harmless for those that
    /// the ledger knows, and confirmed where they were.
    async fn give(&mut self, batch: &[&ExportedOrder]) -> Result<(), Failure> {
        let known = batch.iter().filter_map(|order| {
            let (buyer, quantity) = order.grant.clone()?;
            Some(Reserve { id: order.id.clone(), buyer, quantity, lines: None })
        });
        let orders: Vec<Reserve> = known.collect();
        let mut verdicts = Vec::new();
        if !orders.is_empty() {
            let reply = self.ledger.reserve(&self.sale, &orders).await;
            verdicts = reply.map_err(fault)?.ok_or_else(|| no_sale(&self.sale))?.1;
        }
        let mut verdicts = verdicts.into_iter();
        for order in batch {
            let fresh = match order.grant.as_ref().and_then(|_| verdicts.next()) {
                Some(Verdict::Granted { replayed, .. }) => !replayed,
                Some(Verdict::Refused(no)) => {
                    self.failed(&order.id, no.code().as_str());
                    continue;
                }
                Some(Verdict::NoSeats { refused, some_held }) => {
                    let why = no_seats_code(&refused.refusal, some_held);
                    self.failed(&order.id, why.as_str());
                    continue;
                }
                // Granted before the journal begins: the backup has it, or nobody.
                None => false,
            };
            self.settle(order, fresh).await?;
        }
        Ok(())
    }

    /// Brings an order that the ledger knows to the state that the journal tells.
    async fn settle(&mut self, order: &ExportedOrder, fresh: bool) -> Result<(), Failure> {
        let (sale, id) = (&self.sale, &order.id);
        self.done.restored += u64::from(fresh);
        let Fate::Confirmed(tickets) = order.fate else {
            self.done.unchanged += u64::from(!fresh);
            return Ok(());
        };
        let part = OrderPart::Tickets(tickets.get());
        let reply = self.ledger.confirm_paid(sale, id, &part, &order.payment).await;
        match reply.map_err(fault)?.ok_or_else(|| no_sale(sale))?.1 {
            Verdict::Granted { order, .. } if order.taking() != tickets.get() => {
                self.failed(id, "it has another number of tickets");
            }
            Verdict::Granted { .. } if fresh => {}
            Verdict::Granted { replayed: true, .. } => self.done.unchanged += 1,
            Verdict::Granted { .. } => self.done.confirmed += 1,
            Verdict::Refused(no) => self.failed(id, no.code().as_str()),
            Verdict::NoSeats { refused, some_held } => {
                self.failed(id, no_seats_code(&refused.refusal, some_held).as_str());
            }
        }
        Ok(())
    }

    fn failed(&mut self, id: &OrderId, why: &str) {
        self.done.failed += 1;
        if self.done.failed <= NAMED_MAX as u64 {
            eprintln!("lastseat: order {id}: {why}");
        }
    }
}
