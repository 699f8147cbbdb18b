-- The payment of an order came: a held order becomes confirmed. A late one takes its tickets again
-- where they are free; in a sale with a plan the same seats, or others of the same lines where the
-- sale has `late_seats`.
--
-- ARGV  2 id  3 what is confirmed, the rest returns: tickets, 0 = all; in a sale with a plan a part
--       as in parts_2.lua
--       4 who calls; '' or absent = nobody with a name
--       5 what the shop says of the payment, `<reference>,<metadata>` percent-encoded; empty or
--         absent = nothing. It is kept with the moment; of an order that is confirmed already the
--         first word stays
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d done, r replayed, or a refusal: u unknown_order, v wrong_state,
--         q quantity_held, e hold_expired, i needs_lines, N not_its_seats, P no_plan
--       3 the packed record, empty when there is none

if not sale then return nil end
if healing then return fenced() end
open_and_close()
sweep()
local id = ARGV[2]
local order = load_order(id)
local payment = (ARGV[5] or '') ~= '' and NOW .. ',' .. ARGV[5] or nil

-- Whether a late payment gets so many tickets, and in a sale with a plan with which claims.
local function late(tickets, claims)
  if not within_buyer_limit(order.buyer, tickets) then return false end
  if fits(tickets, claims) then return true, claims end
  claims = other_seats(order, ARGV[3], claims)
  return claims ~= nil, claims
end

local function decide()
  if not order then return 'u' end
  if order.state == 'x' then return 'v' end
  if order.state == 'l' then return 'e' end
  local tickets, claims, refusal = to_confirm(order, ARGV[3])
  if refusal then return refusal end
  if order.state == 'c' then return 'r' end
  if order.state == 'e' then
    local gets
    gets, claims = late(tickets, claims)
    if gets then
      retake('c', order.buyer, tickets, claims)
      order.state, order.taken, order.claims = 'c', tickets, claims
      paid('t', id, order, payment, tickets, claims)
      return 'd'
    end
    -- The answer must stay: by now the shop may be refunding.
    order.state = 'l'
    paid('l', id, order, payment)
    return 'e'
  end
  pay(order, tickets, claims)
  unhold(id)
  order.state, order.taken, order.claims = 'c', tickets, claims
  paid('c', id, order, payment, tickets, claims)
  return 'd'
end

local letter = decided_for(ARGV[4], decide)
commit()
return { snapshot(), letter, order and pack(order) or '' }
