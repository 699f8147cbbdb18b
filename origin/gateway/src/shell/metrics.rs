//! Metrics of a gateway's shell.

use super::Shell;
use lastseat_http::metrics::page::Page;
use lastseat_link::LinkCount;

/// Adds them to those of the front.
pub(super) fn write(shell: &Shell, page: &mut Page) {
    let under_way = shell.edge(|edge| edge.orders_under_way());
    page.gauge("gateway_orders_under_way", "Orders that wait for nodes.", under_way);
    let failing = shell.edge(|edge| edge.router().failing());
    let help = "Nodes of the table, by whether they failed when they were asked last.";
    let mut nodes = page.begin("gateway_nodes", "gauge", help);
    nodes.add(&[("state", "usable")], shell.origins.len().saturating_sub(failing));
    nodes.add(&[("state", "failing")], failing);
    for (name, help, count) in [
        ("gateway_links_opened_total", "Links to nodes that were opened.", LinkCount::Opened),
        ("gateway_link_frames_total", "Frames of orders sent over links.", LinkCount::Frames),
        ("gateway_link_orders_total", "Orders in these frames.", LinkCount::Orders),
        ("gateway_link_answers_total", "Answers that came over links.", LinkCount::Answers),
        (
            "gateway_links_broken_total",
            "Links that broke. What became of the orders under way on one is asked again.",
            LinkCount::Broken,
        ),
        (
            "gateway_link_full_total",
            "Orders that went elsewhere because as many as may be were under way to a node.",
            LinkCount::Full,
        ),
        (
            "gateway_in_process_orders_total",
            "Orders that went to the node of this process, without a link.",
            LinkCount::InProcess,
        ),
    ] {
        page.counter(name, help, shell.links.get(count));
    }
}
