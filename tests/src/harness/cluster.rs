//! The whole system on this machine: `lastseat cluster`, as a user starts it.

use super::paths::{lastseat, repository, scratch};
use super::program::Program;
use super::system::{RedisAt, System};
use anyhow::{Context, Result};
use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Time until everything answers. `wrangler dev` on a busy machine needs most of it.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// What runs the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Edge {
    /// No edge: requests go to the nodes.
    None,
    /// `wrangler dev`.
    Wrangler,
    /// Bare workerd.
    Workerd,
    /// `lastseat gateway`.
    Gateway,
    /// None: each node faces buyers itself.
    Public,
}

/// The variable that names the edge under test.
pub const EDGE_UNDER_TEST: &str = "LASTSEAT_TEST_EDGE";

impl Edge {
    /// The edge that tests of what every edge promises run with: bare workerd, or the one that
    /// `LASTSEAT_TEST_EDGE` names.
    ///
    /// # Panics
    /// It names none.
    #[must_use]
    pub fn under_test() -> Self {
        match std::env::var(EDGE_UNDER_TEST) {
            Ok(word) => Self::from_str(&word, false).expect("the name of an edge"),
            Err(_) => Self::Workerd,
        }
    }

    /// The word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Wrangler => "wrangler",
            Self::Workerd => "workerd",
            Self::Gateway => "gateway",
            Self::Public => "public",
        }
    }
}

/// How a cluster is started.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What runs the edge.
    pub edge: Edge,
    /// How many edges run.
    pub edges: usize,
    /// How many processes share the port of each.
    pub workers: u16,
    /// The weights of the nodes; so many of them run.
    pub weights: Vec<u32>,
    /// Whether nodes serve clients without an edge, too.
    pub direct: bool,
    /// Another build of `lastseat` than the one under test.
    pub program: Option<PathBuf>,
    /// More arguments.
    pub arguments: Vec<String>,
    /// More variables of its environment.
    pub environment: Vec<(String, String)>,
}

impl Setup {
    /// One edge of this kind; without any, clients reach the nodes themselves.
    #[must_use]
    pub fn with_edge(edge: Edge) -> Self {
        Self {
            edge,
            edges: 1,
            workers: 1,
            weights: vec![1, 2, 3, 4],
            direct: matches!(edge, Edge::None),
            program: None,
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }
}

/// A running cluster, stopped when dropped. It is used as the [`System`] that it is.
#[derive(Debug)]
pub struct Cluster {
    // Before the directory, so that it is stopped before its files go.
    program: Program,
    system: System,
    directory: TempDir,
}

impl Deref for Cluster {
    type Target = System;

    fn deref(&self) -> &System {
        &self.system
    }
}

impl Cluster {
    /// Starts one and waits until everything answers.
    ///
    /// # Errors
    /// It does not come up; the message has what it said.
    pub fn start(setup: &Setup) -> Result<Self> {
        let directory = scratch()?;
        let weights: Vec<String> = setup.weights.iter().map(ToString::to_string).collect();
        let mut command = Command::new(setup.program.clone().map_or_else(lastseat, Ok)?);
        command
            .current_dir(repository())
            .env_remove("REDIS_URL")
            .env_remove("LASTSEAT_EDGE_KEY")
            .env_remove("LASTSEAT_BUYER_KEY")
            .env_remove("LASTSEAT_CLIENT_RATE")
            .env_remove("LASTSEAT_ALLOWED_ORIGINS")
            .envs(setup.environment.iter().map(|(name, value)| (name, value)))
            .args(["cluster", "--json", "--ports", "0", "--edge-port", "0"])
            .args(["--weights", &weights.join(",")])
            .arg("--data-dir")
            .arg(directory.path());
        if setup.edge == Edge::Public {
            command.arg("--public");
        } else if setup.edge != Edge::None {
            command.args(["--edge", setup.edge.as_str()]);
            command.args(["--edges", &setup.edges.to_string()]);
            // A gateway has a thread a core unless told otherwise.
            if setup.edge != Edge::Gateway || setup.workers > 1 {
                command.args(["--workers", &setup.workers.to_string()]);
            }
        }
        if setup.direct {
            command.arg("--insecure-direct");
        }
        command.args(&setup.arguments);
        command.envs(setup.environment.iter().map(|(name, value)| (name, value)));
        let program = Program::start("lastseat cluster", command)?;
        let line = program.line(READY_WITHIN)?;
        let mut system: System = serde_json::from_str(&line)
            .with_context(|| format!("the first line of lastseat cluster: {line}"))?;
        system.add_public_sides();
        Ok(Self { program, system, directory })
    }

    /// Starts one with four nodes and one edge of this kind.
    ///
    /// # Panics
    /// It does not come up.
    #[must_use]
    pub fn with_edge(edge: Edge) -> Self {
        Self::start(&Setup::with_edge(edge)).expect("the cluster comes up")
    }

    /// Stops it.
    ///
    /// # Errors
    /// It did not stop by itself, or left a process behind.
    pub fn stop(mut self) -> Result<()> {
        self.program.stop()?;
        Ok(())
    }

    /// Its process: that of `lastseat cluster`, whose children are all others.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// The program, for tests of how it ends.
    pub const fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// Its data directory, where commands find `cluster.json`.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.directory.path()
    }

    /// Where everything is.
    #[must_use]
    pub const fn system(&self) -> &System {
        &self.system
    }

    /// The same, for tests that reach edges and ledger on other ways than those that the cluster
    /// was told.
    #[must_use]
    pub fn reached_by(mut self, edges: Vec<String>, ledger: &str) -> Self {
        self.system.edges = edges;
        self.system.redis = Some(RedisAt { url: ledger.to_owned() });
        self
    }
}

impl System {
    /// Kills the node with the largest share with SIGKILL; returns its number.
    ///
    /// # Errors
    /// Its process is not known.
    pub fn kill_heaviest_node(&self) -> Result<u32> {
        let node = self.nodes.iter().max_by_key(|node| node.weight);
        let node = node.context("there is no node")?;
        let pid = node.pid.and_then(|pid| Pid::from_raw(pid.cast_signed()));
        kill_process(pid.context("its process is not known")?, Signal::KILL)?;
        Ok(node.id)
    }
}
