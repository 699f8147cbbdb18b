//! Screen of `top`: renders a cluster status as lines of text.

use lastseat_node::status::{ClusterStatus, Funnel, Health, NodeView, SaleStatus, Spread};
use lastseat_node::timeline::{TimelineEvent, TimelineEventKind};
use lastseat_node::timestamp::Rfc3339;

/// Width of the bar of tickets.
const BAR: usize = 60;

/// How a line looks where there is colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextStyle {
    Plain,
    Head,
    Good,
    Bad,
}

/// One line of the picture.
#[derive(Debug)]
pub(super) struct Line {
    look: TextStyle,
    text: String,
}

impl Line {
    const fn new(look: TextStyle, text: String) -> Self {
        Self { look, text }
    }

    const fn plain(text: String) -> Self {
        Self::new(TextStyle::Plain, text)
    }

    pub(super) const fn bad(text: String) -> Self {
        Self::new(TextStyle::Bad, text)
    }

    /// Adds it to `out`, cut at `width` characters.
    pub(super) fn write(&self, out: &mut String, width: usize, color: bool) {
        let code = match self.look {
            TextStyle::Plain => "",
            TextStyle::Head => "\x1b[2m",
            TextStyle::Good => "\x1b[32m",
            TextStyle::Bad => "\x1b[1;31m",
        };
        let color = color && !code.is_empty();
        if color {
            out.push_str(code);
        }
        out.extend(self.text.chars().take(width));
        if color {
            out.push_str("\x1b[0m");
        }
    }
}

/// A status beside the one before it.
pub(super) struct View<'a> {
    pub(super) now: &'a ClusterStatus,
    pub(super) before: Option<&'a ClusterStatus>,
    /// The sale that was chosen.
    pub(super) sale: Option<&'a str>,
}

impl<'a> View<'a> {
    /// The sale that is shown.
    pub(super) fn sale(&self) -> Option<&'a SaleStatus> {
        match self.sale {
            Some(name) => self.now.sales.iter().find(|sale| sale.sale == name),
            None => self.now.sales.first(),
        }
    }

    fn sale_before(&self, name: &str) -> Option<&SaleStatus> {
        let sales = &self.before?.sales;
        sales.iter().find(|sale| sale.sale == name)
    }

    /// What `count` has gained a second since the status before.
    fn rate(&self, count: impl Fn(&SaleStatus) -> u64, sale: &SaleStatus) -> Option<f64> {
        let before = self.sale_before(&sale.sale)?;
        let seconds = self.now.at.since(self.before?.at) as f64 / 1_000.0;
        let gained = count(sale).checked_sub(count(before))?;
        (seconds > 0.0).then(|| gained as f64 / seconds)
    }

    /// One line, for a pipe.
    pub(super) fn line(&self) -> String {
        let now = self.now;
        let live = now.nodes.iter().filter(|n| n.health == Health::Live).count();
        let queue: u64 = now.nodes.iter().map(|node| node.status.queue).sum();
        let worst = now.nodes.iter().filter_map(|n| n.status.commit_us.p99).max();
        let mut text = Rfc3339(now.at).to_string();
        match self.sale() {
            Some(sale) => {
                text.push_str(&format!("  {}  {}", sale.sale, equation(sale)));
                for (name, count) in STAGES {
                    let total = count(&sale.funnel);
                    text.push_str(&format!("  {name} {total}"));
                    if let Some(rate) = self.rate(|sale| count(&sale.funnel), sale) {
                        text.push_str(&format!(" ({}/s)", per_second(Some(rate))));
                    }
                }
            }
            None => text.push_str("  no sale"),
        }
        format!(
            "{text}  nodes {live}/{} live  edges {}  queue {queue}  commit p99 {}\n",
            now.nodes.len(),
            now.live_edges,
            time(worst)
        )
    }

    /// The whole picture.
    pub(super) fn lines(&self) -> Vec<Line> {
        let now = self.now;
        let live = now.nodes.iter().filter(|n| n.health == Health::Live).count();
        let mut lines = vec![Line::new(
            TextStyle::Head,
            format!(
                "lastseat top   {}   {live} of {} nodes live   {} edges   n next sale   q quit",
                Rfc3339(now.at),
                now.nodes.len(),
                now.live_edges
            ),
        )];
        for alarm in &now.alarms {
            lines.push(Line::bad(format!("{}: {}", alarm.alert, alarm.what)));
        }
        lines.push(Line::plain(String::new()));
        match self.sale() {
            Some(sale) => self.sale_lines(sale, &mut lines),
            None => lines.push(Line::plain(match self.sale {
                Some(name) => format!("There is no sale {name}."),
                None => {
                    "There is no sale yet: lastseat sale create demo --capacity 10000".to_owned()
                }
            })),
        }
        lines.push(Line::plain(String::new()));
        self.node_lines(&mut lines);
        lines.push(Line::plain(String::new()));
        lines.push(Line::new(TextStyle::Head, "events".to_owned()));
        lines.extend(now.happenings.iter().map(timeline_event));
        lines
    }

    fn sale_lines(&self, sale: &SaleStatus, lines: &mut Vec<Line>) {
        let audit = match sale.audit() {
            Some(audit) if audit.ok => {
                let ago = self.now.at.since(audit.at) / 1_000;
                format!("   recounted {ago} s ago: clean")
            }
            Some(audit) => {
                format!("   AUDIT {}: {} differences", Rfc3339(audit.at), audit.differences)
            }
            None => "   not audited yet".to_owned(),
        };
        let look = match (&sale.stock, sale.audit()) {
            (None, _) => TextStyle::Bad,
            (_, Some(audit)) if !audit.ok => TextStyle::Bad,
            (_, Some(_)) => TextStyle::Good,
            (_, None) => TextStyle::Plain,
        };
        let text = format!("{}   {}{audit}", sale.sale, equation(sale));
        lines.push(Line::new(look, text));
        lines.push(Line::plain(bar(sale)));
        lines.push(Line::plain(String::new()));
        let head = format!("{:<24}{:>14}{:>12}{:>10}", "", "total", "per second", "share");
        lines.push(Line::new(TextStyle::Head, head));
        let asked = sale.funnel.asked;
        for (name, count) in STAGES {
            let total = count(&sale.funnel);
            let share = match asked {
                0 => "-".to_owned(),
                asked => format!("{:.1} %", total as f64 * 100.0 / asked as f64),
            };
            let rate = per_second(self.rate(|sale| count(&sale.funnel), sale));
            let text = format!("{name:<24}{total:>14}{rate:>12}{share:>10}");
            lines.push(Line::plain(text));
        }
    }

    fn node_lines(&self, lines: &mut Vec<Line>) {
        let head = format!(
            "{:<6}{:<10}{:>16}{:>10}{:>7}{:>14}{:>18}{:>10}{:>7}{:>8}",
            "node",
            "health",
            "share / weight",
            "orders/s",
            "queue",
            "batch 50/99",
            "commit p50/p99",
            "order p99",
            "conns",
            "faults"
        );
        lines.push(Line::new(TextStyle::Head, head));
        let rates: Vec<f64> = self.now.nodes.iter().map(|node| self.node_rate(node)).collect();
        let all: f64 = rates.iter().sum();
        for (node, rate) in self.now.nodes.iter().zip(&rates) {
            let share = match all > 0.0 {
                true => format!("{:.1}", rate * 100.0 / all),
                false => "-".to_owned(),
            };
            let status = &node.status;
            let text = format!(
                "{:<6}{:<10}{:>16}{rate:>10.0}{:>7}{:>14}{:>18}{:>10}{:>7}{:>8}",
                status.node,
                word(node.health),
                format!("{share} / {:.1} %", node.weight_share * 100.0),
                status.queue,
                pair(&status.batch_orders, |n| n.map_or_else(|| "-".to_owned(), |n| n.to_string())),
                pair(&status.commit_us, time),
                time(status.order_us.p99),
                status.connections,
                status.ledger_faults,
            );
            let look = match node.health {
                Health::Lost | Health::Trouble => TextStyle::Bad,
                Health::Live => TextStyle::Plain,
                Health::Stopping | Health::Stopped => TextStyle::Head,
            };
            lines.push(Line::new(look, text));
        }
    }

    /// Orders that a node has received a second, over all sales that are shown.
    fn node_rate(&self, node: &NodeView) -> f64 {
        let received = |sale: &SaleStatus| {
            let by_node = &sale.received_by_node;
            by_node.get(&node.status.node).copied().unwrap_or(0)
        };
        let sales = self.now.sales.iter();
        sales.filter_map(|sale| self.rate(received, sale)).sum()
    }
}

type Count = fn(&Funnel) -> u64;
const STAGES: [(&str, Count); 6] = [
    ("asked", |funnel| funnel.asked),
    ("refused at the edge", |funnel| funnel.refused_at_edge),
    ("refused at an origin", |funnel| funnel.refused_at_origin),
    ("decided by the ledger", |funnel| funnel.ledger),
    ("granted", |funnel| funnel.granted),
    ("confirmed (tickets)", |funnel| funnel.confirmed),
];

fn equation(sale: &SaleStatus) -> String {
    match (&sale.stock, &sale.damage) {
        (Some(stock), _) => format!(
            "{}  {} {} {} free + {} held + {} confirmed",
            stock.state.as_str(),
            stock.capacity,
            if sale.audit().is_none_or(|audit| audit.ok) { "=" } else { "IS NOT" },
            stock.free,
            stock.held,
            stock.confirmed
        ),
        (None, Some(damage)) => format!("DAMAGED  {damage}"),
        (None, None) => "unknown".to_owned(),
    }
}

/// Confirmed `#`, held `=`, free `.`
fn bar(sale: &SaleStatus) -> String {
    let Some(stock) = &sale.stock else {
        return String::new();
    };
    let cells = |tickets: u32| match stock.capacity {
        0 => 0,
        capacity => (u64::from(tickets) * BAR as u64 / u64::from(capacity)) as usize,
    };
    let (confirmed, held) = (cells(stock.confirmed), cells(stock.held));
    let free = BAR.saturating_sub(confirmed + held);
    format!(
        "[{}{}{}]  # confirmed  = held  . free",
        "#".repeat(confirmed),
        "=".repeat(held),
        ".".repeat(free)
    )
}

const fn word(health: Health) -> &'static str {
    match health {
        Health::Live => "live",
        Health::Trouble => "trouble",
        Health::Stopping => "stopping",
        Health::Stopped => "stopped",
        Health::Lost => "lost",
    }
}

fn timeline_event(event: &TimelineEvent) -> Line {
    let (sale, node) = (event.sale.as_deref().unwrap_or("?"), event.node.unwrap_or(0));
    let text = match event.kind {
        TimelineEventKind::Opened => format!("{sale} opened"),
        TimelineEventKind::Paused => format!("{sale} paused"),
        TimelineEventKind::Closed => format!("{sale} closed"),
        TimelineEventKind::SoldOut => format!("{sale} sold out"),
        TimelineEventKind::Returned => format!("{sale} has free tickets again"),
        TimelineEventKind::Restocked => {
            format!("{sale} restocked to {}", event.capacity.unwrap_or(0))
        }
        TimelineEventKind::NodeStarted => format!("node {node} started"),
        TimelineEventKind::NodeStopped => format!("node {node} stopped"),
        TimelineEventKind::NodeLost => format!("node {node} lost"),
        TimelineEventKind::NodeBack => format!("node {node} is back"),
        TimelineEventKind::LedgerAway => "the ledger does not answer: nothing is sold".to_owned(),
        TimelineEventKind::LedgerBack => "the ledger answers again".to_owned(),
        TimelineEventKind::NodeTrouble => format!("node {node} cannot serve orders"),
        TimelineEventKind::NodeWell => format!("node {node} serves orders again"),
        TimelineEventKind::AuditDiffers => format!("the audit of {sale} found differences"),
    };
    let look = match event.kind {
        TimelineEventKind::NodeLost
        | TimelineEventKind::LedgerAway
        | TimelineEventKind::NodeTrouble
        | TimelineEventKind::AuditDiffers => TextStyle::Bad,
        _ => TextStyle::Plain,
    };
    let by = event.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    Line::new(look, format!("{}  {text}{by}", Rfc3339(event.at)))
}

fn pair(spread: &Spread, show: impl Fn(Option<u64>) -> String) -> String {
    format!("{} / {}", show(spread.p50), show(spread.p99))
}

fn per_second(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(rate) if rate > 0.0 && rate < 10.0 => format!("{rate:.1}"),
        Some(rate) => format!("{rate:.0}"),
    }
}

/// Microseconds for people.
fn time(us: Option<u64>) -> String {
    match us {
        None => "-".to_owned(),
        Some(us @ 0..1_000) => format!("{us}us"),
        Some(us @ 1_000..1_000_000) => format!("{:.1}ms", us as f64 / 1e3),
        Some(us) => format!("{:.1}s", us as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_the_width_of_the_terminal_and_is_plain_without_colour() {
        let line = Line::bad("node 4 lost".to_owned());
        let mut text = String::new();
        line.write(&mut text, 6, false);
        assert_eq!(text, "node 4");
        text.clear();
        line.write(&mut text, 80, true);
        assert_eq!(text, "\x1b[1;31mnode 4 lost\x1b[0m");
    }

    #[test]
    fn times_have_the_unit_that_suits_them() {
        let shown = [None, Some(900), Some(1_500), Some(2_000_000)].map(time);
        assert_eq!(shown, ["-", "900us", "1.5ms", "2.0s"]);
    }
}
