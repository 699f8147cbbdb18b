-- Creates a sale, or finds it as it was created.
--
-- ARGV  2 capacity  3 opens_at  4 closes_at  5 hold_ms  6 buyer_limit  7 order_limit
--       8 state: scheduled or open  9 1 = buyers may give back what is paid; 0 or absent = they may not
--       10 where a held order is paid, a template; '' or absent = nowhere
-- Reply snapshot, letter: n new, u unchanged, x exists with other capacity or terms

local wanted = { capacity = tonumber(ARGV[2]), opens_at = tonumber(ARGV[3]),
  closes_at = tonumber(ARGV[4]), hold_ms = tonumber(ARGV[5]), buyer_limit = tonumber(ARGV[6]),
  order_limit = tonumber(ARGV[7]) }
local buyers_may = ARGV[9] or '0'
local pay_at = ARGV[10] or ''

if open_sale() then
  local letter = buyers_cancel() == buyers_may and pay_url() == pay_at and 'u' or 'x'
  for name, value in pairs(wanted) do
    if sale[name] ~= value then letter = 'x' end
  end
  commit()
  return { snapshot(), letter }
end

sale = wanted
sale.format, sale.held, sale.confirmed, sale.version, sale.commit_seq, sale.acked_seq = 1, 0, 0, 1, 0, 0
sale.state, sale.history = ARGV[8], HISTORY
event('C', sale.capacity, sale.opens_at, sale.closes_at, sale.hold_ms, sale.buyer_limit,
  sale.order_limit, sale.state)
if buyers_may ~= '0' then more_fields.buyers_cancel = buyers_may end
if pay_at ~= '' then more_fields.pay_url = pay_at end
dirty = true
commit()
return { snapshot(), 'n' }
