//! Command `lastseat audit`.

use super::progress::Progress;
use super::target::{api, ledger};
use super::{fault, no_sale, print, print_text, sale_id};
use crate::api_client::ApiCall;
use crate::cli::{AuditFlags, Common};
use crate::failure::Failure;
use lastseat_ledger::AuditReport;
use lastseat_ledger::Ledger;
use lastseat_ledger::audit::AuditedLeg;
use lastseat_ledger::audit::plan::{Ahead, Choices, PlanTrust, RepairPlan};
use serde::Serialize;
use shared::{Capacity, OrderId, SaleId};
use std::process::ExitCode;
use std::time::Duration;

/// Time for an audit by a node: it takes seconds for millions of orders.
const DEADLINE: Duration = Duration::from_secs(600);

/// Legs of a sale with a plan that are printed; `--json` has all.
const LEGS_SHOWN: usize = 10;

/// Exit codes: 0 all agrees, 1 differences, 2 could not check.
pub(super) async fn run(common: &Common, flags: &AuditFlags) -> Result<ExitCode, Failure> {
    check(common, flags).await.map_err(Failure::undecided)
}

async fn check(common: &Common, flags: &AuditFlags) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    if flags.repair_plan {
        let choices = choices(flags)?;
        return plan(common, &ledger(common).await?, &sale, &choices).await;
    }
    let report = if flags.on.ledger {
        recount(&ledger(common).await?, &sale).await?
    } else {
        let call = ApiCall::get(&sale, "/audit").within(DEADLINE);
        api(common, &flags.server)?.read(&call).await?
    };
    if common.json {
        print(common, &report)?;
    } else {
        print(common, &Numbers::of(&report))?;
        print_text(&legs(&report))?;
        print_text(&details(&report))?;
    }
    Ok(verdict(&sale, &report))
}

/// Audits it here, without a node.
async fn recount(ledger: &Ledger, sale: &SaleId) -> Result<AuditReport, Failure> {
    let progress = Progress::start();
    let report_progress = |what, done, all| progress.report(what, done, all);
    let report = ledger.audit_with_progress(sale, &report_progress).await.map_err(fault)?;
    drop(progress);
    report.ok_or_else(|| no_sale(sale))
}

/// Prints the plan; the report goes to stderr in short, so that stdout can become a file.
async fn plan(
    common: &Common,
    ledger: &Ledger,
    sale: &SaleId,
    choices: &Choices,
) -> Result<ExitCode, Failure> {
    #[derive(Serialize)]
    struct Planned {
        #[serde(flatten)]
        report: AuditReport,
        repair_plan: RepairPlan,
    }
    let progress = Progress::start();
    let report_progress = |what, done, all| progress.report(what, done, all);
    let planned = ledger.plan_repair(sale, choices, &report_progress).await;
    drop(progress);
    let (report, repair_plan) = planned.map_err(fault)?.ok_or_else(|| no_sale(sale))?;
    if common.json {
        let planned = Planned { report: report.clone(), repair_plan };
        print(common, &planned)?;
        return Ok(verdict(sale, &report));
    }
    print_text(&repair_plan.to_string())?;
    let nothing = repair_plan.commands.is_empty() && repair_plan.why_not.is_empty();
    for why in &repair_plan.why_not {
        eprintln!("no plan: {why}");
    }
    verdict(sale, &report);
    Ok(if nothing { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choices(flags: &AuditFlags) -> Result<Choices, Failure> {
    let mut wrong = Vec::new();
    let trust = match flags.trust.as_deref() {
        None => None,
        Some("log") => Some(PlanTrust::Log),
        Some("records") => Some(PlanTrust::Records),
        Some(word) => {
            wrong.push(format!("--trust {word}: it is log or records"));
            None
        }
    };
    let ahead = match flags.ahead.as_str() {
        "finish" => Ahead::Finish,
        "undo" => Ahead::Undo,
        word => {
            wrong.push(format!("--ahead {word}: it is finish or undo"));
            Ahead::Finish
        }
    };
    let except = flags.except.iter().filter_map(|text| {
        let id = OrderId::parse(text);
        id.map_err(|why| wrong.push(format!("--except {text}: {why}"))).ok()
    });
    let except = except.collect();
    let capacity = flags.capacity.as_deref().and_then(|text| {
        let number = text.parse().unwrap_or(u64::MAX);
        let capacity = Capacity::new(number);
        capacity.map_err(|why| wrong.push(format!("--capacity {text}: {why}"))).ok()
    });
    if !wrong.is_empty() {
        return Err(Failure::usage(wrong));
    }
    Ok(Choices { trust, except, ahead, capacity })
}

/// What fits on a line each; the rest follows as sentences.
#[derive(Serialize)]
struct Numbers<'a> {
    sale: &'a str,
    capacity: u64,
    free: i64,
    held: u64,
    confirmed: u64,
    orders: String,
    commit_seq: u64,
    log_from: u64,
    orders_in_log: u64,
    ok: bool,
}

impl<'a> Numbers<'a> {
    fn of(report: &'a AuditReport) -> Self {
        let orders = report.orders.iter();
        let orders: Vec<String> = orders.map(|(state, n)| format!("{n} {state}")).collect();
        Self {
            sale: &report.sale,
            capacity: report.capacity,
            free: report.free,
            held: report.held,
            confirmed: report.confirmed,
            orders: orders.join(", "),
            commit_seq: report.commit_seq,
            log_from: report.log_from,
            orders_in_log: report.orders_in_log,
            ok: report.ok,
        }
    }
}

/// The legs of a sale with a plan, the worst ones first: those that differ, then the fullest.
fn legs(report: &AuditReport) -> String {
    let mut text = String::new();
    for leg in report.legs.iter().take(LEGS_SHOWN) {
        let way = match (&leg.from, &leg.to) {
            (Some(from), Some(to)) => format!(" {from}-{to}"),
            _ => String::new(),
        };
        let AuditedLeg { class, places, free, held, confirmed, .. } = leg;
        let said = match leg.ledger_says_free {
            _ if leg.is_whole() => String::new(),
            Some(said) => format!("; the ledger says {said} free"),
            None => "; the seats of the ledger cannot be read".to_owned(),
        };
        text.push_str(&format!(
            "leg  {class}{way}: {places} = {free} free + {held} held + {confirmed} confirmed\
             {said}\n"
        ));
    }
    let more = report.legs.len().saturating_sub(LEGS_SHOWN);
    if more > 0 {
        text.push_str(&format!("     and {more} more: --json has all\n"));
    }
    text
}

/// Findings by kind, each kind with its remedy once, and what was not checked.
fn details(report: &AuditReport) -> String {
    let mut text = String::new();
    for (kind, count) in &report.kinds {
        text.push('\n');
        let pairs = report.findings.iter().zip(&report.differences);
        let named: Vec<&String> = pairs
            .filter(|(finding, _)| finding.kind == *kind)
            .map(|(_, sentence)| sentence)
            .collect();
        for sentence in &named {
            text.push_str(&format!("DIFFERS  {sentence}\n"));
        }
        let more = count - named.len() as u64;
        if more > 0 {
            text.push_str(&format!("         and {more} more of this kind\n"));
        }
        text.push_str(&format!("  do     {}\n", kind.remedy()));
    }
    for thing in &report.not_checked {
        let word = if thing.matters { "UNCHECKED" } else { "unchecked" };
        text.push_str(&format!("\n{word}  {}: {}\n", thing.what, thing.why));
    }
    text
}

fn verdict(sale: &SaleId, report: &AuditReport) -> ExitCode {
    if report.ok {
        eprintln!("sale {sale}: orders, buyers, holds and counters agree");
        return ExitCode::SUCCESS;
    }
    let count = report.differences.len() as u64 + report.more_differences;
    let unchecked = report.not_checked.iter().filter(|thing| thing.matters).count();
    eprintln!(
        "sale {sale}: {count} differences, {unchecked} things that matter could not be checked"
    );
    ExitCode::FAILURE
}
