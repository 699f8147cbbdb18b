//! Doctor check: the ports of a cluster are free, or which process has them.

use super::report::DoctorFinding;
use lastseat_cluster::process::port_is_taken;
use lastseat_cluster::state_file::ClusterState;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Nodes, their operators' listeners, the edge: what `lastseat cluster` takes without flags.
const PORTS: [u16; 9] = [3001, 3002, 3003, 3004, 3101, 3102, 3103, 3104, 8787];

pub(super) fn inspect(data_dir: &Path) -> Vec<DoctorFinding> {
    let taken: Vec<u16> = PORTS.into_iter().filter(|port| port_is_taken(*port)).collect();
    let ours = ports_of_cluster(data_dir);
    let (ours, others): (Vec<u16>, Vec<u16>) =
        taken.into_iter().partition(|port| ours.contains(port));
    let mut findings = Vec::new();
    if !ours.is_empty() {
        let found = format!("{} belong to the cluster in {}", list(&ours), data_dir.display());
        findings.push(DoctorFinding::ok("ports", found));
    } else if others.is_empty() {
        findings.push(DoctorFinding::ok("ports", "3001-3004, 3101-3104 and 8787 are free"));
    }
    let owners = owners();
    findings.extend(others.into_iter().map(|port| {
        let who = owners.get(&port).map_or_else(
            || "another user's program".to_owned(),
            |(pid, name)| format!("{name} (process {pid})"),
        );
        DoctorFinding::warn(
            "ports",
            format!("{port} is taken by {who}"),
            format!(
                "stop it (`ss -ltnp 'sport = :{port}'` shows it), or choose others with --ports \
                 and \
                 --edge-port"
            ),
        )
    }));
    findings
}

fn list(ports: &[u16]) -> String {
    let words: Vec<String> = ports.iter().map(u16::to_string).collect();
    words.join(", ")
}

fn ports_of_cluster(data_dir: &Path) -> Vec<u16> {
    let Ok(Some(state)) = ClusterState::read(data_dir) else {
        return Vec::new();
    };
    let nodes = state.nodes.iter().flat_map(|node| [&node.url, &node.admin]);
    nodes
        .chain(state.edges.iter().map(|edge| &edge.url))
        .filter_map(|url| url.rsplit(':').next()?.parse().ok())
        .collect()
}

/// Process and name by listening port, as far as this user may know. Linux only.
fn owners() -> HashMap<u16, (u32, String)> {
    let mut ports = HashMap::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = fs::read_to_string(table).unwrap_or_default();
        ports.extend(text.lines().skip(1).filter_map(listening));
    }
    let mut owners = HashMap::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        let files = fs::read_dir(process.path().join("fd"));
        for file in files.into_iter().flatten().flatten() {
            let Ok(target) = fs::read_link(file.path()) else {
                continue;
            };
            if let Some(port) = ports.get(&*target.to_string_lossy()) {
                owners.insert(*port, (pid, name.trim().to_owned()));
            }
        }
    }
    owners
}

/// Reads a line of `/proc/net/tcp`: the socket's name in `/proc/<pid>/fd`, and its port, if it
/// listens.
fn listening(line: &str) -> Option<(String, u16)> {
    const LISTEN: &str = "0A";
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (_, port) = words.get(1)?.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let inode = words.get(9)?;
    (words.get(3) == Some(&LISTEN)).then(|| (format!("socket:[{inode}]"), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn who_has_a_port_is_known_by_name() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (pid, name) = owners().remove(&port).unwrap();
        assert_eq!(pid, std::process::id());
        assert!(!name.is_empty());
    }
}
