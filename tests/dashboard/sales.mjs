// The dashboard with many sales: the list of all, the hour of one, its terms, and its end.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { shownThoughHidden } from "../page/hidden.mjs";
import { Desk, POLL, buy, launch, operator, redis, scoped } from "./system.mjs";

// More than the status of the cluster shows in full.
const MANY = 80;
const name = (n) => `date-${String(n).padStart(3, "0")}`;

let browser;
before(async () => {
  browser = await launch();
  for (let n = 0; n < MANY; n++) {
    const event = { title: `Concert ${n}` };
    await operator("PUT", name(n), { capacity: 1_000, hold_ms: 600_000, event });
  }
});
after(() => browser.close());

const row = (desk, sale) => desk.page.locator(`#sales tr[data-sale="${sale}"]`);
const listed = (desk, count) =>
  desk.page.waitForFunction(
    (count) => document.querySelectorAll("#sales tbody tr").length >= count,
    count,
    POLL,
  );

// Buyers who come all the time, until the returned function is called.
function crowd(sale) {
  let going = true;
  const done = (async () => {
    while (going) {
      await buy(sale, 3);
      await new Promise((ready) => setTimeout(ready, 300));
    }
  })();
  return async () => {
    going = false;
    await done;
  };
}

test("all sales are listed, what sells now comes first, and a click opens one that has little traffic", async () => {
  const desk = await Desk.open(browser);
  await listed(desk, MANY);
  const stop = crowd(name(40));
  try {
    await row(desk, name(40)).locator(".taken", { hasText: /^[1-9]/ }).waitFor();
    await desk.page.waitForFunction(
      (first) => document.querySelector("#sales tbody tr").dataset.sale === first,
      name(40),
      POLL,
    );
    // Numbers and name of a row are those of its sale.
    const [first] = await desk.rows("sales");
    assert.match(first.sale, /^Concert 40 · date-040$/);
    assert.equal(first.of, "1,000");
    const number = (text) => Number(text.replaceAll(",", ""));
    assert.equal(number(first.free) + number(first.held) + number(first.confirmed), 1_000);
    assert.ok(number(first.held) > 0 && number(first["tickets/s"]) > 0, JSON.stringify(first));
    // The one that is opened is not among those that the status shows first.
    await row(desk, name(79)).locator("button").click();
    await desk.page.waitForFunction(
      (sale) => lastseat.status().sales.some((shown) => shown.sale === sale),
      name(79),
      POLL,
    );
    assert.equal(await desk.page.inputValue("#sale"), name(79));
    await desk.sees("n-capacity", "1,000");
    assert.equal(await row(desk, name(79)).locator("[aria-current=true]").count(), 1);
    await desk.accessible();
  } finally {
    await stop();
  }
  await desk.leave();
});

test("the list is searched and walked through with keys alone, and rows stay under the hand", async () => {
  const desk = await Desk.open(browser);
  await listed(desk, MANY);
  await desk.sees("sales-note", `${MANY} sales`);
  await desk.page.fill("#sales-find", "concert 7");
  // 7 and 70 to 79.
  await desk.sees("sales-note", `11 of ${MANY} sales`);
  assert.equal((await desk.rows("sales")).length, 11);
  // One stop of Tab, then the arrows.
  assert.equal(await desk.page.locator("#sales button[tabindex='0']:visible").count(), 1);
  await desk.page.locator("#sales button[tabindex='0']:visible").focus();
  const focused = () =>
    desk.page.evaluate(() => document.activeElement.closest("tr")?.dataset.sale);
  await desk.page.keyboard.press("End");
  const last = await focused();
  await desk.page.keyboard.press("ArrowUp");
  const before = await focused();
  assert.ok(last && before && last !== before);
  // What comes meanwhile moves nobody.
  await buy(name(3), 5);
  await desk.page.waitForTimeout(7_000);
  assert.equal(await focused(), before);
  await desk.page.keyboard.press("Enter");
  await desk.page.waitForFunction(
    (sale) => document.getElementById("sale").value === sale,
    before,
    POLL,
  );
  await desk.sees("sale", before);
  await desk.page.fill("#sales-find", "no such sale");
  await desk.sees("sales-note", `0 of ${MANY} sales`);
  await desk.accessible();
  await desk.leave();
});

test("a sale whose audit differs is marked in the list and in the banner, which leads to the runbook", async () => {
  await operator("PUT", "marked", { capacity: 10 });
  await buy("marked", 2);
  const desk = await Desk.open(browser);
  await desk.choose("marked");
  await desk.sees("equation-verdict", "clean");
  const alarm = desk.page.locator('#alarm-list [data-alert="LastseatAuditDiffers"]');
  assert.equal(await alarm.count(), 0);
  redis("HINCRBY", "lastseat:{marked}:sale", "confirmed", "1");
  await desk.sees("alarm-list", /The last audit of marked found \d+ differences\./);
  await row(desk, "marked").locator(".alarm-text", { hasText: "differences" }).waitFor();
  assert.equal(await desk.page.title(), "(!) lastseat");
  await desk.accessible();
  const link = desk.page.locator("#alarm-list a", { hasText: "LastseatAuditDiffers" });
  assert.equal(await link.getAttribute("href"), "/dashboard/runbook#lastseatauditdiffers");
  const [runbook] = await Promise.all([desk.context.waitForEvent("page"), link.click()]);
  await runbook.locator("h2:focus", { hasText: "LastseatAuditDiffers" }).waitFor();
  assert.ok((await runbook.textContent("main")).includes("Means."));
  assert.equal(await runbook.locator("h2").count(), await runbook.locator("h2[id]").count());
  redis("HINCRBY", "lastseat:{marked}:sale", "confirmed", "-1");
  await alarm.waitFor({ state: "detached" });
  await desk.leave();
});

test("the chart has what came before the dashboard was opened, in rates and in tickets", async () => {
  const stop = crowd(name(5));
  await new Promise((done) => setTimeout(done, 8_000));
  await stop();
  const history = async () => operator("GET", `${name(5)}/history`);
  const { steps } = await history();
  assert.deepEqual(
    steps.map(({ every_ms }) => every_ms),
    [1_000, 10_000],
  );
  assert.ok(steps[0].asked.some((rate) => rate > 0), JSON.stringify(steps));
  const desk = await Desk.open(browser);
  await desk.choose(name(5));
  const label = (text) =>
    desk.page.locator(`#chart[aria-label*="${text}"]`).waitFor({ state: "visible" });
  // It knows of orders that came before it.
  await label("Orders per second over the last five minutes, at most: asked ");
  await desk.page.waitForFunction(
    () => /asked [1-9]/.test(document.getElementById("chart").getAttribute("aria-label")),
    undefined,
    POLL,
  );
  await desk.page.selectOption("#chart-range", "hour");
  await label("over the last hour");
  await desk.page.selectOption("#chart-of", "tickets");
  const { held } = await operator("GET", name(5));
  await label(`Tickets over the last hour, at most: confirmed 0, held ${held}`);
  await desk.sees("chart-what", "Tickets");
  await desk.accessible();
  await desk.leave();
});

test("terms are shown with a countdown by the clock of the ledger, and follow what an operator changes", async () => {
  const opens = Date.now() + 3_600_000;
  await operator("PUT", "later", {
    capacity: 10,
    hold_ms: 600_000,
    opens_at: opens,
    buyer_limit: 4,
    pay_url: "https://shop.example/pay?order={order_id}",
    event: {
      title: "Later <b>concert</b>",
      starts_at: Date.UTC(2027, 3, 17, 17, 30),
      zone: "Europe/Berlin",
      sold_out_text: "Come again",
    },
  });
  const desk = await Desk.open(browser);
  await desk.choose("later");
  await desk.sees("countdown", /^Opens in 0[01]:[0-5]\d:[0-5]\d$/);
  const first = await desk.text("countdown");
  await desk.page.waitForFunction(
    (first) => document.getElementById("countdown").textContent !== first,
    first,
    POLL,
  );
  const term = (name, value) =>
    desk.page.locator("#terms div", { hasText: name }).locator("dd", { hasText: value }).waitFor();
  await term("a hold lasts", "10 min");
  await term("one buyer", "at most 4");
  await term("buyers pay at", "https://shop.example/pay?order={order_id}");
  await term("title", "Later <b>concert</b>");
  await term("starts", /Apr 17, 2027.*7:30 PM, Europe\/Berlin/);
  await term("when sold out", "Come again");
  await operator("PATCH", "later", { buyer_limit: 2, closes_at: opens + 60_000, opens_at: 0 });
  await operator("POST", "later/open");
  await term("one buyer", "at most 2");
  await desk.sees("countdown", /^Closes in /);
  await desk.accessible();
  await desk.leave();
});

test("a sale is closed only by who types its id, for good, and the event names who did it", async () => {
  await operator("PUT", "last-night", { capacity: 10, hold_ms: 600_000 });
  await buy("last-night", 2);
  const may = "read,audit,find,open,pause,restock,close";
  const ada = scoped("--name", "ada", "--may", may, "--for", "1d");
  const desk = await Desk.open(browser, { link: `#token=${ada}` });
  await desk.sees("who", "ada, until");
  await desk.choose("last-night");
  await desk.sees("n-held", "2");
  const state = async () => (await operator("GET", "last-night")).state;
  await desk.page.click("#do-close");
  await desk.page.locator("#ask[open]").waitFor();
  await desk.sees("ask-text", "cannot be opened again");
  await desk.sees("ask-text", "2 are held");
  assert.equal(await desk.page.evaluate(() => document.activeElement.id), "ask-id");
  await desk.accessible();
  // Enter alone, or another name, closes nothing.
  await desk.page.keyboard.press("Enter");
  await desk.sees("ask-error", "That is not the id of this sale, which is last-night.");
  await desk.page.fill("#ask-id", "last");
  await desk.answer("yes");
  await desk.sees("ask-error", "That is not the id");
  await desk.page.keyboard.press("Escape");
  await desk.page.locator("#ask[open]").waitFor({ state: "detached" });
  assert.equal(await state(), "open");
  await desk.page.click("#do-close");
  await desk.page.fill("#ask-id", "last-night");
  await desk.page.keyboard.press("Enter");
  await desk.sees("outcome", "last-night is closed");
  assert.equal(await state(), "closed");
  await desk.sees("state", "closed");
  await desk.sees("events", "last-night closed by ada");
  await desk.page.locator("#do-close:disabled").waitFor();
  // The next question has no field of the last one.
  await desk.choose(name(1));
  await desk.page.click("#do-pause");
  assert.equal(await desk.page.locator("#ask-name").isVisible(), false);
  await desk.answer("no");
  await desk.leave();
});

test("what a token may not do is not offered, and its sales alone are shown", async () => {
  const wall = scoped("--name", "wall", "--may", "read", "--sales", "date-00*", "--for", "1d");
  const desk = await Desk.open(browser, { link: `#token=${wall}` });
  await desk.sees("who", "wall, until");
  for (const verb of ["audit", "open", "pause", "restock", "close"])
    assert.equal(await desk.page.locator(`#do-${verb}`).isVisible(), false, verb);
  assert.equal(await desk.page.locator("#find-card").isVisible(), false);
  await listed(desk, 10);
  await desk.sees("sales-note", /^10 sales$/);
  assert.deepEqual(
    (await desk.rows("sales")).map(({ sale }) => sale.split(" · ")[1]).toSorted(),
    Array.from({ length: 10 }, (_, n) => name(n)),
  );
  // It reads what it shows.
  await desk.page.locator("#terms dd").first().waitFor();
  await desk.accessible();
  // With another token everything is there again.
  await desk.page.click("#leave");
  await desk.page.fill("#token", scoped("--name", "bob", "--may", "all", "--for", "1d"));
  await desk.page.keyboard.press("Enter");
  await desk.page.locator("#do-close").waitFor();
  await desk.page.locator("#find-card").waitFor();
  await desk.leave();

  const export_only = scoped("--name", "journal", "--may", "export,ack", "--for", "1d");
  const other = await Desk.open(browser, { link: `#token=${export_only}` });
  await other.sees("gate-error", 'does not allow "read"');
  await other.leave();
});

test("the list, the terms and the chart fit a phone, in light and in dark", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const desk = await Desk.open(browser, { viewport: { width: 360, height: 740 }, colorScheme });
    await listed(desk, MANY);
    await desk.choose("later");
    await desk.sees("countdown", /in/);
    await desk.fits();
    assert.deepEqual(await shownThoughHidden(desk.page), []);
    await desk.accessible();
    await desk.leave();
  }
});
