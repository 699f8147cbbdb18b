-- Reads how a sale lies in Redis at one moment, whatever is there: it expects nothing of the data,
-- what cannot be read keeps nothing else from being read, and it writes nothing.
--
-- KEYS  1 to 5 as in prelude.lua  6 seats, as in seats.lua; absent = nothing is said of them
-- ARGV  1 how many fields of buyers follow, then these fields, then order ids; at most 1,000 names
-- Reply 1 the time in Unix milliseconds
--       2 the history of this Redis, empty where it does not say
--       3 for each key its type; 'none' where it is missing, '?' where this user may not ask
--       4 for each key the error of reading it as what it should be, else empty
--       5 fields and values of the sale, all of them or, where there are more than 1,024, those
--         that lastseat writes
--       6 the last id that the log gave, empty where it is not known
--       7 the ids of entries after the sale's commit_seq, at most 16
--       8 the tally of each field, nil where there is none
--       9 the deadline of the hold of each order, nil where there is none
--      10 the seats as they are, nil where there are none or nothing was asked of them

local SALE, ORDERS, BUYERS, HOLDS, LOG = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local FIELDS_MAX = 1024
local FIELDS = { 'format', 'capacity', 'held', 'confirmed', 'version', 'commit_seq', 'opens_at',
  'closes_at', 'hold_ms', 'buyer_limit', 'order_limit', 'acked_seq', 'state', 'history', 'ended_peak',
  'hold_times', 'cancelled_early', 'buyers_cancel', 'pay_url', 'late_seats', 'return_url', 'event',
  'actors', 'plan', 'shape' }
-- As many classes and quotas as a plan may have, and those of standing places.
for i = 0, 63 do FIELDS[#FIELDS + 1] = 'class:' .. i end
for i = 0, 127 do FIELDS[#FIELDS + 1] = 'quota:' .. i end

local function failed(reply)
  return type(reply) == 'table' and reply.err
end

-- What was read, or `otherwise` where it cannot be.
local function read(otherwise, ...)
  local reply = redis.pcall(...)
  if failed(reply) then return otherwise end
  return reply
end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local history = string.match(read('', 'INFO', 'replication'), 'master_replid:(%w+)') or ''

local PROBES = { { 'HLEN', SALE }, { 'HLEN', ORDERS }, { 'HLEN', BUYERS }, { 'ZMSCORE', HOLDS, '-' },
  { 'XRANGE', LOG, '-', '+', 'COUNT', 1 }, { 'GETRANGE', KEYS[6], '0', '0' } }
local kinds, errors = {}, {}
for i = 1, #KEYS do
  local kind = read(false, 'TYPE', KEYS[i])
  kinds[i] = kind and kind.ok or redis.call('EXISTS', KEYS[i]) == 0 and 'none' or '?'
  errors[i] = failed(redis.pcall(unpack(PROBES[i]))) or ''
end

local fields, commit_seq = {}, nil
if errors[1] == '' then
  if redis.call('HLEN', SALE) <= FIELDS_MAX then
    fields = redis.call('HGETALL', SALE)
  else
    local values = redis.call('HMGET', SALE, unpack(FIELDS))
    for i = 1, #FIELDS do
      if values[i] then
        fields[#fields + 1] = FIELDS[i]
        fields[#fields + 1] = values[i]
      end
    end
  end
  commit_seq = redis.call('HGET', SALE, 'commit_seq')
end

local last, ahead = '', {}
if errors[5] == '' then
  local info = read({}, 'XINFO', 'STREAM', LOG)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = info[i + 1] end
  end
  if commit_seq and #commit_seq <= 15 and string.match(commit_seq, '^%d+$') then
    for i, entry in ipairs(read({}, 'XRANGE', LOG, '(' .. commit_seq .. '-0', '+', 'COUNT', 16)) do
      ahead[i] = entry[1]
    end
  end
end

local names = tonumber(ARGV[1])
local buyers, orders = {}, {}
for i = 2, #ARGV do
  local list = i <= names + 1 and buyers or orders
  list[#list + 1] = ARGV[i]
end
local tallies = #buyers > 0 and read({}, 'HMGET', BUYERS, unpack(buyers)) or {}
local deadlines = #orders > 0 and read({}, 'ZMSCORE', HOLDS, unpack(orders)) or {}
-- Of the same moment as all the rest: while the sale sells, it could not be held against the orders
-- otherwise.
local seats = KEYS[6] and kinds[6] ~= 'none' and read(false, 'GETRANGE', KEYS[6], '0', '-1') or false
return { string.format('%.0f', now), history, kinds, errors, fields, last, ahead, tallies, deadlines, seats }
