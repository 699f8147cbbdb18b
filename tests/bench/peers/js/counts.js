// What an isolate has counted since an origin last heard from it, as
// shared/src/wire/edge_counters.rs has it. It travels with requests that are forwarded anyway.

const salesMax = 1024;
const letters = ["s", "h", "n", "p", "c", "u", "b"];

export class Tally {
  #sales = new Map();

  refused(sale, letter) {
    const counts = this.#of(sale);
    counts.asked += 1;
    counts.refused[letter] = (counts.refused[letter] ?? 0) + 1;
  }

  forwarded(sale) {
    const counts = this.#of(sale);
    counts.asked += 1;
    counts.forwarded += 1;
  }

  failed(sale) {
    this.#of(sale).failed += 1;
  }

  // Takes out what an origin is about to hear.
  take(sale) {
    const counts = this.#sales.get(sale);
    this.#sales.delete(sale);
    return counts;
  }

  // Puts back what no origin heard.
  putBack(sale, told) {
    const counts = this.#of(sale);
    for (const name of ["asked", "forwarded", "failed"]) counts[name] += told[name];
    for (const letter of Object.keys(told.refused)) {
      counts.refused[letter] = (counts.refused[letter] ?? 0) + told.refused[letter];
    }
  }

  #of(sale) {
    let counts = this.#sales.get(sale);
    if (counts === undefined) {
      if (this.#sales.size >= salesMax) this.#sales.delete(this.#sales.keys().next().value);
      counts = { asked: 0, forwarded: 0, failed: 0, refused: {} };
      this.#sales.set(sale, counts);
    }
    return counts;
  }
}

// The header `Lastseat-Edge-Counts`.
export function countsHeader({ asked, forwarded, failed, refused }) {
  let text = `1.${asked}.${forwarded}.${failed}.`;
  for (const letter of letters) if (refused[letter] > 0) text += letter + refused[letter];
  return text;
}
