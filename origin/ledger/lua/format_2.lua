-- Put after seats.lua before the scripts that know orders: records of a sale with a plan, and what
-- orders have in it. format_1.lua has the same functions for a sale without a plan.
--
-- Lines and claims are texts as shared/src/seats/order_lines.rs says; an order has both. Sold, held
-- and free are counted in places, a seat on two legs being two, and those of buyers in tickets.

-- Reads a record of `:orders`; false when it is none.
local function read_record(record)
  local state, asked, taken, created_at, deadline, lines, claims, payment, buyer =
    string.match(record, '^2([hcxel]):(%d+):(%d+):(%d+):(%d+):([%w.,=+?-]+):([%d.,=+-]+):([%w%%.,_~-]*):(.+)$')
  if state and (payment == '' or string.find(payment, '^%d+,[^,]*,[^,]*$')) then
    return { state = state, asked = tonumber(asked), taken = tonumber(taken), created_at = tonumber(created_at),
      deadline = tonumber(deadline), lines = lines, claims = claims, buyer = buyer,
      -- What the shop said of it, as a text: shared/src/domain/payment.rs.
      payment = payment ~= '' and payment or nil }
  end
  -- What was cancelled before it came has neither.
  created_at = string.match(record, '^1x:0:0:(%d+):0:%-$')
  return created_at and { state = 'x', asked = 0, taken = 0, created_at = tonumber(created_at), deadline = 0, buyer = '-' }
end

-- A record of `:orders` up to its lines, of numbers as text.
local function record_head(state, asked, taken, created_at, deadline)
  return '2' .. state .. ':' .. asked .. ':' .. taken .. ':' .. created_at .. ':' .. deadline .. ':'
end

local function pack(order)
  if order.asked == 0 then return '1x:0:0:' .. digits(order.created_at) .. ':0:-' end
  return record_head(order.state, digits(order.asked), digits(order.taken), digits(order.created_at),
    digits(order.deadline)) .. order.lines .. ':' .. order.claims .. ':' .. (order.payment or '') .. ':' .. order.buyer
end

-- Reads one claim; nil where it is none of this plan.
local function read_claim(text)
  local number, from, to, quantity, list = string.match(text, '^(%d+)%.(%d+)%-(%d+)%.(%d+)(.*)$')
  local class = number and class_of(number)
  if not class then return nil end
  from, to, quantity = from * 1, to * 1, quantity * 1
  local seats, before = {}, -1
  if list ~= '' then
    if not string.find(list, '^=[%d+]+$') then return nil end
    for seat in string.gmatch(list, '%d+') do
      seat = seat * 1
      if seat <= before then return nil end
      seats[#seats + 1], before = seat, seat
    end
  end
  local fits = from < to and to <= legs and before < class.seats
    and #seats == (class.seats > 0 and quantity or 0)
  return fits and { class = class, from = from, to = to, quantity = quantity, seats = seats } or nil
end

-- Claims of their text, which were read once; false where one is none of this plan.
local claims_read = {}
local function read_claims(text)
  local claims = claims_read[text]
  if claims ~= nil then return claims end
  claims = {}
  for one in string.gmatch(text, '[^,]+') do
    local claim = read_claim(one)
    if not claim then
      claims = false
      break
    end
    claims[#claims + 1] = claim
  end
  claims_read[text] = claims
  return claims
end

-- What an order of this sale has.
local function claims_of(text)
  local claims = read_claims(text)
  if not claims then corrupt('the claims ' .. text .. ' are none of the plan of the sale') end
  return claims
end

local function text_of(claims)
  local texts_ = {}
  for i, claim in ipairs(claims) do
    local text = claim.class.number .. '.' .. claim.from .. '-' .. claim.to .. '.' .. claim.quantity
    if #claim.seats > 0 then text = text .. '=' .. table.concat(claim.seats, '+') end
    texts_[i] = text
  end
  return table.concat(texts_, ',')
end

local function places_of(claim)
  return claim.quantity * (claim.to - claim.from)
end

-- THE inventory rule: what somebody has nobody else gets, and no quota is exceeded. A claim may be
-- in the way of another one of the same order.
local function fits(_, text)
  local claims, taken = read_claims(text), 0
  if not claims then return false end
  while taken < #claims and is_free(claims[taken + 1]) do
    taken = taken + 1
    take_seats(claims[taken])
  end
  for i = 1, taken do free_seats(claims[i]) end
  return taken == #claims
end

-- Moves places into the field that the state of their order names, and tickets to its buyer.
local function count(state, buyer, places, tickets)
  local field = state == 'h' and 'held' or 'confirmed'
  sale[field] = sale[field] + places
  if sale[field] < 0 then corrupt('fewer than no places of the sale would be ' .. field) end
  local number = tally[buyer] + tickets
  if number < 0 then corrupt('buyer ' .. buyer .. ' would have fewer than no tickets') end
  set_tally(buyer, number)
end

-- Takes what is free.
local function take(state, buyer, tickets, text)
  local places = 0
  for _, claim in ipairs(claims_of(text)) do
    take_seats(claim)
    if state == 'h' then hold_places(claim, claim.quantity) end
    places = places + places_of(claim)
  end
  count(state, buyer, places, tickets)
end

-- Gives claims, which were read, of an order in this state back.
local function release(state, buyer, tickets, claims)
  local places, given = 0, 0
  for _, claim in ipairs(claims) do
    free_seats(claim)
    if state == 'h' then hold_places(claim, -claim.quantity) end
    places, given = places + places_of(claim), given + claim.quantity
  end
  if given ~= tickets then corrupt('an order of buyer ' .. buyer .. ' has other claims than tickets') end
  count(state, buyer, -places, -tickets)
end

-- Gives the places of an order that ends back. They can be sold from now on.
local function give_back(order)
  release(order.state, order.buyer, order.taken, claims_of(order.claims))
  ends(order.buyer, 1)
  bump()
end
