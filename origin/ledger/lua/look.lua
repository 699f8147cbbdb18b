-- Says how a sale stands in its recovery and changes nothing, so that most sales cost no more than
-- this.
--
-- KEYS  1 sale (hash)
-- ARGV  1 the caller's node, empty = none
-- Reply nil when there is no such sale, else
--       1 the history of this Redis  2 the history under which the sale was last whole, empty =
--         unknown
--       3 commit_seq  4 state  5 what was lost in earlier recoveries: heal:lost of heal.lua, or
--         empty
--       and of the record of heal.lua, where it is of this Redis' history or of an earlier one,
--       else empty:
--       6 its history  7 the commit_seq that the sale was found with  8 the caller's mark  9
--         whether only marks count

local HISTORY = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local fields = redis.call('HMGET', KEYS[1], 'commit_seq', 'history', 'state', 'heal:lost', 'heal:history',
  'heal:found', 'heal:node:' .. ARGV[1], 'heal:marks')
if not fields[1] then return nil end
for i = 1, 8 do fields[i] = fields[i] or '' end
return { HISTORY, fields[2], fields[1], fields[3], fields[4], fields[5], fields[6], fields[7], fields[8] }
