// What the page says and offers in every combination of what it may know, without a browser: each
// sentence is there in both languages, and none contradicts the state in which it is said.
import assert from "node:assert/strict";
import { test } from "node:test";
import { payAt } from "../../edge/page/pay.js";
import { scene } from "../../edge/page/scene.js";
import { words } from "../../edge/page/words.js";

const NOW = 1_000_000;
const PAY = "https://shop.example/pay?order={order_id}&number={number}&sale={sale}";

// All ways to choose one value for each name.
function every(choices) {
  return Object.entries(choices).reduce(
    (sofar, [name, values]) =>
      sofar.flatMap((chosen) => values.map((value) => ({ ...chosen, [name]: value }))),
    [{}],
  );
}

const views = every({
  state: ["scheduled", "open", "paused", "closed"],
  amounts: [
    { availability: "available", free: 6, capacity: 6 },
    { availability: "available", free: 1, capacity: 6, some_held: true },
    { availability: "few", capacity: 500 },
    { availability: "few", capacity: 500, some_held: true },
    { availability: "all_held", capacity: 6, some_held: true },
    { availability: "sold_out", capacity: 6 },
    { availability: "sold_out", capacity: 0 },
  ],
  opens_at: [undefined, NOW - 1, NOW + 60_000],
  closes_at: [undefined, NOW - 1],
  pay_url: [undefined, PAY, "https://shop.example/pay?{signed}"],
  lenient: [{}, { demo: true }, { buyers_cancel: true }],
}).map(({ amounts, lenient, ...view }, index) => ({
  sale: "demo",
  order_limit: 4,
  hold_ms: 60_000,
  ...(index % 2 && { buyer_limit: 2 }),
  ...amounts,
  ...lenient,
  ...view,
}));

const order = (state, more) => ({
  order_id: "the-secret-id",
  number: "K3F7-9QXM-2D",
  sale: "demo",
  buyer: "ada",
  quantity: 2,
  state,
  created_at: NOW - 30_000,
  ...(state === "held" && { expires_at: NOW + 30_000 }),
  ...more,
});
const CODES = [
  "sold_out",
  "closed",
  "unknown_sale",
  "not_enough",
  "order_limit",
  "buyer_limit",
  "ended_limit",
  "invalid",
  "buyer_token",
  "corrupt",
];
const NOTES = [
  undefined,
  "key_reused",
  "hold_expired",
  "hold_limit",
  "wrong_state",
  "paid",
  "unauthorized",
  "corrupt",
];
const phases = [
  { name: "idle" },
  { name: "looking" },
  { name: "missing", number: "K3F7-9QXM-2D" },
  { name: "missing" },
  { name: "asking", quantity: 2 },
  ...every({
    name: ["asking", "waiting"],
    why: [
      "busy",
      "all_held",
      "not_open",
      "paused",
      "unavailable",
      "lost",
      "outcome_unknown",
      "look",
    ],
    unsure: [true, false],
    tries: [1],
    quantity: [1],
    until: [1],
  }),
  ...every({ name: ["refused"], code: CODES, quantity: [1, 3] })
    // Of one ticket the ledger says neither.
    .filter(({ code, quantity }) => quantity > 1 || !["not_enough", "order_limit"].includes(code))
    .map(({ code, ...rest }) => ({ ...rest, problem: { code, detail: "?" } })),
  ...every({
    name: ["order"],
    order: [
      order("held"),
      order("held", { pay_url: "https://shop.example/pay?order_id=x&signature=1.1.00" }),
      order("held", { expires_at: NOW - 1 }),
      order("confirmed"),
      order("confirmed", { paid: true }),
      order("cancelled"),
      order("expired"),
    ],
    doing: [undefined, "cancel"],
    note: NOTES,
    trouble: [false, true],
  }).map(({ note, ...rest }) => ({ ...rest, note: note && { code: note, detail: "?" } })),
];

// Each scene that can be, with what it was made of and all that it says in one language.
function* scenes() {
  for (const phase of phases) {
    for (const view of [null, ...views]) {
      for (const [keeps, unreachable] of [
        [true, false],
        [false, true],
      ]) {
        const known = {
          view,
          missing: false,
          unreachable,
          phase,
          orders: [],
          keeps,
          now: NOW,
          opensAt: view?.opens_at ?? Infinity,
        };
        yield { known, shown: scene(known) };
      }
    }
  }
}

function said(shown, language) {
  const say = ([name, ...args]) => {
    const text = words[language][name];
    assert.ok(text !== undefined, name);
    return typeof text === "function" ? text(...args) : text;
  };
  const buttons = [shown.form?.label, ...shown.actions]
    .filter(Boolean)
    .map((name) => say([name, 1]));
  const clock = shown.clock ? [say([shown.clock.label, shown.clock.tries])] : [];
  return [say(shown.headline), shown.detail ? say(shown.detail) : "", ...clock, ...buttons].join(
    " | ",
  );
}

test("every scene has its words in both languages, and none of them has a hole", () => {
  for (const { known, shown } of scenes()) {
    for (const language of ["en", "zh"]) {
      const text = said(shown, language);
      if (/undefined|null|NaN|Infinity|\?\?/.test(text))
        assert.fail(`${text}: ${JSON.stringify(known)}`);
    }
  }
});

// What may be said or offered only if something is so.
const rules = {
  "who confirms": ({ view }, { actions }) =>
    !actions.includes("confirm") || (view?.demo === true && !view.pay_url),
  "where it is paid": ({ view, phase }, { actions, pay }) =>
    actions.includes("pay") === Boolean(pay) || phase.doing !== undefined || !view?.pay_url,
  "nothing is paid or prolonged after the hold": ({ phase }, { actions }) =>
    !["pay", "confirm", "extend", "cancel"].some((name) => actions.includes(name)) ||
    phase.order.state === "confirmed" ||
    phase.order.expires_at > NOW,
  "what is paid only the shop gives back": ({ view, phase }, { actions }) =>
    !(actions.includes("cancel") && phase.order.paid && view) ||
    Boolean(view.buyers_cancel || view.demo),
  "sold out is a sale with tickets, none free and none held": ({ view, phase }, { headline }) =>
    headline[0] !== "sold_out" ||
    phase.name === "refused" ||
    (view.availability === "sold_out" && view.capacity > 0),
  "tickets that are left": ({ view }, { detail }) =>
    !["free", "few", "few_held"].includes(detail?.[0]) ||
    (detail[0] === "free") === (view.free !== undefined),
  "few are left only where none is held": ({ view }, { detail }) =>
    detail?.[0] !== "few" || !view.some_held,
  "fewer can be asked for only of more than one": ({ phase }, shown) =>
    phase.name !== "refused" ||
    !/fewer/.test(said(shown, "en")) ||
    (phase.quantity > 1 && shown.form.most < phase.quantity),
  "who has all that is allowed is shown no form": ({ phase }, { form }) =>
    phase.problem?.code !== "buyer_limit" || phase.quantity > 1 || !form,
  "no more at a time than there are": ({ view }, { form }) =>
    !form || !view || form.most <= Math.max(1, view.capacity),
  "a form sells only where something is sold": ({ view, phase }, { form }) =>
    !form ||
    phase.name === "refused" ||
    (view.capacity > 0 && !["paused", "closed"].includes(view.state)),
  "another can be bought only where something is sold": ({ view }, { actions }) =>
    !actions.includes("another") ||
    !view ||
    (view.state !== "closed" && view.state !== "paused" && view.availability !== "sold_out") ||
    view.state === "scheduled",
  "nothing was ordered is said only where nothing was": ({ phase }, shown) =>
    !phase.unsure || !/Nothing was ordered|You have not been refused/.test(said(shown, "en")),
  "a reload is offered only where it is remembered": ({ keeps }, shown) =>
    keeps || !/reload this page/.test(said(shown, "en")),
  "giving up is offered only where nothing can have been taken": ({ phase }, { actions }) =>
    !actions.includes("stop") || !phase.unsure,
  "the id is not shown": (_, shown) => !said(shown, "en").includes("the-secret-id"),
};

for (const [name, holds] of Object.entries(rules)) {
  test(`in every scene: ${name}`, () => {
    for (const { known, shown } of scenes()) {
      if (!holds(known, shown)) assert.fail(`${JSON.stringify(shown)} of ${JSON.stringify(known)}`);
    }
  });
}

test("a template that is signed is filled in by the node that has the key, and by nobody else", () => {
  const held = { order_id: "the-secret-id", number: "K3F7-9QXM-2D", sale: "demo" };
  const signed = "https://shop.example/pay?{signed}";
  assert.equal(payAt(signed, held), null);
  const pay_url = "https://shop.example/pay?order_id=x&signature=1.1.00";
  assert.equal(payAt(signed, { ...held, pay_url }), pay_url);
  for (const wrong of ["javascript:alert(1)", "http://shop.example/"])
    assert.equal(payAt(signed, { ...held, pay_url: wrong }), null);
  // Of a template of before the order says nothing.
  assert.ok(
    payAt(PAY, { ...held, pay_url }).startsWith("https://shop.example/pay?order=the-secret-id"),
  );
});

test("a template is filled in with what is percent-encoded, and what is no address leads nowhere", () => {
  const held = { order_id: "a/b?c=d&e#f \u00e9", number: "K3F7-9QXM-2D", sale: "demo" };
  const filled = new URL(payAt(PAY, held));
  assert.deepEqual([...filled.searchParams.values()], [held.order_id, held.number, "demo"]);
  assert.equal(filled.host, "shop.example");
  assert.equal(
    payAt("http://localhost:3000/{order_id}", held)?.startsWith("http://localhost:3000/a%2Fb%3Fc"),
    true,
  );
  // A number that an older node does not know is empty.
  assert.ok(payAt(PAY, { order_id: "0123456789abcdef", sale: "demo" }).includes("number=&"));
  for (const wrong of [
    undefined,
    "",
    "javascript:alert(1)//{order_id}",
    "http://shop.example/{order_id}",
    "data:,{order_id}",
    "//x/{order_id}",
  ]) {
    assert.equal(payAt(wrong, held), null, wrong);
  }
});
