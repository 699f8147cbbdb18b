// Takes the pictures of the documentation from a running system: `make up` in one terminal, `make
// screens` in another. The system must be new (another data directory): the ids of the sales are on
// the pictures. A machine without the fonts Inter and Noto Sans CJK takes them with others.
import { mkdirSync } from "node:fs";
import { Desk } from "../dashboard/system.mjs";
import { Visitor, change, launch, operator, order, shopToken } from "./system.mjs";

const folder = new URL("../../docs/screens/", import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
const browser = await launch();

async function sale(id, terms) {
  await operator("PUT", id, terms);
  return id;
}

async function take(name, id, options, act) {
  const visitor = await Visitor.come(browser, id, {
    viewport: { width: 360, height: 830 },
    reducedMotion: "reduce",
    ...options,
  });
  await act(visitor);
  await visitor.page.evaluate(() => {
    document.activeElement.blur();
    scrollTo(0, 0);
  });
  await visitor.page.screenshot({ path: `${folder}${name}.png`, animations: "disabled" });
  await visitor.leave();
}

const dark = { colorScheme: "dark" };
const pay_url = "https://shop.example/pay?order={order_id}&number={number}";
const concert = await sale("concert", { capacity: 500, hold_ms: 600_000, buyer_limit: 4, pay_url });
const drop = await sale("drop", { capacity: 500, opens_at: Date.now() + 754_000 });
const last = await sale("last-seats", { capacity: 1, hold_ms: 600_000 });
const { order_id: lasts } = await order(last);

await take("opens", drop, {}, (visitor) => visitor.sees("Not open yet"));
await take("held", concert, {}, async (visitor) => {
  await visitor.buys("ada@example.org", 2);
  await visitor.sees("held for you");
});
await take("all-held", last, dark, async (visitor) => {
  await visitor.buys("bob@example.org");
  await visitor.page.locator("[data-action=stop]").waitFor();
});
await change(last, lasts, "cancel");
await take("confirmed-zh", concert, { ...dark, locale: "zh-CN" }, async (visitor) => {
  await visitor.buys("mei@example.org");
  await visitor.page.locator("[data-action=pay]").waitFor();
  await change(concert, await visitor.key(), "confirm", shopToken());
  await visitor.sees("已归您所有");
});

// Sales with a plan.
const stops = [
  ["VNP", "Beijing South"],
  ["TIP", "Tianjin South"],
  ["NKH", "Nanjing South"],
  ["AOH", "Shanghai Hongqiao"],
];
const train = await sale("G1", {
  hold_ms: 600_000,
  order_limit: 6,
  pay_url,
  plan: {
    stops: stops.map(([id, name]) => ({ id, name })),
    classes: [
      {
        id: "business",
        name: "Business class",
        coaches: [{ ids: "1", rows: "1-2", letters: "A F" }],
      },
      { id: "first", name: "First class", coaches: [{ ids: "2", rows: "1-9", letters: "AC DF" }] },
      {
        id: "second",
        name: "Second class",
        coaches: [{ ids: "3-8", rows: "1-18", letters: "ABC DF" }],
      },
    ],
  },
});
const way = { from: "TIP", to: "NKH" };
await order(train, { lines: [{ class: "business", from: "VNP", to: "AOH", quantity: 2 }] });
const hall = await sale("opera", {
  hold_ms: 600_000,
  order_limit: 6,
  plan: {
    classes: [
      {
        id: "stalls",
        name: "Stalls",
        blocks: [
          {
            ids: "P",
            name: "Parkett",
            rows: "1-8",
            seats: [
              "1-4 5-8",
              "1-4 5-8",
              "1-5 6-10",
              "1-5 6-10",
              "1-5 6-10",
              "1-6 7-12",
              "1-6 7-12",
              "1-6 7-12",
            ],
          },
        ],
      },
      {
        id: "boxes",
        name: "Boxes",
        blocks: [{ ids: "1-12", name: "Box {id}", seats: ["1-2", "3-5"] }],
      },
    ],
  },
});
for (const seats of [
  ["P-1-3", "P-1-4"],
  ["P-2-5", "P-2-6", "P-2-7", "P-2-8"],
  ["P-4-1", "P-4-2"],
  ["P-5-6", "P-5-7", "P-5-8"],
]) {
  await order(hall, { lines: [{ class: "stalls", seats }] });
}
await take(
  "train",
  train,
  {
    viewport: { width: 360, height: 1_190 },
    path: `/s/${train}?class=second&from=${way.from}&to=${way.to}&quantity=2`,
  },
  async ({ page }) => {
    await page.locator("#classes-list .left", { hasText: "20+" }).first().waitFor();
    await page.fill("#buyer", "ada@example.org");
  },
);
await take(
  "train-ticket",
  train,
  { ...dark, path: `/s/${train}?class=first&from=${way.from}&to=${way.to}&quantity=2` },
  async (visitor) => {
    await visitor.page.fill("#buyer", "ada@example.org");
    await visitor.page.click("#get");
    await visitor.sees("held for you");
  },
);
await take("hall-map", hall, { viewport: { width: 440, height: 1_270 } }, async ({ page }) => {
  await page.click("#map-toggle");
  for (const name of ["P-3-5", "P-3-6"]) await page.click(`[data-seat="${name}"]`);
  await page.fill("#buyer", "ada@example.org");
});

// The dashboard of both, when a crowd has come: more travellers in the middle of the line, and the
// blocks near the stage first. What no longer has room is refused, which is not of interest here.
const crowd = (sale, lines) => order(sale, { lines });
for (let turn = 0; turn < 90; turn++) {
  const [from, to] = [
    ["VNP", "TIP"],
    ["TIP", "NKH"],
    ["TIP", "NKH"],
    ["VNP", "AOH"],
    ["NKH", "AOH"],
  ][turn % 5];
  await crowd(train, [{ class: "second", from, to, quantity: 1 + (turn % 6) }]);
  if (turn % 9 === 0) await crowd(train, [{ class: "first", from, to, quantity: 3 }]);
  if (turn % 3 === 0) await crowd(hall, [{ class: "boxes", quantity: 1 + (turn % 3) }]);
}
for (const id of [train, hall]) {
  const desk = await Desk.open(browser, {
    viewport: { width: 1180, height: 800 },
    reducedMotion: "reduce",
  });
  await desk.choose(id);
  await desk.page.locator("#legs .part").first().waitFor();
  const card = desk.page.locator("#legs-card");
  const path = `${folder}dashboard-${id === train ? "train" : "hall"}.png`;
  await card.screenshot({ path, animations: "disabled" });
  await desk.leave();
}
await browser.close();
