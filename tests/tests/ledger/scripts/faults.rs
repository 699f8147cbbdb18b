//! Faults planted in the scripts: each must be found by the histories, or the histories prove
//! nothing.

use crate::scripts::world::{Mutation, ledger, scripts};
use lastseat_tests::harness::{Durability, PrivateRedis};
use lastseat_tests::histories;

const MUTATIONS: [Mutation; 24] = [
    Mutation {
        name: "an order that was cancelled before it came is sold when it comes",
        find: "  order = { state = 'x', asked = 0, taken = 0, created_at = now, deadline = 0, \
            buyer = '-' }",
        replace: "  do return 'u' end",
    },
    Mutation {
        name: "a hold is made longer by a hold time that changed since",
        find: "  local hold_ms = hold_ms_of(order)",
        replace: "  local hold_ms = sale.hold_ms",
    },
    Mutation {
        name: "ended orders of a buyer are counted twice",
        find: "  ends(buyer, 1)",
        replace: "  ends(buyer, 2)",
    },
    Mutation {
        name: "one ticket too many, as in the well-known script",
        find: "return sale.held + sale.confirmed + tickets <= sale.capacity",
        replace: "return sale.held + sale.confirmed + tickets <= sale.capacity + 1",
    },
    Mutation {
        name: "> for >=: the last ticket is never sold",
        find: "return sale.held + sale.confirmed + tickets <= sale.capacity",
        replace: "return sale.held + sale.confirmed + tickets < sale.capacity",
    },
    Mutation {
        name: "no limit per buyer",
        find: "return sale.buyer_limit == 0 or tally[buyer] + tickets <= sale.buyer_limit",
        replace: "return true",
    },
    Mutation {
        name: "no idempotency",
        find: "  local order = orders[id]\n  if order then\n    -- One that was cancelled",
        replace: "  local order = orders[id]\n  if false then\n    -- One that was cancelled",
    },
    Mutation {
        name: "a key may change its content",
        find: "(order.buyer ~= buyer or order.asked ~= quantity) then return 'k' end",
        replace: "order.buyer ~= buyer then return 'k' end",
    },
    Mutation {
        name: "tickets return twice: on cancel and on expiry",
        find: "  if order.state == 'h' then unhold(id) end\n  order.state = 'x'\n  event('x', id)",
        replace: "  order.state = 'x'\n  event('x', id)",
    },
    Mutation {
        name: "cancelling an expired order returns its tickets again",
        find: "counted then.\n  if order.state ~= 'e' then",
        replace: "counted then.\n  if true then",
    },
    Mutation {
        name: "an order that is cancelled after its hold has ended can still be paid",
        find: "counted then.\n  if order.state ~= 'e' then",
        replace: "counted then.\n  if order.state == 'e' then return 'r' end\n  if true then",
    },
    Mutation {
        name: "a buyer gives back what is paid",
        find: "  if paid and not by_shop and buyers_cancel() == '0' then return 't' end\n",
        replace: "",
    },
    Mutation {
        name: "a cancel for one state gives back an order in another one",
        find: "  if if_state ~= '' and order.state ~= if_state then return 'v' end\n",
        replace: "",
    },
    Mutation {
        name: "a confirmed order keeps its hold",
        find: "  if tickets < order.taken then bump() end\n  unhold(id)",
        replace: "  if tickets < order.taken then bump() end",
    },
    Mutation {
        name: "the version does not rise on a return",
        find: "  ends(buyer, 1)\n  bump()",
        replace: "  ends(buyer, 1)\n  dirty = true",
    },
    Mutation {
        name: "a late payment that was refused is taken the second time",
        find: "    order.state = 'l'\n    event('l', id)",
        replace: "    event('l', id)",
    },
    Mutation {
        name: "holds last for ever",
        find: "'-inf', now, 'LIMIT'",
        replace: "'-inf', 0, 'LIMIT'",
    },
    Mutation {
        name: "a lost order is restored beyond the capacity",
        find: "    if not fits(acked.taken) or (acked",
        replace: "    if (acked",
    },
    Mutation {
        name: "a lost hold takes its tickets before all confirmed orders have theirs",
        find: "    if not fits(acked.taken) or (acked.state == 'h' and not last) then",
        replace: "    if not fits(acked.taken) then",
    },
    Mutation {
        name: "a restored hold lasts for ever",
        find: "    if acked.state == 'h' then hold(id, acked, acked.deadline) end",
        replace: "",
    },
    Mutation {
        name: "an older acknowledgement takes back a cancellation",
        find: "  if order.state == 'x' then return 'r' end\n  if order.state == 'c'",
        replace: "  if order.state == 'c'",
    },
    Mutation {
        name: "a restored cancellation keeps its tickets",
        find: "take tickets again.\n  if order.state ~= 'e' then",
        replace: "take tickets again.\n  if false then",
    },
    Mutation {
        name: "an order under another buyer's id is restored as if it were the same",
        find: "  if order.buyer ~= acked.buyer or order.asked ~= acked.asked then return 'k' end",
        replace: "",
    },
    Mutation {
        name: "a sale does not close by itself",
        find: "now >= sale.closes_at then enter('closed') end",
        replace: "now < 0 then enter('closed') end",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_planted_in_the_scripts_is_found_by_the_histories() {
    let redis = PrivateRedis::start(Durability::Off);
    let mut missed = Vec::new();
    for mutation in &MUTATIONS {
        let faulty = ledger(&redis, scripts(Some(mutation))).await;
        match histories::run(&redis, &faulty, 1, 400).await {
            Some((seed, _)) => println!("found with seed {seed}: {}", mutation.name),
            None => missed.push(mutation.name),
        }
    }
    assert!(missed.is_empty(), "not found in 400 histories: {missed:?}");
}
