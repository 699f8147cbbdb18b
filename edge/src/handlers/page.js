// Answers with the page, or says that the browser has it. `lastseat-page` is what page/build.mjs made of page/.
import { body, policy, tag } from "lastseat-page";

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
