// The dashboard while a crowd comes: what it shows must be true in every moment, and exact at the
// end.
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

// Orders that a node had to answer without an outcome, over all nodes: none unless the machine is
// too busy.
async function faults() {
  let sum = 0;
  for (const { admin } of roster().nodes) {
    const text = await (await fetch(`${admin}/metrics`)).text();
    for (const [, n] of text.matchAll(/outcome="(?:unavailable|outcome_unknown|corrupt)"} (\d+)/g))
      sum += Number(n);
  }
  return sum;
}

test("the numbers on screen are true during a rush and agree with the audit at its end", async () => {
  // Two nodes, two operators: each of them sees the whole cluster.
  const desks = [
    await Desk.open(browser),
    await Desk.open(browser, { node: 3, colorScheme: "dark" }),
  ];
  await desks[0].sees("link", "live");
  // The crowd may come.
  console.log("ready");
  for (const desk of desks) await desk.choose(SALE);
  let samples = 0;
  let during = false;
  const end = Date.now() + 4 * PATIENCE;
  for (let sold = 0; sold < TICKETS;) {
    assert.ok(Date.now() < end, `only ${sold} of ${TICKETS} were sold`);
    for (const desk of desks) {
      const seen = await desk.numbers();
      assert.equal(seen.capacity, seen.free + seen.held + seen.confirmed);
      assert.notEqual(seen.ok, "false");
      assert.ok(seen.confirmed >= 0 && seen.confirmed <= TICKETS);
      sold = seen.confirmed;
      samples++;
    }
    if (!during && sold > TICKETS / 3) {
      during = true;
      if (SCREEN) await desks[0].page.screenshot({ path: SCREEN });
    }
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.ok(samples > 4, `${samples} samples`);
  await desks[0].sees("events", `${SALE} sold out`);

  // What the edge refused last travels with the next request that it forwards.
  const { edges } = roster();
  const view = () =>
    desks[0].page.evaluate(
      (name) => lastseat.status().sales.find((sale) => sale.sale === name),
      SALE,
    );
  let totals;
  const patience = Date.now() + 2 * PATIENCE;
  do {
    assert.ok(Date.now() < patience, `the edge has told too little: ${JSON.stringify(totals)}`);
    await fetch(`${edges[0].url}/v1/sales/${SALE}`);
    await new Promise((done) => setTimeout(done, 1500));
    ({ totals } = await view());
  } while (totals.edge.asked < BUYERS);
  const { edge } = totals;
  const refused = Object.values(edge.refused).reduce((a, b) => a + b, 0);
  // A body that never came is asked but not forwarded; an order that is tried at a second node is
  // received twice, and may tell twice what it carries.
  if (edge.failed === 0) assert.ok(edge.asked >= refused + edge.forwarded, JSON.stringify(totals));
  assert.ok(
    Math.abs(totals.received - edge.forwarded) <= edge.failed + (await faults()),
    JSON.stringify(totals),
  );

  const audit = await operator("GET", `${SALE}/audit`);
  assert.ok(audit.ok);
  for (const desk of desks) {
    const seen = await desk.numbers();
    assert.deepEqual(
      [seen.capacity, seen.free, seen.held, seen.confirmed],
      [audit.capacity, audit.free, audit.held, audit.confirmed],
    );
  }
  const asked = (n) =>
    document.querySelector('tr[data-stage="asked"] .total').textContent.replaceAll(",", "") ===
    String(n);
  await desks[0].page.waitForFunction(asked, refused + totals.received, POLL);
  const funnel = await desks[0].funnel();
  const without_outcome = await faults();
  assert.equal(funnel.confirmed, TICKETS);
  assert.ok(funnel.granted <= TICKETS, `${funnel.granted} granted`);
  assert.ok(
    funnel.granted + totals.replayed + without_outcome >= TICKETS,
    `${funnel.granted} granted`,
  );
  const missing = funnel.asked - funnel.refused_at_edge - funnel.refused_at_origin - funnel.ledger;
  assert.ok(
    missing >= 0 && missing <= without_outcome,
    `${missing} of ${JSON.stringify(funnel)} have no outcome`,
  );

  // Over the whole rush the traffic followed the weights 1:2:3:4, unless a node was too slow and
  // others stood in.
  const received = (await view()).received_by_node;
  const all = Object.values(received).reduce((a, b) => a + b, 0);
  assert.equal(all, totals.received);
  for (const [node, count] of Object.entries(received)) {
    const exact = edge.failed + without_outcome === 0;
    if (exact)
      assert.ok(
        Math.abs(count / all - Number(node) / 10) < 0.05,
        `node ${node}: ${count} of ${all}`,
      );
  }

  await desks[0].page.click("#do-audit");
  await desks[0].sees("outcome", "Audit clean");
  await desks[1].sees("audit", "clean");
  for (const desk of desks) {
    await desk.accessible();
    await desk.leave();
  }
});
