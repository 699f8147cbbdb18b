//! The table of docs/SCALE.md, computed again from the figures that stand below it.

use crate::claims::documents::root;
use std::fs;

/// The first number of a cell, without its commas; and 0 for a cell without one.
fn number(cell: &str) -> f64 {
    let digits = cell.replace(',', "");
    let start = digits.find(|c: char| c.is_ascii_digit()).unwrap_or(digits.len());
    let rest = &digits[start..];
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    rest[..end].parse().unwrap_or(0.0)
}

fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn the_table_of_capacity_follows_from_its_figures() {
    let text = fs::read_to_string(root().join("docs/SCALE.md")).unwrap();
    let (_, section) = text.split_once("## How much of what").unwrap();
    let figure = |name: &str| {
        let row = section.lines().find(|row| row.starts_with(&format!("| {name} |")));
        number(cells(row.unwrap_or_else(|| panic!("no figure {name:?}")))[1])
    };
    let note = |name: &str| {
        let row = section.lines().find(|row| row.starts_with(&format!("| {name} |"))).unwrap();
        number(cells(row)[2])
    };
    let per_buyer = figure("requests to the edge per buyer");
    let per_ticket = figure("orders at the origins per ticket");
    let order = figure("bytes of Redis per order");
    let orders = figure("orders in the ledger per ticket");
    let room = figure("room for the rewrite of the file");
    let own = figure("bytes of Redis itself") * 1024.0 * 1024.0;
    let core = figure("granted orders per second and core of a node");
    let load = figure("load at which a node should run");
    let least = figure("least number of nodes");
    let redis = figure("tickets per second of one Redis");
    let base = figure("Cloudflare per month");
    let included = figure("requests included");
    let per_million = note("requests included");
    let time_included = figure("processor time included");
    let time_price = note("processor time included");
    let time = figure("processor time per request at the edge");

    let rows = section.lines().filter(|row| row.starts_with("| 1"));
    let mut checked = 0;
    for row in rows {
        let said: Vec<f64> = cells(row).into_iter().map(number).collect();
        let [buyers, tickets, seconds, requests, arriving, nodes, memory, cost] = said[..] else {
            panic!("{row}")
        };
        assert_eq!(requests, buyers * per_buyer, "{row}");
        assert_eq!(arriving, (tickets * per_ticket / seconds).ceil(), "{row}");
        assert!(arriving <= redis, "{row}: more than one Redis does");
        let wanted = (arriving / (core * load)).ceil();
        let wanted = if wanted > least { wanted + 1.0 } else { least };
        assert_eq!(nodes, wanted, "{row}");
        let bytes = own + tickets * orders * order * room;
        assert_eq!(memory, (bytes / 1024.0 / 1024.0).ceil(), "{row}");
        let above = |used: f64, free: f64, price: f64| (used - free).max(0.0) / 1e6 * price;
        let dollars = base
            + above(requests, included, per_million)
            + above(requests * time, time_included, time_price);
        assert_eq!(cost, dollars.round(), "{row}: {dollars}");
        checked += 1;
    }
    assert_eq!(checked, 5, "rows were found");
}
