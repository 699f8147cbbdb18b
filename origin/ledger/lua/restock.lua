-- Changes how many tickets a sale has, never below what is taken.
--
-- ARGV  2 new capacity  3 the capacity that the caller saw, -1 = whatever it is
--       4 who calls; '' or absent = nobody with a name
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d done, r replayed (it has that capacity), or a refusal: t capacity_taken, z
--         bad_transition (closed), m changed meanwhile, h has_plan (which says how many there are)

if not sale then return nil end
if healing then return fenced() end
open_and_close()
sweep()
local capacity, seen = tonumber(ARGV[2]), tonumber(ARGV[3])

local function decide()
  if sale.format == 2 then return 'h' end
  if sale.state == 'closed' then return 'z' end
  if seen >= 0 and seen ~= sale.capacity then return 'm' end
  if capacity == sale.capacity then return 'r' end
  if capacity < sale.held + sale.confirmed then return 't' end
  sale.capacity = capacity
  event('K', capacity)
  made_by(ARGV[4])
  bump()
  return 'd'
end

local letter = decide()
commit()
return { snapshot(), letter }
