// Webhooks: is a delivery from lastseat, and what does it say? By the Web Cryptography that Node
// and workers have, too.
import type { Delivery } from "./types.ts";

// How old a delivery may be, in seconds: somebody could have recorded it.
const TOLERANCE_S = 300;
// An entry of the log has at most 1,024 orders.
const BODY_MAX = 4 * 1024 * 1024;
const HEADER = /^t=([0-9]{1,12})((?:,v1=[0-9a-f]{64}){1,4})$/;

// Nobody who has the secret sent this now. Answer 401 and do nothing.
export class NotGenuine extends Error {
  override readonly name = "NotGenuine";
}

// The delivery in `body`, which came with the header `Lastseat-Signature: <signature>`. `secrets`
// are those that may have signed it: two while one replaces the other. What is done with it must be
// harmless when it is done twice: store `commit_seq` in the same transaction. Throws NotGenuine.
export async function delivery(
  signature: string | null | undefined,
  body: Uint8Array,
  secrets: string[],
  nowS: number = Date.now() / 1000,
): Promise<Delivery> {
  const [, time = "", listed = ""] = HEADER.exec(signature ?? "") ?? [];
  if (!time || body.length > BODY_MAX)
    throw new NotGenuine("the signature is missing or malformed");
  if (Math.abs(nowS - Number(time)) > TOLERANCE_S) throw new NotGenuine("the delivery is too old");
  const text = new TextEncoder();
  const before = text.encode(`${time}.`);
  const signed = new Uint8Array(before.length + body.length);
  signed.set(before);
  signed.set(body, before.length);
  const macs = listed.slice(",v1=".length).split(",v1=").map(fromHex);
  let fits = false;
  for (const secret of secrets) {
    const key = await crypto.subtle.importKey(
      "raw",
      text.encode(secret),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["verify"],
    );
    // In constant time.
    for (const mac of macs) fits = (await crypto.subtle.verify("HMAC", key, mac, signed)) || fits;
  }
  if (!fits) throw new NotGenuine("the signature does not fit");
  return JSON.parse(new TextDecoder().decode(body)) as Delivery;
}

const fromHex = (hex: string) =>
  Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
