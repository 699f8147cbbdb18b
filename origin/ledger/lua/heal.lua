-- The nodes bring a sale that may lack acknowledged orders back to what it was, without a leader:
-- each says how far it is, and whoever finds that all are done ends it.
--
-- KEYS  as in prelude.lua. In the sale's hash, while it goes on: heal:history, heal:since,
--       heal:found, heal:jumped, heal:heard, heal:marks and heal:node:<id>; heal:lost is what
--       earlier ones found missing, as "<found> <jumped>" pairs. No key of its own: while a slot
--       moves to another node of a Redis Cluster, a script that names a key which is not there is
--       refused.
-- ARGV  2 the caller's node, empty = a caller that has acknowledged nothing
--       3 the pass that it has made last, see Pass in shared; 0 = it has registered and made none,
--         3 = it is done
--       4 the history in which it did so, empty = it has nothing to restore and says nothing
--       5 to 11 what the caller received of the sale at ARGV 1: capacity, state, opens_at,
--         closes_at, hold_ms, buyer_limit, order_limit; empty where it received nothing
--       12 the history that the rest is about; in another one nothing ends
--       13 how many nodes are waited for; of each its number and 1 if it has declared the history,
--          else 0; then in the same
--         way the nodes that are known and not waited for
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: w the sale is whole, d it is whole from now on; or it heals, and this is the
--         pass that all have made: 0, 1, 2 or 3
--       3 the history of this Redis
--       4 the commit_seq that it was found with, while it heals, else 0
--       5 what was lost in earlier ones, as numbers in pairs: entries after the first up to the
--         second
--       6 1 if this call found it behind in a history that nodes may have declared already, else 0
-- A node that has declared a history has registered each sale that it may have to restore, with
-- pass 0: where it has no mark in the sale's record it is done. heal:marks = only marks count, for
-- the sale was not there when nodes looked. Numbers that were given once are not given again: see
-- `skip_numbers`. They are skipped where somebody received more than there is, or somebody who may
-- have is missing, or an earlier recovery that skipped was lost in part.

if not sale then return nil end
local HEAL = 'heal:'
local LOST_MAX = 16
local DONE = 3
local node, step, done_in = ARGV[2], tonumber(ARGV[3]), ARGV[4]

local record, written, flat = {}, {}, redis.call('HGETALL', SALE)
for i = 1, #flat, 2 do
  local name = string.match(flat[i], '^' .. HEAL .. '(.+)$')
  if name then record[name], written[i] = flat[i + 1], name end
end
local function lost()
  local numbers = {}
  for number in string.gmatch(record.lost or '', '%d+') do numbers[#numbers + 1] = number end
  return numbers
end

if not healing then return { snapshot(), 'w', HISTORY, 0, lost(), 0 } end

local TERMS = { 'opens_at', 'closes_at', 'hold_ms', 'buyer_limit', 'order_limit' }
-- Takes over what somebody received of the sale itself after the entry that it was found with.
local function take_over()
  local capacity, state = tonumber(ARGV[5]), ARGV[6]
  if not capacity then return end
  if capacity ~= sale.capacity and capacity >= sale.held + sale.confirmed then
    sale.capacity = capacity
    event('K', capacity)
    bump()
  end
  local differs = false
  for i, name in ipairs(TERMS) do
    local value = tonumber(ARGV[6 + i])
    differs = differs or value ~= sale[name]
    if name == 'hold_ms' then set_hold_ms(value) end
    sale[name] = value
  end
  if differs then
    event('T', sale.opens_at, sale.closes_at, sale.hold_ms, sale.buyer_limit, sale.order_limit)
    bump()
  end
  if state ~= sale.state then enter(state) end
end

local function jump()
  skip_numbers(record.found)
  record.jumped = sale.commit_seq
end

-- What the caller received last was lost: no entry of the log has its number.
local function is_lost(number)
  local from = redis.call('XREAD', 'COUNT', 1, 'STREAMS', LOG, (number - 1) .. '-0')
  return not from or from[1][2][1][1] ~= number .. '-0'
end

local skipped = false
if record.history ~= HISTORY then
  -- One that began in another history goes on in this one, from what was found then. Entries that
  -- were written after it skipped may be lost, and whoever received them may be missing.
  skipped = record.jumped and record.jumped ~= '0'
  record = { history = HISTORY, since = now, found = record.found or sale.commit_seq,
    jumped = record.jumped or 0, heard = record.heard or 0, lost = record.lost }
end
record.found, record.jumped = tonumber(record.found), tonumber(record.jumped)
local fell_behind = sale.history == HISTORY
if fell_behind then
  -- The same server has less than it had, as where a sale that was lost is created again: from now
  -- on every other caller gets this, too, and a node that has declared reads again.
  sale.history = '-'
  record.marks = 1
  dirty = true
end
if skipped then jump() end
if LAST_SEEN > record.found and LAST_SEEN > tonumber(record.heard) and is_lost(LAST_SEEN) then
  record.heard = LAST_SEEN
  take_over()
end
if LAST_SEEN > sale.commit_seq then jump() end
if node ~= '' and done_in == HISTORY then record['node:' .. node] = step end

-- The pass that the node at ARGV i has made.
local function made_by(i)
  local mark = record['node:' .. ARGV[i]]
  if mark then return tonumber(mark) end
  return ARGV[i + 1] == '1' and not record.marks and DONE or 0
end
local FIRST = 14
local rest = FIRST + 2 * tonumber(ARGV[13])
local made, awaited = ARGV[12] == HISTORY and DONE or 0, {}
for i = FIRST, rest - 2, 2 do
  made = math.min(made, made_by(i))
  awaited['node:' .. ARGV[i]] = true
end
-- Whether somebody who is not waited for may have something that is not restored.
local function lacks()
  for i = rest, #ARGV, 2 do
    if made_by(i) < DONE then return true end
  end
  for name, mark in pairs(record) do
    if string.find(name, '^node:') and not awaited[name] and tonumber(mark) < DONE then return true end
  end
  return false
end

local letter, found = string.format('%d', made), record.found
if made == DONE then
  if record.jumped == 0 and lacks() then jump() end
  sale.history = HISTORY
  dirty = true
  letter = 'd'
  found = 0
  if record.jumped > 0 then
    local pairs_ = lost()
    pairs_[#pairs_ + 1] = record.found
    pairs_[#pairs_ + 1] = record.jumped
    while #pairs_ > 2 * LOST_MAX do
      -- The oldest two become one, so that nothing that was lost is forgotten.
      table.remove(pairs_, 2)
      table.remove(pairs_, 2)
    end
    record = { lost = table.concat(pairs_, ' ') }
  else
    record = { lost = record.lost }
  end
end
-- What is not written yet, or was written otherwise.
for name, value in pairs(record) do
  more_fields[HEAL .. name] = value
  dirty = true
end
local stale = { 'HDEL', SALE }
for _, name in pairs(written) do
  if not record[name] then stale[#stale + 1] = HEAL .. name end
end
if #stale > 2 then also(unpack(stale)) end
commit()
return { snapshot(), letter, HISTORY, found, lost(), fell_behind and 1 or 0 }
