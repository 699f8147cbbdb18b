// A buyer in TypeScript, with the types that openapi-typescript makes from docs/openapi.json.
import createClient from "openapi-fetch";
import type { components, paths } from "lastseat-api";

type Order = components["schemas"]["OrderView"];
type Problem = components["schemas"]["Problem"];
type Outcome = { order?: Order; problem?: Problem; response: Response };

declare const process: { env: Record<string, string | undefined> };

const sale = process.env.SALE ?? "demo";
const client = createClient<paths>({ baseUrl: process.env.URL });

function expect(truth: boolean, what: string, outcome: unknown): asserts truth {
  if (!truth) throw new Error(`${what}: ${JSON.stringify(outcome)}`);
}

// Asks for one ticket, again and again while the sale is busy: the key makes that harmless.
async function buy(buyer: string, key: string): Promise<Outcome> {
  for (let tries = 0; tries < 100; tries++) {
    const { data, error, response } = await client.POST("/v1/sales/{sale}/orders", {
      params: { path: { sale }, header: { "Idempotency-Key": key } },
      body: { buyer, quantity: 1 },
    });
    if (error?.code !== "busy") return { order: data, problem: error, response };
    await new Promise((done) => setTimeout(done, error.retry_after_ms ?? 1000));
  }
  throw new Error("busy for ever");
}

const key = crypto.randomUUID();
const first = await buy("ada", key);
expect(first.response.status === 201, "granted", first);
expect(first.order?.state === "confirmed" && first.order.order_id === key, "confirmed", first);

const again = await buy("ada", key);
expect(again.response.status === 200, "the same order", again);
expect(again.response.headers.get("Idempotency-Replayed") === "true", "replayed", again);
expect(again.order?.created_at === first.order.created_at, "the same moment", again);

const late = await buy("bob", crypto.randomUUID());
expect(late.problem?.code === "sold_out", "sold out", late);

const path = { sale, order: key };
const cancelled = await client.POST("/v1/sales/{sale}/orders/{order}/cancel", { params: { path } });
expect(cancelled.data?.state === "cancelled", "cancelled", cancelled);

const seen = await client.GET("/v1/sales/{sale}/orders/{order}", { params: { path } });
expect(seen.data?.state === "cancelled", "seen", seen);
console.log("bought, repeated, heard sold_out, cancelled");
