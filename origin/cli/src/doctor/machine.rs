//! Limits of this process, which a node has, too.

use super::report::DoctorFinding;
use lastseat_node::http::server::CONNECTIONS_MAX;
use rustix::process::{Resource, getrlimit};

/// Files beside connections: Redis, logs, sockets.
const OTHER_FILES: u64 = 100;

/// Each connection of a buyer is an open file. A node takes as many as its user may have.
pub(super) fn file_descriptors() -> DoctorFinding {
    let wanted = CONNECTIONS_MAX as u64 + OTHER_FILES;
    match getrlimit(Resource::Nofile).maximum {
        Some(limit) if limit < wanted => DoctorFinding::warn(
            "files",
            format!(
                "a process may open {limit} files; a node takes up to {CONNECTIONS_MAX} connections"
            ),
            format!("ulimit -Hn {wanted} before it starts, or LimitNOFILE={wanted} in its unit"),
        ),
        Some(limit) => DoctorFinding::ok("files", format!("a process may open {limit}")),
        None => DoctorFinding::ok("files", "no limit"),
    }
}
