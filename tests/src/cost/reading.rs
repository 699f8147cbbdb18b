//! What a Redis says of its memory and its CPU time.

use anyhow::{Context, Result};
use redis::aio::MultiplexedConnection;
use redis::cmd;

/// A connection beside the ledger's own.
#[derive(Clone)]
pub struct Gauge(MultiplexedConnection);

impl std::fmt::Debug for Gauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Gauge").finish_non_exhaustive()
    }
}

/// Bytes that the keys of a sale take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Order records.
    pub orders: u64,
    /// Tickets by buyer.
    pub buyers: u64,
    /// Deadlines of holds.
    pub holds: u64,
    /// The log.
    pub log: u64,
    /// What the whole server uses, its own tables included.
    pub used: u64,
}

impl Gauge {
    /// Connects.
    ///
    /// # Errors
    /// Nobody answers at `url`.
    pub async fn new(url: &str) -> Result<Self> {
        let client = redis::Client::open(url)?;
        // MEMORY USAGE over a million members takes a while.
        let patient = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&patient);
        Ok(Self(connection.await?))
    }

    /// CPU time of the thread that runs the scripts, in microseconds.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn cpu_us(&mut self) -> Result<f64> {
        let info = self.info("cpu").await?;
        let user = seconds(&info, "used_cpu_user_main_thread")?;
        let system = seconds(&info, "used_cpu_sys_main_thread")?;
        Ok((user + system) * 1e6)
    }

    /// What the sale takes now.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn bytes(&mut self, sale: &str) -> Result<Bytes> {
        let info = self.info("memory").await?;
        Ok(Bytes {
            orders: self.key(sale, "orders").await?,
            buyers: self.key(sale, "buyers").await?,
            holds: self.key(sale, "holds").await?,
            log: self.key(sale, "log").await?,
            used: seconds(&info, "used_memory")? as u64,
        })
    }

    async fn key(&mut self, sale: &str, part: &str) -> Result<u64> {
        let mut command = cmd("MEMORY");
        let key = format!("lastseat:{{{sale}}}:{part}");
        // 0 samples: every member is counted.
        command.arg("USAGE").arg(key).arg("SAMPLES").arg(0);
        let bytes: Option<u64> = command.query_async(&mut self.0).await?;
        Ok(bytes.unwrap_or(0))
    }

    async fn info(&mut self, section: &str) -> Result<String> {
        Ok(cmd("INFO").arg(section).query_async(&mut self.0).await?)
    }
}

fn seconds(info: &str, name: &str) -> Result<f64> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .and_then(|value| value.trim().parse().ok())
        .with_context(|| format!("this Redis does not report {name}"))
}
