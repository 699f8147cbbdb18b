// What a buyer can choose of a plan, and what the page then says and offers, without a browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  begin,
  change,
  chosenForm,
  proposal,
  settle,
  toggle,
  orderOf,
} from "../../edge/page/choice.js";
import { addressOf, inRows, itinerary, leftOf, lineOf } from "../../edge/page/plan.js";
import { scene } from "../../edge/page/scene.js";
import { words } from "../../edge/page/words.js";

const block = (id, kind, name) => ({ id, kind, name, seats: 90 });
const TRAIN = {
  sale: "G1",
  stops: [
    { id: "VNP", name: "Beijing South" },
    { id: "NKH", name: "Nanjing South" },
    { id: "AOH", name: "Shanghai Hongqiao" },
  ],
  classes: [
    {
      id: "business",
      name: "Business class",
      seats: 10,
      standing: 0,
      blocks: [block("1", "coach")],
    },
    {
      id: "second",
      name: "Second class",
      seats: 180,
      standing: 0,
      blocks: [block("3", "coach"), block("4", "coach")],
    },
    { id: "standing", name: "Standing", seats: 0, standing: 50, blocks: [] },
  ],
};
const HALL = {
  sale: "opera",
  stops: [],
  classes: [
    {
      id: "stalls",
      name: "Stalls",
      seats: 280,
      standing: 0,
      blocks: [block("P", "block", "Parkett")],
    },
  ],
};
// From the first stop none to the second and 3 to the third; from the second more than 20.
const seats = (held = true, none = false) => ({
  classes: ["business", "second", "standing"].map((id) => ({
    class: id,
    journeys: [
      { from: "VNP", to: "NKH", free: 0, ...(held && { all_held: true }) },
      { from: "VNP", to: "AOH", free: none ? 0 : 3 },
      { from: "NKH", to: "AOH", free: none ? 0 : 20, more: !none },
    ],
  })),
});
const choice = (more) => ({
  class: "second",
  from: 0,
  to: 2,
  quantity: 2,
  together: "row",
  seats: null,
  ...more,
});

test("a journey goes forward: the later stop follows the earlier one", () => {
  const start = begin(TRAIN);
  assert.deepEqual([start.class, start.from, start.to, start.seats], ["business", 0, 2, null]);
  const moved = change(TRAIN, choice({ from: 0, to: 1 }), { from: 1 });
  assert.deepEqual([moved.from, moved.to], [1, 2]);
  for (const from of [-1, 0, 1, 2, 9]) {
    for (const to of [-1, 0, 1, 2, 9]) {
      const next = change(TRAIN, choice(), { from, to });
      assert.ok(0 <= next.from && next.from < next.to && next.to <= 2, JSON.stringify(next));
    }
  }
  const hall = begin(HALL);
  assert.deepEqual([hall.from, hall.to], [0, 1]);
});

test("a link or an earlier line says what to begin with, as far as the plan has it", () => {
  const linked = begin(TRAIN, {
    class: "second",
    from: "NKH",
    to: "AOH",
    quantity: "3",
    together: "any",
  });
  assert.deepEqual(linked, choice({ from: 1, to: 2, quantity: 3, together: "any" }));
  const wrong = begin(TRAIN, {
    class: "none",
    from: "AOH",
    to: "VNP",
    quantity: "x",
    together: "constructor",
  });
  assert.deepEqual(
    [wrong.class, wrong.from, wrong.to, wrong.quantity, wrong.together],
    ["business", 1, 2, 1, "row"],
  );
  const again = begin(TRAIN, { class: "second", from: "VNP", to: "AOH", seats: ["3-1A", "3-1B"] });
  assert.deepEqual([again.seats, again.quantity], [["3-1A", "3-1B"], 2]);
  assert.equal(begin(TRAIN, { class: "standing", seats: ["3-1A"] }).seats, null);
});

test("a choice that nobody made goes to a class of which something is left", () => {
  const gone = { classes: [seats(false, true).classes[0], ...seats().classes.slice(1)] };
  assert.equal(settle({ plan: TRAIN, seats: gone, choice: begin(TRAIN) }).class, "second");
  assert.equal(
    settle({ plan: TRAIN, seats: seats(false, true), choice: begin(TRAIN) }).class,
    "business",
  );
});

test("chosen seats belong to a class and a journey, and are no more than may be ordered", () => {
  const chosen = choice({ seats: ["3-1A"] });
  assert.deepEqual(change(TRAIN, chosen, { from: 1 }).seats, []);
  assert.equal(change(TRAIN, chosen, { class: "standing" }).seats, null);
  assert.deepEqual(change(TRAIN, chosen, { together: "any" }).seats, ["3-1A"]);
  assert.deepEqual(toggle(chosen, "3-1B", 2).seats, ["3-1A", "3-1B"]);
  assert.deepEqual(toggle(chosen, "3-1A", 2).seats, []);
  assert.deepEqual(toggle(choice({ seats: ["3-1A", "3-1B"] }), "3-1C", 2).seats, ["3-1A", "3-1B"]);
  assert.deepEqual(toggle(chosen, "3-1B", 1).seats, ["3-1B"], "of one alone the new one is meant");
});

test("a choice is sent as a line, which stands in the address, too", () => {
  const line = lineOf(TRAIN, choice());
  assert.deepEqual(line, { class: "second", from: "VNP", to: "AOH", quantity: 2, together: "row" });
  assert.equal(addressOf([line]), "second.VNP-AOH.2");
  assert.equal(lineOf(TRAIN, choice({ quantity: 1 })).together, "any");
  assert.equal(lineOf(TRAIN, choice({ class: "standing" })).together, "any");
  const chosen = lineOf(HALL, { ...begin(HALL), seats: ["P-1-1", "P-1-2", "P-1-3"] });
  assert.deepEqual(chosen, { class: "stalls", seats: ["P-1-1", "P-1-2", "P-1-3"] });
  assert.equal(addressOf([chosen]), "stalls.3");
});

test("what is left is that of the journey, and waiting is for what is held", () => {
  const left = (more) => leftOf({ plan: TRAIN, seats: seats(), choice: choice(more) });
  assert.deepEqual(left({ to: 1 }), { free: 0, more: false, held: true });
  assert.deepEqual(left(), { free: 3, more: false, held: false });
  assert.deepEqual(left({ from: 1 }), { free: 20, more: true, held: false });
  // What was asked for another journey says nothing of this one.
  const one = { classes: [{ class: "second", journeys: [{ from: "VNP", to: "NKH", free: 5 }] }] };
  assert.equal(leftOf({ plan: TRAIN, seats: one, choice: choice() }), null);
  assert.equal(leftOf({ plan: TRAIN, seats: null, choice: choice() }), null);
  const hall = {
    plan: HALL,
    seats: { classes: [{ class: "stalls", journeys: [{ free: 7 }] }] },
    choice: begin(HALL),
  };
  assert.equal(leftOf(hall).free, 7);
  const form = { ready: true, label: "get", most: 6 };
  const shown = (held, more) =>
    chosenForm(form, { plan: TRAIN, seats: seats(held), choice: choice(more) });
  assert.equal(shown(true, { to: 2 }).most, 3);
  assert.equal(shown(true, { from: 1 }).most, 6);
  assert.equal(shown(true, { to: 1 }).label, "wait_for");
  assert.deepEqual(
    [shown(false, { to: 1 }).ready, shown(false, { to: 1 }).why],
    [false, ["choice_sold_out_detail"]],
  );
  assert.equal(shown(true, { seats: [] }).ready, false);
  assert.deepEqual(
    [shown(true, { seats: ["3-1A"] }).ready, shown(true, { seats: ["3-1A"] }).count],
    [true, 1],
  );
  assert.deepEqual(shown(true, { seats: [..."abcdefg"] }).why, ["choose_fewer", 6]);
  const waits = (held, to, phase = {}) =>
    orderOf({ plan: TRAIN, seats: seats(held), choice: choice({ to }) }, phase).waits;
  assert.deepEqual([waits(true, 1), waits(false, 1), waits(true, 2)], [true, false, false]);
  assert.equal(
    waits(true, 2, { problem: { code: "all_held" } }),
    true,
    "what was said is newer than what is shown",
  );
});

test("a refusal offers what can be had: the nearest seat, other seats, or seats less close together", () => {
  const of = (problem, more) => {
    const made = choice(more);
    return proposal(made, { problem, lines: [lineOf(TRAIN, made)] });
  };
  const chosen = { seats: ["3-1A", "3-1B"] };
  const nearest = of({ code: "seat_taken", seat: "3-1A", instead: ["3-1C"] }, chosen);
  assert.deepEqual(
    [nearest.label, nearest.seats, nearest.choice.seats],
    ["instead_seats", ["3-1C"], ["3-1C", "3-1B"]],
  );
  assert.deepEqual(of({ code: "seat_taken", seat: "3-1A", instead: "3-1C" }, chosen).choice.seats, [
    "3-1C",
    "3-1B",
  ]);
  assert.deepEqual(
    of({ code: "leaves_single", seat: "3-1C", instead: ["3-2A", "3-2B"] }, chosen).choice.seats,
    ["3-2A", "3-2B"],
  );
  assert.equal(of({ code: "seat_taken", seat: "3-1A" }, chosen), null);
  assert.equal(of({ code: "not_together" }).choice.together, "coach");
  assert.equal(of({ code: "not_together" }, { together: "coach" }).choice.together, "any");
  assert.equal(of({ code: "not_together" }, { together: "any" }), null);
  assert.equal(of({ code: "sold_out" }), null);
  // The seat was taken out of the choice meanwhile, because the map says so too.
  const lines = [lineOf(TRAIN, choice(chosen))];
  const later = proposal(choice({ seats: ["3-1B"] }), {
    problem: { code: "seat_taken", seat: "3-1A", instead: ["3-1C"] },
    lines,
  });
  assert.deepEqual(later.choice.seats, ["3-1C", "3-1B"]);
});

test("an order is told by names, and its seats row by row", () => {
  const order = {
    lines: [
      { class: "second", from: "VNP", to: "NKH", quantity: 3, seats: ["3-12A", "3-12B", "4-1F"] },
      { class: "standing", from: "VNP", to: "AOH", quantity: 2, seats: [] },
      { class: "second", from: "VNP", to: "AOH", quantity: 0, seats: [] },
    ],
  };
  const [seated, standing, ...none] = itinerary(TRAIN, order);
  assert.deepEqual(
    [seated.class, seated.journey],
    ["Second class", ["Beijing South", "Nanjing South"]],
  );
  assert.deepEqual(
    seated.rows.map(({ block: { id }, row, seats }) => [id, row, seats]),
    [
      ["3", "12", ["A", "B"]],
      ["4", "1", ["F"]],
    ],
  );
  assert.deepEqual([standing.quantity, standing.rows], [2, []]);
  assert.equal(none.length, 0, "what was given back is not told");
  assert.deepEqual(itinerary(null, order)[0].journey, ["VNP", "NKH"]);
  assert.deepEqual(itinerary(TRAIN, { quantity: 2 }), []);
  const rows = inRows(HALL.classes[0], ["P-1-21", "P-1-22", "1-5"]);
  assert.deepEqual(
    rows.map(({ block: { id, name }, row, seats }) => [id, name, row, seats]),
    [
      ["P", "Parkett", "1", ["21", "22"]],
      ["1", undefined, null, ["5"]],
    ],
  );
});

// Each scene of a sale with a plan, in each of its refusals, and of what each chooser may know.
function* scenes() {
  const view = {
    sale: "G1",
    plan: true,
    state: "open",
    availability: "available",
    free: 900,
    capacity: 9_000,
    order_limit: 6,
    hold_ms: 60_000,
  };
  const made = [
    choice(),
    choice({ to: 1 }),
    choice({ seats: [] }),
    choice({ seats: ["3-1A", "3-1B"] }),
    choice({ class: "standing", together: "any" }),
  ];
  const choosers = [{ plan: null, seats: null, choice: null }];
  for (const known of [null, seats(), seats(false)])
    for (const one of made) choosers.push({ plan: TRAIN, seats: known, choice: one });
  choosers.push({
    plan: HALL,
    seats: { classes: [{ class: "stalls", journeys: [{ free: 5 }] }] },
    choice: begin(HALL),
  });
  const problems = [
    { code: "sold_out" },
    { code: "all_held" },
    { code: "not_enough" },
    { code: "not_enough", free: 1 },
    { code: "not_together" },
    { code: "seat_taken", seat: "3-1A", instead: ["3-1C"] },
    { code: "seat_taken", seat: "3-1A" },
    { code: "leaves_single", seat: "3-1C", instead: ["3-2A", "3-2B"] },
    { code: "order_limit" },
    { code: "buyer_limit" },
    { code: "needs_lines" },
    { code: "closed" },
  ];
  for (const chooser of choosers) {
    const lines = [
      chooser.choice ? lineOf(chooser.plan, chooser.choice) : { class: "second", quantity: 2 },
    ];
    const phases = [
      { name: "idle" },
      { name: "waiting", why: "choice_all_held", tries: 1, until: 1, quantity: 2 },
    ];
    for (const problem of problems)
      phases.push({ name: "refused", problem, quantity: 2, lines, at: 0 });
    for (const phase of phases) {
      for (const shown of [
        view,
        { ...view, state: "paused" },
        { ...view, availability: "all_held", some_held: true, free: undefined },
      ]) {
        const known = {
          view: shown,
          missing: false,
          unreachable: false,
          phase,
          orders: [],
          keeps: true,
          now: 1,
          opensAt: Infinity,
          chooser,
        };
        yield { known, shown: scene(known) };
      }
    }
  }
}

test("every scene of a sale with a plan has its words, and none of them has a hole", () => {
  for (const { known, shown } of scenes()) {
    for (const table of Object.values(words)) {
      const say = ([name, ...args]) => {
        assert.ok(name in table, name);
        return typeof table[name] === "function" ? table[name](...args) : table[name];
      };
      const left = shown.form?.chooser?.classes.map((one) => (one.left ? say(one.left) : "")) ?? [];
      const instead = shown.instead ? [say([shown.instead.label, "3-1A"])] : [];
      const told = [
        say(shown.headline),
        shown.detail ? say(shown.detail.map((word) => word ?? "")) : "",
        ...left,
        ...instead,
        shown.form?.why ? say(shown.form.why) : "",
      ].join(" | ");
      if (/undefined|null|NaN|Infinity/.test(told))
        assert.fail(`${told}: ${JSON.stringify(known)}`);
    }
  }
});

const rules = {
  "whose choice was refused stays in the chooser": ({ phase, chooser }, { form }) =>
    !phase.lines ||
    !chooser.choice ||
    !/^(sold_out|all_held|not_|seat_|leaves_)/.test(phase.problem.code) ||
    form?.chooser.class === chooser.choice.class,
  "sold out for one choice does not say that the sale is": ({ phase }, { headline }) =>
    !phase.lines || headline[0] !== "sold_out",
  "nothing is chosen before the plan is known": ({ chooser }, { form }) =>
    Boolean(chooser.choice) || !form,
  "what the whole sale has left is not said": (_, { detail }) =>
    !["free", "few", "few_held"].includes(detail?.[0]),
  "instead is offered exactly where there is something": (_, { actions, instead }) =>
    actions.includes("instead") === Boolean(instead),
  "no button sends a map without a seat": ({ chooser }, { form }) =>
    !form || chooser.choice.seats?.length !== 0 || !form.ready || form.label === "wait_for",
};

for (const [name, holds] of Object.entries(rules)) {
  test(`in every scene of a sale with a plan: ${name}`, () => {
    for (const { known, shown } of scenes()) {
      if (!holds(known, shown)) assert.fail(`${JSON.stringify(shown)} of ${JSON.stringify(known)}`);
    }
  });
}
