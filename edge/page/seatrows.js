// The rows of a coach or block with their aisles: from its seats in their order, and the patterns
// of the plan's document. Ranges of the document need not be counted out: the seats are known, so
// each range ends at its last word.
import { readSeat } from "./plan.js";

// Rows of `block` of the class `one`: { label, seats: [{ name, label, free } or null] }, where null
// is an aisle or a missing seat. `seats` is what the API says of it: [{ seat, free }].
export function rowsOf(plan, one, block, seats) {
  try {
    return byPattern(plan, one, block, seats);
  } catch {
    // A document that is not understood: rows without aisles.
    return byName(seats);
  }
}

function byPattern(plan, one, block, seats) {
  const document = plan.plan.classes.find(({ id }) => id === one.id);
  const alike = one.blocks.filter(({ kind }) => kind === block.kind).map(({ id }) => id);
  const left = [...seats];
  const rows = entriesOf(
    document[block.kind === "coach" ? "coaches" : "blocks"],
    alike,
    block.id,
  ).flatMap((entry) => {
    const patterns = [entry.letters ?? entry.seats].flat();
    if (patterns.length > 1 || !entry.rows)
      return patterns.map((pattern) => take(pattern, entry.letters, left));
    // One pattern for all rows to the last one.
    const last = endOf(entry.rows);
    const same = [];
    while (same.at(-1)?.label !== last) same.push(take(patterns[0], entry.letters, left));
    return same;
  });
  if (left.length > 0) throw new Error("seats without a pattern");
  return rows;
}

// The entries that describe the block `id`: those of the same blocks follow each other.
function entriesOf(entries, ids, id) {
  let [begin, end, text] = [0, 0, null];
  return entries.filter((entry) => {
    if (String(entry.ids) !== text) {
      text = String(entry.ids);
      begin = end;
      end = ids.indexOf(endOf(text), begin) + 1;
    }
    return ids.slice(begin, end).includes(id);
  });
}

// The last word of `1-12, 14-18`, of `1-21/2`, of `A`, or of a list of such.
const endOf = (text) => String(text).split(/[,-]/).at(-1).split("/")[0].trim();

// The next row of `left`, which loses its seats.
function take(pattern, lettered, left) {
  const seats = [];
  let label = null;
  const next = () => {
    const { seat: name, free } = left.shift();
    const [, first, second] = name.split("-");
    const words = lettered
      ? [first.slice(0, -1), first.at(-1)]
      : [second && first, second ?? first];
    label = words[0] || null;
    seats.push({ name, label: words[1], free });
    return words[1];
  };
  if (lettered) {
    for (const sign of pattern) sign === " " || sign === "_" ? seats.push(null) : next();
  } else {
    for (const [place, stretch] of pattern.split(" ").entries()) {
      if (place > 0) seats.push(null);
      for (const word of stretch.split(",").filter(Boolean)) {
        if (word === "_") seats.push(null);
        else while (next() !== endOf(word));
      }
    }
  }
  if (!seats.some(Boolean)) throw new Error("a row without seats");
  return { label, seats };
}

function byName(seats) {
  const rows = [];
  for (const { seat: name, free } of seats) {
    const { row, seat: label } = readSeat(name);
    if (rows.length === 0 || rows.at(-1).label !== row) rows.push({ label: row, seats: [] });
    rows.at(-1).seats.push({ name, label, free });
  }
  return rows;
}
