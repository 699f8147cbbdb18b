//! Node number claim: one process at a time uses a number.
//!
//! The data directory of a node has a random token and is locked by the process that uses it; the
//! ledger keeps which process has which number, renewed with each heartbeat.

use crate::directory_lock;
use crate::timestamp::Rfc3339;
use lastseat_ledger::node_numbers::{Claimant, Claimed, RenewalPoint};
use lastseat_ledger::{Fault, Ledger};
use shared::UnixMillis;
use shared::limits::{HEAL_SILENCE_MS, NODE_LIVE_MS};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Pause between two looks at whether the one that has the number still lives.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
/// A silent node keeps its number for [`HEAL_SILENCE_MS`]; a ledger that answers slowly gets as
/// much again.
const LONGEST_WAIT: Duration = Duration::from_millis(2 * HEAL_SILENCE_MS);
// A node that was frozen stops to use its number before anybody else can get it.
const _: () = assert!(NODE_LIVE_MS < HEAL_SILENCE_MS);
/// Bytes of a token, written in twice as many hexadecimal digits.
const TOKEN_BYTES: usize = 16;

/// The claim of this process on its node number.
#[derive(Debug)]
pub struct NodeNumber {
    number: u16,
    who: Claimant,
    /// Why the number is not this node's, in words.
    clash: Mutex<Option<String>>,
    clashes: AtomicBool,
    /// When the ledger last said that the number is this node's.
    held: Mutex<Option<Instant>>,
    /// Keeps other processes out of the directory.
    _lock: Option<File>,
}

impl NodeNumber {
    /// Locks `directory`, which is made if it is missing, for the life of this process and reads
    /// its token; makes one if there is none.
    ///
    /// # Errors
    /// A sentence that says what to do: another process uses the directory, or it cannot be
    /// written.
    pub fn of(directory: &Path, number: u16) -> Result<Self, String> {
        let place = directory.display();
        let cannot = |e: io::Error| {
            format!("cannot write to {place}: {e}. Choose another place with --data-dir")
        };
        let Some(lock) = directory_lock::claim(directory).map_err(cannot)? else {
            return Err(format!(
                "another process uses {place}: node {number} runs already with this --data-dir. \
                 Stop that one, or give \
                 this one another --node"
            ));
        };
        Ok(Self {
            number,
            who: Claimant {
                token: token(directory).map_err(cannot)?,
                process: random().map_err(cannot)?,
            },
            clash: Mutex::default(),
            clashes: AtomicBool::new(false),
            held: Mutex::default(),
            _lock: Some(lock),
        })
    }

    /// Takes the number before anything is served. If a process of another directory had it and
    /// has no more heartbeats, this waits until nobody would wait for what that one acknowledged,
    /// [`HEAL_SILENCE_MS`] after its last heartbeat.
    ///
    /// # Errors
    /// Another process has the number and lives; a sentence that says what to do.
    pub(crate) async fn take(&self, ledger: &Ledger) -> Result<(), String> {
        let begun = Instant::now();
        let mut first = None;
        loop {
            match ledger.claim(self.number, &self.who, RenewalPoint::Start).await {
                Ok(Claimed::Ours) => {
                    self.observed(Claimed::Ours);
                    return Ok(());
                }
                Ok(Claimed::Taken { since, heartbeat, now }) => {
                    let first = *first.get_or_insert(heartbeat);
                    if heartbeat != first || begun.elapsed() > LONGEST_WAIT {
                        return Err(self.taken(since, heartbeat, now));
                    }
                }
                // The heartbeat repeats it, and reports a ledger that is away.
                Err(_) => return Ok(()),
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    /// Renews the claim; whether the number is this node's.
    ///
    /// # Errors
    /// See [`Fault`]; what was known last stands.
    pub(crate) async fn renew(&self, ledger: &Ledger) -> Result<bool, Fault> {
        let moment = match *self.held() {
            Some(_) => RenewalPoint::Heartbeat,
            None => RenewalPoint::Start,
        };
        self.observed(ledger.claim(self.number, &self.who, moment).await?);
        Ok(!self.clashes())
    }

    /// Gives the number back; if that fails it is free when this node has been silent for
    /// [`HEAL_SILENCE_MS`].
    pub(crate) async fn leave(&self, ledger: &Ledger) {
        let _: Result<Claimed, Fault> =
            ledger.claim(self.number, &self.who, RenewalPoint::Leave).await;
    }

    fn observed(&self, answer: Claimed) {
        let clash = match answer {
            Claimed::Ours => {
                *self.held() = Some(Instant::now());
                None
            }
            Claimed::Taken { since, heartbeat, now } => Some(self.taken(since, heartbeat, now)),
        };
        let before = self.clashes.swap(clash.is_some(), Ordering::Relaxed);
        match &clash {
            Some(why) if !before => tracing::error!("{why}"),
            None if before => tracing::info!("node number {} is this node's again", self.number),
            _ => {}
        }
        *self.clash.lock().unwrap_or_else(PoisonError::into_inner) = clash;
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another process has the number.
    pub(crate) fn clashes(&self) -> bool {
        self.clashes.load(Ordering::Relaxed)
    }

    /// Why the number is not this node's, in words.
    pub(crate) fn clash(&self) -> Option<String> {
        let clash = self.clash.lock().unwrap_or_else(PoisonError::into_inner);
        clash.clone()
    }

    /// Whether nobody else can have the number: the ledger said so less than [`NODE_LIVE_MS`] ago.
    /// Not after this process was frozen for longer.
    pub(crate) fn is_surely_ours(&self) -> bool {
        let counts = Duration::from_millis(NODE_LIVE_MS);
        !self.clashes() && self.held().is_some_and(|at| at.elapsed() < counts)
    }

    fn taken(&self, since: UnixMillis, heartbeat: UnixMillis, now: UnixMillis) -> String {
        let number = self.number;
        let ago = now.0.saturating_sub(heartbeat.0);
        let since = Rfc3339(since);
        format!(
            "node number {number} is in use by another process since {since}, whose last \
             heartbeat was {ago} ms ago. \
             Two nodes of one number cannot be told apart when lost orders are restored. Give one \
             of them another \
             --node; if they belong to two clusters, give one of these a Redis of its own"
        )
    }
}

/// The token of `directory`, made when it is first asked for.
fn token(directory: &Path) -> io::Result<String> {
    let path = directory.join("node.token");
    match fs::read_to_string(&path) {
        Ok(text) if is_token(text.trim_end()) => return Ok(text.trim_end().to_owned()),
        Ok(_) => tracing::warn!("{} was no token and is made anew", path.display()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let token = random()?;
    // Whole or not at all.
    let next = directory.join("node.token.new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&next)?.write_all(format!("{token}\n").as_bytes())?;
    fs::rename(next, path)?;
    Ok(token)
}

fn is_token(text: &str) -> bool {
    let hexadecimal = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 2 * TOKEN_BYTES && text.bytes().all(hexadecimal)
}

fn random() -> io::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_directory_has_one_token_for_ever_and_one_process_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = NodeNumber::of(directory.path(), 3).unwrap();
        let refused = NodeNumber::of(directory.path(), 3).unwrap_err();
        assert!(refused.contains("node 3 runs already with this --data-dir"), "{refused}");
        let path = directory.path().join("node.token");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (token, process) = (first.who.token.clone(), first.who.process.clone());
        drop(first);
        let second = NodeNumber::of(directory.path(), 3).unwrap();
        assert_eq!(second.who.token, token);
        assert_ne!(second.who.process, process);
        drop(second);
        fs::write(&path, "half").unwrap();
        let third = NodeNumber::of(directory.path(), 3).unwrap();
        assert!(is_token(&third.who.token) && third.who.token != token);
    }
}
