//! Supervised edge: `wrangler dev`, bare workerd or a gateway as child processes.

use super::keys::Keys;
use super::member::Member;
use super::shared_port::SharedPort;
use super::state_file::{EdgeEntry, StateFile};
use crate::plan::EdgeKind;
use crate::process::{self, Running};
use lastseat_node::telemetry::logging;
use shared::Problem;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{ChildStdout, Command};

/// wrangler builds the edge first, which takes minutes the first time.
const READY: Duration = Duration::from_secs(600);
/// One look whether the edge answers; wrangler holds requests back while it builds.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);
/// Most that is read of its answer, in bytes.
const ANSWER_MAX: u64 = 16 * 1024;

/// One process of an edge.
#[derive(Debug)]
pub(super) struct EdgeMember {
    /// The number of its edge, from 1.
    pub(super) number: usize,
    /// Its own number among those that share the edge's port, from 1.
    pub(super) worker: usize,
    /// The program that runs it.
    pub(super) kind: EdgeKind,
    /// Its port, a real one.
    pub(super) port: u16,
    /// Threads of a gateway.
    pub(super) threads: usize,
    /// The same, if it shares it.
    pub(super) shared: Option<Arc<SharedPort>>,
    /// The root of the repository.
    pub(super) root: PathBuf,
    /// Its own directory.
    pub(super) directory: PathBuf,
    /// The table of origins, as JSON.
    pub(super) origins: String,
    /// With which it signs.
    pub(super) keys: Keys,
    /// The data centre that it stands in.
    pub(super) zone: Option<String>,
    /// Where its entry goes, whenever it has started.
    pub(super) state_file: Arc<StateFile>,
    /// What one client may ask of it, if that was given.
    pub(super) client_rate: Option<String>,
    /// Pages of other hosts that may call it.
    pub(super) allowed_origins: Option<String>,
}

impl EdgeMember {
    /// Its address.
    #[must_use]
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn command(&self) -> Result<Command, String> {
        let failed = |e: io::Error| format!("{} cannot be started: {e}", self.name());
        std::fs::create_dir_all(&self.directory).map_err(failed)?;
        let mut command = match self.kind {
            EdgeKind::Wrangler => self.wrangler(),
            EdgeKind::Workerd => self.workerd(),
            EdgeKind::Gateway => self.gateway(),
        }?;
        process::print_to(&mut command, &self.log_file()).map_err(failed)?;
        if let Some(port) = &self.shared {
            command.stdin(port.listener().map_err(failed)?);
            // Where it says that it listens: the others that share the port may answer before it
            // does.
            command.stdout(Stdio::piped());
        }
        command.current_dir(&self.root);
        Ok(command)
    }

    /// The script itself and not `npx`: a signal to `npx` leaves what it started behind.
    fn wrangler(&self) -> Result<Command, String> {
        let script = self.installed("wrangler/bin/wrangler.js")?;
        let own_node = self.root.join("node_modules/.bin/node");
        let node = if own_node.exists() { own_node } else { PathBuf::from("node") };
        let failed = |e: io::Error| format!("{} cannot be started: {e}", self.name());
        let inspector = process::free_port().map_err(failed)?;
        let mut command = process::bound(node).map_err(failed)?;
        command.arg(script).arg("dev").args([
            "--ip",
            "127.0.0.1",
            "--port",
            &self.port.to_string(),
        ]);
        command.args(["--inspector-port", &inspector.to_string()]);
        command.arg("--persist-to").arg(self.directory.join("state"));
        command.args(["--log-level", "error", "--show-interactive-dev-session=false"]);
        command.args(["--var", &format!("ORIGINS:{}", self.origins)]);
        if let Some(rate) = &self.client_rate {
            command.args(["--var", &format!("CLIENT_RATE:{rate}")]);
        }
        if let Some(origins) = &self.allowed_origins {
            command.args(["--var", &format!("ALLOWED_ORIGINS:{origins}")]);
        }
        let secrets = self.directory.join("secrets.env");
        self.keys.write_env_file(&secrets).map_err(failed)?;
        command.arg("--env-file").arg(secrets);
        if let Some(zone) = &self.zone {
            command.args(["--var", &format!("ZONE:{zone}")]);
        }
        command.env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
        command.env("WRANGLER_SEND_METRICS", "false").env("CI", "1");
        Ok(command)
    }

    fn gateway(&self) -> Result<Command, String> {
        let failed = |e: io::Error| format!("{} cannot be started: {e}", self.name());
        let mut command = process::ourselves().map_err(failed)?;
        command.args(["gateway", "--stop-with-stdin", "--client-ip", "connection"]);
        command.args(["--listen", &format!("127.0.0.1:{}", self.port)]);
        command.args(["--admin-listen", "127.0.0.1:0", "--threads", &self.threads.to_string()]);
        self.settings(&mut command);
        if logging::words().is_none() {
            command.env("LASTSEAT_LOG", "warn");
        }
        command.stdin(Stdio::piped());
        Ok(command)
    }

    /// The variables of an edge, in the environment: the table of nodes is long, and keys are for
    /// nobody to see.
    fn settings(&self, command: &mut Command) {
        command.env("ORIGINS", &self.origins);
        if let Some(rate) = &self.client_rate {
            command.env("CLIENT_RATE", rate);
        }
        if let Some(origins) = &self.allowed_origins {
            command.env("ALLOWED_ORIGINS", origins);
        }
        self.keys.give(command);
        // None, whatever our own environment says: without zones all nodes are near.
        command.env("ZONE", self.zone.as_deref().unwrap_or_default());
    }

    fn workerd(&self) -> Result<Command, String> {
        if !self.root.join("edge/build/index.js").exists() {
            return Err("the edge is not built. Build it with: make edge".to_owned());
        }
        let platform = match (std::env::consts::OS, std::env::consts::ARCH) {
            ("macos", "aarch64") => "darwin-arm64",
            ("macos", _) => "darwin-64",
            (_, "aarch64") => "linux-arm64",
            _ => "linux-64",
        };
        let program = self.installed(&format!("@cloudflare/workerd-{platform}/bin/workerd"))?;
        let failed = |e: io::Error| format!("{} cannot be started: {e}", self.name());
        let mut command = process::bound(program).map_err(failed)?;
        command.args(["serve", "edge/workerd.capnp"]);
        if self.shared.is_some() {
            command.args(["--socket-fd", "http=0", "--control-fd", "1"]);
        } else {
            command.args(["--socket-addr", &format!("http=127.0.0.1:{}", self.port)]);
        }
        self.settings(&mut command);
        Ok(command)
    }

    fn installed(&self, file: &str) -> Result<PathBuf, String> {
        let path = self.root.join("node_modules").join(file);
        if path.exists() {
            Ok(path)
        } else {
            Err(format!("{} is missing. Install it with: make setup", path.display()))
        }
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join(match self.shared {
            Some(_) => format!("worker-{}.log", self.worker),
            None => "edge.log".to_owned(),
        })
    }

    fn note(&self, pid: u32) {
        let entry = EdgeEntry {
            number: self.number,
            worker: self.worker,
            url: self.url(),
            pid,
            zone: self.zone.clone(),
        };
        self.state_file.change(|state| {
            let place = |edge: &EdgeEntry| (edge.number, edge.worker);
            state.edges.retain(|edge| place(edge) != place(&entry));
            state.edges.push(entry);
            state.edges.sort_by_key(place);
        });
    }

    /// Waits until it answers. An edge whose variables are wrong says so in every answer; one that
    /// shares its port has the variables of the others, so it does not matter which of them is
    /// asked.
    async fn answers(&self, control: Option<ChildStdout>) -> Result<(), String> {
        if let Some(control) = control {
            listens(control).await;
        }
        loop {
            match tokio::time::timeout(PROBE_TIMEOUT, said(self.port)).await {
                Ok(Ok(Said::Ready)) => return Ok(()),
                Ok(Ok(Said::Misconfigured(why))) => return Err(why),
                Ok(Ok(Said::NotHttp) | Err(_)) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

impl Member for EdgeMember {
    fn name(&self) -> String {
        match self.shared {
            Some(_) => format!("edge {}, worker {}", self.number, self.worker),
            None => format!("edge {}", self.number),
        }
    }

    fn spawn(&mut self) -> Result<Running, String> {
        Running::start(self.name(), &mut self.command()?)
            .map_err(|e| format!("{} cannot be started: {e}", self.name()))
    }

    async fn ready(&mut self, running: &mut Running) -> Result<(), String> {
        let log = self.log_file();
        let control = running.stdout();
        let why = tokio::select! {
            answers = self.answers(control) => match answers {
                Ok(()) => {
                    self.note(running.pid());
                    return Ok(());
                }
                Err(why) => return Err(format!("{} says: {why}", self.name())),
            },
            _ = running.wait() => "ended at once".to_owned(),
            () = tokio::time::sleep(READY) => format!("does not answer after {READY:?}"),
        };
        let (name, end) = (self.name(), process::tail(&log));
        Err(format!("{name} {why}. The end of {}:{end}", log.display()))
    }
}

/// Waits until a process says on its control descriptor that it listens; for ever if it ends
/// without having said so.
async fn listens(control: ChildStdout) {
    let mut control = BufReader::new(control);
    let mut line = String::new();
    while let Ok(1..) = control.read_line(&mut line).await {
        if line.contains(r#""event":"listen""#) {
            // What it says later is read and dropped: a full pipe would stop it.
            tokio::spawn(
                async move { tokio::io::copy(&mut control, &mut tokio::io::sink()).await },
            );
            return;
        }
        line.clear();
    }
    std::future::pending().await
}

/// What came back from an edge that was asked for something that it does not have.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    NotHttp,
    /// Anything that is no complaint.
    Ready,
    /// What is wrong with its variables, in words.
    Misconfigured(String),
}

impl Said {
    fn of(answer: &[u8]) -> Self {
        let text = String::from_utf8_lossy(answer);
        let Some(rest) = text.strip_prefix("HTTP/1.1 ") else {
            return Self::NotHttp;
        };
        // An edge that is set up knows no such address. Another 503 is that of a proxy before an
        // edge that starts.
        let body = rest.split_once("\r\n\r\n").map(|(_, body)| body);
        let problem = body.and_then(|body| serde_json::from_str::<Problem>(body).ok());
        match problem {
            Some(problem) if problem.status == 503 => Self::Misconfigured(problem.detail),
            _ => Self::Ready,
        }
    }
}

/// Asks whatever listens on `port`.
async fn said(port: u16) -> io::Result<Said> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request =
        format!("GET /livez HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).await?;
    Ok(Said::of(&answer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Code;

    #[test]
    fn an_edge_that_complains_is_not_ready() {
        let answer = |status: &str, body: &str| {
            Said::of(format!("HTTP/1.1 {status}\r\nx: y\r\n\r\n{body}").as_bytes())
        };
        let complaint = Problem {
            detail: "This edge is not set up: BALANCE".to_owned(),
            ..Problem::new(Code::Unavailable)
        };
        let complaint = serde_json::to_string(&complaint).unwrap();
        assert_eq!(
            answer("503 Service Unavailable", &complaint),
            Said::Misconfigured("This edge is not set up: BALANCE".to_owned())
        );
        let unknown = serde_json::to_string(&Problem::new(Code::NotFound)).unwrap();
        assert_eq!(answer("404 Not Found", &unknown), Said::Ready);
        assert_eq!(Said::of(b"SSH-2.0"), Said::NotHttp);
    }
}
