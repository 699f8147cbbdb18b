-- A process claims the number of its node, so that no two use the same one.
--
-- KEYS  1 numbers (hash: node id -> "<token> <process> <since> <time of its last heartbeat>";
--         refused:<node id> -> "<token> <time>", who was refused the number last)
-- ARGV  1 node id  2 the token of its data directory  3 a mark of the process, another one after
--       each start
--       4 start, beat or leave  5 how long a heartbeat counts, in milliseconds
--       6 how long a refusal is remembered, in milliseconds
-- Reply 1 y the number is the caller's, n it is another one's
--       2 since when whoever has it does  3 the time of that one's last heartbeat  4 the ledger's
--         clock, all in milliseconds
-- A directory is locked by the process that uses it: one that starts there follows the one before
-- at once. Anybody else gets the number when nobody has beaten for long enough.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local number, token, process, moment = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local held = redis.call('HGET', KEYS[1], number) or ''
local its_token, its_process, since, at = string.match(held, '^(%x+) (%x+) (%d+) (%d+)$')
local mine = its_process == process
if moment == 'leave' then
  if mine then redis.call('HDEL', KEYS[1], number) end
  return { 'y', 0, 0, now }
end
-- A clock that was set back must not keep a number for ever.
local lives = at and math.abs(now - at) <= tonumber(ARGV[5])
local follows = moment == 'start' and its_token == token
if lives and not mine and not follows then
  redis.call('HSET', KEYS[1], 'refused:' .. number, token .. ' ' .. now)
  return { 'n', tonumber(since), tonumber(at), now }
end
since = mine and tonumber(since) or now
local entry = string.format('%s %s %.0f %.0f', token, process, since, now)
local refused = redis.call('HGET', KEYS[1], 'refused:' .. number)
local last = refused and string.match(refused, ' (%d+)$')
local forgets = refused and not (last and now - last <= tonumber(ARGV[6]))
-- Redis does not roll a failed script back: nothing is written unless everything may be.
if forgets and not redis.acl_check_cmd('HDEL', KEYS[1]) then
  error({ err = 'NOPERM this user may not run HDEL on ' .. KEYS[1] })
end
redis.call('HSET', KEYS[1], number, entry)
if forgets then redis.call('HDEL', KEYS[1], 'refused:' .. number) end
return { 'y', since, now, now }
