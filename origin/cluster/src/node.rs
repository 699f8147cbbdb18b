//! Supervised node: `lastseat serve` as a child process.

use super::keys::Keys;
use super::member::Member;
use super::state_file::StateFile;
use crate::plan::NodePlan;
use crate::process::{self, Running};
use lastseat_ledger::Replicas;
use lastseat_node::ready_line::NodeEntry;
use lastseat_node::secret::Secret;
use lastseat_node::telemetry::logging::{self, LogFormat};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};

/// A node listens within this time, or its ledger is in trouble.
const READY: Duration = Duration::from_secs(20);

/// What all nodes of a cluster have in common.
#[derive(Debug)]
pub(super) struct NodeSetting {
    /// The ledger, with its password.
    pub(super) redis_url: Secret,
    /// The replicas that it waits for.
    pub(super) replicas: Option<Replicas>,
    /// The token of the admin calls.
    pub(super) admin_token: Secret,
    /// The token of the shop's call.
    pub(super) shop_token: Secret,
    /// The keys of scoped tokens.
    pub(super) token_keys: Secret,
    /// With which nodes sign pay links. No edge has it.
    pub(super) pay_key: Secret,
    /// What it shares with the edges.
    pub(super) keys: Keys,
    /// Its threads.
    pub(super) threads: usize,
    /// Whether it serves clients without an edge, too.
    pub(super) direct: bool,
    /// What one client may ask of it, if that is limited.
    pub(super) client_rate: Option<String>,
    /// Pages of other hosts that may call it.
    pub(super) allowed_origins: Option<String>,
    /// How lines of the log look.
    pub(super) log_format: LogFormat,
    /// Where everything is kept.
    pub(super) data_dir: PathBuf,
    /// Whether anybody may make the shop's calls.
    pub(super) demo: bool,
}

/// One node.
#[derive(Debug)]
pub(super) struct NodeMember {
    /// Number, weight and ports; any port is replaced by the one that was taken.
    pub(super) plan: NodePlan,
    /// What it has in common with the others.
    pub(super) setting: Arc<NodeSetting>,
    /// Where its entry goes, whenever it has started.
    pub(super) state_file: Arc<StateFile>,
}

impl Member for NodeMember {
    fn name(&self) -> String {
        format!("node {}", self.plan.id)
    }

    fn spawn(&mut self) -> Result<Running, String> {
        let start = || {
            let mut command = process::ourselves()?;
            let NodePlan { id, weight, port, admin_port, public_port, .. } = self.plan;
            command.arg("serve").arg("--json").arg("--stop-with-stdin");
            command.args(["--node", &id.to_string(), "--weight", &weight.to_string()]);
            command.args(["--listen", &format!("127.0.0.1:{port}")]);
            command.args(["--admin-listen", &format!("127.0.0.1:{admin_port}")]);
            command.args(["--threads", &self.setting.threads.to_string()]);
            command.arg("--data-dir").arg(&self.setting.data_dir);
            if let Some(port) = public_port {
                command.args(["--public", &format!("127.0.0.1:{port}")]);
                command.args(["--public-admin-listen", "127.0.0.1:0"]);
                command.args(["--client-ip", "connection"]);
            }
            if self.setting.demo {
                command.arg("--demo");
            }
            if self.setting.direct {
                command.arg("--insecure-direct");
            }
            if let Some(rate) = &self.setting.client_rate {
                command.args(["--client-rate", rate]);
            }
            if let Some(origins) = &self.setting.allowed_origins {
                command.args(["--allowed-origins", origins]);
            }
            if let Some(Replicas { count, within_ms }) = self.setting.replicas {
                command.args(["--wait-replicas", &count.to_string()]);
                command.args(["--wait-ms", &within_ms.to_string()]);
            }
            // By environment: arguments are for everybody to see.
            command.env("REDIS_URL", self.setting.redis_url.reveal());
            command.env("LASTSEAT_ADMIN_TOKEN", self.setting.admin_token.reveal());
            command.env("LASTSEAT_SHOP_TOKEN", self.setting.shop_token.reveal());
            command.env("LASTSEAT_TOKEN_KEYS", self.setting.token_keys.reveal());
            command.env("LASTSEAT_PAY_KEY", self.setting.pay_key.reveal());
            self.setting.keys.give(&mut command);
            command.env(logging::FORMAT, self.setting.log_format.as_str());
            if logging::words().is_none() {
                command.env("LASTSEAT_LOG", "warn");
            }
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            Running::start(self.name(), &mut command)
        };
        start().map_err(|e| format!("{} cannot be started: {e}", self.name()))
    }

    async fn ready(&mut self, running: &mut Running) -> Result<(), String> {
        let Some(stdout) = running.stdout() else {
            return Err(format!("{} has no stdout", self.name()));
        };
        let mut line = String::new();
        let mut stdout = BufReader::new(stdout);
        let read = tokio::time::timeout(READY, stdout.read_line(&mut line)).await;
        if read.is_err() {
            return Err(format!("{} did not listen within {READY:?}", self.name()));
        }
        // Without a line it has said on stderr what was wrong.
        let mut entry: NodeEntry = serde_json::from_str(&line)
            .map_err(|_| format!("{} did not start; its reason is above", self.name()))?;
        // A node that is started again comes back to its ports: edges know them.
        let port = |url: &str| url.rsplit(':').next()?.parse().ok();
        self.plan.port = port(&entry.url).unwrap_or(self.plan.port);
        self.plan.admin_port = port(&entry.admin).unwrap_or(self.plan.admin_port);
        if let Some(public) = &entry.public {
            self.plan.public_port = port(&public.url);
        }
        entry.zone.clone_from(&self.plan.zone);
        self.state_file.change(|state| {
            state.nodes.retain(|node| node.id != entry.id);
            state.nodes.push(entry);
            state.nodes.sort_by_key(|node| node.id);
        });
        Ok(())
    }
}
