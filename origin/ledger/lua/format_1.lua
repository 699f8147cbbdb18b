-- Put after prelude.lua before the scripts that know orders, for a sale without a plan: its
-- records, and the tickets that they count. format_2.lua has the same functions for a sale with a
-- plan.

if sale and sale.format ~= 1 then return { snapshot(), 'O' } end

-- Reads a record of `:orders`; false when it is none.
local function read_record(record)
  local state, asked, taken, created_at, deadline, buyer =
    string.match(record, '^1([hcxel]):(%d+):(%d+):(%d+):(%d+):(.+)$')
  local payment
  if not state then
    -- What the shop said of the payment, as a text: shared/src/domain/payment.rs.
    state, asked, taken, created_at, deadline, payment, buyer =
      string.match(record, '^3([hcxel]):(%d+):(%d+):(%d+):(%d+):(%d+,[%w%%._~-]*,[%w%%._~-]*):(.+)$')
  end
  return state and { state = state, asked = tonumber(asked), taken = tonumber(taken),
    created_at = tonumber(created_at), deadline = tonumber(deadline), buyer = buyer, payment = payment }
end

-- A record of `:orders` up to its buyer, of numbers as text.
local function record_head(state, asked, taken, created_at, deadline)
  return '1' .. state .. ':' .. asked .. ':' .. taken .. ':' .. created_at .. ':' .. deadline .. ':'
end

local function pack(order)
  local head = record_head(order.state, digits(order.asked), digits(order.taken), digits(order.created_at),
    digits(order.deadline))
  if order.payment then return '3' .. string.sub(head, 2) .. order.payment .. ':' .. order.buyer end
  return head .. order.buyer
end

-- THE inventory rule: tickets are taken only if that leaves none missing.
local function fits(tickets)
  return sale.held + sale.confirmed + tickets <= sale.capacity
end

-- Moves `tickets` into the field that the state of their order names.
local function take(state, buyer, tickets)
  local field = state == 'h' and 'held' or 'confirmed'
  sale[field] = sale[field] + tickets
  if sale[field] < 0 then corrupt('fewer than no tickets of the sale would be ' .. field) end
  local number = tally[buyer] + tickets
  if number < 0 then corrupt('buyer ' .. buyer .. ' would have fewer than no tickets') end
  set_tally(buyer, number)
end

-- Gives the tickets of an order that ends back. They can be sold from now on.
local function give_back(order)
  take(order.state, order.buyer, -order.taken)
  ends(order.buyer, 1)
  bump()
end
