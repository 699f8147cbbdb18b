//! Target of a command: the operators' API of some nodes, or the ledger itself.

use super::Failure;
use crate::api_client::ApiClient;
use crate::cli::{Common, ServerFlags};
use crate::config::replicas;
use crate::contexts::{ContextFile, LOCAL, ServerContext};
use crate::failure::NOT_FOUND;
use lastseat_cluster::state_file::ClusterState;
use lastseat_ledger::{ConnectError, Ledger, LedgerUrl};
use lastseat_node::secret::{Secret, given, sent};

/// The nodes that the flags, the environment, a context or a running cluster name, in this order.
///
/// # Errors
/// Nothing names any, or two things name different ones.
pub(super) fn api(common: &Common, flags: &ServerFlags) -> Result<ApiClient, Failure> {
    let word = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let token = given(flags.token.as_ref()).map(sent);
    let context = match (word(&flags.server), word(&flags.context)) {
        (Some(_), Some(_)) => {
            return Err(Failure::usage(vec![
                "--server or LASTSEAT_SERVER and --context or LASTSEAT_CONTEXT both say whom to \
                 ask: leave one out"
                    .to_owned(),
            ]));
        }
        (Some(servers), None) => {
            return ApiClient::new("--server or LASTSEAT_SERVER", servers.split(','), token);
        }
        (None, named) => named,
    };
    let found = match context {
        Some(name) => by_name(common, &name)?,
        None => by_default(common)?,
    };
    let ServerContext { servers, token: own } = found;
    ApiClient::new(
        "the context",
        servers.iter().map(String::as_str),
        token.or_else(|| own.as_ref().map(sent)),
    )
}

fn by_name(common: &Common, name: &str) -> Result<ServerContext, Failure> {
    if name == LOCAL {
        return of_cluster(common)?.ok_or_else(|| no_cluster(common));
    }
    let mut file = ContextFile::read().map_err(Failure::runtime)?;
    file.contexts.remove(name).ok_or_else(|| no_context(name))
}

/// Where nothing was named. A directory or a ledger that was is never passed over: what was meant
/// for one cluster must not change another.
fn by_default(common: &Common) -> Result<ServerContext, Failure> {
    if let Some(url) = given(common.redis_url.as_ref()) {
        return match cluster(common)? {
            Some(state) if state.redis.url == url.reveal() => Ok(nodes_of(state)),
            _ => Err(Failure::usage(vec![
                "--redis-url or REDIS_URL names a ledger, and this command asks a node: name one \
                 with --server or --context. What works on a ledger itself has the flag --ledger"
                    .to_owned(),
            ])),
        };
    }
    if common.data_dir.is_none() {
        let file = ContextFile::read().map_err(Failure::runtime)?;
        if let Some(name) = file.current {
            return by_name(common, &name);
        }
    }
    of_cluster(common)?.ok_or_else(|| no_cluster(common))
}

/// A context that is not there.
pub(super) fn no_context(name: &str) -> Failure {
    let why =
        format!("there is no context {name:?}; `lastseat context list` names those there are");
    Failure::new(NOT_FOUND, "unknown_context", why)
}

fn no_cluster(common: &Common) -> Failure {
    Failure::usage(vec![format!(
        "no cluster runs in {}, so it is not known which node to ask. Start one with `lastseat \
         cluster`, or name a node with --server or --context",
        common.data_dir().display()
    )])
}

/// The nodes of the cluster that runs in the data directory.
pub(super) fn of_cluster(common: &Common) -> Result<Option<ServerContext>, Failure> {
    Ok(cluster(common)?.map(nodes_of))
}

fn nodes_of(state: ClusterState) -> ServerContext {
    ServerContext {
        servers: state.nodes.into_iter().map(|node| node.admin).collect(),
        token: Some(Secret::new(state.admin_token)),
    }
}

fn cluster(common: &Common) -> Result<Option<ClusterState>, Failure> {
    let data_dir = common.data_dir();
    ClusterState::read(data_dir).map_err(|e| {
        Failure::runtime(format!("{}/cluster.json cannot be read: {e}", data_dir.display()))
    })
}

/// The ledger that the flags, the environment or a running cluster name, in this order.
///
/// # Errors
/// Nothing names one, or it cannot be used.
pub(super) async fn ledger(common: &Common) -> Result<Ledger, Failure> {
    let url = ledger_url(common)?.ok_or_else(|| {
        Failure::usage(vec![format!(
            "no cluster runs in {}, so the ledger is not known. Start one with \
             `lastseat cluster`, or name it with --data-dir, --redis-url or REDIS_URL",
            common.data_dir().display()
        )])
    })?;
    let replicas = replicas(common).map_err(|wrong| Failure::usage(vec![wrong]))?;
    let ledger = Ledger::connect(&url).await.map_err(|e| match e {
        ConnectError::Unreachable { .. } => Failure::unreachable(e),
        _ => Failure::runtime(e),
    })?;
    Ok(ledger.waiting_for(replicas))
}

/// Where that ledger is; `None` = nothing names one.
///
/// # Errors
/// What names it cannot be read.
pub(super) fn ledger_url(common: &Common) -> Result<Option<LedgerUrl>, Failure> {
    let url = match given(common.redis_url.as_ref()) {
        Some(url) => url.reveal().to_owned(),
        None => match cluster(common)? {
            Some(state) => state.redis.url,
            None => return Ok(None),
        },
    };
    let url = LedgerUrl::parse(&url)
        .map_err(|e| Failure::usage(vec![format!("--redis-url or REDIS_URL: {e}")]))?;
    Ok(Some(url))
}
