-- Put after prelude.lua before the scripts that bring back what was lost.

-- A write that is none of `commit`'s own, carried out with it, before the sale's fields.
local function also(...)
  more_writes = more_writes or {}
  more_writes[#more_writes + 1] = { ... }
end

-- Numbers of the log and versions that may have been given and are not known any more are not given
-- again: both go on further, and an entry says so. An earlier recovery may be lost whole, with all
-- that was given after it. So they go on to a number that the clock gives, beyond what any recovery
-- before reached, unless a sale has had more than 10 entries in each millisecond since, or the
-- clock was set back; then a million further than what is known. The rule is `beyond` of
-- shared/src/recovery.rs.
local function beyond(number)
  return math.max(number + 1000000, math.min(now * 10, 9e13))
end

local function skip_numbers(found)
  sale.commit_seq = beyond(math.max(sale.commit_seq, LAST_SEEN))
  sale.version = beyond(sale.version)
  table.insert(events, 1, 'H ' .. found)
  dirty = true
end
