-- Brings orders to the state in which they were acknowledged, where the ledger is behind that.
-- Repeating it is harmless.
--
-- KEYS  1 to 5 as in prelude.lua, in a sale with a plan 6 seats  the last one: unrestored (hash:
--         order id -> "<letter> <node> <time> <record>")
-- ARGV  2 the node that acknowledged them
--       3 the pass, 1 to 3, see Pass in shared: from 2 on due holds expire first; only in 3 do
--         holds take tickets, and what cannot be restored is listed
--       4 the longest length of that list
--       5 id, record; repeated for each order, at most 512 orders
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter for each order: d done, r it was there already, n it does not fit (yet), k it is
--         there with another buyer, number of tickets, lines or end, or it was acknowledged by a
--         sale of this id that had a plan where this one has none, or the other way round
--       or `fenced()`: the sale recovers, and nobody has registered with it since Redis was
--       replaced once more. What the caller has to restore was decided before that.
-- The buyer limit and the sale's state are not asked: what was acknowledged stands. In a sale with
-- a plan an order gets exactly its seats.

if not sale then return nil end
local found, jumped
if healing then
  local fields = redis.call('HMGET', SALE, 'heal:history', 'heal:found', 'heal:jumped')
  if fields[1] ~= HISTORY then return fenced() end
  found, jumped = fields[2], tonumber(fields[3])
end
local UNRESTORED = KEYS[#KEYS]
local node, pass = ARGV[2], tonumber(ARGV[3])
local last = pass == 3

local ids, acked_orders, buyers = {}, {}, {}
for i = 1, (#ARGV - 4) / 2 do
  local id, record = ARGV[2 * i + 3], ARGV[2 * i + 4]
  local acked = read_record(record)
  if acked then
    buyers[#buyers + 1] = acked.buyer
  elseif not string.find(record, '^[123][hcxel]:') then
    corrupt('the acknowledged record of order ' .. id .. ' is none')
  end
  ids[i], acked_orders[i] = id, acked
end
load_orders(ids)
load_tallies(buyers)
load_tallies(buyers, true)
-- Not before: a hold that is due here may have been confirmed or extended through another node.
if pass > 1 then sweep() end

local function becomes(id, order, name, ...)
  change(id, order)
  event(name, id, ...)
  return 'd'
end

local function hold(id, order, deadline)
  if order.state == 'e' then
    -- The sweep above may have released it; what is released is removed after what is held was
    -- added.
    for i = released and #released or 0, 3, -1 do
      if released[i] == id then table.remove(released, i) end
    end
  end
  order.state, order.deadline = 'h', deadline
  hold_until(id, digits(deadline))
end

-- Of an order that gave a part back while it was held, one node acknowledged all of it and another
-- one what was left: what was left comes first, so that the part does not take the place of others.
local function may_hold(acked)
  return last or (pass == 2 and acked.taken < acked.asked)
end

local function insert(id, acked)
  if acked.state == 'h' and acked.deadline <= now then acked.state = 'e' end
  if acked.state == 'h' or acked.state == 'c' then
    if not fits(acked.taken, acked.claims) or (acked.state == 'h' and not may_hold(acked)) then return 'n' end
    take(acked.state, acked.buyer, acked.taken, acked.claims)
    if acked.state == 'h' then hold(id, acked, acked.deadline) end
  elseif acked.asked > 0 then
    ends(acked.buyer, 1)
  else
    more_fields.cancelled_early = cancelled_early() + 1
  end
  return becomes(id, acked, 'R', pack(acked))
end

local function as_held(id, order, acked)
  local longer = acked.deadline > order.deadline
  if order.state == 'h' then
    local letter = narrow(id, order, acked)
    if letter == 'k' or not longer then return letter end
    hold(id, order, acked.deadline)
    return becomes(id, order, 'd', acked.deadline)
  end
  if order.state ~= 'e' then return 'r' end
  local tickets, claims = held_last(acked, order)
  -- It was extended, the ledger forgot that and let it expire.
  if longer and acked.deadline > now then
    if not tickets then return 'k' end
    if not may_hold(acked) or not fits(tickets, claims) then return 'n' end
    retake('h', order.buyer, tickets, claims)
    order.taken, order.claims = tickets, claims
    hold(id, order, acked.deadline)
    return becomes(id, order, 'R', pack(order))
  end
  -- It gave a part back before it ended: a late payment is for what it had then.
  if tickets and tickets < order.taken then
    order.taken, order.claims = tickets, claims
    return becomes(id, order, 'R', pack(order))
  end
  return 'r'
end

local function as_confirmed(id, order, acked)
  if order.state == 'x' then return 'r' end
  if order.state == 'c' then return narrow(id, order, acked) end
  if order.state == 'l' then return 'k' end
  if not is_part(acked, order) then
    if not is_no_more(acked, order) then return 'k' end
    -- It got other seats, so its hold had ended and it was paid late.
    if order.state == 'h' then expire({ id }) end
  end
  local tickets, claims, name = acked.taken, acked.claims, 'c'
  if order.state == 'e' then
    if not fits(tickets, claims) then return 'n' end
    retake('c', order.buyer, tickets, claims)
    name = 't'
  else
    pay(order, tickets, claims)
    unhold(id)
  end
  order.state, order.taken, order.claims = 'c', tickets, claims
  paid(name, id, order, acked.payment, tickets, claims)
  return 'd'
end

local function as_cancelled(id, order, acked)
  if order.state == 'x' or order.state == 'l' then return 'r' end
  -- One that expired here was given back late, or paid late and then given back: no payment may
  -- take tickets again.
  if order.state ~= 'e' then give_back(order) end
  if order.state == 'h' then unhold(id) end
  order.state = 'x'
  -- It was paid before it was given back, and that was lost, too.
  if acked.payment and not order.payment then
    order.payment = acked.payment
    return becomes(id, order, 'R', pack(order))
  end
  return becomes(id, order, 'x')
end

local function as_refused_late(id, order, acked)
  if order.state == 'c' then return 'k' end
  if order.state == 'h' then expire({ id }) end
  if order.state ~= 'e' then return 'r' end
  order.state = 'l'
  paid('l', id, order, acked.payment)
  return 'd'
end

local function restore(id, acked)
  local order = orders[id]
  if not order then return insert(id, acked) end
  if order.buyer ~= acked.buyer or order.asked ~= acked.asked or order.lines ~= acked.lines then return 'k' end
  if acked.state == 'h' then return as_held(id, order, acked) end
  if acked.state == 'c' then return as_confirmed(id, order, acked) end
  if acked.state == 'x' then return as_cancelled(id, order, acked) end
  if acked.state == 'l' then return as_refused_late(id, order, acked) end
  return 'r'
end

-- Read before anything is written: it shows whether the list can be written.
local list_length = redis.call('HLEN', UNRESTORED)
local letters, listed, settled = {}, { 'HSET', UNRESTORED }, { 'HDEL', UNRESTORED }
for i = 1, #ids do
  local letter = acked_orders[i] and restore(ids[i], acked_orders[i]) or 'k'
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
