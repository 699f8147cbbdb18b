"""A client of Redis' protocol (RESP2) over a unix socket: one connection, one caller, every wait bounded."""

import socket


class RedisError(Exception):
    """An error reply of Redis."""


class Redis:
    """One connection. `call` raises OSError where there is no answer within `timeout` seconds."""

    def __init__(self, path, timeout=10.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.reader = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.close()
        self.socket.close()

    def call(self, *words):
        """One command and its reply: bytes, int, None or a list."""
        return self.pipeline([words])[0]

    def pipeline(self, commands):
        """Commands that are sent together, and their replies."""
        parts = []
        for words in commands:
            parts.append(b"*%d\r\n" % len(words))
            for word in words:
                data = word if isinstance(word, bytes) else str(word).encode()
                parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self.socket.sendall(b"".join(parts))
        return [self._reply() for _ in commands]

    def _reply(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"-":
            raise RedisError(rest.decode(errors="replace"))
        size = int(rest)
        if size < 0:
            return None
        if kind == b"$":
            data = self.reader.read(size + 2)
            if len(data) < size + 2:
                raise ConnectionError("Redis closed the connection")
            return data[:-2]
        # An error inside the reply of EXEC is a value there: the others must still be read.
        items = []
        for _ in range(size):
            try:
                items.append(self._reply())
            except RedisError as error:
                items.append(error)
        return items
