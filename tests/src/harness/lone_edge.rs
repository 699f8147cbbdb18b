//! An edge alone, in front of whatever origins a test names.

use super::paths::{lastseat, repository, scratch, workerd};
use super::{Edge, HttpClient, Program};
use anyhow::{Result, bail};
use lastseat_cluster::process::free_port;
use shared::upstream::balancer::OriginRow;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// `wrangler dev` on a busy machine needs most of it.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// The workers in JavaScript that the edge is compared with.
const PEERS: [&str; 2] =
    ["tests/bench/peers/js/workerd.capnp", "tests/bench/peers/js/wrangler.toml"];

/// A running edge.
#[derive(Debug)]
pub struct LoneEdge {
    // Before the directory, so that it is stopped before its files go.
    /// Its process.
    pub program: Program,
    /// Where buyers go.
    pub url: String,
    _directory: TempDir,
}

impl LoneEdge {
    /// Starts one of this kind with the secret `LASTSEAT_EDGE_KEY` and waits until it answers.
    ///
    /// # Errors
    /// It does not come up; the message has what it said.
    pub async fn start(kind: Edge, origins: &[OriginRow], key: &str) -> Result<Self> {
        Ok(Self::serve(None, (kind, false), origins, key).await?.0)
    }

    /// A bare workerd, and the port of its inspector.
    ///
    /// # Errors
    /// It does not come up; the message has what it said.
    pub async fn inspected(origins: &[OriginRow], key: &str) -> Result<(Self, u16)> {
        Self::serve(None, (Edge::Workerd, true), origins, key).await
    }

    /// The same with the worker `name` of `tests/bench/peers/js` in place of the edge.
    pub async fn peer(name: &str, kind: Edge, origins: &[OriginRow], key: &str) -> Result<Self> {
        Ok(Self::serve(Some(name), (kind, false), origins, key).await?.0)
    }

    async fn serve(
        peer: Option<&str>,
        (kind, inspected): (Edge, bool),
        origins: &[OriginRow],
        key: &str,
    ) -> Result<(Self, u16)> {
        let table = serde_json::to_string(origins)?;
        let (port, inspector) = (free_port()?, free_port()?);
        let directory = scratch()?;
        let modules = repository().join("node_modules");
        let mut command = match kind {
            Edge::Workerd => {
                let mut command = Command::new(workerd()?);
                match peer {
                    None => command.args(["serve", "edge/workerd.capnp"]),
                    Some(name) => command.args(["serve", PEERS[0], name]),
                };
                command.args(["--socket-addr", &format!("http=127.0.0.1:{port}")]);
                if inspected {
                    command.arg(format!("--inspector-addr=127.0.0.1:{inspector}"));
                }
                command.env("ORIGINS", table);
                command.env("LASTSEAT_EDGE_KEY", key);
                command
            }
            Edge::Wrangler => {
                let secrets = directory.path().join("secrets.env");
                std::fs::write(&secrets, format!("LASTSEAT_EDGE_KEY=\"{key}\"\n"))?;
                let mut command = Command::new(modules.join(".bin/node"));
                command.arg(modules.join("wrangler/bin/wrangler.js"));
                command.args(["dev", "--ip", "127.0.0.1", "--port", &port.to_string()]);
                if let Some(name) = peer {
                    command.args(["--config", PEERS[1], "--env", name]);
                }
                command.args(["--inspector-port", &inspector.to_string()]);
                command.args(["--show-interactive-dev-session=false", "--log-level", "error"]);
                command.arg("--persist-to").arg(directory.path().join("state"));
                command.args(["--var", &format!("ORIGINS:{table}")]);
                command.arg("--env-file").arg(secrets);
                command.env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
                command.env("WRANGLER_SEND_METRICS", "false").env("CI", "1");
                command
            }
            Edge::Gateway => {
                if let Some(name) = peer {
                    bail!("{name} runs in workerd or wrangler");
                }
                let mut command = Command::new(lastseat()?);
                command.args(["gateway", "--listen", &format!("127.0.0.1:{port}")]);
                command.args(["--admin-listen", "127.0.0.1:0"]);
                command.env("ORIGINS", table);
                command.env("LASTSEAT_EDGE_KEY", key);
                command
            }
            Edge::None | Edge::Public => bail!("an edge is wanted"),
        };
        command.current_dir(repository());
        let program = Program::start(kind.as_str(), command)?;
        let url = format!("http://127.0.0.1:{port}");
        let end = Instant::now() + READY_WITHIN;
        while HttpClient::new(&url)?.get("/").await.is_err() {
            if Instant::now() > end {
                bail!("no edge: {}", program.notes());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok((Self { program, url, _directory: directory }, inspector))
    }
}
