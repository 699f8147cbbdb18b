-- Put after prelude.lua before the scripts that need it: fields of the sale that most scripts do
-- not read.

more_fields = {}

-- Changes of the hold time that a sale remembers.
local HOLD_TIMES_MAX = 16

-- Orders keep the hold time under which they were granted: `hold_times` of the sale has what it was
-- before each change, as `<time of the change>:<hold_ms before it>`.
local function set_hold_ms(hold_ms)
  if hold_ms == sale.hold_ms then return end
  local times = {}
  for time in string.gmatch(redis.call('HGET', SALE, 'hold_times') or '', '%S+') do
    times[#times + 1] = time
  end
  times[#times + 1] = NOW .. ':' .. digits(sale.hold_ms)
  while #times > HOLD_TIMES_MAX do table.remove(times, 1) end
  more_fields.hold_times = table.concat(times, ' ')
  sale.hold_ms = hold_ms
end

local function hold_ms_of(order)
  for changed_at, before in string.gmatch(redis.call('HGET', SALE, 'hold_times') or '', '(%d+):(%d+)') do
    if order.created_at < tonumber(changed_at) then return tonumber(before) end
  end
  return sale.hold_ms
end

-- How many orders were cancelled before they came, as `cancelled_early` of the sale has it.
local function cancelled_early()
  local early = more_fields.cancelled_early or tonumber(redis.call('HGET', SALE, 'cancelled_early') or 0)
  if not early then corrupt('field cancelled_early of the sale is not a number') end
  return early
end

-- `1` where buyers may give back what the shop has confirmed, else `0`: so in the sales of an older
-- lastseat.
local function buyers_cancel()
  local word = redis.call('HGET', SALE, 'buyers_cancel') or '0'
  if word ~= '0' and word ~= '1' then corrupt('field buyers_cancel of the sale is neither 0 nor 1') end
  return word
end

-- What a late payment gets in a sale with a plan whose seats somebody else has by now: `other`
-- seats, or with `same` none, as in the sales of an older lastseat.
local function late_seats()
  local word = redis.call('HGET', SALE, 'late_seats') or 'same'
  if word ~= 'same' and word ~= 'other' then corrupt('field late_seats of the sale is neither same nor other') end
  return word
end

-- A text of the operator by which no script decides: `pay_url`, where a held order is paid,
-- `return_url`, where its buyer goes after that, or `event`, what is sold, as JSON. Empty where
-- there is none, as in the sales of an older lastseat.
local function stored_text(name)
  return redis.call('HGET', SALE, name) or ''
end
