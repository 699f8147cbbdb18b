// What an operator does with the dashboard, and what it says when something is wrong.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { shownThoughHidden } from "../page/hidden.mjs";
import { Desk, POLL, buy, launch, operator, redis, roster, token } from "./system.mjs";

// Where a picture of the outage goes, for whoever wants to look at it.
const SCREEN = process.env.LASTSEAT_OUTAGE_SCREEN;

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const sale = (name, terms) => operator("PUT", name, terms);

test("without the token nothing is shown, and a wrong one is said to be wrong", async () => {
  const desk = await Desk.open(browser, { link: "" });
  await desk.sees("gate", "Operators only");
  await desk.accessible();
  assert.equal(await desk.page.locator("#board").isVisible(), false);
  // The field has the focus: no mouse is needed.
  await desk.page.keyboard.type("wrong");
  await desk.page.keyboard.press("Enter");
  await desk.sees("gate-error", "not the admin token");
  await desk.page.fill("#token", token());
  await desk.page.keyboard.press("Enter");
  await desk.sees("link", "live");
  assert.equal(await desk.page.locator("#gate").isVisible(), false);
  // It outlives a reload, but not being forgotten.
  await desk.page.reload();
  await desk.sees("link", "live");
  await desk.page.click("#leave");
  await desk.page.reload();
  await desk.sees("gate", "Operators only");
  await desk.leave();
});

test("a token in the link leaves the address bar and is no cookie", async () => {
  const desk = await Desk.open(browser);
  await desk.sees("link", "live");
  assert.ok(!desk.page.url().includes("token"));
  assert.deepEqual(await desk.context.cookies(), []);
  assert.equal(await desk.page.evaluate(() => localStorage.length), 0);
  await desk.leave();
});

test("a sale is paused, opened and restocked only after a question, and a refusal is told in the API's words", async () => {
  await sale("matinee", { capacity: 10 });
  await buy("matinee", 4);
  const desk = await Desk.open(browser);
  await desk.choose("matinee");
  await desk.sees("n-confirmed", "4");
  // By its name, once it has one.
  await operator("PATCH", "matinee", { event: { title: "The <b>matinee</b>" } });
  await desk.page
    .locator("#sale option[value=matinee]", { hasText: "matinee · The <b>matinee</b>" })
    .waitFor({ state: "attached" });
  const state = async () => (await operator("GET", "matinee")).state;

  // Only the question about the capacity has a field for it.
  const field = () => desk.page.locator("#ask-number").isVisible();
  await desk.page.click("#do-pause");
  assert.equal(await field(), false);
  assert.equal(await desk.page.evaluate(() => document.activeElement.id), "ask-no");
  await desk.accessible();
  await desk.answer("no");
  assert.equal(await state(), "open");
  // The keyboard alone: Escape calls it off, Enter on the button does it.
  await desk.page.focus("#do-pause");
  await desk.page.keyboard.press("Enter");
  await desk.page.locator("#ask[open]").waitFor();
  await desk.page.keyboard.press("Escape");
  await desk.page.locator("#ask[open]").waitFor({ state: "detached" });
  assert.equal(await state(), "open");
  await desk.page.click("#do-pause");
  await desk.answer("yes");
  await desk.sees("outcome", "matinee is paused");
  assert.equal(await state(), "paused");
  await desk.sees("state", "paused");
  await desk.sees("events", "matinee paused");

  await desk.page.click("#do-open");
  assert.equal(await field(), false);
  await desk.answer("yes");
  await desk.sees("outcome", "matinee is open");
  assert.equal(await state(), "open");

  await desk.page.click("#do-restock");
  assert.equal(await field(), true);
  await desk.page.fill("#ask-value", "25");
  await desk.answer("yes");
  await desk.sees("outcome", "matinee has 25 tickets, 21 of them free");
  await desk.sees("n-capacity", "25");
  await desk.sees("events", "matinee restocked to 25");

  await desk.page.click("#do-restock");
  await desk.page.fill("#ask-value", "3");
  await desk.answer("yes");
  await desk.sees(
    "outcome",
    "The capacity cannot go below the 4 tickets that are held (0) or confirmed (4).",
  );
  // The field has the focus; Enter in it answers, Escape and Cancel change nothing.
  await desk.page.click("#do-restock");
  assert.equal(await desk.page.evaluate(() => document.activeElement.id), "ask-value");
  await desk.page.keyboard.press("Escape");
  await desk.page.locator("#ask[open]").waitFor({ state: "detached" });
  await desk.page.click("#do-restock");
  await desk.page.fill("#ask-value", "26");
  await desk.page.keyboard.press("Enter");
  await desk.sees("outcome", "matinee has 26 tickets, 22 of them free");
  await desk.page.click("#do-restock");
  await desk.page.fill("#ask-value", "25");
  await desk.answer("yes");
  await desk.sees("outcome", "matinee has 25 tickets, 21 of them free");
  await desk.page.click("#do-restock");
  await desk.page.fill("#ask-value", "-1");
  await desk.answer("yes");
  await desk.sees("ask-error", "whole number");
  await desk.answer("no");
  assert.equal((await operator("GET", "matinee")).capacity, 25);
  await desk.accessible();
  await desk.leave();
});

test("an order is found by its number, its buyer or its state", async () => {
  await sale("searched", { capacity: 100, hold_ms: 600_000 });
  await sale("another", { capacity: 1 });
  await buy("searched", 3);
  const desk = await Desk.open(browser);
  await desk.choose("searched");
  const rows = () => desk.page.locator("#found-rows tr").count();
  await desk.page.selectOption("#find-by", "state");
  await desk.page.click("#find-go");
  await desk.sees("find-note", /^3 orders of 3\.$/);
  assert.equal(await rows(), 3);
  await desk.accessible();
  const [number, buyer] = await desk.page
    .locator("#found-rows tr")
    .first()
    .evaluate((row) => [row.cells[0].textContent, row.cells[3].textContent]);
  // As a person types it; Enter is enough.
  await desk.page.selectOption("#find-by", "number");
  await desk.page.fill("#find-text", number.toLowerCase().replaceAll("-", " "));
  await desk.page.keyboard.press("Enter");
  await desk.sees("find-note", /^1 order of 3\.$/);
  await desk.sees("found-rows", number);
  await desk.page.selectOption("#find-by", "buyer");
  await desk.page.fill("#find-text", buyer);
  await desk.page.click("#find-go");
  await desk.sees("found-rows", buyer);
  await desk.page.fill("#find-text", "nobody-of-that-name");
  await desk.page.click("#find-go");
  await desk.sees("find-note", /^No order of 3\.$/);
  await desk.page.selectOption("#find-by", "number");
  await desk.page.fill("#find-text", "K3F7");
  await desk.page.click("#find-go");
  await desk.sees("find-note", "is an order number such as");
  // Another sale has other orders.
  await desk.choose("another");
  await desk.page.waitForFunction(
    () => document.getElementById("find-note").textContent === "",
    undefined,
    POLL,
  );
  assert.equal(await rows(), 0);
  await desk.leave();
});

test("a sale is audited by itself, and the age of its last audit stands beside the equation", async () => {
  await sale("recounted", { capacity: 10 });
  const desk = await Desk.open(browser);
  await desk.choose("recounted");
  await desk.sees("equation-verdict", /^recounted \d+ s ago: clean$/);
  await desk.sees("audit", "clean, 10 = 10 + 0 + 0 recounted");
  await buy("recounted", 3);
  // The next one counts the orders, too.
  await desk.sees("audit", "clean, 10 = 7 + 0 + 3 recounted");
  // A ticket that no order has: free falls with it, so that the numbers still add up. The recount
  // finds it.
  redis("HINCRBY", "lastseat:{recounted}:sale", "confirmed", "1");
  await desk.page.locator('#equation[data-ok="false"]').waitFor();
  await desk.sees("equation-verdict", "differences");
  await desk.sees("equals", "≠");
  await desk.sees("events", "the audit of recounted found differences");
  await desk.leave();
});

test("numbers that do not add up are red, by the audit or by themselves", async () => {
  await sale("broken", { capacity: 10 });
  await buy("broken", 2);
  const desk = await Desk.open(browser);
  await desk.choose("broken");
  await desk.sees("n-confirmed", "2");
  await desk.page.locator('#equation[data-ok="true"]').waitFor();
  const before = await desk.numbers();
  // A ticket that no order has.
  redis("HINCRBY", "lastseat:{broken}:sale", "confirmed", "1");
  await desk.sees("n-confirmed", "3");
  await desk.page.click("#do-audit");
  await desk.sees("outcome", "differences");
  await desk.sees("audit", "differences");
  await desk.page.locator('#equation[data-ok="false"]').waitFor();
  assert.notEqual((await desk.numbers()).color, before.color);
  await desk.accessible();
  // More tickets taken than there are.
  redis("HSET", "lastseat:{broken}:sale", "confirmed", "11");
  await desk.sees("state", "damaged");
  await desk.page.locator('#equation[data-ok="false"]').waitFor();
  await desk.leave();
});

test("a node that falls silent is lost, and back when it is heard again", async () => {
  const desk = await Desk.open(browser);
  const row = (health) =>
    desk.page.locator(`#nodes tr[data-node="4"][data-health="${health}"]`).waitFor();
  await row("live");
  const { pid } = roster().nodes[3];
  process.kill(pid, "SIGSTOP");
  try {
    await row("lost");
    await desk.sees("events", "node 4 lost");
    await desk.sees("banner-what", "node 4 lost");
    await desk.sees("banner-buyers", "The other nodes take the orders");
    await desk.accessible();
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await row("live");
  await desk.sees("events", "node 4 is back");
  await desk.leave();
});

test("a node that is killed starts again and goes on counting", async () => {
  await sale("evening", { capacity: 50 });
  await buy("evening", 20);
  const desk = await Desk.open(browser);
  await desk.choose("evening");
  const stage = (name, n) =>
    desk.page
      .locator(`tr[data-stage="${name}"] .total`, { hasText: new RegExp(`^${n}$`) })
      .waitFor();
  await stage("granted", 20);
  const victim = roster().nodes[1].pid;
  process.kill(victim, "SIGKILL");
  await desk.page.waitForFunction(
    () =>
      lastseat.status().happenings.filter((h) => h.kind === "node_started" && h.node === 2).length >
      1,
    undefined,
    POLL,
  );
  while (roster().nodes[1].pid === victim) await new Promise((done) => setTimeout(done, 100));
  await buy("evening", 5);
  await stage("granted", 25);
  await stage("confirmed", 25);
  // Its death is not forgotten over its new start, and a reload changes nothing of that.
  await desk.sees("events", "node 2 lost");
  await desk.page.reload();
  await desk.sees("events", "node 2 lost");
  await desk.sees("events", "node 2 started");
  await desk.leave();
});

test("while the ledger is away old numbers look old, a banner says what buyers get, and the outage remains an event", async () => {
  await sale("night", { capacity: 10 });
  await buy("night", 3);
  const desk = await Desk.open(browser);
  await desk.choose("night");
  await desk.sees("n-confirmed", "3");
  await desk.sees("equation-verdict", "clean");
  assert.equal(await desk.page.locator("#banner").isVisible(), false);
  const ink = () =>
    desk.page.evaluate(() => getComputedStyle(document.getElementById("n-free")).color);
  const fresh = await ink();
  const { pid } = roster().redis;
  process.kill(pid, "SIGSTOP");
  try {
    await desk.sees("banner-what", "The ledger does not answer");
    await desk.sees("banner-buyers", "Nothing is sold");
    await desk.sees("banner-age", /^Since .* The numbers below are those of .*, \d+ s old\.$/);
    assert.ok(!(await desk.page.textContent("body")).includes("nothing happened"));
    // Nothing claims to be so now.
    await desk.sees("link", "The ledger does not answer");
    await desk.sees("state", /^was open$/);
    await desk.sees("equation-verdict", "not known now");
    assert.equal(
      await desk.page
        .locator('#nodes [data-state="live"], #equation[data-ok="true"], #state[data-state="open"]')
        .count(),
      0,
    );
    assert.equal(await desk.page.locator("#nodes .pill", { hasText: /^was live$/ }).count(), 4);
    assert.notEqual(await ink(), fresh);
    assert.equal(await desk.page.locator(".age:visible", { hasText: / old$/ }).count(), 7);
    for (const verb of ["audit", "open", "pause", "restock", "close"])
      assert.ok(await desk.page.isDisabled(`#do-${verb}`), verb);
    // It gets older while one looks.
    const seen = await desk.text("banner-age");
    await desk.page.waitForFunction(
      (seen) => document.getElementById("banner-age").textContent !== seen,
      seen,
      POLL,
    );
    await desk.sees("events", "the ledger does not answer: nothing is sold");
    if (SCREEN) await desk.page.screenshot({ path: SCREEN, fullPage: true });
    await desk.accessible();
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await desk.sees("link", "live");
  await desk.page.locator("#banner").waitFor({ state: "hidden" });
  assert.equal(await ink(), fresh);
  await desk.sees("events", "the ledger answers again");
  // What happened is still there for whoever comes later, at any node, once each.
  await desk.leave();
  const later = await Desk.open(browser, { node: 2 });
  await later.sees("events", "the ledger answers again");
  const kinds = () =>
    later.page.evaluate(() =>
      lastseat
        .status()
        .happenings.map(({ kind }) => kind)
        .filter((kind) => kind.startsWith("ledger")),
    );
  assert.deepEqual(await kinds(), ["ledger_back", "ledger_away"]);
  await later.leave();
});

test("a dashboard whose node is frozen shows nothing as present", async () => {
  const desk = await Desk.open(browser, { node: 2 });
  await desk.sees("link", "live");
  const { pid } = roster().nodes[2];
  process.kill(pid, "SIGSTOP");
  try {
    await desk.sees("banner-what", "No news from this node");
    await desk.sees("banner-age", /\d+ s old\.$/);
    assert.equal(await desk.page.locator('#nodes [data-state="live"]').count(), 0);
    await desk.sees("banner-buyers", "open the dashboard of another node");
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await desk.sees("link", "live");
  await desk.page.locator('#board[data-stale="false"]').waitFor();
  await desk.leave();
});

test("it fits a phone, in light and in dark", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const desk = await Desk.open(browser, { viewport: { width: 360, height: 740 }, colorScheme });
    await desk.sees("link", "live");
    const [inside, outside] = await desk.page.evaluate(() => [
      document.documentElement.scrollWidth,
      innerWidth,
    ]);
    assert.ok(inside <= outside, `${inside} wide on a screen of ${outside}`);
    await desk.accessible();
    await desk.leave();
  }
});

test("what is hidden is not shown by any rule of the style", async () => {
  const desk = await Desk.open(browser);
  await desk.sees("link", "live");
  assert.deepEqual(await shownThoughHidden(desk.page), []);
  await desk.leave();
});

test("in a browser that keeps nothing the dashboard works until it is closed", async () => {
  const desk = await Desk.open(browser, { link: "" });
  await desk.page.addInitScript(() => {
    const denied = {
      get: () => {
        throw new DOMException("", "SecurityError");
      },
    };
    Object.defineProperty(window, "sessionStorage", denied);
  });
  await desk.page.reload();
  await desk.sees("gate", "Operators only");
  await desk.page.fill("#token", token());
  await desk.page.keyboard.press("Enter");
  await desk.sees("link", "live");
  await desk.page.click("#leave");
  await desk.sees("gate", "Operators only");
  await desk.leave();
});
