//! Cluster state file `cluster.json`: what runs, and where.

use core::fmt;
use lastseat_node::ready_line::NodeEntry;
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::warn;

/// One process of an edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeEntry {
    /// The number of its edge, from 1.
    pub number: usize,
    /// Its own number among those that share the edge's address, from 1.
    pub worker: usize,
    /// Where buyers go.
    pub url: String,
    /// Its process.
    pub pid: u32,
    /// The data centre that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// The ledger's Redis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedisEntry {
    /// Its address.
    pub url: String,
    /// Its process, if the cluster started it.
    pub pid: Option<u32>,
}

/// A whole cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterState {
    /// The edges, by number.
    pub edges: Vec<EdgeEntry>,
    /// The nodes, by number.
    pub nodes: Vec<NodeEntry>,
    /// The ledger.
    pub redis: RedisEntry,
    /// The token of the admin calls.
    pub admin_token: String,
    /// The token of the shop's call.
    pub shop_token: String,
}

impl ClusterState {
    /// The file in a data directory.
    #[must_use]
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("cluster.json")
    }

    /// Reads the state of the cluster that runs in `data_dir`, if one does.
    ///
    /// # Errors
    /// The file cannot be read or is not a state file.
    pub fn read(data_dir: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(Self::path(data_dir)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Writes the state to `data_dir`; whole or not at all, readable by its owner only.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, data_dir: &Path) -> io::Result<()> {
        let path = Self::path(data_dir);
        let fresh = path.with_extension("json.new");
        write_private(&fresh, &serde_json::to_vec(self)?)?;
        std::fs::rename(fresh, path)
    }
}

/// The state of a running cluster. Once published, `cluster.json` follows each change.
#[derive(Debug)]
pub struct StateFile {
    state: Mutex<ClusterState>,
    data_dir: PathBuf,
    published: AtomicBool,
}

impl StateFile {
    /// A state file for the cluster in `data_dir`.
    #[must_use]
    pub const fn new(state: ClusterState, data_dir: PathBuf) -> Self {
        Self { state: Mutex::new(state), data_dir, published: AtomicBool::new(false) }
    }

    /// What runs now.
    pub fn read(&self) -> MutexGuard<'_, ClusterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a change.
    pub fn change(&self, change: impl FnOnce(&mut ClusterState)) {
        let mut state = self.read();
        change(&mut state);
        if self.published.load(Ordering::Relaxed)
            && let Err(e) = state.write(&self.data_dir)
        {
            warn!("cluster.json cannot be written: {e}");
        }
    }

    /// Writes `cluster.json`, now and at each change.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn publish(&self) -> io::Result<()> {
        self.published.store(true, Ordering::Relaxed);
        self.read().write(&self.data_dir)
    }

    /// Takes `cluster.json` away: the cluster stops.
    pub fn retract(&self) {
        self.published.store(false, Ordering::Relaxed);
        // It is not there if the cluster never became ready.
        let _ = std::fs::remove_file(ClusterState::path(&self.data_dir));
    }
}

/// Writes a file that only its owner may read.
///
/// # Errors
/// The file cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(content)
}

/// The state for people, with a line to buy the first ticket.
#[derive(Debug)]
pub struct ClusterSummary<'a> {
    /// What runs.
    pub state: &'a ClusterState,
    /// Where.
    pub data_dir: &'a Path,
    /// What is said of the sale `demo`, if there is one.
    pub demo: Option<&'a str>,
    /// Where buyers go.
    pub entry_point_url: EntryPoint<'a>,
}

/// Where orders are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryPoint<'a> {
    /// At this address.
    Open(&'a str),
    /// At an edge of `npx wrangler dev`, which has the key of these nodes and names their ports.
    Wrangler,
    /// At an edge that somebody has yet to start with the key of these nodes.
    Elsewhere,
}

/// Where `npx wrangler dev` listens.
const WRANGLER: &str = "http://127.0.0.1:8787";

/// A line for each edge and each node.
fn write_servers(f: &mut fmt::Formatter<'_>, state: &ClusterState) -> fmt::Result {
    for workers in state.edges.chunk_by(|a, b| a.number == b.number) {
        let EdgeEntry { number, url, zone, .. } = &workers[0];
        write!(f, "  edge {number}  {url}{}", InZone(zone.as_deref()))?;
        match workers.len() {
            1 => writeln!(f)?,
            several => writeln!(f, "  {several} workers")?,
        }
    }
    for node in &state.nodes {
        let NodeEntry { id, weight, url, admin, public, zone, .. } = node;
        let zone = InZone(zone.as_deref());
        write!(f, "  node {id}  {url}  weight {weight}{zone}  admin and metrics {admin}")?;
        match public {
            Some(public) => writeln!(f, "  buyers {}", public.url)?,
            None => writeln!(f)?,
        }
    }
    Ok(())
}

impl fmt::Display for ClusterSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state;
        writeln!(f)?;
        write_servers(f, state)?;
        if let Some(node) = state.nodes.first() {
            let token = self.demo.map(|_| state.admin_token.as_str());
            writeln!(f, "  dashboard  {}", dashboard(&node.admin, token))?;
        }
        writeln!(
            f,
            "  data    {}  (stat.log of each node, cluster.json, admin.token, shop.token)",
            self.data_dir.display()
        )?;
        if let Some(demo) = self.demo {
            writeln!(f, "  sale    {demo}")?;
        }
        let entry_point_url = match self.entry_point_url {
            EntryPoint::Open(url) => url,
            EntryPoint::Wrangler => {
                writeln!(
                    f,
                    "\nThe nodes take orders from an edge only. Start one in a second \
                     terminal:\n\n  \
                     npx wrangler dev"
                )?;
                WRANGLER
            }
            EntryPoint::Elsewhere => {
                return writeln!(
                    f,
                    "\nThe nodes take orders from edges that have their LASTSEAT_EDGE_KEY. To \
                     have one, start again as\n  \
                     lastseat cluster --edge wrangler\nor, to do without, with \
                     --insecure-direct.\n\nCtrl-C stops everything."
                );
            }
        };
        if self.demo.is_some() {
            writeln!(f, "\nBuy a ticket:\n")?;
            // Nodes alone have no page.
            if !state.edges.is_empty() || state.nodes.iter().any(|node| node.public.is_some()) {
                writeln!(f, "  {entry_point_url}/s/demo  in a browser, or")?;
            }
        } else {
            writeln!(f, "\nCreate a sale, then buy a ticket:\n")?;
            writeln!(
                f,
                "  lastseat --data-dir '{}' sale create demo --capacity 10000",
                self.data_dir.display()
            )?;
        }
        writeln!(
            f,
            "  curl -i {entry_point_url}/v1/sales/demo/orders \
             -H 'content-type: application/json' -d '{{\"buyer\":\"ada\"}}'\n\n\
             Ctrl-C stops everything."
        )
    }
}

/// Two spaces and where it stands, if it stands in a zone.
struct InZone<'a>(Option<&'a str>);

impl fmt::Display for InZone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(zone) => write!(f, "  zone {zone}"),
            None => Ok(()),
        }
    }
}

/// Where the dashboard is. For a demonstration the token stands behind the `#`, which a browser
/// keeps to itself; otherwise the page asks for it.
fn dashboard(admin: &str, token: Option<&str>) -> String {
    let plain = |token: &&str| token.bytes().all(|b| b.is_ascii_alphanumeric());
    match token.filter(plain) {
        Some(token) => format!("{admin}/dashboard#token={token}"),
        None => format!("{admin}/dashboard"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roster_is_found_again_and_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let directory =
            std::env::temp_dir().join(format!("lastseat-roster-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let state = ClusterState {
            edges: vec![],
            nodes: vec![],
            redis: RedisEntry { url: "unix:/x".to_owned(), pid: None },
            admin_token: "secret".to_owned(),
            shop_token: "secret".to_owned(),
        };
        assert_eq!(ClusterState::read(&directory).unwrap(), None);
        state.write(&directory).unwrap();
        assert_eq!(ClusterState::read(&directory).unwrap(), Some(state));
        let mode = std::fs::metadata(ClusterState::path(&directory)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
