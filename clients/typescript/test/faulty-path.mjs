// A way to the edge on which requests and answers are lost. What is not lost is lastseat's own.
import { createServer, request } from "node:http";

// Passes requests on to `target`. `faults` says what happens to the next ones, in order: `lose`
// passes the request on and loses the answer, `drop` loses the request, `page` answers with the
// error page of a proxy, `garble` passes on a body that nobody can read. Then nothing does.
export async function faultyPath(target) {
  const path = { faults: [], seen: [], statuses: [] };
  const pass = (asked, answer, body) => {
    const fault = path.faults.shift();
    path.seen.push({ url: asked.url, headers: asked.headers });
    if (fault === "drop") return asked.socket.destroy();
    if (fault === "page")
      return answer.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad Gateway</h1>");
    const sent = fault === "garble" ? Buffer.alloc(body.length, "{") : body;
    const { host, connection, ...headers } = asked.headers;
    const there = request(target + asked.url, { method: asked.method, headers }, (said) => {
      const parts = [];
      said.on("data", (part) => parts.push(part));
      said.on("end", () => {
        if (fault === "lose") return asked.socket.destroy();
        path.statuses.push(said.statusCode);
        const { "transfer-encoding": _, connection: __, ...kept } = said.headers;
        answer.writeHead(said.statusCode, kept).end(Buffer.concat(parts));
      });
    });
    there.on("error", () => asked.socket.destroy());
    there.end(sent);
  };
  const server = createServer((asked, answer) => {
    const parts = [];
    asked.on("data", (part) => parts.push(part));
    asked.on("end", () => pass(asked, answer, Buffer.concat(parts)));
  });
  await new Promise((listens) => server.listen(0, "127.0.0.1", listens));
  path.url = `http://127.0.0.1:${server.address().port}`;
  path.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return path;
}
