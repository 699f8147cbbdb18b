//! A TCP proxy that breaks the link that it is placed in: late, cut, half-open, or with a reply
//! lost after its request arrived. It runs on a thread of its own, so that nothing that a test
//! waits for can hold it up.

mod carry;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddr, TcpListener as Listening};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// What happens to the bytes that go one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkFault {
    /// They pass.
    #[default]
    Pass,
    /// They pass, so much later.
    Delay(Duration),
    /// They are taken and dropped. A connection that has lost some never gets any again, whatever
    /// is switched later: TCP knows no gaps.
    Swallow,
    /// They pass until the connection has carried so many, then it is reset in the middle of them.
    CutAfter(u64),
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What the client sends.
    ToServer,
    /// What the server answers.
    ToClient,
}

/// What becomes of a connection whose reply was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFault {
    /// It is reset once the request is carried out.
    Cut,
    /// It stays open and silent.
    Keep,
}

/// Replies that are lost although their requests arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostLink {
    /// Bytes of the requests that are meant.
    pub to: Vec<u8>,
    /// How many of them.
    pub times: u32,
    /// What becomes of their connections.
    pub then: AfterFault,
}

/// What a proxy has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were made.
    pub opened: u64,
    /// Those that are open.
    pub open: u64,
    /// Those that were reset here.
    pub cut: u64,
    /// Bytes handed to the server.
    pub to_server: u64,
    /// Bytes handed to clients.
    pub to_client: u64,
    /// Bytes dropped.
    pub swallowed: u64,
    /// Requests whose reply was lost.
    pub lost: u64,
}

/// A proxy in front of one server.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rules {
    to_server: LinkFault,
    to_client: LinkFault,
    /// Connections that were opened under another number are reset.
    cuts: u64,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    rules: watch::Sender<Rules>,
    lost: Mutex<Option<LostLink>>,
    opened: AtomicU64,
    open: AtomicU64,
    cut: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
    swallowed: AtomicU64,
    replies_lost: AtomicU64,
}

impl Proxy {
    /// Places one before `server`; everything passes.
    ///
    /// # Errors
    /// There is no free port.
    pub fn start(server: SocketAddr) -> Result<Self> {
        let listening = Listening::bind((Ipv4Addr::LOCALHOST, 0)).context("a port for a proxy")?;
        listening.set_nonblocking(true)?;
        let address = listening.local_addr()?;
        let shared = Arc::new(Shared {
            server,
            rules: watch::Sender::new(Rules::default()),
            lost: Mutex::default(),
            opened: AtomicU64::default(),
            open: AtomicU64::default(),
            cut: AtomicU64::default(),
            to_server: AtomicU64::default(),
            to_client: AtomicU64::default(),
            swallowed: AtomicU64::default(),
            replies_lost: AtomicU64::default(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let told = Arc::clone(&shared);
        let thread = thread::Builder::new().name("proxy".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = carry::accept(listening, told) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where clients go instead.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL of HTTP.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Switches one direction, from the next bytes on.
    pub fn switch(&self, way: Direction, fault: LinkFault) {
        self.shared.rules.send_modify(|rules| match way {
            Direction::ToServer => rules.to_server = fault,
            Direction::ToClient => rules.to_client = fault,
        });
    }

    /// Switches both directions.
    pub fn switch_both(&self, fault: LinkFault) {
        self.shared.rules.send_modify(|rules| {
            (rules.to_server, rules.to_client) = (fault, fault);
        });
    }

    /// Resets all connections that are open.
    pub fn cut(&self) {
        self.shared.rules.send_modify(|rules| rules.cuts += 1);
    }

    /// Loses the replies to the next requests that are meant.
    pub fn lose(&self, lost: LostLink) {
        *self.shared.lost() = Some(lost);
    }

    /// What it has seen.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            opened: read(&self.shared.opened),
            open: read(&self.shared.open),
            cut: read(&self.shared.cut),
            to_server: read(&self.shared.to_server),
            to_client: read(&self.shared.to_client),
            swallowed: read(&self.shared.swallowed),
            lost: read(&self.shared.replies_lost),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The thread may have ended by itself.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn lost(&self) -> std::sync::MutexGuard<'_, Option<LostLink>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, way: Direction) -> LinkFault {
        let rules = self.rules.borrow();
        match way {
            Direction::ToServer => rules.to_server,
            Direction::ToClient => rules.to_client,
        }
    }

    /// Whether `sent`, with the end of what came before it, has a request whose reply is to be
    /// lost.
    fn loses(&self, seen: &mut Vec<u8>, sent: &[u8]) -> Option<AfterFault> {
        let mut lost = self.lost();
        let meant = lost.as_mut().filter(|lost| lost.times > 0)?;
        seen.extend_from_slice(sent);
        let length = meant.to.len();
        let found = seen.windows(length).any(|part| part == meant.to);
        let kept = if found { 0 } else { length.saturating_sub(1) };
        seen.drain(..seen.len().saturating_sub(kept));
        if !found {
            return None;
        }
        meant.times -= 1;
        self.replies_lost.fetch_add(1, Ordering::Relaxed);
        Some(meant.then)
    }
}
