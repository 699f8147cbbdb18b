-- Changes the terms of a sale, also while it is open. Orders that exist keep theirs.
--
-- ARGV  2 opens_at  3 closes_at  4 hold_ms  5 buyer_limit  6 order_limit; '' = as it is
--       7 buyers_cancel, 0 or 1; '' or absent = as it is. The log says only that terms changed
--       8 pay_url, - = none; '' or absent = as it is. Of this, too, the log says only that terms
--         changed
--       9 late_seats, `same` or `other`, of a sale with a plan; '' or absent = as it is. As 7 and 8
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d done, r replayed (nothing differs), or a refusal:
--         z bad_transition (closed), v invalid (it would close before it opens), p it would close
--         in the past,
--         o it has been open already and would open at a moment, P no_plan (and the change is about
--         seats)

if not sale then return nil end
if healing then return fenced() end
open_and_close()
sweep()
local NAMES = { 'opens_at', 'closes_at', 'hold_ms', 'buyer_limit', 'order_limit' }

local function decide()
  local late = ARGV[9] or ''
  if late ~= '' and sale.format ~= 2 then return 'P' end
  if sale.state == 'closed' then return 'z' end
  local wanted, differs = {}, false
  for i, name in ipairs(NAMES) do
    wanted[name] = ARGV[i + 1] == '' and sale[name] or tonumber(ARGV[i + 1])
    differs = differs or wanted[name] ~= sale[name]
  end
  local buyers_may = ARGV[7] or ''
  local buyers_differ = buyers_may ~= '' and buyers_may ~= buyers_cancel()
  local pay_at = ARGV[8] or ''
  if pay_at == '' then pay_at = pay_url() elseif pay_at == '-' then pay_at = '' end
  local pay_differs = pay_at ~= pay_url()
  local late_differs = late ~= '' and late ~= late_seats()
  if wanted.closes_at > 0 and wanted.closes_at <= wanted.opens_at then return 'v' end
  if wanted.closes_at > 0 and wanted.closes_at <= now then return 'p' end
  if wanted.opens_at > 0 and wanted.opens_at ~= sale.opens_at and sale.state ~= 'scheduled' then return 'o' end
  if not differs and not buyers_differ and not pay_differs and not late_differs then return 'r' end
  if buyers_differ then more_fields.buyers_cancel = buyers_may end
  if pay_differs then more_fields.pay_url = pay_at end
  if late_differs then more_fields.late_seats = late end
  set_hold_ms(wanted.hold_ms)
  for name, value in pairs(wanted) do sale[name] = value end
  event('T', sale.opens_at, sale.closes_at, sale.hold_ms, sale.buyer_limit, sale.order_limit)
  bump()
  return 'd'
end

local letter = decide()
commit()
return { snapshot(), letter }
