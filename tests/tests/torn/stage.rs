//! A Redis on files that lie in a directory, started in each way that this repository starts one.

use lastseat_ledger::{Ledger, LedgerUrl};
use lastseat_tests::harness::Program;
use lastseat_tests::harness::paths::{repository, tool};
use lastseat_tests::harness::redis::answers;
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);
/// The directory of Redis for its append-only files.
pub(crate) const FILES: &str = "appendonlydir";

/// How a Redis is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As `docs/DEPLOY.md` says: `make-whole`, then a server with `lastseat.conf`. Our own Redis
    /// runs the same script.
    Conf,
    /// The command of `deploy/compose.yaml`.
    Compose,
    /// The command of `deploy/kubernetes/redis.yaml`.
    Kubernetes,
    /// By somebody else, as Redis does by default: on half scripts, too.
    Plain,
    /// As `Plain`, where the ledger takes it for one that refuses half scripts and does not seal
    /// its file.
    Exposed,
}

/// A server that runs.
pub(crate) struct Server {
    // Before the directory, so that it is stopped before its files go.
    program: Program,
    directory: TempDir,
}

impl Server {
    /// Starts one on the files in `directory`. The files and what it said, where it does not come
    /// up.
    pub(crate) fn start(directory: TempDir, way: Way) -> Result<Self, (TempDir, String)> {
        Self::start_with(directory, way, &[])
    }

    /// As [`Server::start`], with more options, which only [`Way::Plain`] takes.
    pub(crate) fn start_with(
        directory: TempDir,
        way: Way,
        options: &[&str],
    ) -> Result<Self, (TempDir, String)> {
        let mut command = command(directory.path(), way);
        command.args(options).current_dir(directory.path());
        let mut program = Program::start("Redis", command).expect("it is started");
        let socket = directory.path().join("redis.sock");
        let begun = Instant::now();
        while answers(&socket).is_err() {
            let ended = program.wait(Duration::ZERO).is_ok();
            if ended {
                let mut said = program.notes();
                while let Ok(line) = program.line(Duration::from_millis(100)) {
                    said += &format!("\n{line}");
                }
                return Err((directory, said));
            }
            assert!(begun.elapsed() < PATIENCE, "{}", program.notes());
            std::thread::sleep(Duration::from_millis(3));
        }
        let server = Self { program, directory };
        if way == Way::Exposed {
            server.says(&["config", "set", "aof-load-truncated", "no"]);
        }
        Ok(server)
    }

    /// As a crash does: it is gone, its files are there.
    pub(crate) fn kill(mut self) -> TempDir {
        // With the child that may be rewriting the file.
        self.program.signal_group(Signal::KILL);
        self.program.wait(PATIENCE).expect("it is gone");
        self.directory
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}/redis.sock", self.directory.path().display())
    }

    /// The files of its append-only file.
    pub(crate) fn files(&self) -> std::path::PathBuf {
        self.directory.path().join(FILES)
    }

    /// What it answers to a command of redis-cli.
    pub(crate) fn says(&self, words: &[&str]) -> String {
        let mut command = Command::new(tool("redis-cli"));
        command.arg("-s").arg(self.directory.path().join("redis.sock"));
        let output = command.args(words).output().expect("redis-cli runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A ledger that knows nothing of the time before, as that of a node that was started now.
    pub(crate) async fn ledger(&self) -> Result<Ledger, String> {
        let url = LedgerUrl::parse(&self.url()).expect("an address");
        Ledger::connect(&url).await.map_err(|e| e.to_string())
    }
}

fn command(directory: &Path, way: Way) -> Command {
    let deploy = repository().join("deploy");
    let place = directory.display();
    let own = format!("port 0\nunixsocket {place}/redis.sock\ndir {place}");
    let from_file = |file: &str| {
        let text = fs::read_to_string(deploy.join(file)).expect("the file");
        let redis = deploy.join("redis");
        let script = script_of(&text)
            .replace("$$", "$")
            .replace("/etc/redis/", &format!("{}/", redis.display()))
            .replace("/data", &place.to_string());
        // No password here, but a place.
        let password = "requirepass $REDISCLI_AUTH";
        assert!(script.contains(password), "{script}");
        script.replace(password, &own)
    };
    let script = match way {
        Way::Conf => format!(
            "set -e\n{0}/redis/make-whole {place}\nexec redis-server {0}/redis/lastseat.conf - \
             <<END\n{own}\nEND\n",
            deploy.display()
        ),
        Way::Compose => from_file("compose.yaml"),
        Way::Kubernetes => from_file("kubernetes/redis.yaml"),
        Way::Plain | Way::Exposed => {
            let mut command = Command::new(tool("redis-server"));
            command.args(["--port", "0", "--save", "", "--appendonly", "yes"]);
            command.args(["--appendfsync", "always", "--dir"]).arg(directory);
            command.arg("--unixsocket").arg(directory.join("redis.sock"));
            return command;
        }
    };
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env("MAXMEMORY", "1gb");
    command
}

/// The shell script under `- sh`, `- -c`, `- |` of a YAML file.
fn script_of(text: &str) -> String {
    let mut lines = text.lines().skip_while(|line| line.trim() != "- |");
    let first = lines.next().expect("a command");
    let depth = first.len() - first.trim_start().len() + 2;
    let block = lines.take_while(|line| line.len() - line.trim_start().len() >= depth);
    block.map(|line| format!("{}\n", &line[depth..])).collect()
}
