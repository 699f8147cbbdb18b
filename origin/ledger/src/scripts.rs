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

    /// What it does, whatever the format of the sale: its name without `_by_plan`.
    #[must_use]
    pub fn call(&self) -> &'static str {
        self.name.strip_suffix("_by_plan").unwrap_or(self.name)
    }

    /// The command that runs it on `sale` for a caller that has seen `last_seen` entries of its
    /// log; arguments of its own follow.
    pub(super) fn on(&self, sale: &SaleId, last_seen: u64) -> Cmd {
        self.on_keys(&redis_keys::of_sale(sale), last_seen)
    }

    /// As [`Script::on`], with keys of its own behind those that every script of a sale gets.
    pub(super) fn on_keys(&self, keys: &[String], last_seen: u64) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.hash).arg(keys.len()).arg(keys).arg(last_seen);
        command
    }
}

/// A script of which sales with a plan have another text.
#[derive(Debug)]
pub struct ScriptPair {
    /// For sales without a plan.
    pub plain: Script,
    /// For sales with a plan.
    pub by_plan: Script,
}

impl ScriptPair {
    pub(super) const fn of(&self, by_plan: bool) -> &Script {
        if by_plan { &self.by_plan } else { &self.plain }
    }
}

/// The files, each included once.
#[allow(non_upper_case_globals)]
mod files {
    macro_rules! files {
        ($($name:ident)*) => {
            $(
                pub(super) const $name: &str =
                    include_str!(concat!("../lua/", stringify!($name), ".lua"));
            )*
        };
    }

    files! {
        ack actor batch beat cancel changes claim confirm create extend format_1 format_2 heal look
        order order_changes orders parts_1 parts_2 peek prelude read_seats recovery recovery_prelude
        relay reserve reserve_by_plan restock restore sale_fields seat_search seat_split seats
        snapshot state terms
    }
}

macro_rules! scripts {
    (
        one { $($(#[$doc:meta])* $one:ident [$($of_one:ident)+];)* }
        two { $($(#[$doc_2:meta])* $two:ident $by_plan:ident
            [$($plain:ident)+] [$($planned:ident)+];)* }
    ) => {
        /// All scripts of the ledger.
        #[derive(Debug)]
        pub struct Scripts {
            $($(#[$doc])* pub $one: Script,)*
            $($(#[$doc_2])* pub $two: ScriptPair,)*
        }

        impl Scripts {
            /// Builds the scripts, passing each text through `patch` (name, text), which the tests
            /// use to plant faults. The text for sales with a plan has the name of the other one
            /// with `_by_plan` behind it.
            pub fn patched(patch: impl Fn(&str, String) -> String) -> Self {
                let script = |name: &'static str, files: &[&str]| {
                    Script::new(name, patch(name, files.concat()))
                };
                Self {
                    $($one: script(stringify!($one), &[$(files::$of_one),+]),)*
                    $($two: ScriptPair {
                        plain: script(stringify!($two), &[$(files::$plain),+]),
                        by_plan: script(stringify!($by_plan), &[$(files::$planned),+]),
                    },)*
                }
            }

            /// Every script, for loading and for tests.
            #[must_use]
            pub fn all(&self) -> Vec<&Script> {
                let one = vec![$(&self.$one),*];
                let two = [$(&self.$two),*];
                let two = two.into_iter().flat_map(|pair| [&pair.plain, &pair.by_plan]);
                one.into_iter().chain(two).collect()
            }
        }
    };
}

// Each with the files that it is made of, in their sequence.
scripts! {
    one {
        /// Creates a sale.
        create [prelude changes sale_fields actor create];
        /// Acknowledges a position of the log.
        ack [prelude ack];
        /// Heals a sale that may lack acknowledged orders.
        heal [prelude changes sale_fields recovery_prelude heal];
        /// Says how a sale stands in its recovery.
        look [look];
        /// What nodes declare while sales recover.
        recovery [recovery];
        /// Reads tallies and holds for an audit.
        peek [peek];
        /// Reads the seats of a sale with a plan.
        read_seats [prelude seats read_seats];
        /// A node's heartbeat.
        beat [beat];
        /// A claim on a node number.
        claim [claim];
        /// The lease and the position of a relay.
        relay [relay];
    }
    two {
        /// Gives tickets to a batch of orders.
        reserve reserve_by_plan
            [prelude format_1 orders batch reserve]
            [prelude seats format_2 orders batch seat_split seat_search reserve_by_plan];
        /// Reads a sale and expires due holds.
        snapshot snapshot_by_plan
            [prelude format_1 orders snapshot]
            [prelude seats format_2 orders snapshot];
        /// Confirms an order.
        confirm confirm_by_plan
            [prelude format_1 orders changes order_changes parts_1 confirm]
            [prelude seats format_2 orders changes order_changes sale_fields seat_split seat_search
                parts_2 confirm];
        /// Gives an order's tickets back.
        cancel cancel_by_plan
            [prelude format_1 orders changes order_changes parts_1 sale_fields cancel]
            [prelude seats format_2 orders changes order_changes parts_2 sale_fields cancel];
        /// Makes a hold last longer.
        extend extend_by_plan
            [prelude format_1 orders changes order_changes sale_fields extend]
            [prelude seats format_2 orders changes order_changes sale_fields extend];
        /// Reads an order.
        order order_by_plan
            [prelude format_1 orders order]
            [prelude seats format_2 orders order];
        /// Changes a sale's capacity.
        restock restock_by_plan
            [prelude format_1 orders changes actor restock]
            [prelude seats format_2 orders changes actor restock];
        /// Opens, pauses or closes a sale.
        state state_by_plan
            [prelude format_1 orders actor state]
            [prelude seats format_2 orders actor state];
        /// Changes a sale's terms.
        terms terms_by_plan
            [prelude format_1 orders changes sale_fields actor terms]
            [prelude seats format_2 orders changes sale_fields actor terms];
        /// Brings back orders that were acknowledged.
        restore restore_by_plan
            [prelude format_1 orders changes order_changes parts_1 sale_fields recovery_prelude
                restore]
            [prelude seats format_2 orders changes order_changes parts_2 sale_fields
                recovery_prelude restore];
    }
}

/// The scripts as they are.
pub static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| Scripts::patched(|_, text| text));

#[cfg(test)]
mod tests {
    use super::files;
    use shared::limits::{
        ACTORS_MAX, CANCELLED_EARLY_MAX, ENDED_ORDERS_MAX, HOLD_TIMES_MAX, SEAT_BOOK_QUOTAS_MAX,
        SEAT_CLASSES_MAX, SPLIT_SEATS_MAX, SWEEP_MAX,
    };

    #[test]
    fn the_bounds_that_scripts_have_are_those_of_the_rules() {
        for (script, text) in [
            (files::actor, format!("local ACTORS_MAX = {ACTORS_MAX}\n")),
            (files::cancel, format!("local EARLY_MAX = {CANCELLED_EARLY_MAX}\n")),
            (files::prelude, format!("local ENDED_MAX = {ENDED_ORDERS_MAX}\n")),
            (files::sale_fields, format!("local HOLD_TIMES_MAX = {HOLD_TIMES_MAX}\n")),
            (files::orders, format!("'LIMIT', '0', '{SWEEP_MAX}')")),
            (files::seat_split, format!("local SPLIT_SEATS_MAX = {SPLIT_SEATS_MAX}\n")),
            (files::peek, format!("for i = 0, {} do", SEAT_CLASSES_MAX - 1)),
            (files::peek, format!("for i = 0, {} do", SEAT_BOOK_QUOTAS_MAX - 1)),
        ] {
            assert!(script.contains(&text), "{text:?}");
        }
    }
}
