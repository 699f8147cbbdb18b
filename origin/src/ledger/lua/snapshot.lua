-- Says how a sale stands, after expiring holds that are due: also the periodic sweep.
--
-- ARGV  none
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 how many holds it expired; 1,024 means that more may be due

if not open_sale() then return nil end
local expired = sweep()
commit()
return { snapshot(), expired }
