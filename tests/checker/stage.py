"""The system under check: a private Redis and nodes, each in a process group of its own, in one temporary directory."""

import glob
import json
import os
import resource
import select
import signal
import subprocess
import time

from resp import Redis, RedisError
from web import ADMIN, SHOP, Web


ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class StageError(Exception):
    """The stage cannot be set up: no verdict about lastseat."""


def wait_for(what, seconds, test):
    """Asks `test` until it answers something true."""
    end = time.monotonic() + seconds
    while True:
        found = test()
        if found:
            return found
        if time.monotonic() > end:
            raise StageError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


class Process:
    """One child in a process group of its own."""

    def __init__(self, words, log, **more):
        self.log = open(log, "ab")
        # Python ignores SIGXFSZ; a child that keeps that gets an error from a write beyond its limit, as on a full disk.
        self.child = subprocess.Popen(words, stderr=self.log, start_new_session=True, restore_signals=False, **more)

    def signal(self, number):
        if self.child.poll() is None:
            os.killpg(self.child.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.child.wait(timeout=10)
        if self.child.stdout:
            self.child.stdout.close()
        self.log.close()


class Node:
    """One `lastseat serve`. `url` and `admin` change with each start."""

    def __init__(self, stage, number):
        self.stage, self.number, self.process = stage, number, None
        self.directory = os.path.join(stage.directory, f"node-{number}")
        self.frozen = False
        self.url = self.admin = ""
        self.start()

    def start(self):
        """Starts it. One that is refused is tried again: its number may be in use until its last beat is too old."""
        end = time.monotonic() + 60
        while True:
            try:
                return self._start()
            except StageError:
                self.kill()
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)

    def _start(self):
        words = [self.stage.program, "serve", "--insecure-direct", "--json", "--listen", "127.0.0.1:0"]
        words += ["--admin-listen", "127.0.0.1:0", "--node", str(self.number), "--threads", "2"]
        words += ["--redis-url", f"redis+unix://{self.stage.socket}", "--data-dir", self.directory]
        tokens = {"LASTSEAT_SHOP_TOKEN": SHOP, "LASTSEAT_ADMIN_TOKEN": ADMIN}
        hidden = ("LASTSEAT_", "REDIS_URL")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)} | tokens
        log = os.path.join(self.stage.directory, f"node-{self.number}.stderr")
        self.process = Process(words, log, stdout=subprocess.PIPE, env=environment)
        readable, _, _ = select.select([self.process.child.stdout], [], [], 30)
        line = self.process.child.stdout.readline() if readable else b""
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise StageError(f"node {self.number} did not start, see {log}") from error
        self.url, self.admin = entry["url"], entry["admin"]
        self._wait_for_a_beat()

    def _wait_for_a_beat(self):
        """Others wait in a recovery for nodes that live, and that is who has published a beat since its start."""
        with self.stage.connect() as redis:
            before = redis.call("HGET", "lastseat:nodes", self.number)
            beat = lambda: redis.call("HGET", "lastseat:nodes", self.number) not in (None, before)
            wait_for(f"a beat of node {self.number}", 20, beat)

    def kill(self):
        self.process.kill()
        self.process, self.frozen = None, False

    def freeze(self, frozen):
        self.process.signal(signal.SIGSTOP if frozen else signal.SIGCONT)
        self.frozen = frozen

    def serves(self):
        return self.process is not None and not self.frozen

    def journals(self):
        return glob.glob(os.path.join(self.directory, "**", "acknowledged*"), recursive=True)

    def limit_files(self, size):
        """Writes beyond `size` bytes of a file fail from now on; None = no limit."""
        limit = resource.RLIM_INFINITY if size is None else size
        resource.prlimit(self.process.child.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


class Stage:
    """Redis and its nodes. `whole` says whether the file is made whole before each start, as deploy/ does."""

    def __init__(self, directory, program, nodes, whole):
        self.directory, self.program, self.whole = directory, program, whole
        self.redis_directory = os.path.join(directory, "redis")
        os.makedirs(self.redis_directory, exist_ok=True)
        self.socket = os.path.join(self.redis_directory, "redis.sock")
        self.redis = None
        self.nodes = []
        self.starts = 0
        self.start_redis()
        self.nodes = [Node(self, number) for number in range(1, nodes + 1)]

    def connect(self):
        return Redis(self.socket)

    def start_redis(self):
        """Starts it on its files. A start that is refused because of a torn file is repeated on a mended one."""
        if self.whole:
            self.make_whole()
        for attempt in (1, 2):
            words = ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "", "--daemonize", "no"]
            words += ["--dir", self.redis_directory, "--appendonly", "yes", "--appendfsync", "always"]
            words += ["--aof-load-truncated", "no" if self.whole else "yes"]
            log = os.path.join(self.directory, "redis.log")
            # It writes its log to stdout.
            with open(log, "ab") as lines:
                self.redis = Process(words, log, stdout=lines)
            try:
                wait_for("redis-server answers", 30, self._answers)
                self.starts += 1
                return
            except StageError:
                self.kill_redis()
                if attempt == 2:
                    raise
                self.make_whole()

    def _answers(self):
        if self.redis.child.poll() is not None:
            raise StageError("redis-server ended")
        try:
            with self.connect() as redis:
                return redis.call("PING") == b"PONG"
        except (OSError, RedisError):
            return False

    def make_whole(self):
        """What deploy/ does before each start. A program without that script is checked as its documents said then."""
        script = os.path.join(ROOT, "deploy", "redis", "make-whole")
        if os.path.exists(script):
            done = subprocess.run(["sh", script, self.redis_directory], capture_output=True, timeout=60, check=False)
            if done.returncode != 0:
                raise StageError("make-whole: " + done.stderr.decode(errors="replace"))
            return
        for manifest in glob.glob(os.path.join(self.redis_directory, "appendonlydir", "*.manifest")):
            words = ["redis-check-aof", "--fix", manifest]
            done = subprocess.run(words, input=b"y\n", capture_output=True, timeout=60, check=False)
            if done.returncode != 0:
                raise StageError("redis-check-aof: " + done.stdout.decode(errors="replace"))

    def kill_redis(self):
        self.redis.kill()
        if os.path.exists(self.socket):
            os.unlink(self.socket)

    def growing_file(self):
        files = glob.glob(os.path.join(self.redis_directory, "appendonlydir", "*.incr.aof"))
        return max(files, key=lambda path: int(path.split(".")[-3]))

    def is_whole(self, web):
        """Whether no node that serves says that a sale of it is recovering."""
        for node in self.nodes:
            if not node.serves():
                continue
            try:
                status, metrics = web.text(node.admin, "/metrics")
            except OSError:
                return False
            counts = [line for line in metrics.splitlines() if line.startswith("lastseat_sales_healing")]
            if status != 200 or any(float(line.split()[-1]) > 0 for line in counts):
                return False
        return True

    def wait_whole(self, history, seconds=60.0):
        """Waits until every sale has recovered at all nodes that serve; False where that takes too long."""
        web = Web(history)
        end = time.monotonic() + seconds
        calm = 0
        while time.monotonic() < end:
            calm = calm + 1 if self.is_whole(web) else 0
            # Nodes notice a new Redis within a beat of a second; before that nothing stands still.
            if calm >= 8:
                return True
            time.sleep(0.2)
        return False

    def stop(self):
        for node in self.nodes:
            if node.process is not None:
                node.kill()
        if self.redis is not None:
            self.kill_redis()
