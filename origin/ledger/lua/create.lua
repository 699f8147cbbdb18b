-- Creates a sale, or finds it as it was created.
--
-- ARGV  2 capacity  3 opens_at  4 closes_at  5 hold_ms  6 buyer_limit  7 order_limit
--       8 state: scheduled or open  9 1 = buyers may give back what is paid; 0 or absent = they may
--         not
--       10 where a held order is paid, a template; '' or absent = nowhere
--       11 who calls; '' or absent = nobody with a name
--       12 of a sale with a plan, its seats, all free (shared/src/plan/stored.rs); '' or absent =
--          it has no plan
--       13 on: names and values of further fields, none of them empty: of a sale with a plan `plan`
--          and those that say where its seats are, and `late_seats` where that is not `same`; of
--          any sale `event`, what is sold, and `return_url`, where a buyer goes after the payment
-- KEYS  6 seats, of a sale with a plan
-- Reply snapshot, letter: n new, u unchanged, x exists with other capacity, terms or plan

local wanted = { capacity = tonumber(ARGV[2]), opens_at = tonumber(ARGV[3]),
  closes_at = tonumber(ARGV[4]), hold_ms = tonumber(ARGV[5]), buyer_limit = tonumber(ARGV[6]),
  order_limit = tonumber(ARGV[7]) }
local buyers_may = ARGV[9] or '0'
local seats = ARGV[12] or ''
local fields = {}
for i = 13, #ARGV, 2 do fields[ARGV[i]] = ARGV[i + 1] end
local plan = fields.plan or ''
if (ARGV[10] or '') ~= '' then fields.pay_url = ARGV[10] end

if sale then
  if not healing then open_and_close() end
  local found = sale.format == 2 and redis.call('HGET', SALE, 'plan') or ''
  local letter = buyers_cancel() == buyers_may and found == plan and 'u' or 'x'
  for _, name in ipairs({ 'pay_url', 'return_url', 'event' }) do
    if stored_text(name) ~= (fields[name] or '') then letter = 'x' end
  end
  for name, value in pairs(wanted) do
    if sale[name] ~= value then letter = 'x' end
  end
  if late_seats() ~= (fields.late_seats or 'same') then letter = 'x' end
  commit()
  return { snapshot(), letter }
end

if seats ~= '' and redis.call('EXISTS', KEYS[6]) > 0 then
  corrupt('the sale has seats but no fields; was a part of it deleted?')
end
sale = wanted
sale.format, sale.held, sale.confirmed, sale.version, sale.commit_seq, sale.acked_seq = 1, 0, 0, 1, 0, 0
sale.state, sale.history = ARGV[8], HISTORY
event('C', sale.capacity, sale.opens_at, sale.closes_at, sale.hold_ms, sale.buyer_limit,
  sale.order_limit, sale.state)
for name, value in pairs(fields) do more_fields[name] = value end
if seats ~= '' then
  sale.format = 2
  event('P', plan)
  more_writes = { { 'SET', KEYS[6], seats } }
end
if buyers_may ~= '0' then more_fields.buyers_cancel = buyers_may end
made_by(ARGV[11])
dirty = true
commit()
return { snapshot(), 'n' }
