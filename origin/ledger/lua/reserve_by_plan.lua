-- Gives seats and places to a batch of orders of a sale with a plan, each order at most once and
-- with all of its lines.
--
-- ARGV  2 id, buyer, quantity, lines as shared/src/seats/order_lines.rs says (or empty); repeated
--         for each order of the batch, at most 1,024 orders
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter for each order: g granted, r replayed, L a line is refused, or a refusal:
--         k key_reused, w not_open, p paused, c closed, i needs_lines, o order_limit, b
--         buyer_limit, f ended_limit
--       3 texts in the order of the orders that have one: of g the claims, of r the packed
--         record, of L
--         `<line> <1 = some of it is held, else 0>` and why: `s <free>` sold out, `t` not together,
--         `x <seat> <nearest free one, - = none>` seat taken, `l <seat> <seats instead, with +>`
--         leaves a single seat
-- Calls of Redis do not grow with the batch: read all, decide here, write variadically. The orders
-- of a batch see what those before them have got.

local CHOSEN_SEATS = '^[%d+]+$'

-- Seats in rising order, as many as asked for; nil where they are others.
local function read_seats(text, class, quantity)
  local seats, before = {}, -1
  if not string.find(text, CHOSEN_SEATS) then return nil end
  for seat in string.gmatch(text, '%d+') do
    seat = seat * 1
    if seat <= before then return nil end
    seats[#seats + 1], before = seat, seat
  end
  return #seats == quantity and before < class.seats and seats or nil
end

-- Reads one line; nil where the plan has none like it.
local function read_line(text)
  local head, number, from, to, quantity, together, chosen, mark =
    string.match(text, '^((%d+)%.(%d+)%-(%d+)%.(%d+))([rca])([=%d+]*)(%??)$')
  local class = head and class_of(number)
  if not class then return nil end
  local line = { class = class, from = from * 1, to = to * 1, quantity = quantity * 1, together = together,
    candidates = NONE, searches = chosen == '' or mark == '?', head = head, seats = NONE }
  if line.quantity < 1 or line.from >= line.to or line.to > legs then return nil end
  if chosen == '' then return line end
  line.candidates = {}
  for list in string.gmatch(chosen, '[^=]+') do
    local seats = read_seats(list, class, line.quantity)
    if not seats then return nil end
    line.candidates[#line.candidates + 1] = seats
  end
  return line
end

-- Reads the lines of an order; nil where the plan has none like one of them.
local function read_lines(text)
  local lines = {}
  for one in string.gmatch(text, '[^,]+') do
    local line = read_line(one)
    if not line then return nil end
    lines[#lines + 1] = line
  end
  return lines
end

local function is_held(class, line)
  local held = held_of(class)
  for leg = line.from + 1, line.to do
    if held[leg] > 0 then return true end
  end
  return false
end

-- Whether some of what a refused line asks for is only held; where it is sold out, of the classes
-- with which it shares a quota, too.
local function some_held(line, why)
  if is_held(line.class, line) then return true end
  if why ~= 's' then return false end
  for i = 1, #line.class.quotas do
    for number in string.gmatch(line.class.quotas[i].classes, '%d+') do
      if is_held(class_of(number), line) then return true end
    end
  end
  return false
end

local function refusal(line, number, why, first, second)
  local words_ = { number - 1, some_held(line, why) and 1 or 0, why, first }
  if why == 'x' then words_[5] = second or '-' end
  if why == 'l' then words_[5] = table.concat(second, '+') end
  return table.concat(words_, ' ')
end

local function decide(id, buyer, number, text)
  local quantity = number * 1
  if orders[id] then return repeated(id, buyer, quantity, text) end
  if sale.state ~= 'open' then
    return sale.state == 'scheduled' and 'w' or sale.state == 'paused' and 'p' or 'c'
  end
  if text == '' then return 'i' end
  if quantity > sale.order_limit then return 'o' end
  if not within_buyer_limit(buyer, quantity) then return 'b' end
  if sale.ended_peak >= ENDED_MAX and (tally['ended ' .. buyer] or 0) >= ENDED_MAX then return 'f' end
  local lines = read_lines(text)
  if not lines then return 'i' end
  local taken, refused, why, first, second = place_lines(lines)
  if not taken then
    answers[#answers + 1] = refusal(lines[refused], refused, why, first, second)
    return 'L'
  end
  local places, claims = 0, {}
  for i = 1, #lines do
    local line = lines[i]
    if holding then hold_places(line, line.quantity) end
    places = places + places_of(line)
    claims[i] = #line.seats > 0 and line.head .. '=' .. table.concat(line.seats, '+') or line.head
  end
  count(state, buyer, places, quantity)
  if holding then hold_until(id, deadline) end
  claims = #claims == 1 and claims[1] or table.concat(claims, ',')
  local record = record_head(state, number, number, NOW, deadline) .. text .. ':' .. claims .. '::' .. buyer
  change(id, record, record)
  events[#events + 1] = 'g ' .. id .. ' ' .. number .. ' ' .. deadline .. ' ' .. buyer .. ' ' .. text .. ' ' .. claims
  answers[#answers + 1] = claims
  return 'g'
end

for i = 1, #ids do letters[i] = decide(ids[i], buyers[i], words[4 * i], words[4 * i + 1]) end
commit()
return { snapshot(), table.concat(letters), answers }
