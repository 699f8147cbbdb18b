// The dashboard while a crowd comes: what it shows must be true in every moment, and exact at the end.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Desk, PATIENCE, POLL, launch, operator, roster } from "./system.mjs";

const SALE = process.env.RUSH_SALE;
const TICKETS = Number(process.env.RUSH_TICKETS);
const BUYERS = Number(process.env.RUSH_BUYERS);
const SCREEN = process.env.RUSH_SCREEN;

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("the numbers on screen are true during a rush and agree with the audit at its end", async () => {
  // Two nodes, two operators: each of them sees the whole cluster.
  const desks = [await Desk.open(browser), await Desk.open(browser, { node: 3, colorScheme: "dark" })];
  await desks[0].sees("link", "live");
  // The crowd may come.
  console.log("ready");
  for (const desk of desks) await desk.choose(SALE);
  let samples = 0;
  let during = false;
  const end = Date.now() + 4 * PATIENCE;
  for (let sold = 0; sold < TICKETS; ) {
    assert.ok(Date.now() < end, `only ${sold} of ${TICKETS} were sold`);
    for (const desk of desks) {
      const seen = await desk.numbers();
      assert.equal(seen.capacity, seen.free + seen.held + seen.confirmed);
      assert.equal(seen.ok, "true");
      assert.ok(seen.confirmed >= 0 && seen.confirmed <= TICKETS);
      sold = seen.confirmed;
      samples++;
    }
    if (!during && sold > TICKETS / 3) {
      during = true;
      if (SCREEN) await desks[0].page.screenshot({ path: SCREEN });
    }
    await new Promise((done) => setTimeout(done, 200));
  }
  assert.ok(samples > 4, `${samples} samples`);
  await desks[0].sees("events", `${SALE} sold out`);

  // What the edge refused last travels with the next request that it forwards.
  const { edges } = roster();
  let totals;
  const settled = () => {
    const refused = Object.values(totals.edge.refused).reduce((a, b) => a + b, 0);
    return totals.edge.asked >= BUYERS && totals.edge.asked === refused + totals.edge.forwarded && totals.edge.forwarded === totals.received;
  };
  const patience = Date.now() + 2 * PATIENCE;
  do {
    assert.ok(Date.now() < patience, `the edge's counts do not settle: ${JSON.stringify(totals)}`);
    await fetch(`${edges[0]}/v1/sales/${SALE}`);
    await new Promise((done) => setTimeout(done, 1200));
    totals = await desks[0].page.evaluate((name) => lastseat.status().sales.find((sale) => sale.sale === name).totals, SALE);
  } while (!settled());

  const audit = await operator("GET", `${SALE}/audit`);
  assert.ok(audit.ok);
  for (const desk of desks) {
    const seen = await desk.numbers();
    assert.deepEqual(
      [seen.capacity, seen.free, seen.held, seen.confirmed],
      [audit.capacity, audit.free, audit.held, audit.confirmed],
    );
  }
  const asked = (n) => document.querySelector('tr[data-stage="asked"] .total').textContent.replaceAll(",", "") === String(n);
  await desks[0].page.waitForFunction(asked, totals.edge.asked, POLL);
  const funnel = await desks[0].funnel();
  assert.equal(funnel.granted, audit.confirmed);
  assert.equal(funnel.confirmed, TICKETS);
  assert.equal(funnel.asked, funnel.refused_at_edge + funnel.refused_at_origin + funnel.ledger);
  assert.ok(funnel.asked >= BUYERS, `${funnel.asked} asked`);

  // Over the whole rush the traffic followed the weights 1:2:3:4.
  const received = await desks[0].page.evaluate((name) => lastseat.status().sales.find((sale) => sale.sale === name).received_by_node, SALE);
  const all = Object.values(received).reduce((a, b) => a + b, 0);
  for (const [node, count] of Object.entries(received)) {
    assert.ok(Math.abs(count / all - Number(node) / 10) < 0.05, `node ${node}: ${count} of ${all}`);
  }

  await desks[0].page.click("#do-audit");
  await desks[0].sees("outcome", "Audit clean");
  await desks[1].sees("audit", "clean");
  for (const desk of desks) {
    await desk.accessible();
    await desk.leave();
  }
});
