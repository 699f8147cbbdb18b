//! The orders of a sale as they lie in Redis, read past the system under test: what a node says
//! about its ledger proves nothing about the ledger.

use super::wait::PATIENCE;
use anyhow::{Context, Result};
use redis::{AsyncConnectionConfig, Client, RedisResult, cmd};
use shared::{Order, OrderId};
use std::collections::HashMap;

/// Fields that one round of the scan asks for.
const PAGE: usize = 2_000;

/// How a test waits for Redis: for as long as a busy machine needs. The crate's own patience is
/// half a second.
pub(super) fn patient() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE))
}

/// A client of the Redis at `url`: lastseat also takes `unix:/path`, which the redis crate does not
/// know.
///
/// # Errors
/// It is no address.
pub fn client(url: &str) -> RedisResult<Client> {
    match url.strip_prefix("unix:") {
        Some(path) => Client::open(format!("redis+unix://{}", path.trim_start_matches("//"))),
        None => Client::open(url),
    }
}

/// All orders of `sale`, by id.
///
/// # Errors
/// Redis does not answer, or holds a record that lastseat does not write.
pub async fn orders(redis_url: &str, sale: &str) -> Result<HashMap<OrderId, Order>> {
    let client = client(redis_url).with_context(|| format!("the Redis at {redis_url}"))?;
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&patient())
        .await
        .with_context(|| format!("the Redis at {redis_url}"))?;
    let key = format!("lastseat:{{{sale}}}:orders");
    let mut found = HashMap::new();
    let mut cursor = 0u64;
    loop {
        let (next, page): (u64, Vec<(String, String)>) = cmd("HSCAN")
            .arg(&key)
            .arg(cursor)
            .arg("COUNT")
            .arg(PAGE)
            .query_async(&mut connection)
            .await?;
        // A scan may name a field twice; the map has it once.
        for (id, record) in page {
            let id = OrderId::parse(&id).with_context(|| format!("order id {id:?}"))?;
            let order = Order::unpack(&id, &record)?;
            found.insert(id, order);
        }
        if next == 0 {
            return Ok(found);
        }
        cursor = next;
    }
}
