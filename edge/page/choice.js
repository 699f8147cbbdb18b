// What a buyer chooses in a sale with a plan, as functions of what was chosen before.
//
// A choice is { class, from, to, quantity, together, seats }: the id of a class, stops by their
// places, how many tickets, how close together (`row`, `coach` or `any`), and the names of the
// seats that were chosen on the map, or null where the sale chooses.
import { classOf, hasSeats, isTrain, leftOf, lineOf } from "./plan.js";

const LOOSER = { row: "coach", coach: "any" };
// Refusals that are about what was chosen, and not about the sale or the buyer.
export const OF_CHOICE = new Set([
  "sold_out",
  "all_held",
  "not_enough",
  "not_together",
  "seat_taken",
  "leaves_single",
]);

// The first choice: what the address or an earlier line of this buyer says (with ids as the API has
// them), as far as the plan has it; else the whole way in the first class.
export function begin(plan, { class: id, from, to, quantity, together, seats } = {}) {
  const stop = (name, other) => {
    const at = plan.stops.findIndex((one) => one.id === name);
    return at < 0 ? other : at;
  };
  const end = Math.max(1, plan.stops.length - 1);
  const one = classOf(plan, id) ?? plan.classes[0];
  const first = {
    class: one.id,
    from: stop(from, 0),
    to: stop(to, end),
    quantity: Math.floor(Number(quantity)) || seats?.length || 1,
    together: together === "any" || Object.hasOwn(LOOSER, together) ? together : "row",
    seats: null,
  };
  return change(plan, first, seats && hasSeats(one) ? { seats } : {});
}

// A choice that nobody has made yet goes to the first class of which something is left.
export function settle(known) {
  const { plan, choice } = known;
  const left = ({ id }) => leftOf(known, id)?.free !== 0;
  const other = left({ id: choice.class }) ? null : plan.classes.find(left);
  return other ? { ...choice, class: other.id } : choice;
}

// The choice after these changes. Seats belong to a class and a journey: another one has none of
// them chosen.
export function change(plan, choice, changes) {
  const next = { ...choice, ...changes };
  const last = Math.max(1, plan.stops.length - 1);
  next.from = Math.max(0, Math.min(next.from, last - 1));
  next.to = Math.max(next.from + 1, Math.min(next.to, last));
  const moved = next.class !== choice.class || next.from !== choice.from || next.to !== choice.to;
  if (moved && next.seats) next.seats = hasSeats(classOf(plan, next.class)) ? [] : null;
  return next;
}

// Takes a seat in or out. Beyond `most` none is taken in; of one alone the new one is meant.
export function toggle(choice, name, most) {
  const seats = choice.seats ?? [];
  if (seats.includes(name)) return { ...choice, seats: seats.filter((seat) => seat !== name) };
  if (most === 1) return { ...choice, seats: [name] };
  return seats.length < most ? { ...choice, seats: [...seats, name] } : choice;
}

// The choice that would not be refused like this one was, and how it is offered; null if there is
// none. Seats are those of the `lines` that were refused: what somebody else has taken may be gone
// from the choice meanwhile.
export function proposal(choice, { problem: { code, seat, instead }, lines }) {
  const others = [instead ?? []].flat();
  const asked = lines[0].seats;
  switch (code) {
    case "seat_taken":
    case "leaves_single": {
      if (!asked || others.length === 0) return null;
      const whole = others.length === asked.length;
      const seats = whole ? others : asked.map((name) => (name === seat ? others[0] : name));
      return { label: "instead_seats", seats: others, choice: { ...choice, seats } };
    }
    case "not_together": {
      const together = LOOSER[choice.together];
      return together ? { label: `instead_${together}`, choice: { ...choice, together } } : null;
    }
    default:
      return null;
  }
}

// What the chooser shows. `most` is what the sale allows an order.
export function chooserScene(known, most) {
  const { plan, choice } = known;
  const classes = plan.classes.map((one) => {
    const left = leftOf(known, one.id);
    return { id: one.id, left: sayLeft(left), none: left?.free === 0 };
  });
  const seated = hasSeats(classOf(plan, choice.class));
  return {
    ...choice,
    classes,
    most,
    mapped: seated,
    apart: seated && !choice.seats && choice.quantity > 1,
    train: isTrain(plan),
  };
}

function sayLeft(left) {
  if (!left) return null;
  if (left.free === 0) return [left.held ? "left_held" : "left_none"];
  return [left.more ? "left_more" : "left", left.free];
}

// The form of a sale, with what is chosen in it: how many can be asked for, and what keeps the
// button from working.
export function chosenForm(form, known) {
  const { choice } = known;
  const left = leftOf(known);
  const shown = { ...form, chooser: chooserScene(known, form.most) };
  if (choice.seats) {
    const count = choice.seats.length;
    if (count > 0 && count <= form.most) return { ...shown, count };
    return {
      ...shown,
      count,
      ready: false,
      why: count ? ["choose_fewer", form.most] : ["choose_first"],
    };
  }
  if (!left) return shown;
  if (left.free > 0) return left.more ? shown : { ...shown, most: Math.min(form.most, left.free) };
  return left.held
    ? { ...shown, label: "wait_for" }
    : { ...shown, ready: false, why: ["choice_sold_out_detail"] };
}

// The lines of an order for this choice, and whether it is meant to wait for what is held: who was
// just told so, too.
export function orderOf(known, phase) {
  const { plan, choice } = known;
  const held = phase.problem?.code === "all_held" || Boolean(leftOf(known)?.held);
  return { lines: [lineOf(plan, choice)], waits: held && !choice.seats };
}

// How a refusal of what was chosen is told: null if it is not about that. The chooser stays, with
// what was chosen.
export function refusedChoice(phase, chooser, form) {
  const { problem, quantity } = phase;
  const { code, free } = problem;
  if (!OF_CHOICE.has(code)) return null;
  const { choice } = chooser;
  const headline = [code === "sold_out" || code === "all_held" ? `choice_${code}` : code, quantity];
  const told = {
    sold_out: ["choice_sold_out_detail"],
    all_held: ["choice_all_held_detail"],
    not_enough: free > 0 ? ["not_enough_free", free] : ["not_enough_detail", quantity],
    not_together: [
      choice.together === "coach" ? "not_together_coach" : "not_together_row",
      quantity,
    ],
    seat_taken: ["seat_taken_detail", problem.seat],
    leaves_single: ["leaves_single_detail", problem.seat],
  };
  const offered = proposal(choice, phase);
  const most =
    code === "not_enough" ? Math.min(form.most, free || Math.max(1, quantity - 1)) : form.most;
  const chosen = chosenForm({ ...form, most }, chooser);
  return {
    tone: code === "sold_out" ? "stop" : "wait",
    headline,
    detail: told[code],
    // What was said just now is newer than what is known of the places.
    form:
      code === "all_held" && !choice.seats ? { ...chosen, ready: true, label: "wait_for" } : chosen,
    actions: offered ? ["instead"] : [],
    instead: offered,
  };
}
