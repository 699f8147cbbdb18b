//! Command line of `lastseat audit`.

use super::{LedgerFlag, ServerFlags};
use clap::Args;

/// `lastseat audit`
#[derive(Debug, Args)]
pub struct AuditFlags {
    /// The sale
    pub sale: String,
    /// Whom to ask.
    #[command(flatten)]
    pub server: ServerFlags,
    /// Where it is counted.
    #[command(flatten)]
    pub on: LedgerFlag,
    /// Print which commands of redis-cli would repair it, instead of the report; nothing is done
    #[arg(long)]
    pub repair_plan: bool,
    /// Which stands where a record and the log contradict each other: log or records
    #[arg(long, value_name = "log|records", requires = "repair_plan")]
    pub trust: Option<String>,
    /// An order of which the other side stands, or which is given up where neither can be read (may
    /// be repeated)
    #[arg(long, value_name = "ORDER", requires = "repair_plan")]
    pub except: Vec<String>,
    /// What becomes of log entries that are ahead of the sale: finish or undo
    #[arg(long, value_name = "finish|undo", default_value = "finish", requires = "repair_plan")]
    pub ahead: String,
    /// How many tickets the sale has, where it does not know or more are taken
    #[arg(long, value_name = "TICKETS", requires = "repair_plan")]
    pub capacity: Option<String>,
}
