-- The payment of an order came: a held order becomes confirmed. A late one is tried again at once.
--
-- ARGV  2 id  3 tickets to confirm, 0 = all; the rest returns
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d done, r replayed, or a refusal: u unknown_order, v wrong_state,
--         q quantity_held, e hold_expired
--       3 the packed record, empty when there is none

if not open_sale() then return nil end
if healing then return fenced() end
sweep()
local id, wanted = ARGV[2], tonumber(ARGV[3])
local order = load_order(id)

local function decide()
  if not order then return 'u' end
  if order.state == 'x' then return 'v' end
  if order.state == 'l' then return 'e' end
  local tickets = wanted > 0 and wanted or order.taken
  if order.state == 'c' then return tickets == order.taken and 'r' or 'q' end
  if tickets > order.taken then return 'q' end
  if order.state == 'e' then
    if fits(tickets) and within_buyer_limit(order.buyer, tickets) then
      retake('c', order.buyer, tickets)
      order.state, order.taken = 'c', tickets
      event('t', id, tickets)
      change(id, order)
      return 'd'
    end
    -- The answer must stay: by now the shop may be refunding.
    order.state = 'l'
    event('l', id)
    change(id, order)
    return 'e'
  end
  take('h', order.buyer, -order.taken)
  take('c', order.buyer, tickets)
  if tickets < order.taken then bump() end
  unhold(id)
  order.state, order.taken = 'c', tickets
  event('c', id, tickets)
  change(id, order)
  return 'd'
end

local letter = decide()
commit()
return { snapshot(), letter, order and pack(order) or '' }
