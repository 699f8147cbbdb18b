-- Put after seat_split.lua: finds the seats of a line, 32 seats at a time, and those of an order
-- with several lines. The rules, and why they are so, are shared/src/seats/search.rs and `place` of
-- book.rs beside it; here as there the same planes give the same seats.
--
-- A line is { class, from, to, quantity, together, candidates, searches, seats }; the last one is
-- what it has got.

-- The longest group of which a word and the next one say where it can begin.
local SHORT_MAX = 31
-- A script with more words than so many, which are four orders, reads all legs of a class at once.
local SMALL_BATCH = 17

-- Reads what a journey in a class looks at: the planes of its legs, of the leg before it and of the
-- leg after it. The ends of the line count as taken.
local function planes_for(class, from, to)
  if #ARGV > SMALL_BATCH then return load_planes(class, 0, legs - 1) end
  return load_planes(class, math.max(from - 1, 0), math.min(to, legs - 1))
end

-- The first word that may have a free seat for a journey. Seats are only taken while a batch is
-- decided, so what was found empty stays empty; where they are given back after all, `free_seats`
-- lets searches begin anew.
local function first_word(class, from, to)
  return class.firsts[64 * from + to] or 1
end

local function begin_at(class, from, to, word)
  class.firsts[64 * from + to] = word
end

-- The seats that are free on every leg, as a plane, and its first word that has some; not to be
-- changed, for with one leg it is the plane itself.
local function free_on(class, from, to)
  local planes, first, words = planes_for(class, from, to), first_word(class, from, to), class.words
  local free = planes[from]
  if to - from > 1 then
    local of_first = free
    free = {}
    for i = 1, first - 1 do free[i] = 0 end
    for i = first, words do
      local word, leg = of_first[i], from + 1
      while word ~= 0 and leg < to do
        word = band(word, planes[leg][i])
        leg = leg + 1
      end
      free[i] = word
    end
    free[words + 1] = 0
  end
  while first <= words and free[first] == 0 do first = first + 1 end
  begin_at(class, from, to, first)
  return free, first
end

-- How many seats a plane has, if that is no more than `most`, else `most`.
local function count_seats(class, plane, most)
  local found = 0
  for i = 1, class.words do
    local word = plane[i]
    while word ~= 0 and found < most do
      word = band(word, word - 1)
      found = found + 1
    end
    if found >= most then break end
  end
  return found
end

-- The best single seat on a line with several legs, or where a single one may be left: one that is
-- taken on the leg before and on the leg after, else on one of them, else any. One pass, which ends
-- with the first that breaks no gap.
local function one_seat(class, from, to)
  local planes, words = planes_for(class, from, to), class.words
  local plane, before, after = planes[from], planes[from - 1], planes[to]
  local first, either, any
  for i = first_word(class, from, to), words do
    local word, leg = plane[i], from + 1
    while word ~= 0 and leg < to do
      word = band(word, planes[leg][i])
      leg = leg + 1
    end
    if word ~= 0 then
      first = first or i
      local free_before, free_after = before and before[i] or 0, after and after[i] or 0
      local both = band(word, bnot(bor(free_before, free_after)))
      if both ~= 0 then
        begin_at(class, from, to, first)
        return lowest(i, both)
      end
      if not either then
        local one = band(word, bnot(band(free_before, free_after)))
        if one ~= 0 then
          either = lowest(i, one)
        elseif not any then
          any = lowest(i, word)
        end
      end
    end
  end
  begin_at(class, from, to, first or words + 1)
  return either or any
end

-- The word `i` of the plane in which each seat has the bit of the seat that is `by` numbers higher.
local function higher(plane, i, by)
  local skip, shift = floor(by / 32), by % 32
  local word = plane[i + skip] or 0
  if shift == 0 then return word end
  return bor(rshift(word, shift), lshift(plane[i + skip + 1] or 0, 32 - shift))
end

-- The seats of a word with which a run of `quantity` seats side by side begins, 2 to SHORT_MAX of
-- them. The length that is known to be free doubles with each pass.
local function short_runs(word, joined, next_word, next_joined, quantity)
  local runs = band(word, joined, bor(rshift(word, 1), lshift(next_word, 31)))
  local more = band(next_word, next_joined, rshift(next_word, 1))
  local known = 1
  while runs ~= 0 and known < quantity - 1 do
    local step = math.min(known, quantity - 1 - known)
    runs = band(runs, bor(rshift(runs, step), lshift(more, 32 - step)))
    more = band(more, rshift(more, step))
    known = known + step
  end
  return runs
end

-- The same for any number of seats, as a plane.
local function long_runs(class, plane, quantity)
  local joined, runs, known = joined_of(class), {}, 1
  for i = 1, class.words do runs[i] = band(plane[i], joined[i], higher(plane, i, 1)) end
  while known < quantity - 1 do
    local step = math.min(known, quantity - 1 - known)
    for i = 1, class.words do runs[i] = band(runs[i], higher(runs, i, step)) end
    known = known + step
  end
  return runs
end

local function first_of(class, plane)
  for i = 1, class.words do
    if plane[i] ~= 0 then return lowest(i, plane[i]) end
  end
  return nil
end

-- Which seats of word `i` are taken on both legs beside a journey, and which on one of them at
-- least.
local function beside(class, from, to, i)
  local before, after = class.planes[from - 1], class.planes[to]
  before, after = before and before[i] or 0, after and after[i] or 0
  return bnot(bor(before, after)), bnot(band(before, after))
end

local function long_row(line, free, quantity)
  local class, both, either = line.class, {}, {}
  for i = 1, class.words do
    local of_both, of_either = beside(class, line.from, line.to, i)
    both[i], either[i] = band(free[i], of_both), band(free[i], of_either)
  end
  for _, plane in ipairs({ both, either, free }) do
    local first = first_of(class, long_runs(class, plane, quantity))
    if first then return first end
  end
  return nil
end

-- The first seat of the best run of several seats on a train.
local function row_of_train(line, free, first)
  local class, from, to, quantity = line.class, line.from, line.to, line.quantity
  if quantity > SHORT_MAX then return long_row(line, free, quantity) end
  local joined, either, any = joined_of(class), nil, nil
  for i = first, class.words do
    local word, next_word = free[i], free[i + 1]
    local of_word, of_next = joined[i], joined[i + 1]
    local runs = word ~= 0 and short_runs(word, of_word, next_word, of_next, quantity) or 0
    if runs ~= 0 then
      any = any or lowest(i, runs)
      local of_both, of_one = beside(class, from, to, i)
      -- The whole run can break no gap, or one, only where its first seat does.
      local both, one = band(runs, of_both), either and 0 or band(runs, of_one)
      if both ~= 0 or one ~= 0 then
        local next_both, next_one = beside(class, from, to, i + 1)
        runs = both ~= 0 and short_runs(band(word, of_both), of_word, band(next_word, next_both), of_next, quantity) or 0
        if runs ~= 0 then return lowest(i, runs) end
        runs = one ~= 0 and short_runs(band(word, of_one), of_word, band(next_word, next_one), of_next, quantity) or 0
        if runs ~= 0 then either = lowest(i, runs) end
      end
    end
  end
  return either or any
end

-- The first gap of a row that has `quantity` seats, or two more at least; else the first one, and
-- that it leaves one seat. A batch looks at each word once for this: as the seats of a hall are
-- sold, more and more words have free seats and none that a group can take without leaving one.
local function row_of_hall(line, free, first)
  local class, quantity, key = line.class, line.quantity, kept_key(line)
  local joined = joined_of(class)
  local long = quantity > SHORT_MAX and long_runs(class, free, quantity)
  local skip, shift = floor((quantity - 1) / 32), (quantity - 1) % 32
  -- Where a free seat stands beside a free one.
  local function pairs_at(i)
    local word = free[i] or 0
    return word ~= 0 and band(word, joined[i], bor(rshift(word, 1), lshift(free[i + 1], 31))) or 0
  end
  -- Where a gap of a row begins that has room.
  local function places_at(i)
    local word = free[i]
    local places = word == 0 and 0 or long and long[i] or quantity == 1 and word
      or short_runs(word, joined[i], free[i + 1], joined[i + 1], quantity)
    if places == 0 then return 0 end
    local before = i > 1 and band(free[i - 1], joined[i - 1]) or 0
    return band(places, bnot(bor(lshift(band(word, joined[i]), 1), rshift(before, 31))))
  end
  for i = math.max(first, class.kept[key] or first), class.words do
    local places = places_at(i)
    if places ~= 0 then
      local lower, upper = pairs_at(i + skip), pairs_at(i + skip + 1)
      local one_more = shift == 0 and lower or bor(rshift(lower, shift), lshift(upper, 32 - shift))
      local two_more = shift == 31 and upper or bor(rshift(lower, shift + 1), lshift(upper, 31 - shift))
      local kept = band(places, bnot(band(one_more, bnot(two_more))))
      if kept ~= 0 then
        class.kept[key] = i
        return lowest(i, kept), false
      end
    end
  end
  class.kept[key] = class.words + 1
  for i = first, class.words do
    local places = places_at(i)
    if places ~= 0 then return lowest(i, places), true end
  end
  return nil, true
end

local function run_of(first, quantity)
  local seats = {}
  for i = 1, quantity do seats[i] = first + i - 1 end
  return seats
end

-- Seats that can be taken, and whether they leave a single one; nil and why not: s and how many are
-- free, or t not together.
local function search(line)
  local class, quantity = line.class, line.quantity
  if class.keeps and quantity == 1 then
    local seat = one_seat(class, line.from, line.to)
    if not seat then return nil, 's', 0 end
    return { seat }, false
  end
  local free, begin = free_on(class, line.from, line.to)
  local first, single = nil, false
  if quantity <= class.row then
    if class.keeps then
      first = row_of_train(line, free, begin)
    else
      first, single = row_of_hall(line, free, begin)
    end
  end
  if not first then
    local found = count_seats(class, free, quantity)
    if found < quantity then return nil, 's', found end
  end
  -- One seat is in one piece already.
  if first and (not single or line.together == 'r' or quantity == 1) then return run_of(first, quantity), single end
  if line.together == 'r' then return nil, 't' end
  local pieces = pieces_of(class, free)
  local seats = not class.keeps and split_group(class, pieces, line.together, quantity, true)
  if seats then return seats, false end
  if first then return run_of(first, quantity), true end
  seats = split_group(class, pieces, line.together, quantity, false)
  if seats then return seats, not class.keeps end
  return nil, 't'
end

local function has(plane, seat)
  return band(plane[floor(seat / 32) + 1] or 0, lshift(1, seat % 32)) ~= 0
end

-- The lowest seat that would be left without a free one beside it if these were taken; nil where
-- that may be.
local function left_single(class, free, seats)
  if class.keeps then return nil end
  local joined, gone, lowest_one = joined_of(class), {}, nil
  for i = 1, #seats do gone[seats[i]] = true end
  local function is_left(seat)
    return seat >= 0 and has(free, seat) and not gone[seat]
  end
  local function is_single(seat)
    return is_left(seat) and not (seat > 0 and has(joined, seat - 1) and is_left(seat - 1))
      and not (has(joined, seat) and is_left(seat + 1))
  end
  for i = 1, #seats do
    local seat = seats[i]
    local lower, upper = seat > 0 and has(joined, seat - 1) and seat - 1, has(joined, seat) and seat + 1
    for _, one in ipairs({ lower or -1, upper or -1 }) do
      if is_single(one) and (not lowest_one or one < lowest_one) then lowest_one = one end
    end
  end
  return lowest_one
end

-- The first chosen seat that is not free, and the free one with the nearest number that was not
-- chosen; of two the lower.
local function seat_taken(class, free, chosen)
  local seat, others = chosen[1], {}
  for i = #chosen, 1, -1 do
    if not has(free, chosen[i]) then seat = chosen[i] end
  end
  for i = 1, #chosen do
    local place = floor(chosen[i] / 32) + 1
    others[place] = band(others[place] or free[place], bnot(lshift(1, chosen[i] % 32)))
  end
  local place, one = floor(seat / 32) + 1, lshift(1, seat % 32)
  local below, above
  for i = place, 1, -1 do
    local word = others[i] or free[i]
    if i == place then word = band(word, one - 1) end
    if word ~= 0 then
      local _, high = math.frexp(word)
      below = 32 * i - 33 + (word < 0 and 32 or high)
      break
    end
  end
  for i = place, class.words do
    local word = others[i] or free[i]
    if i == place then word = band(word, bnot(bor(one, one - 1))) end
    if word ~= 0 then
      above = lowest(i, word)
      break
    end
  end
  if below and above then return seat, above - seat < seat - below and above or below end
  return seat, below or above
end

-- The seats of a line, or nil and why: s and how many are free, t not together, x and the seat that
-- is taken and the nearest one, l and the seat that would be left single and seats that could be
-- had instead.
local function find(line)
  local class, candidates = line.class, line.candidates
  if #candidates == 0 then return search(line) end
  local free, kept, single = free_on(class, line.from, line.to), nil, nil
  for _, candidate in ipairs(candidates) do
    local all = true
    for i = 1, #candidate do all = all and has(free, candidate[i]) end
    if all then
      local left = left_single(class, free, candidate)
      if not left then return candidate end
      if not kept then kept, single = candidate, left end
    end
  end
  if kept then
    local found, leaves_single = search(line)
    if not found or leaves_single then return kept end
    if line.searches then return found end
    return nil, 'l', single, found
  end
  if line.searches then return search(line) end
  return nil, 'x', seat_taken(class, free, candidates[1])
end

local NONE, ONE_LINE = {}, { 1 }

-- What a line would get, or nil and why not.
local function claim_of(line)
  local class, quantity = line.class, line.quantity
  local left
  for i = 1, #class.quotas do
    local quota = class.quotas[i]
    local used, most = used_of(quota), 0
    for leg = line.from + 1, line.to do
      if used[leg] > most then most = used[leg] end
    end
    local of_it = math.max(0, quota.size - most)
    if not left or of_it < left then left = of_it end
  end
  if left and left < quantity then
    if class.seats > 0 then left = count_seats(class, free_on(class, line.from, line.to), left) end
    return nil, 's', left
  end
  if class.seats == 0 then return NONE end
  return find(line)
end

-- Whether line `a` is decided before line `b`, which comes later in the order: what is hard to
-- serve is.
local function goes_before(a, b)
  local chooses, others = #a.candidates > 0, #b.candidates > 0
  if chooses ~= others then return chooses end
  if a.together ~= b.together then
    -- In one row, in one coach, anywhere.
    return a.together == 'r' or (a.together == 'c' and b.together == 'a')
  end
  local of_a, of_b = a.to - a.from, b.to - b.from
  if of_a ~= of_b then return of_a > of_b end
  return a.quantity >= b.quantity
end

-- In which sequence the lines are decided.
local function sequence_of(lines)
  local sequence = {}
  for i = 1, #lines do
    local place = i
    while place > 1 and not goes_before(lines[sequence[place - 1]], lines[i]) do
      sequence[place] = sequence[place - 1]
      place = place - 1
    end
    sequence[place] = i
  end
  return sequence
end

-- Takes what all lines ask for, in this sequence, or nothing: nil, the place in the sequence, and
-- why.
local function take_lines(lines, sequence)
  for place = 1, #sequence do
    local line = lines[sequence[place]]
    local seats, why, first, second = claim_of(line)
    if not seats then
      for before = 1, place - 1 do free_seats(lines[sequence[before]]) end
      return nil, place, why, first, second
    end
    line.seats = seats
    take_seats(line)
  end
  return true
end

-- Takes what all lines ask for. A line that finds nothing is tried once more before all others, so
-- that it is not the sequence that refuses it. Else the number of the line that was refused first,
-- and why.
local function place_lines(lines)
  if #lines == 1 then
    local taken, _, why, first, second = take_lines(lines, ONE_LINE)
    return taken, 1, why, first, second
  end
  local sequence, moved, refused = sequence_of(lines), {}, nil
  while true do
    local taken, place, why, first, second = take_lines(lines, sequence)
    if taken then return true end
    local number = sequence[place]
    refused = refused or { number, why, first, second }
    if place == 1 or moved[number] then return nil, unpack(refused, 1, 4) end
    moved[number] = true
    table.remove(sequence, place)
    table.insert(sequence, 1, number)
  end
end
