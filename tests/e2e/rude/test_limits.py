"""Bounds on what a client may ask: each is answered in OpenAI's shape, and can be read."""
import asyncio
import json
import time

import gateway
import talk
import wire
from trial import check, check_eq, test


async def refused(t, conn, status, code):
    answer = await conn.answer()
    check_eq(answer.status, status)
    check(answer.is_last, "no connection: close")
    check_eq(answer.get(b"content-type"), b"application/json")
    check_eq(talk.error_of(answer)["code"], code)
    check_eq(await conn.ended(), "eof")


def with_fields(count, size=1):
    lines = [b"X-%d: %s" % (i, b"v" * size) for i in range(count)]
    return talk.chat(*lines)


@test
async def an_oversize_head_is_answered_431(t):
    await t.start(talk.serve_answers)
    conn = await t.client()
    await conn.send(talk.chat(b"X-A: " + b"a" * 33000))
    await refused(t, conn, 431, "request_headers_too_large")


@test
async def a_far_oversize_head_is_answered_431_and_can_be_read(t):
    await t.start(talk.serve_answers)
    conn = await t.client()
    try:
        await conn.send(talk.chat(b"X-A: " + b"a" * 900_000))
    except ConnectionError as e:
        check(False, f"sending: {e}")
    await refused(t, conn, 431, "request_headers_too_large")


@test
async def an_oversize_target_is_answered(t):
    await t.start(talk.serve_answers)
    conn = await t.client()
    await conn.send(b"GET /v1/" + b"a" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    await refused(t, conn, 431, "request_headers_too_large")


@test
async def too_many_fields_are_answered_431(t):
    await t.start(talk.serve_answers)
    conn = await t.client()
    await conn.send(with_fields(101))
    await refused(t, conn, 431, "request_headers_too_large")
    conn = await t.client()
    await conn.send(with_fields(98))
    check_eq((await conn.answer()).status, 200)


@test
async def as_many_fields_as_are_allowed_are_taken(t):
    await t.start(talk.serve_answers, {"limits": {"head_fields": 256}})
    answer = await t.ask(with_fields(254))
    check_eq(answer.status, 200)
    check_eq(t.upstream.requests[0].get(b"x-253"), b"v")
    conn = await t.client()
    await conn.send(with_fields(257))
    await refused(t, conn, 431, "request_headers_too_large")


@test
async def a_head_as_large_as_is_allowed_is_taken(t):
    await t.start(talk.serve_answers, {"limits": {"head_bytes": "1MiB"}})
    conn = await t.client()
    await conn.send(with_fields(90, 11_500))
    check_eq((await conn.answer()).status, 200)
    check_eq(t.upstream.requests[0].get(b"x-89"), b"v" * 11_500)
    await conn.send(with_fields(90, 12_000))
    await refused(t, conn, 431, "request_headers_too_large")


@test
async def an_oversize_body_is_answered_413_at_once(t):
    await t.start(talk.serve_answers, {"limits": {"body_bytes": "64KiB"}})
    conn = await t.client()
    await conn.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                    b"Content-Length: 70000\r\n\r\n{")
    await refused(t, conn, 413, "request_too_large")


@test
async def an_oversize_chunked_body_is_answered_413(t):
    await t.start(talk.serve_answers, {"limits": {"body_bytes": "64KiB"}})
    conn = await t.client()
    await conn.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n", talk.chunk(b" " * 70000))
    await refused(t, conn, 413, "request_too_large")
    check_eq(t.upstream.requests, [])


@test
async def a_body_of_just_the_size_is_taken(t):
    await t.start(talk.serve_answers, {"limits": {"body_bytes": "64KiB"}})
    empty = len(json.dumps({"model": "m", "x": ""}))
    for size, status in ((65536, 200), (65537, 413)):
        body = json.dumps({"model": "m", "x": "y" * (size - empty)}).encode()
        check_eq(len(body), size)
        check_eq((await t.ask(talk.post(b"/v1/chat/completions", body))).status, status)


@test
async def who_sends_a_far_oversize_body_before_reading_gets_the_answer(t):
    await t.start(talk.serve_answers, {"limits": {"body_bytes": "1MiB"}})
    conn = await t.client()
    size = 40 << 20
    await conn.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                    b"Content-Length: %d\r\n\r\n" % size)
    try:
        await conn.send(bytes(size))
    except ConnectionError as e:
        check(False, f"sending failed: {e!r}")
    await refused(t, conn, 413, "request_too_large")


@test
async def an_oversize_upload_is_refused_before_its_end(t):
    async def serve(upstream, conn):
        await conn.ended()

    await t.start(serve, {"limits": {"upload_bytes": "1MiB"}})
    conn = await t.client()
    await conn.send(b"POST /v1/files HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                    *[talk.chunk(bytes(65536))] * 17)
    await refused(t, conn, 413, "request_too_large")


@test
async def an_upload_announced_as_oversize_never_reaches_the_upstream(t):
    await t.start(talk.serve_answers, {"limits": {"upload_bytes": "1MiB"}})
    conn = await t.client()
    await conn.send(b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\nabc")
    await refused(t, conn, 413, "request_too_large")
    check_eq(len(t.upstream.conns), 0, "upstream connections")


@test
async def connections_past_the_limit_are_answered_503(t):
    await t.start(talk.serve_answers, {"limits": {"connections": 10}})
    held = [await t.client() for _ in range(10)]
    await held[9].send(talk.chat())
    await held[9].answer()
    for _ in range(5):
        await refused(t, await t.client(), 503, "overloaded")
    for conn in held:
        await conn.send(talk.chat())
        check_eq((await conn.answer()).status, 200)
    for conn in held:
        conn.close()
    await asyncio.sleep(0.1)
    check_eq((await t.ask(talk.chat())).status, 200)


@test
async def the_limit_of_connections_holds_for_all_workers_together(t):
    await t.start(talk.serve_answers, {"limits": {"connections": 20}, "listen": {"workers": 2}})
    statuses = []
    for _ in range(60):
        conn = await t.client()
        await conn.send(talk.chat())
        try:
            statuses.append((await conn.answer()).status)
        except wire.Cut:
            statuses.append(0)
    t.note(f"{statuses.count(200)} of 20 served")
    check(statuses.count(200) <= 20, f"{statuses.count(200)} connections at once")
    check(statuses.count(200) >= 10, f"only {statuses.count(200)} connections at once")


@test
async def a_flood_past_the_limit_holds_no_more_files_than_a_little(t):
    await t.start(talk.serve_answers, {"limits": {"connections": 10}})
    for _ in range(10):
        await t.client()
    most = 0
    for _ in range(200):
        try:
            conn = await t.client()
            await asyncio.wait_for(conn.reader.read(10), 5)
        except ConnectionError:
            pass
        most = max(most, t.gateway.open_fds() - t.gateway.fds)
    t.note(f"at most {most} connections")
    check(most <= 80, f"{most} connections with a limit of 10")


@test
async def requests_past_the_limit_of_streams_are_answered_503(t):
    more = asyncio.Event()

    async def serve(upstream, conn):
        await conn.request()
        await conn.send(talk.STREAM_FIELDS + b"Transfer-Encoding: chunked\r\n\r\n" +
                        talk.chunk(talk.event("a")))
        await more.wait()
        await conn.send(talk.chunk(talk.events()) + b"0\r\n\r\n")

    await t.start(serve, {"limits": {"streams": 5}})
    held = [await t.client() for _ in range(5)]
    for conn in held:
        await conn.send(talk.chat(stream=True))
        check_eq((await conn.line())[:12], b"HTTP/1.1 200")
    conn = await t.client()
    await conn.send(talk.chat())
    answer = await conn.answer()
    check_eq(answer.status, 503)
    check_eq(talk.error_of(answer)["code"], "overloaded")
    check_eq(answer.get(b"retry-after"), b"1")
    more.set()
    for held_conn in held:
        await held_conn.reader.readuntil(b"0\r\n\r\n")
    conn = await t.client()
    await conn.send(talk.chat())
    check_eq((await conn.line())[:12], b"HTTP/1.1 200")


@test(alone=True, timeout_s=120)
async def ten_thousand_idle_connections_cost_little_and_slow_nobody(t):
    binary = gateway.BINARY
    if gateway.is_sanitized(binary) and gateway.RELEASE.exists():
        binary = gateway.RELEASE
    import resource
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(10_000, most - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    await t.start(talk.serve_answers, binary=binary)
    await t.ask(talk.chat())
    before = t.gateway.memory()
    idle = []
    worst = 0.0
    for i in range(count):
        idle.append(await wire.connect(t.gateway.port, source=f"127.0.0.{2 + i % 200}"))
        if i % 200 == 0:
            started = time.monotonic()
            check_eq((await t.ask(talk.chat())).status, 200)
            worst = max(worst, time.monotonic() - started)
    await asyncio.sleep(0.2)
    each = (t.gateway.memory() - before) / count
    check_eq(t.gateway.open_fds() - t.gateway.fds >= count, True, "connections are open")
    t.conns += idle
    t.note(f"{count} connections, {each:.0f} bytes of private memory each, slowest answer "
           f"meanwhile {worst * 1000:.1f} ms{'' if binary == gateway.BINARY else ', release'}")
    check(worst < 0.5, f"{worst:.3f} s")
    for conn in idle[::100]:
        await conn.send(talk.chat())
    for conn in idle[::100]:
        check_eq((await conn.answer()).status, 200)
    if not gateway.is_sanitized(binary):
        check(each < 2048, f"{each:.0f} bytes each")
