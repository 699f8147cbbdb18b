//! Command `lastseat serve`.

use super::block_on;
use crate::cli::{Common, ServeFlags};
use crate::config::{ServePlan, serve_config};
use crate::failure::Failure;
use crate::node_relay::NodeRelay;
use crate::own_node::OwnOrders;
use lastseat_cluster::process::{StopSignals, allow_files};
use lastseat_gateway::config::{GatewayConfig, OwnNode};
use lastseat_gateway::front::GatewayEntry;
use lastseat_gateway::gateway::Gateway;
use lastseat_node::ready_line::{NodeEntry, PublicSide};
use lastseat_node::serve::Node;
use lastseat_node::telemetry::metrics::MoreMetrics;
use serde::Serialize;
use shared::upstream::balancer::OriginRow;
use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::oneshot;

pub(super) fn run(common: &Common, flags: ServeFlags) -> Result<ExitCode, Failure> {
    let plan = serve_config(common, flags)?;
    let threads = plan.node.threads;
    block_on(threads, serve(plan))
}

async fn serve(plan: ServePlan) -> Result<ExitCode, Failure> {
    allow_files();
    let mut signals = StopSignals::listen().map_err(Failure::runtime)?;
    let ServePlan { node: mut config, public, webhooks } = plan;
    let (json, stop_with_stdin) = (config.json, config.stop_with_stdin);
    let relay = webhooks.map(|plan| NodeRelay::new(plan, config.ledger.clone(), config.node.id));
    config.more_metrics = relay.as_ref().map(|relay| relay.metrics() as Arc<dyn MoreMetrics>);
    let node = Node::start(config).await.map_err(Failure::runtime)?;
    let gateway = public.map(|public| before(&node, public)).transpose()?;
    let relay = relay.map(NodeRelay::start);
    if json {
        let side = |entry: &GatewayEntry| PublicSide {
            url: entry.url.clone(),
            admin: entry.admin.clone(),
        };
        let public = gateway.as_ref().map(|gateway| side(gateway.entry()));
        print_ready_line(&NodeEntry { public, ..node.entry().clone() })?;
    }
    let stdin_ends = stdin_ends(stop_with_stdin);
    let stop = async {
        tokio::select! {
            () = signals.next() => {}
            Ok(()) = stdin_ends => {}
        }
        if let Some(relay) = &relay {
            relay.stop();
        }
    };
    let ended = match gateway {
        None => {
            node.run(stop).await;
            Ok(())
        }
        Some(gateway) => run_both(node, gateway, stop).await,
    };
    if let Some(relay) = relay {
        relay.ended().await;
    }
    ended.map_err(Failure::runtime)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs a node and the gateway before it.
///
/// # Errors
/// The gateway cannot be run.
async fn run_both(
    node: Node,
    gateway: Gateway,
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    // The public side finishes first, so that it does not find the node gone.
    let (end, ended) = oneshot::channel();
    let node = node.run(async { drop(ended.await) });
    let gateway = async {
        let ended = gateway.run(stop).await;
        let _ = end.send(());
        ended
    };
    let ((), ended) = tokio::join!(node, gateway);
    ended
}

/// The public side of this node. Orders go to the node in memory; all else, such as a read of an
/// order, is a request to its address.
fn before(node: &Node, mut public: GatewayConfig) -> Result<Gateway, Failure> {
    let url = node.entry().url.clone();
    let table = serde_json::to_string(&[OriginRow::new(&url, 1)]);
    public.edge.set("ORIGINS", Some(table.map_err(Failure::runtime)?));
    public.own_node = Some(OwnNode { url, orders: Arc::new(OwnOrders(node.orders())) });
    Gateway::start(public).map_err(Failure::runtime)
}

/// Says in one line of JSON where a server listens.
pub(super) fn print_ready_line(entry: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(entry).map_err(Failure::runtime)?;
    let mut stdout = io::stdout().lock();
    let printed = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    printed.map_err(Failure::runtime)
}

/// Ready when stdin ends. A thread of its own waits: a runtime would wait for its thread at its
/// end.
pub(super) fn stdin_ends(wanted: bool) -> oneshot::Receiver<()> {
    let (tell, hear) = oneshot::channel();
    if wanted {
        std::thread::spawn(move || {
            // Whatever comes is ignored; an error is an end, too.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            let _ = tell.send(());
        });
    }
    hear
}
