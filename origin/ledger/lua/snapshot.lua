-- Says how a sale stands, after expiring holds that are due: also the periodic sweep.
--
-- ARGV  none of its own
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 how many holds it expired; 1,024 means that more may be due
--       3 y when the sale may lack orders that were acknowledged (then nothing expires), else empty

if not sale then return nil end
if healing then return { snapshot(), 0, 'y' } end
open_and_close()
local expired = sweep()
commit()
return { snapshot(), expired, '' }
