// One HTTP exchange: what came back, or nothing.

export interface Request {
  method: "GET" | "POST";
  url: string;
  headers: Record<string, string>;
  body: string | undefined;
  attemptTimeoutMs: number;
}

export interface Answered {
  status: number;
  // The header `Retry-After`.
  retryAfter: string | null;
  body: string;
}

// Sends one request. `undefined` where no answer came: it may have been carried out all the same.
// Another one than `overFetch` is for places without `fetch`, such as k6.
export type Send = (request: Request) => Promise<Answered | undefined>;

export const overFetch: Send = async ({ method, url, headers, body, attemptTimeoutMs }) => {
  try {
    const answer = await fetch(url, {
      method,
      headers,
      // lastseat never redirects a call of the API: whoever does is somebody else.
      redirect: "error",
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(attemptTimeoutMs),
      ...(body !== undefined && { body }),
    });
    return {
      status: answer.status,
      retryAfter: answer.headers.get("retry-after"),
      body: await answer.text(),
    };
  } catch {
    return undefined;
  }
};
