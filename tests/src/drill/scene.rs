//! One drill's scene: the system, the crowd that buys on it, and what is noted on the way.

use super::{again, train};
use crate::harness::proxy::Proxy;
use crate::harness::{AuditRun, Cluster, Edge, LoneEdge, PrivateRedis, RedisSetup, Setup};
use crate::load::{
    Buyers, CrowdLoad, CrowdOutcomes, LoadRequest, LoadStage, LoadTally, OrderOutcome, Pace,
    Percentiles, Travellers, seat_verdict, send, verdict,
};
use anyhow::{Context, Result, anyhow};
use futures_util::future::LocalBoxFuture;
use lastseat_ledger::scripts::SCRIPTS;
use shared::plan::Plan;
use shared::upstream::balancer::OriginRow;
use shared::{Order, OrderId};
use std::cell::{RefCell, RefMut};
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// The sale of a drill.
pub(super) const SALE: &str = "drill";
/// Connections that carry the buyers.
const CONNECTIONS: u32 = 48;
/// Edges of a drill that does not say otherwise.
pub(super) const EDGES: usize = 3;
/// Edges where every link is breakable.
const LINKED_EDGES: usize = 2;
/// What nodes and edges share there.
const KEY: &str = "drill:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";

/// The system of a drill: four nodes of the weights 1 to 4, and ...
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// ... three edges, with more arguments and variables.
    Cluster(&'static [&'static str], &'static [(&'static str, &'static str)]),
    /// ... so many edges of so many workers, of bare workerd whatever runs the edges of the others.
    Workerd { edges: usize, workers: u16 },
    /// ... one such edge, and a shop with this token.
    Shop(&'static str),
    /// ... two such edges, and proxies of ours between each edge and each node, and between the
    /// nodes and Redis, whose disk has so many MiB if it is a small one.
    Links(Option<u32>),
}

/// What a crowd buys, if no plan was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goods {
    /// One ticket each, of a sale that counts them.
    Tickets,
    /// Journeys in a train with seats for nine of ten.
    Train,
}

/// A crowd that comes while the fault lasts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) goods: Goods,
    /// How much longer than the fault buyers come, in seconds: in the short form, in the long one.
    pub(super) rest_s: [u32; 2],
    /// How many times the rate that was asked for.
    pub(super) times: u32,
    /// Tickets for so many buyers: the sale sells while the fault lasts and is sold out at the end.
    pub(super) tickets: (u32, u32),
    /// Tickets that are added meanwhile.
    pub(super) added: u32,
    /// Whether buyers may see a 5xx, in the two honest ways: that the ledger is away.
    pub(super) may_see_faults: bool,
}

/// What is noted while a drill runs.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) actions: Vec<String>,
    pub(super) measures: Vec<(String, String)>,
    pub(super) violations: Vec<String>,
    /// Orders that a fault took from the ledger, whose buyers therefore may have a yes and no
    /// order.
    pub(super) excused: BTreeSet<String>,
    /// How many of those buyers there were.
    pub(super) missing: u64,
    pub(super) buyers: u64,
    pub(super) granted: u64,
    pub(super) faults: u64,
    pub(super) slowest: Duration,
}

impl Record {
    pub(super) fn measure(&mut self, what: &str, value: impl ToString) {
        self.measures.push((what.to_owned(), value.to_string()));
    }

    /// Notes a broken promise unless it was kept.
    pub(super) fn demand(&mut self, kept: bool, otherwise: impl FnOnce() -> String) {
        if !kept {
            self.violations.push(otherwise());
        }
    }

    /// Notes what became of a crowd.
    pub(super) fn came(&mut self, buyers: u64, granted: u64, faults: u64, slowest: Duration) {
        self.buyers += buyers;
        self.granted += granted;
        self.faults += faults;
        self.slowest = self.slowest.max(slowest);
    }
}

/// The links of a system, each breakable.
#[derive(Debug)]
pub(super) struct Links {
    // In the order in which they are stopped.
    edges: Vec<LoneEdge>,
    /// Before each node.
    pub(super) to_nodes: Vec<Proxy>,
    /// Before Redis; all nodes use it.
    pub(super) to_ledger: Proxy,
    pub(super) redis: PrivateRedis,
}

/// How a drill is run.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) edge: Edge,
    pub(super) rate: u32,
    pub(super) long: bool,
    pub(super) seed: u64,
    /// What crowds buy, if that was asked for.
    pub(super) plan: Option<Plan>,
}

/// One run of a drill.
pub(super) struct Scene {
    pub(super) edge: Edge,
    stage: Stage,
    pub(super) seed: u64,
    pub(super) rate: u32,
    pub(super) long: bool,
    /// How long the fault lasts.
    pub(super) time: Duration,
    load: Option<Load>,
    /// The buyers of a sale with a plan.
    travellers: Option<Travellers>,
    /// Orders that the sale has about room for.
    orders: u32,
    pub(super) cluster: Cluster,
    links: Option<Links>,
    /// When the crowd set out.
    pub(super) begun: Instant,
    /// What it has so far.
    pub(super) crowd: Rc<LoadStage>,
    coming: Option<oneshot::Receiver<CrowdOutcomes>>,
    outcomes: Option<CrowdOutcomes>,
    /// Connections that keep a node's places from others.
    pub(super) places: Vec<TcpStream>,
    pub(super) chance: RefCell<fastrand::Rng>,
    record: RefCell<Record>,
}

impl Scene {
    /// Starts the system.
    pub(super) async fn set(
        stage: Stage,
        time_s: [u32; 2],
        load: Option<Load>,
        Form { edge, rate, long, seed, plan }: Form,
    ) -> Result<Self> {
        let (cluster, links) = start(stage, edge).await?;
        let mut scene = Self {
            edge,
            stage,
            seed,
            rate,
            long,
            time: Duration::from_secs(time_s[usize::from(long)].into()),
            load,
            travellers: None,
            orders: 0,
            cluster,
            links,
            begun: Instant::now(),
            crowd: Rc::new(LoadStage::naming_refused()),
            coming: None,
            outcomes: None,
            places: Vec::new(),
            chance: RefCell::new(fastrand::Rng::with_seed(seed)),
            record: RefCell::default(),
        };
        if let Some(load) = load {
            scene.choose_goods(load, plan)?;
        }
        Ok(scene)
    }

    /// What the crowd buys, and how many of its buyers can have it.
    fn choose_goods(&mut self, load: Load, plan: Option<Plan>) -> Result<()> {
        let wanted = plan.filter(|_| load.added == 0);
        self.travellers = match (wanted, load.goods) {
            (Some(plan), _) => {
                let travellers = Travellers::new(plan, self.seed);
                let last = travellers.orders_in_all() / 0.9 / f64::from(self.seconds(load));
                self.rate = self.rate.min(last as u32).max(1);
                Some(travellers)
            }
            (None, Goods::Train) => Some(train::for_buyers(self.buyers(load), self.seed)?),
            (None, Goods::Tickets) => None,
        };
        self.orders = match &self.travellers {
            Some(travellers) => travellers.served(self.buyers(load))?,
            None => self.buyers(load) / load.tickets.1 * load.tickets.0,
        };
        Ok(())
    }

    /// Starts another system like the first, in its place.
    pub(super) async fn set_again(&mut self) -> Result<()> {
        (self.cluster, self.links) = start(self.stage, self.edge).await?;
        Ok(())
    }

    pub(super) fn links(&self) -> Result<&Links> {
        self.links.as_ref().context("a system whose links are breakable")
    }

    pub(super) fn links_mut(&mut self) -> Result<&mut Links> {
        self.links.as_mut().context("a system whose links are breakable")
    }

    pub(super) fn record(&self) -> RefMut<'_, Record> {
        self.record.borrow_mut()
    }

    /// Buyers that come in all.
    fn buyers(&self, load: Load) -> u32 {
        self.seconds(load) * load.times * self.rate
    }

    /// Seconds in which they come.
    fn seconds(&self, load: Load) -> u32 {
        self.time.as_secs() as u32 + load.rest_s[usize::from(self.long)]
    }

    /// Tickets at the beginning; of a plan, orders that it has about room for.
    pub(super) const fn tickets(&self) -> u32 {
        self.orders
    }

    /// What the crowd asks.
    fn asks(&self) -> LoadRequest {
        let (sale, buyers) = (SALE.to_owned(), Buyers::new(self.seed));
        match self.travellers.clone() {
            Some(travellers) => LoadRequest::Journeys { sale, buyers, travellers },
            None => LoadRequest::Orders { sale, buyers },
        }
    }

    /// Buyers who were refused for good by now although what they want is free: while the crowd has
    /// not had all tickets, that is everybody who was refused; of a plan those whose seats are.
    pub(super) async fn refused_although_free(&self) -> Result<u64> {
        let Some(travellers) = &self.travellers else { return Ok(self.crowd.refused()) };
        let refused = self.crowd.refused_buyers();
        let orders = self.cluster.orders(SALE).await.context("the orders in Redis")?;
        seat_verdict::count_servable(refused, travellers, &orders)
    }

    /// The script by which nodes sell what the crowd buys, by the hash under which Redis has it.
    pub(super) fn reserve_hash(&self) -> &'static str {
        let reserve = &SCRIPTS.reserve;
        let script = if self.travellers.is_some() { &reserve.by_plan } else { &reserve.plain };
        &script.hash
    }

    /// The crowd of the drill, which sets out when it is polled.
    pub(super) async fn comes(&mut self) -> Result<LocalBoxFuture<'static, Result<()>>> {
        let Some(load) = self.load else {
            return Ok(Box::pin(std::future::ready(Ok(()))));
        };
        match &self.travellers {
            Some(of) => self.cluster.create_sale_by_plan(SALE, of.plan()).await?,
            None => self.cluster.create_sale(SALE, self.tickets().into()).await?,
        }
        let orders = self.asks();
        let a_second = Some(load.times * self.rate);
        let pace = Pace::Buyers { count: self.buyers(load), a_second };
        let plan = CrowdLoad {
            stage: Some(Rc::clone(&self.crowd)),
            ..CrowdLoad::new(&self.cluster.edges, orders, CONNECTIONS, pace)
        };
        let (done, receive) = oneshot::channel();
        self.coming = Some(receive);
        self.begun = Instant::now();
        Ok(Box::pin(async move {
            let outcomes = send(&plan, |_| {}).await?;
            done.send(outcomes).map_err(|_| anyhow!("the drill has ended before its crowd"))
        }))
    }

    /// As many buyers as there are tickets come as fast as `connections` carry them, when nothing
    /// else is done; what they heard.
    pub(super) async fn sells_out(
        &self,
        (urls, sale): (&[String], &str),
        buyers: u32,
        connections: u32,
        seed: u64,
    ) -> Result<LoadTally> {
        let orders = LoadRequest::orders(sale, Buyers::new(seed));
        let pace = Pace::Buyers { count: buyers, a_second: None };
        let load = CrowdLoad::new(urls, orders, connections, pace);
        let tally = send(&load, |_| {}).await?.tally;
        self.came(buyers, &tally);
        let granted = tally.granted;
        self.record().demand(granted == u64::from(buyers), || {
            format!("{granted} of {buyers} got a ticket of {sale} at {urls:?}")
        });
        Ok(tally)
    }

    fn came(&self, buyers: u32, tally: &LoadTally) {
        let faults = tally.faults.values().sum();
        self.record().came(buyers.into(), tally.granted, faults, tally.slowest);
    }

    /// Waits for the end of the crowd, and judges: nothing oversold, unsold or lost, no fault that
    /// must not be.
    pub(super) async fn over(&mut self) -> Result<Option<&CrowdOutcomes>> {
        if let (Some(coming), Some(load)) = (self.coming.take(), self.load) {
            let outcomes = coming.await.context("the crowd came to no end")?;
            self.judge(load, &outcomes.tally).await?;
            self.outcomes = Some(outcomes);
        }
        Ok(self.outcomes.as_ref())
    }

    async fn judge(&self, load: Load, tally: &LoadTally) -> Result<()> {
        let audit = self.cluster.audit(SALE).await.context("the audit")?;
        let orders = self.cluster.orders(SALE).await.context("the orders in Redis")?;
        let buyers = Buyers::new(self.seed);
        let asks = self.asks();
        let asked = again::winners(&self.cluster.edges, &asks, buyers, tally, &orders).await?;
        let mut record = self.record();
        record.violations.extend(asked);
        let mut outcomes = tally.outcomes.clone();
        for (number, outcome) in (0u32..).zip(&mut outcomes) {
            let lost = |key: String| {
                let absent = OrderId::parse(&key).is_ok_and(|id| !orders.contains_key(&id));
                absent && record.excused.contains(&key)
            };
            if *outcome == OrderOutcome::Granted && lost(buyers.key(number)) {
                *outcome = OrderOutcome::Open;
                record.missing += 1;
            }
        }
        drop(record);
        let broken = self.compare(load, (&outcomes, tally), (&audit, &orders))?;
        let mut record = self.record();
        record.violations.extend(broken);
        for (fault, count) in &tally.faults {
            let honest = ["503 unavailable ", "504 outcome_unknown "];
            if load.may_see_faults && honest.iter().any(|honest| fault.starts_with(honest)) {
                record.measure(&format!("answers {fault}"), count);
            } else {
                record.violations.push(format!("buyers saw {count} times {fault}"));
            }
        }
        let p = Percentiles::of(&tally.granted_us);
        record.measure(
            "a ticket's answer",
            format!("p50 {:.0}, p99 {:.0}, max {:.0} ms", p.p50, p.p99, p.max),
        );
        if tally.lost_answers > 0 {
            record.measure("answers lost, asked again", tally.lost_answers);
        }
        drop(record);
        self.came(self.buyers(load), tally);
        Ok(())
    }

    /// A sentence for each way in which the answers and the ledger differ, or something is sold
    /// twice or left.
    fn compare(
        &self,
        load: Load,
        (outcomes, tally): (&[OrderOutcome], &LoadTally),
        (audit, orders): (&AuditRun, &HashMap<OrderId, Order>),
    ) -> Result<Vec<String>> {
        let buyers = Buyers::new(self.seed);
        let Some(travellers) = &self.travellers else {
            let differences = verdict::compare(outcomes, buyers, orders);
            let tickets = self.tickets() + load.added;
            return Ok(verdict::violations(tickets, tally, audit, Some(&differences)));
        };
        let sold = (audit, Some(orders));
        let (plan, mut broken) =
            seat_verdict::of_plan((outcomes, tally), (buyers, travellers), sold)?;
        let (legs, all) = (plan.seat_legs_sold, plan.seat_legs);
        self.measure("seats on legs that were sold", format!("{legs} of {all}"));
        self.measure("buyers who were refused for good", tally.refused_final);
        if self.orders < self.buyers(load) / 20 * 19 && tally.refused_final == 0 {
            broken.push("nobody was refused: nothing was shown of what is left".to_owned());
        }
        Ok(broken)
    }

    /// Stops the system, edges first, Redis last; what was noted.
    pub(super) fn stop(self) -> Result<Record> {
        let links = self.links.map(|links| {
            drop((links.edges, links.to_nodes));
            (links.to_ledger, links.redis)
        });
        self.cluster.stop()?;
        drop(links);
        Ok(self.record.into_inner())
    }
}

async fn start(stage: Stage, edge: Edge) -> Result<(Cluster, Option<Links>)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let setup = match stage {
        Stage::Cluster(arguments, environment) => Setup {
            edges: EDGES,
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            environment: environment.iter().map(owned).collect(),
            ..Setup::with_edge(edge)
        },
        Stage::Workerd { edges, workers } => {
            Setup { edges, workers, ..Setup::with_edge(Edge::Workerd) }
        }
        Stage::Shop(token) => Setup {
            arguments: vec!["--shop-token".to_owned(), token.to_owned()],
            ..Setup::with_edge(Edge::Workerd)
        },
        Stage::Links(disk_mib) => return start_links(disk_mib).await,
    };
    Ok((Cluster::start(&setup)?, None))
}

async fn start_links(disk_mib: Option<u32>) -> Result<(Cluster, Option<Links>)> {
    let redis = RedisSetup::default().with_port();
    let redis = match disk_mib {
        Some(mib) => redis.on_small_disk(mib),
        None => redis,
    };
    let redis = redis.try_start()?;
    let to_ledger = Proxy::start(redis.address())?;
    let redis_url = format!("redis://{}", to_ledger.address());
    let cluster = Cluster::start(&Setup {
        direct: false,
        environment: vec![
            ("REDIS_URL".to_owned(), redis_url),
            ("LASTSEAT_EDGE_KEY".to_owned(), KEY.to_owned()),
        ],
        ..Setup::with_edge(Edge::None)
    })?;
    let (mut to_nodes, mut table) = (Vec::new(), Vec::new());
    for node in &cluster.nodes {
        let proxy = Proxy::start(address(&node.url)?)?;
        table.push(OriginRow::new(proxy.url(), node.weight));
        to_nodes.push(proxy);
    }
    let mut edges = Vec::with_capacity(LINKED_EDGES);
    for _ in 0..LINKED_EDGES {
        edges.push(LoneEdge::start(Edge::Workerd, &table, KEY).await?);
    }
    let urls = edges.iter().map(|edge| edge.url.clone()).collect();
    let cluster = cluster.reached_by(urls, &redis.url());
    Ok((cluster, Some(Links { edges, to_nodes, to_ledger, redis })))
}

/// The address in a URL of HTTP.
pub(super) fn address(url: &str) -> Result<SocketAddr> {
    let address = url.strip_prefix("http://").context("an address")?;
    Ok(address.parse()?)
}
