//! Command line definition (clap).
//!
//! Values that need more than a glance are checked in [`crate::config`], which reports all that is
//! wrong at once.

mod access;
mod audit;
mod cluster;
mod context;
mod doctor;
mod gateway;
mod groups;
mod orders;
mod plan;
mod ready;
mod relay;
mod sale;
mod sale_option;
mod serve;
mod server;
mod token;

pub use access::AccessFlags;
pub use audit::AuditFlags;
pub use cluster::ClusterFlags;
pub use context::{ContextCommand, ContextFlags, ContextSetFlags};
pub use doctor::DoctorFlags;
pub use gateway::{EdgeFlags, GatewayFlags, OutsideFlags, PublicFlags};
pub use orders::{
    AckFlags, ExportFlags, OrderCancelFlags, OrderConfirmFlags, OrderFindFlags, OrderFlags,
    OrderPartFlags, OrdersCommand, ReplayFlags, UnrestoredFlags,
};
pub use plan::{PlanCheckFlags, PlanCommand};
pub use ready::ReadyFlags;
pub use relay::{RelayCommand, RelayFlags, RelayRetryFlags, RelayStatusFlags};
pub use sale::{SaleCommand, SaleCreateFlags, SaleFlags, SaleRestockFlags, SaleSetFlags};
pub use sale::{SaleWatchFlags, TermsFlags};
pub use serve::ServeFlags;
pub use server::{LedgerFlag, ServerFlags};
pub use token::{TokenCommand, TokenCreateFlags, TokenFlags, TokenInspectFlags, TokenKeysFlags};

use crate::failure::{self, Failure};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use lastseat_node::secret::Secret;
use lastseat_node::telemetry::logging::{FORMAT, LogFormat};
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  lastseat                                    a Redis and four nodes on ports 3001 to 3004
  lastseat cluster --demo --edge wrangler     the same with an edge and a sale of 10,000 tickets
  lastseat sale create spring --capacity 500  a sale of 500 tickets, open at once
  lastseat sale watch spring                  how it sells, a line a second
  lastseat top                                the whole cluster live
  lastseat audit spring                       recounts it

Exit codes: 0 done, 1 refused or it did not work, 2 wrong flags or plan, 3 no such sale or order,
4 no server or no ledger answers (audit: 1 differences, 2 could not check; doctor: 2 not checked).
With --json an error is one line on stderr: {\"error\":{\"code\",\"detail\",\"exit\"}}
Log level: LASTSEAT_LOG or RUST_LOG, for example info or lastseat=debug, which also shows spans.";

/// Heading of the options of all commands.
const EVERYWHERE: &str = "All commands";
/// Heading of the options that say where the ledger is.
const LEDGER: &str = "Ledger";
/// Where a cluster keeps its files when nothing says where.
const DATA_DIR: &str = ".lastseat";

/// Sells the last seat to exactly one buyer.
#[derive(Debug, Parser)]
#[command(name = "lastseat", version, after_help = EXAMPLES)]
#[command(help_template = groups::template())]
pub struct Cli {
    /// What all commands understand.
    #[command(flatten)]
    pub common: Common,
    /// What to do; `cluster` when absent.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Whether no command was named.
    #[arg(skip)]
    pub without_command: bool,
}

/// What all commands understand.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Print data as JSON on stdout, and errors as JSON on stderr
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
    /// Where nodes, logs and the Redis of the cluster keep their files; .lastseat when absent
    #[arg(long, global = true, env = "LASTSEAT_DATA_DIR", value_name = "DIR")]
    #[arg(help_heading = EVERYWHERE)]
    pub data_dir: Option<PathBuf>,
    /// How lines of the log on stderr look
    #[arg(
        long,
        global = true,
        env = FORMAT,
        value_parser = log_format(),
        default_value = "text",
        hide_possible_values = true,
        help_heading = EVERYWHERE,
        value_name = "text|json"
    )]
    pub log_format: LogFormat,
    /// The Redis that is the ledger: redis://user:password@host:6379/0 or unix:/path, a Redis
    /// Cluster as redis+cluster://host:port,host:port, or what Sentinels name as
    /// redis+sentinel://host:port,host:port/name; with TLS rediss instead of redis, and
    /// ?ca=/path/of/ca.pem
    #[arg(long, global = true, env = "REDIS_URL", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "URL", help_heading = LEDGER)]
    pub redis_url: Option<Secret>,
    /// Replicas of Redis that must have a change before it is confirmed; 0 = none is waited for
    #[arg(
        long,
        global = true,
        env = "LASTSEAT_WAIT_REPLICAS",
        default_value = "0",
        help_heading = LEDGER,
        value_name = "0..16"
    )]
    pub wait_replicas: String,
    /// How long that may take, in milliseconds; after that the outcome is unknown
    #[arg(
        long,
        global = true,
        env = "LASTSEAT_WAIT_MS",
        default_value = "500",
        help_heading = LEDGER,
        value_name = "10..800"
    )]
    pub wait_ms: String,
}

impl Common {
    /// Where the cluster keeps its files.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.data_dir.as_deref().unwrap_or(Path::new(DATA_DIR))
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run nodes here, with a Redis and edges if wanted, until Ctrl-C
    Cluster(ClusterFlags),
    /// Run one node
    Serve(ServeFlags),
    /// Run an edge on one's own machine: buyers reach it, it asks the nodes
    Gateway(GatewayFlags),
    /// Create, change, show and watch sales
    Sale {
        /// Whom to ask.
        #[command(flatten)]
        server: ServerFlags,
        /// What to do with sales.
        #[command(subcommand)]
        command: SaleCommand,
    },
    /// Find, show, confirm, cancel, export orders
    Orders {
        /// Whom to ask.
        #[command(flatten)]
        server: ServerFlags,
        /// What to do with orders.
        #[command(subcommand)]
        command: OrdersCommand,
    },
    /// Check what a sale is to sell: a train's stops and coaches, a hall's blocks
    Plan {
        /// What to do with plans.
        #[command(subcommand)]
        command: PlanCommand,
    },
    /// Show the whole cluster live: tickets, funnel, nodes, events
    #[command(after_help = "\
Keys: n shows the next sale, q or Ctrl-C ends. Where stdout is no terminal: a line a second.

Examples:
  lastseat top
  lastseat top spring --once
  lastseat top --json | jq .nodes")]
    Top(TopFlags),
    /// Recount a sale and compare with its counters
    #[command(after_help = "\
It works on damaged data, too, also while the sale sells, and changes nothing. --repair-plan \
prints a shell script that would
bring the sale in line with its orders and its log: read it, take a backup, let no node sell, \
then run it.

Exit codes: 0 all agrees, 1 differences or something that matters could not be checked (with \
--repair-plan: there is
something to repair), 2 could not check, whatever the reason.

A node makes the audit; with --ledger it is made here. --repair-plan is always made here, on the \
ledger itself.

Examples:
  lastseat audit demo --json
  lastseat audit demo --repair-plan > plan.sh
  lastseat audit demo --repair-plan --trust records > plan.sh")]
    Audit(AuditFlags),
    /// Deliver each change of a sale, or of all, to webhooks, in order, at least once
    Relay(RelayFlags),
    /// Make a token of a person, a program or a buyer
    Token(TokenFlags),
    /// Keep servers and tokens of clusters under names
    Context {
        /// What to do with contexts.
        #[command(subcommand)]
        command: ContextCommand,
    },
    /// Ask a node whether it can serve orders
    Ready(ReadyFlags),
    /// Say what on this machine and its Redis is not as it should be, and what to do
    Doctor(DoctorFlags),
    /// Print the documents of the API
    #[command(
        name = "openapi",
        after_help = "\
Examples:
  lastseat openapi > openapi.json                what buyers and shops call, as OpenAPI 3.1
  lastseat openapi --operators > operators.json  what operators call
  lastseat openapi --reference > API.md          both, for people"
    )]
    OpenApi(OpenApiFlags),
    /// Print what a shell needs to complete commands and flags
    #[command(after_help = "\
Examples:
  lastseat completions bash > ~/.local/share/bash-completion/completions/lastseat
  lastseat completions zsh > ~/.zfunc/_lastseat
  lastseat completions fish > ~/.config/fish/completions/lastseat.fish")]
    Completions(CompletionsFlags),
    /// Print the manual page of a command, or write all pages
    #[command(after_help = "\
Examples:
  lastseat man sale create | man -l -
  lastseat man --to ~/.local/share/man/man1 && man lastseat-sale-create")]
    Man(ManFlags),
    /// Become another program that ends when our parent does
    #[command(hide = true)]
    Bound(BoundFlags),
}

/// `lastseat top`
#[derive(Debug, Args)]
pub struct TopFlags {
    /// The sale to show first; the busiest when absent
    pub sale: Option<String>,
    /// Whom to ask.
    #[command(flatten)]
    pub server: ServerFlags,
    /// Where it is read.
    #[command(flatten)]
    pub on: LedgerFlag,
    /// Print it once and end
    #[arg(long)]
    pub once: bool,
}

/// `lastseat man`
#[derive(Debug, Args)]
pub struct ManFlags {
    /// The command whose page is printed, such as sale create; lastseat itself when absent
    pub command: Vec<String>,
    /// Write the pages of all commands into this directory instead; it is made if it is missing
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub to: Option<PathBuf>,
}

/// `lastseat openapi`
#[derive(Debug, Args)]
pub struct OpenApiFlags {
    /// The calls of operators instead of those of buyers and shops
    #[arg(long)]
    pub operators: bool,
    /// All calls as a page of Markdown
    #[arg(long, conflicts_with = "operators")]
    pub reference: bool,
}

/// `lastseat completions`
#[derive(Debug, Args)]
pub struct CompletionsFlags {
    /// Which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Shells that are completed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// `lastseat bound`
#[derive(Debug, Args)]
pub struct BoundFlags {
    /// The parent at the time of the call
    #[arg(long)]
    pub parent: i32,
    /// Program and arguments
    #[arg(last = true, required = true)]
    pub command: Vec<OsString>,
}

impl Cli {
    /// Reads the command line of this process; explains and exits when it makes no sense.
    #[must_use]
    pub fn read() -> Self {
        let mut words: Vec<OsString> = std::env::args_os().collect();
        if let Some((rewritten, instead)) = sale_option::rewritten(&words) {
            eprintln!(
                "lastseat: --sale is deprecated and goes with the next version; write: {instead}"
            );
            words = rewritten;
        }
        let cli = Self::parse_or_exit(&words);
        if cli.command.is_some() {
            return cli;
        }
        // No command: `cluster` with its defaults and the flags that all commands understand.
        words.insert(1.min(words.len()), "cluster".into());
        Self { without_command: true, ..Self::parse_or_exit(&words) }
    }

    fn parse_or_exit(words: &[OsString]) -> Self {
        let error = match Self::try_parse_from(words) {
            Ok(cli) => return cli,
            Err(error) => error,
        };
        // Help and the version are no errors.
        if error.use_stderr() && words.iter().any(|word| word == "--json") {
            let failure = Failure::usage(vec![error.to_string().trim_end().to_owned()]);
            eprintln!("{}", failure.to_json());
            std::process::exit(failure::USAGE.into());
        }
        error.exit()
    }

    /// Whether an error is one line of JSON on stderr. Servers write it into their log.
    #[must_use]
    pub const fn has_json_errors(&self) -> bool {
        let server = match &self.command {
            Some(Command::Relay(flags)) => flags.command.is_none(),
            Some(Command::Cluster(_) | Command::Serve(_) | Command::Gateway(_)) => true,
            _ => false,
        };
        self.common.json && !server
    }

    /// The number of the node that this is the command of, if it is one.
    #[must_use]
    pub fn node(&self) -> Option<String> {
        match &self.command {
            Some(Command::Serve(flags)) => Some(flags.node.clone()),
            _ => None,
        }
    }
}

/// The words of `--log-format`.
fn log_format() -> impl TypedValueParser<Value = LogFormat> {
    let text = PossibleValue::new(LogFormat::Text.as_str()).help("For people");
    let json = PossibleValue::new(LogFormat::Json.as_str()).help("One JSON object a line");
    PossibleValuesParser::new([text, json]).map(|word| match word.as_str() {
        "json" => LogFormat::Json,
        _ => LogFormat::Text,
    })
}

fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
