-- Heartbeat of a node; the reply names the nodes that live.
--
-- KEYS  1 nodes (hash: node id -> "<weight> <time of its last heartbeat>"; weight 0 = it fell
--         silent, or left while it may still have had something to restore)
--       2 recovery (hash, as in recovery.lua). In the same slot as the nodes.
-- ARGV  1 node id  2 weight (0 = the node leaves)  3 how long a heartbeat counts, in milliseconds
--       4 how long a node is remembered after its last heartbeat, in milliseconds
--       5 the history in which a node that leaves has restored all that it had to, empty = in none:
--         then it is forgotten at once. All that it acknowledged comes before this in Redis, and
--         what loses a part of that loses this, too.
-- Reply 1 the ledger's clock in milliseconds
--       2 the sum of the weights of live nodes, the caller's included
--       3 the nodes that live or may: those that have not fallen silent while the caller's
--         heartbeat went on
--       4 the history of this Redis
--       5 how often a sale was found behind, see recovery.lua

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local me, weight, counts = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local flat = redis.call('HGETALL', KEYS[1])
-- After the ledger was away every last heartbeat is old, the caller's too: then silence says
-- nothing.
local own = string.match(redis.call('HGET', KEYS[1], me) or '', ' (%d+)$')
local judges = own and now - own <= counts
local total, live, changes, gone = 0, {}, {}, {}
for i = 1, #flat, 2 do
  local id, w, at = flat[i], string.match(flat[i + 1], '^(%d+) (%d+)$')
  w = tonumber(w)
  if id == me then
    -- Written below.
  elseif not w or now - at > tonumber(ARGV[4]) then
    gone[#gone + 1] = id
  elseif w > 0 and now - at <= counts then
    total = total + w
    live[#live + 1] = id
  elseif w > 0 and judges then
    changes[#changes + 1] = id
    changes[#changes + 1] = '0 ' .. at
  elseif w > 0 then
    live[#live + 1] = id
  end
end
if weight > 0 then live[#live + 1] = me end
local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
if weight == 0 and ARGV[5] == history then
  gone[#gone + 1] = me
else
  changes[#changes + 1] = me
  changes[#changes + 1] = weight .. ' ' .. now
end
-- Redis does not roll a failed script back: nothing is written unless everything may be.
local behind = tonumber(redis.call('HGET', KEYS[2], 'behind') or 0)
if #gone > 0 and not (redis.acl_check_cmd('HDEL', KEYS[1]) and redis.acl_check_cmd('HDEL', KEYS[2])) then
  error({ err = 'NOPERM this user may not run HDEL on ' .. KEYS[1] .. ' and ' .. KEYS[2] })
end
if #changes > 0 then redis.call('HSET', KEYS[1], unpack(changes)) end
if #gone > 0 then
  redis.call('HDEL', KEYS[1], unpack(gone))
  redis.call('HDEL', KEYS[2], unpack(gone))
end
return { now, total + weight, live, history, behind }
