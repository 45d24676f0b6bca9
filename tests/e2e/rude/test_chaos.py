"""Everything at once: clients and upstreams that each do something random to the other."""
import asyncio
import contextlib

import talk
import test_gone
import wire
from trial import check_eq, test

FILES = b"GET /v1/files HTTP/1.1\r\nHost: x\r\n\r\n"
UPLOAD = b"POST /v1/files HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + \
    talk.chunk(b"x" * 5000) * 20 + b"0\r\n\r\n"
REQUESTS = (
    talk.chat(), talk.chat(stream=True), FILES, UPLOAD, talk.chat() + talk.chat(stream=True),
    talk.post(b"/v1/responses", b'{"model":"m","stream":true}'), talk.chat()[:-20] + b"\0" * 20,
    talk.chat(b"Expect: 100-continue"), talk.post(b"/v1/files", b"x" * 300_000),
    b"HEAD /v1/files HTTP/1.1\r\nHost: x\r\n\r\n", talk.chat(version=b"1.0"),
    talk.chat(stream=True, version=b"1.0"), b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
CRLF = talk.events(20).replace(b"\n", b"\r\n")
ANSWERS = (
    talk.answer(), talk.streamed(talk.events(30)), talk.streamed(CRLF),
    talk.STREAM_FIELDS + b"Content-Length: %d\r\n\r\n" % len(CRLF) + CRLF,
    talk.STREAM_FIELDS + b"\r\n" + talk.events(50), talk.answer(b"x" * 700_000, type=b"a/b"),
    talk.answer(b'"' + b"x" * 400_000 + b'"'), talk.answer(b"{}", b"413 Large"),
    b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + talk.answer(),
    talk.streamed(talk.event("x" * 300_000) + talk.events()),
    talk.streamed(talk.event("a") + b"data: [\n\n" + talk.events()),
    b"HTTP/1.1 204 No Content\r\n\r\n", talk.answer(b"<p>", b"500 Oops", type=b"text/html"),
    b"garbage\r\n\r\n")


async def trickle(rng, conn, data):
    """Sends the data in random pieces, at random paces."""
    largest = rng.choice((10, 100, 5000, 1 << 20))
    largest = max(largest, len(data) // 200)
    at = 0
    while at < len(data):
        size = rng.randrange(1, largest + 1)
        await conn.send(data[at:at + size])
        at += size
        if rng.random() < 0.2:
            await asyncio.sleep(rng.choice((0, 0, 0.001)))


def damaged(rng, data):
    if rng.random() < 0.5:
        return data
    data = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data))
        how = rng.randrange(3)
        if how == 0:
            data[at] = rng.randrange(256)
        elif how == 1:
            del data[at:]
        else:
            data[at:at] = rng.choice((b"\r\n", b"\n", b"\0", b":", b"0\r\n\r\n", b"data: "))
        if not data:
            break
    return bytes(data)


@test(alone=True, timeout_s=240)
async def five_thousand_random_encounters_leave_it_whole(t):
    rng = t.random

    async def serve(upstream, conn):
        while True:
            if rng.random() < 0.1:
                await conn.reader.read(rng.randrange(1, 300))
            elif await conn.request(timeout_s=20) is None:
                return
            await trickle(rng, conn, damaged(rng, rng.choice(ANSWERS)))
            if rng.random() < 0.3:
                rng.choice(list(test_gone.WAYS.values()))(conn)
                return
            if rng.random() < 0.1:
                await asyncio.sleep(rng.random() * 0.2)

    async def visit():
        conn = await wire.connect(t.gateway.port, rcvbuf=rng.choice((None, 8192)))
        with contextlib.suppress(Exception):
            for _ in range(rng.randrange(1, 4)):
                await trickle(rng, conn, damaged(rng, rng.choice(REQUESTS)))
                if rng.random() < 0.6:
                    await conn.answer(timeout_s=1)
            if rng.random() < 0.5:
                await asyncio.sleep(rng.random() * 0.02)
        rng.choice(list(test_gone.WAYS.values()))(conn)
        await asyncio.sleep(0)
        conn.close()

    async def walk(count):
        for _ in range(count):
            await visit()

    await t.start(serve, {"limits": {"header_timeout": "500ms", "body_timeout": "500ms",
                                     "write_timeout": "1s", "idle_timeout": "1s",
                                     "event_bytes": "200KiB", "connections": 60}},
                  timeouts={"total": "2s", "first_token": "300ms", "between_tokens": "300ms"})
    await asyncio.gather(*(walk(100) for _ in range(50)))
    t.upstream.serve = talk.serve_answers
    # Kept connections may still end in an old way, and refused clients take their two seconds.
    good = 0
    async with asyncio.timeout(20):
        while good < 20:
            with contextlib.suppress(wire.Cut):
                good = good + 1 if (await t.ask(talk.chat())).body == talk.OK_BODY else 0
            await asyncio.sleep(0.05)
    check_eq((await t.ask(talk.chat(stream=True))).body, talk.events())
    await asyncio.sleep(0.3)  # counters lag by 250 ms
    for what in ("answers", "clients_gone", "streams_cut", "upstream_failures",
                 "request_heads_rejected"):
        t.note(f"{what} {await t.gateway.metric(f'sluice_{what}_total')}")
    t.upstream.errors.clear()
    await t.upstream.stop()
    await t.gateway.quiet()
