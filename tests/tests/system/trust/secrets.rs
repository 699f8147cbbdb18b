//! Where secrets must not be.

use crate::trust::{ADA, SALE, cluster};
use lastseat_tests::harness::processes::command_line;
use lastseat_tests::harness::{Edge, HttpClient};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const EDGE: &str = "e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5";
const BUYER: &str = "b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7";
const SHOP: &str = "5555aaaa5555aaaa5555aaaa5555aaaa";
const SCOPED: &str = "5c0ed5c0ed5c0ed5c0ed5c0ed5c0ed00";
const ADMIN: &str = "adadadadadadadadadadadadadadadad";

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files_below(&entry.path(), found),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

async fn no_secret_is_for_everybody_to_see(kind: Edge) {
    let environment = [
        ("LASTSEAT_EDGE_KEY", EDGE),
        ("LASTSEAT_BUYER_KEY", BUYER),
        ("LASTSEAT_SHOP_TOKEN", SHOP),
        ("LASTSEAT_ADMIN_TOKEN", ADMIN),
        ("LASTSEAT_TOKEN_KEYS", SCOPED),
        ("LASTSEAT_LOG", "debug"),
    ];
    let mut cluster = cluster(kind, &environment).await;
    let mut edge = HttpClient::new(&cluster.edges[0]).unwrap();
    let answer = edge.order(SALE, None, ADA).await.unwrap();
    assert_eq!(answer.status, 401, "{}", answer.text());
    let secrets = [EDGE, BUYER, SHOP, ADMIN, SCOPED];

    let program = cluster.program();
    let mut lines = vec![command_line(program.pid())];
    let children = program.children();
    lines.extend(children.iter().map(|c| command_line(c.pid.unsigned_abs())));
    assert!(lines.len() > 5 && lines.iter().any(|line| line.contains("serve")));
    let notes = program.notes();
    assert!(notes.contains("serves"), "the nodes log: {notes}");
    for secret in secrets {
        let seen = lines.iter().find(|line| line.contains(secret));
        assert_eq!(seen, None);
        assert!(!notes.contains(secret), "{notes}");
    }

    let mut files = Vec::new();
    files_below(cluster.data_dir(), &mut files);
    let mut private = 0;
    for path in files {
        // A file of the edge's runtime may go while we look.
        let Ok(content) = fs::read(&path) else {
            continue;
        };
        let content = String::from_utf8_lossy(&content);
        if secrets.iter().any(|secret| content.contains(secret)) {
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} is for its owner only", path.display());
            assert!(path.extension().is_none_or(|e| e != "log"), "{path:?}");
            private += 1;
        }
    }
    assert!(private > 0, "cluster.json is among them");
}

#[tokio::test]
async fn no_secret_is_in_a_log_or_on_a_command_line_with_workerd() {
    no_secret_is_for_everybody_to_see(Edge::Workerd).await;
}

#[tokio::test]
async fn no_secret_is_in_a_log_or_on_a_command_line_with_a_gateway() {
    no_secret_is_for_everybody_to_see(Edge::Gateway).await;
}

#[tokio::test]
async fn no_secret_is_in_a_log_or_on_a_command_line_with_wrangler() {
    no_secret_is_for_everybody_to_see(Edge::Wrangler).await;
}
