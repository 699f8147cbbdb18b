//! Certificates of one test's own: an authority, and a server's certificate for 127.0.0.1.

use super::paths::{scratch, tool};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// PEM files in a directory of their own; valid for a day.
#[derive(Debug)]
pub struct Certificates {
    directory: TempDir,
}

impl Certificates {
    /// Makes an authority and a certificate that it has signed, for servers and for clients.
    ///
    /// # Panics
    /// openssl is missing or refuses.
    #[must_use]
    pub fn make() -> Self {
        let directory = scratch().expect("room for certificates");
        let here = directory.path();
        let names = "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n";
        fs::write(here.join("names"), names).expect("a file");
        openssl(here, "req -x509 -nodes -days 1 -subj /CN=authority -keyout ca.key -out ca.pem");
        openssl(here, "req -nodes -subj /CN=server -keyout server.key -out server.csr");
        openssl(
            here,
            "x509 -req -days 1 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
             -extfile names -out server.pem",
        );
        Self { directory }
    }

    /// The file of this name: `ca.pem`, `server.pem` or `server.key`.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The options of a redis-server or Sentinel that speaks TLS on `port`.
    #[must_use]
    pub fn redis_options(&self, port: u16) -> Vec<String> {
        let file = |name| self.file(name).display().to_string();
        [
            ("--tls-port", port.to_string()),
            ("--tls-cert-file", file("server.pem")),
            ("--tls-key-file", file("server.key")),
            ("--tls-ca-cert-file", file("ca.pem")),
            ("--tls-replication", "yes".to_owned()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
    }

    /// What the address of the ledger has behind its question mark.
    #[must_use]
    pub fn query(&self) -> String {
        let file = |name| self.file(name).display().to_string();
        format!("ca={}&cert={}&key={}", file("ca.pem"), file("server.pem"), file("server.key"))
    }
}

/// Runs openssl with these words in `directory`; a new key, if one is asked for, is one of P-256.
///
/// # Panics
/// openssl is missing or refuses.
pub fn openssl(directory: &Path, words: &str) {
    let mut command = Command::new(tool("openssl"));
    command.current_dir(directory).args(words.split_ascii_whitespace());
    if words.contains("-keyout") {
        command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    }
    let made = command.output().expect("openssl runs");
    assert!(made.status.success(), "{words}: {}", String::from_utf8_lossy(&made.stderr));
}
