-- Put before every script of the ledger: reads the sale, keeps the rules, writes the changes.
--
-- KEYS 1 sale (hash)  2 orders (hash)  3 buyers (hash)  4 holds (zset)  5 log (stream)
-- ARGV 1 the highest commit_seq that the caller has heard of this sale; a script's own follow
--
-- The fence: a sale belongs to one history of Redis. After a restart or a failover Redis has another one and may
-- lack what was acknowledged; so it may when it is behind what the caller heard. Such a sale changes only
-- by restore.lua and heal.lua; every other script answers `{ snapshot, 'y' }`: nothing happened.
--
-- Order of work in every script: read, check, decide on tables, and only then write (`commit`).
-- Redis does not roll a failed script back, so nothing may fail between two writes.
-- A script that meets data it did not write raises CORRUPT before its first write.
-- Numbers stay below 10^14, so that Lua's tostring (%.14g) writes them in full.

local SALE, ORDERS, BUYERS, HOLDS, LOG = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local HEARD = tonumber(ARGV[1])
local SWEEP_MAX = 1024

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- The history that this Redis writes. It has a new one after each start and each promotion.
local HISTORY = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')

local sale                        -- the sale's fields, numbers as numbers
local healing                     -- whether the sale may lack orders that were acknowledged
local orders, tally = {}, {}      -- id -> record table or false, buyer -> tickets
local changed, changed_ids = {}, {}
local changed_buyers, changed_buyer_list = {}, {}
local held_until, released = {}, {}
local events, dirty = {}, false

local function corrupt(what)
  error({ err = 'CORRUPT ' .. what })
end

local FIELDS = { 'format', 'capacity', 'held', 'confirmed', 'version', 'commit_seq', 'opens_at',
  'closes_at', 'hold_ms', 'buyer_limit', 'order_limit', 'acked_seq', 'state', 'history' }
local NUMBERS = #FIELDS - 2
local STATES = { scheduled = true, open = true, paused = true, closed = true }

-- The digits of a number. The orders of a batch share most of theirs, and writing one takes long.
local digits = setmetatable({}, { __index = function(known, number)
  local text = tostring(number)
  known[number] = text
  return text
end })

if not HISTORY then corrupt('Redis does not say which history it writes') end

local function event(...)
  events[#events + 1] = table.concat({ ... }, ' ')
end

local function free()
  return sale.capacity - sale.held - sale.confirmed
end

-- Tickets may have become available, or the state or the terms changed: older hints end here.
local function bump()
  sale.version = sale.version + 1
  dirty = true
end

local function enter(state)
  sale.state = state
  event('S', state)
  bump()
end

-- Reads the sale and lets its own clock open and close it. False when there is no such sale.
local function open_sale(still)
  local values = redis.call('HMGET', SALE, unpack(FIELDS))
  local found = false
  for i = 1, #FIELDS do found = found or values[i] end
  if not found then
    if redis.call('EXISTS', SALE, ORDERS, BUYERS, HOLDS, LOG) > 0 then
      corrupt('the sale has keys but no fields; was a part of it deleted?')
    end
    return false
  end
  sale = {}
  for i = 1, NUMBERS do
    local number = tonumber(values[i] or nil)
    if not number or number < 0 or number ~= math.floor(number) then
      corrupt('field ' .. FIELDS[i] .. ' of the sale is not a whole number')
    end
    sale[FIELDS[i]] = number
  end
  sale.state = values[NUMBERS + 1]
  if sale.format ~= 1 then corrupt('the sale has format ' .. sale.format .. ', this lastseat knows 1') end
  if not STATES[sale.state] then corrupt('field state of the sale is no state') end
  if free() < 0 then corrupt('more tickets are taken than the sale has') end
  -- A sale of a lastseat that knew of no histories is taken to be whole.
  sale.history = values[NUMBERS + 2] or HISTORY
  healing = sale.history ~= HISTORY or sale.commit_seq < HEARD
  if healing or still then return true end
  if sale.state == 'scheduled' and sale.opens_at > 0 and now >= sale.opens_at then enter('open') end
  if sale.state ~= 'closed' and sale.closes_at > 0 and now >= sale.closes_at then enter('closed') end
  return true
end

-- Reads a record of `:orders`; false when it is none.
local function read_record(record)
  local state, asked, taken, created_at, deadline, buyer =
    string.match(record, '^1([hcxel]):(%d+):(%d+):(%d+):(%d+):(.+)$')
  return state and { state = state, asked = tonumber(asked), taken = tonumber(taken),
    created_at = tonumber(created_at), deadline = tonumber(deadline), buyer = buyer }
end

-- Reads records of `:orders` into `orders`. One call, whatever the number of ids.
local function load_orders(ids)
  if #ids == 0 then return end
  local records = redis.call('HMGET', ORDERS, unpack(ids))
  for i = 1, #ids do
    local id = ids[i]
    if orders[id] == nil then
      local record = records[i]
      local order = record and read_record(record)
      if record and not order then
        corrupt('the record of order ' .. id .. ' is not one that lastseat writes')
      end
      orders[id] = order
    end
  end
end

-- Reads tallies of `:buyers` into `tally`. One call, whatever the number of buyers.
local function load_buyers(buyers)
  if #buyers == 0 then return end
  local counts = redis.call('HMGET', BUYERS, unpack(buyers))
  for i = 1, #buyers do
    local buyer = buyers[i]
    if tally[buyer] == nil then
      local count = tonumber(counts[i] or 0)
      if not count or count < 0 then corrupt('the tally of buyer ' .. buyer .. ' is not a number') end
      tally[buyer] = count
    end
  end
end

local function change(id, order)
  orders[id] = order
  if not changed[id] then
    changed[id] = true
    changed_ids[#changed_ids + 1] = id
  end
  dirty = true
end

local function count(buyer, tickets)
  tally[buyer] = tally[buyer] + tickets
  if tally[buyer] < 0 then corrupt('buyer ' .. buyer .. ' would have fewer than no tickets') end
  if not changed_buyers[buyer] then
    changed_buyers[buyer] = true
    changed_buyer_list[#changed_buyer_list + 1] = buyer
  end
end

-- THE inventory rule: tickets are taken only if that leaves none missing.
local function fits(tickets)
  return sale.held + sale.confirmed + tickets <= sale.capacity
end

local function within_buyer_limit(buyer, tickets)
  return sale.buyer_limit == 0 or tally[buyer] + tickets <= sale.buyer_limit
end

-- Moves `tickets` into the field that the state of their order names.
local function take(state, buyer, tickets)
  local field = state == 'h' and 'held' or 'confirmed'
  sale[field] = sale[field] + tickets
  if sale[field] < 0 then corrupt('fewer than no tickets of the sale would be ' .. field) end
  count(buyer, tickets)
end

-- Gives `tickets` of an order back. They can be sold from now on.
local function give_back(state, buyer, tickets)
  take(state, buyer, -tickets)
  bump()
end

local function unhold(id)
  released[#released + 1] = id
  held_until[id] = nil
end

local function expire(id, order)
  give_back('h', order.buyer, order.taken)
  unhold(id)
  order.state = 'e'
  change(id, order)
  event('e', id)
end

-- Expires holds whose deadline has passed, oldest first, at most SWEEP_MAX. Three calls.
local function sweep()
  local due = redis.call('ZRANGEBYSCORE', HOLDS, '-inf', now, 'LIMIT', 0, SWEEP_MAX)
  if #due == 0 then return 0 end
  load_orders(due)
  local buyers = {}
  for i, id in ipairs(due) do
    local order = orders[id]
    if not order or order.state ~= 'h' then corrupt('hold ' .. id .. ' has no held order') end
    buyers[i] = order.buyer
  end
  load_buyers(buyers)
  for _, id in ipairs(due) do expire(id, orders[id]) end
  return #due
end

-- Reads one order with its buyer's tally; a hold past its deadline is expired even if a long queue of
-- due holds has kept the sweep from it.
local function load_order(id)
  load_orders({ id })
  local order = orders[id]
  if order then
    load_buyers({ order.buyer })
    if order.state == 'h' and order.deadline <= now then expire(id, order) end
  end
  return order
end

local function pack(order)
  return '1' .. order.state .. ':' .. digits[order.asked] .. ':' .. digits[order.taken] .. ':'
    .. digits[order.created_at] .. ':' .. digits[order.deadline] .. ':' .. order.buyer
end

-- Writes everything that was decided: at most one call per key, one log entry per script.
local function commit()
  if not dirty then return end
  if #changed_ids > 0 then
    local pairs_ = {}
    for i = 1, #changed_ids do
      local id = changed_ids[i]
      pairs_[2 * i - 1] = id
      pairs_[2 * i] = pack(orders[id])
    end
    redis.call('HSET', ORDERS, unpack(pairs_))
  end
  local some, none = {}, {}
  for i = 1, #changed_buyer_list do
    local buyer = changed_buyer_list[i]
    if tally[buyer] > 0 then
      local place = #some
      some[place + 1] = buyer
      some[place + 2] = digits[tally[buyer]]
    else
      none[#none + 1] = buyer
    end
  end
  if #some > 0 then redis.call('HSET', BUYERS, unpack(some)) end
  if #none > 0 then redis.call('HDEL', BUYERS, unpack(none)) end
  local holds = {}
  for id, deadline in pairs(held_until) do
    holds[#holds + 1] = deadline
    holds[#holds + 1] = id
  end
  -- Added before removed, as above: a key that becomes empty is gone, and while its slot moves to another node of a
  -- Redis Cluster, no script may make a new one here. It would fail between two writes.
  if #holds > 0 then redis.call('ZADD', HOLDS, unpack(holds)) end
  if #released > 0 then redis.call('ZREM', HOLDS, unpack(released)) end
  if #events > 0 then
    sale.commit_seq = sale.commit_seq + 1
    redis.call('XADD', LOG, sale.commit_seq .. '-0', 'e',
      '1 ' .. now .. ' ' .. sale.version .. '\n' .. table.concat(events, '\n'))
  end
  local fields = {}
  for _, name in ipairs(FIELDS) do
    fields[#fields + 1] = name
    fields[#fields + 1] = sale[name]
  end
  redis.call('HSET', SALE, unpack(fields))
end

-- What every reply starts with.
local function snapshot()
  return table.concat({ sale.capacity, sale.held, sale.confirmed, sale.version, sale.commit_seq,
    sale.state, sale.opens_at, sale.closes_at, sale.hold_ms, sale.buyer_limit, sale.order_limit,
    now }, ' ')
end

-- What a script answers instead of doing anything to a sale that may lack orders.
local function fenced()
  return { snapshot(), 'y' }
end
