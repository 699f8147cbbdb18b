-- Put after orders.lua before the scripts that change single orders.

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
