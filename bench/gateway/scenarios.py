"""The scenarios. Each measures one candidate once and returns its figures and its problems.

A problem is anything that makes the figures worthless: an answer that was wrong, a gateway that
died, or upstream connections that were not reused.
"""
import contextlib
import http.client
import json
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import children
import gateways
from children import Broken

GAP_MS = 40
RATE = 2000
STREAMS = 1000


class Metric:
    def __init__(self, key, title, has_ratio=True, digits=1):
        self.key, self.title, self.has_ratio, self.digits = key, title, has_ratio, digits


class Scenario:
    def __init__(self, name, title, measure, metrics, is_tls=False, candidates=None):
        self.name, self.title, self.measure, self.metrics = name, title, measure, metrics
        self.is_tls, self.candidates = is_tls, candidates  # None: those that are asked for


class Run:
    """One gateway, fresh, in front of the upstream, with figures and problems as they come."""

    def __init__(self, name, upstream, settings, is_tls):
        self.name, self.upstream, self.settings = name, upstream, settings
        self.is_tls = is_tls
        self.figures, self.problems = {}, []
        self.gateway = None

    @contextlib.contextmanager
    def started(self):
        with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
            self.gateway = gateways.start(self.name, folder, self.upstream.port, self.settings,
                                          self.settings.pem if self.is_tls else None)
            try:
                yield self.gateway
            finally:
                if self.gateway.has_died():
                    self.problems.append(f"it died with status {self.gateway.child.returncode}: "
                                         + children.tail(self.gateway.log))
                self.gateway.stop()

    def load(self, connections, *options, reuse=True, marks=None):
        """Runs the load generator to its end; `marks` are called as it prints them."""
        before = self.upstream.connections()
        result = _load(self.settings, self.gateway.port,
                       ["--connections", connections, *(["--tls"] if self.is_tls else []),
                        *options], marks or {})
        opened = self.upstream.connections() - before
        if result["errors"]:
            self.problems.append(f"{result['errors']} errors, the first: {result['first_error']}")
        if reuse and opened > 2 * connections + 20:
            self.problems.append(f"{opened} upstream connections were opened for {connections} "
                                 "clients: they are not reused")
        return result

    def warm(self):
        self.load(16, "--seconds-ms", 200)

    def memory(self):
        """(resident, private dirty) bytes of the gateway."""
        return tuple(map(sum, zip(*(children.memory_bytes(p) for p in self.gateway.pids))))


class Upstream:
    """The model server behind all candidates."""

    def __init__(self, settings, events):
        self.port = children.free_port()
        self.child = children.start([settings.tools["upstream"], "--port", self.port,
                                     "--events", events, "--gap-ms", GAP_MS], children.LOAD_CORE)
        children.wait_for_port(self.child, self.port, "")

    def connections(self):
        """Accepted so far, those that ask for this number not counted."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        client.request("GET", "/stats")
        accepted = json.load(client.getresponse())["connections"]
        client.close()
        self.asked = getattr(self, "asked", 0) + 1
        return accepted - self.asked

    def stop(self):
        children.stop(self.child)


def _load(settings, port, options, marks):
    child = children.start([settings.tools["load"], "--port", port, *options],
                           children.LOAD_CORE, stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(150, child.kill)
    watchdog.start()
    result = None
    try:
        for line in child.stdout:
            said = json.loads(line)
            if said["mark"] == "result":
                result = said
            elif said["mark"] in marks:
                marks[said["mark"]](said)
    finally:
        watchdog.cancel()
        children.stop(child)
    if result is None:
        raise Broken(f"the load generator ended with status {child.returncode} and no result")
    return result


class Window:
    """What the gateway and its core did between two marks."""

    def __init__(self, gateway):
        self.gateway, self.before, self.after = gateway, None, None

    def _read(self):
        pids = self.gateway.pids
        user, system = map(sum, zip(*(children.cpu_ticks(p) for p in pids)))
        return {"cpu": sum(children.cpu_ns(p) for p in pids), "user": user, "system": system,
                "sleeps": sum(children.sleeps(p) for p in pids),
                "busy": children.core_busy_ns(children.GATEWAY_CORE), "wall": time.monotonic_ns()}

    def begin(self, _said=None):
        self.before = self._read() if self.gateway.pids else None

    def end(self, _said=None):
        self.after = self._read() if self.gateway.pids else None

    def figures(self, count):
        """CPU microseconds per `count`, and the shares of the core, in percent."""
        if not self.before or not self.after or not count:
            return {}
        d = {k: self.after[k] - self.before[k] for k in self.after}
        cpu_us = d["cpu"] / 1e3 / count
        ticks = max(1, d["user"] + d["system"])
        return {"cpu_us": cpu_us, "user_us": cpu_us * d["user"] / ticks,
                "system_us": cpu_us * d["system"] / ticks, "sleeps": d["sleeps"] / count,
                "own": 100 * d["cpu"] / d["wall"],
                "others": max(0.0, 100 * (d["busy"] - d["cpu"]) / d["wall"])}


def _measure_requests(run, connections, *options):
    with run.started() as gateway:
        run.warm()
        window = Window(gateway)
        result = run.load(connections, "--warmup-ms", run.settings.warmup_ms, "--seconds-ms",
                          run.settings.window_ms, *options,
                          marks={"begin": window.begin, "end": window.end})
        run.figures["rps"] = result["requests"] / result["seconds"]
        run.figures.update(window.figures(result["requests"]))
        if not result["requests"]:
            run.problems.append("no request was answered")


def _measure_chat(run, round_number):
    _measure_requests(run, 64)
    if round_number == 0 and run.name != "direct" and shutil.which("strace"):
        _measure_syscalls(run)


def _measure_syscalls(run):
    """A run of its own, since strace slows the gateway several times over."""
    with run.started() as gateway, tempfile.NamedTemporaryFile("r") as counts:
        run.warm()
        attach = [a for pid in gateway.pids for a in ("-p", pid)]
        tracer = children.start(["strace", "-c", "-f", "-U", "calls,name", "-o", counts.name,
                                 *attach], children.LOAD_CORE, stderr=subprocess.PIPE, text=True)
        tracer.stderr.readline()  # it says when it is attached
        result = run.load(64, "--warmup-ms", 0, "--seconds-ms", run.settings.window_ms)
        children.stop(tracer, signal.SIGINT)
        tracer.stderr.close()
        calls = {name: int(n) for n, name in re.findall(r"^\s*(\d+) (\w+)$", counts.read(), re.M)}
    total = calls.pop("total", 0)
    if not total or not result["requests"]:
        run.problems.append("strace counted nothing")
        return
    run.figures["syscalls"] = total / result["requests"]
    run.figures["syscalls_by_name"] = {n: round(c / result["requests"], 3)
                                       for n, c in calls.items() if c > result["requests"] / 100}


def _measure_big(run, _round_number):
    _measure_requests(run, 32, "--body", 100 * 1024)


def _ask_of(size):
    """A request of about so many bytes, as the load generator's."""
    frame = '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"%s"}]}'
    return frame % ("w" * (size - len(frame)))


def _measure_h2(run, _round_number):
    """h2load judges by status and by whole streams; it says when it is done and not when it is
    warm, so all of its run counts, the beginning of sixteen connections included."""
    if not shutil.which("h2load"):
        raise Broken("h2load is not there: apt-get install nghttp2-client")
    with run.started() as gateway, tempfile.NamedTemporaryFile("w") as body:
        if not gateway.h2_port:
            raise Broken("direct speaks no HTTP/2")
        body.write(_ask_of(1024))
        body.flush()
        run.warm()
        window = Window(gateway)
        window.begin()
        scheme = "https" if run.is_tls else "http"
        child = children.start(
            ["h2load", "-D", max(2, run.settings.window_ms // 1000), "-c", 16, "-m", 16, "-t", 1,
             "-d", body.name, "-H", "content-type: application/json", "-H",
             "authorization: Bearer sk-x",
             f"{scheme}://127.0.0.1:{gateway.h2_port}/v1/chat/completions"],
            children.LOAD_CORE, stdout=subprocess.PIPE, text=True)
        text, _ = child.communicate(timeout=150)
        window.end()
        children.stop(child)
    counts = {n: int(c) for c, n in re.findall(r"(\d+) (succeeded|failed|errored|timeout|2xx)", text)}
    if not counts.get("succeeded") or counts["failed"] or counts["2xx"] < counts["succeeded"]:
        run.problems.append(f"h2load says: {text[-600:]}")
        return
    run.figures.update(window.figures(counts["succeeded"]))
    run.figures["rps"] = counts["succeeded"] / max(2, run.settings.window_ms // 1000)


def _measure_latency(run, _round_number):
    with run.started():
        run.warm()
        result = run.load(64, "--rate", RATE, "--warmup-ms", run.settings.warmup_ms,
                          "--seconds-ms", run.settings.window_ms)
    run.figures.update({"p50_us": result["p50_us"], "p99_us": result["p99_us"]})


def _measure_sse(run, _round_number):
    with run.started() as gateway:
        run.warm()
        window, streams = Window(gateway), {}
        memory_before = run.memory()[1] if gateway.pids else 0

        def end(said):
            window.end()
            streams["count"] = said["in_flight"]
            streams["bytes"] = run.memory()[1] - memory_before if gateway.pids else 0

        result = run.load(STREAMS, "--stream", "--events", run.settings.events, "--warmup-ms", 500,
                          "--seconds-ms", run.settings.stream_ms,
                          marks={"begin": window.begin, "end": end})
    figures = window.figures(result["events"])
    run.figures.update(figures)
    run.figures.update({"first_p50_ms": result["first_p50_us"] / 1e3,
                        "first_p99_ms": result["first_p99_us"] / 1e3,
                        "events": result["events"] / result["seconds"]})
    if figures and streams.get("count"):
        run.figures["stream_kb"] = streams["bytes"] / 1024 / streams["count"]
    if not result["events"]:
        run.problems.append("no event came through")


def _measure_idle(run, _round_number):
    # Each handshake over TLS takes a while, and what it leaves behind is plain after fewer.
    connections = min(2000 if run.is_tls else 10000, (run.settings.files - 400) // 2)
    with run.started() as gateway:
        run.figures["start_rss_mb"], run.figures["start_private_mb"] = (
            b / 2**20 for b in run.memory())
        run.warm()
        before, after = run.memory()[1], {}

        def ready(_said):
            after["bytes"] = run.memory()[1]

        result = run.load(connections, "--idle", "--seconds-ms", 500, reuse=False,
                          marks={"ready": ready})
    run.figures["idle_connections"] = result["open"]
    if "bytes" in after:
        run.figures["idle_bytes"] = (after["bytes"] - before) / connections
    else:
        run.problems.append("the idle connections were never all open")


CPU_SPLIT = [Metric("user_us", "  of it user"), Metric("system_us", "  of it system")]
SHARES = [Metric("own", "its share of its core, %", has_ratio=False, digits=0),
          Metric("others", "others' share, %", has_ratio=False, digits=0)]

CHAT = [Metric("cpu_us", "CPU us/request"), *CPU_SPLIT,
        Metric("syscalls", "syscalls/request", digits=2),
        Metric("rps", "requests/s", digits=0), *SHARES]
SSE = [Metric("cpu_us", "CPU us/event", digits=2), *CPU_SPLIT,
       Metric("sleeps", "sleeps/event", digits=2), Metric("stream_kb", "private KB/stream"),
       Metric("first_p50_ms", "first byte p50 ms"), Metric("first_p99_ms", "first byte p99 ms"),
       Metric("events", "events/s", has_ratio=False, digits=0), *SHARES]
IDLE = [Metric("idle_bytes", "private B/connection", digits=0),
        Metric("idle_connections", "connections", has_ratio=False, digits=0),
        Metric("start_rss_mb", "RSS at start MB"),
        Metric("start_private_mb", "  of it private MB", digits=2)]

ALL = [
    Scenario("chat", "1 KB -> 1 KB, 64 kept-alive connections, closed loop", _measure_chat, CHAT),
    Scenario("big", "100 KB -> 1 KB, 32 kept-alive connections, closed loop", _measure_big,
             [Metric("cpu_us", "CPU us/request"), *CPU_SPLIT,
              Metric("rps", "requests/s", digits=0), *SHARES]),
    Scenario("h2c", "1 KB -> 1 KB, HTTP/2 without TLS, 16 connections of 16 streams, closed loop",
             _measure_h2,
             [Metric("cpu_us", "CPU us/request"), *CPU_SPLIT,
              Metric("rps", "requests/s", digits=0), *SHARES]),
    Scenario("latency", f"added latency at {RATE} requests/s, open loop, 64 connections",
             _measure_latency,
             [Metric("added_p50_us", "added p50 us"),
              Metric("added_p99_us", "added p99 us", has_ratio=False),
              Metric("p50_us", "p50 us", has_ratio=False), Metric("p99_us", "p99 us")]),
    Scenario("sse", f"{STREAMS} streams at once, an event every {GAP_MS} ms", _measure_sse, SSE),
    Scenario("idle", "idle kept-alive connections, after one request each", _measure_idle, IDLE),
    Scenario("translate", "chat, for Anthropic's dialect beside one that passes as it is",
             _measure_chat, CHAT, candidates=["sluice", "translated"]),
    Scenario("translate-sse", "sse, from Anthropic's dialect beside one that passes as it is",
             _measure_sse, SSE, candidates=["sluice", "translated"]),
    Scenario("tls", "chat over TLS 1.3, P-256, AES-128", _measure_chat, CHAT, is_tls=True),
    Scenario("tls-h2", "h2c over TLS 1.3, by ALPN", _measure_h2,
             [Metric("cpu_us", "CPU us/request"), *CPU_SPLIT,
              Metric("rps", "requests/s", digits=0), *SHARES], is_tls=True),
    Scenario("tls-sse", "sse over TLS 1.3", _measure_sse, SSE, is_tls=True),
    Scenario("tls-idle", "idle over TLS 1.3", _measure_idle, IDLE, is_tls=True),
]


def measure(scenario, name, round_number, upstream, settings):
    """One candidate once: a row with its figures and problems."""
    run = Run(name, upstream, settings, scenario.is_tls)
    try:
        scenario.measure(run, round_number)
    except Broken as problem:
        run.problems.append(str(problem))
    except (OSError, http.client.HTTPException) as error:  # its /proc files went with it
        run.problems.append(f"{type(error).__name__}: {error}")
    return {"scenario": scenario.name, "candidate": name, "round": round_number + 1,
            "figures": run.figures, "problems": run.problems}


def subtract_direct(rows):
    """Turns the latencies of one round into what each candidate added to direct."""
    direct = next(r for r in rows if r["candidate"] == "direct")["figures"]
    for row in rows:
        for quantile in direct:
            if row["candidate"] != "direct" and quantile in row["figures"]:
                row["figures"]["added_" + quantile] = row["figures"][quantile] - direct[quantile]
