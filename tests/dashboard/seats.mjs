// What the dashboard shows of sales with a plan: the fullest leg of each class, all legs, and
// coaches or blocks.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { shownThoughHidden } from "../page/hidden.mjs";
import { Desk, launch, operator, order } from "./system.mjs";

// Where a picture goes, for whoever wants to look at it.
const SCREEN = process.env.LASTSEAT_SEATS_SCREEN;

const stops = [
  { id: "VNP", name: "Beijing South" },
  { id: "LJP", name: "Langfang" },
  { id: "TIP", name: "Tianjin South" },
  { id: "AOH", name: "Shanghai Hongqiao" },
];
const TRAIN = {
  stops,
  classes: [
    {
      id: "second",
      name: "Second class",
      coaches: [{ ids: "3-4", rows: "1-10", letters: "ABC DF" }],
    },
    { id: "standing", name: "Without a seat", standing: 8 },
  ],
  quotas: [{ id: "load", name: "Load", classes: ["second", "standing"], size: 104 }],
};
const HALL = {
  classes: [
    {
      id: "stalls",
      name: "Stalls",
      blocks: [{ ids: "P", name: "Parkett", rows: "1-6", seats: "1-6 7-12" }],
    },
    { id: "tier", name: "Upper tier", blocks: [{ ids: "101-340", rows: "1-2", seats: "1-5" }] },
    { id: "floor", name: "Floor", standing: 40 },
  ],
};

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const board = (desk, name) => desk.page.locator(`[data-class="${name}"]`);
const sum = (desk, name, text) =>
  board(desk, name).locator(".leg-sum", { hasText: text }).waitFor();
const labels = (desk, name, cells) =>
  board(desk, name)
    .locator(cells)
    .evaluateAll((all) => all.map((cell) => cell.getAttribute("aria-label")));

// The reads of legs that a page makes.
function reads({ page }) {
  const made = [];
  page.on("request", (request) => request.url().endsWith("/legs") && made.push(request.url()));
  return made;
}

test("the equation of the fullest leg, each leg and each coach of a train are right after each order", async () => {
  await operator("PUT", "G1", { plan: TRAIN, hold_ms: 600_000, order_limit: 8 });
  const desk = await Desk.open(browser);
  await desk.choose("G1");
  await sum(
    desk,
    "second",
    "100 places = 100 free + 0 held + 0 confirmed — Beijing South to Langfang, the leg with the fewest",
  );
  const seats = await order("G1", [
    { class: "second", from: "LJP", to: "AOH", seats: ["3-1A", "3-1B"] },
  ]);
  await order("G1", [{ class: "second", from: "TIP", to: "AOH", seats: ["4-10F"] }]);
  await order("G1", [{ class: "standing", from: "VNP", to: "TIP", quantity: 4 }]);
  await operator("POST", `G1/orders/${seats.order_id}/confirm`);

  await sum(
    desk,
    "second",
    "100 places = 97 free + 1 held + 2 confirmed — Tianjin South to Shanghai Hongqiao, the leg with the fewest",
  );
  await sum(
    desk,
    "standing",
    "8 places = 4 free + 4 held + 0 confirmed — Beijing South to Langfang, the leg with the fewest",
  );
  assert.deepEqual(await labels(desk, "second", ".leg"), [
    "Beijing South to Langfang: 100 places, 100 free, 0 held, 0 confirmed",
    "Langfang to Tianjin South: 100 places, 98 free, 0 held, 2 confirmed",
    "Tianjin South to Shanghai Hongqiao: 100 places, 97 free, 1 held, 2 confirmed",
  ]);
  assert.deepEqual(await labels(desk, "standing", ".part"), []);
  await desk.leave();
});

test("a leg is as full as quotas make it, and its coaches are those that are shown", async () => {
  await operator("PUT", "G2", { plan: TRAIN, order_limit: 8 });
  const desk = await Desk.open(browser);
  await desk.choose("G2");
  await order("G2", [{ class: "second", from: "VNP", to: "LJP", seats: ["3-1A"] }]);
  await order("G2", [{ class: "standing", from: "LJP", to: "TIP", quantity: 8 }]);
  await sum(
    desk,
    "second",
    "100 places = 100 free + 0 held + 0 confirmed — Langfang to Tianjin South, the leg with the fewest; quotas leave 96 of the free ones",
  );
  const coaches = ["coach 3: 0 of 50 seats taken, 0 %", "coach 4: 0 of 50 seats taken, 0 %"];
  assert.deepEqual(await labels(desk, "second", ".part"), coaches);
  await desk.leave();
});

test("a hall has one leg, its blocks are a map of which many are shown together, and each cell can be read with keys", async () => {
  await operator("PUT", "hall", { plan: HALL, order_limit: 8 });
  const desk = await Desk.open(browser);
  await desk.choose("hall");
  await order("hall", [{ class: "stalls", seats: ["P-1-1", "P-1-2", "P-1-3"] }]);
  await order("hall", [{ class: "tier", seats: ["101-1-1"] }]);
  await order("hall", [{ class: "floor", quantity: 8 }]);
  await sum(desk, "floor", /^40 places = 32 free \+ 0 held \+ 8 confirmed — Floor$/);
  await sum(desk, "stalls", /^72 places = 69 free \+ 0 held \+ 3 confirmed — Stalls$/);
  assert.deepEqual(await labels(desk, "stalls", ".part"), ["Parkett: 3 of 72 seats taken, 4 %"]);
  // 241 blocks are more than are told one by one.
  const blocks = await labels(desk, "tier", ".part");
  assert.equal(blocks.length, 120);
  assert.deepEqual(
    [blocks[0], blocks.at(-1)],
    ["block 101 to 102: 1 of 20 seats taken, 5 %", "block 339 to 340: 0 of 20 seats taken, 0 %"],
  );

  // One stop of Tab, then the arrows; what a cell says stands below it, too.
  const parts = board(desk, "tier").locator(".part");
  assert.equal(await board(desk, "tier").locator(".heat [tabindex='0']").count(), 1);
  await parts.first().focus();
  await desk.page.keyboard.press("ArrowRight");
  await board(desk, "tier")
    .locator(".told", { hasText: "block 103 to 104: 0 of 20 seats taken, 0 %" })
    .waitFor();
  // It follows the sale and keeps the focus.
  await order("hall", [{ class: "tier", seats: ["103-1-1", "103-1-2"] }]);
  await board(desk, "tier")
    .locator(".told", { hasText: "block 103 to 104: 2 of 20 seats taken, 10 %" })
    .waitFor();
  await desk.page.keyboard.press("End");
  assert.equal(
    await desk.page.evaluate(() => document.activeElement.title),
    "block 339 to 340: 0 of 20 seats taken, 0 %",
  );
  await desk.accessible();
  await desk.leave();
});

test("of a sale without a plan no legs are shown or read", async () => {
  await operator("PUT", "plain", { capacity: 10 });
  const desk = await Desk.open(browser);
  await desk.choose("plain");
  await desk.sees("n-capacity", "10");
  const made = reads(desk);
  await desk.page.waitForTimeout(5_000);
  assert.deepEqual(made, []);
  assert.equal(await desk.page.locator("#legs-card").isVisible(), false);
  // The one with a plan is read every other second, and no more when it is left.
  await desk.choose("G1");
  await board(desk, "second").waitFor();
  await desk.page.waitForTimeout(5_000);
  assert.ok(
    made.length >= 1 && made.length <= 5 && made.every((url) => url.includes("/G1/")),
    `${made.length} reads in 5 s`,
  );
  await desk.choose("plain");
  await desk.page.locator("#legs-card").waitFor({ state: "hidden" });
  const before = made.length;
  await desk.page.waitForTimeout(5_000);
  assert.equal(made.length, before);
  await desk.leave();
});

test("legs that cannot be read are said to be old", async () => {
  const desk = await Desk.open(browser);
  await desk.choose("G1");
  await board(desk, "second").waitFor();
  await desk.page.route("**/legs", (route) => route.abort());
  await desk.sees(
    "legs-trouble",
    /^This node does not answer\. The numbers below are \d+ s old\.$/,
  );
  await desk.choose("hall");
  await desk.sees("legs", "Not read yet.");
  await desk.page.unroute("**/legs");
  await desk.page.waitForFunction(() => document.getElementById("legs-trouble").textContent === "");
  await desk.leave();
});

test("legs fit a phone, in light and in dark", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const sale of ["G1", "hall"]) {
      const desk = await Desk.open(browser, { viewport: { width: 360, height: 740 }, colorScheme });
      await desk.choose(sale);
      await desk.page.locator(".leg").first().waitFor();
      const [inside, outside] = await desk.page.evaluate(() => [
        document.documentElement.scrollWidth,
        innerWidth,
      ]);
      assert.ok(inside <= outside, `${inside} wide on a screen of ${outside}`);
      assert.deepEqual(await shownThoughHidden(desk.page), []);
      await desk.accessible();
      if (SCREEN)
        await desk.page.screenshot({
          path: `${SCREEN}-${sale}-${colorScheme}.png`,
          fullPage: true,
        });
      await desk.leave();
    }
  }
});
