-- Which of the commands that the ledger's scripts call, and SMOVE, this user may not run. Changes
-- nothing.
--
-- A script writes nothing where one of its writes is not permitted. So that this is known before
-- the first buyer comes, all are asked for.
--
-- Reply the missing ones, in the order below

local KEY = 'lastseat:{}:rights'
local missing = {}
for _, command in ipairs({ 'DEL', 'EXISTS', 'GET', 'GETRANGE', 'HDEL', 'HGET', 'HGETALL', 'HLEN', 'HMGET', 'HSET',
  'INFO', 'SET', 'SETRANGE', 'SMOVE', 'STRLEN', 'TIME', 'XADD', 'XREAD', 'XTRIM', 'ZADD', 'ZRANGEBYSCORE', 'ZREM' }) do
  -- No more than the key: of DEL and EXISTS every word is one.
  local words = { command, KEY }
  if command == 'INFO' then words = { command, 'replication' } end
  if command == 'TIME' then words = { command } end
  if command == 'XREAD' then words = { command, 'STREAMS', KEY, '0-0' } end
  if not redis.acl_check_cmd(unpack(words)) then missing[#missing + 1] = command end
end
return missing
