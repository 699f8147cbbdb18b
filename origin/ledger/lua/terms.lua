-- Changes the terms of a sale, also while it is open. Orders that exist keep theirs.
--
-- ARGV  2 opens_at  3 closes_at  4 hold_ms  5 buyer_limit  6 order_limit; '' = as it is
--       7 buyers_cancel, 0 or 1; '' or absent = as it is. The log says only that terms changed
--       8 pay_url, - = none; '' or absent = as it is. Of this, too, the log says only that terms
--         changed
--       9 who calls; '' or absent = nobody with a name
--       10 on: names and values of further terms, as 7 and 8; what is not named stays as it is:
--          `late_seats`, `same` or `other`, of a sale with a plan; `return_url` and `event`, '' =
--          none
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

local function further_of(name)
  if name == 'late_seats' then return late_seats() end
  return stored_text(name)
end

local function decide()
  local further = {}
  for i = 10, #ARGV, 2 do further[ARGV[i]] = ARGV[i + 1] end
  if further.late_seats and sale.format ~= 2 then return 'P' end
  if sale.state == 'closed' then return 'z' end
  local wanted, differs = {}, false
  for i, name in ipairs(NAMES) do
    wanted[name] = ARGV[i + 1] == '' and sale[name] or tonumber(ARGV[i + 1])
    differs = differs or wanted[name] ~= sale[name]
  end
  local buyers_may = ARGV[7] or ''
  local buyers_differ = buyers_may ~= '' and buyers_may ~= buyers_cancel()
  local pay_at = ARGV[8] or ''
  if pay_at ~= '' then further.pay_url = pay_at ~= '-' and pay_at or '' end
  local further_differs = false
  for name, value in pairs(further) do further_differs = further_differs or value ~= further_of(name) end
  if wanted.closes_at > 0 and wanted.closes_at <= wanted.opens_at then return 'v' end
  if wanted.closes_at > 0 and wanted.closes_at <= now then return 'p' end
  if wanted.opens_at > 0 and wanted.opens_at ~= sale.opens_at and sale.state ~= 'scheduled' then return 'o' end
  if not differs and not buyers_differ and not further_differs then return 'r' end
  if buyers_differ then more_fields.buyers_cancel = buyers_may end
  for name, value in pairs(further) do
    if value ~= further_of(name) then more_fields[name] = value end
  end
  set_hold_ms(wanted.hold_ms)
  for name, value in pairs(wanted) do sale[name] = value end
  event('T', sale.opens_at, sale.closes_at, sale.hold_ms, sale.buyer_limit, sale.order_limit)
  made_by(ARGV[9])
  bump()
  return 'd'
end

local letter = decide()
commit()
return { snapshot(), letter }
