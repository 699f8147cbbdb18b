// What a sale with a plan sells, as its node describes it, and the API's words for what is chosen
// of it. In this page a stop is its place in the plan, from 0; a hall has no stops and is one leg,
// from 0 to 1.

export const isTrain = (plan) => plan.stops.length > 0;

export const classOf = (plan, id) => plan?.classes.find((one) => one.id === id);

// A class of which a seat can be named.
export const hasSeats = (one) => one.blocks.length > 0;

// The words of the API for a journey; none in a hall.
export function journeyOf(plan, { from, to }) {
  return isTrain(plan) ? { from: plan.stops[from].id, to: plan.stops[to].id } : {};
}

// The line of an order for this choice; see choice.js.
export function lineOf(plan, choice) {
  const { class: id, quantity, together, seats } = choice;
  const line = { class: id, ...journeyOf(plan, choice) };
  if (seats) return { ...line, seats };
  // One alone is next to nobody.
  return {
    ...line,
    quantity,
    together: quantity > 1 && hasSeats(classOf(plan, id)) ? together : "any",
  };
}

export const ticketsOf = ({ seats, quantity }) => seats?.length || quantity;

// What stands in the address of an order, so that an edge can refuse it without reading its body.
export function addressOf(lines) {
  const text = (line) =>
    [line.class, ...(line.from ? [`${line.from}-${line.to}`] : []), ticketsOf(line)].join(".");
  return lines.map(text).join();
}

// What is left of a class for the journey of a choice: how many (`more`: and more), and whether all
// of it is held, which may come back. Null while it is not known.
export function leftOf({ plan, seats, choice }, id = choice.class) {
  const { from, to } = journeyOf(plan, choice);
  const journeys = seats?.classes.find((one) => one.class === id)?.journeys;
  const left = journeys?.find((journey) => journey.from === from && journey.to === to);
  return left ? { free: left.free, more: Boolean(left.more), held: Boolean(left.all_held) } : null;
}

// The lines of an order for people: names in the place of ids, and the seats that are in one row
// put together. Where the plan is not known yet, ids stand in the place of names.
export function itinerary(plan, order) {
  const stop = (id) => plan?.stops.find((one) => one.id === id)?.name ?? id;
  return (order.lines ?? [])
    .filter(({ quantity }) => quantity > 0)
    .map(({ class: id, from, to, quantity, seats = [] }) => ({
      class: classOf(plan, id)?.name ?? id,
      journey: from ? [stop(from), stop(to)] : null,
      quantity,
      rows: inRows(classOf(plan, id), seats),
    }));
}

// Seats by name, as one entry for each row: its coach or block ({ id, name, kind }), its label if
// it has one, the seats' labels.
export function inRows(one, names) {
  const rows = new Map();
  for (const name of names) {
    const { id, row, seat } = readSeat(name);
    const key = `${id}-${row}`;
    if (!rows.has(key)) rows.set(key, { block: blockOf(one, id), row, seats: [] });
    rows.get(key).seats.push(seat);
  }
  return [...rows.values()];
}

const blockOf = (one, id) => one?.blocks.find((block) => block.id === id) ?? { id };

// `3-12A` is coach 3, row 12, seat A; `P-1-21` is block P, row 1, seat 21; `1-5` is box 1, seat 5.
export function readSeat(name) {
  const [id, first, second] = name.split("-");
  if (second !== undefined) return { id, row: first, seat: second };
  const [, row, seat] = /^(\d+)([A-Z])$/.exec(first) ?? [];
  return seat ? { id, row, seat } : { id, row: null, seat: first };
}
