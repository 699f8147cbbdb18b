//! An edge alone, in front of whatever origins a test names.

use lastseat_tests::harness::paths::{repository, scratch};
use lastseat_tests::harness::{Client, Edge, Program};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// `wrangler dev` on a busy machine needs most of it.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// A running edge.
pub(crate) struct LoneEdge {
    // Before the directory, so that it is stopped before its files go.
    pub(crate) program: Program,
    pub(crate) url: String,
    _directory: TempDir,
}

impl LoneEdge {
    /// Starts one of this kind with the secret `LASTSEAT_EDGE_KEY`.
    pub(crate) async fn start(kind: Edge, origins: &[String], key: &str) -> Self {
        let rows: Vec<_> = origins
            .iter()
            .map(|url| serde_json::json!({ "url": url }))
            .collect();
        let table = serde_json::to_string(&rows).unwrap();
        let (port, inspector) = (free_port(), free_port());
        let directory = scratch().unwrap();
        let modules = repository().join("node_modules");
        let mut command = match kind {
            Edge::Workerd => {
                let mut command = Command::new(workerd(&modules));
                command.args(["serve", "edge/workerd.capnp", "--socket-addr"]);
                command.arg(format!("http=127.0.0.1:{port}"));
                command.env("ORIGINS", table);
                command.env("LASTSEAT_EDGE_KEY", key);
                command
            }
            Edge::Wrangler => {
                let secrets = directory.path().join("secrets.env");
                std::fs::write(&secrets, format!("LASTSEAT_EDGE_KEY=\"{key}\"\n")).unwrap();
                let mut command = Command::new(modules.join(".bin/node"));
                command.arg(modules.join("wrangler/bin/wrangler.js"));
                command.args(["dev", "--ip", "127.0.0.1", "--port", &port.to_string()]);
                command.args(["--inspector-port", &inspector.to_string()]);
                command.args([
                    "--show-interactive-dev-session=false",
                    "--log-level",
                    "error",
                ]);
                command
                    .arg("--persist-to")
                    .arg(directory.path().join("state"));
                command.args(["--var", &format!("ORIGINS:{table}")]);
                command.arg("--env-file").arg(secrets);
                command.env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
                command.env("WRANGLER_SEND_METRICS", "false").env("CI", "1");
                command
            }
            Edge::None => panic!("an edge is wanted"),
        };
        command.current_dir(repository());
        let program = Program::start(kind.as_str(), command).unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let end = Instant::now() + READY_WITHIN;
        while Client::new(&url).unwrap().get("/").await.is_err() {
            assert!(Instant::now() < end, "no edge: {}", program.notes());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self {
            program,
            url,
            _directory: directory,
        }
    }
}

/// The program itself, for this platform; the package `workerd` is a script that starts it.
fn workerd(modules: &Path) -> PathBuf {
    let packages = std::fs::read_dir(modules.join("@cloudflare")).unwrap();
    let programs = packages.map(|package| package.unwrap().path().join("bin/workerd"));
    let found = programs.into_iter().find(|path| path.is_file());
    found.expect("workerd is missing. Run 'make setup'")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
