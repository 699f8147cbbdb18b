-- Put before every script of the ledger: reads the sale, keeps the rules, writes the changes.
--
-- KEYS 1 sale (hash)  2 orders (hash)  3 buyers (hash)  4 holds (zset)  5 log (stream)
-- ARGV 1 the highest commit_seq that the caller has seen of this sale; a script's own follow
--
-- The fence: a sale belongs to one history of Redis. After a restart or a failover Redis has
-- another one and may lack what was acknowledged; so it may when it is behind what the caller has
-- seen. Such a sale changes only by restore.lua and heal.lua; every other script answers `{
-- snapshot, 'y' }`: nothing happened.
--
-- Order of work in every script: read, check, decide on tables, and only then write (`commit`).
-- Redis does not roll a failed script back, so nothing may fail between two writes: each key that
-- is written was read before (a wrong type shows), and each command that writes is permitted before
-- the first one runs. The log is a write-ahead log: its entry is written first and the sale's
-- fields, with commit_seq, last. A script that was carried out by half anyway (a file that ended
-- inside it) shows as a log that is ahead of the sale. A script that meets data it did not write
-- raises CORRUPT before its first write. Numbers stay below 10^14, so that Lua has them exactly.
--
-- All of this runs anew in each call, and most calls have few orders: a function or a table that is
-- made and not used costs as much as one that is. So what only some scripts need is in files of its
-- own (scripts.rs says which script has which), numbers that did not change are handed on as they
-- were read, and Redis gets texts: it writes a number four times as slowly as `digits` does.
--
-- A sale without a plan has format 1, one with a plan format 2. What differs is in format_1.lua and
-- format_2.lua, of which a script has one; on a sale of the other format it does nothing and
-- answers `{ snapshot, 'O' }`.

local SALE, ORDERS, BUYERS, HOLDS, LOG = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local LAST_SEEN = tonumber(ARGV[1])
-- A buyer's ended orders (cancelled or expired) in one sale; with more, the buyer gets no new ones.
local ENDED_MAX = 64

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- The history that this Redis writes, 40 letters. It has a new one after each start and each
-- promotion.
local info = redis.call('INFO', 'replication')
local _, before = string.find(info, 'master_replid:', 1, true)
if not before then error({ err = 'CORRUPT Redis does not say which history it writes' }) end
local HISTORY = string.sub(info, before + 1, before + 40)

-- From the second to the twelfth as a snapshot has them. Numbers are the first thirteen but the
-- state.
local FIELDS = { 'format', 'capacity', 'held', 'confirmed', 'version', 'commit_seq', 'state', 'opens_at',
  'closes_at', 'hold_ms', 'buyer_limit', 'order_limit', 'acked_seq', 'history', 'ended_peak' }

local texts                       -- FIELDS as they are stored
local read = {}                   -- the same as they were read, numbers as numbers
local records, records_end = { 'HSET', ORDERS }, 2
local changed_tallies, tallies_end = {}, 0
local holds, holds_end, released  -- made when they are needed
local more_fields, more_writes    -- as well: fields of the sale, and commands, that only some scripts write
local events, dirty = {}, false
local by = ''                     -- who called, as a word of the head line of the entry
local orders = {}                 -- id -> record table; nil where the ledger has none
local tally = {}                  -- buyer -> tickets; 'ended ' and the buyer -> ended orders, where they were read
local sale                        -- the sale's fields, numbers as numbers; nil where there is no such sale
local healing                     -- whether the sale may lack orders that were acknowledged

local function digits(number)
  return string.format('%d', number)
end
local NOW = digits(now)

local function corrupt(what)
  error({ err = 'CORRUPT ' .. what })
end

texts = redis.call('HMGET', SALE, unpack(FIELDS))
local t, all, any = texts, true, texts[14] or texts[15]
for i = 1, 13 do all, any = all and t[i], any or t[i] end
if any then
  -- All together, as lastseat writes them: to look at each takes three times as long.
  if not all or not string.find(table.concat(t, ' ', 1, 13),
      '^%d+ %d+ %d+ %d+ %d+ %d+ %l+ %d+ %d+ %d+ %d+ %d+ %d+$') then
    for i = 1, 13 do
      if i ~= 7 and not string.find(t[i] or '', '^%d+$') then
        corrupt('field ' .. FIELDS[i] .. ' of the sale is not a whole number')
      end
    end
  end
  -- The most ended orders that any buyer has had: below ENDED_MAX nobody's need to be read. Absent
  -- = none.
  local ended_peak = tonumber(t[15] or 0)
  if not ended_peak then corrupt('field ended_peak of the sale is not a number') end
  -- A text times one is a number, with no call of a function.
  read = { t[1] * 1, t[2] * 1, t[3] * 1, t[4] * 1, t[5] * 1, t[6] * 1, t[7], t[8] * 1, t[9] * 1, t[10] * 1, t[11] * 1,
    t[12] * 1, t[13] * 1, t[14], ended_peak }
  -- A sale of a lastseat that knew of no histories is taken to be whole.
  sale = { format = read[1], capacity = read[2], held = read[3], confirmed = read[4], version = read[5],
    commit_seq = read[6], state = read[7], opens_at = read[8], closes_at = read[9], hold_ms = read[10],
    buyer_limit = read[11], order_limit = read[12], acked_seq = read[13], history = read[14] or HISTORY,
    ended_peak = ended_peak }
  local state = sale.state
  if sale.format ~= 1 and sale.format ~= 2 then
    corrupt('the sale has format ' .. sale.format .. ', this lastseat knows 1 and 2')
  end
  if state ~= 'open' and state ~= 'scheduled' and state ~= 'paused' and state ~= 'closed' then
    corrupt('field state of the sale is no state')
  end
  if sale.held + sale.confirmed > sale.capacity then corrupt('more tickets are taken than the sale has') end
  -- XREAD compares with the last id first and costs 1 us; XRANGE costs 2.7.
  local ahead = redis.call('XREAD', 'COUNT', '1', 'STREAMS', LOG, texts[6] .. '-0')
  if ahead then
    corrupt('the log has entry ' .. ahead[1][2][1][1] .. ', the sale is at ' .. sale.commit_seq
      .. ': a script was carried out by half. lastseat audit --repair-plan says how to finish it')
  end
  healing = sale.history ~= HISTORY or sale.commit_seq < LAST_SEEN
elseif redis.call('EXISTS', SALE, ORDERS, BUYERS, HOLDS, LOG) > 0 then
  corrupt('the sale has keys but no fields; was a part of it deleted?')
end

-- Writes everything that was decided: at most one call per key save `:seats`, one log entry per
-- script, which comes first; the sale's fields come last, and after them `trim`, if there is one.
-- Nothing is written where a command of them is not permitted.
local function commit(trim)
  if not dirty and not more_writes then return end
  local entry = #events > 0 and table.concat(events, '\n')
  if entry then sale.commit_seq = sale.commit_seq + 1 end
  local fields, last = { 'HSET', SALE }, 2
  for i = 1, #FIELDS do
    local name = FIELDS[i]
    local value = sale[name]
    if value ~= read[i] then
      texts[i] = type(value) == 'number' and digits(value) or value
      fields[last + 1], fields[last + 2] = name, texts[i]
      last = last + 2
    end
  end
  local writes = {}
  if records_end > 2 then writes[1] = records end
  if tallies_end > 0 then
    local some, place, none = { 'HSET', BUYERS }, 2, nil
    local shown, text
    for i = 1, tallies_end do
      local name = changed_tallies[i]
      local number = tally[name]
      if number > 0 then
        -- Most buyers have as many as the one before.
        if number ~= shown then shown, text = number, digits(number) end
        some[place + 1], some[place + 2] = name, text
        place = place + 2
      else
        none = none or { 'HDEL', BUYERS }
        none[#none + 1] = name
      end
    end
    if place > 2 then writes[#writes + 1] = some end
    writes[#writes + 1] = none
  end
  -- Added before removed, as above: a key that becomes empty is gone, and while its slot moves to
  -- another node of a Redis Cluster, no script may make a new one here. It would fail between two
  -- writes.
  writes[#writes + 1] = holds
  if released and #released > 2 then writes[#writes + 1] = released end
  for i = 1, more_writes and #more_writes or 0 do writes[#writes + 1] = more_writes[i] end
  if dirty then
    if more_fields then
      for name, value in pairs(more_fields) do
        fields[last + 1], fields[last + 2] = name, value
        last = last + 2
      end
    end
    if last > 2 then writes[#writes + 1] = fields end
  end
  writes[#writes + 1] = trim
  for i = 1, #writes do
    if not redis.acl_check_cmd(writes[i][1], writes[i][2]) then
      error({ err = 'NOPERM this user may not run ' .. writes[i][1] .. ' on ' .. writes[i][2]
        .. '. deploy/redis/users.acl has what it needs' })
    end
  end
  -- It fails by itself, before anything is written.
  if entry then
    local head = texts[1] .. ' ' .. NOW .. ' ' .. texts[5] .. by
    redis.call('XADD', LOG, texts[6] .. '-0', 'e', head .. '\n' .. entry)
  end
  for i = 1, #writes do redis.call(unpack(writes[i])) end
end

-- What every reply starts with: the sale as it was read, or as `commit` left it.
local function snapshot()
  return table.concat(texts, ' ', 2, 12) .. ' ' .. NOW
end

-- What a script answers instead of doing anything to a sale that may lack orders.
local function fenced()
  return { snapshot(), 'y' }
end

-- Tickets may have become available, or the state or the terms changed: older hints end here.
local function bump()
  sale.version = sale.version + 1
  dirty = true
end

local function enter(state)
  sale.state = state
  events[#events + 1] = 'S ' .. state
  bump()
end

-- Lets the sale's own clock open and close it.
local function open_and_close()
  if sale.state == 'scheduled' and sale.opens_at > 0 and now >= sale.opens_at then enter('open') end
  if sale.state ~= 'closed' and sale.closes_at > 0 and now >= sale.closes_at then enter('closed') end
end

-- Reads of each buyer the tickets, or else how many orders ended, into `tally`. One call, whatever
-- the number of buyers. Both are in `:buyers`; no buyer's name is stored with a space.
local function load_tallies(buyers, ended)
  if #buyers == 0 then return end
  local names = buyers
  if ended then
    names = {}
    for i = 1, #buyers do names[i] = 'ended ' .. buyers[i] end
  end
  local counts = redis.call('HMGET', BUYERS, unpack(names))
  for i = 1, #names do
    local name, number = names[i], counts[i]
    if not tally[name] then
      number = number and tonumber(number) or not number and 0
      if not number or number < 0 then
        corrupt((ended and 'the number of ended orders' or 'the tally') .. ' of buyer ' .. buyers[i] .. ' is not a number')
      end
      tally[name] = number
    end
  end
end

local function set_tally(name, number)
  tally[name] = number
  -- A name may stand here twice, but not for the two steps of one change.
  if changed_tallies[tallies_end] ~= name then
    tallies_end = tallies_end + 1
    changed_tallies[tallies_end] = name
  end
end

-- An order of the buyer ended (1), or one that had ended took its tickets again (-1). Never below
-- 0: those that ended under an older lastseat were not counted.
local function ends(buyer, orders_more)
  local number = math.max(0, tally['ended ' .. buyer] + orders_more)
  set_tally('ended ' .. buyer, number)
  if number > sale.ended_peak then sale.ended_peak = number end
end

local function within_buyer_limit(buyer, tickets)
  return sale.buyer_limit == 0 or tally[buyer] + tickets <= sale.buyer_limit
end
