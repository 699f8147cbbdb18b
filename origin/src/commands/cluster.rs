//! `lastseat cluster`

use crate::cli::{ClusterFlags, Common};
use crate::cluster;
use crate::config::ClusterConfig;
use crate::failure::Failure;
use std::process::ExitCode;

pub(super) async fn run(common: &Common, flags: ClusterFlags) -> Result<ExitCode, Failure> {
    cluster::run(ClusterConfig::read(common, flags)?).await?;
    Ok(ExitCode::SUCCESS)
}
