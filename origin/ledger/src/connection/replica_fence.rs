//! Replica fence: the write and the WAIT that follow a change on its connection.

/// How long the key lives that a fence writes, in seconds.
const FENCE_LIFE_S: u64 = 10;

/// How many replicas must have a change before its buyer gets a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// So many, at least one.
    pub count: u32,
    /// After this time without them the outcome is unknown, in milliseconds.
    pub within_ms: u64,
}

/// What follows a change on its connection: a small write, and a WAIT for it.
///
/// WAIT is promised to stand for the last write of its own connection (Redis 7 happens to take in
/// all that was before), so it need say nothing of an order that came over an earlier connection
/// and is only repeated here: hence a write of its own, to the same slot.
pub(crate) struct Fence {
    key: String,
    replicas: Replicas,
}

impl Fence {
    pub(crate) const fn new(key: String, replicas: Replicas) -> Self {
        Self { key, replicas }
    }

    pub(crate) fn write(&self) -> redis::Cmd {
        let mut write = redis::cmd("SET");
        write.arg(&self.key).arg(1).arg("EX").arg(FENCE_LIFE_S);
        write
    }

    pub(crate) fn wait(&self) -> redis::Cmd {
        let mut wait = redis::cmd("WAIT");
        wait.arg(self.replicas.count).arg(self.replicas.within_ms);
        wait
    }

    /// Whether the replies to both say that enough replicas have it.
    pub(crate) fn holds(&self, written: &redis::Value, waited: &redis::Value) -> bool {
        let enough = i64::from(self.replicas.count);
        matches!(written, redis::Value::Okay)
            && matches!(waited, redis::Value::Int(acknowledged) if *acknowledged >= enough)
    }
}
