// The shop is killed in the middle, started again, and finishes what it began. Nobody pays twice,
// and nobody who has paid is without a ticket or the money. In Chromium, on a running lastseat.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { launch, operator, order, pause } from "../page/system.mjs";
import { Stage, Visitor } from "./stage.mjs";

let browser;
let stage;
before(async () => (browser = await launch()));
after(() => browser.close());
beforeEach(async () => (stage = await Stage.open()));
afterEach(async () => {
  await stage.balances();
  await stage.close();
});

const come = () => Visitor.come(browser, stage.url);

for (const [when, what] of [
  ["before", "the confirmation reaches lastseat"],
  ["after", "its answer reaches the shop"],
]) {
  test(`killed after the provider's yes, before ${what}: the order is finished`, async () => {
    const ada = await come();
    await ada.holds(2);
    await ada.sees("2 tickets held for you");
    const caught = stage.toLastseat.catchNext("/confirm", when);
    await ada.pays();
    await caught;
    await stage.killShop();
    const { held, confirmed } = await operator("GET", stage.sale);
    assert.deepEqual([held, confirmed], when === "before" ? [2, 0] : [0, 2]);
    assert.equal((await stage.books())[0].charges, 1);
    await stage.startShop();
    await ada.page.reload();
    await ada.sees("2 tickets for you");
    await ada.leave();
  });
}

test("killed while the buyer pays: the payment is found although its call was lost", async () => {
  const ada = await come();
  await ada.holds(1);
  await ada.sees("1 ticket held for you");
  const there = ada.page.url();
  await ada.pays("");
  await stage.killShop();
  // The provider sends the buyer back to a shop that does not answer.
  await ada.page.click("button:text-is('Pay')", { noWaitAfter: true });
  while ((await stage.books())[0].charges < 1) await pause(50);
  await stage.startShop();
  // The browser may still show that there was no answer.
  await pause(200);
  await ada.page.goto(there);
  await ada.sees("1 ticket for you");
  await ada.leave();
});

test("killed between the order and its answer: its key finds it again", async () => {
  const ada = await come();
  const caught = stage.toLastseat.catchNext("/orders", "after");
  await ada.page.fill("#buyer", "ada@example.org");
  await ada.page.click("text=Hold them for me", { noWaitAfter: true });
  await caught;
  await stage.killShop();
  assert.equal((await operator("GET", stage.sale)).held, 1);
  await stage.startShop();
  await pause(200);
  await ada.page.goto(stage.url);
  await ada.page.click("text=Your order");
  await ada.sees("1 ticket held for you");
  await ada.pays();
  await ada.sees("1 ticket for you");
  assert.equal((await operator("GET", stage.sale)).confirmed, 1);
  await ada.leave();
});

test("killed between the refund and its answer: the money goes back once", async () => {
  await operator("PATCH", stage.sale, { hold_ms: 8_000 });
  await operator("POST", `${stage.sale}/restock`, { capacity: 1 });
  const ada = await come();
  await ada.holds(1);
  await ada.sees("1 ticket held for you");
  await ada.pays("");
  await stage.holdsEnd();
  await operator("POST", `${stage.sale}/restock`, { capacity: 0 });
  const caught = stage.toProvider.catchNext("/refunds", "after");
  await ada.page.click("button:text-is('Pay')");
  await caught;
  await stage.killShop();
  await stage.startShop();
  await ada.page.reload();
  await ada.page.locator("text=25.00 was given back").waitFor();
  const [{ refunds, charges }] = await stage.books();
  assert.deepEqual([Object.values(refunds), charges], [[2_500], 1]);
  await ada.leave();
});

// Without a browser: what it sends.
async function buys(number) {
  const form = new URLSearchParams({
    key: crypto.randomUUID(),
    buyer: `buyer-${number}`,
    quantity: "1",
  });
  const sent = (path, body) =>
    fetch(stage.url + path, { method: "POST", body, redirect: "manual" });
  for (;;) {
    // Whoever gets no answer sends the same form again.
    const held = await sent("/buy", form).catch(() => undefined);
    const here = held?.headers.get("location");
    if (!here) {
      await pause(100);
      continue;
    }
    const pay = await sent(`${here}/pay`, "").catch(() => undefined);
    const there = pay?.headers.get("location");
    if (pay?.status === 303 && there.startsWith("http")) {
      await fetch(there, {
        method: "POST",
        body: new URLSearchParams({ do: "pay" }),
        redirect: "manual",
      });
      return;
    }
    const page =
      pay?.status === 303
        ? await (await fetch(stage.url + here).catch(() => undefined))?.text()
        : "";
    if (/All tickets are sold|Others are paying/.test(page ?? "")) return;
    await pause(100);
  }
}

test("thirty buyers for twenty tickets, and the shop is killed twice", async () => {
  const killed = (async () => {
    for (const [count, when] of [
      [3, "after"],
      [6, "before"],
    ]) {
      for (let passed = 1; passed < count; passed++)
        await stage.toLastseat.catchNext("/confirm", "seen");
      await stage.toLastseat.catchNext("/confirm", when);
      await stage.killShop();
      await stage.startShop();
    }
  })();
  await Promise.all([killed, ...Array.from({ length: 30 }, (_, number) => buys(number))]);
  await stage.balances();
  assert.equal((await operator("GET", stage.sale)).confirmed, 20);
  assert.equal((await order(stage.sale)).code, "sold_out");
});
