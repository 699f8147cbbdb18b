// A block of a hall or a coach of a train as a map: where each seat is, and which one an arrow key
// leads to.

// A seat and what is around it, in pixels: no smaller than a finger needs.
export const CELL = 28;
// Room for the labels of the rows, on the left, where they have some.
const MARGIN = 34;

// The seats of rows ({ label, seats: [{ name, label, free } or null] }) with their places, and the
// size of the map. Rows of different lengths stand in the middle, as they do in a hall.
export function layOut(all) {
  const margin = all.some(({ label }) => label) ? MARGIN : 0;
  const wide = Math.max(1, ...all.map((row) => row.seats.length));
  const rows = all.map((row, y) => {
    const shift = (wide - row.seats.length) / 2;
    const place = (x) => ({ row: row.label, x: margin + (x + shift) * CELL, y: y * CELL });
    const cells = row.seats.map((seat, x) => seat && { ...seat, ...place(x) });
    return { label: row.label, y: y * CELL, seats: cells.filter(Boolean) };
  });
  const size = { width: margin + wide * CELL, height: all.length * CELL };
  return { rows: rows.filter(({ seats }) => seats.length > 0), margin, ...size };
}

// The name of the seat to which `key` leads from `name`, or null where the key leads nowhere.
export function follow({ rows }, name, key) {
  const at = rows.findIndex(({ seats }) => seats.some((seat) => seat.name === name));
  if (at < 0) return null;
  const { seats } = rows[at];
  const place = seats.findIndex((seat) => seat.name === name);
  switch (key) {
    case "ArrowLeft":
      return seats[place - 1]?.name ?? null;
    case "ArrowRight":
      return seats[place + 1]?.name ?? null;
    case "Home":
      return seats[0].name;
    case "End":
      return seats.at(-1).name;
    case "ArrowUp":
      return nearest(rows[at - 1], seats[place].x);
    case "ArrowDown":
      return nearest(rows[at + 1], seats[place].x);
    default:
      return null;
  }
}

function nearest(row, x) {
  if (!row) return null;
  return row.seats.reduce((best, seat) =>
    Math.abs(seat.x - x) < Math.abs(best.x - x) ? seat : best,
  ).name;
}

// The seat that the Tab key leads to: the one that had the focus, else a chosen one, else the first
// that is free.
export function entrance({ rows }, focused, chosen) {
  const seats = rows.flatMap((row) => row.seats);
  const has = (name) => seats.some((seat) => seat.name === name);
  if (has(focused)) return focused;
  return chosen.find(has) ?? (seats.find(({ free }) => free) ?? seats[0])?.name ?? null;
}

// Chosen seats of this map that somebody else has taken meanwhile.
export function lost({ rows }, chosen) {
  const taken = rows.flatMap(({ seats }) =>
    seats.filter((seat) => !seat.free).map(({ name }) => name),
  );
  return chosen.filter((name) => taken.includes(name));
}
