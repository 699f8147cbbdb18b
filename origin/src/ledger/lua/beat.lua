-- A node says that it lives and hears who else does.
--
-- KEYS  1 nodes (hash: node id -> "<weight> <time of its last beat>")
-- ARGV  1 node id  2 weight (0 = the node leaves)  3 how long a beat counts, in milliseconds
-- Reply 1 the ledger's clock in milliseconds
--       2 the sum of the weights of live nodes, the caller's included

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local me, weight = ARGV[1], tonumber(ARGV[2])
local total, gone = 0, {}
for id, entry in pairs((function()
  local flat, nodes = redis.call('HGETALL', KEYS[1]), {}
  for i = 1, #flat, 2 do nodes[flat[i]] = flat[i + 1] end
  return nodes
end)()) do
  local w, at = string.match(entry, '^(%d+) (%d+)$')
  if id ~= me then
    if w and now - at <= tonumber(ARGV[3]) then
      total = total + tonumber(w)
    else
      gone[#gone + 1] = id
    end
  end
end
if weight > 0 then
  redis.call('HSET', KEYS[1], me, weight .. ' ' .. now)
else
  gone[#gone + 1] = me
end
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
return { now, total + weight }
