//! The Lua scripts, each included exactly once.

use super::redis_keys;
use redis::Cmd;
use shared::SaleId;
use std::sync::LazyLock;

/// One script of the ledger.
#[derive(Debug)]
pub struct Script {
    /// Its name in metrics and messages.
    pub name: &'static str,
    /// Its whole text.
    pub text: String,
    /// SHA-1 of the text, by which Redis names it.
    pub hash: String,
}

impl Script {
    /// A script whose text is `text`.
    #[must_use]
    pub fn new(name: &'static str, text: String) -> Self {
        let hash = redis::Script::new(&text).get_hash().to_owned();
        Self { name, text, hash }
    }

    /// The command that runs it on `sale` for a caller that has seen `last_seen` entries of its
    /// log; arguments of its own follow.
    pub(super) fn on(&self, sale: &SaleId, last_seen: u64) -> Cmd {
        let mut command = self.reads(sale);
        command.arg(last_seen);
        command
    }

    /// As [`Script::on`], for a script without the prelude.
    pub(super) fn reads(&self, sale: &SaleId) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.hash).arg(5).arg(&redis_keys::of_sale(sale));
        command
    }
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $field:ident $file:literal $prelude:expr;)*) => {
        /// All scripts of the ledger.
        #[derive(Debug)]
        pub struct Scripts {
            $($(#[$doc])* pub $field: Script,)*
        }

        impl Scripts {
            /// Builds the scripts, passing each text through `patch` (name, text), which the tests
            /// use to plant faults.
            pub fn patched(patch: impl Fn(&str, String) -> String) -> Self {
                Self {
                    $($field: Script::new(
                        stringify!($field),
                        patch(
                            stringify!($field),
                            concat!($prelude, include_str!(concat!("../lua/", $file))).to_owned(),
                        ),
                    ),)*
                }
            }

            /// Every script, for loading and for tests.
            #[must_use]
            pub fn all(&self) -> Vec<&Script> {
                vec![$(&self.$field),*]
            }
        }
    };
}

macro_rules! prelude {
    () => {
        include_str!("../lua/prelude.lua")
    };
}

scripts! {
    /// Gives tickets to a batch of orders.
    reserve "reserve.lua" prelude!();
    /// Creates a sale.
    create "create.lua" prelude!();
    /// Reads a sale and expires due holds.
    snapshot "snapshot.lua" prelude!();
    /// Confirms an order.
    confirm "confirm.lua" prelude!();
    /// Gives an order's tickets back.
    cancel "cancel.lua" prelude!();
    /// Makes a hold last longer.
    extend "extend.lua" prelude!();
    /// Reads an order.
    order "order.lua" prelude!();
    /// Changes a sale's capacity.
    restock "restock.lua" prelude!();
    /// Opens, pauses or closes a sale.
    state "state.lua" prelude!();
    /// Changes a sale's terms.
    terms "terms.lua" prelude!();
    /// Acknowledges a position of the log.
    ack "ack.lua" prelude!();
    /// Brings back orders that were acknowledged.
    restore "restore.lua" prelude!();
    /// Heals a sale that may lack acknowledged orders.
    heal "heal.lua" prelude!();
    /// Says how a sale stands in its recovery.
    look "look.lua" "";
    /// What nodes declare while sales recover.
    recovery "recovery.lua" "";
    /// Reads tallies and holds for an audit.
    peek "peek.lua" "";
    /// A node's heartbeat.
    beat "beat.lua" "";
    /// A claim on a node number.
    claim "claim.lua" "";
    /// The lease and the position of a relay.
    relay "relay.lua" "";
}

/// The scripts as they are.
pub static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| Scripts::patched(|_, text| text));
