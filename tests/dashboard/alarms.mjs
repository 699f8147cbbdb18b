// What the dashboard says of what is wrong elsewhere, and of the edges.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Desk, launch, operator, redis, roster } from "./system.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

// Buyers who come through the edge.
async function visit(sale, count) {
  const { url } = roster().edges[0];
  for (let i = 0; i < count; i++) {
    const answer = await fetch(`${url}/v1/sales/${sale}/orders`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ buyer: `b${i}` }),
    });
    assert.ok(answer.status < 500, await answer.text());
  }
}

const alarm = (desk, name) => desk.page.locator(`#alarm-list [data-alert="${name}"]`);

test("each thread of a gateway is listed with what it asked and was granted", async () => {
  await operator("PUT", "through", { capacity: 1_000 });
  await visit("through", 40);
  const desk = await Desk.open(browser, { node: 1 });
  await desk.choose("through");
  await desk.page.locator("#edges-table tbody tr").first().waitFor();
  await desk.page.waitForFunction(() => {
    const edges = lastseat.status().edges;
    return edges.reduce((sum, { requests }) => sum + requests, 0) >= 40;
  });
  const rows = await desk.rows("edges-table");
  const linked = rows.filter((row) => row.is === "gateway, over a link");
  assert.ok(linked.length > 0, JSON.stringify(rows));
  for (const row of linked) {
    assert.match(row.edge, /^127\.0\.0\.1 · [0-9a-f]{8}$/);
    assert.match(row["last seen"], /^\d+ s ago$/);
    assert.equal(row.zone, "–");
  }
  const sum = (name) => linked.reduce((sum, row) => sum + Number(row[name].replaceAll(",", "")), 0);
  assert.ok(sum("requests") > 0 && sum("granted") > 0, JSON.stringify(linked));
  await desk.sees("edges-note", "seen in the last five minutes");
  await desk.accessible();
  await desk.leave();
});

test("what is wrong with Redis is in the banner until it is over, and says nothing while nothing is known", async () => {
  await operator("PUT", "watched", { capacity: 10 });
  const desk = await Desk.open(browser);
  await desk.choose("watched");
  await desk.sees("link", "live");
  assert.equal(await alarm(desk, "LastseatRedisConcern").count(), 0);
  // Half a minute, so that a moment is no alarm.
  redis("CONFIG", "SET", "appendfsync", "everysec");
  try {
    await alarm(desk, "LastseatRedisConcern").waitFor();
    const text = await alarm(desk, "LastseatRedisConcern").textContent();
    assert.match(text, /^Now: .* does not sync its append-only file .* Since \d\d:\d\d:\d\d, nodes? .*/);
    assert.equal(await desk.page.title(), "(!) lastseat");
    await desk.accessible();
    // While the node says nothing it is not known whether it is still so.
    const { pid } = roster().nodes[0];
    process.kill(pid, "SIGSTOP");
    try {
      await desk.sees("banner-what", "No news from this node");
      assert.equal(await desk.page.locator("#alarms").isVisible(), false);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await alarm(desk, "LastseatRedisConcern").waitFor();
  } finally {
    redis("CONFIG", "SET", "appendfsync", "always");
  }
  await alarm(desk, "LastseatRedisConcern").waitFor({ state: "detached" });
  await desk.leave();
});

test("a node that stays silent is an alarm with its runbook, and none when it is back", async () => {
  const desk = await Desk.open(browser);
  await desk.sees("link", "live");
  const { pid } = roster().nodes[3];
  process.kill(pid, "SIGSTOP");
  try {
    await alarm(desk, "LastseatNodeDown").waitFor();
    assert.match(await alarm(desk, "LastseatNodeDown").textContent(), /, node 4: /);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await alarm(desk, "LastseatNodeDown").waitFor({ state: "detached" });
  await desk.leave();
});
