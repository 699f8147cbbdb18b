//! Bounds that pages name are those of `shared/src/limits.rs`: each sentence is made from the
//! constants and looked for on its page.

use crate::claims::read;
use lastseat_node::http::server::CONNECTIONS_MAX;
use lastseat_tests::rush::report::thousands;
use shared::limits::*;

/// A number in digits, with commas.
fn digits(of: impl TryInto<u64>) -> String {
    thousands(of.try_into().unwrap_or(u64::MAX))
}

/// A number in prose: a small one is a word.
fn word(of: usize) -> String {
    let words = ["none", "one", "two", "three", "four"];
    words.get(of).map_or_else(|| digits(of), |word| (*word).to_owned())
}

/// Milliseconds in seconds.
fn seconds(ms: u64) -> String {
    (ms as f64 / 1_000.0).to_string()
}

fn of_requests() -> Vec<String> {
    vec![
        format!("heads above {} KiB or {HEADERS_MAX} headers", HEAD_MAX / 1_024),
        format!("bodies above {} KiB", BODY_MAX / 1_024),
        format!("An origin accepts a signature for {} s", seconds(SIGNATURE_WINDOW_MS)),
        format!("An intercepted request can be replayed for {} s", seconds(SIGNATURE_WINDOW_MS)),
        format!("up to {} of them in a list", word(KEYS_MAX)),
        format!("A secret has {SECRET_MIN} to {SECRET_MAX} visible characters"),
        format!(
            "A token has at most {SCOPED_TOKEN_MAX} characters, is valid for {} days at most",
            SCOPED_TOKEN_LIFE_MAX_MS / 86_400_000
        ),
    ]
}

fn of_calls() -> Vec<String> {
    let (calls, all) = (digits(EDGE_CALLS_PER_SECOND), digits(EDGE_ALL_CALLS_PER_SECOND));
    let (node, node_all) = (digits(NODE_CALLS_PER_SECOND), digits(NODE_ALL_CALLS_PER_SECOND));
    let longest = u64::from(CALL_RETRY_MS) + CALL_SPREAD_MS as u64;
    let (known, shop) = (EDGE_KNOWN_CALLS_MAX, EDGE_SHOP_CALLS_MAX);
    let (here, waiting) = (NODE_CALLS_AT_LEDGER, digits(NODE_CALLS_WAITING));
    vec![
        format!("({} to {} ms in the body)", digits(CALL_RETRY_MS), digits(longest)),
        format!("{ORDER_CALLS_PER_SECOND} a second and {ORDER_CALLS_BURST} at once for each order"),
        format!("lets {TOKEN_CALLS_PER_SECOND} calls a second with other tokens pass"),
        format!("{calls} a second in each sale and {all} in all at an isolate"),
        format!("{node} and {node_all} at a node; twice that at once"),
        format!("more than {CLIENT_CALLS_PER_SECOND} a second ({CLIENT_CALLS_BURST} at once)"),
        format!("at most {known}, {shop} and {EDGE_STRANGE_CALLS_MAX} such calls under way"),
        format!("makes {here} at a time for clients and {here} for shop and operators"),
        format!("{waiting} and {} more wait", digits(NODE_SHOP_CALLS_WAITING)),
        format!("is kept ({} in a sale)", digits(CANCELLED_EARLY_MAX)),
        format!("looks up {NODE_UNLISTED_LOOKUPS_PER_SECOND} names of sales a second"),
        format!("{} addresses an isolate (128 KiB)", digits(EDGE_CLIENTS_MAX)),
        format!("{} a node or a gateway (2 MiB)", digits(ORIGIN_CLIENTS_MAX)),
    ]
}

fn of_hints() -> Vec<String> {
    vec![
        format!("wait one retry interval ({COLD_WAIT_MS} ms)"),
        format!("{GRANTED_WAITS_MAX} arrivals in each {COLD_WAIT_MS} ms may wait"),
        format!("{} ms at most", COLD_WAIT_MS * u64::from(COLD_WAITS_MAX)),
        format!("while {} orders of its own wait for nodes", digits(EDGE_UNDER_WAY_MAX)),
        format!("begin {} windows a second", digits(PROBES_PER_SECOND)),
        format!("from {WINDOW_MIN_MS} to {WINDOW_MAX_MS} ms"),
        format!("at most {FEW_EDGES} edges is granted {FEW_BUDGET_MIN} requests at least"),
        format!("checks every {} s", seconds(OPENING_PROBE_MS)),
    ]
}

fn of_failures() -> Vec<String> {
    let segment = ACKNOWLEDGED_SEGMENT_BYTES / 1_024 / 1_024;
    vec![
        format!("none was answered for {} s", seconds(STALL_MS)),
        format!("most {} nodes for one order", word(EDGE_ATTEMPTS_MAX)),
        format!("within {} s.", seconds(EDGE_DEADLINE_MS)),
        format!("and {} s (`HEAL_SILENCE_MS`)", seconds(HEAL_SILENCE_MS)),
        format!("for {} s (`HEAL_LONGEST_MS`)", seconds(HEAL_LONGEST_MS)),
        format!("the last {segment} to {} MiB", 2 * segment),
        format!("answers \"ask another\" for {} s", seconds(NODE_LINGER_MS)),
    ]
}

fn of_promises() -> Vec<String> {
    let early = digits(CANCELLED_EARLY_MAX);
    vec![
        format!("a node that serves {} at a time", digits(SALES_MAX)),
        format!(
            "{early} of them in a sale, of which one client address gets {CLIENT_EARLY_BURST} at \
             once and {CLIENT_EARLY_PER_HOUR} an hour from each node"
        ),
        format!("at most {STATUS_STREAMS_MAX} a node"),
        format!("{} KiB, {HEADERS_MAX} headers; body {} KiB", HEAD_MAX / 1_024, BODY_MAX / 1_024),
        format!("both ways; {METRICS_SALES_MAX} sales"),
    ]
}

fn of_operations() -> Vec<String> {
    vec![
        format!("of {} places in a node's queues", digits(QUEUE_MAX)),
        format!("More than {} connections to one node", digits(CONNECTIONS_MAX)),
    ]
}

#[test]
fn every_bound_that_a_page_names_is_that_of_the_limits() {
    let pages = [
        ("docs/SECURITY.md", [of_requests(), of_calls()].concat()),
        ("docs/QUOTA.md", of_hints()),
        ("docs/howto/tokens.md", vec![format!("its last {ACTORS_MAX} changes")]),
        ("docs/FAILOVER.md", of_failures()),
        ("docs/GUARANTEES.md", of_promises()),
        ("docs/RUNBOOK.md", of_operations()),
        ("docs/SCALE.md", vec![format!("queue, {} orders a sale at most", digits(QUEUE_MAX))]),
        (
            "docs/OBSERVABILITY.md",
            vec![
                format!("the {METRICS_SALES_MAX} sales most recently requested"),
                format!("seen by this node in the last {} s", seconds(EDGE_LIVE_MS)),
                format!("a list has them all, up to {OVERVIEW_SALES_MAX}"),
                format!("reads up to {OVERVIEW_READS_MAX} of the oldest anew"),
                format!("21 KB a sale, of the {HISTORY_SALES_MAX} sales that sold last"),
                format!("asked for more than {STATUS_SALES_MAX} sales within that second"),
                format!(
                    "A node counts {} of them one by one and publishes the {STATUS_EDGES_MAX} \
                     busiest; a page shows at most {SHOWN_EDGES_MAX}",
                    digits(EDGES_LISTED_MAX)
                ),
            ],
        ),
    ];
    let mut wrong = Vec::new();
    for (page, sentences) in pages {
        // Lines are wrapped anywhere.
        let text = read(page).split_whitespace().collect::<Vec<_>>().join(" ");
        let missing = sentences.into_iter().filter(|sentence| !text.contains(sentence.as_str()));
        wrong.extend(missing.map(|sentence| format!("{page} does not say {sentence:?}")));
    }
    assert!(wrong.is_empty(), "the limits are others than the pages say:\n{}", wrong.join("\n"));
}
