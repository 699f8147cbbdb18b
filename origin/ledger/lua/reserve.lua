-- Gives tickets to a batch of orders, each at most once.
--
-- ARGV  2 id, buyer, quantity; repeated for each order of the batch, at most 1,024 orders
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter for each order: g granted, r replayed, or a refusal:
--         k key_reused, w not_open, p paused, c closed, o order_limit, b buyer_limit,
--         f ended_limit, n not_enough, a all_held, s sold_out
--       3 the packed records of the replayed orders, in their order
-- Calls of Redis do not grow with the batch: read all, decide here, write variadically.

-- By the number of tickets as it was sent: what is the same in all orders that ask for so many.
local asks = {}

local function decide(id, buyer, ask)
  local quantity = ask.quantity
  if orders[id] then return repeated(id, buyer, quantity) end
  if sale.state ~= 'open' then
    return sale.state == 'scheduled' and 'w' or sale.state == 'paused' and 'p' or 'c'
  end
  if quantity > sale.order_limit then return 'o' end
  if not within_buyer_limit(buyer, quantity) then return 'b' end
  if sale.ended_peak >= ENDED_MAX and (tally['ended ' .. buyer] or 0) >= ENDED_MAX then return 'f' end
  if not fits(quantity) then
    if sale.held + sale.confirmed < sale.capacity then return 'n' end
    return sale.held > 0 and 'a' or 's'
  end
  take(state, buyer, quantity)
  if holding then hold_until(id, deadline) end
  local record = ask.record .. buyer
  change(id, record, record)
  events[#events + 1] = 'g ' .. id .. ask.event .. buyer
  return 'g'
end

for i = 1, #ids do
  local number = words[3 * i + 1]
  local ask = asks[number]
  if not ask then
    local tickets = digits(number)
    ask = { quantity = tonumber(number), event = ' ' .. tickets .. ' ' .. deadline .. ' ',
      record = record_head(state, tickets, tickets, NOW, deadline) }
    asks[number] = ask
  end
  letters[i] = decide(ids[i], buyers[i], ask)
end
commit()
return { snapshot(), table.concat(letters), answers }
