-- Reads the seats of a sale with a plan, behind the fence as every change of them. Writes nothing.
--
-- ARGV  none of its own
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d they are read
--       3 the string `:seats`

if not sale then return nil end
if healing then return fenced() end
return { snapshot(), 'd', redis.call('GET', SEATS) or '' }
