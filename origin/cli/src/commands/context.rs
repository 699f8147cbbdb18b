//! Command `lastseat context`.

use super::target::{no_context, of_cluster};
use super::{print_json, print_text};
use crate::api_client::ApiClient;
use crate::cli::{Common, ContextCommand, ContextSetFlags};
use crate::contexts::{ContextFile, LOCAL, ServerContext, check_name};
use crate::failure::Failure;
use lastseat_node::secret::given;
use serde::Serialize;
use std::process::ExitCode;

pub(super) fn run(common: &Common, command: &ContextCommand) -> Result<ExitCode, Failure> {
    let mut file = ContextFile::read().map_err(Failure::runtime)?;
    match command {
        ContextCommand::List => return list(common, file),
        ContextCommand::Use(flags) => {
            if flags.name != LOCAL && !file.contexts.contains_key(&flags.name) {
                return Err(no_context(&flags.name));
            }
            file.current = Some(flags.name.clone());
        }
        ContextCommand::Set(flags) => set(&mut file, flags)?,
        ContextCommand::Remove(flags) => {
            file.contexts.remove(&flags.name).ok_or_else(|| no_context(&flags.name))?;
            file.current = file.current.filter(|current| *current != flags.name);
        }
    }
    file.write().map_err(Failure::runtime)?;
    Ok(ExitCode::SUCCESS)
}

fn set(file: &mut ContextFile, flags: &ContextSetFlags) -> Result<(), Failure> {
    check_name(&flags.name).map_err(|wrong| Failure::usage(vec![wrong]))?;
    let servers = flags.server.split(',').map(str::trim).filter(|server| !server.is_empty());
    ApiClient::new("--server", servers.clone(), None)?;
    let context = ServerContext {
        servers: servers.map(ToOwned::to_owned).collect(),
        token: given(flags.token.as_ref()).cloned(),
    };
    if context.token.is_none() {
        eprintln!("lastseat: without a token: name it with each command, or set the context again");
    }
    file.contexts.insert(flags.name.clone(), context);
    Ok(())
}

/// One context as `--json` prints it; tokens stay in the file.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    current: bool,
    servers: Vec<String>,
}

fn list(common: &Common, file: ContextFile) -> Result<ExitCode, Failure> {
    let local = of_cluster(common)?.map(|nodes| (LOCAL.to_owned(), nodes));
    let current = file.current.unwrap_or_else(|| LOCAL.to_owned());
    let all = local.into_iter().chain(file.contexts);
    let listed = all.map(|(name, ServerContext { servers, .. })| {
        let current = name == current;
        Listed { name, current, servers }
    });
    let listed: Vec<Listed> = listed.collect();
    if common.json {
        print_json(&listed)?;
    } else {
        let line = |context: &Listed| {
            let mark = if context.current { '*' } else { ' ' };
            format!("{mark} {:16} {}\n", context.name, context.servers.join(","))
        };
        print_text(&listed.iter().map(line).collect::<String>())?;
    }
    Ok(ExitCode::SUCCESS)
}
