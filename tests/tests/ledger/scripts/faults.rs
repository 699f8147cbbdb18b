//! Faults planted in the scripts: each must be found by the histories, or the histories prove
//! nothing.

use crate::scripts::world::{Mutation, ledger, scripts};
use lastseat_tests::harness::{Durability, PrivateRedis};
use lastseat_tests::histories;

const MUTATIONS: [Mutation; 36] = [
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
        find: "  ends(order.buyer, 1)",
        replace: "  ends(order.buyer, 2)",
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
        find: "  if orders[id] then return repeated(",
        replace: "  if false then return repeated(",
    },
    Mutation {
        name: "a key may change its content",
        find: "(order.buyer ~= buyer or order.asked ~= quantity or order.lines ~= lines) then",
        replace: "order.buyer ~= buyer then",
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
        find: "  pay(order, tickets, claims)\n  unhold(id)",
        replace: "  pay(order, tickets, claims)",
    },
    Mutation {
        name: "the version does not rise on a return",
        find: "  ends(order.buyer, 1)\n  bump()",
        replace: "  ends(order.buyer, 1)\n  dirty = true",
    },
    Mutation {
        name: "a late payment that was refused is taken the second time",
        find: "    order.state = 'l'\n    paid('l', id, order, payment)",
        replace: "    paid('l', id, order, payment)",
    },
    Mutation {
        name: "holds last for ever",
        find: "'-inf', NOW, 'LIMIT'",
        replace: "'-inf', '0', 'LIMIT'",
    },
    Mutation {
        name: "a lost order is restored beyond the capacity",
        find: "    if not fits(acked.taken, acked.claims) or (acked",
        replace: "    if (acked",
    },
    Mutation {
        name: "a lost hold takes its tickets before all confirmed orders have theirs",
        find: "or (acked.state == 'h' and not may_hold(acked)) then",
        replace: "then",
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
        find: "  if order.buyer ~= acked.buyer or",
        replace: "  if",
    },
    Mutation {
        name: "the last leg of a journey is not looked at",
        find: "    while word ~= 0 and leg < to do\n      word = band(word, planes[leg][i])\n      \
            leg = leg + 1\n    end\n    if word ~= 0 then\n      first",
        replace: "    while word ~= 0 and leg < to - 1 do\n      word = \
            band(word, planes[leg][i])\n      leg = leg + 1\n    end\n    if word ~= 0 then\n      \
            first",
    },
    Mutation {
        name: "a group sits across an aisle",
        find: "  local runs = band(word, joined, bor(",
        replace: "  local runs = band(word, bor(",
    },
    Mutation {
        name: "a quota is not asked",
        find: "  if left and left < quantity then",
        replace: "  if false then",
    },
    Mutation {
        name: "a part that is given back stays taken",
        find: "  release_all_but(order, tickets, text)\n  order.taken",
        replace: "  bump()\n  order.taken",
    },
    Mutation {
        name: "what is paid counts as held for ever",
        find: "    hold_places(claim, -claim.quantity)\n    places",
        replace: "    places",
    },
    Mutation {
        name: "a late payment takes what somebody else has",
        find: "  while taken < #claims and is_free(claims[taken + 1]) do",
        replace: "  while taken < #claims do",
    },
    Mutation {
        name: "a late payment gets other seats although the sale gives the same ones only",
        find: " or late_seats() == 'same' then return nil end",
        replace: " then return nil end",
    },
    Mutation {
        name: "a late payment that names seats gets other ones",
        find: "  if string.sub(part, 1, 1) == 's' or late_seats()",
        replace: "  if late_seats()",
    },
    Mutation {
        name: "other seats of a late payment stay taken while they are looked for",
        find: "  for i = 1, #lines do free_seats(lines[i]) end\n",
        replace: "",
    },
    Mutation {
        name: "an order that was paid late with other seats is not restored",
        find: "    if not is_no_more(acked, order) then return 'k' end",
        replace: "    do return 'k' end",
    },
    Mutation {
        name: "an older acknowledgement takes a part back that was given back since",
        find: "  if not is_part(acked, order) then return 'k' end\n  reduce(",
        replace: "  do return 'r' end\n  reduce(",
    },
    Mutation {
        name: "lines of an order take each other's seats",
        find: "    line.seats = seats\n    take_seats(line)",
        replace: "    line.seats = seats",
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
