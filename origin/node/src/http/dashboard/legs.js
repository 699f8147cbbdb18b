// What is known of the legs of a sale with a plan, when to ask for it, and in which words it is
// said. Touches no page.

// A node reads them at most once a second.
const READ_EVERY_MS = 2000;

const whole = new Intl.NumberFormat("en");

// What was read of the one sale that is shown.
export class Legs {
  #asked_at = -Infinity;
  #is_asking = false;
  // The sale; undefined while none with a plan is shown, and then nothing is read.
  sale;
  // The last answer, and when it came.
  view;
  came_at = 0;
  // Why the last call brought none.
  trouble;

  // The sale that is shown now.
  show(sale) {
    if (sale === this.sale) return;
    [this.sale, this.view, this.trouble, this.#asked_at] = [sale, undefined, undefined, -Infinity];
  }

  // Whether it is time to read, by a clock in milliseconds. One call at a time.
  is_due(now) {
    return this.sale !== undefined && !this.#is_asking && now - this.#asked_at >= READ_EVERY_MS;
  }

  // Reads: `call` resolves with { view } or { trouble }. What comes for a sale that is no longer
  // shown is left.
  async read(now, call) {
    const { sale } = this;
    [this.#asked_at, this.#is_asking] = [now, true];
    const { view, trouble } = await call(sale);
    this.#is_asking = false;
    if (sale !== this.sale) return;
    this.trouble = trouble;
    if (view) [this.view, this.came_at] = [view, now];
  }
}

// What a leg of a class is called: by its stops, and in a hall as the class.
export function leg_name(view, of, leg) {
  const [from, to] = [view.stops[leg - 1], view.stops[leg]];
  return from && to ? `${from.name} to ${to.name}` : of.name;
}

// The leg of which the fewest places can be had.
export const worst = (of) => of.legs.find(({ leg }) => leg === of.worst_leg) ?? of.legs[0];

// Whether the numbers of a leg add up.
export const adds_up = (of, leg) => of.places === leg.free + leg.held + leg.confirmed;

// A leg in words.
export function leg_words(view, of, leg) {
  const quotas =
    leg.within_quotas === undefined ? "" : ` (${whole.format(leg.within_quotas)} within quotas)`;
  const [free, held, sold] = [leg.free, leg.held, leg.confirmed].map((n) => whole.format(n));
  return `${leg_name(view, of, leg.leg)}: ${whole.format(of.places)} places, ${free} free${quotas}, ${held} held, ${sold} confirmed`;
}

// What a part is called; neighbours that are counted together by the first and the last.
export const part_name = (part) =>
  part.last === undefined ? part.name : `${part.name} to ${part.last}`;

// The same in the few letters that fit into a cell.
export const part_id = (part) => (part.last === undefined ? part.id : `${part.id}–${part.last}`);

// A part in words.
export function part_words(part) {
  return `${part_name(part)}: ${whole.format(part.taken)} of ${whole.format(part.seats)} seats taken, ${share_words(part.taken, part.seats)}`;
}

// A share from 0 to 1.
export const share = (part, of) => (of > 0 ? Math.min(1, part / of) : 0);

// A share in whole percent. Only nothing is 0 % and only everything is 100 %.
export function share_words(part, of) {
  const percent = Math.round(share(part, of) * 100);
  return `${part > 0 && part < of ? Math.min(99, Math.max(1, percent)) : percent} %`;
}

// What of an answer stays as it is while the sale sells: a page is built anew only where this
// differs.
export function shape(view) {
  const classes = view.classes.map((of) => [
    of.class,
    of.name,
    of.legs.length,
    of.parts.map(({ id }) => id),
  ]);
  return JSON.stringify([view.sale, view.stops, classes]);
}
