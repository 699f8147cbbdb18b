//! Event log calls: reads a sale's log and acknowledges what was read.

use super::{Fault, Ledger, Reply, SaleChange, redis_keys, reply};
use redis::Value;
use shared::ledger_model::event_log::Entry;
use shared::{Actor, SaleId};
use std::collections::HashMap;

impl Ledger {
    /// Entries from position `from` on, at most `count`; fewer where the log ends.
    ///
    /// # Errors
    /// See [`Fault`]; `Corrupt` also when an entry is missing in between.
    pub async fn log(&self, sale: &SaleId, from: u64, count: usize) -> Result<Vec<Entry>, Fault> {
        let [.., key] = redis_keys::of_sale(sale);
        let mut command = redis::cmd("XRANGE");
        command.arg(key).arg(format!("{from}-0")).arg("+").arg("COUNT").arg(count);
        let answer = self.call(&command).await?;
        let Value::Array(items) = &answer else {
            return Err(reply::strange("a log", &answer));
        };
        let mut entries: Vec<Entry> = Vec::with_capacity(items.len());
        for item in items {
            let entry = read(item)?;
            if entries.last().is_some_and(|last| !entry.follows(last.commit_seq)) {
                return Err(Fault::Corrupt(format!(
                    "the log of sale {sale} has a gap before entry {}",
                    entry.commit_seq
                )));
            }
            entries.push(entry);
        }
        self.name_actors(sale, &mut entries).await?;
        Ok(entries)
    }

    /// Says of entries of a sale without a plan who made them, as far as the sale still has it.
    async fn name_actors(&self, sale: &SaleId, entries: &mut [Entry]) -> Result<(), Fault> {
        // Whoever read this entry finds the name as well: one script wrote both.
        if !entries.iter().any(|entry| !entry.by_plan && entry.changes_sale()) {
            return Ok(());
        }
        let [key, ..] = redis_keys::of_sale(sale);
        let field = self.call(redis::cmd("HGET").arg(key).arg("actors")).await?;
        let Value::BulkString(field) = &field else { return Ok(()) };
        // What is none is left out: it names nobody.
        let words = str::from_utf8(field).unwrap_or_default().split(' ');
        let named = words.filter_map(|word| {
            let (seq, name) = word.split_once(':')?;
            Some((seq.parse::<u64>().ok()?, Actor::parse(name).ok()?))
        });
        let named: HashMap<u64, Actor> = named.collect();
        for entry in entries.iter_mut().filter(|entry| !entry.by_plan && entry.changes_sale()) {
            entry.by = named.get(&entry.commit_seq).cloned();
        }
        Ok(())
    }

    /// Says that everything up to `commit_seq` was taken over downstream, so that it may be
    /// trimmed.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn ack(&self, sale: &SaleId, commit_seq: u64) -> Reply<SaleChange> {
        let script = &self.scripts().ack;
        let command = |last_seen| {
            let mut command = script.on(sale, last_seen);
            command.arg(commit_seq);
            command
        };
        self.change_sale(sale, script, command).await
    }
}

/// Reads `[id, ["e", text]]`.
///
/// # Errors
/// `Corrupt`: it is no entry of a log.
pub fn read(item: &Value) -> Result<Entry, Fault> {
    let Value::Array(parts) = item else {
        return Err(reply::strange("a log entry", item));
    };
    let [id, Value::Array(fields)] = parts.as_slice() else {
        return Err(reply::strange("a log entry", item));
    };
    let seq = reply::text(id)?.strip_suffix("-0").and_then(|seq| seq.parse().ok());
    match (seq, fields.as_slice()) {
        (Some(seq), [_, text]) => Entry::parse(seq, reply::text(text)?),
        _ => None,
    }
    .ok_or_else(|| reply::strange("a log entry", item))
}
