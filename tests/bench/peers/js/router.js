// Which origin an order goes to, as shared/src/routing has it: nginx's smooth weighted round robin
// over those that do not rest. Of health it keeps what an order meets while all is well, and a rest
// of two seconds after two failures.

const maxFails = 2;
const rest = 2000;

export class Router {
  constructor(origins) {
    this.origins = origins.map(({ url, weight }) => ({
      url,
      weight,
      current: 0,
      fails: 0,
      checkedAt: 0,
      inFlight: 0,
    }));
  }

  // The next origin that is not in `tried`; undefined when all were.
  pick(tried, now) {
    const untried = this.origins.filter((origin) => !tried.includes(origin));
    const up = untried.filter(({ fails, checkedAt }) => fails < maxFails || now - checkedAt > rest);
    let best;
    let total = 0;
    for (const origin of up.length > 0 ? up : untried) {
      origin.current += origin.weight;
      total += origin.weight;
      if (best === undefined || origin.current > best.current) best = origin;
    }
    if (best === undefined) return undefined;
    best.current -= total;
    best.inFlight += 1;
    if (now - best.checkedAt > rest) best.checkedAt = now;
    return best;
  }

  report(origin, answered, now) {
    origin.inFlight -= 1;
    if (answered) {
      origin.fails = 0;
    } else {
      origin.fails += 1;
      origin.checkedAt = now;
    }
  }
}
