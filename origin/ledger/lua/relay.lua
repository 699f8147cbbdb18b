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
local owner, position = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]) or ''
local ours = owner == token or (act == 'claim' and not owner)
if ours then
  local writes = {}
  if ARGV[4] ~= '' then
    position = ARGV[4]
    writes[1] = { 'SET', KEYS[2], position }
  end
  if act == 'leave' then
    writes[#writes + 1] = { 'DEL', KEYS[1] }
  else
    writes[#writes + 1] = { 'SET', KEYS[1], token, 'PX', ARGV[2] }
  end
  -- Redis does not roll a failed script back: nothing is written unless everything may be.
  for i = 1, #writes do
    if not redis.acl_check_cmd(unpack(writes[i])) then
      error({ err = 'NOPERM this user may not run ' .. writes[i][1] .. ' on ' .. writes[i][2] })
    end
  end
  for i = 1, #writes do redis.call(unpack(writes[i])) end
end
return { ours and 1 or 0, position }
