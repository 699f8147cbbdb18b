//! Changes of a sale as a whole: the calls of `create.lua`, `restock.lua`, `state.lua` and
//! `terms.lua`.

use super::scripts::{Script, ScriptPair};
use super::{
    Created, Creation, Fault, Ledger, Reply, SaleChange, TermsChange, letter, redis_keys, reply,
    sale_formats, strange_letter,
};
use redis::{Cmd, Value};
use shared::domain::sale::{LateSeats, PageTerms, Terms};
use shared::{Capacity, EventDetails, PayUrl, ReturnUrl, SaleId, SaleState, Snapshot, UnixMillis};
use std::sync::Arc;

/// A text among the fields of a sale, which may be no text.
type Text = Option<Vec<u8>>;

impl Ledger {
    /// Creates a sale; safe to repeat.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn create_sale(
        &self,
        sale: &SaleId,
        capacity: Capacity,
        terms: &Terms,
        open: bool,
    ) -> Result<(Snapshot, Created), Fault> {
        let wanted =
            Creation { capacity, terms: *terms, open, page: PageTerms::default(), plan: None };
        self.create_sale_as(sale, &wanted).await
    }

    /// Creates a sale with all that can be said of it; safe to repeat.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn create_sale_as(
        &self,
        sale: &SaleId,
        wanted: &Creation,
    ) -> Result<(Snapshot, Created), Fault> {
        let Creation { capacity, terms, open, page, plan } = wanted;
        // Listed first: a listed sale that does not exist is skipped, an unlisted one would be
        // lost.
        self.list_sale(sale).await?;
        let moments = [terms.opens_at, terms.closes_at];
        if let Some(moment) = moments.into_iter().filter(|moment| moment.0 > 0).min() {
            self.note_moment_at(sale, moment).await?;
        }
        let script = &self.scripts().create;
        let state = if *open { SaleState::Open } else { SaleState::Scheduled };
        let stored = plan.as_ref().map(|plan| plan.stored()).transpose();
        let stored = stored.map_err(|error| Fault::NotSent(format!("the plan: {error}")))?;
        let keys = sale_formats::keys(sale, stored.is_some(), None);
        let event = page.event.to_stored();
        let command = |last_seen| {
            let mut command = script.on_keys(&keys, last_seen);
            command.arg(capacity.get()).arg(terms.opens_at.0).arg(terms.closes_at.0);
            command.arg(terms.hold_ms).arg(terms.buyer_limit).arg(terms.order_limit);
            command.arg(state.as_str()).arg(u8::from(page.buyers_cancel));
            command.arg(page.pay_url.as_str()).arg(self.actor());
            match &stored {
                Some(stored) => command.arg(&stored.seats),
                None => command.arg(""),
            };
            for (field, value) in stored.iter().flat_map(|stored| &stored.fields) {
                command.arg(field).arg(value);
            }
            if stored.is_some() && page.late_seats != LateSeats::Same {
                command.arg("late_seats").arg(page.late_seats.as_str());
            }
            let texts = [("return_url", page.return_url.as_str()), ("event", event.as_str())];
            for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
                command.arg(field).arg(text);
            }
            command
        };
        let (parts, safe) = self.change(sale, script, command).await?;
        self.counted(safe)?;
        let parts = parts.ok_or_else(|| Fault::Corrupt("create.lua answered nil".into()))?;
        let created = match letter(&parts)? {
            b'n' => Created::New,
            b'u' => Created::Unchanged,
            b'x' => Created::Differs,
            other => return Err(strange_letter(script, other)),
        };
        if created != Created::Differs {
            self.formats.note(sale, plan.is_some());
        }
        Ok((self.observed(sale, &parts)?, created))
    }

    /// The terms of a sale that its snapshot does not have. A pay URL, a return URL or a word for
    /// late seats that is none, which the audit names, counts as absent: no buyer is sent there. So
    /// do event details that are none.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn page_terms(&self, sale: &SaleId) -> Result<PageTerms, Fault> {
        let [key, ..] = redis_keys::of_sale(sale);
        let fields = ["buyers_cancel", "pay_url", "late_seats", "return_url", "event"];
        let asked = redis::cmd("HMGET").arg(key).arg(&fields).to_owned();
        let (buyers_cancel, pay_url, late, return_url, event): (Value, Text, Text, Text, Text) =
            redis::from_redis_value(self.call(&asked).await?)
                .map_err(|e| Fault::Corrupt(format!("terms of {sale}: {e}")))?;
        let text =
            |bytes: Text| bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        Ok(PageTerms {
            buyers_cancel: match buyers_cancel {
                Value::Nil => false,
                value => reply::number(&value)? == 1,
            },
            pay_url: PayUrl::parse(&text(pay_url)).unwrap_or_default(),
            late_seats: LateSeats::parse(&text(late)).unwrap_or_default(),
            return_url: ReturnUrl::parse(&text(return_url)).unwrap_or_default(),
            event: Arc::new(EventDetails::from_stored(&text(event)).unwrap_or_default()),
        })
    }

    /// Changes how many tickets there are; with `seen`, only if that is the present capacity.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn restock(
        &self,
        sale: &SaleId,
        capacity: Capacity,
        seen: Option<Capacity>,
    ) -> Reply<SaleChange> {
        let script = &self.scripts().restock;
        let seen = seen.map_or(-1, |c| i64::from(c.get()));
        let words = |command: &mut Cmd, _| {
            command.arg(capacity.get()).arg(seen).arg(self.actor());
        };
        self.change_sale_either(sale, script, words).await
    }

    /// Opens, pauses or closes a sale.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn set_state(&self, sale: &SaleId, state: SaleState) -> Reply<SaleChange> {
        let script = &self.scripts().state;
        let words = |command: &mut Cmd, _| {
            command.arg(state.as_str()).arg(self.actor());
        };
        self.change_sale_either(sale, script, words).await
    }

    /// Changes some terms of a sale.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn set_terms(&self, sale: &SaleId, change: &TermsChange) -> Reply<SaleChange> {
        let script = &self.scripts().terms;
        let word = |n: Option<u64>| n.map_or_else(String::new, |n| n.to_string());
        let words = |command: &mut Cmd, _| {
            command
                .arg(word(change.opens_at.map(|t| t.0)))
                .arg(word(change.closes_at.map(|t| t.0)));
            command.arg(word(change.hold_ms)).arg(word(change.buyer_limit.map(u64::from)));
            command.arg(word(change.order_limit.map(u64::from)));
            command.arg(word(change.buyers_cancel.map(u64::from)));
            // Empty is as it is, and `-` is none.
            let pay_url = change.pay_url.as_ref().map(|url| url.get().unwrap_or("-"));
            command.arg(pay_url.unwrap_or_default()).arg(self.actor());
            if let Some(late) = change.late_seats {
                command.arg("late_seats").arg(late.as_str());
            }
            if let Some(url) = &change.return_url {
                command.arg("return_url").arg(url.as_str());
            }
            if let Some(event) = &change.event {
                command.arg("event").arg(event.to_stored());
            }
        };
        let reply = self.change_sale_either(sale, script, words).await?;
        if let Some((snapshot, SaleChange::Done)) = &reply {
            // The change is done whatever becomes of this: the sale opens with the first that asks.
            let _ = self.note_moment(sale, snapshot, UnixMillis(0)).await;
        }
        Ok(reply)
    }

    async fn change_sale_either(
        &self,
        sale: &SaleId,
        script: &ScriptPair,
        words: impl Fn(&mut Cmd, bool),
    ) -> Reply<SaleChange> {
        let reply = self.change_either(sale, script, words).await?;
        self.sale_changed(sale, &script.plain, (reply.parts, reply.more))
    }

    pub(super) async fn change_sale(
        &self,
        sale: &SaleId,
        script: &Script,
        command: impl Fn(u64) -> Cmd,
    ) -> Reply<SaleChange> {
        self.sale_changed(sale, script, self.change(sale, script, command).await?)
    }

    fn sale_changed(
        &self,
        sale: &SaleId,
        script: &Script,
        (parts, safe): (Option<Vec<Value>>, Result<(), Fault>),
    ) -> Reply<SaleChange> {
        let Some(parts) = parts else {
            return Ok(None);
        };
        self.counted(safe)?;
        let change = match letter(&parts)? {
            b'd' => SaleChange::Done,
            b'r' => SaleChange::Unchanged,
            b't' => SaleChange::CapacityTaken,
            b'z' => SaleChange::BadTransition,
            b'v' => SaleChange::Invalid,
            b'm' => SaleChange::ChangedMeanwhile,
            b'p' => SaleChange::ClosesInThePast,
            b'o' => SaleChange::OpenedAlready,
            b'h' => SaleChange::HasPlan,
            b'P' => SaleChange::NoPlan,
            other => return Err(strange_letter(script, other)),
        };
        Ok(Some((self.observed(sale, &parts)?, change)))
    }
}
