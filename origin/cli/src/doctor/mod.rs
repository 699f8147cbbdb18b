//! Doctor: checks this machine and its Redis before a sale opens.
//!
//! Each file looks at one thing and answers findings; nothing here changes anything.

mod edge_table;
mod keys;
mod known_bad;
mod machine;
mod memory;
mod numbers;
mod ports;
mod report;
mod server;
mod tools;

pub use memory::BYTES_PER_ORDER;
pub use report::{DoctorFinding, DoctorReport, Level};

use lastseat_ledger::{Facts, Ledger, LedgerUrl, Replicas};
use lastseat_node::secret::Secret;
use shared::SaleId;
use std::path::PathBuf;

/// What there is to look at.
#[derive(Debug)]
pub struct Patient {
    /// The Redis, if one is named or a cluster runs here.
    pub redis: Option<LedgerUrl>,
    /// The replicas that nodes wait for.
    pub replicas: Option<Replicas>,
    /// The sale that is planned there.
    pub sale: Option<SaleId>,
    /// Tickets that are planned.
    pub tickets: Option<u64>,
    /// The key of the edges that was given.
    pub edge_key: Option<Secret>,
    /// The key of the buyer tokens that was given.
    pub buyer_key: Option<Secret>,
    /// Where a cluster keeps its files.
    pub data_dir: PathBuf,
    /// The checkout of lastseat, if this is one.
    pub repository: Option<PathBuf>,
}

/// Looks at everything.
pub async fn examine(patient: &Patient) -> DoctorReport {
    let mut findings = redis(patient).await;
    findings.extend(ports::inspect(&patient.data_dir));
    findings.push(machine::file_descriptors());
    findings.extend(keys::inspect(
        patient.edge_key.as_ref(),
        patient.buyer_key.as_ref(),
        patient.repository.as_deref(),
    ));
    match &patient.repository {
        Some(root) => {
            findings.extend(tools::inspect(root));
            findings.push(edge_table::inspect(root));
        }
        None => findings
            .push(DoctorFinding::ok("edge", "not looked at: this is no checkout of lastseat")),
    }
    DoctorReport::new(findings)
}

async fn redis(patient: &Patient) -> Vec<DoctorFinding> {
    let Some(url) = &patient.redis else {
        let mut findings = vec![tools::redis_server()];
        if patient.sale.is_some() || patient.tickets.is_some() {
            findings.push(DoctorFinding::unchecked(
                "redis",
                "no Redis is known, so nothing can be said of its memory",
                "name it with --redis-url, or start `lastseat cluster`",
            ));
        }
        return findings;
    };
    let servers = match Facts::ask(url).await {
        Ok(servers) => servers,
        Err(fault) => {
            return vec![DoctorFinding::unchecked(
                "redis",
                format!("nobody answers at {url}: {fault}"),
                "start it (redis-server --appendonly yes --appendfsync always) or name another one \
                 with --redis-url",
            )];
        }
    };
    let planned = planned(patient, url).await;
    let mut findings = Vec::new();
    for (at, facts) in &servers {
        let mut found = server::judge(facts, patient.replicas);
        if let Ok(Some(tickets)) = &planned {
            found.push(memory::judge(facts, *tickets));
        }
        if let Some(at) = at {
            for finding in &mut found {
                finding.found.insert_str(0, &format!("{at}: "));
            }
        }
        findings.extend(found);
    }
    findings.extend(planned.err());
    findings.push(numbers::inspect(url).await);
    findings
}

/// Tickets that are still to be sold.
async fn planned(patient: &Patient, url: &LedgerUrl) -> Result<Option<u64>, DoctorFinding> {
    let Some(sale) = &patient.sale else {
        return Ok(patient.tickets);
    };
    let unchecked = |why: String| {
        let remedy = "create it first, or say how many with --tickets";
        DoctorFinding::unchecked("memory", why, remedy)
    };
    let ledger = Ledger::connect(url).await;
    let ledger = ledger.map_err(|e| unchecked(e.to_string()))?;
    let snapshot = ledger.snapshot(sale).await;
    match snapshot.map_err(|e| unchecked(e.to_string()))? {
        Some(snapshot) => Ok(Some(u64::from(snapshot.free()))),
        None => Err(unchecked(format!("there is no sale {sale}"))),
    }
}
