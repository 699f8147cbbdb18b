-- Put before every script of the ledger: reads the sale, keeps the rules, writes the changes.
--
-- KEYS 1 sale (hash)  2 orders (hash)  3 buyers (hash)  4 holds (zset)  5 log (stream)
-- ARGV 1 the highest commit_seq that the caller has seen of this sale; a script's own follow
--
-- The fence: a sale belongs to one history of Redis. After a restart or a failover Redis has another one and may
-- lack what was acknowledged; so it may when it is behind what the caller has seen. Such a sale changes only
-- by restore.lua and heal.lua; every other script answers `{ snapshot, 'y' }`: nothing happened.
--
-- Order of work in every script: read, check, decide on tables, and only then write (`commit`).
-- Redis does not roll a failed script back, so nothing may fail between two writes: each key that is written was
-- read before (a wrong type shows), and each command that writes is permitted before the first one runs.
-- The log is a write-ahead log: its entry is written first and the sale's fields, with commit_seq, last. A script
-- that was carried out by half anyway (a file that ended inside it) shows as a log that is ahead of the sale.
-- A script that meets data it did not write raises CORRUPT before its first write.
-- Numbers stay below 10^14, so that Lua's tostring (%.14g) writes them in full.

local SALE, ORDERS, BUYERS, HOLDS, LOG = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local LAST_SEEN = tonumber(ARGV[1])
local SWEEP_MAX = 1024
-- A buyer's ended orders (cancelled or expired) in one sale; with more, the buyer gets no new ones.
local ENDED_MAX = 64
-- Changes of the hold time that a sale remembers.
local HOLD_TIMES_MAX = 16

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- The history that this Redis writes. It has a new one after each start and each promotion.
local HISTORY = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')

local sale                        -- the sale's fields, numbers as numbers
local stored = {}                 -- the same by their place in FIELDS, as they were read
local healing                     -- whether the sale may lack orders that were acknowledged
local orders, tally = {}, {}      -- id -> record table or false, buyer -> tickets
local ended = {}                  -- buyer -> ended orders, where they were read
local changed, changed_ids = {}, {}
local changed_buyers, changed_buyer_list = {}, {}
local changed_ended, changed_ended_list = {}, {}
local more_fields, more_writes = {}, {}
local held_until, released = {}, {}
local events, dirty = {}, false

local function corrupt(what)
  error({ err = 'CORRUPT ' .. what })
end

local FIELDS = { 'format', 'capacity', 'held', 'confirmed', 'version', 'commit_seq', 'opens_at',
  'closes_at', 'hold_ms', 'buyer_limit', 'order_limit', 'acked_seq', 'state', 'history', 'ended_peak' }
local NUMBERS = #FIELDS - 3
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

-- Numbers of the log and versions that may have been given and are not known any more are not given again: both go on
-- further, and an entry says so. An earlier recovery may be lost whole, with all that was given after it. So they go on to
-- a number that the clock gives, beyond what any recovery before reached, unless a sale has had more than 10 entries in
-- each millisecond since, or the clock was set back; then a million further than what is known. The rule is `beyond` of
-- shared/src/recovery.rs.
local function beyond(number)
  return math.max(number + 1000000, math.min(now * 10, 9e13))
end

local function skip_numbers(found)
  sale.commit_seq = beyond(math.max(sale.commit_seq, LAST_SEEN))
  sale.version = beyond(sale.version)
  table.insert(events, 1, 'H ' .. found)
  dirty = true
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
    stored[i] = number
  end
  sale.state = values[NUMBERS + 1]
  stored[NUMBERS + 1], stored[NUMBERS + 2] = values[NUMBERS + 1], values[NUMBERS + 2]
  if sale.format ~= 1 then corrupt('the sale has format ' .. sale.format .. ', this lastseat knows 1') end
  if not STATES[sale.state] then corrupt('field state of the sale is no state') end
  if free() < 0 then corrupt('more tickets are taken than the sale has') end
  -- A sale of a lastseat that knew of no histories is taken to be whole.
  sale.history = values[NUMBERS + 2] or HISTORY
  -- The most ended orders that any buyer has had: below ENDED_MAX nobody's need to be read. Absent = none.
  sale.ended_peak = tonumber(values[NUMBERS + 3] or 0)
  if not sale.ended_peak then corrupt('field ended_peak of the sale is not a number') end
  -- XREAD compares with the last id first and costs 1 us; XRANGE costs 2.7.
  local ahead = redis.call('XREAD', 'COUNT', 1, 'STREAMS', LOG, sale.commit_seq .. '-0')
  if ahead then
    corrupt('the log has entry ' .. ahead[1][2][1][1] .. ', the sale is at ' .. sale.commit_seq
      .. ': a script was carried out by half. lastseat audit --repair-plan says how to finish it')
  end
  healing = sale.history ~= HISTORY or sale.commit_seq < LAST_SEEN
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

-- Reads how many ended orders the buyers have, into `ended`. One call, whatever the number of buyers. They are kept
-- with the tallies; no buyer's name has a space.
local function load_ended(buyers)
  if #buyers == 0 then return end
  local names = {}
  for i = 1, #buyers do names[i] = 'ended ' .. buyers[i] end
  local counts = redis.call('HMGET', BUYERS, unpack(names))
  for i = 1, #buyers do
    local buyer = buyers[i]
    if ended[buyer] == nil then
      local number = tonumber(counts[i] or 0)
      if not number or number < 0 then
        corrupt('the number of ended orders of buyer ' .. buyer .. ' is not a number')
      end
      ended[buyer] = number
    end
  end
end

-- An order of the buyer ended (1), or one that had ended took its tickets again (-1). Never below 0: those that
-- ended under an older lastseat were not counted.
local function ends(buyer, orders_more)
  ended[buyer] = math.max(0, ended[buyer] + orders_more)
  if ended[buyer] > sale.ended_peak then
    sale.ended_peak = ended[buyer]
    more_fields.ended_peak = sale.ended_peak
  end
  if not changed_ended[buyer] then
    changed_ended[buyer] = true
    changed_ended_list[#changed_ended_list + 1] = buyer
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

-- Gives the tickets of an order that ends back. They can be sold from now on.
local function give_back(state, buyer, tickets)
  take(state, buyer, -tickets)
  ends(buyer, 1)
  bump()
end

-- An order that had ended takes tickets again.
local function retake(state, buyer, tickets)
  take(state, buyer, tickets)
  ends(buyer, -1)
end

-- Orders keep the hold time under which they were granted: `hold_times` of the sale has what it was before each
-- change, as `<time of the change>:<hold_ms before it>`.
local function set_hold_ms(hold_ms)
  if hold_ms == sale.hold_ms then return end
  local times = {}
  for time in string.gmatch(redis.call('HGET', SALE, 'hold_times') or '', '%S+') do
    times[#times + 1] = time
  end
  times[#times + 1] = digits[now] .. ':' .. digits[sale.hold_ms]
  while #times > HOLD_TIMES_MAX do table.remove(times, 1) end
  more_fields.hold_times = table.concat(times, ' ')
  sale.hold_ms = hold_ms
end

local function hold_ms_of(order)
  for changed_at, before in string.gmatch(redis.call('HGET', SALE, 'hold_times') or '', '(%d+):(%d+)') do
    if order.created_at < tonumber(changed_at) then return tonumber(before) end
  end
  return sale.hold_ms
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
  load_ended(buyers)
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
    load_ended({ order.buyer })
    if order.state == 'h' and order.deadline <= now then expire(id, order) end
  end
  return order
end

-- How many orders were cancelled before they came, as `cancelled_early` of the sale has it.
local function cancelled_early()
  local early = more_fields.cancelled_early or tonumber(redis.call('HGET', SALE, 'cancelled_early') or 0)
  if not early then corrupt('field cancelled_early of the sale is not a number') end
  return early
end

-- `1` where buyers may give back what the shop has confirmed, else `0`: so in the sales of an older lastseat.
local function buyers_cancel()
  local word = redis.call('HGET', SALE, 'buyers_cancel') or '0'
  if word ~= '0' and word ~= '1' then corrupt('field buyers_cancel of the sale is neither 0 nor 1') end
  return word
end

-- Where a held order is paid, as the operator has set it; empty where that is nowhere, as in the sales of an older
-- lastseat. No script decides by it.
local function pay_url()
  return redis.call('HGET', SALE, 'pay_url') or ''
end

local function pack(order)
  return '1' .. order.state .. ':' .. digits[order.asked] .. ':' .. digits[order.taken] .. ':'
    .. digits[order.created_at] .. ':' .. digits[order.deadline] .. ':' .. order.buyer
end

-- A write that is none of `commit`'s own, carried out with it, before the sale's fields.
local function also(...)
  more_writes[#more_writes + 1] = { ... }
end

-- Writes everything that was decided: at most one call per key, one log entry per script, which comes first; the
-- sale's fields come last, and after them `trim`, if there is one. Nothing is written where a command of them is not
-- permitted.
local function commit(trim)
  if not dirty and #more_writes == 0 then return end
  local writes = {}
  if #events > 0 then
    sale.commit_seq = sale.commit_seq + 1
    writes[1] = { 'XADD', LOG, sale.commit_seq .. '-0', 'e',
      '1 ' .. now .. ' ' .. sale.version .. '\n' .. table.concat(events, '\n') }
  end
  if #changed_ids > 0 then
    local pairs_ = { 'HSET', ORDERS }
    for i = 1, #changed_ids do
      local id = changed_ids[i]
      pairs_[2 * i + 1] = id
      pairs_[2 * i + 2] = pack(orders[id])
    end
    writes[#writes + 1] = pairs_
  end
  local some, none = { 'HSET', BUYERS }, { 'HDEL', BUYERS }
  local function keep(name, number)
    if number > 0 then
      local place = #some
      some[place + 1] = name
      some[place + 2] = digits[number]
    else
      none[#none + 1] = name
    end
  end
  for i = 1, #changed_buyer_list do
    local buyer = changed_buyer_list[i]
    keep(buyer, tally[buyer])
  end
  for i = 1, #changed_ended_list do
    local buyer = changed_ended_list[i]
    keep('ended ' .. buyer, ended[buyer])
  end
  if #some > 2 then writes[#writes + 1] = some end
  if #none > 2 then writes[#writes + 1] = none end
  local holds = { 'ZADD', HOLDS }
  for id, deadline in pairs(held_until) do
    holds[#holds + 1] = deadline
    holds[#holds + 1] = id
  end
  -- Added before removed, as above: a key that becomes empty is gone, and while its slot moves to another node of a
  -- Redis Cluster, no script may make a new one here. It would fail between two writes.
  if #holds > 2 then writes[#writes + 1] = holds end
  if #released > 0 then writes[#writes + 1] = { 'ZREM', HOLDS, unpack(released) } end
  for i = 1, #more_writes do writes[#writes + 1] = more_writes[i] end
  if dirty then
    local fields = { 'HSET', SALE }
    local last = 2
    for i = 1, NUMBERS + 2 do
      local value = sale[FIELDS[i]]
      if value ~= stored[i] then
        fields[last + 1], fields[last + 2] = FIELDS[i], value
        last = last + 2
      end
    end
    for name, value in pairs(more_fields) do
      fields[last + 1], fields[last + 2] = name, value
      last = last + 2
    end
    if last > 2 then writes[#writes + 1] = fields end
  end
  writes[#writes + 1] = trim
  -- The first one fails by itself, before anything is written.
  for i = 2, #writes do
    if not redis.acl_check_cmd(writes[i][1], writes[i][2]) then
      error({ err = 'NOPERM this user may not run ' .. writes[i][1] .. ' on ' .. writes[i][2]
        .. '. deploy/redis/users.acl has what it needs' })
    end
  end
  for i = 1, #writes do redis.call(unpack(writes[i])) end
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
