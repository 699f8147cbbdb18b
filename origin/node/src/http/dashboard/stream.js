// Server-sent events over fetch: EventSource cannot send the bearer token, and a token in the
// address would end up in logs and histories.

const RETRY_MS = 1000;
// An event comes each second; silence this long is a lost connection that TCP has not noticed.
const SILENCE_MS = 8000;

// Calls `on.event(name, data)` for each event and `on.state(text, ok)` when the connection changes,
// until `signal` aborts. Resolves with a sentence when the token was refused, else with undefined.
export async function follow(url, token, on, signal) {
  let last = 0;
  while (!signal.aborted) {
    const attempt = new AbortController();
    const give_up = () => attempt.abort();
    signal.addEventListener("abort", give_up, { once: true });
    try {
      const headers = { authorization: `Bearer ${token}`, accept: "text/event-stream" };
      if (last > 0) headers["last-event-id"] = String(last);
      const answer = await fetch(url, { headers, signal: attempt.signal, cache: "no-store" });
      if (answer.status === 401 || answer.status === 403) return await refusal(answer);
      if (!answer.ok) throw new Error(await sentence(answer));
      await read(answer.body, attempt, (name, id, data) => {
        // What comes first has no number.
        if (id > 0) last = id;
        on.event(name, JSON.parse(data));
      });
      on.state("this node has ended the stream; asking again", false);
    } catch (error) {
      if (signal.aborted) return undefined;
      const why = error instanceof TypeError ? "this node does not answer" : error.message;
      on.state(`${why}; asking again`, false);
    } finally {
      signal.removeEventListener("abort", give_up);
    }
    await new Promise((done) => setTimeout(done, RETRY_MS));
  }
  return undefined;
}

// Why a token is not taken: of one that is none there is nothing more to say.
async function refusal(answer) {
  const { code, detail } = await answer.json().catch(() => ({}));
  return code === "unauthorized" || !detail ? "That is not the admin token of this node." : detail;
}

async function read(body, attempt, event) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const timer = setTimeout(() => attempt.abort(), SILENCE_MS);
    const { value, done } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const fields = {};
      for (const line of text.slice(0, end).split("\n")) {
        const colon = line.indexOf(": ");
        if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
      }
      text = text.slice(end + 2);
      if (fields.data) event(fields.event, Number(fields.id), fields.data);
    }
  }
}

// What a "no" of the API says.
export async function sentence(answer) {
  try {
    const problem = await answer.json();
    return `${problem.title}: ${problem.detail}`;
  } catch {
    return `this node answered ${answer.status}`;
  }
}
