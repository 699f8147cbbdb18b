-- Put after order_changes.lua: parts of orders of a sale with a plan, which are lines or seats of
-- them. parts_1.lua has the same functions for a sale without a plan.
--
-- A part is named by a text: empty all of the order, `n3` so many tickets, `l0,2` lines,
-- `s0.12,0.13` seats.
-- Who calls `other_seats` has put sale_fields.lua and seat_search.lua before this.

local function tickets_of(claims)
  local tickets = 0
  for _, claim in ipairs(claims) do tickets = tickets + claim.quantity end
  return tickets
end

-- A claim with nothing, for the same line.
local function empty(claim)
  return { class = claim.class, from = claim.from, to = claim.to, quantity = 0, seats = {} }
end

-- What `claims` have without `others`, claim by claim; nil where one lacks what another one has.
local function minus(claims, others)
  local rest = {}
  for i, claim in ipairs(claims) do
    local other, left = others[i], empty(claim)
    local gone, found = {}, 0
    for _, seat in ipairs(other.seats) do gone[seat] = true end
    for _, seat in ipairs(claim.seats) do
      if gone[seat] then found = found + 1 else left.seats[#left.seats + 1] = seat end
    end
    left.quantity = claim.quantity - other.quantity
    if left.quantity < 0 or found ~= #other.seats then return nil end
    rest[i] = left
  end
  return rest
end

local function move_seat(from, to, number, seat)
  local found = false
  for i, claim in ipairs(from) do
    for place, one in ipairs(claim.seats) do
      if one == seat and claim.class.number == number then
        table.remove(claim.seats, place)
        claim.quantity = claim.quantity - 1
        to[i].seats[#to[i].seats + 1] = seat
        to[i].quantity = to[i].quantity + 1
        found = true
        break
      end
    end
  end
  return found
end

-- The claims of a part and those that are left without it; nil where the order does not have all of
-- the part.
local function split(order, word)
  local named, rest = {}, {}
  for i, claim in ipairs(claims_of(order.claims)) do
    named[i], rest[i] = empty(claim), empty(claim)
    rest[i].quantity = claim.quantity
    for place, seat in ipairs(claim.seats) do rest[i].seats[place] = seat end
  end
  if string.sub(word, 1, 1) == 'l' then
    for line in string.gmatch(word, '%d+') do
      local i = line + 1
      if not rest[i] or rest[i].quantity == 0 then return nil end
      named[i], rest[i] = rest[i], named[i]
    end
  else
    for number, seat in string.gmatch(word, '(%d+)%.(%d+)') do
      if not move_seat(rest, named, number, seat * 1) then return nil end
    end
  end
  if tickets_of(named) == 0 then return nil end
  return named, rest
end

-- Tickets and claims that a payment of an order is for (of one that is confirmed, all of it), or
-- nil, nil and a refusal.
local function to_confirm(order, word)
  local kind, tickets = string.sub(word, 1, 1), tonumber(string.sub(word, 2))
  if kind == '' or (kind == 'n' and tickets == order.taken) then return order.taken, order.claims end
  if kind == 'n' then return nil, nil, (tickets > order.taken or order.state == 'c') and 'q' or 'i' end
  local named = split(order, word)
  if not named then return nil, nil, 'N' end
  tickets = tickets_of(named)
  if order.state == 'c' and tickets ~= order.taken then return nil, nil, 'N' end
  return tickets, text_of(named)
end

-- Tickets and claims that are left when a part is given back, nil where it is all of the order; or
-- nil, nil and a refusal.
local function rest_of(order, word)
  local kind, tickets = string.sub(word, 1, 1), tonumber(string.sub(word, 2))
  if kind == '' or (kind == 'n' and tickets == order.taken) then return nil end
  if kind == 'n' then return nil, nil, 'i' end
  if order.state ~= 'h' and order.state ~= 'c' then return nil, nil, 'v' end
  local named, rest = split(order, word)
  if not named then return nil, nil, 'N' end
  tickets = tickets_of(rest)
  if tickets == 0 then return nil end
  return tickets, text_of(rest)
end

-- Gives back what an order has beyond these claims.
local function release_all_but(order, tickets, text)
  if text == order.claims then return end
  local gone = minus(claims_of(order.claims), claims_of(text))
  if not gone then corrupt('an order of buyer ' .. order.buyer .. ' has not the claims ' .. text) end
  release(order.state, order.buyer, order.taken - tickets, gone)
  bump()
end

-- A held order is confirmed with these claims; the rest returns.
local function pay(order, tickets, text)
  release_all_but(order, tickets, text)
  local claims, places = claims_of(text), 0
  for _, claim in ipairs(claims) do
    hold_places(claim, -claim.quantity)
    places = places + places_of(claim)
  end
  if tickets_of(claims) ~= tickets then
    corrupt('an order of buyer ' .. order.buyer .. ' has other claims than tickets')
  end
  count('h', order.buyer, -places, -tickets)
  count('c', order.buyer, places, tickets)
end

-- Claims for an order of which somebody else has a seat by now: each line asks again for what it
-- has, with its seats as the first choice. Nil where the sale gives the same seats only, where the
-- payment names seats, which are these and no others, or where a line finds nothing.
local function other_seats(order, part, text)
  if string.sub(part, 1, 1) == 's' or late_seats() == 'same' then return nil end
  local claims, lines, found = claims_of(text), {}, {}
  -- The one small letter of a line says how close together it sits.
  for together in string.gmatch(order.lines, '%l') do
    local has = claims[#found + 1]
    found[#found + 1] = has
    if has.quantity > 0 then
      local line = { class = has.class, from = has.from, to = has.to, quantity = has.quantity, together = together,
        candidates = #has.seats > 0 and { has.seats } or NONE, searches = true, seats = NONE }
      lines[#lines + 1], found[#found] = line, line
    end
  end
  if not place_lines(lines) then return nil end
  for i = 1, #lines do free_seats(lines[i]) end
  return text_of(found)
end

-- An order stays what it is and keeps only these claims.
local function reduce(id, order, tickets, text)
  release_all_but(order, tickets, text)
  order.taken, order.claims = tickets, text
  event('k', id, tickets, text)
  change(id, order)
end

-- Whether an order may have become what was acknowledged: orders become smaller only.
local function is_part(acked, order)
  local claims, of = read_claims(acked.claims), read_claims(order.claims)
  return claims and of and #claims == #of and minus(of, claims) ~= nil
end

-- Whether an order may have got this instead of what it held: places for the same lines, and no
-- more of them.
local function is_no_more(acked, order)
  local claims, of = read_claims(acked.claims), read_claims(order.claims)
  if not claims or not of or #claims ~= #of then return false end
  for i = 1, #of do
    if claims[i].quantity > of[i].quantity then return false end
  end
  return true
end

-- Of two states of an order the smaller one came later.
local function narrow(id, order, acked)
  if acked.claims == order.claims or is_part(order, acked) then return 'r' end
  if not is_part(acked, order) then return 'k' end
  reduce(id, order, acked.taken, acked.claims)
  return 'd'
end

-- What an acknowledged hold that expired here takes again; nil where each has something that the
-- other one lacks.
local function held_last(acked, order)
  if is_part(order, acked) then return order.taken, order.claims end
  if is_part(acked, order) then return acked.taken, acked.claims end
  return nil
end
