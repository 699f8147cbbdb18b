// The client against a running lastseat, over a path that loses requests and answers. The tests of
// the repository run it (tests/tests/system/clients).
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, beforeEach, test } from "node:test";
import {
  CODES,
  delivery,
  isProblem,
  Lastseat,
  newKey,
  NotGenuine,
  OutcomeUnknown,
  Problem,
} from "../src/index.ts";
import { faultyPath } from "./faulty-path.mjs";
import { audited, edge, newSale, openapi, operator, pause, roster } from "./system.mjs";

const { shop_token: shopToken } = roster;
const TRAIN = {
  stops: ["A", "B", "C"],
  classes: [{ id: "second", coaches: [{ ids: "1", rows: "1-2", letters: "ABC DF" }] }],
};

const path = await faultyPath(edge);
const client = new Lastseat(path.url, { shopToken });
beforeEach(() => Object.assign(path, { faults: [], seen: [], statuses: [] }));
after(() => path.close());

const refused = async (call, code) => {
  const error = await call.then(
    () => undefined,
    (thrown) => thrown,
  );
  assert.ok(isProblem(error, code), `${code}: ${error}`);
  return error;
};
const unknown = async (call) => {
  const error = await call.then(
    () => undefined,
    (thrown) => thrown,
  );
  assert.ok(error instanceof OutcomeUnknown, String(error));
  return error;
};

test("an order whose answers are lost is one order under one key", async () => {
  const [sale, key] = [await newSale({ capacity: 10 }), newKey()];
  path.faults = ["lose", "page", "lose", "drop"];
  const order = await client.order(sale, key, { buyer: "ada", quantity: 2 });
  assert.deepEqual([order.order_id, order.quantity, order.state], [key, 2, "confirmed"]);
  const sent = path.seen.filter(({ url }) => url.endsWith("/orders")).map(({ headers }) => headers);
  assert.ok(sent.length >= 5, `${sent.length} requests`);
  assert.ok(sent.every((headers) => headers["idempotency-key"] === key));
  // The first one is not marked as a repeat; all others are.
  assert.deepEqual(
    sent.map((headers) => headers["lastseat-retry"]),
    [undefined, ...Array(sent.length - 1).fill("1")],
  );
  await audited(sale, { confirmed: 2, free: 8 });
});

test("the same key is the same order, and another content is refused", async () => {
  const [sale, key] = [await newSale({ capacity: 10 }), newKey()];
  const first = await client.order(sale, key, { buyer: "ada" });
  assert.deepEqual(await client.order(sale, key, { buyer: "ada" }), first);
  await refused(client.order(sale, key, { buyer: "ada", quantity: 2 }), "key_reused");
  await audited(sale, { confirmed: 1 });
});

test("a busy edge is asked again when it says so", async () => {
  // At once, and more than the edge takes from one address: until it has said so.
  const sale = await newSale({ capacity: 1_000 });
  let bought = 0;
  while (!path.statuses.includes(429) && bought < 400) {
    const keys = Array.from({ length: 20 }, newKey);
    await Promise.all(keys.map((key) => client.order(sale, key, { buyer: key })));
    bought += 20;
  }
  assert.ok(path.statuses.includes(429), path.statuses.join());
  await audited(sale, { confirmed: bought });
});

test("a no is an error with its code", async () => {
  const sale = await newSale({ capacity: 1 });
  await client.order(sale, newKey(), { buyer: "ada" });
  const no = await refused(client.order(sale, newKey(), { buyer: "bob" }), "sold_out");
  assert.equal(no.status, 409);
  assert.match(no.body.detail, /sold/);
  await refused(client.sale("no-such-sale"), "unknown_sale");
  await refused(client.read(sale, newKey()), "unknown_order");
  const opensAt = Date.now() + 3_600_000;
  const soon = await newSale({ capacity: 1, opens_at: opensAt });
  assert.equal(
    (await refused(client.order(soon, newKey(), { buyer: "bob" }), "not_open")).body.opens_at,
    opensAt,
  );
  assert.equal((await client.sale(sale)).availability, "sold_out");
});

test("whoever waits for held tickets gets one that comes back", async () => {
  const sale = await newSale({ capacity: 1, hold_ms: 2_000 });
  await client.order(sale, newKey(), { buyer: "ada" });
  assert.ok(
    (await refused(client.order(sale, newKey(), { buyer: "bob" }), "all_held")).retryAfterMs > 0,
  );
  const order = await client.order(sale, newKey(), { buyer: "bob" }, { whileHeld: true });
  assert.equal(order.state, "held");
});

test("an outcome that nobody knows is no refusal, and the same key finds it", async () => {
  const [sale, key] = [await newSale({ capacity: 1 }), newKey()];
  const hasty = new Lastseat(path.url, { timeoutMs: 1_000 });
  path.faults = Array(20).fill("lose");
  assert.equal((await unknown(hasty.order(sale, key, { buyer: "ada" }))).orderId, key);
  path.faults = [];
  assert.equal((await client.order(sale, key, { buyer: "ada" })).state, "confirmed");
  await audited(sale, { confirmed: 1 });
});

test("a no that says nothing of the earlier attempt does not end the doubt", async () => {
  const [sale, key] = [await newSale({ capacity: 5 }), newKey()];
  path.faults = ["lose", "garble"];
  assert.ok((await unknown(client.order(sale, key, { buyer: "ada" }))).problem);
  // It had been carried out.
  assert.equal((await client.read(sale, key)).state, "confirmed");
  // Without a lost answer before, the same "no" is one.
  path.faults = ["garble"];
  await refused(client.order(sale, newKey(), { buyer: "bob" }), "invalid");
});

test("while the ledger stands still nothing is refused and nothing sold twice", async () => {
  const [sale, key] = [await newSale({ capacity: 5 }), newKey()];
  process.kill(roster.redis.pid, "SIGSTOP");
  try {
    const hasty = new Lastseat(path.url, { timeoutMs: 1_000 });
    const error = await hasty.order(sale, key, { buyer: "ada" }).catch((thrown) => thrown);
    assert.ok(error instanceof OutcomeUnknown || isProblem(error, "unavailable"), String(error));
  } finally {
    process.kill(roster.redis.pid, "SIGCONT");
  }
  assert.equal((await client.order(sale, key, { buyer: "ada" })).order_id, key);
  await audited(sale, { confirmed: 1 });
});

test("a silent address is given up in time", async () => {
  const silent = createServer(() => {});
  await new Promise((listens) => silent.listen(0, "127.0.0.1", listens));
  const url = `http://127.0.0.1:${silent.address().port}`;
  const begun = performance.now();
  const hasty = new Lastseat(url, { attemptTimeoutMs: 300, timeoutMs: 1_000 });
  await unknown(hasty.read("demo", newKey()));
  assert.ok(performance.now() - begun < 10_000);
  silent.close();
});

test("a payment is confirmed once, however often its answer is lost", async () => {
  const [sale, key] = [await newSale({ capacity: 5, hold_ms: 60_000 }), newKey()];
  assert.ok((await client.order(sale, key, { buyer: "ada", quantity: 2 })).expires_at);
  const stranger = new Lastseat(path.url);
  await refused(stranger.confirm(sale, key), "unauthorized");
  path.faults = ["lose", "drop", "lose"];
  const paid = await client.confirm(sale, key);
  assert.deepEqual([paid.state, paid.quantity], ["confirmed", 2]);
  await refused(client.cancel(sale, key, { if_state: "held" }), "wrong_state");
  await refused(stranger.cancel(sale, key), "paid");
  assert.equal((await client.cancel(sale, key)).state, "cancelled");
  await refused(client.confirm(sale, key), "wrong_state");
  await audited(sale, { confirmed: 0, free: 5 });
});

test("what is said of a payment first stays, and the shop alone reads it", async () => {
  const [sale, key] = [await newSale({ capacity: 5, hold_ms: 60_000 }), newKey()];
  await client.order(sale, key, { buyer: "Zoë von A" });
  path.faults = ["lose"];
  const said = { reference: "pi 3", metadata: { invoice: "2026-7" } };
  const paid = await client.confirm(sale, key, said);
  assert.deepEqual({ reference: paid.reference, metadata: paid.metadata }, said);
  assert.deepEqual(await client.confirm(sale, key, { reference: "pi_4" }), paid);
  assert.deepEqual(await client.read(sale, key), paid);
  const { reference, metadata, confirmed_at, ...theirs } = paid;
  assert.deepEqual(await new Lastseat(path.url).read(sale, key), theirs);
});

test("a sale says what it sells", async () => {
  const event = { title: "Spring", zone: "UTC", starts_at: 1_808_155_800_000 };
  const view = await client.event(await newSale({ capacity: 5, event }));
  assert.deepEqual([view.event, view.starts_local], [event, "2027-04-19T17:30"]);
  assert.equal((await client.event(await newSale({ capacity: 5 }))).event, undefined);
});

test("a payment that comes too late is refused for ever", async () => {
  const [sale, key] = [await newSale({ capacity: 1, hold_ms: 600 }), newKey()];
  await client.order(sale, key, { buyer: "ada" });
  const next = await client.order(sale, newKey(), { buyer: "bob" }, { whileHeld: true });
  await client.confirm(sale, next.order_id);
  await refused(client.confirm(sale, key), "hold_expired");
  await operator("POST", `${sale}/restock`, { add: 5 });
  await refused(client.confirm(sale, key), "hold_expired");
});

test("a hold is extended", async () => {
  const [sale, key] = [await newSale({ capacity: 1, hold_ms: 60_000 }), newKey()];
  const first = await client.order(sale, key, { buyer: "ada" });
  await pause(50);
  assert.ok((await client.extend(sale, key)).expires_at > first.expires_at);
});

test("a part of an order is confirmed", async () => {
  const [sale, key] = [await newSale({ capacity: 5, hold_ms: 60_000 }), newKey()];
  await client.order(sale, key, { buyer: "ada", quantity: 3 });
  path.faults = ["lose"];
  assert.equal((await client.confirm(sale, key, { quantity: 2 })).quantity, 2);
  await refused(client.confirm(sale, key, { quantity: 3 }), "quantity_held");
  await audited(sale, { confirmed: 2, free: 3 });
});

test("lines of a plan name their seats, and a part is given back once", async () => {
  const [sale, key] = [await newSale({ plan: TRAIN, hold_ms: 60_000 }), newKey()];
  const lines = [{ class: "second", from: "A", to: "C", quantity: 2, together: "row" }];
  const { seats } = (await client.order(sale, key, { buyer: "ada", lines })).lines[0];
  assert.equal(seats.length, 2);
  assert.ok(path.seen.at(-1).url.endsWith("?for=second.A-C.2"), path.seen.at(-1).url);
  assert.equal((await client.plan(sale)).stops[0].id, "A");
  const left = await client.seats(sale, { class: "second", from: "A", to: "B" });
  assert.equal(left.classes[0].journeys[0].to, "B");
  const wanted = [{ class: "second", from: "A", to: "B", seats: [seats[0]] }];
  const taken = await refused(
    client.order(sale, newKey(), { buyer: "bob", lines: wanted }),
    "seat_taken",
  );
  assert.deepEqual([taken.body.line, taken.body.seat], [0, seats[0]]);
  // The repeat finds that the order does not have the seat any more: it was given back.
  path.faults = ["lose"];
  const rest = await client.cancel(sale, key, { seats: [seats[0]] });
  assert.deepEqual(rest.lines[0].seats, [seats[1]]);
  await refused(client.cancel(sale, key, { seats: [seats[0]] }), "not_its_seats");
  assert.equal((await client.confirm(sale, key)).quantity, 1);
});

test("the codes are those of the API's document", () => {
  assert.deepEqual(new Set(CODES), new Set(openapi.components.schemas.Code.enum));
});

// By the example that `lastseat relay` is tested with, which openssl made.
const [OURS, OTHER] = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];
const BY_OURS = "fbaaa70bc0e3fd2ccadf2c5ad35d9352f77840c911a9cd4debca0ba6a743289f";
const BY_OTHER = "e9dd282a496fe9c7537fa250d380665cccbf54fa505e5341f7dbe615bbe7eff2";
const AT = 1_763_862_000;
const taken = (header, secrets, nowS = AT) =>
  delivery(header, new TextEncoder().encode('{"a":1}'), secrets, nowS);

test("a delivery is genuine if one secret of two signed it", async () => {
  for (const [header, secrets] of [
    [`t=${AT},v1=${BY_OURS}`, [OURS]],
    [`t=${AT},v1=${BY_OTHER},v1=${BY_OURS}`, [OURS]],
    [`t=${AT},v1=${BY_OURS}`, [OTHER, OURS]],
  ]) {
    assert.deepEqual(await taken(header, secrets), { a: 1 });
  }
});

test("another signature, an old one and none are refused", async () => {
  const right = `t=${AT},v1=${BY_OURS}`;
  for (const [header, secrets, nowS] of [
    [null, [OURS]],
    ["", [OURS]],
    [right, [OTHER]],
    [right, []],
    [right, [OURS], AT + 301],
    [right, [OURS], AT - 301],
    [`t=${AT + 1},v1=${BY_OURS}`, [OURS]],
    [`t=${AT},v1=${BY_OURS.toUpperCase()}`, [OURS]],
    [right + `,v1=${BY_OTHER}`.repeat(4), [OURS]],
  ]) {
    await assert.rejects(taken(header, secrets, nowS), NotGenuine, String(header));
  }
  assert.ok(!isProblem(new NotGenuine("")) && Problem.prototype instanceof Error);
});
