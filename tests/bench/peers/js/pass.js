// The least that a worker in JavaScript does for an order that an origin decides: it sends the
// request on as it is, waits, reads one header, and returns the answer untouched. No deadline, no
// signature, no second origin: nothing that can be forwarded faster. Its origin is the first one of
// the variable ORIGINS, and must take orders from anybody.

import { env } from "cloudflare:workers";
import { origins } from "./origins.js";

const [{ url: origin }] = origins(env);

export default {
  async fetch(request) {
    const { url } = request;
    const answer = await fetch(origin + url.slice(url.indexOf("/", 8)), request);
    answer.headers.get("lastseat-grant");
    return answer;
  },
};
