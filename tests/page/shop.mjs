// A sale of a real shop: only the shop confirms, and it may name its buyers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Visitor, accessible, change, launch, newSale, shopToken } from "./system.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("the page leaves the payment to the shop, and shows it when it has come", async () => {
  const sale = await newSale({ capacity: 1, hold_ms: 60_000 });
  const ada = await Visitor.come(browser, sale);
  await ada.buys();
  await ada.sees("1 ticket held for you");
  await ada.act("confirm");
  await ada.page.locator("#detail", { hasText: "You pay at the shop" }).waitFor();
  assert.equal(await ada.page.locator("[data-action=confirm]").count(), 0);
  await accessible(ada);
  await change(sale, await ada.key(), "confirm", shopToken());
  await ada.sees("The ticket is yours");
  await ada.page.locator("#detail", { hasText: "Nobody else has this order" }).waitFor();
  await ada.leave();
});

test("a token of the shop names the buyer, leaves the address bar and goes with the order", async () => {
  const sale = await newSale({ capacity: 1 });
  const buyer = Buffer.from("ada@example.org").toString("base64url");
  const token = `1.k1.${Date.now() + 60_000}.${buyer}.${"0".repeat(64)}`;
  const ada = await Visitor.come(browser, sale, { path: `/s/${sale}#token=${token}` });
  await ada.sees("On sale now");
  assert.ok(!ada.page.url().includes("token"));
  assert.equal(await ada.page.inputValue("#buyer"), "ada@example.org");
  assert.equal(await ada.page.getAttribute("#buyer", "readonly"), "");
  await accessible(ada);
  // It outlives a reload, but not the tab.
  await ada.page.reload();
  const sent = ada.counting();
  await ada.page.click("#get");
  await ada.sees("The ticket is yours");
  assert.equal(sent[0]["lastseat-buyer-token"], token);
  await ada.leave();
});
