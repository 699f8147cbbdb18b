-- Buys tickets as fast as the server answers: each request is another buyer with a key of its own.
--
--   wrk -t2 -c100 -d10s -s tests/load/buy.lua http://127.0.0.1:8787
--
-- SALE    the sale (default: demo)
-- TICKETS tickets that each buyer asks for (default: 1)
--
-- A refused buyer does not come back, and `busy` counts as refused: this measures answers a second,
-- not whether all tickets are sold. For that there is `make rush`.
--
-- wrk itself calls every status from 400 on an error ("Non-2xx or 3xx responses"): here they are
-- the answers to those who got no ticket. The table at the end says which. Each thread of wrk runs
-- this file in a Lua of its own, so each counts for itself and done() adds up.

local sale = os.getenv("SALE") or "demo"
local tickets = os.getenv("TICKETS") or "1"
local path = "/v1/sales/" .. sale .. "/orders"

-- Runs in the main Lua --------------------------------------------------------------------------

local threads = {}

-- 32 hex digits that no other run has.
local function random_hex()
  local source = assert(io.open("/dev/urandom", "rb"))
  local bytes = source:read(16)
  source:close()
  return (bytes:gsub(".", function(c) return string.format("%02x", c:byte()) end))
end

local run = random_hex()

function setup(thread)
  threads[#threads + 1] = thread
  thread:set("run", run)
  thread:set("number", #threads)
end

-- Runs in each thread's Lua ---------------------------------------------------------------------

-- Global, so that done() can get it.
answers = {}
local sent = 0
local prefix

function init(_)
  prefix = string.format("%s-%02x-", run, number)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  sent = sent + 1
  local key = prefix .. string.format("%08x", sent)
  wrk.headers["Idempotency-Key"] = key
  return wrk.format(nil, path, nil, '{"buyer":"' .. key .. '","quantity":' .. tickets .. "}")
end

function response(status, headers, body)
  local said = body:match('"code":%s*"([%w_]+)"') or body:match('"state":%s*"([%w_]+)"') or "?"
  local by = headers["lastseat-answered-by"] or headers["Lastseat-Answered-By"] or "nobody"
  local what = status .. " " .. said .. " by " .. by
  answers[what] = (answers[what] or 0) + 1
end

-- Runs in the main Lua --------------------------------------------------------------------------

function done(summary, _, _)
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
  print(string.format("\n%d orders for sale %s in %.1f s", sum, sale, summary.duration / 1e6))
  for _, what in ipairs(names) do
    print(string.format("  %-34s %9d", what, total[what]))
  end
  local e = summary.errors
  local broken = e.connect + e.read + e.write + e.timeout
  if broken > 0 then
    print(string.format("  %-34s %9d", "no answer (socket error, time-out)", broken))
  end
end
