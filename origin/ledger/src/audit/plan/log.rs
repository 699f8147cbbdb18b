//! What the log needs: what is foreign goes, what is broken is ended before, and entries say what
//! the repair changed.

use super::super::sale_read::LOG;
use super::orders::Target;
use super::state::State;
use super::{Ahead, Draft, NAMED};
use shared::ledger_model::event_log::{Entry, Event};

/// Events in one entry of a repair.
const EVENTS: usize = 512;

/// Copies the stream KEYS[1] to KEYS[2], whose last id is then ARGV[1] (of an empty one the id
/// stays).
const COPY: &str = "local from = '-' \
    repeat \
    local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 512) \
    for _, entry in ipairs(entries) do \
    redis.call('XADD', KEYS[2], entry[1], unpack(entry[2])) from = '(' .. entry[1] end \
    until #entries == 0 \
    if ARGV[1] == '0-0' then return redis.status_reply('OK') end \
    if redis.call('EXISTS', KEYS[2]) == 0 then \
    redis.call('XADD', KEYS[2], ARGV[1], 'e', '') redis.call('XDEL', KEYS[2], ARGV[1]) end \
    return redis.call('XSETID', KEYS[2], ARGV[1])";

impl Draft<'_> {
    /// Plans for the log; `others` says whether something else is changed. Moves `state` behind
    /// what is written.
    pub(super) fn repair_log(&mut self, state: &mut State, target: &Target, others: bool) {
        let present = self.recount.look.reads(LOG) && !self.recount.look.is_missing(LOG);
        if present {
            self.remove_entries(state);
            self.end_before_breaks(state);
        }
        let is_behind = !present && state.base > 0 || present && state.log_last < state.base;
        let mut events = self.events(state, target, is_behind);
        let changes = others || !events.is_empty() || !self.plan.commands.is_empty();
        let says = self.says().state;
        let changes_state = self.recount.look.state() != Some(state.state);
        let tells = says.is_some() || is_behind || changes_state;
        if changes && says != Some(state.state) && tells {
            events.push(Event::State(state.state));
        }
        for events in events.chunks(EVENTS) {
            state.commit_seq += 1;
            let entry = Entry {
                commit_seq: state.commit_seq,
                at: self.recount.look.at,
                version: state.version,
                events: events.to_vec(),
                by_plan: self.recount.plan.is_some(),
                by: None,
            };
            let id = format!("{}-0", entry.commit_seq);
            self.push(&["XADD", &self.key(LOG), &id, "e", &entry.to_text()]);
        }
    }

    /// Removes what is foreign or taken back, and sets the number back so that the next entry is
    /// taken.
    fn remove_entries(&mut self, state: &State) {
        let log = &self.recount.log;
        let mut ids = log.foreign.clone();
        if self.choices.ahead == Ahead::Undo {
            ids.extend(log.ahead.iter().map(|(seq, _)| format!("{seq}-0")));
        }
        let last = format!("{}-0", state.log_last);
        let given = self.recount.look.last_id.as_ref();
        let beyond = given.is_some_and(|id| number(id) > (state.base, 0));
        if !ids.is_empty() {
            let named: Vec<String> = ids.iter().take(NAMED).cloned().collect();
            self.note(format!("removed from the log: {}", named.join(", ")));
            let ids = ids.into_iter().map(String::into_bytes).collect();
            self.push_all("XDEL", LOG, ids, 1);
        }
        if beyond {
            self.copy_log(&last);
        }
    }

    /// A copy of the log, of which `last` is the last id, in place of the log. Setting the id of
    /// the log itself back is refused by newer servers (Valkey 9) once an entry behind it was
    /// deleted.
    fn copy_log(&mut self, last: &str) {
        let (log, aside) = (self.key(LOG), self.aside(LOG));
        self.push(&["RENAME", &log, &aside]);
        self.push(&["EVAL", COPY, "2", &aside, &log, last]);
        self.note(format!("the log is copied, to set its last id back; {aside} is what it was"));
    }

    fn end_before_breaks(&mut self, state: &State) {
        let log = &self.recount.log;
        if let Some(broken_at) = log.broken_at {
            let from = format!("{}-0", broken_at + 1);
            self.push(&["XTRIM", &self.key(LOG), "MINID", &from]);
            self.note(format!(
                "the log is damaged at entry {broken_at}: it begins after it from now on. Relays \
                 and other readers that \
                 have not read so far never will; bring what they feed up to date with lastseat \
                 orders export"
            ));
        } else if self.recount.look.number("acked_seq").is_some_and(|acked| acked < state.acked_seq)
        {
            self.note(format!(
                "entries up to {} are gone from the log and count as acknowledged from now on. \
                 Bring what readers of \
                 the log feed up to date with lastseat orders export",
                state.acked_seq
            ));
        }
    }

    /// What is added to the log, without the state of the sale.
    fn events(&self, state: &State, target: &Target, is_behind: bool) -> Vec<Event> {
        let says = self.says();
        let mut events = Vec::new();
        if is_behind {
            let found = state.log_last;
            events.push(Event::Healed { found });
        }
        let capacity = says.capacity;
        if capacity != Some(state.capacity) && (capacity.is_some() || is_behind) {
            events.push(Event::Capacity(state.capacity));
        }
        if says.terms != Some(state.terms) && is_behind {
            events.push(Event::Terms(state.terms));
        }
        // What gives tickets back comes first, so that no entry says that too many were taken.
        let mut restated: Vec<_> = target.restated.iter().collect();
        restated.sort_by_key(|(_, order)| order.state.takes());
        events.extend(
            restated
                .into_iter()
                .map(|(id, order)| Event::Restored { id: id.clone(), order: order.clone() }),
        );
        events
    }
}

/// The two numbers of an id of a stream.
fn number(id: &str) -> (u64, u64) {
    let (main, part) = id.split_once('-').unwrap_or((id, "0"));
    let read = |text: &str| text.parse().unwrap_or(u64::MAX);
    (read(main), read(part))
}
