-- Opens, pauses or closes a sale: scheduled -> open <-> paused -> closed.
--
-- ARGV  1 the wanted state: open, paused or closed
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d done, r replayed (it is in that state), or a refusal: z bad_transition

if not open_sale() then return nil end
sweep()
local ALLOWED = {
  open = { scheduled = true, paused = true },
  paused = { open = true },
  closed = { scheduled = true, open = true, paused = true },
}
local letter = 'z'
if sale.state == ARGV[1] then
  letter = 'r'
elseif ALLOWED[ARGV[1]][sale.state] then
  enter(ARGV[1])
  letter = 'd'
end
commit()
return { snapshot(), letter }
