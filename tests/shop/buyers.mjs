// Buyers in the shop: hold, pay, too late, declined; in Chromium, on a running lastseat.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { edge, launch, operator } from "../page/system.mjs";
import { PRICE, Stage, Visitor, accessible } from "./stage.mjs";

let browser;
let stage;
before(async () => (browser = await launch()));
after(() => browser.close());
beforeEach(async () => (stage = await Stage.open()));
// Whatever a test does, money and tickets agree at its end.
afterEach(async () => {
  await stage.balances();
  await stage.close();
});

const come = () => Visitor.come(browser, stage.url);

test("a buyer holds tickets, pays and has them; everybody can read each page", async () => {
  const ada = await come();
  await accessible(ada);
  await ada.holds(2);
  await ada.sees("2 tickets held for you");
  await accessible(ada);
  assert.match(await ada.page.textContent("#number"), /^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{2}$/);
  await ada.pays("");
  await accessible(ada);
  await ada.page.click("button:text-is('Pay')");
  await ada.sees("2 tickets for you");
  await accessible(ada);
  // No address of the shop's has the order's id in it.
  const [{ key, amount, charges }] = await stage.books();
  assert.ok(!ada.page.url().includes(key), ada.page.url());
  assert.deepEqual([amount, charges], [2 * PRICE, 1]);
  await ada.leave();
});

test("who holds tickets on the buyer page pays in the shop, by the pay URL", async () => {
  await operator("PATCH", stage.sale, {
    pay_url: `${stage.url}/pay?order={order_id}&number={number}&sale={sale}`,
  });
  const ada = await Visitor.come(browser, `${edge}/s/${stage.sale}`);
  await ada.page.fill("#buyer", "ada@example.org");
  await ada.page.fill("#quantity", "2");
  await ada.page.click("#get");
  await ada.page.click("[data-action=pay]");
  await ada.sees("2 tickets held for you");
  await ada.pays();
  await ada.sees("2 tickets for you");
  await ada.page.goto(`${edge}/s/${stage.sale}`);
  await ada.page.locator("#headline", { hasText: "The 2 tickets are yours" }).waitFor();
  await ada.leave();
});

test("a form that is sent twice is one order, a payment in two tabs one payment", async () => {
  const ada = await come();
  const second = await ada.tab(stage.url);
  // Both tabs have the same key: the browser keeps it.
  for (const page of [ada.page, second]) {
    await page.fill("#buyer", "ada@example.org");
    await page.fill("#quantity", "3");
  }
  await Promise.all([ada.page, second].map((page) => page.dblclick("text=Hold them for me")));
  await Promise.all([ada.page, second].map((page) => ada.sees("3 tickets held for you", page)));
  assert.equal((await operator("GET", stage.sale)).held, 3);
  for (const page of [ada.page, second]) {
    await page.click("button:has-text('Pay')");
    await ada.sees("Pay ", page);
  }
  await Promise.all([ada.page, second].map((page) => page.click("button:text-is('Pay')")));
  await Promise.all([ada.page, second].map((page) => ada.sees("3 tickets for you", page)));
  assert.equal((await stage.books()).length, 1);
  await ada.leave();
});

test("a declined payment gives the tickets back, and so may the buyer", async () => {
  const ada = await come();
  await ada.holds(2);
  await ada.pays("Decline");
  await ada.sees("The payment was declined");
  await accessible(ada);
  await ada.page.click("text=Begin again");
  await ada.holds(1);
  await ada.sees("1 ticket held for you");
  await ada.page.click("text=Give back");
  await ada.sees("Given back");
  assert.equal((await operator("GET", stage.sale)).free, 20);
  await ada.leave();
});

test("who pays too late gets tickets while some are free, else the money back", async () => {
  await operator("PATCH", stage.sale, { hold_ms: 8_000 });
  const [ada, bob] = [await come(), await come()];
  await ada.holds(2);
  await ada.sees("2 tickets held for you");
  await ada.pays("");
  await bob.holds(2, "bob@example.org");
  await bob.sees("2 tickets held for you");
  await bob.pays("");
  // Both holds end, and for one of them there is no room any more.
  await stage.holdsEnd();
  await ada.page.click("button:text-is('Pay')");
  await ada.sees("2 tickets for you");
  await operator("POST", `${stage.sale}/restock`, { capacity: 2 });
  await bob.page.click("button:text-is('Pay')");
  await bob.sees("No tickets");
  await bob.page.locator("text=50.00 was given back").waitFor();
  await accessible(bob);
  await ada.leave();
  await bob.leave();
});

test("when nothing is left the shop says why, and takes no payment", async () => {
  await operator("POST", `${stage.sale}/restock`, { capacity: 2 });
  const [ada, bob] = [await come(), await come()];
  await ada.holds(2);
  await ada.sees("2 tickets held for you");
  await bob.holds(1, "bob@example.org");
  await bob.page.locator("text=Others are paying for the last tickets").waitFor();
  await ada.pays();
  await ada.sees("2 tickets for you");
  await bob.page.click("text=Try again");
  await bob.holds(1, "bob@example.org");
  await bob.page.locator("text=All tickets are sold").waitFor();
  await accessible(bob);
  await ada.leave();
  await bob.leave();
});

test("a page of another website orders nothing in a visitor's browser", async () => {
  const form = new URLSearchParams({ key: crypto.randomUUID(), buyer: "eve", quantity: "1" });
  const headers = {
    "sec-fetch-site": "cross-site",
    "content-type": "application/x-www-form-urlencoded",
  };
  const answer = await fetch(`${stage.url}/buy`, {
    method: "POST",
    headers,
    body: form,
    redirect: "manual",
  });
  assert.equal(answer.status, 403);
  assert.equal((await operator("GET", stage.sale)).held, 0);
});
