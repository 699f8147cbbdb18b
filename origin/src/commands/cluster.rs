//! `lastseat cluster`

use crate::cli::{ClusterFlags, Common};
use crate::cluster;
use crate::config::ClusterConfig;
use crate::failure::Failure;
use crate::process::allow_files;
use std::process::ExitCode;

pub(super) async fn run(common: &Common, flags: ClusterFlags) -> Result<ExitCode, Failure> {
    let config = ClusterConfig::read(common, flags)?;
    allow_files();
    cluster::run(config).await?;
    Ok(ExitCode::SUCCESS)
}
