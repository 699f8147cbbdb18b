// What is known of a sale's plan and of the seats that are left, and what the buyer has chosen of
// them. It asks only while somebody chooses and sees the page.
import { ask, planAt, seatsAt } from "./api.js";
import { begin, change, chosenForm, proposal, settle, toggle, orderOf } from "./choice.js";
import { classOf, journeyOf, leftOf } from "./plan.js";
import { layOut, lost } from "./seatmap.js";
import { rowsOf } from "./seatrows.js";

// Between two looks at what is left, and the least between any two.
const LOOK_MS = 2_000;
const LOOK_APART_MS = 1_000;
// The same when nothing was touched for so long.
const IDLE_MS = 120_000;
const IDLE_LOOK_MS = 10_000;
const BACKOFF_MAX_MS = 30_000;
// Of the looks while a map is open, one in so many is at what is left of all classes.
const MAP_LOOKS = 4;

export class Chooser {
  // All null until they are known: the plan, what is left of its classes for the journey, the
  // choice, and the coach or block whose map is open: { id, map }.
  plan = null;
  seats = null;
  choice = null;
  block = null;
  // Seats that were chosen and are taken by somebody else, until something else is chosen.
  gone = [];
  #sale;
  #first;
  #changed;
  #asking = false;
  #next = 0;
  #looked = -Infinity;
  #looks = 0;
  #failures = 0;
  #touched = performance.now();

  // `first` is what to begin with: a line of an order, or the words of the address.
  constructor({ sale, first, changed }) {
    this.#sale = sale;
    this.#first = first;
    this.#changed = changed;
  }

  get known() {
    return this.choice !== null;
  }

  // Called again and again: asks if it is time. `choosing`: whether what is left is of use now.
  watch(choosing) {
    const visible = document.visibilityState === "visible";
    if (this.#asking || performance.now() < this.#next || !visible || (this.plan && !choosing))
      return;
    this.#look();
  }

  set(changes) {
    this.#touch(change(this.plan, this.choice, changes));
  }

  toggle(name, most) {
    this.#touch(toggle(this.choice, name, most));
  }

  // Opens the map of this coach or block, or closes it.
  map(id) {
    this.block = id ? { id, map: null } : null;
    this.#soon();
    this.#touch({ ...this.choice, seats: id ? (this.choice.seats ?? []) : null });
  }

  take(choice) {
    this.#touch(choice);
  }

  // After an order its seats are nobody's choice any more.
  clear() {
    if (this.choice?.seats) this.#touch({ ...this.choice, seats: [] });
  }

  // What can be had in the place of what was refused.
  offers(phase) {
    return proposal(this.choice, phase);
  }

  form(form) {
    return chosenForm(form, this);
  }

  order(phase) {
    return orderOf(this, phase);
  }

  #touch(choice) {
    const moved = ["class", "from", "to"].some((name) => choice[name] !== this.choice[name]);
    this.choice = choice;
    this.gone = [];
    this.#touched = performance.now();
    if (moved) this.#reopen();
    this.#changed();
  }

  // The map of another class or journey.
  #reopen() {
    const { blocks } = classOf(this.plan, this.choice.class);
    const same = blocks.find(({ id }) => id === this.block?.id) ?? blocks[0];
    this.block = this.choice.seats && same ? { id: same.id, map: null } : null;
    this.#soon();
  }

  // What is shown is not known yet: it is asked for, one second after the last look at the
  // earliest.
  #soon() {
    this.#next = Math.min(this.#next, this.#looked + LOOK_APART_MS);
  }

  async #look() {
    this.#asking = true;
    this.#next = Infinity;
    const answered = this.plan ? await this.#lookAtSeats() : await this.#lookAtPlan();
    this.#asking = false;
    this.#failures = answered ? 0 : this.#failures + 1;
    const idle = performance.now() - this.#touched > IDLE_MS;
    const failed = Math.min(1_000 * 2 ** this.#failures, BACKOFF_MAX_MS);
    const pause = answered ? (idle ? IDLE_LOOK_MS : LOOK_MS) : failed;
    this.#next = performance.now() + pause * (0.8 + 0.4 * Math.random());
    if (answered && ((this.block && !this.block.map) || !leftOf(this))) this.#soon();
    this.#changed();
  }

  async #lookAtPlan() {
    const answer = await ask(planAt(this.#sale));
    if (answer.status !== 200) return false;
    this.plan = answer.body;
    this.choice = begin(this.plan, this.#first);
    if (this.choice.seats) this.#reopen();
    return this.#lookAtSeats();
  }

  async #lookAtSeats() {
    const { block, choice } = this;
    const turn = this.#looks++ % MAP_LOOKS;
    const of = block && (!block.map || turn > 0) ? { class: choice.class, block: block.id } : {};
    this.#looked = performance.now();
    const answer = await ask(seatsAt(this.#sale, { ...of, ...journeyOf(this.plan, choice) }));
    if (answer.status !== 200) return false;
    const { classes } = answer.body;
    if (of.class) this.#receive(block, classes[0]);
    else this.#settle(classes);
    return true;
  }

  // What is left of all classes.
  #settle(classes) {
    const first = this.seats === null && !this.#first?.class;
    this.seats = { classes };
    if (first) this.choice = settle(this);
  }

  // What is left of one class, and the seats of a block.
  #receive(block, left) {
    if (this.seats)
      this.seats = {
        classes: this.seats.classes.map((one) => (one.class === left.class ? left : one)),
      };
    // Another one was opened meanwhile.
    if (block !== this.block) return;
    const one = classOf(this.plan, left.class);
    const shown = one.blocks.find(({ id }) => id === block.id);
    block.map = layOut(rowsOf(this.plan, one, shown, left.seats));
    const gone = lost(block.map, this.choice.seats ?? []);
    if (gone.length === 0) return;
    this.gone = gone;
    this.choice = {
      ...this.choice,
      seats: this.choice.seats.filter((name) => !gone.includes(name)),
    };
  }
}
