//! Changes of orders and their reading: the calls of `order.lua`, `confirm.lua`, `cancel.lua` and
//! `extend.lua`.

use super::ack_journal::TooLate;
use super::reply::refused_change;
use super::scripts::ScriptPair;
use super::{
    Fault, Ledger, Reply, Verdict, acknowledges, is_fenced, letter, part, recovery, replaced,
    reply, strange_letter,
};
use redis::{Cmd, Value};
use shared::limits::HOLD_LIFE_FACTOR;
use shared::seats::OrderPart;
use shared::{
    Cancellation, IfState, Order, OrderId, OrderState, Payment, Refusal, SaleId, Snapshot,
};

impl Ledger {
    /// The order with this id, as it stands: a hold past its deadline counts as expired even if it
    /// has not been swept yet. Behind the same fence as every change: while a sale may lack what
    /// was acknowledged, this is a fault and never "no such order".
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn order(&self, sale: &SaleId, id: &OrderId) -> Result<Option<Order>, Fault> {
        Ok(self.find_order(sale, id).await?.and_then(|(_, order)| order))
    }

    /// As [`Ledger::order`], and whether there is such a sale: one call says both.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn find_order(&self, sale: &SaleId, id: &OrderId) -> Reply<Option<Order>> {
        let Some((snapshot, parts)) = self.read_order(sale, id.as_str()).await? else {
            return Ok(None);
        };
        match letter(&parts)? {
            b'd' => {}
            b'u' => return Ok(Some((snapshot, None))),
            other => return Err(strange_letter(&self.scripts().order.plain, other)),
        }
        let mut order = reply::order(id, part(&parts, 2)?)?;
        if order.state == OrderState::Held && order.deadline <= self.now() {
            order.state = OrderState::Expired;
        }
        Ok(Some((snapshot, Some(order))))
    }

    /// How the sale stands, behind the fence of [`Ledger::find_order`]; `None` where there is no
    /// such sale. Changes nothing and expires nothing.
    pub(super) async fn whole_snapshot(&self, sale: &SaleId) -> Result<Option<Snapshot>, Fault> {
        // No order has an id as short as this.
        Ok(self.read_order(sale, "-").await?.map(|(snapshot, _)| snapshot))
    }

    /// The reply of `order.lua` of a sale that lacks nothing.
    async fn read_order(&self, sale: &SaleId, id: &str) -> Reply<Vec<Value>> {
        let script = &self.scripts().order;
        let read = async || {
            let last_seen = self.acknowledged.commit_seq(sale);
            let words = |command: &mut Cmd, _| {
                command.arg(id);
            };
            self.run_either(sale, script, (last_seen, None), words).await
        };
        let mut parts = read().await?;
        if parts.as_deref().is_some_and(is_fenced) && self.adopt(sale).await? {
            parts = read().await?;
        }
        let Some(parts) = parts else {
            return Ok(None);
        };
        if is_fenced(&parts) {
            self.recovering.want(sale);
            return Err(recovery::healing(sale));
        }
        Ok(Some((self.observed(sale, &parts)?, parts)))
    }

    /// Confirms an order, or a part of it while the rest returns.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn confirm(&self, sale: &SaleId, id: &OrderId, part: &OrderPart) -> Reply<Verdict> {
        self.confirm_paid(sale, id, part, &Payment::default()).await
    }

    /// As [`Ledger::confirm`], and keeps what the shop says of the payment: of an order that is
    /// confirmed already what was said first.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn confirm_paid(
        &self,
        sale: &SaleId,
        id: &OrderId,
        part: &OrderPart,
        payment: &Payment,
    ) -> Reply<Verdict> {
        let script = &self.scripts().confirm;
        let quantity = if let OrderPart::Tickets(tickets) = part { *tickets } else { 0 };
        let words = |command: &mut Cmd, by_plan: bool| {
            command.arg(id.as_str());
            match part {
                // Without a plan a number says it.
                OrderPart::Whole | OrderPart::Tickets(_) if !by_plan => command.arg(quantity),
                part => command.arg(part.to_text()),
            };
            command.arg(self.actor()).arg(payment.to_words());
        };
        self.change_order(sale, script, words, (id, quantity)).await
    }

    /// Gives an order's tickets back, on the word of the shop or an operator.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn cancel(&self, sale: &SaleId, id: &OrderId) -> Reply<Verdict> {
        self.cancel_as(sale, id, Cancellation::default(), &OrderPart::Whole).await
    }

    /// Gives an order's tickets back, or a part of them: on whose word, and in which state it must
    /// be, says `how`. Orders are given back in parts only in a sale that has a plan.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn cancel_as(
        &self,
        sale: &SaleId,
        id: &OrderId,
        how: Cancellation,
        part: &OrderPart,
    ) -> Reply<Verdict> {
        let script = &self.scripts().cancel;
        let by = if how.by_buyer { "buyer" } else { "shop" };
        let if_state = match how.if_state {
            None => "",
            Some(IfState::Held) => "h",
            Some(IfState::Confirmed) => "c",
        };
        let words = |command: &mut Cmd, _| {
            command.arg(id.as_str()).arg(by).arg(if_state).arg(u8::from(how.only_existing));
            command.arg(part.to_text()).arg(self.actor());
        };
        self.change_order(sale, script, words, (id, 0)).await
    }

    /// Makes a hold last a hold time from now, at most [`HOLD_LIFE_FACTOR`] hold times in all.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn extend(&self, sale: &SaleId, id: &OrderId) -> Reply<Verdict> {
        let script = &self.scripts().extend;
        let words = |command: &mut Cmd, _| {
            command.arg(id.as_str()).arg(HOLD_LIFE_FACTOR).arg(self.actor());
        };
        self.change_order(sale, script, words, (id, 0)).await
    }

    /// Runs a script that changes the order `id`; the call names `asked` tickets of it.
    async fn change_order(
        &self,
        sale: &SaleId,
        script: &ScriptPair,
        words: impl Fn(&mut Cmd, bool),
        (id, asked): (&OrderId, u32),
    ) -> Reply<Verdict> {
        let sent = self.acknowledged.now();
        let reply = self.change_either(sale, script, words).await?;
        let Some(parts) = reply.parts else {
            return Ok(None);
        };
        // Also a "no": that a payment came too late is kept.
        self.counted(reply.more)?;
        let snapshot = self.observed(sale, &parts)?;
        let letter = letter(&parts)?;
        let record = part(&parts, 2)?;
        let order = match reply::text(record)? {
            "" => None,
            _ => Some(reply::order(id, record)?),
        };
        let verdict = match (letter, &order) {
            (b'd' | b'r', Some(order)) => {
                Verdict::Granted { order: order.clone(), replayed: letter == b'r' }
            }
            _ => Verdict::Refused(
                refused_change(letter, order.as_ref(), asked)
                    .ok_or_else(|| strange_letter(&script.plain, letter))?,
            ),
        };
        // Also the "no" to a late payment, which must stay: the shop refunds on it.
        let stays = matches!(verdict, Verdict::Granted { .. })
            || verdict == Verdict::Refused(Refusal::HoldExpired);
        if let Some(order) = order.filter(|_| stays) {
            let acked = acknowledges(&order).then_some((id, &order));
            self.acknowledged
                .note(sale, &snapshot, acked.into_iter(), sent)
                .map_err(|TooLate| replaced())?;
        }
        Ok(Some((snapshot, verdict)))
    }
}
