-- Reads some tallies and holds together with the position of the log that they stand for. Writes
-- nothing.
--
-- KEYS  as in prelude.lua
-- ARGV  1 how many buyers follow, then these buyers, then order ids; at most 1,000 names
-- Reply 1 commit_seq
--       2 the tally of each buyer, nil where there is none
--       3 the deadline of the hold of each order, nil where there is none

local names = tonumber(ARGV[1])
local buyers, orders = {}, {}
for i = 2, #ARGV do
  local list = i <= names + 1 and buyers or orders
  list[#list + 1] = ARGV[i]
end
local tallies = #buyers > 0 and redis.call('HMGET', KEYS[3], unpack(buyers)) or {}
local deadlines = #orders > 0 and redis.call('ZMSCORE', KEYS[4], unpack(orders)) or {}
return { redis.call('HGET', KEYS[1], 'commit_seq'), tallies, deadlines }
