//! Seal of an append-only file: keeps new writes apart from a half-written script.
//!
//! With `aof-load-truncated yes`, its default, Redis cuts the half command off the end of a file
//! but leaves the MULTI before it, and the start after the next one carries the half script out.
//! Where we start Redis the file is made whole first (`deploy/redis/make-whole`). Everywhere else a
//! rewrite is begun before anything else is sent: with its beginning, not with its end, Redis goes
//! on in a new file, and the old one is only read up to its last whole script.

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tracing::warn;

/// Time between two looks at a rewrite that waits for a snapshot to end.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Begins a rewrite of the append-only file, unless one was begun since the server was started;
/// `persistence` is that section of its `INFO`, `load_truncated` the answer to
/// `CONFIG GET aof-load-truncated`.
///
/// # Errors
/// The server still reads its file, or the rewrite cannot be begun. It does not come back while the
/// server has to wait with it.
pub(super) async fn seal(
    connection: &mut MultiplexedConnection,
    persistence: &str,
    load_truncated: &Value,
) -> Result<(), RedisError> {
    if is_loading(persistence) {
        // While it reads its file it says that it has none: whether that ends with half a script is
        // known afterwards.
        let why = "it reads its append-only file".to_owned();
        return Err(redis::make_extension_error("LOADING".to_owned(), Some(why)));
    }
    if !may_stand_behind_a_half_script(persistence, load_truncated) {
        return Ok(());
    }
    let rewrite = redis::cmd("BGREWRITEAOF").exec_async(connection).await;
    if let Err(why) = &rewrite
        && may_not_be_asked(why)
    {
        warn_once(why);
        return Ok(());
    }
    loop {
        let persistence: String =
            redis::cmd("INFO").arg("persistence").query_async(connection).await?;
        if rewrite_was_begun(&persistence) {
            return Ok(());
        }
        // Another connection's rewrite may have been in the way, and be the one that was begun.
        if rewrite.is_err() && field(&persistence, "aof_rewrite_scheduled") != Some("1") {
            return rewrite;
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

fn is_loading(persistence: &str) -> bool {
    field(persistence, "loading").is_some_and(|loading| loading != "0")
}

fn may_stand_behind_a_half_script(persistence: &str, load_truncated: &Value) -> bool {
    field(persistence, "aof_enabled") == Some("1")
        && !rewrite_was_begun(persistence)
        && !refuses_half_scripts(load_truncated)
}

/// `aof_rewrites` counts beginnings; `CONFIG RESETSTAT` sets it back, but not how long the last one
/// took.
fn rewrite_was_begun(persistence: &str) -> bool {
    let differs = |name, from| field(persistence, name).is_some_and(|value| value != from);
    differs("aof_rewrite_in_progress", "0")
        || differs("aof_last_rewrite_time_sec", "-1")
        || differs("aof_rewrites", "0")
}

/// Whether the server starts on whole files only. One that does not let us ask may start on any.
fn refuses_half_scripts(load_truncated: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => bytes == b"no",
        Value::SimpleString(text) => text == "no",
        _ => false,
    };
    match load_truncated {
        Value::Array(pair) => pair.get(1).is_some_and(text),
        Value::Map(pairs) => pairs.first().is_some_and(|(_, value)| text(value)),
        _ => false,
    }
}

/// Refused by the users of the server, or renamed: that stays so.
fn may_not_be_asked(why: &RedisError) -> bool {
    why.code() == Some("NOPERM")
        || why.detail().is_some_and(|detail| detail.contains("unknown command"))
}

fn warn_once(why: &RedisError) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        warn!(
            "Redis does not let us rewrite its append-only file ({why}): after a crash that left \
             half a script at its \
             end, what is sold stands behind that, and the next start may sell tickets twice. Set \
             aof-load-truncated \
             no and run deploy/redis/make-whole before each start, or allow BGREWRITEAOF; \
             `lastseat doctor` looks"
        );
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: &str = "aof_enabled:1\r\naof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\n\
        aof_last_rewrite_time_sec:-1\r\naof_rewrites:0\r\n";

    fn answer(value: &str) -> Value {
        let words = ["aof-load-truncated", value];
        Value::Array(words.map(|word| Value::BulkString(word.into())).to_vec())
    }

    #[test]
    fn a_file_is_sealed_once_after_each_start_where_half_scripts_may_be_left_in_it() {
        let needed = |from: &str, to: &str| {
            may_stand_behind_a_half_script(&STARTED.replace(from, to), &answer("yes"))
        };
        assert!(needed("", ""));
        assert!(!needed("aof_enabled:1", "aof_enabled:0"));
        assert!(!needed("in_progress:0", "in_progress:1"));
        assert!(!needed("time_sec:-1", "time_sec:0"));
        assert!(!needed("aof_rewrites:0", "aof_rewrites:1"));
        // Waiting for a snapshot to end, it has not begun.
        assert!(needed("scheduled:0", "scheduled:1"));
        assert!(!may_stand_behind_a_half_script(STARTED, &answer("no")));
        assert!(may_stand_behind_a_half_script(STARTED, &Value::Nil));
        // A server that reads its file says that it keeps none.
        assert!(is_loading("loading:1\r\naof_enabled:0\r\n"));
        assert!(!is_loading("loading:0\r\naof_enabled:1\r\n"));
    }
}
