//! ACL check: whether this Redis user may run what the scripts call.
//!
//! `ACL` itself is refused to it; a script may ask.

use super::connection::{Stream, Trouble};
use super::redis_error::Fault;
use super::reply;
use super::scripts::Script;
use redis::{Cmd, Value};
use std::sync::LazyLock;

static RIGHTS: LazyLock<Script> =
    LazyLock::new(|| Script::new("rights", include_str!("../lua/rights.lua").to_owned()));

/// The command that moves a sale that has ended: no script calls it.
pub(super) const MOVE: &str = "SMOVE";

/// The commands that are missing at the server of `wire`.
///
/// # Errors
/// See [`Fault`].
pub(super) async fn missing(wire: &Stream) -> Result<Vec<String>, Fault> {
    let mut ask = redis::cmd("EVALSHA");
    ask.arg(&RIGHTS.hash).arg(0);
    let answer = match wire.send(&ask).await {
        Err(Trouble::Sent(error)) if error.code() == Some("NOSCRIPT") => {
            let load: Cmd = {
                let mut load = redis::cmd("SCRIPT");
                load.arg("LOAD").arg(&RIGHTS.text);
                load
            };
            wire.send(&load).await?;
            wire.send(&ask).await?
        }
        answer => answer?,
    };
    let Value::Array(names) = &answer else {
        return Err(reply::strange("a list of commands", &answer));
    };
    names.iter().map(|name| reply::text(name).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripts::SCRIPTS;
    use std::collections::BTreeSet;

    /// The words in single quotes that `before` stands before.
    fn quoted<'a>(text: &'a str, before: &str) -> BTreeSet<&'a str> {
        let parts = text.split(before).skip(1);
        let words = parts.filter_map(|part| part.strip_prefix('\'')?.split('\'').next());
        words.collect()
    }

    /// The commands that a script of this text calls: named in the call, or first in a list of
    /// words that `commit` and others make of a write. `peek.lua` reads what it can, whatever is
    /// permitted.
    fn commands<'a>(name: &str, text: &'a str) -> BTreeSet<&'a str> {
        let mut called = quoted(text, "redis.call(");
        called.extend(quoted(text, "redis.pcall("));
        if name != "peek" {
            called.extend(quoted(text, "{ "));
        }
        let command = |word: &&str| word.len() > 2 && word.bytes().all(|b| b.is_ascii_uppercase());
        called.into_iter().filter(command).collect()
    }

    #[test]
    fn each_command_that_a_script_calls_is_asked_for_and_no_other() {
        let mut called: BTreeSet<&str> = SCRIPTS
            .all()
            .into_iter()
            .flat_map(|script| commands(script.name, &script.text))
            .collect();
        assert!(called.len() > 10, "{called:?}");
        let (_, list) = RIGHTS.text.split_once("ipairs({ ").unwrap();
        let (list, _) = list.split_once(" })").unwrap();
        let asked: BTreeSet<&str> =
            list.split(',').map(|word| word.trim().trim_matches('\'')).collect();
        called.insert(MOVE);
        assert_eq!(asked, called);
    }

    #[test]
    fn the_users_of_the_deployment_may_run_each_of_them() {
        let users = include_str!("../../../deploy/redis/users.acl");
        let mut users = users.lines();
        let ours = users.find(|line| line.starts_with("user lastseat ")).unwrap();
        let granted: BTreeSet<String> = ours
            .split_whitespace()
            .filter_map(|word| Some(word.strip_prefix('+')?.to_ascii_uppercase()))
            .collect();
        for script in SCRIPTS.all() {
            for command in commands(script.name, &script.text) {
                assert!(granted.contains(command), "{}: {command}", script.name);
            }
        }
    }
}
