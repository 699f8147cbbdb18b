-- Makes a hold last a hold time from now, up to a bounded life. The hold time is the one under
-- which the order was granted.
--
-- ARGV  2 id  3 the longest life of a hold, in hold times
--       4 who calls; '' or absent = nobody with a name
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d done, or a refusal: u unknown_order, v wrong_state, e hold_expired,
--         m hold_limit
--       3 the packed record, empty when there is none

if not sale then return nil end
if healing then return fenced() end
open_and_close()
sweep()
local id = ARGV[2]
local order = load_order(id)

local function decide()
  if not order then return 'u' end
  if order.state == 'e' or order.state == 'l' then return 'e' end
  if order.state ~= 'h' then return 'v' end
  local hold_ms = hold_ms_of(order)
  local deadline = math.min(now + hold_ms, order.created_at + ARGV[3] * hold_ms)
  if deadline <= order.deadline then return 'm' end
  order.deadline = deadline
  hold_until(id, digits(deadline))
  event('d', id, deadline)
  change(id, order)
  return 'd'
end

local letter = decided_for(ARGV[4], decide)
commit()
return { snapshot(), letter, order and pack(order) or '' }
