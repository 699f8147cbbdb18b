// The signature of an edge, as shared/src/auth/edge_signature.rs makes it: HMAC-SHA-256 over fields
// that each follow their length in eight bytes. By WebCrypto, which took 5 microseconds where
// node:crypto took 7.

const text = new TextEncoder();
const purpose = "lastseat edge request 1";
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

// Its result signs the fields of a request: `sign(now, [method, path, order, client, edge,
// keySource, token])`.
export async function signer(id, secret) {
  const use = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", text.encode(secret), use, false, ["sign"]);
  // A field takes three bytes for each character at most.
  const buffer = new Uint8Array(8192);
  const view = new DataView(buffer.buffer);
  return async (now, fields) => {
    let end = 0;
    const add = (field) => {
      const { written } = text.encodeInto(field, buffer.subarray(end + 8));
      view.setUint32(end, 0);
      view.setUint32(end + 4, written);
      end += 8 + written;
    };
    add(purpose);
    view.setBigUint64(end, 8n);
    view.setBigUint64(end + 8, BigInt(now));
    end += 16;
    fields.forEach(add);
    // A copy: another request may write to the buffer while this one waits.
    const code = new Uint8Array(await crypto.subtle.sign("HMAC", key, buffer.slice(0, end)));
    let digits = "";
    for (const byte of code) digits += hex[byte];
    return `1.${id}.${now}.${digits}`;
  };
}
