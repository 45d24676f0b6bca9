"""churn: clients that vanish, clients that read slowly, and well-behaved ones among them.

A course: a warm-up that fills every pool, rest, calm with well-behaved streams alone, churn with
all three, rest. Between the two rests nothing may have been kept: no file, no memory, no upstream
connection. The well-behaved streams are timed in calm and in churn, and must be whole in both.
"""
import asyncio
import collections
import contextlib
import json
import socket
import time

import gateway
import talk
import wire
from trial import check, check_eq

STEADY = 8          # well-behaved clients at a time, each with one stream after the other
STEADY_EVENTS = 20
STEADY_GAP_S = 0.025
LONG_S = 2          # how long a stream lasts that its client will not see the end of
BULK_BYTES = 1 << 20  # more than all buffers on the way hold
SLOW_BYTES_S = 1024
WARM_PER_S = 25     # clients that vanish: more than later, as pools keep what they once took
REST_S = 2          # in which kept upstream connections go
MSS = 1460          # as on the Internet: it keeps the kernel's buffers as small
# Memory may grow by so much from what the warm-up has left. It must be a dense one, for what a heap
# took in its fullest moment stays: behind 200 slow streams 67 MB, and then not a page more.
GROWTH = 1.05
GROWTH_BYTES = 1 << 20
# A model as it is by default: what recovers and retries keeps more, and must let go of it.
CONFIG = {"limits": {"upstream_idle_timeout": "1s"},
          # How fast this upstream is depends on what else the machine does; that is not the subject.
          "models": [{"name": "*", "targets": [{"provider": "up"}], "timeouts": {"total": "1h"},
                      "breaker": {"trip_after": 0}}]}

Form = collections.namedtuple("Form", "warm_s calm_s churn_s vanishing slow")

STEADY_BODY = talk.events(STEADY_EVENTS)
BULK_PIECE = talk.event("x" * 8000)
BULK_BODY = BULK_PIECE * (BULK_BYTES // len(BULK_PIECE)) + talk.event(None, "stop") + talk.DONE
HEAD = talk.STREAM_FIELDS + b"Transfer-Encoding: chunked\r\n\r\n"


async def paced(conn, count, gap_s):
    for i in range(count):
        await conn.send(talk.chunk(talk.event(f"t{i} ")))
        await asyncio.sleep(gap_s)


async def serve(upstream, conn):
    """Answers as the model's name says: steady, long or bulk."""
    while (request := await conn.request(timeout_s=3600)) is not None:
        kind = json.loads(request.body)["model"]
        await conn.send(HEAD)
        if kind == "bulk":
            for at in range(0, len(BULK_BODY), len(BULK_PIECE)):
                await conn.send(talk.chunk(BULK_BODY[at:at + len(BULK_PIECE)]))
            await conn.send(b"0\r\n\r\n")
            continue
        is_steady = kind == "steady"
        count = STEADY_EVENTS if is_steady else int(LONG_S / STEADY_GAP_S)
        await paced(conn, count, STEADY_GAP_S)
        await conn.send(talk.chunk(talk.event(None, "stop") + talk.DONE), b"0\r\n\r\n")


async def connect_narrow(port):
    """A client whose kernel takes next to nothing in advance."""
    s = socket.socket()
    s.setblocking(False)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, MSS)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        await asyncio.get_running_loop().sock_connect(s, ("127.0.0.1", port))
    except BaseException:
        s.close()
        raise
    return wire.Conn(*await asyncio.open_connection(sock=s, limit=SLOW_BYTES_S))


def p99(times):
    return sorted(times)[len(times) * 99 // 100] if times else 0


class Timed:
    """What the well-behaved streams of one phase saw."""

    def __init__(self):
        self.first_s = []
        self.gaps_s = []

    def __str__(self):
        return (f"{len(self.first_s)} streams, p99 of first byte "
                f"{p99(self.first_s) * 1000:.1f} ms, of gaps {p99(self.gaps_s) * 1000:.1f} ms")


class Churn:
    def __init__(self, trial, form, judges_memory=True):
        self.trial = trial
        self.form = form
        self.judges_memory = judges_memory
        self.vanished = 0
        self.slow_whole = 0
        self.slow_cut = 0
        self.slow_read = 0  # bytes that were read slowly
        self.most_memory = 0

    @property
    def port(self):
        return self.trial.gateway.port

    # --- Clients ---

    async def one_steady(self, conn, timed):
        asked = time.monotonic()
        await conn.send(talk.chat(stream=True, model="steady"))
        head = await conn.head()
        check(head is not None and head.status == 200, "a well-behaved stream is not answered")
        last = time.monotonic()
        timed.first_s.append(last - asked)
        body = bytearray()
        is_first = True
        async for piece in conn.pieces(head):
            now = time.monotonic()
            if not is_first:
                timed.gaps_s.append(now - last)
            last, is_first = now, False
            body += piece
        check_eq(bytes(body), STEADY_BODY, "a well-behaved stream")

    async def steady(self, seconds, timed):
        """Streams one after the other, on a connection that is new each third time."""
        until = time.monotonic() + seconds
        conn = None
        while time.monotonic() < until:
            if conn is None or self.trial.random.random() < 1 / 3:
                if conn:
                    conn.close()
                conn = await wire.connect(self.port)
            async with asyncio.timeout(20):
                await self.one_steady(conn, timed)
        if conn:
            conn.close()

    async def vanish(self):
        """Leaves by RST, somewhere within its stream, whether that waits for it or not."""
        kind = self.trial.random.choice(("long", "bulk"))
        conn = await connect_narrow(self.port)
        try:
            async with asyncio.timeout(20):
                await conn.send(talk.chat(stream=True, model=kind))
                head = await conn.head()
                check(head is not None and head.status == 200, "no stream to vanish from")
                await asyncio.sleep(self.trial.random.random() * LONG_S / 2)
        finally:
            conn.reset()
        self.vanished += 1

    async def vanish_all(self, count, seconds):
        """One after the other, evenly, whatever becomes of those before."""
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for i in range(count):
                await asyncio.sleep(started + i * seconds / count - time.monotonic())
                group.create_task(self.vanish())

    async def slow(self, seconds):
        """Reads a little at a time, then the rest at once: all of it must be there."""
        conn = await connect_narrow(self.port)
        try:
            await conn.send(talk.chat(stream=True, model="bulk"))
            until = time.monotonic() + seconds
            async with asyncio.timeout(seconds + 60):
                head = await conn.head()
                size, whole = SLOW_BYTES_S // 4, bytearray()
                while time.monotonic() < until:
                    whole += await conn.exactly(size)
                    await asyncio.sleep(size / SLOW_BYTES_S)
                self.slow_read += len(whole)
                conn.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                while not whole.endswith(b"\r\n0\r\n\r\n"):
                    whole += await conn.some(65536)
            check_eq(head.status, 200, "status of a slow client's stream")
            check(whole.count(b"x" * 8000) == len(BULK_BODY) // len(BULK_PIECE) and
                  talk.DONE in whole, "a slow client's stream is not whole")
            self.slow_whole += 1
        except wire.Cut:
            self.slow_cut += 1  # told at the end, so that the rest is measured all the same
        finally:
            conn.close()

    # --- Phases ---

    async def phase(self, seconds, vanishing=0, slow=0):
        timed = Timed()
        async with asyncio.TaskGroup() as group:
            for _ in range(STEADY):
                group.create_task(self.steady(seconds, timed))
            for _ in range(slow):
                group.create_task(self.slow(seconds))
            if vanishing:
                group.create_task(self.vanish_all(vanishing, seconds))
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                await asyncio.sleep(0.25)
                self.most_memory = max(self.most_memory, self.trial.gateway.memory())
        return timed

    async def rest(self):
        """What is open once all have gone: (files, upstream connections, private memory)."""
        await asyncio.sleep(REST_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while self.trial.upstream.tasks or \
                        self.trial.gateway.open_fds() > self.trial.gateway.fds:
                    await asyncio.sleep(0.05)
        tested = self.trial.gateway
        return tested.open_fds(), len(self.trial.upstream.tasks), tested.memory()

    async def run(self):
        form, t = self.form, self.trial
        await self.phase(form.warm_s, form.warm_s * WARM_PER_S, form.slow)
        files, conns, memory = await self.rest()
        self.vanished = self.slow_whole = self.slow_cut = self.slow_read = self.most_memory = 0
        calm = await self.phase(form.calm_s)
        churn = await self.phase(form.churn_s, form.vanishing, form.slow)
        files_after, conns_after, memory_after = await self.rest()
        t.upstream.errors = [e for e in t.upstream.errors if not isinstance(e, TimeoutError)]

        t.note(f"calm: {calm}")
        t.note(f"churn: {churn}")
        t.note(f"{self.vanished} vanished, {self.slow_whole} slow ones read "
               f"{self.slow_read / max(form.slow, 1) / form.churn_s:.0f} B/s each and then all")
        t.note(f"before and after: files {files}, {files_after}; upstream connections {conns}, "
               f"{conns_after}; private KiB {memory >> 10}, {memory_after >> 10}, at most "
               f"{self.most_memory >> 10}")
        check_eq(self.vanished, form.vanishing, "vanished clients")
        check(files_after <= files, f"{files_after - files} files leaked")
        check(conns_after <= conns, f"{conns_after - conns} upstream connections leaked")
        for what in ("first_s", "gaps_s"):
            worst = p99(getattr(churn, what))
            check(worst < 1, f"p99 of {what} is {worst:.2f} s amid churn")
        check(memory_after <= memory * GROWTH + GROWTH_BYTES or not self.judges_memory,
              f"memory grew from {memory} to {memory_after}")
        check(not self.slow_cut, f"{self.slow_cut} of {form.slow} slow clients were cut")
        check_eq(self.slow_whole, form.slow, "slow clients with a whole answer")


async def run(trial, form, binary):
    """The whole course; a sanitizer keeps what is freed, so that its memory says nothing."""
    await trial.start(serve, CONFIG, binary=binary)
    await Churn(trial, form, not gateway.is_sanitized(binary)).run()
