-- A downstream reader has everything up to a position of the log: what is older may be trimmed.
--
-- ARGV  2 commit_seq
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d done, r replayed (it was acknowledged before), or a refusal:
--         v invalid (the log is not that long)

if not sale then return nil end
if healing then return fenced() end
open_and_close()
local seq = tonumber(ARGV[2])
local letter, trim = 'r', nil
if seq > sale.commit_seq then
  letter = 'v'
elseif seq > sale.acked_seq then
  sale.acked_seq = seq
  dirty = true
  trim = { 'XTRIM', LOG, 'MINID', (seq + 1) .. '-0' }
  letter = 'd'
end
commit(trim)
return { snapshot(), letter }
