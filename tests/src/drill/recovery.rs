//! How long all sales stand still after Redis was killed and started again, by the number of sales: with its whole file,
//! and with a file that lost its end.

use super::scene::Scene;
use super::script::ms;
use crate::harness::http::request;
use crate::harness::{Client, Cluster, Edge, Setup, TcpRedis, ledger};
use anyhow::{Context, Result, bail};
use hyper::Method;
use lastseat::clock;
use lastseat::ledger::{Ledger, LedgerUrl};
use lastseat::timestamp::Rfc3339;
use shared::{Capacity, OrderId, SaleId, Terms, UnixMillis};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// So long all sales may stand still after Redis answers, however many they are.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// With a file that lost orders of every sale, four nodes restore each of them first.
const RESTORED_WITHIN: Duration = Duration::from_secs(20);
/// Buyers who ask at the same time.
const AT_ONCE: usize = 8;
/// Orders that are lost, at least.
const ORDERS: usize = 48;
/// How long a buyer repeats an order that finds no answer, and somebody waits for a line of the log.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a node says at the end of its recovery.
const ENDS: [&str; 2] = ["all go on after", "sales go on after"];

pub(super) async fn by_number_of_sales(scene: &mut Scene) -> Result<()> {
    let many: &[usize] = if scene.long {
        &[1, 40, 400, 4_000]
    } else {
        &[1, 40, 400]
    };
    for sales in many {
        whole_file(scene, *sales).await?;
        lost_end(scene, *sales).await?;
    }
    Ok(())
}

/// A Redis with so many sales, and four nodes.
struct Stand {
    cluster: Cluster,
    redis: TcpRedis,
    sales: usize,
}

fn name(sale: usize) -> String {
    format!("sale-{sale:04}")
}

fn key(group: &str, order: usize) -> String {
    format!("{group}-order-{order:08}")
}

impl Stand {
    async fn start(sales: usize) -> Result<Self> {
        let redis = TcpRedis::start().await?;
        let url = LedgerUrl::parse(&redis.url()).map_err(anyhow::Error::msg)?;
        let ledger = Ledger::connect(&url).await;
        let ledger = ledger.map_err(|error| anyhow::anyhow!("{error}"))?;
        let capacity = Capacity::new(1_000_000).context("a capacity")?;
        for sale in 0..sales {
            let id = SaleId::parse(&name(sale)).context("a sale id")?;
            ledger
                .create_sale(&id, capacity, &Terms::default(), true)
                .await?;
        }
        let cluster = Cluster::start(&Setup {
            weights: vec![1; 4],
            environment: vec![("REDIS_URL".to_owned(), redis.url())],
            ..Setup::with_edge(Edge::None)
        })?;
        let stand = Self {
            cluster,
            redis,
            sales,
        };
        // Every sale is asked for at every node: then all have found all.
        for place in 0..4 {
            stand
                .one_each(&format!("first-{place}"), sales, Some(place))
                .await?;
        }
        Ok(stand)
    }

    /// An order in each sale, spread over the nodes or all at one; the longest that one waited.
    async fn one_each(&self, group: &str, orders: usize, at: Option<usize>) -> Result<Duration> {
        let mut lanes = JoinSet::new();
        for lane in 0..AT_ONCE {
            let urls: Vec<String> = self
                .cluster
                .nodes
                .iter()
                .map(|node| node.url.clone())
                .collect();
            let (sales, group) = (self.sales, group.to_owned());
            lanes.spawn(async move {
                let clients: Result<Vec<Client>> =
                    urls.iter().map(|url| Client::new(url)).collect();
                let mut clients = clients?;
                let mut longest = Duration::ZERO;
                for order in (lane..orders).step_by(AT_ONCE) {
                    let place = at.unwrap_or(order % clients.len());
                    let sale = name(order % sales);
                    let took = buy(&mut clients[place], &sale, &key(&group, order)).await?;
                    longest = longest.max(took);
                }
                anyhow::Ok(longest)
            });
        }
        let mut longest = Duration::ZERO;
        while let Some(lane) = lanes.join_next().await {
            longest = longest.max(lane??);
        }
        Ok(longest)
    }

    /// When the last node said in its log that all its sales go on, after `since`.
    async fn until_all_go_on(&mut self, since: UnixMillis) -> Result<UnixMillis> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let notes = self.cluster.program().notes();
            let said = notes
                .lines()
                .filter(|line| ENDS.iter().any(|end| line.contains(end)));
            let at: Vec<UnixMillis> = said.filter_map(moment).filter(|at| *at >= since).collect();
            if at.len() >= 4 {
                return at.into_iter().max().context("four of them");
            }
            sleep(Duration::from_millis(10)).await;
        }
        bail!("not all nodes said that their sales go on")
    }

    /// How many orders of `group` Redis does not have.
    async fn missing(&self, group: &str, orders: usize) -> Result<usize> {
        let mut missing = 0;
        for sale in 0..self.sales.min(orders) {
            let has = ledger::orders(&self.redis.url(), &name(sale)).await?;
            for order in (sale..orders).step_by(self.sales) {
                let id = OrderId::parse(&key(group, order)).context("an order id")?;
                missing += usize::from(!has.contains_key(&id));
            }
        }
        Ok(missing)
    }
}

/// The moment at which a line of the log was written.
fn moment(line: &str) -> Option<UnixMillis> {
    let at = line
        .split_whitespace()
        .find(|word| word.ends_with('Z') && word.contains('T'))?;
    // The log has microseconds.
    let millis = at.trim_matches('"').get(..23)?;
    Rfc3339::parse(&format!("{millis}Z"))
}

/// Buys a ticket, repeated until it is granted; how long that took.
async fn buy(client: &mut Client, sale: &str, key: &str) -> Result<Duration> {
    let path = format!("/v1/sales/{sale}/orders");
    let body = format!(r#"{{"buyer":"of-{key}","quantity":1}}"#);
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let asked = request(Method::POST, &path, &[("idempotency-key", key)], &body)?;
        match client.send(asked).await {
            Ok(answer) if answer.status.is_success() => return Ok(begun.elapsed()),
            _ => sleep(Duration::from_millis(10)).await,
        }
    }
    bail!("sale {sale} did not sell for {PATIENCE:?}")
}

fn since(earlier: UnixMillis, later: UnixMillis) -> Duration {
    Duration::from_millis(later.since(earlier))
}

async fn whole_file(scene: &mut Scene, sales: usize) -> Result<()> {
    let mut stand = Stand::start(sales).await?;
    stand.redis.kill()?;
    stand.redis.start_again(&[])?;
    stand.redis.answers().await?;
    let answers = clock::now();
    let pause = since(answers, stand.until_all_go_on(answers).await?);
    let longest = stand.one_each("afterwards", sales, None).await?;
    let mut record = scene.record.borrow_mut();
    record.actions.push(format!(
        "kill -9 of Redis with {sales} sales, and its start"
    ));
    record.came(sales as u64, sales as u64, 0, longest.as_micros() as u64);
    record.measure(
        &format!("{sales} sales, whole file: all go on after"),
        ms(pause),
    );
    record.demand(pause <= PAUSE_MAX, || {
        format!("{sales} sales stood still for {pause:?} although nothing was lost")
    });
    drop(record);
    stand.cluster.stop()
}

async fn lost_end(scene: &mut Scene, sales: usize) -> Result<()> {
    let mut stand = Stand::start(sales).await?;
    let length = stand.redis.tail_length()?;
    let orders = ORDERS.max(sales);
    stand.one_each("lost", orders, None).await?;
    stand.redis.kill()?;
    let bytes = stand.redis.tail_length()? - length;
    stand.redis.cut_tail(bytes)?;
    stand.redis.start_again(&[])?;
    stand.redis.answers().await?;
    let answers = clock::now();
    let pause = since(answers, stand.until_all_go_on(answers).await?);
    let missing = stand.missing("lost", orders).await?;
    stand.one_each("afterwards", sales, None).await?;
    let mut record = scene.record.borrow_mut();
    record.actions.push(format!(
        "kill -9 of Redis with {sales} sales, the last {bytes} bytes of its file lost with {orders} orders, and its start"
    ));
    record.came((orders + sales) as u64, (orders + sales) as u64, 0, 0);
    record.measure(
        &format!("{sales} sales, {orders} orders lost: all are restored and go on after"),
        ms(pause),
    );
    record.measure(
        &format!("{sales} sales: acknowledged orders missing"),
        missing,
    );
    record.demand(missing == 0, || {
        format!("{missing} of {orders} acknowledged orders are missing with {sales} sales and all nodes alive")
    });
    record.demand(pause <= RESTORED_WITHIN, || {
        format!("{sales} sales stood still for {pause:?}")
    });
    drop(record);
    stand.cluster.stop()
}
