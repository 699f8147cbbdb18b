//! A Redis whose last moments can be lost, with a replica if wanted, and nodes of their own
//! processes.

use lastseat_tests::harness::metrics::Metrics;
use lastseat_tests::harness::paths::{lastseat, scratch};
use lastseat_tests::harness::small_disk::SmallDisk;
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{HttpClient, PrivateRedis, Program, RedisSetup};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const SHOP: &str = "0123456789abcdef0123456789abcdef-shop";
const ADMIN: &str = "0123456789abcdef0123456789abcdef-admin";

/// One node.
pub(crate) struct Node {
    program: Option<Program>,
    number: u16,
    pub(crate) url: String,
    admin: String,
}

impl Node {
    pub(crate) fn kill(&mut self) {
        if let Some(mut program) = self.program.take() {
            let ended = program.stop_after(|program| program.signal(Signal::KILL));
            ended.expect("it is gone");
        }
    }

    /// Waits until it has ended.
    pub(crate) fn gone(&mut self) {
        if let Some(mut program) = self.program.take() {
            let ended = program.wait(Duration::from_secs(15));
            ended.expect("it has ended");
        }
    }

    /// Freezes it, or lets it go on.
    pub(crate) fn signal(&self, signal: Signal) {
        let program = self.program.as_ref().expect("a node that runs");
        program.signal(signal);
    }

    /// What `/readyz` answers.
    pub(crate) async fn ready(&self) -> (u16, String) {
        let mut client = HttpClient::new(&self.admin).expect("an address");
        let answer = client.get("/readyz").await.expect("an answer");
        (answer.status.as_u16(), answer.text())
    }

    pub(crate) fn client(&self) -> HttpClient {
        HttpClient::new(&self.url).expect("an address")
    }

    pub(crate) async fn metrics(&self) -> Metrics {
        let mut client = HttpClient::new(&self.admin).expect("an address");
        let answer = client.get("/metrics").await.expect("metrics");
        Metrics(answer.text())
    }

    /// What it said last.
    pub(crate) fn notes(&self) -> String {
        self.program.as_ref().map_or_else(String::new, Program::notes)
    }
}

/// Everything.
pub(crate) struct Stage {
    pub(crate) nodes: Vec<Node>,
    pub(crate) primary: PrivateRedis,
    pub(crate) replica: Option<PrivateRedis>,
    /// The disk of the nodes, if that is a small one.
    pub(crate) disk: Option<SmallDisk>,
    directory: TempDir,
}

impl Stage {
    /// Redis, with a replica if wanted, and so many nodes.
    pub(crate) fn new(nodes: u16, with_replica: bool) -> Self {
        Self::with(nodes, with_replica, None)
    }

    /// Redis without a replica, and nodes whose files are on a disk of so many MiB.
    pub(crate) fn on_a_small_disk(nodes: u16, mib: u32) -> Self {
        Self::with(nodes, false, Some(mib))
    }

    fn with(nodes: u16, with_replica: bool, disk_mib: Option<u32>) -> Self {
        let directory = scratch().expect("room");
        let server = || {
            let setup = RedisSetup::default().with_port();
            setup.options(&["--repl-diskless-sync-delay", "0"])
        };
        let primary = server().start();
        let replica = with_replica.then(|| server().replica_of(&primary).start());
        replica.iter().for_each(PrivateRedis::has_caught_up);
        let mut stage = Self { nodes: Vec::new(), primary, replica, disk: None, directory };
        fs::create_dir_all(stage.nodes_directory()).expect("room");
        stage.disk = disk_mib
            .map(|mib| SmallDisk::mount(&stage.nodes_directory(), mib).expect("a small disk"));
        stage.point_at_primary();
        stage.add_nodes(nodes);
        stage
    }

    /// So many nodes more.
    pub(crate) fn add_nodes(&mut self, nodes: u16) {
        let first = u16::try_from(self.nodes.len()).expect("few") + 1;
        let more = (first..first + nodes).map(|number| self.node(number));
        let more: Vec<Node> = more.collect();
        self.nodes.extend(more);
    }

    /// Stops all nodes at the same time, as an operator does.
    pub(crate) fn stop_nodes(&mut self) {
        for node in &self.nodes {
            node.signal(Signal::TERM);
        }
        for node in &mut self.nodes {
            if let Some(mut program) = node.program.take() {
                let ended = program.stop_after(|_| {});
                ended.expect("it ends well");
            }
        }
    }

    fn point_at(&self, socket: &Path) {
        let current = self.directory.path().join("redis.sock");
        let next = self.directory.path().join("next.sock");
        symlink(socket, &next).expect("a link");
        fs::rename(next, current).expect("the link is moved");
    }

    fn point_at_primary(&self) {
        self.point_at(&self.primary.socket());
    }

    /// Promotes the replica and leads the nodes there, as a failover does.
    pub(crate) fn fail_over(&self) {
        let replica = self.replica.as_ref().expect("a replica");
        assert_eq!(replica.says(&["REPLICAOF", "NO", "ONE"]).trim(), "OK");
        self.point_at(&replica.socket());
    }

    /// From now on the replica hears nothing.
    pub(crate) fn cut_off_replica(&self) {
        let replica = self.replica.as_ref().expect("a replica");
        assert_eq!(replica.says(&["REPLICAOF", "127.0.0.1", "1"]).trim(), "OK");
    }

    /// How clients reach the Redis of the moment.
    pub(crate) fn redis_url(&self) -> String {
        format!("redis+unix://{}/redis.sock", self.directory.path().display())
    }

    /// Where the nodes keep their files.
    pub(crate) fn nodes_directory(&self) -> PathBuf {
        self.directory.path().join("nodes")
    }

    fn node(&self, number: u16) -> Node {
        let program = lastseat().expect("the program");
        let command = match &self.disk {
            Some(disk) => disk.on_it(&program),
            None => Command::new(program),
        };
        let command = self.serve(command, number, &self.nodes_directory());
        let program = Program::start("a node", command).expect("a node");
        let line = program.line(Duration::from_secs(10));
        let line = line.unwrap_or_else(|e| panic!("{e}: {}", program.notes()));
        let entry: serde_json::Value = serde_json::from_str(&line).expect("an entry");
        let address = |name: &str| entry[name].as_str().expect("an address").to_owned();
        Node { url: address("url"), admin: address("admin"), program: Some(program), number }
    }

    /// A node of this number with its files in `directory`, whatever becomes of it.
    pub(crate) fn another_node(&self, number: u16, directory: &Path) -> Program {
        let command = Command::new(lastseat().expect("the program"));
        let command = self.serve(command, number, directory);
        Program::start("another node", command).expect("another node")
    }

    fn serve(&self, mut command: Command, number: u16, directory: &Path) -> Command {
        let any = "127.0.0.1:0";
        command
            .env_remove("LASTSEAT_EDGE_KEY")
            .args(["serve", "--insecure-direct", "--json"])
            .args(["--listen", any, "--admin-listen", any])
            .args(["--node", &number.to_string()])
            .args(["--redis-url", &self.redis_url()])
            .arg("--data-dir")
            .arg(directory)
            .env("LASTSEAT_ADMIN_TOKEN", ADMIN)
            .env("LASTSEAT_SHOP_TOKEN", SHOP);
        command
    }

    /// Kills the nodes and Redis.
    pub(crate) fn kill_all(&mut self) {
        self.nodes.iter_mut().for_each(Node::kill);
        self.primary.kill();
    }

    /// Starts a node again that was killed.
    pub(crate) fn start_again(&mut self, place: usize) {
        let number = self.nodes[place].number;
        self.nodes[place] = self.node(number);
    }

    /// `lastseat` at the nodes that live, or on the Redis of the moment.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let live = self.nodes.iter().filter(|node| node.program.is_some());
        let servers: Vec<&str> = live.map(|node| node.admin.as_str()).collect();
        let mut command = Command::new(lastseat().expect("the program"));
        command.env("REDIS_URL", self.redis_url()).env("LASTSEAT_SERVER", servers.join(","));
        command.env("LASTSEAT_ADMIN_TOKEN", ADMIN).args(arguments);
        command.output().expect("lastseat runs")
    }

    /// As [`Stage::run`], for one that ends well.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let notes = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {notes}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until no node heals anything.
    pub(crate) async fn is_whole(&self) {
        for node in self.nodes.iter().filter(|node| node.program.is_some()) {
            until_async("the sale is whole", async || {
                let healing = node.metrics().await.count("lastseat_sales_healing", &[]);
                (healing == 0).then_some(())
            })
            .await;
        }
    }

    /// The sum of a counter over the nodes that live.
    pub(crate) async fn sum(&self, counter: &str) -> u64 {
        let mut sum = 0;
        for node in self.nodes.iter().filter(|node| node.program.is_some()) {
            sum += node.metrics().await.count(counter, &[]);
        }
        sum
    }
}
