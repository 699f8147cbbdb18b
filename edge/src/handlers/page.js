// Answers with the page, or says that the browser has it. `lastseat-page` is what page/build.mjs made of page/.
import { body, noPage, noSale, policy, style, stylePolicy, tag } from "lastseat-page";

const headers = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": policy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  // Kept by the browser, and asked for each time whether it is still this one.
  "cache-control": "no-cache",
  etag: tag,
  "lastseat-answered-by": "edge",
};

export function show(request) {
  if (request.headers.get("if-none-match")?.includes(tag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(body, { headers });
}

// Whether a person opens the address in a browser.
export const wantsPage = (request) => request.headers.get("accept")?.includes("text/html") ?? false;

const withStyle = (text) => text.replace("<style></style>", () => `<style>${style}</style>`);
const nothing = { sale: withStyle(noSale), page: withStyle(noPage) };

// What a person is told of an address at which there is no sale, or nothing at all.
export function showNothing(status, isOfSale) {
  const own = { ...headers, "content-security-policy": stylePolicy, "cache-control": "no-store", vary: "Accept" };
  delete own.etag;
  return new Response(isOfSale ? nothing.sale : nothing.page, { status, headers: own });
}
