-- Put before the scripts that change the sale itself or single orders.

local function event(...)
  events[#events + 1] = table.concat({ ... }, ' ')
end
