-- Put after order_changes.lua: parts of orders of a sale without a plan, which are numbers of
-- tickets. parts_2.lua has the same functions for a sale with a plan.

-- The tickets that a payment of an order is for (0 = all; of one that is confirmed, all of it), or
-- nil, nil and a refusal: such an order has no lines and seats that can be named.
local function to_confirm(order, word)
  local tickets = tonumber(word)
  if not tickets then return nil, nil, 'P' end
  if tickets == 0 then tickets = order.taken end
  if tickets > order.taken or (order.state == 'c' and tickets < order.taken) then return nil, nil, 'q' end
  return tickets
end

-- A held order is confirmed with so many tickets; the rest returns.
local function pay(order, tickets)
  take('h', order.buyer, -order.taken)
  take('c', order.buyer, tickets)
  if tickets < order.taken then bump() end
end

-- Such an order is given back whole.
local function rest_of(_, word)
  if word ~= '' then return nil, nil, 'P' end
end
local function reduce() end

-- Whether an order may have become what was acknowledged.
local function is_part(acked, order)
  return acked.taken <= order.taken
end

-- The tickets of such an order are no others when it is paid late.
local function is_no_more() end
local function other_seats() end

-- A hold is what it was; what was confirmed cannot have been confirmed with more or less.
local function narrow(_, order, acked)
  return (order.state == 'h' or order.taken == acked.taken) and 'r' or 'k'
end

-- What an acknowledged hold that expired here takes again.
local function held_last(_, order)
  return order.taken
end
