//! Command `lastseat cluster`.

use crate::cli::{ClusterFlags, Common};
use crate::config::cluster_config;
use crate::failure::Failure;
use lastseat_cluster::process::allow_files;
use std::process::ExitCode;

pub(super) async fn run(common: &Common, flags: ClusterFlags) -> Result<ExitCode, Failure> {
    let config = cluster_config(common, flags)?;
    allow_files();
    lastseat_cluster::run(config).await.map_err(Failure::runtime)?;
    Ok(ExitCode::SUCCESS)
}
