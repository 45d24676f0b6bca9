"""Clients that are slow, on purpose or not."""
import asyncio
import time

import talk
import wire
from trial import check, check_eq, test

FAST = {"limits": {"header_timeout": "600ms", "body_timeout": "500ms", "write_timeout": "700ms",
                   "idle_timeout": "1s"}}


@test
async def a_head_of_one_byte_each_100_ms_is_answered_408(t):
    await t.start(talk.serve_answers, FAST)
    conn = await t.client()
    started = time.monotonic()
    sender = asyncio.create_task(conn.drip(talk.chat(), 0.1))
    answer = await conn.answer()
    took = time.monotonic() - started
    wire.quietly(sender)
    check_eq(answer.status, 408)
    check_eq(talk.error_of(answer)["code"], "request_timeout")
    check(answer.is_last, "no connection: close")
    check(0.55 < took < 1.5, f"after {took:.2f} s")
    check_eq(t.upstream.requests, [])


@test
async def a_header_a_second_does_not_buy_time(t):
    await t.start(talk.serve_answers, {"limits": {"header_timeout": "1500ms"}})
    conn = await t.client()

    async def send():
        await conn.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n")
        for i in range(10):
            await asyncio.sleep(1)
            await conn.send(b"X-%d: y\r\n" % i)

    started = time.monotonic()
    sender = asyncio.create_task(send())
    check_eq((await conn.answer()).status, 408)
    wire.quietly(sender)
    check(time.monotonic() - started < 2.5, "too late")


@test
async def a_slow_second_head_is_answered_408_as_well(t):
    await t.start(talk.serve_answers, FAST)
    conn = await t.client()
    await conn.send(talk.chat(), b"GET /v1")
    check_eq((await conn.answer()).status, 200)
    check_eq((await conn.answer()).status, 408)
    check_eq(await conn.ended(), "eof")


@test(alone=True)
async def two_hundred_slow_heads_do_not_slow_down_the_others(t):
    await t.start(talk.serve_answers, {"limits": {"header_timeout": "3s"}})
    slow = [await t.client() for _ in range(200)]
    drips = [asyncio.create_task(conn.drip(talk.chat(), 0.1)) for conn in slow]
    conn = await t.client()
    worst = 0.0
    for _ in range(200):
        started = time.monotonic()
        await conn.send(talk.chat())
        check_eq((await conn.answer()).status, 200)
        worst = max(worst, time.monotonic() - started)
        await asyncio.sleep(0.005)
    answers = await asyncio.gather(*(s.answer() for s in slow))
    check_eq({a.status for a in answers}, {408})
    for drip in drips:
        wire.quietly(drip)
    t.note(f"slowest answer meanwhile {worst * 1000:.1f} ms")
    check(worst < 0.5, f"{worst:.3f} s")


@test
async def an_idle_connection_is_closed_in_order(t):
    await t.start(talk.serve_answers, FAST)
    conn = await t.client()
    started = time.monotonic()
    check_eq(await conn.ended(), "eof")
    check(0.9 < time.monotonic() - started < 2, "not after a second")


@test
async def a_body_that_stalls_is_cut(t):
    await t.start(talk.serve_answers, FAST)
    conn = await t.client()
    started = time.monotonic()
    await conn.send(talk.chat()[:-3])
    end = await conn.ended()
    check(0.45 < time.monotonic() - started < 1.5, "not at body_timeout")
    t.note(f"ends with {end}")
    check_eq(t.upstream.requests, [])


@test
async def a_body_that_comes_slowly_but_steadily_is_taken(t):
    await t.start(talk.serve_answers, FAST)
    conn = await t.client()
    head, _, body = talk.chat().partition(b"\r\n\r\n")
    await conn.send(head, b"\r\n\r\n")
    sender = asyncio.create_task(conn.drip(body, 0.1, size=len(body) // 8))
    check_eq((await conn.answer()).status, 200)
    await sender


@test
async def an_upload_that_stalls_is_cut_and_so_is_the_upstream(t):
    gone = asyncio.Future()

    async def serve(upstream, conn):
        head = await conn.head()
        try:
            async for _ in conn.pieces(head):
                pass
        except wire.Cut:
            gone.set_result(time.monotonic())

    await t.start(serve, FAST)
    conn = await t.client()
    started = time.monotonic()
    await conn.send(b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
    await conn.ended()
    took = await asyncio.wait_for(gone, 5) - started
    check(0.45 < took < 1.5, f"{took:.2f} s")


@test
async def a_slow_upstream_is_not_held_against_the_uploader(t):
    async def serve(upstream, conn):
        head = await conn.head()
        conn.writer.transport.pause_reading()
        await asyncio.sleep(1.5)
        conn.writer.transport.resume_reading()
        got = 0
        async for piece in conn.pieces(head):
            got += len(piece)
        await conn.send(talk.answer(b"%d" % got))

    await t.start(serve, FAST, rcvbuf=4096)
    conn = await t.client()
    size = 8 << 20
    await conn.send(b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
    sender = asyncio.create_task(conn.send(bytes(size)))
    answer = await conn.answer()
    await sender
    check_eq(answer.status, 200)
    check_eq(answer.body, b"%d" % size)


@test
async def a_client_that_takes_nothing_is_cut_at_write_timeout(t):
    gone = asyncio.Future()

    async def serve(upstream, conn):
        await conn.request()
        await conn.send(talk.STREAM_FIELDS + b"\r\n")
        try:
            while True:
                await conn.send(talk.event("x" * 60000))
        except ConnectionError:
            gone.set_result(conn.sent)

    await t.start(serve, FAST)
    conn = await t.client(rcvbuf=4096, limit=1024)
    conn.writer.transport.pause_reading()
    started = time.monotonic()
    await conn.send(talk.chat(stream=True))
    sent = await asyncio.wait_for(gone, 10)
    took = time.monotonic() - started
    check(0.6 < took < 4, f"after {took:.2f} s")
    conn.writer.transport.resume_reading()
    try:
        await conn.answer()
        check(False, "a whole answer")
    except wire.Cut:
        pass
    t.note(f"upstream got rid of {sent >> 10} KiB")


@test
async def a_client_that_takes_a_little_now_and_then_is_served(t):
    body = b"".join(talk.event("x" * 10000) for _ in range(200)) + talk.event(None, "stop")
    await t.start(talk.serving(talk.streamed(body + talk.DONE)), FAST)
    conn = await t.client(rcvbuf=65536, limit=16384)
    await conn.send(talk.chat(stream=True))
    message = await conn.head()
    got = bytearray()
    async for piece in conn.pieces(message):
        got += piece
        if len(got) < 600_000:
            await asyncio.sleep(0.01)
    check_eq(bytes(got), body + talk.DONE)
