// More ask than the edge lets through: here, more from one address than its rate.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Visitor, accessible, ask, launch, newSale } from "./system.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("in a crowd that is too large the page waits visibly and gets its turn", async () => {
  const sale = await newSale({ capacity: 100_000 });
  const ada = await Visitor.come(browser, sale);
  await ada.sees("On sale now");
  const sent = ada.counting();
  let crowded = true;
  const crowd = (async () => {
    while (crowded) await ask(sale).then((answer) => answer.text());
  })();
  try {
    // Now and then she is the one who slips through.
    for (let tries = 1; ; tries++) {
      sent.length = 0;
      await ada.buys("ada", 2);
      await ada.sees(/Waiting for your turn|tickets are yours/);
      if (!(await ada.page.textContent("#headline")).includes("yours")) break;
      assert.ok(tries < 10, "the edge lets everybody through");
      await ada.act("another");
    }
    await accessible(ada);
  } finally {
    crowded = false;
    await crowd;
  }
  await ada.sees("The 2 tickets are yours");
  assert.equal(new Set(sent.map((headers) => headers["idempotency-key"])).size, 1);
  await ada.leave();
});
