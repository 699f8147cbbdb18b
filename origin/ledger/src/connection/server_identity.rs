//! Server identity (`run_id`): which servers the ledger has been connected to.
//!
//! One that was started again, or a replica that was promoted, may lack orders that were
//! acknowledged.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The name that a server gives itself whenever it starts: the same name, the same memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunId(Arc<str>);

impl RunId {
    pub(super) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// As the server writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The server that each place had last, shared by all links to one ledger.
#[derive(Debug)]
pub(super) struct Servers {
    at: Mutex<HashMap<Arc<str>, RunId>>,
    /// How often something changed.
    changes: watch::Sender<u64>,
}

impl Default for Servers {
    fn default() -> Self {
        Self { at: Mutex::default(), changes: watch::Sender::new(0) }
    }
}

impl Servers {
    /// A connection to `place` was opened and `server` was there. Called before anything is sent
    /// over it.
    pub(super) fn found(&self, place: &Arc<str>, server: &RunId) {
        let before = self.known().insert(Arc::clone(place), server.clone());
        if before.as_ref() != Some(server) {
            self.changed();
        }
    }

    /// Other places than before have what is asked for; `places` are those that there are.
    pub(super) fn moved(&self, places: &[Arc<str>]) {
        self.known().retain(|place, _| places.contains(place));
        self.changed();
    }

    pub(super) fn last(&self, place: &str) -> Option<RunId> {
        self.known().get(place).cloned()
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn changed(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Arc<str>, RunId>> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
