"""gateway: the real binary, started with a configuration and ended with an account of its deeds."""
import asyncio
import json
import os
import pathlib
import re
import signal
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
DEV = ROOT / "build/dev/sluice"
RELEASE = ROOT / "build/release/sluice"
BINARY = pathlib.Path(os.environ.get("SLUICE_BIN", DEV))
BAD = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehavior|runtime error|[Aa]ssertion")


class Misbehaved(Exception):
    """The process did what no test may pass over."""


def is_sanitized(binary=BINARY):
    return b"__asan_init" in pathlib.Path(binary).read_bytes()


def merged(base, extra):
    out = dict(base)
    for key, value in (extra or {}).items():
        is_deep = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if is_deep else value
    return out


# One attempt and no more: the tests say what becomes of that.
ONCE = {"retry": {"attempts": 1}, "breaker": {"trip_after": 0}, "recovery": "error"}


class Gateway:
    """`config` is merged into one that has a model for every name, at the upstream's port."""

    def __init__(self, upstream_port, config=None, timeouts=None, model=None, binary=None):
        target = {"provider": "up", **({"model": model} if model else {})}
        self.binary = binary or BINARY
        self.lines = []
        self.config = merged({
            "listen": {"address": "127.0.0.1:0", "workers": 1},
            "admin": {"address": "127.0.0.1:0"},
            "telemetry": {"access_log": {"path": "off"}},
            "drains": {"grace": "5s"},
            "providers": [{"name": "up", "base_url": f"http://127.0.0.1:{upstream_port}/v1"}],
            "models": [{"name": "*", "targets": [target], "timeouts": timeouts or {}, **ONCE}],
        }, config)

    async def start(self):
        self.folder = tempfile.TemporaryDirectory(prefix="sluice-")
        path = pathlib.Path(self.folder.name) / "sluice.yaml"
        path.write_text(json.dumps(self.config))
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
        self.child = await asyncio.create_subprocess_exec(
            self.binary, "serve", "-c", path, env=env, cwd=self.folder.name,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE)
        self.port = self.admin_port = None
        while not self.admin_port:
            line = (await self.child.stderr.readline()).decode(errors="replace")
            if not line:
                raise Misbehaved(f"did not start: {''.join(self.lines)}")
            self._note(line)
        self.reading = asyncio.create_task(self._read())
        await asyncio.sleep(0.02)
        self.fds = self.open_fds()
        return self

    def _note(self, line):
        self.lines.append(line)
        found = re.match(r"sluice: (serving|admin) http://.*:(\d+)$", line.rstrip())
        if found:
            name = "port" if found[1] == "serving" else "admin_port"
            setattr(self, name, int(found[2]))

    async def _read(self):
        while line := await self.child.stderr.readline():
            self._note(line.decode(errors="replace"))

    @property
    def pid(self):
        return self.child.pid

    def open_fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory(self, what="Private_Dirty"):
        """Bytes; of Private_Dirty or Rss."""
        text = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(re.search(rf"^{what}:\s+(\d+) kB", text, re.M)[1]) * 1024

    async def metric(self, name):
        """As the admin port tells it, the sum of a name's rows; counters lag by up to 250 ms."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.admin_port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = (await reader.read(-1)).decode()
        writer.close()
        rows = re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\d+)$", text, re.M)
        return sum(map(int, rows))

    async def quiet(self, timeout_s=6):
        """Waits until it holds no more files than at its start."""
        until = time.monotonic() + timeout_s
        while self.child.returncode is None and self.open_fds() > self.fds:
            if time.monotonic() > until:
                raise Misbehaved(f"{self.open_fds() - self.fds} file descriptors leaked")
            await asyncio.sleep(0.02)

    async def stop(self):
        problem = None
        if self.child.returncode is None:
            try:
                await self.quiet()
            except Misbehaved as e:
                problem = e
            self.child.send_signal(signal.SIGTERM)
        try:
            code = await asyncio.wait_for(self.child.wait(), 20)
        except TimeoutError:
            self.child.kill()
            code = await self.child.wait()
            problem = problem or Misbehaved("did not end after SIGTERM")
        await self.reading
        self.folder.cleanup()
        text = "".join(self.lines)
        if code or BAD.search(text):
            raise Misbehaved(f"exit status {code}:\n{text[-6000:]}")
        if problem:
            raise problem
