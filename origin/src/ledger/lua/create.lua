-- Creates a sale, or finds it as it was created.
--
-- ARGV  1 capacity  2 opens_at  3 closes_at  4 hold_ms  5 buyer_limit  6 order_limit
--       7 state: scheduled or open
-- Reply snapshot, letter: n new, u unchanged, x exists with other capacity or terms

local wanted = { capacity = tonumber(ARGV[1]), opens_at = tonumber(ARGV[2]),
  closes_at = tonumber(ARGV[3]), hold_ms = tonumber(ARGV[4]), buyer_limit = tonumber(ARGV[5]),
  order_limit = tonumber(ARGV[6]) }

if open_sale() then
  local letter = 'u'
  for name, value in pairs(wanted) do
    if sale[name] ~= value then letter = 'x' end
  end
  commit()
  return { snapshot(), letter }
end

sale = wanted
sale.format, sale.held, sale.confirmed, sale.version, sale.commit_seq, sale.acked_seq = 1, 0, 0, 1, 0, 0
sale.state = ARGV[7]
event('C', sale.capacity, sale.opens_at, sale.closes_at, sale.hold_ms, sale.buyer_limit,
  sale.order_limit, sale.state)
dirty = true
commit()
return { snapshot(), 'n' }
