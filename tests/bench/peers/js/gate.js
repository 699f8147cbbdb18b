// What an isolate knows of a sale, as shared/src/admission/gate.rs has it: a budget from the last
// grant, or a latch.

const coldBudget = 4;
const coldRound = 250;
const beatsMax = 12;
const windowMin = 250;
const windowMax = 700;
const recheckBudget = 4;
const recheckEvery = 1000;
const salesMax = 1024;

// The header `Lastseat-Grant`: 1.<version>.<at>.<window>.<budget>.<supply>.<opens at>; undefined
// for anything else.
export function parseGrant(header) {
  if (header === null || header.length > 120) return undefined;
  const [format, version, at, window, budget, supply, opensAt, ...more] = header.split(".");
  const grant = {
    version: Number(version),
    at: Number(at),
    window: Number(window),
    budget: Number(budget),
    supply,
    opensAt: Number(opensAt),
  };
  const numbers = [grant.version, grant.at, grant.window, grant.budget, grant.opensAt];
  const whole =
    format === "1" && more.length === 0 && numbers.every((n) => Number.isInteger(n) && n >= 0);
  return whole && grant.window >= 1 && grant.window <= 1000 && /^[fshnpcu]$/.test(supply)
    ? grant
    : undefined;
}

// A window that is up to an eighth shorter: edges that began together do not stay together.
const shortened = (window) => window - Math.floor((window / 8) * Math.random());
// Keys sent for the first time that may pass a latch.
const rechecks = (period) => (period > windowMin ? 0 : recheckBudget);

class Gate {
  version = 0;
  grantedUntil = 0;
  roundEnds = 0;
  cold = false;
  budget = 0;
  spent = 0;
  latch = undefined;

  // "forward", "wait" a beat, or the letter of a refusal; "b" is busy. `key` tells where the order
  // id comes from: "made" by the edge, "sent" by the client, "repeated" by it, or "known" to have
  // been granted.
  decide(now, beats, key) {
    if (key === "known") return "forward";
    if (this.latch !== undefined) {
      const { opens } = this.latch;
      if (opens === undefined || now < opens.at) return this.#latched(now, key);
      this.latch = undefined;
      this.#beginRound(now, coldRound, opens.budget, true);
    }
    if (now >= this.roundEnds) {
      const budget = this.version > 0 ? Math.min(Math.max(this.budget, 1), coldBudget) : 1;
      this.#beginRound(now, coldRound, budget, true);
    }
    if (this.spent < this.budget) {
      this.spent += 1;
      return "forward";
    }
    return this.cold && beats < beatsMax ? "wait" : "b";
  }

  #latched(now, key) {
    const latch = this.latch;
    if (now >= latch.probeAt) {
      latch.probeAt = now + shortened(latch.period);
      return "forward";
    }
    if (now >= latch.rechecksAt) {
      latch.rechecksAt = now + recheckEvery;
      latch.left = { made: 0, sent: rechecks(latch.period), repeated: recheckBudget };
    }
    if (latch.left[key] > 0) {
      latch.left[key] -= 1;
      return "forward";
    }
    return key === "repeated" ? "b" : latch.supply;
  }

  hear(grant, asked, now) {
    if (grant.version < this.version) return;
    const newer = grant.version > this.version;
    if (newer) {
      this.version = grant.version;
      this.latch = undefined;
    }
    if (grant.supply !== "f") {
      this.#hearNone(grant, asked, now);
    } else if (
      this.latch === undefined &&
      (asked >= this.grantedUntil || (newer && this.spent >= this.budget))
    ) {
      const sent = this.cold ? this.spent : 0;
      const longest = Math.max(windowMax - (now - asked), 1);
      this.#beginRound(now, Math.min(shortened(grant.window), longest), grant.budget, false);
      this.grantedUntil = this.roundEnds;
      this.spent = Math.min(sent, grant.budget);
    }
  }

  #hearNone(grant, asked, now) {
    const waits = grant.supply === "n" && grant.opensAt > 0;
    const opens = waits
      ? { at: now + Math.max(grant.opensAt - grant.at, 0), budget: grant.budget }
      : undefined;
    const period = waits ? Math.max(grant.window, 3000) : grant.window;
    if (this.latch === undefined) {
      this.latch = {
        supply: grant.supply,
        period,
        opens,
        probeAt: Math.max(asked + shortened(period), now),
        rechecksAt: now + recheckEvery,
        left: { made: 0, sent: rechecks(period), repeated: recheckBudget },
      };
    } else {
      // Held tickets can become sold ones within a version, never the other way.
      const supply = this.latch.supply === "h" ? grant.supply : this.latch.supply;
      Object.assign(this.latch, { supply, period, opens });
    }
  }

  #beginRound(now, length, budget, cold) {
    this.roundEnds = now + length;
    this.budget = budget;
    this.spent = 0;
    this.cold = cold;
  }
}

// The gates of an isolate, bounded. Sales that no origin knows share one.
export class Gates {
  #known = new Map();
  #strangers = new Gate();

  of(sale) {
    return this.#known.get(sale) ?? this.#strangers;
  }

  hear(sale, grant, asked, now) {
    let gate = this.#known.get(sale);
    if (gate === undefined) {
      if (grant.supply === "u") return;
      if (this.#known.size >= salesMax) this.#known.delete(this.#known.keys().next().value);
      gate = Object.assign(new Gate(), { cold: true, spent: 1 });
      this.#known.set(sale, gate);
    }
    gate.hear(grant, asked, now);
  }
}
