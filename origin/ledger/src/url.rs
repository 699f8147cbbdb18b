//! Ledger URL: single server, Sentinel, Cluster or Unix socket.

use super::tls::{Tls, TlsFiles};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use shared::auth::secret_rules::{self, SecretError};
use std::fmt;

/// Servers that one address can name.
const NAMED_MAX: usize = 64;
const CLUSTER: &str = "redis+cluster://";
const SENTINEL: &str = "redis+sentinel://";

/// Address of the ledger:
/// * `redis://[user:password@]host:port/[db]` or `unix:/path/of.sock`: one server
/// * `redis+cluster://[user:password@]host:port,host:port`: some nodes of a Redis Cluster
/// * `redis+sentinel://[user:password@]host:port,host:port/name[/db]`: Sentinels, and the name by
///   which they name the primary. The credentials are those of Redis; Sentinels that ask for some
///   get `?sentinel-user=...&sentinel-password=...`
///
/// With `rediss` instead of `redis` every connection is encrypted. Trusted are the authorities of
/// the system, or those of `?ca=/path/of/ca.pem`; a server that asks for a certificate gets
/// `&cert=/path/of/cert.pem&key=/path/of/key.pem`. The files are read once.
#[derive(Clone)]
pub struct LedgerUrl {
    topology: Topology,
    shown: String,
}

/// Which servers there are.
#[derive(Clone)]
pub(super) enum Topology {
    /// Always the same one.
    One(ServerAddress),
    /// Each master has some of the slots.
    Cluster(Vec<ServerAddress>),
    /// The one that Sentinels name.
    Sentinel {
        sentinels: Vec<ServerAddress>,
        /// The name of the primary there.
        primary: String,
        /// How to log in to it.
        access: Access,
    },
}

/// How to log in to a server, wherever it is.
#[derive(Clone, Default)]
pub(super) struct Access {
    /// User, password, database.
    pub(super) settings: RedisConnectionInfo,
    /// `None` = unencrypted.
    pub(super) tls: Option<Tls>,
}

impl Access {
    /// The same login at another place, written `host:port`; `None` where that is no address.
    pub(super) fn at(&self, place: &str) -> Option<ServerAddress> {
        let (host, port) = place.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address = ConnectionAddr::Tcp(host.to_owned(), port.parse().ok()?);
        let info = address.into_connection_info().ok()?;
        let info = no_delay(info.set_redis_settings(self.settings.clone()));
        Some(ServerAddress { info, tls: self.tls.clone() })
    }
}

/// One server: where it is, and how to log in.
#[derive(Clone)]
pub(super) struct ServerAddress {
    pub(super) info: ConnectionInfo,
    /// `None` = unencrypted.
    pub(super) tls: Option<Tls>,
}

impl ServerAddress {
    pub(super) fn addr(&self) -> &ConnectionAddr {
        self.info.addr()
    }

    /// The login, for other servers that take the same.
    pub(super) fn access(&self) -> Access {
        Access { settings: self.info.redis_settings().clone(), tls: self.tls.clone() }
    }
}

impl LedgerUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// A sentence that shows what a valid one looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        if secret_rules::is_sample(text) {
            return Err(SecretError::Sample.to_string());
        }
        let (plain, tls) = match text.strip_prefix("rediss") {
            Some(rest) if rest.starts_with(['+', ':']) => {
                let (plain, files) = without_files(&format!("redis{rest}"))?;
                (plain, Some(Tls::read(&files)?))
            }
            _ => (text.to_owned(), None),
        };
        let topology = if let Some(rest) = plain.strip_prefix(CLUSTER) {
            cluster(rest, tls)?
        } else if let Some(rest) = plain.strip_prefix(SENTINEL) {
            sentinel(rest, tls)?
        } else {
            let info = one(&plain)?;
            if tls.is_some() && !matches!(info.addr(), ConnectionAddr::Tcp(..)) {
                return Err("a Unix socket needs no TLS: write unix:/path/of.sock".to_owned());
            }
            Topology::One(ServerAddress { info, tls })
        };
        Ok(Self { topology, shown: without_passwords(text) })
    }

    /// How a server of this `redis_mode` has to be named, if not like this.
    pub(super) fn other_scheme(&self, mode: &str) -> Option<&'static str> {
        match (mode, &self.topology) {
            ("cluster", Topology::Cluster(_)) => None,
            ("cluster", _) => Some("redis+cluster://host:port,host:port"),
            ("sentinel", _) => Some("redis+sentinel://host:port,host:port/name"),
            _ => None,
        }
    }

    pub(super) const fn topology(&self) -> &Topology {
        &self.topology
    }
}

fn one(text: &str) -> Result<ConnectionInfo, String> {
    let normal = match text.strip_prefix("unix:") {
        Some(path) => format!("redis+unix://{}", path.trim_start_matches("//")),
        None => text.to_owned(),
    };
    let info = normal.as_str().into_connection_info();
    let info = info.map_err(|e| {
        format!(
            "not an address of a Redis: {e}. Write redis://127.0.0.1:6379/0, \
             redis://user:password@host:6379/0, unix:/run/redis/redis.sock, \
             {CLUSTER}host:6379,host:6379 or {SENTINEL}host:26379,host:26379/name; with TLS \
             rediss://host:6379/0?ca=/path/of/ca.pem"
        )
    })?;
    Ok(no_delay(info))
}

/// The address without the names of TLS files in its query, and these.
fn without_files(text: &str) -> Result<(String, TlsFiles), String> {
    let (front, query) = text.split_once('?').unwrap_or((text, ""));
    let mut files = TlsFiles::default();
    let mut left = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let file = match pair.split_once('=') {
            Some(("ca", file)) => (&mut files.ca, file),
            Some(("cert", file)) => (&mut files.cert, file),
            Some(("key", file)) => (&mut files.key, file),
            _ => {
                left.push(pair);
                continue;
            }
        };
        if file.1.is_empty() || file.0.replace(file.1.into()).is_some() {
            return Err("ca=, cert= and key= each name one file of the form PEM".to_owned());
        }
    }
    let query = if left.is_empty() { String::new() } else { format!("?{}", left.join("&")) };
    Ok((format!("{front}{query}"), files))
}

fn cluster(rest: &str, tls: Option<Tls>) -> Result<Topology, String> {
    let (user, hosts) = user_and_hosts(rest.trim_end_matches('/'));
    if hosts.contains(['/', '?']) {
        return Err(format!(
            "{CLUSTER} takes hosts and ports only: a Redis Cluster has no databases"
        ));
    }
    Ok(Topology::Cluster(each(CLUSTER, user, hosts, tls.as_ref())?))
}

fn sentinel(rest: &str, tls: Option<Tls>) -> Result<Topology, String> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (servers, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (primary, db) = path.split_once('/').unwrap_or((path, "0"));
    let (user, hosts) = user_and_hosts(servers);
    if primary.is_empty() {
        return Err(format!(
            "{SENTINEL} needs the name by which the Sentinels know the primary: \
             {SENTINEL}host:26379,host:26379/name"
        ));
    }
    let mut asking = String::new();
    let mut password = String::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sentinel-user", value)) => value.clone_into(&mut asking),
            Some(("sentinel-password", value)) => value.clone_into(&mut password),
            _ => {
                return Err(format!(
                    "{SENTINEL} knows sentinel-user and sentinel-password after the question mark"
                ));
            }
        }
    }
    let credentials = match (asking.as_str(), password.as_str()) {
        ("", "") => String::new(),
        (user, password) => format!("{user}:{password}@"),
    };
    // The host is not used: the Sentinels name it.
    let settings = one(&format!("redis://{user}primary/{db}"))?;
    Ok(Topology::Sentinel {
        sentinels: each(SENTINEL, &credentials, hosts, tls.as_ref())?,
        primary: primary.to_owned(),
        access: Access { settings: settings.redis_settings().clone(), tls },
    })
}

/// `user:password@`, if it is there, and what follows.
fn user_and_hosts(text: &str) -> (&str, &str) {
    let user = text.rfind('@').map_or(0, |at| at + 1);
    text.split_at(user)
}

fn each(
    scheme: &str,
    user: &str,
    hosts: &str,
    tls: Option<&Tls>,
) -> Result<Vec<ServerAddress>, String> {
    let hosts: Vec<&str> = hosts.split(',').map(str::trim).collect();
    let named = |host: &&str| {
        let port = host.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        matches!(port, Some(Ok(1..)))
    };
    if hosts.len() > NAMED_MAX || !hosts.iter().all(named) {
        return Err(format!(
            "{scheme} takes 1 to {NAMED_MAX} servers, each with its port: \
             {scheme}host:port,host:port"
        ));
    }
    let server = |host| {
        let info = one(&format!("redis://{user}{host}"))?;
        Ok(ServerAddress { info, tls: tls.cloned() })
    };
    hosts.iter().map(server).collect()
}

fn no_delay(info: ConnectionInfo) -> ConnectionInfo {
    let settings = info.tcp_settings().clone().set_nodelay(true);
    info.set_tcp_settings(settings)
}

fn without_passwords(text: &str) -> String {
    let (front, query) = text.split_once('?').unwrap_or((text, ""));
    let mut shown = front.to_owned();
    let begin = front.find("://").map_or(0, |at| at + 3);
    let end = front[begin..].find('/').map_or(front.len(), |at| begin + at);
    if let Some(at) = front[begin..end].rfind('@')
        && let Some(colon) = front[begin..begin + at].find(':')
    {
        shown.replace_range(begin + colon + 1..begin + at, "***");
    }
    let hidden = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if name.contains("pass") => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    let query: Vec<String> = hidden.collect();
    match query.join("&") {
        query if query.is_empty() => shown,
        query => format!("{shown}?{query}"),
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
        for text in [
            "redis://shop:s3cret@127.0.0.1:6379/0",
            "redis://:s3cret@127.0.0.1:6379/0",
            "redis://shop:%733cret@127.0.0.1:6379/0",
            "redis+unix:///run/redis.sock?user=shop&pass=s3cret",
            "redis+cluster://shop:s3cret@10.0.0.1:7000,10.0.0.2:7000",
            "redis+sentinel://shop:s3cret@10.0.0.1:26379/tickets/0?sentinel-password=s3cret",
        ] {
            let url = LedgerUrl::parse(text).unwrap();
            let shown = format!("{url} {url:?}");
            assert!(!shown.contains("3cret"), "{shown}");
            assert!(shown.contains("***"), "{shown}");
        }
    }

    #[test]
    fn both_forms_of_a_socket_path_are_understood() {
        assert!(LedgerUrl::parse("unix:/run/redis.sock").is_ok());
        assert!(LedgerUrl::parse("redis+unix:///run/redis.sock").is_ok());
        assert!(LedgerUrl::parse("127.0.0.1").unwrap_err().contains("redis://"));
    }

    #[test]
    fn a_cluster_is_named_by_some_of_its_nodes() {
        let url = "redis+cluster://shop:p%40ss@10.0.0.1:7000,[::1]:7001";
        let Topology::Cluster(seeds) = LedgerUrl::parse(url).unwrap().topology else {
            panic!("no cluster");
        };
        let places: Vec<String> = seeds.iter().map(|s| s.addr().to_string()).collect();
        assert_eq!(places, ["10.0.0.1:7000", "::1:7001"]);
        assert_eq!(seeds[1].access().settings.password(), Some("p@ss"));
    }

    #[test]
    fn sentinels_have_credentials_of_their_own() {
        let url = "redis+sentinel://shop:key@a:26379,b:26379/tickets/2?sentinel-password=other";
        let Topology::Sentinel { sentinels, primary, access } =
            LedgerUrl::parse(url).unwrap().topology
        else {
            panic!("no Sentinels");
        };
        assert_eq!((sentinels.len(), primary.as_str()), (2, "tickets"));
        let asked = sentinels[1].access().settings;
        assert_eq!((asked.username(), asked.password()), (None, Some("other")));
        let settings = access.settings;
        assert_eq!(settings.username(), Some("shop"));
        assert_eq!((settings.password(), settings.db()), (Some("key"), 2));
        let plain = LedgerUrl::parse("redis+sentinel://shop:key@a:26379/tickets").unwrap();
        let Topology::Sentinel { sentinels, .. } = plain.topology else {
            panic!("no Sentinels");
        };
        assert_eq!(sentinels[0].access().settings.password(), None);
    }

    #[test]
    fn what_is_missing_is_said() {
        for (text, said) in [
            ("redis+cluster://10.0.0.1", "host:port"),
            ("redis+cluster://", "host:port"),
            ("redis+cluster://a:7000/1", "no databases"),
            ("redis+sentinel://a:26379", "name"),
            ("redis+sentinel://a:26379/tickets?password=x", "sentinel-user"),
            ("rediss://a:6379/0?ca=/nowhere/ca.pem", "/nowhere/ca.pem"),
            ("rediss://a:6379/0?cert=/c.pem", "name both files"),
            ("rediss://a:6379/0?ca=", "one file"),
            ("rediss+unix:///run/redis.sock", "needs no TLS"),
            ("redisss://a:6379", "rediss://"),
        ] {
            let why = LedgerUrl::parse(text).unwrap_err();
            assert!(why.contains(said), "{text}: {why}");
        }
    }
}
