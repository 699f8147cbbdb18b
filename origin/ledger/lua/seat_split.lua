-- Put after seats.lua before seat_search.lua: groups that find no place in one row are split over
-- several pieces, as few as possible. A piece is what stands free side by side: { first seat,
-- number of seats }. The rule is shared/src/seats/split.rs.

-- Seats of a group that is split with a search through all ways to split it.
local SPLIT_SEATS_MAX = 8

-- The lowest seat of word number `at`, which is not 0.
local function lowest(at, word)
  local _, place = math.frexp(band(word, -word))
  return 32 * at + place - 33
end

local function add_seats(word, at, list)
  while word ~= 0 do
    list[#list + 1] = lowest(at, word)
    word = band(word, word - 1)
  end
end

-- Everything that is free, in pieces, in the order of their seats.
local function pieces_of(class, free)
  local joined, starts, ends = joined_of(class), {}, {}
  local before = 0
  for i = 1, class.words do
    local word = free[i]
    local goes_on = band(word, joined[i])
    if word ~= 0 then
      add_seats(band(word, bnot(bor(lshift(goes_on, 1), rshift(before, 31)))), i, starts)
      add_seats(band(word, bnot(band(joined[i], bor(rshift(word, 1), lshift(free[i + 1], 31))))), i, ends)
    end
    before = goes_on
  end
  local pieces = {}
  for i = 1, #starts do pieces[i] = { starts[i], ends[i] - starts[i] + 1 } end
  return pieces
end

-- Longest first; of equals, the lowest seats.
local function by_length(pieces)
  local sorted = {}
  for i = 1, #pieces do sorted[i] = pieces[i] end
  table.sort(sorted, function(a, b)
    if a[2] ~= b[2] then return a[2] > b[2] end
    return a[1] < b[1]
  end)
  return sorted
end

-- The longest pieces, and for what is missing then the shortest piece in which it fits.
local function fewest(pieces, quantity)
  local sorted, taken, rest = by_length(pieces), {}, quantity
  for i, piece in ipairs(sorted) do
    if piece[2] >= rest then
      local last = piece
      for j = i + 1, #sorted do
        if sorted[j][2] >= rest and sorted[j][2] < last[2] then last = sorted[j] end
      end
      taken[#taken + 1] = { last[1], rest }
      return taken
    end
    taken[#taken + 1] = piece
    rest = rest - piece[2]
  end
  return nil
end

-- The pieces that can matter for `rest` seats: of each length the first `rest`, where all lengths
-- from `rest + 2` on are as good as each other.
local function useful(sorted, from, rest)
  local counts, kept = {}, {}
  for i = from, #sorted do
    local length = math.min(sorted[i][2], rest + 2)
    counts[length] = (counts[length] or 0) + 1
    if counts[length] <= rest then kept[#kept + 1] = sorted[i] end
  end
  return kept
end

-- Numbers of seats of `pieces`, none of them its length less one, that add up to `rest` with the
-- fewest pieces.
local function knapsack(pieces, rest)
  -- The fewest pieces of those seen so far that have so many seats.
  local least, given = { [0] = 0 }, {}
  for i, piece in ipairs(pieces) do
    given[i] = {}
    for sum = rest, 1, -1 do
      for seats = math.min(piece[2], sum), 1, -1 do
        local before = seats + 1 ~= piece[2] and least[sum - seats]
        if before and (not least[sum] or before + 1 < least[sum]) then
          least[sum] = before + 1
          given[i][sum] = seats
        end
      end
    end
  end
  if not least[rest] then return nil end
  local taken, sum = {}, rest
  for i = #pieces, 1, -1 do
    local seats = given[i][sum]
    if seats then
      taken[#taken + 1] = { pieces[i][1], seats }
      sum = sum - seats
    end
  end
  return taken
end

-- As `fewest`, but no piece is left with one seat. Of a larger group the longest pieces are taken
-- whole until so many are left as are searched.
local function without_singles(pieces, quantity)
  local sorted, taken, rest, used = by_length(pieces), {}, quantity, 1
  while rest > SPLIT_SEATS_MAX do
    local piece = sorted[used]
    if not piece then return nil end
    if piece[2] <= rest then
      taken[#taken + 1] = piece
      used = used + 1
      rest = rest - piece[2]
    else
      local seats = rest - SPLIT_SEATS_MAX
      taken[#taken + 1] = { piece[1], seats }
      sorted[used] = { piece[1] + seats, piece[2] - seats }
      rest = SPLIT_SEATS_MAX
    end
  end
  local others = knapsack(useful(sorted, used, rest), rest)
  if not others then return nil end
  for _, piece in ipairs(others) do taken[#taken + 1] = piece end
  return taken
end

-- `quantity` seats in as few pieces as possible: within one coach, the one with the fewest pieces,
-- or, if that is not asked for, over all. With `strict`, none is left single.
local function split_group(class, pieces, together, quantity, strict)
  local choose = strict and without_singles or fewest
  local best, at = nil, 1
  for last in string.gmatch(class.ends, '%d+') do
    local of_coach, free = {}, 0
    last = last * 1
    while pieces[at] and pieces[at][1] < last do
      of_coach[#of_coach + 1] = pieces[at]
      free = free + pieces[at][2]
      at = at + 1
    end
    local found = free >= quantity and choose(of_coach, quantity)
    if found and (not best or #found < #best) then best = found end
  end
  if not best and together == 'a' then best = choose(pieces, quantity) end
  if not best then return nil end
  local seats = {}
  for _, piece in ipairs(best) do
    for seat = piece[1], piece[1] + piece[2] - 1 do seats[#seats + 1] = seat end
  end
  table.sort(seats)
  return seats
end
