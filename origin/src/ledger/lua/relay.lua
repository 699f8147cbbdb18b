-- One relay at a time delivers under a name, and keeps here how far it came.
--
-- KEYS  1 lease (string: the token of the relay that delivers)
--       2 position (string: the last commit_seq that was delivered)
-- ARGV  1 token  2 how long the lease lasts from now, in milliseconds
--       3 claim (take a free lease or renew one's own), renew (one's own only) or leave
--       4 a position to keep, empty = none; kept only by who has the lease
-- Reply 1 1 when the caller has the lease, else 0
--       2 the position, empty when none was kept yet

local token, act = ARGV[1], ARGV[3]
local owner = redis.call('GET', KEYS[1])
local ours = owner == token or (act == 'claim' and not owner)
if ours then
  if ARGV[4] ~= '' then redis.call('SET', KEYS[2], ARGV[4]) end
  if act == 'leave' then
    redis.call('DEL', KEYS[1])
  else
    redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
  end
end
return { ours and 1 or 0, redis.call('GET', KEYS[2]) or '' }
