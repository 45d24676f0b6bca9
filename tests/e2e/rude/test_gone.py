"""Clients that leave, at each stage and in each way; the upstream's work must end with them."""
import asyncio
import time

import gateway
import talk
import wire
from trial import cases, check, check_eq, test

# What a client's leaving may cost before the upstream learns of it.
GONE_S = 0.5 if gateway.is_sanitized() else 0.05


class Watching:
    """An upstream that reads requests, does as told, and tells when its connection ends."""

    def __init__(self, *pieces):
        self.pieces = pieces
        self.has_request = asyncio.Event()
        self.ended = asyncio.Event()
        self.count = 0

    async def __call__(self, upstream, conn):
        head = await conn.head()
        if head is None:
            self.ended.set()
            return
        self.count += 1
        self.has_request.set()
        try:
            async for _ in conn.pieces(head):
                pass
            for piece in self.pieces:
                await conn.send(piece)
            await conn.ended(30)
        except (wire.Cut, ConnectionError):
            pass
        self.at = time.monotonic()
        self.ended.set()


WAYS = {
    "closes": lambda conn: conn.close(),
    "resets": lambda conn: conn.reset(),
    "half-closes": lambda conn: conn.finish(),
}


def stages(name, table):
    return cases(name, {f"{way} {stage}": (WAYS[way], value)
                        for stage, value in table.items() for way in WAYS})


@stages("a client that leaves without a request costs nothing", {
    "before a byte": b"",
    "inside the request line": b"POST /v1/ch",
    "inside a field": b"POST /v1/chat/completions HTTP/1.1\r\nHos",
    "behind the head": talk.chat().partition(b"{")[0],
    "inside the body": talk.chat()[:-5],
    "inside a chunk": b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
})
async def _(t, value):
    leave, data = value
    await t.start(talk.serve_answers)
    conn = await t.client()
    if data:
        await conn.send(data)
        await asyncio.sleep(0.05)
    leave(conn)
    await t.gateway.quiet(3)
    check_eq(t.upstream.requests, [])
    check_eq((await t.ask(talk.chat())).status, 200)


async def forgotten(t):
    """Waits until no client and no request is left; an upstream connection may be kept."""
    async with asyncio.timeout(3):
        await asyncio.sleep(0.3)  # counters lag by 250 ms
        while await t.gateway.metric("sluice_requests_in_flight") or \
                await t.gateway.metric("sluice_connections_open"):
            await asyncio.sleep(0.05)


HEAD = talk.STREAM_FIELDS + b"Transfer-Encoding: chunked\r\n\r\n"
UPLOAD = b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"


@stages("the upstream is told at once when a client", {
    "while it waits for an answer": ([], talk.chat()),
    "while it waits for a stream": ([], talk.chat(stream=True)),
    "behind the head of a stream": ([HEAD], talk.chat(stream=True)),
    "inside a stream": ([HEAD + talk.chunk(talk.event("a"))], talk.chat(stream=True)),
    "inside an event of a stream": ([HEAD + talk.chunk(talk.event("a")[:9])],
                                    talk.chat(stream=True)),
    "inside a gathered answer": ([talk.answer()[:-5]], talk.chat()),
    "inside an upload": ([], UPLOAD),
    "inside a download": ([talk.answer(b"x" * 50)[:-9]],
                          b"GET /v1/files/f HTTP/1.1\r\nHost: x\r\n\r\n"),
})
async def _(t, value):
    leave, (pieces, request) = value
    watching = Watching(*pieces)
    await t.start(watching)
    conn = await t.client()
    await conn.send(request)
    await asyncio.wait_for(watching.has_request.wait(), 5)
    await asyncio.sleep(0.1)
    left = time.monotonic()
    leave(conn)
    await asyncio.wait_for(watching.ended.wait(), 5)
    took = watching.at - left
    t.note(f"{took * 1000:.1f} ms")
    check(took < GONE_S, f"{took * 1000:.1f} ms")
    check_eq(watching.count, 1)


@stages("the upstream is told when a client, right behind the rest of its body,", {
    "of a chat": talk.chat(),
    "of a stream": talk.chat(stream=True),
    "of an upload": UPLOAD + b"x" * 97,
})
async def _(t, value):
    leave, request = value
    watching = Watching()
    await t.start(watching)
    conn = await t.client()
    await conn.send(request[:-10])
    await asyncio.sleep(0.05)
    conn.writer.write(request[-10:])
    conn.finish()
    leave(conn) if leave is not WAYS["half-closes"] else None
    await forgotten(t)


@stages("all of a request at once, and then the client", {
    "of a chat": talk.chat(), "of a stream": talk.chat(stream=True)})
async def _(t, value):
    leave, request = value
    watching = Watching()
    await t.start(watching)
    conn = await t.client()
    conn.writer.write(request)
    if leave is WAYS["resets"]:
        await asyncio.sleep(0)
    leave(conn)
    await forgotten(t)


@test
async def a_reset_is_noticed_while_the_upstream_takes_nothing_of_an_upload(t):
    ended = asyncio.Event()

    async def serve(upstream, conn):
        await conn.head()
        conn.writer.transport.pause_reading()
        await asyncio.sleep(1)
        conn.writer.transport.resume_reading()
        await conn.ended()
        ended.set()

    await t.start(serve, rcvbuf=4096)
    conn = await t.client()
    await conn.send(b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 80000000\r\n\r\n")
    sender = asyncio.create_task(conn.send(bytes(80_000_000)))
    await asyncio.sleep(0.5)
    conn.reset()
    await asyncio.wait_for(ended.wait(), 5)
    wire.quietly(sender)


@test
async def a_client_that_leaves_behind_a_whole_answer_harms_no_upstream_connection(t):
    await t.start(talk.serve_answers)
    for way in WAYS.values():
        conn = await t.client()
        await conn.send(talk.chat(stream=True))
        await conn.answer()
        way(conn)
    await asyncio.sleep(0.1)
    check_eq((await t.ask(talk.chat())).status, 200)
    check_eq(len(t.upstream.conns), 1, "upstream connections")


@test
async def a_client_that_leaves_while_the_upstream_is_dialed_is_forgotten(t):
    await t.start(talk.serve_answers)
    for _ in range(50):
        conn = await t.client()
        await conn.send(talk.chat(stream=True))
        conn.reset()
    await asyncio.sleep(0.3)
    check_eq((await t.ask(talk.chat())).status, 200)


@test(alone=True)
async def three_hundred_clients_that_leave_at_random_leave_nothing_behind(t):
    async def serve(upstream, conn):
        while (request := await conn.request(timeout_s=3600)) is not None:
            await conn.send(HEAD)
            for i in range(20):
                await conn.send(talk.chunk(talk.event(f"{i}")))
                await asyncio.sleep(0.005)
            await conn.send(talk.chunk(talk.event(None, "stop") + talk.DONE) + b"0\r\n\r\n")

    async def visit():
        conn = await t.client()
        data = talk.chat(stream=True)
        cut = t.random.randrange(len(data) * 2)
        await conn.send(data[:cut])
        await asyncio.sleep(t.random.random() * 0.15)
        t.random.choice(list(WAYS.values()))(conn)
        await asyncio.sleep(0.05)
        conn.close()

    await t.start(serve)
    for _ in range(6):
        await asyncio.gather(*(visit() for _ in range(50)))
    await t.upstream.stop()
    await t.gateway.quiet()
