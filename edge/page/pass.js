// The buyer token of a shop that gives them out: it comes behind the `#` of the address, which no
// server ever sees, and is taken out of the address bar. It lasts as long as the tab.
import { wrongIn } from "./buyer.js";

export function takePass(sale) {
  const name = `lastseat:pass:${sale}`;
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null) history.replaceState(null, "", location.pathname + location.search);
  try {
    if (given !== null) sessionStorage.setItem(name, given);
    return sessionStorage.getItem(name);
  } catch {
    return given;
  }
}

// The buyer that a token of the form `1.<key id>.<expiry>.<base64url buyer>.<mac>` names.
export function buyerOf(token) {
  try {
    const bytes = atob(token.split(".")[3].replaceAll("-", "+").replaceAll("_", "/"));
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
    return wrongIn(text) === null ? text : null;
  } catch {
    return null;
  }
}
