-- Gives an order's tickets back, held or confirmed.
--
-- ARGV  2 id
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d done, r replayed (it had no tickets any more), or a refusal:
--         u unknown_order
--       3 the packed record, empty when there is none

if not open_sale() then return nil end
if healing then return fenced() end
sweep()
local id = ARGV[2]
local order = load_order(id)
local letter = 'u'
if order then
  letter = 'r'
  if order.state == 'h' or order.state == 'c' then
    give_back(order.state, order.buyer, order.taken)
    if order.state == 'h' then unhold(id) end
    order.state = 'x'
    event('x', id)
    change(id, order)
    letter = 'd'
  end
end
commit()
return { snapshot(), letter, order and pack(order) or '' }
