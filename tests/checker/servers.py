"""The processes of one run: a private Redis and nodes, each in a process group of its own, all killed at the end."""

import json
import os
import resource
import signal
import subprocess
import time

from resp import Redis, RedisError

ADMIN_TOKEN = "0123456789abcdef0123456789abcdef-admin"
SHOP_TOKEN = "0123456789abcdef0123456789abcdef-shop"


class Process:
    """A child process that is its own group."""

    def __init__(self, words, log, env=None, stdout=None):
        self.log = log
        with open(log, "ab") as sink:
            self.child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=stdout or sink,
                stderr=sink,
                env=env,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
            )

    def signal(self, number):
        if self.child.poll() is None:
            os.killpg(self.child.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.child.wait()


class RedisServer:
    """A Redis that syncs its append-only file at each write. `whole`: its file is made whole before each start, as
    deploy/ does; otherwise it is started plainly and nodes have to protect themselves."""

    def __init__(self, room, root, whole):
        self.room = os.path.join(room, "redis")
        os.makedirs(self.room)
        self.socket = os.path.join(self.room, "s")
        self.root = root
        self.whole = whole
        self.process = None
        self.starts = 0

    def _make_whole(self):
        script = os.path.join(self.root, "deploy/redis/make-whole")
        if os.path.exists(script):
            subprocess.run(["sh", script, self.room], check=True, capture_output=True)
            return
        folder = os.path.join(self.room, "appendonlydir")
        if os.path.isdir(folder):
            manifest = next(f for f in os.listdir(folder) if f.endswith(".manifest"))
            subprocess.run(
                ["redis-check-aof", "--fix", os.path.join(folder, manifest)],
                input=b"y\n",
                check=False,
                capture_output=True,
            )

    def start(self):
        """Starts it and waits until it has read its file. One that refuses to start on a file that was torn in a
        rewrite is started on what `deploy/redis/make-whole` leaves, as its message tells operators to do."""
        if self.whole and self.starts:
            self._make_whole()
        for attempt in range(2):
            words = ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.room]
            words += ["--save", "", "--daemonize", "no", "--appendonly", "yes", "--appendfsync", "always"]
            words += ["--maxmemory-policy", "noeviction"]
            words += ["--aof-load-truncated", "no" if self.whole else "yes"]
            if os.path.exists(self.socket):
                os.remove(self.socket)
            self.process = Process(words, os.path.join(self.room, "log"))
            self.starts += 1
            if self._answers():
                return
            if attempt == 0:
                self._make_whole()
        raise RuntimeError("Redis does not start: " + open(os.path.join(self.room, "log")).read()[-2000:])

    def _answers(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.child.poll() is not None:
                return False
            try:
                connection = self.connect()
                connection.call("PING")
                connection.close()
                return True
            except (OSError, RedisError):
                time.sleep(0.02)
        raise RuntimeError("Redis is silent")

    def connect(self):
        return Redis(self.socket)

    def kill(self):
        self.process.kill()

    def growing_file(self):
        """The file that Redis writes: the newest incremental one."""
        folder = os.path.join(self.room, "appendonlydir")
        files = [f for f in os.listdir(folder) if f.endswith(".incr.aof")]
        files.sort(key=lambda name: int(name.split(".")[-3]))
        return os.path.join(folder, files[-1])

    def cut(self, size):
        """Cuts the file to `size` bytes, as a disk does that forgot its last writes. Redis must be dead."""
        os.truncate(self.growing_file(), size)


class Node:
    """One `lastseat serve`."""

    def __init__(self, number, room, redis, binary):
        self.number = number
        self.room = os.path.join(room, f"node-{number}")
        os.makedirs(self.room, exist_ok=True)
        self.redis = redis
        self.binary = binary
        self.process = None
        self.address = self.admin = None

    def start(self):
        env = {name: value for name, value in os.environ.items() if not name.startswith("LASTSEAT_")}
        env["LASTSEAT_SHOP_TOKEN"] = SHOP_TOKEN
        env["LASTSEAT_ADMIN_TOKEN"] = ADMIN_TOKEN
        listen = self.address or "127.0.0.1:0"
        admin = self.admin or "127.0.0.1:0"
        words = [self.binary, "serve", "--insecure-direct", "--json", "--listen", listen, "--admin-listen", admin]
        words += ["--node", str(self.number), "--redis-url", "unix:" + self.redis.socket, "--data-dir", self.room]
        self.process = Process(words, os.path.join(self.room, "log"), env, subprocess.PIPE)
        line = self.process.child.stdout.readline()
        if not line:
            tail = open(os.path.join(self.room, "log")).read()[-2000:]
            raise RuntimeError(f"node {self.number} does not start: {tail}")
        entry = json.loads(line)
        self.address = entry["url"].split("//")[1]
        self.admin = entry["admin"].split("//")[1]

    def kill(self):
        self.process.kill()

    def signal(self, number):
        self.process.signal(number)

    def journal(self):
        """Bytes of the node's journal."""
        path = os.path.join(self.room, "acknowledged.log")
        return os.path.getsize(path) if os.path.exists(path) else 0

    def limit_files(self, size):
        """From now on no file of this node grows beyond `size` bytes; None = any size."""
        most = resource.RLIM_INFINITY if size is None else size
        hard = resource.RLIM_INFINITY
        resource.prlimit(self.process.child.pid, resource.RLIMIT_FSIZE, (most, hard))
