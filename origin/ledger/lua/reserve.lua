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

if not open_sale() then return nil end
if healing then return fenced() end

local ids, buyers = {}, {}
for i = 1, (#ARGV - 1) / 3 do
  ids[i] = ARGV[3 * i - 1]
  buyers[i] = ARGV[3 * i]
end
load_orders(ids)
load_buyers(buyers)
sweep()
if sale.ended_peak >= ENDED_MAX then load_ended(buyers) end

local WHY_NOT = { scheduled = 'w', paused = 'p', closed = 'c' }
local deadline = sale.hold_ms > 0 and now + sale.hold_ms or 0
local state = sale.hold_ms > 0 and 'h' or 'c'
local letters, replays = {}, {}

local function decide(id, buyer, quantity)
  local order = orders[id]
  if order then
    -- One that was cancelled before it came (asked for 0) never sells, whoever asks.
    if order.asked > 0 and (order.buyer ~= buyer or order.asked ~= quantity) then return 'k' end
    if order.state == 'h' and order.deadline <= now then load_order(id) end
    replays[#replays + 1] = pack(order)
    return 'r'
  end
  if sale.state ~= 'open' then return WHY_NOT[sale.state] end
  if quantity > sale.order_limit then return 'o' end
  if not within_buyer_limit(buyer, quantity) then return 'b' end
  if (ended[buyer] or 0) >= ENDED_MAX then return 'f' end
  if not fits(quantity) then
    if free() > 0 then return 'n' end
    return sale.held > 0 and 'a' or 's'
  end
  take(state, buyer, quantity)
  if deadline > 0 then held_until[id] = deadline end
  change(id, { state = state, asked = quantity, taken = quantity, created_at = now,
    deadline = deadline, buyer = buyer })
  events[#events + 1] = 'g ' .. id .. ' ' .. digits[quantity] .. ' ' .. digits[deadline] .. ' ' .. buyer
  return 'g'
end

for i = 1, #ids do
  letters[i] = decide(ids[i], buyers[i], tonumber(ARGV[3 * i + 1]))
end
commit()
return { snapshot(), table.concat(letters), replays }
