"""Large bodies both ways: byte for byte, at the pace of the slower side, in little memory."""
import asyncio
import hashlib
import time

import gateway
import talk
from trial import check, check_eq, test

IS_SANITIZED = gateway.is_sanitized()
MIB = 1 << 20
SIZE = (20 if IS_SANITIZED else 100) * MIB
BLOCK = bytes(range(256)) * 256  # 64 KiB


def numbered(at):
    """64 KiB that differ from block to block."""
    return at.to_bytes(8, "big") + BLOCK[8:]


class Growth:
    """The most that the gateway's memory grew by meanwhile."""

    def __init__(self, t):
        self.t = t
        self.before = t.gateway.memory()
        self.most = 0
        self.task = asyncio.create_task(self.watch())

    async def watch(self):
        while True:
            self.most = max(self.most, self.t.gateway.memory() - self.before)
            await asyncio.sleep(0.01)

    def end(self, most=MIB):
        self.task.cancel()
        self.t.note(f"memory grew by {self.most >> 10} KiB{' (sanitizers)' * IS_SANITIZED}")
        check(IS_SANITIZED or self.most < most, f"memory grew by {self.most >> 10} KiB")


async def digest_of(conn, message, wait_s=0):
    digest, size = hashlib.sha256(), 0
    async for piece in conn.pieces(message):
        digest.update(piece)
        size += len(piece)
        if wait_s:
            await asyncio.sleep(wait_s)
    return digest.hexdigest(), size


async def serve_digest(upstream, conn):
    while (head := await conn.head()) is not None:
        upstream.requests.append(head)
        digest, size = await digest_of(conn, head)
        await conn.send(talk.answer(b"%s %d" % (digest.encode(), size)))


async def upload(t, conn, head, is_chunked=False):
    digest = hashlib.sha256()
    start = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"
    total = SIZE + len(start)
    framing = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % total
    await conn.send(head, framing, b"\r\n\r\n")
    for block in [start] + [numbered(i) for i in range(SIZE // len(BLOCK))]:
        digest.update(block)
        await conn.send(talk.chunk(block) if is_chunked else block)
    if is_chunked:
        await conn.send(b"0\r\n\r\n")
    answer = await conn.answer()
    check_eq(answer.status, 200)
    check_eq(answer.body, b"%s %d" % (digest.hexdigest().encode(), total))


HEAD = b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"


@test(alone=True)
async def a_large_upload_streams_through(t):
    await t.start(serve_digest)
    conn = await t.client()
    await conn.send(talk.post(b"/v1/files", b"x"))
    await conn.answer()
    growth = Growth(t)
    started = time.monotonic()
    await upload(t, conn, HEAD)
    took = time.monotonic() - started
    await upload(t, conn, HEAD, is_chunked=True)
    check_eq([r.get(b"content-length") is None for r in t.upstream.requests], [False, False, True])
    t.note(f"{SIZE / took / 1e6:.0f} MB/s")
    growth.end()


@test(alone=True)
async def a_large_download_streams_through(t):
    digest = hashlib.sha256()
    for i in range(SIZE // len(BLOCK)):
        digest.update(numbered(i))

    async def serve(upstream, conn):
        while (request := await conn.request()) is not None:
            fields = [b"HTTP/1.1 200 OK", b"Content-Type: application/octet-stream"]
            is_chunked = request.line.endswith(b"c HTTP/1.1")
            is_open = request.line.endswith(b"u HTTP/1.1")
            if is_chunked:
                fields.append(b"Transfer-Encoding: chunked")
            elif not is_open:
                fields.append(b"Content-Length: %d" % SIZE)
            await conn.send(b"\r\n".join(fields), b"\r\n\r\n")
            for i in range(SIZE // len(BLOCK)):
                await conn.send(talk.chunk(numbered(i)) if is_chunked else numbered(i))
            if is_chunked:
                await conn.send(b"0\r\n\r\n")
            if is_open:
                return

    await t.start(serve)
    growth = Growth(t)
    for name in (b"l", b"c", b"u"):
        conn = await t.client()
        await conn.send(b"GET /v1/files/%b HTTP/1.1\r\nHost: x\r\n\r\n" % name)
        message = await conn.head()
        check_eq(message.get(b"content-length"), b"%d" % SIZE if name == b"l" else None)
        check_eq(await digest_of(conn, message), (digest.hexdigest(), SIZE))
    growth.end()


@test(alone=True, timeout_s=120)
async def a_slow_reader_of_a_large_stream_holds_back_the_upstream_and_gets_all(t):
    size = (30 if IS_SANITIZED else 200) * MIB
    event = talk.event("x" * 16_000)
    count = size // len(event)
    end = talk.event(None, "stop") + talk.DONE

    async def serve(upstream, conn):
        await conn.request()
        await conn.send(talk.STREAM_FIELDS + b"\r\n")
        for _ in range(count):
            await conn.send(event)
        await conn.send(end)

    await t.start(serve)
    conn = await t.client(rcvbuf=65536, limit=32768)
    growth = Growth(t)
    await conn.send(talk.chat(stream=True))
    message = await conn.head()
    digest, got = hashlib.sha256(), 0
    pieces = conn.pieces(message)
    for _ in range(20):  # 64 KiB a second or so, then nothing
        piece = await anext(pieces)
        digest.update(piece)
        got += len(piece)
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    sent = t.upstream.conns[0].sent
    await asyncio.sleep(1)
    check_eq(t.upstream.conns[0].sent, sent, "what the upstream got rid of while nobody read")
    t.note(f"upstream stopped after {sent >> 10} KiB")
    check(sent < size // 2, f"the upstream got rid of {sent} bytes")
    growth.end()
    async for piece in pieces:
        digest.update(piece)
        got += len(piece)
    wanted = hashlib.sha256(event * count + end)
    check_eq((got, digest.hexdigest()), (count * len(event) + len(end), wanted.hexdigest()))


@test(alone=True)
async def fifty_stuck_readers_cost_little_memory_each(t):
    event = talk.event("x" * 16_000)

    async def serve(upstream, conn):
        await conn.request()
        await conn.send(talk.STREAM_FIELDS + b"\r\n")
        while True:
            await conn.send(event)

    await t.start(serve)
    growth = Growth(t)
    for _ in range(50):
        conn = await t.client(rcvbuf=8192, limit=4096)
        conn.writer.transport.pause_reading()
        await conn.send(talk.chat(stream=True))
    await asyncio.sleep(2)
    growth.end(50 * MIB // 4)
    t.note(f"{growth.most // 50 >> 10} KiB each")


@test(alone=True)
async def small_requests_are_served_while_large_bodies_pass(t):
    async def serve(upstream, conn):
        while (head := await conn.head()) is not None:
            if head.line.startswith(b"GET"):
                await conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 40))
                while True:
                    await conn.send(BLOCK)
            async for _ in conn.pieces(head):
                pass
            await conn.send(talk.answer())

    await t.start(serve)

    async def download():
        conn = await t.client()
        await conn.send(b"GET /v1/files/f HTTP/1.1\r\nHost: x\r\n\r\n")
        while True:
            await conn.reader.read(65536)

    downloads = [asyncio.create_task(download()) for _ in range(4)]
    await asyncio.sleep(0.2)
    conn = await t.client()
    worst = 0.0
    for _ in range(100):
        started = time.monotonic()
        await conn.send(talk.chat())
        check_eq((await conn.answer()).status, 200)
        worst = max(worst, time.monotonic() - started)
    for task in downloads:
        task.cancel()
    t.note(f"slowest answer {worst * 1000:.0f} ms")
    check(worst < 1, f"{worst:.2f} s")
