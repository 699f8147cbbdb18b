//! The command line of `drill`, and the names of the drills.

use crate::harness::Edge;
use clap::{Parser, ValueEnum, value_parser};
use serde::Serialize;
use std::hash::{BuildHasher, RandomState};

/// Kills, freezes and restarts parts of a running system while buyers buy, and proves that nobody
/// lost a ticket, was sold one too many, or saw a fault that they need not have seen.
///
/// Exit codes: 0 every promise was kept; 1 one was broken, or a drill could not be run; 2 wrong
/// flags; 3 no report.
#[derive(Clone, Debug, Parser)]
#[command(name = "drill")]
pub struct FaultTestOptions {
    /// Run these drills only (may be repeated); --list names them.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<Name>,
    /// List the drills and end.
    #[arg(long)]
    pub list: bool,
    /// What runs the edges.
    #[arg(long, value_enum, default_value = "workerd")]
    pub edge: Edge,
    /// How often each drill runs, each time at other moments.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=1_000))]
    pub rounds: u32,
    /// Buyers that come each second.
    #[arg(long, default_value_t = 250, value_parser = value_parser!(u32).range(50..=10_000))]
    pub rate: u32,
    /// Take the time that a drill would like: faults last longer, and idle connections idle for
    /// more than a minute.
    #[arg(long)]
    pub long: bool,
    /// Number that the moments and the buyers' keys follow from [default: random].
    #[arg(long)]
    pub seed: Option<u64>,
    /// Write docs/evidence/DRILLS.md and the table of faults in docs/GUARANTEES.md from this run.
    #[arg(long, conflicts_with = "only")]
    pub write_docs: bool,
    /// Print the report as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// A drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Name {
    Spread,
    NodeKilled,
    NodeFrozen,
    NodeRestarted,
    EdgeKilled,
    EdgeFrozen,
    EdgeRestarted,
    WorkerKilled,
    Restock,
    ZoneFrozen,
    ZoneKilled,
    Overload,
    LedgerFrozen,
    LedgerKilled,
    Intake,
    ReplyLost,
    LedgerSlow,
    LedgerLate,
    LedgerCut,
    LedgerHalfOpen,
    LedgerPaused,
    LedgerKicks,
    LedgerLoading,
    LedgerFull,
    LedgerReadOnly,
    DiskFull,
    TailCut,
    AnswerLost,
    NodeSlow,
    NodeCut,
    NodeHalfOpen,
    Descriptors,
    SlowClients,
    Flood,
    Idle,
    ComeAndGo,
}

impl Name {
    /// The word on the command line.
    #[must_use]
    pub fn word(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The test that runs its short form.
    #[must_use]
    pub const fn test(self) -> &'static str {
        match self {
            Self::Spread => "three_edges_that_know_nothing_of_each_other_each_send_exactly_1_2_3_4",
            Self::NodeKilled => {
                "a_node_killed_under_load_costs_no_ticket_and_no_buyer_sees_a_fault"
            }
            Self::NodeFrozen => {
                "a_frozen_node_is_left_alone_within_a_second_and_serves_again_within_ten"
            }
            Self::NodeRestarted => "a_node_restarted_under_load_drops_no_buyer",
            Self::EdgeKilled => "the_buyers_of_an_edge_that_is_killed_go_on_at_the_others",
            Self::EdgeFrozen => "a_frozen_edge_delays_its_own_buyers_and_loses_none",
            Self::EdgeRestarted => "the_buyers_of_an_edge_that_is_restarted_go_on_at_the_others",
            Self::WorkerKilled => {
                "workers_share_a_port_and_it_keeps_answering_when_one_of_them_is_killed"
            }
            Self::Restock => {
                "a_hundred_tickets_more_after_the_sell_out_are_sold_within_a_second_through_all_edges"
            }
            Self::ZoneFrozen => "a_frozen_zone_costs_no_fault_and_comes_back_slowly",
            Self::ZoneKilled => "a_zone_that_stays_dead_costs_no_fault_and_comes_back_slowly",
            Self::Overload => "a_node_without_free_connections_sheds_its_load_and_has_not_failed",
            Self::LedgerFrozen => {
                "while_the_ledger_is_frozen_nobody_hears_sold_out_and_nodes_recover_by_themselves"
            }
            Self::LedgerKilled => "redis_killed_under_load_loses_nothing_that_was_acknowledged",
            Self::Intake => {
                "a_node_cuts_slow_heads_refuses_large_bodies_and_keeps_idle_connections"
            }
            Self::ReplyLost => {
                "a_reply_that_is_lost_after_redis_has_sold_costs_no_fault_and_sells_nothing_twice"
            }
            Self::LedgerSlow => "a_ledger_that_is_far_away_makes_orders_wait_and_nothing_else",
            Self::LedgerLate => {
                "replies_that_all_come_too_late_are_honest_faults_and_each_order_is_sold_once"
            }
            Self::LedgerCut => "a_link_to_redis_that_is_cut_again_and_again_sells_in_between",
            Self::LedgerHalfOpen => "a_half_open_link_to_redis_is_as_if_redis_were_frozen",
            Self::LedgerPaused => "while_redis_is_paused_nobody_hears_sold_out",
            Self::LedgerKicks => "killed_connections_and_flushed_scripts_cost_no_order",
            Self::LedgerLoading => "a_redis_that_reads_a_slow_file_is_waited_for_without_a_restart",
            Self::LedgerFull => "a_redis_without_memory_sells_nothing_loses_nothing_and_goes_on",
            Self::LedgerReadOnly => {
                "a_redis_that_was_made_a_replica_sells_nothing_and_goes_on_as_a_primary"
            }
            Self::DiskFull => "a_full_disk_loses_nothing_that_was_acknowledged",
            Self::TailCut => {
                "a_lost_tail_of_the_append_only_file_is_brought_back_by_the_nodes_and_nothing_is_oversold"
            }
            Self::AnswerLost => {
                "an_answer_that_is_lost_after_a_node_has_sold_costs_no_fault_and_sells_nothing_twice"
            }
            Self::NodeSlow => "a_long_way_to_a_node_costs_no_fault",
            Self::NodeCut => "a_way_to_a_node_that_is_cut_again_and_again_costs_no_fault",
            Self::NodeHalfOpen => "a_half_open_way_to_a_node_costs_no_fault",
            Self::Descriptors => {
                "a_node_without_file_descriptors_costs_no_fault_does_not_spin_and_serves_again"
            }
            Self::SlowClients => {
                "clients_that_send_half_of_an_order_hold_nobody_up_and_buy_nothing"
            }
            Self::Flood => "three_times_what_can_be_sold_is_told_busy_in_bounded_memory_and_time",
            Self::Idle => "thousands_of_idle_connections_are_not_noticed_by_buyers",
            Self::ComeAndGo => "five_hundred_connections_that_come_and_go_leak_no_descriptor",
        }
    }

    /// What is done, and what must hold, with a colon between them.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Spread => {
                "three edges that know nothing of each other: 1,000 orders at each reach the four \
                 nodes exactly 1:2:3:4"
            }
            Self::NodeKilled => "kill -9 of a node: no fault reaches a buyer, it serves again",
            Self::NodeFrozen => {
                "a node freezes for seconds: it is left alone within a second and serves again \
                 within ten"
            }
            Self::NodeRestarted => "SIGTERM of a node: no buyer is dropped, no fault seen",
            Self::EdgeKilled => "kill -9 of one of three edges: its buyers go on at the others",
            Self::EdgeFrozen => {
                "an edge freezes for seconds: it delays its own buyers and loses none"
            }
            Self::EdgeRestarted => "SIGTERM of one of three edges: its buyers go on at the others",
            Self::WorkerKilled => {
                "kill -9 of one of two workers that share a port: the port answers, both serve \
                 again"
            }
            Self::Restock => {
                "100 tickets come back after the sell-out: they are sold within a second, through \
                 all edges"
            }
            Self::ZoneFrozen => {
                "all nodes of a zone freeze: its edges spill over, and come back slowly"
            }
            Self::ZoneKilled => {
                "all nodes of a zone stay dead for seconds: no fault reaches a buyer"
            }
            Self::Overload => {
                "a node has no free connection: its load goes to the others, it has not failed"
            }
            Self::LedgerFrozen => {
                "Redis frozen for seconds: honest faults, never \"sold out\", no restart needed"
            }
            Self::LedgerKilled => {
                "kill -9 of Redis: nothing acknowledged is lost, nodes recover by themselves"
            }
            Self::Intake => {
                "slow heads, large bodies, too many connections and idle ones: cut, refused, \
                 turned away, kept"
            }
            Self::ReplyLost => {
                "Redis has sold and its reply is lost, the link cut or silent: no fault, each \
                 order once"
            }
            Self::LedgerSlow => "Redis is 2, 15, 60 ms away: orders wait longer, and that is all",
            Self::LedgerLate => {
                "Redis is so far away that every reply is too late: honest faults, each order once"
            }
            Self::LedgerCut => {
                "the link to Redis is cut again and again, also in the middle of a batch: it \
                 sells in between"
            }
            Self::LedgerHalfOpen => {
                "the link to Redis takes everything and answers nothing: as if Redis were frozen"
            }
            Self::LedgerPaused => "CLIENT PAUSE: honest faults, never \"sold out\"",
            Self::LedgerKicks => {
                "CLIENT KILL and SCRIPT FLUSH again and again: it sells in between, each order once"
            }
            Self::LedgerLoading => {
                "Redis is killed and reads a slow file, its scripts gone: honest faults, no \
                 restart of a node"
            }
            Self::LedgerFull => {
                "Redis has no memory left: nothing is sold, nothing is evicted, it goes on by \
                 itself"
            }
            Self::LedgerReadOnly => {
                "Redis is made a replica and a primary again: nothing is sold, it goes on by itself"
            }
            Self::DiskFull => {
                "the disk of the append-only file is full: Redis ends, and nothing acknowledged \
                 is lost"
            }
            Self::TailCut => {
                "Redis loses its last writes with the power: the nodes bring back each order that \
                 was acknowledged"
            }
            Self::AnswerLost => {
                "a node has sold and its answer to the edge is lost: no fault, each order once"
            }
            Self::NodeSlow => "the way to a node is 100 ms longer: no fault",
            Self::NodeCut => {
                "the way to a node is cut again and again, also in the middle of an order: no fault"
            }
            Self::NodeHalfOpen => {
                "the way to a node takes everything and answers nothing: no fault, its share goes \
                 elsewhere"
            }
            Self::Descriptors => {
                "a node has no file descriptor left: no fault, it does not spin, and serves again"
            }
            Self::SlowClients => {
                "400 clients send half of an order: others buy as before, half orders sell nothing"
            }
            Self::Flood => {
                "three times what can be sold comes: \"busy\", bounded memory and answers, quick \
                 again in 2 s"
            }
            Self::Idle => {
                "10,000 idle connections (2,000 in the short form): buyers notice nothing"
            }
            Self::ComeAndGo => {
                "500 connections open and close without end: buyers notice nothing, no descriptor \
                 leaks"
            }
        }
    }
}

impl FaultTestOptions {
    /// The defaults, for tests.
    #[must_use]
    pub fn short() -> Self {
        Self::parse_from(["drill"])
    }

    /// The drills that are wanted.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        if self.only.is_empty() {
            return Name::value_variants().to_vec();
        }
        self.only.clone()
    }

    /// The seed that was given, or a random one.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| RandomState::new().hash_one(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_names_every_drill() {
        FaultTestOptions::command().debug_assert();
        assert_eq!(FaultTestOptions::short().names().len(), 36);
        let one = FaultTestOptions::parse_from(["drill", "--only", "node-frozen"]);
        assert_eq!(one.names(), [Name::NodeFrozen]);
        assert_eq!(Name::NodeFrozen.word(), "node-frozen");
        for name in FaultTestOptions::short().names() {
            assert!(name.sentence().contains(": "), "{}", name.sentence());
        }
    }
}
