// The client: calls that may be lost, and are sent again until their outcome is known.
import { OutcomeUnknown, Problem, type Code, type ProblemBody } from "./problem.ts";
import { overFetch, type Answered, type Send } from "./transport.ts";
import type {
  CancelRequest,
  ConfirmRequest,
  EventView,
  LineRequest,
  Order,
  OrderRequest,
  PlanView,
  Sale,
  SeatsLeft,
} from "./types.ts";

// Longer than an edge takes at most to answer.
const ATTEMPT_TIMEOUT_MS = 9_000;
// How long a call is sent again before the caller is told what is known.
const TIMEOUT_MS = 30_000;
// Of a call, whatever its timeout: a bound where waits are short.
const ATTEMPTS_MAX = 60;
// Between two attempts where the answer names no time: doubled each time.
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 15_000;

// Nothing happened; the same call may work in a moment.
const NOT_CARRIED_OUT = new Set<Code>(["busy", "unavailable"]);
// Said of this attempt alone, before anybody looked for the order: an earlier one whose answer was
// lost may have been carried out all the same.
const SAYS_NOTHING_OF_EARLIER = new Set<Code>([
  "busy",
  "unavailable",
  "corrupt",
  "invalid",
  "not_found",
  "method_not_allowed",
  "too_large",
  "length_required",
  "unauthorized",
  "untrusted",
  "buyer_token",
  "foreign_origin",
  "media_type",
]);

export interface Options {
  // What `confirm` needs, and `cancel` of a paid order. Never in a browser.
  shopToken?: string;
  // What orders need where the edge asks for one.
  buyerToken?: string;
  // How long one attempt may take, and how long a call is sent again.
  attemptTimeoutMs?: number;
  timeoutMs?: number;
  // For places without `fetch` or timers.
  send?: Send;
  pause?: (ms: number) => Promise<void>;
  now?: () => number;
}

export interface OrderOptions {
  // Waits for tickets that others hold and may not pay.
  whileHeld?: boolean;
}

interface Call {
  order?: string;
  again?: ReadonlySet<Code>;
  // Whether the call is for a part of an order: a repeat of it finds that the order does not have
  // it any more.
  part?: boolean;
}

// A key for one order. Store it before the order is sent: it is the order's id, and a secret.
export const newKey = (): string => crypto.randomUUID();

// The API of one edge, such as `https://tickets.example.com`; "" in a page of the edge's own host.
//
// Every call throws `Problem` when lastseat says no, and `OutcomeUnknown` when its answer was lost
// and none came within `timeoutMs`: then nobody knows yet, and the same call has to be made again.
export class Lastseat {
  readonly #url: string;
  readonly #shop: Record<string, string>;
  readonly #buyer: Record<string, string>;
  readonly #attemptTimeoutMs: number;
  readonly #timeoutMs: number;
  readonly #send: Send;
  readonly #pause: (ms: number) => Promise<void>;
  readonly #now: () => number;

  constructor(url: string, options: Options = {}) {
    this.#url = url.replace(/\/+$/, "");
    this.#shop = options.shopToken ? { authorization: `Bearer ${options.shopToken}` } : {};
    this.#buyer = options.buyerToken ? { "lastseat-buyer-token": options.buyerToken } : {};
    this.#attemptTimeoutMs = options.attemptTimeoutMs ?? ATTEMPT_TIMEOUT_MS;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#send = options.send ?? overFetch;
    this.#pause = options.pause ?? ((ms) => new Promise((done) => setTimeout(done, ms)));
    // A clock that nobody sets, where there is one.
    this.#now = options.now ?? (() => performance.now());
  }

  // Orders tickets under `key`, which the caller has stored: see `newKey`. The same key again is
  // the same order, as it stands now: look at its `state`.
  order(
    sale: string,
    key: string,
    request: OrderRequest,
    { whileHeld = false }: OrderOptions = {},
  ): Promise<Order> {
    const about = request.lines ? `?for=${aboutOf(request.lines)}` : "";
    const headers = { "idempotency-key": key, ...this.#buyer };
    const again = new Set<Code>(whileHeld ? ["all_held"] : []);
    return this.#call("POST", `${saleAt(sale)}/orders${about}`, request, headers, {
      order: key,
      again,
    });
  }

  // The order as the ledger has it; with a shop token also what was said of its payment.
  read(sale: string, orderId: string): Promise<Order> {
    return this.#call("GET", orderAt(sale, orderId), undefined, this.#shop, { order: orderId });
  }

  // The payment came: sells what is held, or a part of it, and the rest returns. `hold_expired` and
  // `wrong_state` mean: refund. Repeating it is harmless; an answer with another `reference` than
  // the one that was sent means that the buyer has paid twice.
  confirm(sale: string, orderId: string, part: ConfirmRequest = {}): Promise<Order> {
    return this.#call("POST", `${orderAt(sale, orderId)}/confirm`, part, this.#shop, {
      order: orderId,
    });
  }

  // Gives the tickets back, or a part of them, whatever state the order is in. With `if_state:
  // "held"` a paid order stays: for the late news of a payment that failed.
  async cancel(sale: string, orderId: string, what: CancelRequest = {}): Promise<Order> {
    const part = Boolean(what.lines ?? what.seats);
    try {
      return await this.#call("POST", `${orderAt(sale, orderId)}/cancel`, what, this.#shop, {
        order: orderId,
        part,
      });
    } catch (error) {
      if (!(error instanceof Repeated)) throw error;
      const seen = await this.read(sale, orderId);
      if (error.problem.code === "not_its_seats" && !hasAny(seen, what)) return seen;
      throw error.problem;
    }
  }

  // Holds it for another hold time from now, until it is three hold times old.
  extend(sale: string, orderId: string): Promise<Order> {
    return this.#call("POST", `${orderAt(sale, orderId)}/extend`, {}, this.#shop, {
      order: orderId,
    });
  }

  // How the sale stands; at most a second old.
  sale(sale: string): Promise<Sale> {
    return this.#call("GET", saleAt(sale));
  }

  // What the sale sells, in words; at most ten seconds old.
  event(sale: string): Promise<EventView> {
    return this.#call("GET", `${saleAt(sale)}/event`);
  }

  // What a sale with a plan sells.
  plan(sale: string): Promise<PlanView> {
    return this.#call("GET", `${saleAt(sale)}/plan`);
  }

  // What is left of it: of a `class`, a `block`, or a journey `from` a stop `to` another.
  seats(
    sale: string,
    part: { class?: string; block?: string; from?: string; to?: string } = {},
  ): Promise<SeatsLeft> {
    const query = Object.entries(part).map(
      ([name, value]) => `${name}=${encodeURIComponent(value)}`,
    );
    return this.#call(
      "GET",
      `${saleAt(sale)}/seats${query.length > 0 ? `?${query.join("&")}` : ""}`,
    );
  }

  // Sends it until its outcome is known, or until its time is over.
  async #call<Body>(
    method: "GET" | "POST",
    path: string,
    content?: object,
    given: Record<string, string> = {},
    { order, again, part }: Call = {},
  ): Promise<Body> {
    const headers: Record<string, string> = {
      ...given,
      ...(content && { "content-type": "application/json" }),
    };
    const body = content && JSON.stringify(content);
    const attemptTimeoutMs = this.#attemptTimeoutMs;
    const request = { method, url: this.#url + path, headers, body, attemptTimeoutMs };
    const end = this.#now() + this.#timeoutMs;
    let unsure = false;
    for (let attempt = 1; ; attempt++) {
      const answer = read(await this.#send(request), order !== undefined);
      if (answer && !(answer instanceof Problem)) return answer as Body;
      const code = answer?.code;
      if (code === undefined || code === "outcome_unknown") {
        unsure = true;
        // With this a "no" comes from the ledger, which has every order that it granted.
        headers["lastseat-retry"] = "1";
      } else if (again?.has(code)) {
        unsure = false;
      } else if (!NOT_CARRIED_OUT.has(code)) {
        if (unsure && SAYS_NOTHING_OF_EARLIER.has(code)) throw new OutcomeUnknown(order, answer);
        throw unsure && part && answer ? new Repeated(answer) : answer;
      }
      const wait = backoffMs(attempt, answer);
      if (attempt === ATTEMPTS_MAX || this.#now() + wait > end) {
        throw unsure || !answer ? new OutcomeUnknown(order, answer) : answer;
      }
      await this.#pause(wait);
    }
  }
}

// A "no" to a repeat of a call that may have been carried out before.
class Repeated extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

const saleAt = (sale: string) => `/v1/sales/${encodeURIComponent(sale)}`;
const orderAt = (sale: string, id: string) => `${saleAt(sale)}/orders/${encodeURIComponent(id)}`;

// What lastseat said: the body of a "yes", or a problem. Nothing where it did not: silence, a
// broken connection and the page of a proxy are all the same to the caller.
function read(answered: Answered | undefined, isOrder: boolean): object | Problem | undefined {
  let body: unknown;
  try {
    body = JSON.parse(answered?.body ?? "");
  } catch {
    return undefined;
  }
  if (!answered || typeof body !== "object" || body === null) return undefined;
  const { status, retryAfter } = answered;
  if (status >= 200 && status < 300) return !isOrder || "order_id" in body ? body : undefined;
  if (!("code" in body) || typeof body.code !== "string") return undefined;
  const problem = body as ProblemBody;
  // In the body it has milliseconds, in the header whole seconds.
  const named = retryAfter && /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : undefined;
  return new Problem(problem, status, problem.retry_after_ms ?? named);
}

// What the answer asks for, else longer each time; and a part by chance on top, so that those who
// were sent away together do not come back together.
function backoffMs(attempt: number, problem: Problem | undefined): number {
  const ms =
    problem?.retryAfterMs || Math.min(BACKOFF_FIRST_MS * 2 ** (attempt - 1), BACKOFF_MAX_MS);
  return ms * (1 + 0.2 * Math.random());
}

// What an order is for, for its address: edges refuse from memory what is gone.
function aboutOf(lines: LineRequest[]): string {
  const text = (line: LineRequest) => {
    const journey = line.from && line.to ? [`${line.from}-${line.to}`] : [];
    return [line.class, ...journey, line.seats?.length || (line.quantity ?? 1)]
      .map((word) => encodeURIComponent(word))
      .join(".");
  };
  return lines.map(text).join();
}

// Whether the order still has any of these lines or seats.
function hasAny(order: Order, { lines = [], seats = [] }: CancelRequest): boolean {
  const mine = order.lines ?? [];
  const had = new Set(mine.flatMap((line) => line.seats ?? []));
  return lines.some((at) => (mine[at]?.quantity ?? 0) > 0) || seats.some((seat) => had.has(seat));
}
