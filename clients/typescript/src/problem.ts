// Errors of the client: a "no" with its code, and an outcome that is not known.

// Every code that an edge, or a node for buyers and shops, answers today. New ones may come: a
// problem then has a code that is not in this list. A test compares it with docs/openapi.json.
export const CODES = [
  "sold_out",
  "all_held",
  "not_enough",
  "not_together",
  "seat_taken",
  "leaves_single",
  "needs_lines",
  "no_plan",
  "not_its_seats",
  "has_plan",
  "not_open",
  "paused",
  "closed",
  "buyer_limit",
  "ended_limit",
  "order_limit",
  "key_reused",
  "hold_expired",
  "hold_limit",
  "wrong_state",
  "quantity_held",
  "paid",
  "unknown_order",
  "unknown_sale",
  "sale_exists",
  "capacity_taken",
  "bad_transition",
  "bad_terms",
  "invalid",
  "not_found",
  "method_not_allowed",
  "too_large",
  "length_required",
  "unauthorized",
  "token_expired",
  "token_verb",
  "token_sale",
  "untrusted",
  "buyer_token",
  "foreign_origin",
  "media_type",
  "busy",
  "unavailable",
  "outcome_unknown",
  "corrupt",
] as const;

export type Code = (typeof CODES)[number];

// The body of a "no", as docs/API.md describes it.
export interface ProblemBody {
  code: Code;
  title: string;
  status: number;
  detail: string;
  order_id?: string;
  // When to ask again, in milliseconds from now.
  retry_after_ms?: number;
  // Milliseconds since 1970.
  opens_at?: number;
  // Of an order with lines: the one that is refused, and what could be had instead.
  line?: number;
  seat?: string;
  instead?: string[];
  free?: number;
}

// lastseat said no. The call was not carried out, now or by an earlier attempt.
export class Problem extends Error {
  readonly body: ProblemBody;
  readonly code: Code;
  readonly status: number;
  // When to ask again, in milliseconds; none where that changes nothing.
  readonly retryAfterMs: number | undefined;

  constructor(body: ProblemBody, status: number, retryAfterMs: number | undefined) {
    super(`${body.code}: ${body.detail}`);
    this.name = "Problem";
    this.body = body;
    this.code = body.code;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

// The call may have been carried out: an answer was lost and none came in time. It is not a "no".
// Make the same call again, with the same key: the answer has the outcome. `problem` is what was
// said last, if anything was.
export class OutcomeUnknown extends Error {
  readonly orderId: string | undefined;
  readonly problem: Problem | undefined;

  constructor(orderId: string | undefined, problem: Problem | undefined) {
    const last = problem ? ` (last: ${problem.code})` : "";
    super(`the outcome is not known${last}: make the same call again`);
    this.name = "OutcomeUnknown";
    this.orderId = orderId;
    this.problem = problem;
  }
}

// Whether `error` is a problem, with one of these codes if any are named.
export function isProblem(error: unknown, ...codes: Code[]): error is Problem {
  return error instanceof Problem && (codes.length === 0 || codes.includes(error.code));
}
