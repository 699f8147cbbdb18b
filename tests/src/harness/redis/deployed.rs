//! Each way in which the files of `deploy/` start a Redis.

use super::users::password;
use crate::harness::paths::repository;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployed {
    /// As `docs/DEPLOY.md` says: `make-whole`, then a server with `lastseat.conf`. The Redis of
    /// `lastseat cluster` runs the same script.
    Conf,
    /// The command of `deploy/compose.yaml`.
    Compose,
    /// The command of `deploy/kubernetes/redis.yaml`.
    Kubernetes,
}

impl Deployed {
    /// Whether it has the users of `deploy/redis/users.acl`; the other one gets them by
    /// `RedisSetup::with_users`.
    pub(super) const fn has_users(self) -> bool {
        matches!(self, Self::Compose | Self::Kubernetes)
    }

    /// The command, with its files and its socket in `directory`, and without a port.
    ///
    /// # Panics
    /// The file in `deploy/` is missing, or names no users.
    pub(super) fn command(self, directory: &Path) -> Command {
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
            let users = format!("--aclfile {place}/users.acl");
            assert!(script.contains(&users), "{script}");
            let own = own.replace('\n', " --");
            script.replace(&users, &format!("{users} --{own}"))
        };
        let script = match self {
            Self::Conf => format!(
                "set -e\n{0}/redis/make-whole {place}\nexec redis-server {0}/redis/lastseat.conf \
                 - <<END\n{own}\nEND\n",
                deploy.display()
            ),
            Self::Compose => from_file("compose.yaml"),
            Self::Kubernetes => from_file("kubernetes/redis.yaml"),
        };
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env("MAXMEMORY", "1gb");
        command.env("REDISCLI_AUTH", password("lastseat"));
        command.env("REDIS_ADMIN_PASSWORD", password("admin"));
        command
    }
}

/// The shell script under `- sh`, `- -c`, `- |` of a YAML file.
fn script_of(text: &str) -> String {
    let mut lines = text.lines().skip_while(|line| line.trim() != "- |");
    let first = lines.next().expect("a command");
    let depth = first.len() - first.trim_start().len() + 2;
    let block = lines.take_while(|line| line.len() - line.trim_start().len() >= depth);
    block.map(|line| format!("{}\n", &line[depth..])).collect()
}
