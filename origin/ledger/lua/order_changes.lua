-- Put after orders.lua before the scripts that change single orders.

-- Carries out `decide`. What it logs is `actor`'s, and an entry of a sale with a plan says so in its
-- head line; one of a sale without a plan has no place for it.
local function decided_for(actor, decide)
  local before = #events
  local letter = decide()
  if #events > before and sale.format == 2 and actor and actor ~= '' then by = ' by=' .. actor end
  return letter
end

-- An order that had ended takes tickets again; `claims` are those of a sale with a plan.
local function retake(state, buyer, tickets, claims)
  take(state, buyer, tickets, claims)
  ends(buyer, -1)
end

-- Reads one order with its buyer's tallies; a hold past its deadline is expired even if a long
-- queue of due holds has kept the sweep from it.
local function load_order(id)
  load_orders({ id })
  local order = orders[id]
  if order then
    load_tallies({ order.buyer })
    load_tallies({ order.buyer }, true)
    if order.state == 'h' and order.deadline <= now then expire({ id }) end
  end
  return order
end

-- Keeps an order for which a payment came, on time (c), late (t) or too late (l), with what the shop said of it, if
-- anything; tickets and claims are what it has now.
local function paid(name, id, order, payment, tickets, claims)
  local words = { name, id, tickets, claims }
  if payment then
    order.payment = payment
    words[#words + 1] = '=' .. payment
  end
  event(unpack(words))
  change(id, order)
end
