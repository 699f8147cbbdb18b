//! `lastseat audit`

use super::progress::Progress;
use super::sale::sale_id;
use super::{fault, ledger, print};
use crate::cli::{AuditFlags, Common};
use crate::failure::Failure;
use std::process::ExitCode;

/// Exit codes: 0 all agrees, 1 differences, 2 could not check.
pub(super) async fn run(common: &Common, flags: &AuditFlags) -> Result<ExitCode, Failure> {
    check(common, flags).await.map_err(Failure::undecided)
}

async fn check(common: &Common, flags: &AuditFlags) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let ledger = ledger(common).await?;
    let progress = Progress::start();
    let tell = |what, done, all| progress.tell(what, done, all);
    let report = ledger.audit_telling(&sale, &tell).await.map_err(fault)?;
    drop(progress);
    let report = report.ok_or_else(|| Failure::runtime(format!("there is no sale {sale}")))?;
    print(common, &report)?;
    if report.ok {
        eprintln!("sale {sale}: orders, buyers, holds and counters agree");
        Ok(ExitCode::SUCCESS)
    } else {
        let count = report.differences.len() as u64 + report.more_differences;
        eprintln!("sale {sale}: {count} differences");
        Ok(ExitCode::FAILURE)
    }
}
