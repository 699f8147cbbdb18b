-- Creates a sale, or finds it as it was created.
--
-- ARGV  2 capacity  3 opens_at  4 closes_at  5 hold_ms  6 buyer_limit  7 order_limit
--       8 state: scheduled or open  9 1 = buyers may give back what is paid; 0 or absent = they may
--         not
--       10 where a held order is paid, a template; '' or absent = nowhere
--       11 of a sale with a plan, its seats, all free (shared/src/plan/stored.rs); absent = it
--          has no plan
--       12 `plan`  13 the plan; then names and values of the other fields that say where its
--          seats are, and last `late_seats` and `other` where that is not `same`
-- KEYS  6 seats, of a sale with a plan
-- Reply snapshot, letter: n new, u unchanged, x exists with other capacity, terms or plan

local wanted = { capacity = tonumber(ARGV[2]), opens_at = tonumber(ARGV[3]),
  closes_at = tonumber(ARGV[4]), hold_ms = tonumber(ARGV[5]), buyer_limit = tonumber(ARGV[6]),
  order_limit = tonumber(ARGV[7]) }
local buyers_may = ARGV[9] or '0'
local pay_at = ARGV[10] or ''
local seats, plan = ARGV[11], ARGV[13] or ''

if sale then
  if not healing then open_and_close() end
  local found = sale.format == 2 and redis.call('HGET', SALE, 'plan') or ''
  local letter = buyers_cancel() == buyers_may and pay_url() == pay_at and found == plan and 'u' or 'x'
  for name, value in pairs(wanted) do
    if sale[name] ~= value then letter = 'x' end
  end
  local late = ARGV[#ARGV - 1] == 'late_seats' and ARGV[#ARGV] or 'same'
  if late_seats() ~= late then letter = 'x' end
  commit()
  return { snapshot(), letter }
end

if seats and redis.call('EXISTS', KEYS[6]) > 0 then
  corrupt('the sale has seats but no fields; was a part of it deleted?')
end
sale = wanted
sale.format, sale.held, sale.confirmed, sale.version, sale.commit_seq, sale.acked_seq = 1, 0, 0, 1, 0, 0
sale.state, sale.history = ARGV[8], HISTORY
event('C', sale.capacity, sale.opens_at, sale.closes_at, sale.hold_ms, sale.buyer_limit,
  sale.order_limit, sale.state)
if seats then
  sale.format = 2
  event('P', plan)
  for i = 12, #ARGV, 2 do more_fields[ARGV[i]] = ARGV[i + 1] end
  more_writes = { { 'SET', KEYS[6], seats } }
end
if buyers_may ~= '0' then more_fields.buyers_cancel = buyers_may end
if pay_at ~= '' then more_fields.pay_url = pay_at end
dirty = true
commit()
return { snapshot(), 'n' }
