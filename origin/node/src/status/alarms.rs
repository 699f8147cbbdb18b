//! Alarms: what an alert is raised for, as far as nodes see it by themselves.
//!
//! Each has the name of its alert in `docs/prometheus/alerts.yml`, which is its section in
//! `docs/RUNBOOK.md`. A node publishes its own with its status; whoever reads all statuses adds
//! what no node can say of itself: that it fell silent, and what the newest audit of a sale found.

use super::audits::ClusterAudits;
use super::{NodeState, NodeStatus};
use serde::{Deserialize, Serialize};
use shared::UnixMillis;
use shared::limits::{ALARM_TEXT_MAX, ALARMS_MAX, NODE_LIVE_MS};
use utoipa::ToSchema;

/// How soon somebody has to see to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmSeverity {
    /// Now.
    Page,
    /// In the course of the day.
    Ticket,
}

/// Something that an alert is raised for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    /// The name of the alert; in lower case its section in `docs/RUNBOOK.md`.
    pub alert: String,
    /// How soon somebody has to see to it.
    pub severity: AlarmSeverity,
    /// What is so, in a sentence.
    pub what: String,
    /// Since when, by the ledger's clock.
    pub since: UnixMillis,
    /// Of which sale, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sale: Option<String>,
    /// The nodes that it is about, or that see it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<u16>,
}

/// The alerts that nodes see by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alert {
    /// The newest audit of a sale found differences.
    AuditDiffers,
    /// Something in the ledger is not what lastseat writes.
    LedgerCorrupt,
    /// Acknowledged orders could not be restored.
    OrdersUnrestored,
    /// The ledger has lost a sale.
    SaleGone,
    /// Redis throws keys away.
    RedisEvicts,
    /// Redis is set so that nothing is sold.
    RedisUnfit,
    /// Redis fills its memory.
    RedisMemory,
    /// Redis does not keep what it is sent.
    RedisConcern,
    /// The journal of acknowledged orders cannot be written.
    JournalUnwritable,
    /// Another process has the number of a node.
    NodeNumberClash,
    /// A node fell silent.
    NodeDown,
    /// A node cannot serve orders.
    NodeNotReady,
    /// Calls to the ledger go without an answer.
    LedgerFaults,
    /// Buyers were told that an outcome is unknown.
    OutcomesUnknown,
    /// Batches take long at the ledger.
    CommitSlow,
    /// Orders pile up in a node.
    QueueFull,
    /// Edges get no answer from nodes.
    EdgeCannotReachOrigins,
    /// A node has too many connections.
    ConnectionsTurnedAway,
    /// A node loses lines of its log of decisions.
    StatLogDrops,
}

impl Alert {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::AuditDiffers,
        Self::LedgerCorrupt,
        Self::OrdersUnrestored,
        Self::SaleGone,
        Self::RedisEvicts,
        Self::RedisUnfit,
        Self::RedisMemory,
        Self::RedisConcern,
        Self::JournalUnwritable,
        Self::NodeNumberClash,
        Self::NodeDown,
        Self::NodeNotReady,
        Self::LedgerFaults,
        Self::OutcomesUnknown,
        Self::CommitSlow,
        Self::QueueFull,
        Self::EdgeCannotReachOrigins,
        Self::ConnectionsTurnedAway,
        Self::StatLogDrops,
    ];

    /// Its name in `docs/prometheus/alerts.yml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuditDiffers => "LastseatAuditDiffers",
            Self::LedgerCorrupt => "LastseatLedgerCorrupt",
            Self::OrdersUnrestored => "LastseatOrdersUnrestored",
            Self::SaleGone => "LastseatSaleGone",
            Self::RedisEvicts => "LastseatRedisEvicts",
            Self::RedisUnfit => "LastseatRedisUnfit",
            Self::RedisMemory => "LastseatRedisMemory",
            Self::RedisConcern => "LastseatRedisConcern",
            Self::JournalUnwritable => "LastseatJournalUnwritable",
            Self::NodeNumberClash => "LastseatNodeNumberClash",
            Self::NodeDown => "LastseatNodeDown",
            Self::NodeNotReady => "LastseatNodeNotReady",
            Self::LedgerFaults => "LastseatLedgerFaults",
            Self::OutcomesUnknown => "LastseatOutcomesUnknown",
            Self::CommitSlow => "LastseatCommitSlow",
            Self::QueueFull => "LastseatQueueFull",
            Self::EdgeCannotReachOrigins => "LastseatEdgeCannotReachOrigins",
            Self::ConnectionsTurnedAway => "LastseatConnectionsTurnedAway",
            Self::StatLogDrops => "LastseatStatLogDrops",
        }
    }

    /// How soon somebody has to see to it, as the alert says.
    #[must_use]
    pub const fn severity(self) -> AlarmSeverity {
        match self {
            Self::OutcomesUnknown
            | Self::CommitSlow
            | Self::QueueFull
            | Self::ConnectionsTurnedAway
            | Self::StatLogDrops => AlarmSeverity::Ticket,
            _ => AlarmSeverity::Page,
        }
    }

    /// How long it has to be so before it is an alarm, in milliseconds: the `for` of the alert.
    #[must_use]
    pub const fn lasts_ms(self) -> u64 {
        match self {
            Self::RedisMemory => 60_000,
            Self::RedisConcern
            | Self::LedgerFaults
            | Self::CommitSlow
            | Self::EdgeCannotReachOrigins => 30_000,
            Self::NodeDown | Self::NodeNotReady => 15_000,
            Self::JournalUnwritable | Self::QueueFull => 10_000,
            _ => 0,
        }
    }

    /// The alarm that `what` is so since `since`.
    #[must_use]
    pub fn alarm(self, what: &str, since: UnixMillis, sale: Option<String>) -> Alarm {
        Alarm {
            alert: self.as_str().to_owned(),
            severity: self.severity(),
            what: what.chars().take(ALARM_TEXT_MAX).collect(),
            since,
            sale,
            nodes: Vec::new(),
        }
    }
}

impl Alarm {
    fn is(&self, other: &Self) -> bool {
        (&self.alert, &self.sale) == (&other.alert, &other.sale)
    }
}

/// All alarms of the cluster, those that cannot wait first, then the oldest; at most
/// [`ALARMS_MAX`]. What `node` says of itself is taken from `own`, where that is given: it is newer
/// than what was published, and there where nothing can be published.
pub(crate) fn of_cluster(
    statuses: &[NodeStatus],
    own: Option<(u16, &[Alarm])>,
    now: UnixMillis,
) -> Vec<Alarm> {
    let mut all: Vec<Alarm> = Vec::new();
    for status in statuses {
        if own.is_some_and(|(node, _)| node == status.node) || status.state == NodeState::Stopped {
            continue;
        }
        let silent_ms = now.since(status.at);
        if silent_ms <= NODE_LIVE_MS {
            add(&mut all, status.node, &status.alarms);
        } else if silent_ms >= Alert::NodeDown.lasts_ms() {
            // What it said before it fell silent may be over.
            let what = "A node has published nothing and sends no heartbeats.";
            let lost = Alert::NodeDown.alarm(what, status.at, None);
            add(&mut all, status.node, &[lost]);
        }
    }
    if let Some((node, alarms)) = own {
        add(&mut all, node, alarms);
    }
    for (sale, mark) in ClusterAudits::of(statuses).differing() {
        let what = format!("The last audit of {sale} found {} differences.", mark.differences);
        all.push(Alert::AuditDiffers.alarm(&what, mark.at, Some(sale.to_owned())));
    }
    all.sort_by(|a, b| (a.severity, a.since, &a.alert).cmp(&(b.severity, b.since, &b.alert)));
    all.truncate(ALARMS_MAX);
    all
}

/// Adds what `node` says to what others say of the same.
fn add(all: &mut Vec<Alarm>, node: u16, alarms: &[Alarm]) {
    for alarm in alarms.iter().take(ALARMS_MAX) {
        match all.iter_mut().find(|known| known.is(alarm)) {
            Some(known) => {
                known.since = known.since.min(alarm.since);
                known.nodes.push(node);
            }
            None => all.push(Alarm { nodes: vec![node], ..alarm.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{AuditMark, SaleTotals};

    fn status(node: u16, at: u64, alarms: Vec<Alarm>) -> NodeStatus {
        NodeStatus { alarms, ..NodeStatus::quiet(node, UnixMillis(at)) }
    }

    fn seen(alarms: &[Alarm]) -> Vec<(&str, Vec<u16>, u64)> {
        alarms.iter().map(|a| (a.alert.as_str(), a.nodes.clone(), a.since.0)).collect()
    }

    #[test]
    fn what_several_nodes_see_is_one_alarm_and_what_cannot_wait_comes_first() {
        let memory = |since| Alert::RedisMemory.alarm("full", UnixMillis(since), None);
        let slow = Alert::CommitSlow.alarm("slow", UnixMillis(1), None);
        let statuses =
            [status(1, 100_000, vec![slow, memory(50)]), status(2, 100_000, vec![memory(40)])];
        let all = of_cluster(&statuses, None, UnixMillis(100_500));
        assert_eq!(
            seen(&all),
            [("LastseatRedisMemory", vec![1, 2], 40), ("LastseatCommitSlow", vec![1], 1)]
        );
    }

    #[test]
    fn a_silent_node_is_an_alarm_and_what_it_said_before_is_none() {
        let full = Alert::RedisMemory.alarm("full", UnixMillis(1), None);
        let at = |now| of_cluster(&[status(3, 100_000, vec![full.clone()])], None, UnixMillis(now));
        assert_eq!(seen(&at(101_000)), [("LastseatRedisMemory", vec![3], 1)]);
        assert!(at(105_000).is_empty(), "it may only be late");
        assert_eq!(seen(&at(115_000)), [("LastseatNodeDown", vec![3], 100_000)]);
        let gone = NodeStatus { state: NodeState::Stopped, ..status(3, 1, vec![full]) };
        assert!(of_cluster(&[gone], None, UnixMillis(115_000)).is_empty());
    }

    #[test]
    fn the_node_that_is_asked_knows_better_than_what_it_has_published() {
        let full = Alert::RedisMemory.alarm("full", UnixMillis(1), None);
        let clash = Alert::NodeNumberClash.alarm("taken", UnixMillis(2), None);
        let statuses = [status(1, 100_000, vec![full])];
        let all = of_cluster(&statuses, Some((1, &[clash])), UnixMillis(100_000));
        assert_eq!(seen(&all), [("LastseatNodeNumberClash", vec![1], 2)]);
    }

    #[test]
    fn the_newest_audit_of_a_sale_decides_whichever_node_made_it() {
        let mark = |at, differences| AuditMark {
            at: UnixMillis(at),
            ok: differences == 0,
            capacity: 1,
            free: 1,
            held: 0,
            confirmed: 0,
            differences,
        };
        let audited = |node, mark| {
            let totals =
                SaleTotals { sale: "a".to_owned(), audit: Some(mark), ..SaleTotals::default() };
            NodeStatus { sales: vec![totals], ..status(node, 100_000, Vec::new()) }
        };
        let now = UnixMillis(100_000);
        let differs = of_cluster(&[audited(1, mark(5, 0)), audited(2, mark(9, 2))], None, now);
        assert_eq!(seen(&differs), [("LastseatAuditDiffers", vec![], 9)]);
        assert_eq!(differs[0].sale.as_deref(), Some("a"));
        let clean = of_cluster(&[audited(1, mark(10, 0)), audited(2, mark(9, 2))], None, now);
        assert!(clean.is_empty());
    }

    #[test]
    fn the_number_of_alarms_and_the_length_of_each_are_bounded() {
        let alarm = |n: u64| {
            Alert::SaleGone.alarm(&"x".repeat(1_000), UnixMillis(n), Some(format!("sale-{n}")))
        };
        let many: Vec<Alarm> = (0..100).map(alarm).collect();
        let statuses = [status(1, 100_000, many.clone()), status(2, 100_000, many)];
        let all = of_cluster(&statuses, None, UnixMillis(100_000));
        assert_eq!(all.len(), ALARMS_MAX);
        assert_eq!(all[0].what.len(), ALARM_TEXT_MAX);
    }
}
