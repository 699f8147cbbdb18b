//! Flags of `lastseat orders`.

use super::server::LedgerFlag;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use shared::{IfState, OrderState};
use std::path::PathBuf;

/// `lastseat orders`
#[derive(Debug, Subcommand)]
pub enum OrdersCommand {
    /// Show one order
    #[command(after_help = "Example: lastseat orders show s 01890a5d-ac96-774b-bcce-b302099a8057")]
    Show(OrderFlags),
    /// Find orders by buyer, number, payment or state
    #[command(after_help = "\
Examples:
  lastseat orders find s --number K3F7-9QXM-2D
  lastseat orders find s --buyer ada@example.org
  lastseat orders find s --reference pi_3QkLmN2eZvKYlo2C
  lastseat orders find s --state held --limit 1000 --json

An order is found that is all of what the flags say. There is no index: the orders of the sale are \
read, 10,000
at a time, so that those who buy notice nothing; a million take some ten seconds. An order that \
comes meanwhile
may be found or not. Its columns: when it was granted, its number, its id, its state, its tickets, \
its buyer; with --json a line
of JSON for each.")]
    Find(OrderFindFlags),
    /// The payment came: confirm an order
    #[command(after_help = "\
Examples:
  lastseat orders confirm s 01890a5d-ac96-774b-bcce-b302099a8057
  lastseat orders confirm s 01890a5d-ac96-774b-bcce-b302099a8057 --quantity 1
  lastseat orders confirm s 01890a5d-ac96-774b-bcce-b302099a8057 --reference pi_3QkLmN2eZvKYlo2C
  lastseat orders confirm G1 01890a5d-ac96-774b-bcce-b302099a8057 --seats 3-12A,3-12B

After the deadline it takes the tickets again if any are free, in a sale with a plan the same
seats. Where it is refused with
hold_expired the payment has to be refunded.")]
    Confirm(OrderConfirmFlags),
    /// Give the tickets of an order back
    #[command(after_help = "\
Examples:
  lastseat orders cancel s 01890a5d-ac96-774b-bcce-b302099a8057
  lastseat orders cancel s 01890a5d-ac96-774b-bcce-b302099a8057 --if-state held
  lastseat orders cancel G1 01890a5d-ac96-774b-bcce-b302099a8057 --lines 0")]
    Cancel(OrderCancelFlags),
    /// Make a hold last another hold time from now
    #[command(
        after_help = "Example: lastseat orders extend s 01890a5d-ac96-774b-bcce-b302099a8057"
    )]
    Extend(OrderFlags),
    /// Print each change of a sale and its orders as a line of JSON
    #[command(after_help = "\
Examples:
  lastseat orders export s > events.ndjson
  lastseat orders export s --from 1042 --follow

Each line has commit_seq (1, 2, 3 ... without gaps), index (its place in that commit), at, version
and type: held, confirmed, cancelled, expired, extended, retaken (paid late, got tickets again),
refused_late (paid late: refund), sale_created, sale_opened, sale_paused, sale_closed,
sale_restocked, sale_changed, sale_healed (Redis lost the end of the log: the numbers before it \
are gone).
With restored: true an order that Redis had lost is again as it was acknowledged.")]
    Export(ExportFlags),
    /// Say that all up to a position was taken over, so that the log may forget it
    #[command(after_help = "Example: lastseat orders ack s --to 1041")]
    Ack(AckFlags),
    /// After a restore from a backup: bring back the orders that the backup lacks
    #[command(after_help = "\
Examples:
  lastseat orders replay s --ledger --from events.ndjson
  cat monday.ndjson tuesday.ndjson | lastseat orders replay s --ledger --from -

The file is what `lastseat orders export --follow` wrote elsewhere while the sale sold. Orders \
are placed
again under their own ids, confirmed where they were paid for, and given back where they were; it \
can be
repeated. It works on the ledger itself, while no node runs: stop the nodes first, so that nobody \
else
buys meanwhile, and run `lastseat audit --ledger` afterwards.

Exit codes: 0 all orders are as the file says, 1 some are not or the file has gaps; else those \
of `lastseat --help`.")]
    Replay(ReplayFlags),
    /// List acknowledged orders that could not be restored after Redis lost them
    #[command(after_help = "\
Examples:
  lastseat orders unrestored s
  lastseat orders unrestored s --json | jq -r .buyer
  lastseat orders unrestored s --retry
  lastseat orders unrestored s --settled 01890a5d-ac96-774b-bcce-b302099a8057

After a failover the nodes restore by themselves what they acknowledged. Here is what came too \
late: no_room = the
tickets were sold to others meanwhile, conflict = the order ended differently. Restock and \
--retry, or
refund the buyer and take the order off the list with --settled.

Exit codes: 0, or with --retry 1 when some are left.")]
    Unrestored(UnrestoredFlags),
}

/// One order.
#[derive(Debug, Args)]
pub struct OrderFlags {
    /// The sale
    pub sale: String,
    /// Its id, which is its Idempotency-Key
    pub order: String,
}

/// `lastseat orders find`
#[derive(Debug, Args)]
pub struct OrderFindFlags {
    /// The sale
    pub sale: String,
    /// Of this buyer
    #[arg(long, value_name = "BUYER")]
    pub buyer: Option<String>,
    /// With this number, as a person types it: K3F7-9QXM-2D, k3f7 9qxm 2d
    #[arg(long, value_name = "NUMBER")]
    pub number: Option<String>,
    /// Paid under this reference
    #[arg(long, value_name = "TEXT")]
    pub reference: Option<String>,
    /// In this state
    #[arg(long, value_name = "STATE", value_parser = order_state())]
    pub state: Option<OrderState>,
    /// Stop after so many orders
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub limit: usize,
}

fn order_state() -> impl TypedValueParser<Value = OrderState> {
    let words = OrderState::ALL.map(OrderState::as_str);
    let parser = PossibleValuesParser::new(words);
    parser.try_map(|word| OrderState::parse(&word).ok_or("no state"))
}

/// `lastseat orders confirm`
#[derive(Debug, Args)]
pub struct OrderConfirmFlags {
    /// Which order.
    #[command(flatten)]
    pub order: OrderFlags,
    /// Confirm so many of its tickets, the rest returns; all when absent
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["lines", "seats"])]
    pub quantity: Option<u64>,
    /// Which part of it.
    #[command(flatten)]
    pub part: OrderPartFlags,
    /// By which the shop finds the payment: the id that its provider has given
    #[arg(long, value_name = "TEXT")]
    pub reference: Option<String>,
    /// What is stored with the order: a JSON object or string of at most 512 bytes
    #[arg(long, value_name = "JSON")]
    pub metadata: Option<String>,
}

/// A part of an order of a sale that has a plan.
#[derive(Clone, Debug, Args)]
pub struct OrderPartFlags {
    /// Only these lines of it, by their places from 0: 0,2
    #[arg(long, value_name = "LINES", value_delimiter = ',', conflicts_with = "seats")]
    pub lines: Option<Vec<u32>>,
    /// Only these seats of it: 3-12A,3-12B
    #[arg(long, value_name = "SEATS", value_delimiter = ',')]
    pub seats: Option<Vec<String>>,
}

/// `lastseat orders cancel`
#[derive(Debug, Args)]
pub struct OrderCancelFlags {
    /// Which order.
    #[command(flatten)]
    pub order: OrderFlags,
    /// Only if it is in this state; any when absent
    #[arg(long, value_name = "STATE", value_parser = if_state())]
    pub if_state: Option<IfState>,
    /// Which part of it.
    #[command(flatten)]
    pub part: OrderPartFlags,
}

fn if_state() -> impl TypedValueParser<Value = IfState> {
    let words = IfState::ALL.map(IfState::as_str);
    let parser = PossibleValuesParser::new(words);
    parser.try_map(|word| IfState::parse(&word).ok_or("no state"))
}

/// `lastseat orders export`
#[derive(Debug, Args)]
pub struct ExportFlags {
    /// The sale
    pub sale: String,
    /// First commit_seq; the oldest that the log still has when absent
    #[arg(long, value_name = "SEQ")]
    pub from: Option<u64>,
    /// Go on with new changes until Ctrl-C
    #[arg(long)]
    pub follow: bool,
    /// Where the log is read.
    #[command(flatten)]
    pub on: LedgerFlag,
}

/// `lastseat orders replay`
#[derive(Debug, Args)]
pub struct ReplayFlags {
    /// The sale
    pub sale: String,
    /// File with the lines of `lastseat orders export`; - reads them from stdin
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// Required: this is no call of a node.
    #[command(flatten)]
    pub on: LedgerFlag,
}

/// `lastseat orders unrestored`
#[derive(Debug, Args)]
pub struct UnrestoredFlags {
    /// The sale
    pub sale: String,
    /// Try to restore them once more
    #[arg(long)]
    pub retry: bool,
    /// Take this order off the list
    #[arg(long, value_name = "ORDER", conflicts_with = "retry")]
    pub settled: Option<String>,
}

/// `lastseat orders ack`
#[derive(Debug, Args)]
pub struct AckFlags {
    /// The sale
    pub sale: String,
    /// The last commit_seq that was taken over
    #[arg(long, value_name = "SEQ")]
    pub to: u64,
}
