-- Reads one order, behind the fence as every change of it: while a sale may lack what was
-- acknowledged, no caller is told how an order stands. Writes nothing.
--
-- ARGV  2 id
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d it is there, or a refusal: u unknown_order
--       3 the packed record, empty when there is none; a hold that is due may still stand as held

if not sale then return nil end
if healing then return fenced() end
local id = ARGV[2]
load_orders({ id })
local order = orders[id]
return { snapshot(), order and 'd' or 'u', order and pack(order) or '' }
