// The running lastseat: LASTSEAT_CLUSTER names the file in which `lastseat cluster` says where
// everything is.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

export const roster = JSON.parse(readFileSync(process.env.LASTSEAT_CLUSTER, "utf8"));
export const edge = roster.edges[0].url;
export const openapi = JSON.parse(
  readFileSync(new URL("../../../docs/openapi.json", import.meta.url), "utf8"),
);

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// An operator's call, repeated while the machine is too busy for it.
export async function operator(method, path, body) {
  for (let tries = 0; ; tries++) {
    const answer = await fetch(`${roster.nodes[0].admin}/v1/admin/sales/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${roster.admin_token}`,
        "content-type": "application/json",
      },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text);
    assert.ok(answer.status >= 500 && tries < 20, `${method} ${path}: ${answer.status} ${text}`);
    await pause(300);
  }
}

export async function newSale(terms) {
  const sale = `ts-${randomUUID().slice(0, 13)}`;
  await operator("PUT", sale, terms);
  return sale;
}

// The audit of the sale is clean, with these numbers.
export async function audited(sale, numbers) {
  const report = await operator("GET", `${sale}/audit`);
  assert.equal(report.ok, true, JSON.stringify(report));
  for (const [name, number] of Object.entries(numbers)) assert.equal(report[name], number, name);
}
