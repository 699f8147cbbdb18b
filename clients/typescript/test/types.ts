// Compared by the compiler alone: the client's types and those that openapi-typescript makes of
// docs/openapi.json.
import type { components } from "lastseat-api";
import type {
  CancelRequest,
  Code,
  ConfirmRequest,
  EventDetails,
  EventView,
  Line,
  LineRequest,
  Order,
  OrderState,
  ProblemBody,
  Sale,
  SeatsLeft,
} from "../src/index.ts";

type Schemas = components["schemas"];
// Each fits where the other is asked for.
type Same<A, B> = [A, B] extends [B, A] ? true : { ours: A; document: B };

export const same: [
  Same<Code, Schemas["Code"]>,
  Same<OrderState, Schemas["OrderState"]>,
  Same<Order, Schemas["OrderView"]>,
  Same<Line, Schemas["LineView"]>,
  Same<Sale, Schemas["SaleView"]>,
  Same<SeatsLeft, Schemas["SeatsLeft"]>,
  Same<EventDetails, Schemas["EventDetails"]>,
  Same<EventView, Schemas["EventView"]>,
  Same<ProblemBody, Schemas["Problem"]>,
] = [true, true, true, true, true, true, true, true, true];

// What is sent: every request of the client's is one of the document's, which has defaults and
// nulls besides.
export const sent = (line: LineRequest, confirm: ConfirmRequest, cancel: CancelRequest) =>
  [line, confirm, cancel] satisfies [
    Schemas["LineRequest"],
    Schemas["ConfirmRequest"],
    Schemas["CancelRequest"],
  ];
