//! A running system and the questions that tests ask it.

use super::http::{HttpClient, request};
use super::metrics::Metrics;
use super::stat_log::{self, Decisions};
use super::{ledger, wait};
use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use lastseat_cluster::state_file::EdgeEntry;
use lastseat_node::ready_line::PublicSide;
use serde::{Deserialize, Deserializer, Serialize};
use shared::plan::Plan;
use shared::{Order, OrderId};
use std::collections::HashMap;
use std::path::PathBuf;

/// Where everything is: the line that `lastseat cluster --json` prints.
#[derive(Clone, Debug, Deserialize)]
pub struct System {
    /// The edges, `http://host:port`.
    #[serde(deserialize_with = "urls")]
    pub edges: Vec<String>,
    /// The origin nodes.
    pub nodes: Vec<SystemNode>,
    /// The ledger's Redis; absent when nobody told us.
    pub redis: Option<RedisAt>,
    /// The bearer token of the admin addresses.
    pub admin_token: String,
}

/// One origin node.
#[derive(Clone, Debug, Deserialize)]
pub struct SystemNode {
    /// Its number.
    pub id: u32,
    /// Its share of the requests.
    pub weight: u32,
    /// Where orders go.
    pub url: String,
    /// Where operators go.
    pub admin: String,
    /// Where it faces buyers, if it does.
    #[serde(default)]
    pub public: Option<PublicSide>,
    /// Its process, if it runs on this machine.
    pub pid: Option<u32>,
    /// Its log of decisions, if it runs on this machine.
    pub stat_log: Option<PathBuf>,
}

/// Where the ledger is.
#[derive(Clone, Debug, Deserialize)]
pub struct RedisAt {
    /// As redis clients want it.
    pub url: String,
}

/// What the audit says of a sale.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRun {
    /// Tickets that exist.
    pub capacity: u64,
    /// Tickets that nobody has.
    pub free: u64,
    /// Tickets in orders that wait for payment.
    pub held: u64,
    /// Tickets sold.
    pub confirmed: u64,
    /// Whether counters, orders and buyers agree.
    pub ok: bool,
    /// Where they do not.
    #[serde(default, skip_serializing)]
    pub differences: Vec<serde_json::Value>,
}

/// The addresses in the cluster's entries for its edges, each once: workers share theirs.
fn urls<'de, D: Deserializer<'de>>(edges: D) -> Result<Vec<String>, D::Error> {
    let edges = Vec::<EdgeEntry>::deserialize(edges)?;
    let mut urls: Vec<String> = edges.into_iter().map(|edge| edge.url).collect();
    urls.dedup();
    Ok(urls)
}

impl System {
    /// Buyers go to the public sides of nodes as they go to edges.
    pub(super) fn add_public_sides(&mut self) {
        let sides = self.nodes.iter().filter_map(|node| node.public.as_ref());
        self.edges.extend(sides.map(|side| side.url.clone()));
    }

    /// Makes the sale `sale` with `capacity` tickets, open, without holds.
    ///
    /// # Errors
    /// The first node does not make it.
    pub async fn create_sale(&self, sale: &str, capacity: u64) -> Result<()> {
        let path = format!("/v1/admin/sales/{sale}");
        let body = format!(r#"{{"capacity":{capacity}}}"#);
        let answer = self.admin(Method::PUT, &path, &body).await?;
        ensure!(
            answer.status == StatusCode::CREATED,
            "sale {sale} was not made: {} {}",
            answer.status,
            answer.text()
        );
        Ok(())
    }

    /// Makes the sale `sale` of this plan, open, without holds.
    ///
    /// # Errors
    /// The first node does not make it.
    pub async fn create_sale_by_plan(&self, sale: &str, plan: &Plan) -> Result<()> {
        let path = format!("/v1/admin/sales/{sale}");
        let body = format!(r#"{{"plan":{}}}"#, plan.to_json());
        let answer = self.admin(Method::PUT, &path, &body).await?;
        let text = answer.text();
        ensure!(answer.status == StatusCode::CREATED, "{sale} was not made: {text}");
        Ok(())
    }

    /// Gives `sale` so many tickets in all.
    ///
    /// # Errors
    /// No node does it.
    pub async fn set_capacity(&self, sale: &str, capacity: u64) -> Result<()> {
        let path = format!("/v1/admin/sales/{sale}/restock");
        let body = format!(r#"{{"capacity":{capacity}}}"#);
        let answer = self.admin(Method::POST, &path, &body).await?;
        let text = answer.text();
        ensure!(answer.status == StatusCode::OK, "restock: {} {text}", answer.status);
        Ok(())
    }

    /// The audit of `sale`.
    ///
    /// # Errors
    /// No node answers.
    pub async fn audit(&self, sale: &str) -> Result<AuditRun> {
        let path = format!("/v1/admin/sales/{sale}/audit");
        let answer = self.admin(Method::GET, &path, "").await?;
        answer.json().context("audit")
    }

    /// Asks the admin address of the first node that answers.
    pub async fn admin(&self, method: Method, path: &str, body: &str) -> Result<super::HttpReply> {
        let bearer = format!("Bearer {}", self.admin_token);
        let headers = [("authorization", bearer.as_str())];
        let mut last = None;
        for node in &self.nodes {
            let asked = request(method.clone(), path, &headers, body)?;
            match HttpClient::new(&node.admin)?.send(asked).await {
                Ok(answer) => return Ok(answer),
                Err(lost) => last = Some(lost),
            }
        }
        let last = last.context("no admin address is known")?;
        Err(last).with_context(|| format!("no node answers {path}"))
    }

    /// The metrics of each node, `None` for one that does not answer.
    ///
    /// # Errors
    /// An address is wrong.
    pub async fn metrics(&self) -> Result<Vec<Option<Metrics>>> {
        let mut readings = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let answer = HttpClient::new(&node.admin)?.get("/metrics").await;
            let reading = answer.ok().filter(|a| a.status == StatusCode::OK);
            readings.push(reading.map(|answer| Metrics(answer.text())));
        }
        Ok(readings)
    }

    /// The sum of a counter over all nodes that answer.
    ///
    /// # Errors
    /// An address is wrong.
    pub async fn count(&self, name: &str, labels: &[&str]) -> Result<u64> {
        let readings = self.metrics().await?;
        Ok(readings.iter().flatten().map(|m| m.count(name, labels)).sum())
    }

    /// What the `stat.log` of each node says of `sale`.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn decisions(&self, sale: &str) -> Result<Vec<Decisions>> {
        self.nodes
            .iter()
            .map(|node| match &node.stat_log {
                Some(path) => stat_log::count(path, sale),
                None => Ok(Decisions::default()),
            })
            .collect()
    }

    /// Waits until the `stat.log`s have at least `total` lines of `sale`: they are written a moment
    /// after the answer.
    ///
    /// # Panics
    /// They have fewer for too long.
    #[must_use]
    pub fn decisions_when(&self, sale: &str, total: u64) -> Vec<Decisions> {
        wait::until("the stat.logs are written", || {
            let decisions = self.decisions(sale).expect("stat.log");
            let sum: u64 = decisions.iter().map(|d| d.total).sum();
            (sum >= total).then_some(decisions)
        })
    }

    /// The orders of `sale` in the ledger.
    ///
    /// # Errors
    /// Redis is unknown or does not answer.
    pub async fn orders(&self, sale: &str) -> Result<HashMap<OrderId, Order>> {
        let redis = self.redis.as_ref().context("no Redis is known")?;
        ledger::orders(&redis.url, sale).await
    }
}
