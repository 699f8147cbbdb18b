//! Where the ledger is.

use redis::{ConnectionInfo, IntoConnectionInfo};
use std::fmt;

/// Address of a Redis: `redis://[user:password@]host:port/[db]` or `unix:/path/of.sock`.
#[derive(Clone)]
pub struct LedgerUrl {
    info: ConnectionInfo,
    shown: String,
}

impl LedgerUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// A sentence that shows what a valid one looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let normal = match text.strip_prefix("unix:") {
            Some(path) => format!("redis+unix://{}", path.trim_start_matches("//")),
            None => text.to_owned(),
        };
        let info = normal.as_str().into_connection_info().map_err(|e| {
            format!(
                "not an address of a Redis: {e}. Write redis://127.0.0.1:6379/0, \
                 redis://user:password@host:6379/0 or unix:/run/redis/redis.sock"
            )
        })?;
        let settings = info.tcp_settings().clone().set_nodelay(true);
        let shown = match info.redis_settings().password() {
            Some(password) => text.replace(password, "***"),
            None => text.to_owned(),
        };
        Ok(Self {
            info: info.set_tcp_settings(settings),
            shown,
        })
    }

    pub(super) fn info(&self) -> ConnectionInfo {
        self.info.clone()
    }
}

impl fmt::Display for LedgerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for LedgerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_never_shows_its_password() {
        let url = LedgerUrl::parse("redis://shop:s3cret@127.0.0.1:6379/0").unwrap();
        assert!(!format!("{url} {url:?}").contains("s3cret"));
    }

    #[test]
    fn both_forms_of_a_socket_path_are_understood() {
        assert!(LedgerUrl::parse("unix:/run/redis.sock").is_ok());
        assert!(LedgerUrl::parse("redis+unix:///run/redis.sock").is_ok());
        assert!(
            LedgerUrl::parse("127.0.0.1")
                .unwrap_err()
                .contains("redis://")
        );
    }
}
