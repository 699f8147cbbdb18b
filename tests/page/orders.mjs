// Several orders of one browser: none is forgotten, each can be opened, and each shows what the
// ledger has.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Visitor, accessible, change, launch, newSale, operator } from "./system.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const HELD = { capacity: 100, hold_ms: 300_000 };
const come = (sale, options) => Visitor.come(browser, sale, options);
const listed = (ada) => ada.page.locator("#orders-list li");

// Buys one more, and confirms it unless it is to stay held; the number of the new order.
async function buysAnother(ada, quantity, { stays = false } = {}) {
  if (await ada.page.locator("[data-action=another]").count()) await ada.act("another");
  await ada.buys("ada", quantity);
  await ada.sees(/held for you/);
  await ada.page.locator("#ticket-count", { hasText: String(quantity) }).waitFor();
  if (!stays) {
    await ada.act("confirm");
    await ada.sees(/yours/);
  }
  return ada.page.textContent("#ticket-id");
}

test("buy another keeps the order before it, which can be opened and changed after a reload", async () => {
  const sale = await newSale(HELD);
  const ada = await come(sale);
  const first = await buysAnother(ada, 1);
  const second = await buysAnother(ada, 2);
  await listed(ada)
    .filter({ hasText: first })
    .filter({ hasText: "1 ticket" })
    .filter({ hasText: "confirmed" })
    .waitFor();
  await accessible(ada);
  const third = await buysAnother(ada, 3);
  await ada.act("another");
  // With the form, too: newest first.
  await ada.sees("On sale now");
  await listed(ada).nth(2).waitFor();
  assert.deepEqual(await ada.page.locator("#orders-list .number").allTextContents(), [
    third,
    second,
    first,
  ]);
  await accessible(ada);
  await ada.page.reload();
  await listed(ada)
    .filter({ hasText: second })
    .filter({ hasText: "confirmed" })
    .locator("button")
    .click();
  await ada.sees("The 2 tickets are yours");
  assert.equal(await ada.page.textContent("#ticket-id"), second);
  await ada.givesBack();
  await ada.sees("Given back");
  assert.equal((await operator("GET", sale)).confirmed, 4);
  await listed(ada).filter({ hasText: first }).locator("button").click();
  await ada.sees("The ticket is yours");
  await listed(ada).filter({ hasText: second }).filter({ hasText: "given back" }).waitFor();
  // No id, which gives tickets back, is on the page.
  const keys = await ada.page.evaluate(
    (name) => JSON.parse(localStorage.getItem(name)),
    `lastseat:orders:${sale}`,
  );
  assert.equal(keys.length, 2);
  const html = await ada.page.content();
  for (const { key } of keys) assert.ok(!html.includes(key), "the id is not on the page");
  await ada.leave();
});

test("what becomes of an earlier order is shown as the ledger has it, not as it was", async () => {
  const sale = await newSale({ ...HELD, hold_ms: 60_000 });
  const ada = await come(sale);
  const first = await buysAnother(ada, 1);
  const number = await buysAnother(ada, 2, { stays: true });
  const key = await ada.key();
  await listed(ada).filter({ hasText: first }).locator("button").click();
  await ada.sees("The ticket is yours");
  await listed(ada).filter({ hasText: number }).filter({ hasText: "held" }).waitFor();
  await change(sale, key, "cancel");
  await listed(ada).filter({ hasText: number }).filter({ hasText: "given back" }).waitFor();
  // Nothing is known of it while no answer comes.
  await ada.page.route(`**/orders/${key}`, (route) => route.abort());
  await ada.page.reload();
  await listed(ada)
    .filter({ hasText: number })
    .filter({ hasText: "state not known yet" })
    .waitFor();
  await accessible(ada);
  await ada.leave();
});

test("another tab shows the same orders", async () => {
  const sale = await newSale(HELD);
  const ada = await come(sale);
  const first = await buysAnother(ada, 1);
  const tab = await ada.tab();
  await ada.sees("The ticket is yours", tab);
  const second = await buysAnother(ada, 2, { stays: true });
  await tab.locator("#ticket-id", { hasText: second }).waitFor();
  await tab.locator("#orders-list li", { hasText: first }).locator("button").click();
  await ada.page.locator("#ticket-id", { hasText: first }).waitFor();
  await listed(ada).filter({ hasText: second }).waitFor();
  assert.equal(await listed(ada).count(), 1);
  await ada.leave();
});

test("a browser remembers twenty earlier orders, and forgets first what has ended", async () => {
  const sale = await newSale(HELD);
  const ada = await come(sale);
  const kept = Array.from({ length: 20 }, (_, n) => ({
    key: `01234567890123456${n}`,
    number: `AAAA-AAAA-${n}`,
    state: n === 3 ? "expired" : "confirmed",
  }));
  await ada.page.evaluate(
    ([name, list]) => localStorage.setItem(name, JSON.stringify(list)),
    [`lastseat:orders:${sale}`, kept],
  );
  // Until the twenty-first is there nothing is read of them: the sale has none of these orders, and
  // one that was read counts as ended, too.
  const reads = `**/orders/${kept[0].key.slice(0, -1)}*`;
  await ada.page.route(reads, (route) => route.abort());
  await ada.page.reload();
  const own = await buysAnother(ada, 1);
  await ada.act("another");
  await listed(ada).filter({ hasText: own }).waitFor();
  assert.equal(await listed(ada).count(), 20);
  const numbers = await ada.page.locator("#orders-list .number").allTextContents();
  assert.deepEqual(numbers, [own, ...kept.filter((_, n) => n !== 3).map(({ number }) => number)]);
  // The sale has no such orders, and one that is opened says so.
  await ada.page.unroute(reads);
  await ada.page.reload();
  await listed(ada).filter({ hasText: "no such order" }).first().waitFor();
  await accessible(ada);
  await listed(ada).nth(1).locator("button").click();
  await ada.sees("There is no such order");
  await accessible(ada);
  await ada.act("another");
  await ada.sees("On sale now");
  await ada.leave();
});

for (const [name, storage] of [
  [
    "denied",
    () =>
      Object.defineProperty(window, "localStorage", {
        get: () => {
          throw new DOMException("", "SecurityError");
        },
      }),
  ],
  [
    "full",
    () =>
      (Storage.prototype.setItem = () => {
        throw new DOMException("", "QuotaExceededError");
      }),
  ],
]) {
  test(`with a storage that is ${name} the page keeps all its orders until it is closed`, async () => {
    const sale = await newSale(HELD);
    const ada = await come(sale);
    await ada.page.addInitScript(storage);
    await ada.page.reload();
    const first = await buysAnother(ada, 1);
    await buysAnother(ada, 2);
    await listed(ada).filter({ hasText: first }).filter({ hasText: "confirmed" }).waitFor();
    await ada.page.locator("#promise", { hasText: "Do not reload or close this page" }).waitFor();
    await accessible(ada);
    await listed(ada).locator("button").click();
    await ada.sees("The ticket is yours");
    assert.equal(await ada.page.textContent("#ticket-id"), first);
    await ada.leave();
  });
}
