"""cuts: an upstream that ends its streams too early, in every way it can.

The client reads events as OpenAI's SDKs do: it takes any end in order for the end of the answer,
and knows trouble only by an HTTP status, an error event, a reset or broken framing. A cut stream
that it takes for whole is one that a user would take for whole.
"""
import asyncio
import json
import os
import random
import time

import gateway
import talk
import wire

COUNT = int(os.environ.get("CUTS_COUNT", "10000"))
AT_A_TIME = 32
FRAMINGS = ("chunked", "length", "until close")
ENDINGS = ("FIN", "RST", "terminal chunk", "stall, then FIN")


class Case:
    """One stream, and how it is cut: at byte `at` of the raw answer, None for not at all."""

    def __init__(self, seed, number, is_cut):
        rng = self.rng = random.Random(f"{seed} {number} {is_cut}")
        line_end = rng.choice((b"\n", b"\n", b"\n", b"\r\n", b"\r"))
        texts = [talk.event(self.word(rng)) for _ in range(rng.randrange(1, 12))]
        finish = talk.event(None, rng.choice(("stop", "length", "tool_calls")))
        if rng.random() < 0.3:
            texts.insert(rng.randrange(len(texts)), b": comment\n\n")
        before = b"".join(texts)
        self.body = (before + finish + talk.DONE).replace(b"\n", line_end)
        before = before.replace(b"\n", line_end)
        finish_end = len(before) + len(finish.rstrip(b"\n"))
        self.framing = rng.choice(FRAMINGS)
        self.ending = rng.choice(ENDINGS)
        self.raw, offsets = self.framed(rng)
        # The finish counts from its last byte on, so the cut is before that.
        self.at = rng.randrange(offsets[finish_end - 1] + 1) if is_cut else None

    @staticmethod
    def word(rng):
        return "".join(rng.choices('abc "\\{}\n[DONE]é😀', k=rng.randrange(30)))

    def framed(self, rng):
        """The raw answer, and where in it each byte of the body stands."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Pad: %b\r\n" % (
            b"p" * rng.randrange(60))
        offsets = []
        if self.framing != "chunked":
            if self.framing == "length":
                head += b"Content-Length: %d\r\n" % len(self.body)
            head += b"\r\n"
            return head + self.body, range(len(head), len(head) + len(self.body))
        raw = bytearray(head + b"Transfer-Encoding: chunked\r\n\r\n")
        at = 0
        while at < len(self.body):
            size = min(rng.choice((1, 3, 20, 100, 5000)), len(self.body) - at)
            raw += b"%x\r\n" % size
            offsets += range(len(raw), len(raw) + size)
            raw += self.body[at:at + size] + b"\r\n"
            at += size
        self.payload_ends = offsets
        return bytes(raw + b"0\r\n\r\n"), offsets

    def sent(self):
        """What the upstream sends; with a terminal chunk that is a well-formed, short answer."""
        if self.at is None:
            return self.raw
        if self.ending != "terminal chunk" or self.framing != "chunked":
            return self.raw[:self.at]
        count = sum(1 for o in self.payload_ends if o < self.at)
        head = self.raw[:self.raw.index(b"\r\n\r\n") + 4]
        return head + (talk.chunk(self.body[:count]) if count else b"") + b"0\r\n\r\n"

    def __str__(self):
        return (f"cut at {self.at} of {len(self.raw)}, {self.framing}, {self.ending}: "
                f"{self.sent()[-200:]!r}")


async def send(case, conn):
    data = case.sent()
    rng = case.rng
    largest = rng.choice((1, 7, 100, 100_000))
    if largest == 1 and len(data) > 2000:
        largest = 13
    at = 0
    while at < len(data):
        size = rng.randrange(1, largest + 1)
        await conn.send(data[at:at + size])
        at += size
        if rng.random() < 0.3:
            await asyncio.sleep(0)
    if case.at is None:
        return
    if case.ending == "stall, then FIN":
        await asyncio.sleep(rng.random() * 0.05)
    if case.ending == "RST":
        # A reset takes with it what the peer has not read; some are late enough to be read.
        await asyncio.sleep(rng.choice((0, 0, 0.005)))
        conn.reset()


async def take(conn, case_id):
    """The stream's bytes; raises what an SDK would raise."""
    body = json.dumps({"model": "m", "stream": True, "messages": [], "case": case_id}).encode()
    await conn.send(talk.post(b"/v1/chat/completions", body))
    answer = await conn.answer(timeout_s=30)
    if answer.status >= 400:
        raise wire.Malformed(f"status {answer.status}")
    for data in talk.stream_data(answer.body):
        if data == b"[DONE]":
            break
        if "error" in json.loads(data):
            raise wire.Malformed(data)
    return answer.body


class Course:
    def __init__(self, seed):
        self.seed = seed
        self.problems = []
        self.seen = {}

    async def serve(self, upstream, conn):
        while (request := await conn.request(timeout_s=3600)) is not None:
            number = json.loads(request.body)["case"]
            case = Case(self.seed, abs(number), number < 0)
            await send(case, conn)
            if case.at is not None or case.framing == "until close":
                return

    async def one(self, port, number):
        case = Case(self.seed, abs(number), number < 0)
        try:
            conn = await wire.connect(port)
        except OSError as e:
            self.problems.append(f"{e!r}, {case}")
            return
        try:
            got = await take(conn, number)
            if case.at is not None:
                self.problems.append(f"a cut stream looks whole, {case}: {got[-300:]!r}")
            elif got != case.body:
                self.problems.append(f"a whole stream changed, {case}: {got!r}")
        except TimeoutError:
            self.problems.append(f"no end, {case}")
        except (wire.Cut, wire.Malformed) as e:
            if case.at is None:
                self.problems.append(f"a whole stream failed, {case}: {e}")
            kind = str(e)[:10] if "status" in str(e) else type(e).__name__
            self.seen[kind] = self.seen.get(kind, 0) + 1
        finally:
            conn.close()

    async def all(self, port, numbers):
        numbers = iter(numbers)

        async def walk():
            for number in numbers:
                await self.one(port, number)

        await asyncio.gather(*(walk() for _ in range(AT_A_TIME)))


async def stage(seed, name, numbers):
    course = Course(seed)
    upstream = await wire.Upstream(course.serve).start()
    child = gateway.Gateway(upstream.port, {"limits": {"upstream_idle_connections": 64}})
    await child.start()
    started = time.monotonic()
    await course.all(child.port, numbers)
    took = time.monotonic() - started
    await upstream.stop()
    try:
        await child.stop()
    except gateway.Misbehaved as e:
        course.problems.insert(0, str(e))
    problems = course.problems + [repr(e) for e in upstream.errors]
    print(f"{'ok  ' if not problems else 'FAIL'} {len(numbers)} {name}, {len(problems)} wrong "
          f"({took:.1f} s{'; ' if course.seen else ''}"
          f"{', '.join(f'{k}: {v}' for k, v in sorted(course.seen.items()))})", flush=True)
    for problem in problems[:5]:
        print("     " + problem.replace("\n", "\n     "))
    return not problems


async def run(seed):
    # Negative numbers are cut; zero is neither.
    results = [await stage(seed, "cut streams showed an error", range(-COUNT, 0)),
               await stage(seed, "whole streams passed", range(1, max(COUNT // 10, 1) + 1))]
    return sum(results), len(results) - sum(results)
