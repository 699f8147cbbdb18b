// The ledger's clock as this page knows it. The clock of the visitor's device is never asked: it
// may be wrong by hours. Each answer of a sale says what time it was at the ledger;
// performance.now() says how long ago that was.

// What an answer says can be older than its age says by this much: an origin answers readers from
// memory.
const ORIGIN_MEMORY_MS = 150;

export class Clock {
  #ahead = null;

  // An answer that was asked for and received at these readings of performance.now() says `time`,
  // which was `age` ago. The ledger's time now is at least `low` and at most `high`: the best guess
  // is the largest of all `low`, so that a slow answer does not turn the clock back and no button
  // opens before the sale does.
  update(time, age, asked, received) {
    const low = time + age - received;
    const high = time + age + ORIGIN_MEMORY_MS - asked;
    if (this.#ahead === null || this.#ahead < low || this.#ahead > high) this.#ahead = low;
  }

  // It is later than `time`: an order was granted then.
  isPast(time) {
    if (this.#ahead !== null) this.#ahead = Math.max(this.#ahead, time - performance.now());
  }

  get known() {
    return this.#ahead !== null;
  }

  now() {
    return this.#ahead + performance.now();
  }
}
