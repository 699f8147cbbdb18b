-- Gives an order's tickets back, held or confirmed. An order that is not there yet is cancelled, too: a request for it
-- that is still on its way sells nothing when it comes.
--
-- ARGV  2 id
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d done, r replayed (it had no tickets any more), or a refusal:
--         u unknown_order (and the sale remembers no more orders that were cancelled before they came)
--       3 the packed record, empty when there is none

if not open_sale() then return nil end
if healing then return fenced() end
sweep()
-- Orders that were cancelled before they came, in one sale.
local EARLY_MAX = 4096
local id = ARGV[2]
local order = load_order(id)
local letter = 'r'
if not order then
  letter = 'u'
  if cancelled_early() < EARLY_MAX then
    order = { state = 'x', asked = 0, taken = 0, created_at = now, deadline = 0, buyer = '-' }
    event('R', id, pack(order))
    change(id, order)
    more_fields.cancelled_early = cancelled_early() + 1
    letter = 'd'
  end
elseif order.state == 'h' or order.state == 'c' then
  give_back(order.state, order.buyer, order.taken)
  if order.state == 'h' then unhold(id) end
  order.state = 'x'
  event('x', id)
  change(id, order)
  letter = 'd'
end
commit()
return { snapshot(), letter, order and pack(order) or '' }
