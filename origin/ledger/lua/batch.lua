-- Put before reserve.lua and reserve_by_plan.lua: reads a batch of orders and what is known of them
-- and their buyers.

if not sale then return nil end
if healing then return fenced() end
open_and_close()

local words = ARGV
-- Words of an order: id, buyer, quantity, and in a sale with a plan its lines.
local WIDTH = sale.format == 2 and 4 or 3
local ids, buyers = {}, {}
for i = 1, (#words - 1) / WIDTH do
  ids[i] = words[WIDTH * i - WIDTH + 2]
  buyers[i] = words[WIDTH * i - WIDTH + 3]
end
load_orders(ids)
load_tallies(buyers)
sweep()
if sale.ended_peak >= ENDED_MAX then load_tallies(buyers, true) end

local holding = sale.hold_ms > 0
local state = holding and 'h' or 'c'
local deadline = holding and digits(now + sale.hold_ms) or '0'
local letters, answers = {}, {}

-- What an order whose id is known is answered; one of a sale without a plan has no lines.
local function repeated(id, buyer, quantity, lines)
  local order = orders[id]
  -- One that was granted in this batch is kept as it is written.
  if type(order) == 'string' then order = read_record(order) end
  -- One that was cancelled before it came (asked for 0) never sells, whoever asks.
  if order.asked > 0 and (order.buyer ~= buyer or order.asked ~= quantity or order.lines ~= lines) then return 'k' end
  -- One that is due beyond what a sweep ends is answered as what it is. The next sweep ends it:
  -- what is given back in the middle of a batch would make refusals before it false, and one call
  -- has no room for as many tallies more.
  if order.state == 'h' and order.deadline <= now then order.state = 'e' end
  answers[#answers + 1] = pack(order)
  return 'r'
end
