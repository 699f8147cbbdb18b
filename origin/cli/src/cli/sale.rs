//! Flags of `lastseat sale`.

use super::server::LedgerFlag;
use crate::when::{MomentArg, Span};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use shared::domain::sale::LateSeats;
use std::path::PathBuf;

/// `lastseat sale`
#[derive(Debug, Subcommand)]
pub enum SaleCommand {
    /// Create a sale; safe to repeat
    #[command(after_help = "\
Examples:
  lastseat sale create demo --capacity 10000
  lastseat sale create spring --capacity 500 --hold 10m --buyer-limit 4
  lastseat sale create night --capacity 500 --opens-at 2026-11-27T10:00:00Z --closes-at +7d
  lastseat sale create G1 --plan docs/examples/train.toml --hold 10m
  lastseat sale create spring --capacity 500 --hold 10m --event docs/examples/event.toml

Moments: 2026-11-27T10:00:00Z, 2026-11-27T11:00+01:00, 2026-11-27T11:00[Europe/Berlin], Unix \
milliseconds, or from now by the ledger's clock: +90s, +10m.
Repeating it changes nothing. With other capacity, plan or terms it is refused: exit code 1.
A plan that is none is told all that is wrong with it, as by lastseat plan check: exit code 2.
Where no node runs yet, on the ledger itself: lastseat sale create demo --capacity 10000 --ledger")]
    Create(SaleCreateFlags),
    /// Show a sale with all its numbers
    #[command(after_help = "\
Example: lastseat sale show demo --json

The numbers of a sale that has a plan count places on legs: each seat once on each leg.")]
    Show(SaleFlags),
    /// List all sales with their numbers
    #[command(after_help = "Example: lastseat sale list --json | jq -r '.sales[].sale'")]
    List,
    /// Open a scheduled or paused sale
    #[command(after_help = "Example: lastseat sale open demo")]
    Open(SaleFlags),
    /// Sell nothing more for now; holds can still be confirmed
    #[command(after_help = "Example: lastseat sale pause demo")]
    Pause(SaleFlags),
    /// Sell nothing more for good; holds can still be confirmed
    #[command(after_help = "Example: lastseat sale close demo")]
    Close(SaleFlags),
    /// Change how many tickets there are, never below what is held and confirmed
    #[command(after_help = "\
Examples:
  lastseat sale restock demo --capacity 12000   makes it 12,000; safe to repeat
  lastseat sale restock demo --add 500          500 more than now; each repeat adds again
  lastseat sale restock demo --add -500         500 fewer")]
    Restock(SaleRestockFlags),
    /// Change some terms, also while the sale is open; orders that exist keep theirs
    #[command(after_help = "\
Examples:
  lastseat sale set demo --hold 5m --buyer-limit 2
  lastseat sale set demo --closes-at 2026-11-27T22:00:00Z
  lastseat sale set demo --closes-at 0          it no longer closes by itself
  lastseat sale set G1 --late-seats other       a late payment gets other seats of its lines
  lastseat sale set demo --pay-url 'https://shop.example/pay?order={order_id}&number={number}'
  lastseat sale set demo --event docs/examples/event.toml
  lastseat sale set demo --event ''             the page shows the sale's id again")]
    Set(SaleSetFlags),
    /// Print a line a second until Ctrl-C or until the sale is closed
    #[command(after_help = "\
Examples:
  lastseat sale watch demo
  lastseat sale watch demo --once --json")]
    Watch(SaleWatchFlags),
}

/// A sale and nothing more.
#[derive(Debug, Args)]
pub struct SaleFlags {
    /// The sale
    pub sale: String,
}

/// `lastseat sale create`
#[derive(Debug, Args)]
pub struct SaleCreateFlags {
    /// Its id: 1 to 64 letters, digits, '-' or '_'
    pub sale: String,
    /// Tickets that exist, where they are all the same
    #[arg(long, value_name = "NUMBER", required_unless_present = "plan", conflicts_with = "plan")]
    pub capacity: Option<u64>,
    /// What it sells, seat by seat: a file as `lastseat plan check` reads it; - is stdin
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// What to change from the standard terms.
    #[command(flatten)]
    pub terms: TermsFlags,
    /// Do not open it now
    #[arg(long)]
    pub closed: bool,
    /// Where it is created.
    #[command(flatten)]
    pub on: LedgerFlag,
}

/// `lastseat sale set`
#[derive(Debug, Args)]
pub struct SaleSetFlags {
    /// The sale
    pub sale: String,
    /// What to change.
    #[command(flatten)]
    pub terms: TermsFlags,
}

/// The terms of a sale; what is absent stays as it is.
#[derive(Debug, Args)]
pub struct TermsFlags {
    /// When it opens by itself; 0 = not by itself
    #[arg(long, value_name = "MOMENT")]
    pub opens_at: Option<MomentArg>,
    /// When it closes by itself; 0 = not by itself
    #[arg(long, value_name = "MOMENT")]
    pub closes_at: Option<MomentArg>,
    /// How long a hold lasts: 90s, 10m, or milliseconds; 0 = orders are confirmed at once
    #[arg(long, alias = "hold-ms", value_name = "DURATION")]
    pub hold: Option<Span>,
    /// Most tickets of one buyer; 0 = no limit
    #[arg(long, value_name = "NUMBER")]
    pub buyer_limit: Option<u32>,
    /// Most tickets in one order; 10 if it was never set
    #[arg(long, value_name = "NUMBER")]
    pub order_limit: Option<u32>,
    /// Whether buyers may give back what the shop has confirmed: true or false; false if it was
    /// never set
    #[arg(long, value_name = "BOOL")]
    pub buyers_cancel: Option<bool>,
    /// Where the buyer of a held order pays: https, at most 512 bytes, with {order_id} and if you
    /// like {number} and {sale}, which the page fills in, or with {signed}, for which a node puts
    /// in all of it with a signature; '' = nowhere
    #[arg(long, value_name = "TEMPLATE")]
    pub pay_url: Option<String>,
    /// What a late payment gets in a sale with a plan whose seats somebody else has by then: same =
    /// nothing, other = other seats for the same lines; same if it was never set
    #[arg(long, value_name = "WORD", value_parser = late_seats())]
    pub late_seats: Option<LateSeats>,
    /// Where the shop sends the buyer back after the payment: https; signed pay links have it; '' =
    /// nothing is said
    #[arg(long, value_name = "URL")]
    pub return_url: Option<String>,
    /// What is sold, as people read it: a TOML or JSON file with title, time, place, price, logo,
    /// colour and more (docs/howto/what-is-sold.md), in the place of all that was said of it; - is
    /// stdin, '' = nothing
    #[arg(long, value_name = "FILE")]
    pub event: Option<PathBuf>,
}

fn late_seats() -> impl TypedValueParser<Value = LateSeats> {
    let words = LateSeats::ALL.map(LateSeats::as_str);
    PossibleValuesParser::new(words).try_map(|word| LateSeats::parse(&word).ok_or("no such word"))
}

/// `lastseat sale restock`
#[derive(Debug, Args)]
pub struct SaleRestockFlags {
    /// The sale
    pub sale: String,
    /// How many tickets there are from now on
    #[arg(long, value_name = "NUMBER", required_unless_present = "add", conflicts_with = "add")]
    pub capacity: Option<u64>,
    /// How many more than now; fewer with a minus
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub add: Option<i64>,
}

/// `lastseat sale watch`
#[derive(Debug, Args)]
pub struct SaleWatchFlags {
    /// The sale
    pub sale: String,
    /// Print one line and end
    #[arg(long)]
    pub once: bool,
}
