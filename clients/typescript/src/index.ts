// Thin client of lastseat, without dependencies, for browsers, Node and workers.
//
// An order is placed under a key that the caller makes and stores before it sends anything.
// Whatever is lost on the way, the same key sent again means the same order; this client sends it
// again, waits as the answers say, and tells what is not known apart from what was refused.
export { Lastseat, newKey, type OrderOptions, type Options } from "./client.ts";
export {
  CODES,
  type Code,
  isProblem,
  OutcomeUnknown,
  Problem,
  type ProblemBody,
} from "./problem.ts";
export { type Answered, overFetch, type Request, type Send } from "./transport.ts";
export type {
  CancelRequest,
  ConfirmRequest,
  Delivery,
  EventDetails,
  EventView,
  Line,
  LineRequest,
  LogEvent,
  Order,
  OrderRequest,
  OrderState,
  PlanView,
  Sale,
  SeatsLeft,
} from "./types.ts";
export { delivery, NotGenuine } from "./webhooks.ts";
