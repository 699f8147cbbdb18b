// What travels, as docs/API.md describes it. Times are milliseconds since 1970-01-01.

export type OrderState = "held" | "confirmed" | "cancelled" | "expired";

// One line of an order of a sale with a plan.
export interface LineRequest {
  class: string;
  from?: string;
  to?: string;
  quantity?: number;
  seats?: string[];
  or_search?: boolean;
  together?: "row" | "coach" | "block" | "any";
}

// What is ordered: `quantity` tickets, or `lines` in a sale with a plan.
export interface OrderRequest {
  buyer: string;
  quantity?: number;
  lines?: LineRequest[];
}

// Confirms a part of an order; all of it where nothing is named.
export interface ConfirmRequest {
  quantity?: number;
  lines?: number[];
  seats?: string[];
  // By which the shop finds the payment, and what it stores with the order. What is said first
  // stays.
  reference?: string;
  metadata?: Record<string, unknown> | string;
}

// Gives a part back, all of it where none is named; with `if_state` only of an order in that state.
export interface CancelRequest {
  if_state?: "held" | "confirmed";
  lines?: number[];
  seats?: string[];
}

export interface Line {
  class: string;
  from?: string;
  to?: string;
  quantity: number;
  seats?: string[];
}

// An order as it stands. `order_id` is a secret of the buyer and the shop.
export interface Order {
  order_id: string;
  number: string;
  sale: string;
  buyer: string;
  quantity: number;
  state: OrderState;
  created_at: number;
  expires_at?: number;
  paid?: boolean;
  // The signed link to the payment, where the sale has one; only where a held order is read.
  pay_url?: string;
  lines?: Line[];
  // What was said of the payment; only for the shop and operators.
  confirmed_at?: number;
  reference?: string;
  metadata?: Record<string, unknown> | string;
}

// How a sale stands.
export interface Sale {
  sale: string;
  state: "scheduled" | "open" | "paused" | "closed";
  availability: "available" | "few" | "all_held" | "sold_out";
  capacity: number;
  hold_ms: number;
  order_limit: number;
  now: number;
  free?: number;
  some_held?: boolean;
  buyer_limit?: number;
  buyers_cancel?: boolean;
  opens_at?: number;
  closes_at?: number;
  pay_url?: string;
  plan?: boolean;
  demo?: boolean;
}

// What a sale sells, as people read it.
export interface EventDetails {
  title: string;
  subtitle?: string;
  starts_at?: number;
  zone?: string;
  place?: string;
  organiser?: string;
  price?: string;
  // Of each class of the sale's plan, by its id.
  prices?: Record<string, string>;
  terms_url?: string;
  help_url?: string;
  sold_out_text?: string;
  sold_out_url?: string;
  logo_url?: string;
  logo_alt?: string;
  colour?: string;
  languages?: string[];
}

// The same, where the operator has said it, and the moment it starts by the clock of its time zone.
export interface EventView {
  sale: string;
  event?: EventDetails;
  starts_local?: string;
}

// What a sale with a plan sells.
export interface PlanView {
  sale: string;
  legs: number;
  stops: { id: string; name: string; number: number }[];
  classes: {
    id: string;
    name: string;
    seats: number;
    standing: number;
    blocks: { id: string; kind: string; name?: string; seats: number }[];
  }[];
  quotas: { id: string; name: string; classes: string[]; size: number }[];
  plan: Record<string, unknown>;
}

// What is left of it.
export interface SeatsLeft {
  sale: string;
  at: number;
  version: number;
  classes: {
    class: string;
    journeys: { from?: string; to?: string; free: number; more?: boolean; all_held?: boolean }[];
    seats?: { seat: string; free: boolean }[];
  }[];
}

// One change of a sale; the fields that every event has, and those of orders.
export interface LogEvent {
  type: string;
  sale: string;
  commit_seq: number;
  index: number;
  at: number;
  version: number;
  order_id?: string;
  buyer?: string;
  quantity?: number;
  deadline?: number;
  lines?: Line[];
  restored?: boolean;
  by?: string;
  confirmed_at?: number;
  reference?: string;
  metadata?: Record<string, unknown> | string;
}

// What a webhook brings: one entry of a sale's log.
export interface Delivery {
  sale: string;
  commit_seq: number;
  events: LogEvent[];
}
