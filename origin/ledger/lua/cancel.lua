-- Gives an order's tickets back, held or confirmed. An order whose hold has ended has none any
-- more: it becomes cancelled, so that no later payment takes them again. An order that is not there
-- yet is cancelled, too: a request for it that is still on its way sells nothing when it comes.
-- What was held and then paid only the shop gives back, unless the sale says otherwise.
--
-- ARGV  2 id  3 `shop` for the shop or an operator, anything else for whoever has the id  4 the
--       state in which the order must be, h or c; empty or absent = any, and it may be one that
--       is not there yet  5 `1` = not one that is not there yet: the caller has had many of those
--       remembered; anything else or absent = it may be  6 in a sale with a plan, the part that
--       is given back, as in parts_2.lua: the order stays what it is with the rest; empty or
--       absent = all
--       7 who calls; '' or absent = nobody with a name
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d done, r replayed (it was given back before, or a late payment of it was
--         refused for good), or a refusal: v wrong_state, t paid, i needs_lines, N not_its_seats, P
--         no_plan, u unknown_order (it must be in a state, or it is one that is not there yet and
--         neither caller nor sale may have more of them remembered)
--       3 the packed record, empty when there is none

if not sale then return nil end
if healing then return fenced() end
open_and_close()
sweep()
-- Orders that were cancelled before they came, in one sale.
local EARLY_MAX = 4096
local id, by_shop, if_state = ARGV[2], ARGV[3] == 'shop', ARGV[4] or ''
local only_existing, part = ARGV[5] == '1', ARGV[6] or ''
local order = load_order(id)

local function cancel_early()
  if if_state ~= '' or only_existing or part ~= '' or cancelled_early() >= EARLY_MAX then return 'u' end
  order = { state = 'x', asked = 0, taken = 0, created_at = now, deadline = 0, buyer = '-' }
  event('R', id, pack(order))
  change(id, order)
  more_fields.cancelled_early = cancelled_early() + 1
  return 'd'
end

local function decide()
  if not order then return cancel_early() end
  -- Whatever state was asked for: a repeat of the call that gave it back has lost its answer.
  if order.state == 'x' then return 'r' end
  if if_state ~= '' and order.state ~= if_state then return 'v' end
  local tickets, claims, refusal = rest_of(order, part)
  if refusal then return refusal end
  -- That a late payment was refused stays: the shop refunds on it, and nobody gets these tickets by
  -- it any more.
  if order.state == 'l' then return 'r' end
  -- Confirmed at once it has no deadline: nobody has paid for it here.
  local paid = order.state == 'c' and order.deadline > 0
  if paid and not by_shop and buyers_cancel() == '0' then return 't' end
  if tickets then
    reduce(id, order, tickets, claims)
    return 'd'
  end
  -- The tickets of a hold that has ended returned when it ended, and it was counted then.
  if order.state ~= 'e' then give_back(order) end
  if order.state == 'h' then unhold(id) end
  order.state = 'x'
  event('x', id)
  change(id, order)
  return 'd'
end

local letter = decided_for(ARGV[7], decide)
commit()
return { snapshot(), letter, order and pack(order) or '' }
