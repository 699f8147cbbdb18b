//! Command `lastseat serve`.

use super::block_on;
use crate::cli::{Common, ServeFlags};
use crate::config::serve_config;
use crate::failure::Failure;
use lastseat_cluster::process::{StopSignals, allow_files};
use lastseat_node::config::ServeConfig;
use lastseat_node::serve::Node;
use std::io::{self, Write};
use std::process::ExitCode;
use tokio::sync::oneshot;

pub(super) fn run(common: &Common, flags: ServeFlags) -> Result<ExitCode, Failure> {
    let config = serve_config(common, flags)?;
    let threads = config.threads;
    block_on(threads, serve(config))
}

async fn serve(config: ServeConfig) -> Result<ExitCode, Failure> {
    allow_files();
    let mut signals = StopSignals::listen().map_err(Failure::runtime)?;
    let (json, stop_with_stdin) = (config.json, config.stop_with_stdin);
    let node = Node::start(config).await.map_err(Failure::runtime)?;
    if json {
        let line = serde_json::to_string(node.entry()).map_err(Failure::runtime)?;
        let mut stdout = io::stdout().lock();
        let printed = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
        printed.map_err(Failure::runtime)?;
    }
    let stdin_ends = stdin_ends(stop_with_stdin);
    let stop = async {
        tokio::select! {
            () = signals.next() => {}
            Ok(()) = stdin_ends => {}
        }
    };
    node.run(stop).await;
    Ok(ExitCode::SUCCESS)
}

/// Ready when stdin ends. A thread of its own waits: a runtime would wait for its thread at its
/// end.
fn stdin_ends(wanted: bool) -> oneshot::Receiver<()> {
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
