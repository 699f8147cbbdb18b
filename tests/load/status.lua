-- Asks how a sale stands, over and over: what the pages of waiting buyers do.
--
--   wrk -t2 -c100 -d10s -s tests/load/status.lua http://127.0.0.1:8787
--
-- SALE the sale (default: demo)
--
-- The table at the end counts the answers by status and availability. Each thread of wrk runs this
-- file in a Lua of its own, so each counts for itself and done() adds up.

local sale = os.getenv("SALE") or "demo"
local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

-- Global, so that done() can get it.
answers = {}
local fixed

function init(_)
  fixed = wrk.format("GET", "/v1/sales/" .. sale)
end

function request()
  return fixed
end

function response(status, _, body)
  local found = body:match('"availability":%s*"([%w_]+)"') or body:match('"code":%s*"([%w_]+)"')
  local what = status .. " " .. (found or "?")
  answers[what] = (answers[what] or 0) + 1
end

function done(summary, latency, _)
  local total, sum = {}, 0
  for _, thread in ipairs(threads) do
    for what, count in pairs(thread:get("answers")) do
      total[what] = (total[what] or 0) + count
      sum = sum + count
    end
  end
  local names = {}
  for what in pairs(total) do
    names[#names + 1] = what
  end
  table.sort(names)
  print(string.format("\n%d answers about sale %s in %.1f s, p99 %.1f ms",
    sum, sale, summary.duration / 1e6, latency:percentile(99) / 1e3))
  for _, what in ipairs(names) do
    print(string.format("  %-34s %9d", what, total[what]))
  end
end
