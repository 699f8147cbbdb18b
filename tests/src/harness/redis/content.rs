//! What a key of Redis holds, in a sequence that does not depend on how Redis lays it out.
//!
//! `DUMP` gives the fields of a larger hash in the sequence of its table, and reading moves them.

use redis::Cmd;

/// Answers the type and the content of its one key.
pub const SCRIPT: &str = "
local kind = redis.call('TYPE', KEYS[1]).ok
local found = {}
if kind == 'hash' then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do found[#found + 1] = #all[i] .. ':' .. all[i] .. all[i + 1] end
  table.sort(found)
elseif kind == 'set' then
  found = redis.call('SMEMBERS', KEYS[1])
  table.sort(found)
elseif kind == 'zset' then
  found = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
elseif kind == 'stream' then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then found[1] = info[i + 1] end
  end
  found[2] = redis.call('XRANGE', KEYS[1], '-', '+')
elseif kind == 'list' then
  found = redis.call('LRANGE', KEYS[1], 0, -1)
elseif kind == 'string' then
  found[1] = redis.call('GET', KEYS[1])
end
return { kind, found }";

/// The command that answers the type and the content of `key`.
pub fn content_of(key: impl redis::ToRedisArgs) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(SCRIPT).arg(1).arg(key);
    command
}
