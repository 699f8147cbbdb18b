-- Gives an order's tickets back, held or confirmed. An order whose hold has ended has none any more: it becomes
-- cancelled, so that no later payment takes them again. An order that is not there yet is cancelled, too: a request for
-- it that is still on its way sells nothing when it comes.
--
-- ARGV  2 id
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d done, r replayed (it was given back before, or a late payment of it was refused for good), or a
--         refusal:
--         u unknown_order (and the sale remembers no more orders that were cancelled before they came)
--       3 the packed record, empty when there is none

if not open_sale() then return nil end
if healing then return fenced() end
sweep()
-- Orders that were cancelled before they came, in one sale.
local EARLY_MAX = 4096
local id = ARGV[2]
local order = load_order(id)

local function cancel_early()
  if cancelled_early() >= EARLY_MAX then return 'u' end
  order = { state = 'x', asked = 0, taken = 0, created_at = now, deadline = 0, buyer = '-' }
  event('R', id, pack(order))
  change(id, order)
  more_fields.cancelled_early = cancelled_early() + 1
  return 'd'
end

local function decide()
  if not order then return cancel_early() end
  -- That a late payment was refused stays: the shop refunds on it, and nobody gets these tickets by it any more.
  if order.state == 'x' or order.state == 'l' then return 'r' end
  -- The tickets of a hold that has ended returned when it ended, and it was counted then.
  if order.state ~= 'e' then give_back(order.state, order.buyer, order.taken) end
  if order.state == 'h' then unhold(id) end
  order.state = 'x'
  event('x', id)
  change(id, order)
  return 'd'
end

local letter = decide()
commit()
return { snapshot(), letter, order and pack(order) or '' }
