"""A client of Redis' protocol (RESP2) over a Unix socket, as much of it as the checker needs."""

import socket


class RedisError(Exception):
    """What Redis answered instead of a reply."""


class Redis:
    """One connection. Every call waits at most `timeout` seconds."""

    def __init__(self, path, timeout=10.0):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        self._socket.connect(path)
        self._file = self._socket.makefile("rb")

    def close(self):
        self._file.close()
        self._socket.close()

    def call(self, *words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self._socket.sendall(b"".join(parts))
        return self._read()

    def _read(self):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("the connection to Redis ended")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            length = int(rest)
            if length < 0:
                return None
            data = self._file.read(length + 2)
            if len(data) != length + 2:
                raise OSError("the connection to Redis ended")
            return data[:-2]
        if kind == b"*":
            count = int(rest)
            return None if count < 0 else [self._read() for _ in range(count)]
        raise OSError(f"not a reply of Redis: {line!r}")

    def hash(self, key):
        """All fields of a hash, as text."""
        flat = self.call("HGETALL", key) or []
        words = [word.decode() for word in flat]
        return dict(zip(words[::2], words[1::2]))

    def scores(self, key):
        """All members of a sorted set with their scores."""
        flat = self.call("ZRANGE", key, 0, -1, "WITHSCORES") or []
        words = [word.decode() for word in flat]
        return {name: int(float(score)) for name, score in zip(words[::2], words[1::2])}

    def entries(self, key):
        """All entries of a stream: id and the text of its one field."""
        found, start = [], "-"
        while True:
            page = self.call("XRANGE", key, start, "+", "COUNT", 500) or []
            for number, fields in page:
                found.append((number.decode(), fields[1].decode() if len(fields) > 1 else ""))
            if len(page) < 500:
                return found
            start = "(" + page[-1][0].decode()
