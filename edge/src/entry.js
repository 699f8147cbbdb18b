// The worker: what the runtime calls. `handle` returns a Response, or a promise of one where an
// origin is asked.
//
// worker-build's own entry wraps each call in proxies that await and catch, so that a new instance
// can be made after a panic. The generated bindings do that by themselves (scripts/build-edge asks
// for it): a trap marks the instance as ended, and the next call makes a fresh one.
import { env } from "cloudflare:workers";
import { check, handle } from "./index.js";

// Wrong variables are named when the worker starts, not by the first buyer.
check(env);

export default {
  fetch: (request, env, context) => handle(request, request.url, request.method, env, context),
};
