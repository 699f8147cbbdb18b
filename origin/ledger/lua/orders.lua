-- Put after format_1.lua or format_2.lua: reads orders, keeps them, and ends holds that are due.

-- Reads records of `:orders` into `orders`. One call, whatever the number of ids.
local function load_orders(ids)
  if #ids == 0 then return end
  local found = redis.call('HMGET', ORDERS, unpack(ids))
  for i = 1, #ids do
    local record, id = found[i], ids[i]
    if record and not orders[id] then
      orders[id] = read_record(record)
      if not orders[id] then corrupt('the record of order ' .. id .. ' is not one that lastseat writes') end
    end
  end
end

-- Keeps an order as it is from now on; its record, where the caller has it.
local function change(id, order, record)
  orders[id] = order
  records[records_end + 1], records[records_end + 2] = id, record or pack(order)
  records_end = records_end + 2
  dirty = true
end

local function hold_until(id, deadline)
  if not holds then holds, holds_end = { 'ZADD', HOLDS }, 2 end
  holds[holds_end + 1], holds[holds_end + 2] = deadline, id
  holds_end = holds_end + 2
end

local function unhold(id)
  released = released or { 'ZREM', HOLDS }
  released[#released + 1] = id
end

-- Ends holds that were read. Two calls.
local function expire(ids)
  local buyers = {}
  for i, id in ipairs(ids) do buyers[i] = orders[id].buyer end
  load_tallies(buyers)
  load_tallies(buyers, true)
  for i, id in ipairs(ids) do
    local order = orders[id]
    give_back(order)
    unhold(id)
    order.state = 'e'
    change(id, order)
    events[#events + 1] = 'e ' .. id
  end
end

-- Expires holds whose deadline has passed, oldest first, at most 1,024. Four calls.
local function sweep()
  local due = redis.call('ZRANGEBYSCORE', HOLDS, '-inf', NOW, 'LIMIT', '0', '1024')
  if #due == 0 then return 0 end
  load_orders(due)
  for _, id in ipairs(due) do
    local order = orders[id]
    if not order or order.state ~= 'h' then corrupt('hold ' .. id .. ' has no held order') end
  end
  expire(due)
  return #due
end
