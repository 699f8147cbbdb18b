// Rates from totals: what came per second between the newest status and one some seconds before.
// And levels, which are what they are.

const KEEP_MS = 300_000;
const SPAN_MS = 3000;

export class Rates {
  #points = [];

  // Takes in the totals and the levels of one status: `at` in milliseconds, numbers by name.
  add(at, totals, levels = {}) {
    const last = this.#points.at(-1);
    if (last && at <= last.at) return;
    this.#points.push({ at, totals, levels });
    while (this.#points[0].at < at - KEEP_MS) this.#points.shift();
  }

  // Per second now; undefined before there are two statuses. A total that fell, because a node
  // began anew, is no rate.
  now(name) {
    const newest = this.#points.at(-1);
    const earlier = this.#points.findLast((p) => p.at <= newest?.at - SPAN_MS) ?? this.#points[0];
    return rate(earlier, newest, name);
  }

  // Points of a chart: [milliseconds, per second] for each pair of statuses.
  line(name) {
    const line = [];
    for (let i = 1; i < this.#points.length; i++) {
      const per_second = rate(this.#points[i - 1], this.#points[i], name);
      if (per_second !== undefined) line.push([this.#points[i].at, per_second]);
    }
    return line;
  }

  // Points of a chart of a level.
  level(name) {
    const known = this.#points.filter(({ levels }) => levels[name] !== undefined);
    return known.map(({ at, levels }) => [at, levels[name]]);
  }
}

function rate(earlier, later, name) {
  if (!earlier || !later || later.at <= earlier.at) return undefined;
  const more = (later.totals[name] ?? 0) - (earlier.totals[name] ?? 0);
  return more < 0 ? undefined : (more * 1000) / (later.at - earlier.at);
}
