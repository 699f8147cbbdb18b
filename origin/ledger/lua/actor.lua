-- Put before the scripts that change the sale itself: the log says who called.

-- Changes of which a sale without a plan keeps who made them.
local ACTORS_MAX = 256

-- The event that this call has made is `actor`'s; it is the last one of its entry. An entry of a
-- sale with a plan says so in its head line. One of a sale without a plan cannot, since a lastseat
-- of an earlier version takes a longer head line for damage: there the field `actors` of the sale
-- has its last changes, as `<commit_seq>:<name>`.
local function made_by(actor)
  if not actor or actor == '' then return end
  if sale.format == 2 then
    by = ' by=' .. actor
    return
  end
  local names = {}
  for name in string.gmatch(redis.call('HGET', SALE, 'actors') or '', '%S+') do
    names[#names + 1] = name
  end
  names[#names + 1] = digits(sale.commit_seq + 1) .. ':' .. actor
  while #names > ACTORS_MAX do table.remove(names, 1) end
  more_fields = more_fields or {}
  more_fields.actors = table.concat(names, ' ')
end
