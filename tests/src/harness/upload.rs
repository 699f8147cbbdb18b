//! The edge as it goes to Cloudflare: what would be uploaded, and how long its runtime takes to
//! start.

use super::paths::{repository, workerd};
use super::{HttpClient, Program};
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Time after which an edge that does not answer is given up.
const START_WITHIN: Duration = Duration::from_secs(20);

/// `wrangler deploy --dry-run` of the production environment: what it says, and what it would
/// upload in `to`.
///
/// # Errors
/// It cannot be deployed; the message has what it said.
pub fn dry_run(to: &Path) -> Result<String> {
    dry_run_of(&repository(), to)
}

/// The same of the `wrangler.toml` in `folder`.
///
/// # Errors
/// It cannot be deployed; the message has what it said.
pub fn dry_run_of(folder: &Path, to: &Path) -> Result<String> {
    let modules = repository().join("node_modules");
    let output = Command::new(modules.join(".bin/node"))
        .arg(modules.join("wrangler/bin/wrangler.js"))
        .args(["deploy", "--dry-run", "--env", "production", "--outdir"])
        .arg(to)
        .current_dir(folder)
        .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
        .env("WRANGLER_SEND_METRICS", "false")
        .env("CI", "1")
        .env("NO_COLOR", "1")
        .output()
        .context("Node is missing. Run 'make setup'")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let notes = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{text}\n{notes}");
    Ok(text)
}

/// The size of the upload in KiB, compressed, in what [`dry_run`] said.
///
/// # Errors
/// It did not say.
pub fn gzip_kib(said: &str) -> Result<f64> {
    let number = said.split("gzip:").nth(1).and_then(|rest| rest.split("KiB").next());
    let number = number.with_context(|| format!("no size in {said}"))?;
    number.trim().parse().with_context(|| format!("no size in {said}"))
}

/// Time from the start of a bare workerd to the first answer of the edge's Wasm.
///
/// # Errors
/// It does not answer; the message has what it said.
pub async fn start() -> Result<Duration> {
    let port = lastseat_cluster::process::free_port()?;
    let mut command = Command::new(workerd()?);
    command
        .args(["serve", "edge/workerd.capnp", "--socket-addr"])
        .arg(format!("http=127.0.0.1:{port}"))
        .current_dir(repository());
    let begun = Instant::now();
    let mut workerd = Program::start("workerd", command)?;
    let mut client = HttpClient::new(&format!("http://127.0.0.1:{port}"))?;
    while client.get("/nothing").await.is_err() {
        if begun.elapsed() > START_WITHIN {
            bail!("workerd does not answer after {START_WITHIN:?}\n{}", workerd.notes());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = begun.elapsed();
    workerd.stop()?;
    Ok(took)
}
