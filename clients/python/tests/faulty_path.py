"""A way to the edge on which requests and answers are lost. What is not lost is lastseat's own."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

BODY_MAX = 64 * 1024


class FaultyPath:
    """Passes requests on to `target`; `faults` says what happens to the next ones, in order:

    `lose` passes the request on and loses the answer, `drop` loses the request, `page` answers with
    the error page of a proxy, `garble` passes on a body that nobody can read. Then nothing does.
    """

    def __init__(self, target: str) -> None:
        self.faults: list[str] = []
        # Every request that arrived: its address and its headers.
        self.seen: list[tuple[str, dict[str, str]]] = []
        # The status of every answer that was passed on.
        self.statuses: list[int] = []
        path, host = self, urlsplit(target).netloc

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self.pass_on()

            def do_POST(self) -> None:
                self.pass_on()

            def pass_on(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                path.seen.append((self.path, headers))
                fault = path.faults.pop(0) if path.faults else ""
                body = self.rfile.read(min(int(headers.get("content-length", 0)), BODY_MAX))
                self.close_connection = True
                if fault == "drop":
                    return
                if fault == "page":
                    self.send_response(502)
                    self.send_header("content-type", "text/html")
                    self.end_headers()
                    self.wfile.write(b"<h1>Bad Gateway</h1>")
                    return
                if fault == "garble":
                    body = b"{" * len(body)
                there = http.client.HTTPConnection(host, timeout=20)
                skipped = ("host", "connection", "content-length")
                kept = {name: value for name, value in headers.items() if name not in skipped}
                there.request(self.command, self.path, body or None, kept)
                answer = there.getresponse()
                said = answer.read()
                there.close()
                if fault == "lose":
                    return
                path.statuses.append(answer.status)
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
