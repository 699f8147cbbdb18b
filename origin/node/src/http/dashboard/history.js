// What the sale that is shown did within the last hour, as the node remembers it. Touches no page.

// The newest point is ten seconds old at most.
const READ_EVERY_MS = 10_000;

// What a chart shows: how far back, of which points, and how far apart two may be that a line
// joins.
export const RANGES = {
  minutes: { every_ms: 1_000, most: 300_000, gap: 15_000 },
  hour: { every_ms: 10_000, most: 3_600_000, gap: 45_000 },
};

export class SaleHistory {
  #asked_at = -Infinity;
  #is_asking = false;
  // The sale; undefined while none is shown.
  sale;
  // The last answer.
  view;

  // The sale that is shown now.
  show(sale) {
    if (sale === this.sale) return;
    [this.sale, this.view, this.#asked_at] = [sale, undefined, -Infinity];
  }

  // Whether it is time to read, by a clock in milliseconds. One call at a time.
  is_due(now) {
    return this.sale !== undefined && !this.#is_asking && now - this.#asked_at >= READ_EVERY_MS;
  }

  // Reads: `call` resolves with the answer, or undefined. What comes for a sale that is no longer
  // shown is left; where none comes, what is there stays and gets older.
  async read(now, call) {
    const { sale } = this;
    [this.#asked_at, this.#is_asking] = [now, true];
    const view = await call(sale);
    this.#is_asking = false;
    if (sale === this.sale && view) this.view = view;
  }

  // Points of a chart, [milliseconds, value], at the ends of the stretches of which something is
  // known. What came since is added from `live`.
  line(range, name, live = []) {
    const points = points_of(this.view, RANGES[range].every_ms, name);
    const last = points.at(-1)?.[0] ?? -Infinity;
    return [...points, ...live.filter(([at]) => at > last)];
  }
}

function points_of(view, every_ms, name) {
  const step = view?.steps.find((step) => step.every_ms === every_ms);
  if (!step) return [];
  const end = (place) => Math.min(view.at, step.from + (place + 1) * every_ms);
  return step[name]
    .map((value, place) => [end(place), value])
    .filter(([, value]) => value !== null && value !== undefined);
}
