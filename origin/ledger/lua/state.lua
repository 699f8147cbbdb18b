-- Opens, pauses or closes a sale: scheduled -> open <-> paused -> closed.
--
-- ARGV  2 the wanted state: open, paused or closed  3 who calls; '' or absent = nobody with a name
-- Reply nil when there is no such sale, else
--       1 snapshot
--       2 a letter: d done, r replayed (it is in that state), or a refusal: z bad_transition

if not sale then return nil end
if healing then return fenced() end
open_and_close()
sweep()
local ALLOWED = {
  open = { scheduled = true, paused = true },
  paused = { open = true },
  closed = { scheduled = true, open = true, paused = true },
}
local letter = 'z'
if sale.state == ARGV[2] then
  letter = 'r'
elseif ALLOWED[ARGV[2]][sale.state] then
  enter(ARGV[2])
  made_by(ARGV[3])
  letter = 'd'
end
commit()
return { snapshot(), letter }
