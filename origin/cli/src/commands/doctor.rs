//! Command `lastseat doctor`.

use super::target::ledger_url;
use super::{print, print_text, sale_id};
use crate::cli::{Common, DoctorFlags};
use crate::config::replicas;
use crate::doctor::{self, Level, Patient};
use crate::failure::Failure;
use lastseat_node::secret::Secret;
use std::process::ExitCode;

/// Exit codes: 0 nothing failed, 1 something did, 2 something could not be checked.
pub(super) async fn run(common: &Common, flags: &DoctorFlags) -> Result<ExitCode, Failure> {
    let sale = flags.sale.as_deref().map(sale_id).transpose()?;
    // An empty variable counts as none.
    let given = |key: &Option<Secret>| key.clone().filter(|key| !key.reveal().is_empty());
    let report = doctor::examine(&Patient {
        redis: ledger_url(common)?,
        replicas: replicas(common).map_err(|wrong| Failure::usage(vec![wrong]))?,
        sale,
        tickets: flags.tickets,
        edge_key: given(&flags.edge_key),
        buyer_key: given(&flags.buyer_key),
        data_dir: common.data_dir().to_owned(),
        repository: lastseat_cluster::repository(),
    })
    .await;
    if common.json {
        print(common, &report)?;
    } else {
        print_text(&report.to_string())?;
    }
    let [warnings, unchecked, failures] =
        [Level::Warn, Level::Unchecked, Level::Fail].map(|level| report.count(level));
    eprintln!("{failures} to change, {unchecked} not checked, {warnings} to think about");
    Ok(ExitCode::from(match report.level {
        Level::Fail => 1,
        Level::Unchecked => 2,
        Level::Ok | Level::Warn => 0,
    }))
}
