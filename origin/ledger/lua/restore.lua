-- Brings orders to the state in which they were acknowledged, where the ledger is behind that. Repeating
-- it is harmless.
--
-- KEYS  1 to 5 as in prelude.lua  6 unrestored (hash: order id -> "<letter> <node> <time> <record>")
-- ARGV  2 the node that acknowledged them
--       3 the pass, 1 to 3, see Pass in shared: from 2 on due holds expire first; only in 3 do holds take tickets, and
--         what cannot be restored is listed
--       4 the longest length of that list
--       5 id, record; repeated for each order, at most 512 orders
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter for each order: d done, r it was there already, n it does not fit (yet), k it is there with another
--         buyer, number of tickets or end
--       or `fenced()`: the sale recovers, and nobody has registered with it since Redis was replaced once more. What the
--       caller has to restore was decided before that.
-- The buyer limit and the sale's state are not asked: what was acknowledged stands.

if not open_sale(true) then return nil end
local found, jumped
if healing then
  local fields = redis.call('HMGET', SALE, 'heal:history', 'heal:found', 'heal:jumped')
  if fields[1] ~= HISTORY then return fenced() end
  found, jumped = fields[2], tonumber(fields[3])
end
local UNRESTORED = KEYS[6]
local node, pass = ARGV[2], tonumber(ARGV[3])
local last = pass == 3

local ids, acked_orders, buyers = {}, {}, {}
for i = 1, (#ARGV - 4) / 2 do
  local acked = read_record(ARGV[2 * i + 4])
  if not acked then corrupt('the acknowledged record of order ' .. ARGV[2 * i + 3] .. ' is none') end
  ids[i], acked_orders[i], buyers[i] = ARGV[2 * i + 3], acked, acked.buyer
end
load_orders(ids)
load_buyers(buyers)
load_ended(buyers)
-- Not before: a hold that is due here may have been confirmed or extended through another node.
if pass > 1 then sweep() end

local function becomes(id, order, name, ...)
  change(id, order)
  event(name, id, ...)
  return 'd'
end

local function hold(id, order, deadline)
  if order.state == 'e' then
    -- The sweep above may have released it; what is released is removed after what is held was added.
    for i = #released, 1, -1 do
      if released[i] == id then table.remove(released, i) end
    end
  end
  order.state, order.deadline = 'h', deadline
  held_until[id] = deadline
end

local function insert(id, acked)
  if acked.state == 'h' and acked.deadline <= now then acked.state = 'e' end
  if acked.state == 'h' or acked.state == 'c' then
    if not fits(acked.taken) or (acked.state == 'h' and not last) then return 'n' end
    take(acked.state, acked.buyer, acked.taken)
    if acked.state == 'h' then hold(id, acked, acked.deadline) end
  elseif acked.asked > 0 then
    ends(acked.buyer, 1)
  else
    more_fields.cancelled_early = cancelled_early() + 1
  end
  return becomes(id, acked, 'R', pack(acked))
end

local function as_held(id, order, acked)
  if acked.deadline <= order.deadline then return 'r' end
  if order.state == 'h' then
    hold(id, order, acked.deadline)
    return becomes(id, order, 'd', acked.deadline)
  end
  -- It was extended, the ledger forgot that and let it expire.
  if order.state ~= 'e' or acked.deadline <= now then return 'r' end
  if not last or not fits(order.taken) then return 'n' end
  retake('h', order.buyer, order.taken)
  hold(id, order, acked.deadline)
  return becomes(id, order, 'R', pack(order))
end

local function as_confirmed(id, order, acked)
  if order.state == 'x' then return 'r' end
  if order.state == 'c' then return order.taken == acked.taken and 'r' or 'k' end
  if order.state == 'l' or acked.taken > order.taken then return 'k' end
  if order.state == 'e' then
    if not fits(acked.taken) then return 'n' end
    retake('c', order.buyer, acked.taken)
    order.state, order.taken = 'c', acked.taken
    return becomes(id, order, 't', acked.taken)
  end
  take('h', order.buyer, -order.taken)
  take('c', order.buyer, acked.taken)
  if acked.taken < order.taken then bump() end
  unhold(id)
  order.state, order.taken = 'c', acked.taken
  return becomes(id, order, 'c', acked.taken)
end

local function as_cancelled(id, order)
  if order.state == 'x' or order.state == 'l' then return 'r' end
  -- One that expired here was given back late, or paid late and then given back: no payment may take tickets again.
  if order.state ~= 'e' then give_back(order.state, order.buyer, order.taken) end
  if order.state == 'h' then unhold(id) end
  order.state = 'x'
  return becomes(id, order, 'x')
end

local function as_refused_late(id, order)
  if order.state == 'c' then return 'k' end
  if order.state == 'h' then expire(id, order) end
  if order.state ~= 'e' then return 'r' end
  order.state = 'l'
  return becomes(id, order, 'l')
end

local function restore(id, acked)
  local order = orders[id]
  if not order then return insert(id, acked) end
  if order.buyer ~= acked.buyer or order.asked ~= acked.asked then return 'k' end
  if acked.state == 'h' then return as_held(id, order, acked) end
  if acked.state == 'c' then return as_confirmed(id, order, acked) end
  if acked.state == 'x' then return as_cancelled(id, order) end
  if acked.state == 'l' then return as_refused_late(id, order) end
  return 'r'
end

-- Read before anything is written: it shows whether the list can be written.
local list_length = redis.call('HLEN', UNRESTORED)
local letters, listed, settled = {}, { 'HSET', UNRESTORED }, { 'HDEL', UNRESTORED }
for i = 1, #ids do
  local letter = restore(ids[i], acked_orders[i])
  letters[i] = letter
  if letter == 'd' or letter == 'r' then
    settled[#settled + 1] = ids[i]
  else
    listed[#listed + 1] = ids[i]
    listed[#listed + 1] = table.concat({ letter, node, now, ARGV[2 * i + 4] }, ' ')
  end
end
-- Whoever has received more than there is may not have registered yet.
if jumped == 0 and #events > 0 then
  skip_numbers(found)
  more_fields['heal:jumped'] = sale.commit_seq
end
if last and #listed > 2 and list_length < tonumber(ARGV[4]) then also(unpack(listed)) end
if list_length > 0 and #settled > 2 then also(unpack(settled)) end
commit()
return { snapshot(), table.concat(letters) }
