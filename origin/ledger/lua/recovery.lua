-- A node declares the histories of Redis under which it has registered every sale that it may have
-- to restore (see heal.lua), and gets what the others have declared and their last heartbeats.
--
-- KEYS  1 nodes (hash, as in beat.lua)
--       2 recovery (hash: node id -> the histories that it declared last, separated by spaces;
--         behind -> how often a sale was found behind in a history that had been declared). In the
--         same slot as the nodes.
-- ARGV  1 the node that declares, empty = the caller declares nothing  2 what it declares
--       3 1 = a sale was found behind, else 0
-- Reply 1 the ledger's clock in milliseconds
--       2 how often a sale was found behind
--       3 of each node that is known: its number, its weight, its last heartbeat, what it declared
--       4 the history of this Redis

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local beats, flat = redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2])
local declared, behind = {}, 0
for i = 1, #flat, 2 do declared[flat[i]] = flat[i + 1] end
-- Always there, so that the key is: see heal.lua.
local counted = declared.behind
behind, declared.behind = tonumber(counted or 0), nil
local known, nodes = {}, {}
for i = 1, #beats, 2 do
  local weight, at = string.match(beats[i + 1], '^(%d+) (%d+)$')
  if weight then known[beats[i]] = { weight, at } end
end
local changes = {}
if ARGV[1] ~= '' and declared[ARGV[1]] ~= ARGV[2] then
  declared[ARGV[1]] = ARGV[2]
  changes = { ARGV[1], ARGV[2] }
end
if ARGV[3] == '1' then behind = behind + 1 end
if ARGV[3] == '1' or not counted then
  changes[#changes + 1] = 'behind'
  changes[#changes + 1] = behind
end
if #changes > 0 then redis.call('HSET', KEYS[2], unpack(changes)) end
for id, beat in pairs(known) do
  nodes[#nodes + 1] = id
  nodes[#nodes + 1] = beat[1]
  nodes[#nodes + 1] = beat[2]
  nodes[#nodes + 1] = declared[id] or ''
end
local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
return { now, behind, nodes, history }
