-- Put after prelude.lua for a sale with a plan: its string `:seats`, of which only what is asked
-- for is unpacked.
--
-- KEYS  6 seats (string: words of 32 bits, most significant byte first; where what stands says
--         shared/src/plan/stored.rs)
--
-- In a plane each seat has a bit, the lowest seat the lowest bit of its word, 1 = free on that leg.
-- Here the words of a plane are numbered from 1 and signed, as `bit` has them; a word behind the
-- last one is 0. Planes are read and written a stretch at a time: BITFIELD takes 1 us a word and
-- three to name it, SETRANGE 0.5 for some dozen words, and each byte that Lua has to forget again
-- takes 5 ns.

local SEATS = KEYS[6]
if sale and sale.format ~= 2 then return { snapshot(), 'O' } end
if not sale and redis.call('EXISTS', SEATS) > 0 then
  corrupt('the sale has seats but no fields; was a part of it deleted?')
end

-- Words that are unpacked or packed at a time.
local WORDS_MAX = 64

local band, bor, bnot, bxor, lshift, rshift = bit.band, bit.bor, bit.bnot, bit.bxor, bit.lshift, bit.rshift
local floor = math.floor

local legs, class_count           -- of the plan; nil before anything of it was asked for
local words_stored                -- the length of the string
local quotas = {}                 -- all of the sale, in their order
local classes = {}                -- number as text -> class, where it was asked for
local layouts = {}                -- number of words -> how they are packed

local function layout_of(count)
  local layout = layouts[count]
  if not layout then
    layout = '>' .. string.rep('i4', count)
    layouts[count] = layout
  end
  return layout
end

-- The string from word `at` on, `count` words.
local function read_text(at, count)
  return redis.call('GETRANGE', SEATS, digits(4 * at), digits(4 * (at + count) - 1))
end

-- Numbers of `count` words of a text from word `at` on, and a 0 behind them.
local function unpack_words(text, at, count)
  local words = { struct.unpack(layout_of(math.min(count, WORDS_MAX)), text, 4 * at + 1) }
  for done = WORDS_MAX, count - 1, WORDS_MAX do
    local more = math.min(count - done, WORDS_MAX)
    local chunk = { struct.unpack(layout_of(more), text, 4 * (at + done) + 1) }
    for i = 1, more do words[done + i] = chunk[i] end
  end
  words[count + 1] = 0
  return words
end

local function read_words(at, count)
  return unpack_words(read_text(at, count), 0, count)
end

local function no_plan(field)
  corrupt('field ' .. field .. ' of the sale is not one that lastseat writes')
end

local function read_class(number)
  local name = 'class:' .. number
  local text = redis.call('HGET', SALE, name) or ''
  local offset, words, seats, row, keeps, ends = string.match(text, '^(%d+) (%d+) (%d+) (%d+) ([01]) ([%d,-]+)$')
  if not offset then no_plan(name) end
  local last = string.match(ends, '(%d+)$') or '0'
  offset, words = offset * 1, words * 1
  if last ~= seats or words ~= math.ceil(seats / 32) then no_plan(name) end
  local class = { number = number, joined_at = offset, planes_at = offset + words, words = words, seats = seats * 1,
    row = row * 1, keeps = keeps == '1', ends = ends, held_at = offset + words * (legs + 1), planes = {}, firsts = {}, kept = {},
    low = {}, high = {} }
  class.end_at = class.held_at + legs
  classes[number] = class
  return class
end

-- Reads what says where the parts of the string are. Three calls.
local function load_seats()
  local shape = redis.call('HGET', SALE, 'shape') or ''
  local of_legs, of_classes, of_quotas = string.match(shape, '^(%d+) (%d+) (%d+)$')
  if not of_legs then no_plan('shape') end
  legs, class_count = of_legs * 1, of_classes * 1
  local names = {}
  for i = 1, of_quotas * 1 do names[i] = 'quota:' .. i - 1 end
  local found = #names > 0 and redis.call('HMGET', SALE, unpack(names))
  for i = 1, #names do
    local offset, size, of = string.match(found[i] or '', '^(%d+) (%d+) ([%d,]+)$')
    if not offset then no_plan(names[i]) end
    quotas[i] = { offset = offset * 1, size = size * 1, classes = ',' .. of .. ',', end_at = offset + legs }
  end
  local last = quotas[#quotas] or read_class(digits(class_count - 1))
  local bytes = redis.call('STRLEN', SEATS)
  words_stored = bytes / 4
  if words_stored ~= last.end_at then
    corrupt('the seats of the sale have ' .. bytes .. ' bytes, its plan has ' .. 4 * last.end_at)
  end
end

-- The class with this number, a text; nil where the plan has none.
local function class_of(number)
  if not legs then load_seats() end
  local class = classes[number]
  if not class then
    if number * 1 >= class_count then return nil end
    class = read_class(number)
  end
  if not class.quotas then
    if class.end_at > words_stored then no_plan('class:' .. number) end
    class.quotas = {}
    for i = 1, #quotas do
      if string.find(quotas[i].classes, ',' .. number .. ',', 1, true) then
        class.quotas[#class.quotas + 1] = quotas[i]
      end
    end
  end
  return class
end

-- Reads which seats are free on these legs, where that is not known. One call.
local function load_planes(class, first, last)
  local planes, words = class.planes, class.words
  while first <= last and planes[first] do first = first + 1 end
  while first <= last and planes[last] do last = last - 1 end
  if first > last then return planes end
  local text = read_text(class.planes_at + first * words, (last - first + 1) * words)
  local surplus = class.seats % 32
  for leg = first, last do
    if not planes[leg] then
      local plane = unpack_words(text, (leg - first) * words, words)
      if surplus > 0 and rshift(plane[words], surplus) ~= 0 then
        corrupt('class ' .. class.number .. ' has seats on leg ' .. leg .. ' that its plan does not have')
      end
      planes[leg] = plane
    end
  end
  return planes
end

-- Beside which seats the next one stands in the same row: a plane.
local function joined_of(class)
  class.joined = class.joined or read_words(class.joined_at, class.words)
  return class.joined
end

-- How many places of a class are held on each leg, those of leg 0 first.
local function held_of(class)
  class.held = class.held or read_words(class.held_at, legs)
  return class.held
end

-- How many places of a quota are used on each leg.
local function used_of(quota)
  quota.used = quota.used or read_words(quota.offset, legs)
  return quota.used
end

-- So many places more, or fewer where it is below 0, are held by the line of a claim.
local function hold_places(claim, quantity)
  local class = claim.class
  local held = held_of(class)
  for leg = claim.from + 1, claim.to do
    held[leg] = held[leg] + quantity
    if held[leg] < 0 then corrupt('fewer than no places of class ' .. class.number .. ' would be held') end
  end
  class.held_changed = true
end

local function use_quotas(claim, quantity)
  local list = claim.class.quotas
  for i = 1, #list do
    local quota = list[i]
    local used = used_of(quota)
    for leg = claim.from + 1, claim.to do
      used[leg] = used[leg] + quantity
      if used[leg] < 0 then corrupt('fewer than no places of a quota of class ' .. claim.class.number .. ' are used') end
    end
    quota.used_changed = true
  end
end

-- For a journey and a quantity: before which word of a hall no group of so many can sit without
-- leaving a single seat, as `row_of_hall` found.
local function kept_key(line)
  return (64 * line.from + line.to) * 1024 + line.quantity
end

-- The seats of this word changed: a group sits otherwise also where it begins before it. What a
-- group leaves is seen two words behind its last seat.
local function begin_again(class, word)
  for key, from in pairs(class.kept) do
    local quantity = key % 1024
    class.kept[key] = math.min(from, word - 2 - floor((quantity - 1) / 32))
  end
end

-- Takes the seats of a claim, { class, from, to, quantity, seats }, or gives them back. THE rule of
-- seats: nobody gets a seat on a leg on which somebody has it.
local function turn_seats(claim, takes)
  local class, seats, from, to = claim.class, claim.seats, claim.from, claim.to
  local low, high, changed = class.low, class.high, nil
  local planes = #seats > 0 and load_planes(class, from, to - 1)
  for i = 1, #seats do
    local place, one = floor(seats[i] / 32) + 1, lshift(1, seats[i] % 32)
    changed = changed and math.min(changed, place) or place
    for leg = from, to - 1 do
      local plane = planes[leg]
      local word = plane[place]
      if (band(word, one) ~= 0) ~= takes then
        corrupt('seat ' .. seats[i] .. (takes and ' would be given twice' or ' would be given back and is free'))
      end
      plane[place] = bxor(word, one)
      if not low[leg] then
        low[leg], high[leg] = place, place
      elseif place < low[leg] then
        low[leg] = place
      elseif place > high[leg] then
        high[leg] = place
      end
    end
  end
  if changed then begin_again(class, changed) end
end

local function take_seats(claim)
  turn_seats(claim, true)
  use_quotas(claim, claim.quantity)
end

local function free_seats(claim)
  turn_seats(claim, false)
  use_quotas(claim, -claim.quantity)
  -- A search may begin in front of it again.
  claim.class.firsts, claim.class.kept = {}, {}
end

-- Whether a quota has room for a claim and all its seats are free.
local function is_free(claim)
  local class, seats = claim.class, claim.seats
  for i = 1, #class.quotas do
    local quota = class.quotas[i]
    local used = used_of(quota)
    for leg = claim.from + 1, claim.to do
      if used[leg] + claim.quantity > quota.size then return false end
    end
  end
  local planes = #seats > 0 and load_planes(class, claim.from, claim.to - 1)
  for i = 1, #seats do
    local place, one = floor(seats[i] / 32) + 1, lshift(1, seats[i] % 32)
    for leg = claim.from, claim.to - 1 do
      if band(planes[leg][place], one) == 0 then return false end
    end
  end
  return true
end

local function write_text(at, pieces)
  more_writes[#more_writes + 1] = { 'SETRANGE', SEATS, digits(4 * at), table.concat(pieces) }
end

-- Packs words `first` to `last` of a table.
local function pack_words(words, first, last, pieces)
  for at = first, last, WORDS_MAX do
    local count = math.min(last - at + 1, WORDS_MAX)
    pieces[#pieces + 1] = struct.pack(layout_of(count), unpack(words, at, at + count - 1))
  end
end

-- Short planes that stand side by side are written together with what is between their changes, so
-- that an order takes one call, however long its journey is.
local function write_planes(class)
  local low, high, words = class.low, class.high, class.words
  local pieces, at
  for leg = 0, legs - 1 do
    if low[leg] then
      local first = low[leg]
      if pieces and low[leg - 1] and words <= WORDS_MAX then
        pack_words(class.planes[leg - 1], high[leg - 1] + 1, words, pieces)
        first = 1
      else
        if pieces then write_text(at, pieces) end
        pieces, at = {}, class.planes_at + leg * words + first - 1
      end
      pack_words(class.planes[leg], first, high[leg], pieces)
    end
  end
  if pieces then write_text(at, pieces) end
end

local function write_counts(words, at)
  local pieces = {}
  pack_words(words, 1, legs, pieces)
  write_text(at, pieces)
end

-- The prelude's `commit`, which writes what changed of the seats before the sale's fields, too.
local commit_fields = commit
local function commit(trim)
  if sale.held + sale.confirmed > sale.capacity then corrupt('more places would be taken than the sale has') end
  if dirty and legs then
    more_writes = more_writes or {}
    for _, class in pairs(classes) do
      write_planes(class)
      if class.held_changed then write_counts(class.held, class.held_at) end
    end
    for i = 1, #quotas do
      if quotas[i].used_changed then write_counts(quotas[i].used, quotas[i].offset) end
    end
  end
  commit_fields(trim)
end
