"""Upstreams that refuse, stall, break off or talk nonsense."""
import asyncio
import json
import socket
import time

import gateway
import talk
import wire
from trial import cases, check, check_eq, test

FILES = b"GET /v1/files HTTP/1.1\r\nHost: x\r\n\r\n"


async def failed(t, status, code, request=None, served=True):
    answer = await t.ask(request or talk.chat())
    check_eq(answer.status, status)
    check_eq(answer.get(b"content-type"), b"application/json")
    check_eq(talk.error_of(answer)["code"], code)
    return answer


@test
async def an_upstream_that_refuses_is_502(t):
    await t.start(talk.serve_answers)
    t.upstream.server.close()
    await t.upstream.server.wait_closed()
    await failed(t, 502, "upstream_unreachable")
    await failed(t, 502, "upstream_unreachable", talk.chat(stream=True))
    await failed(t, 502, "upstream_unreachable", FILES)


@test
async def an_upstream_that_does_not_accept_is_504_in_time(t):
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    fill = [socket.socket() for _ in range(8)]
    for s in fill:
        s.setblocking(False)
        s.connect_ex(full.getsockname())
    url = "http://127.0.0.1:%d/v1" % full.getsockname()[1]
    await t.start(talk.serve_answers, {"providers": [{"name": "up", "base_url": url}]},
                  timeouts={"connect": "300ms"})
    started = time.monotonic()
    await failed(t, 504, "upstream_timeout")
    took = time.monotonic() - started
    check(0.25 < took < 1.5, f"{took:.2f} s")
    for s in (*fill, full):
        s.close()


@test
async def an_upstream_that_says_nothing_is_504_at_first_token(t):
    await t.start(talk.serving(), timeouts={"first_token": "300ms", "total": "5s"})
    started = time.monotonic()
    await failed(t, 504, "upstream_timeout", talk.chat(stream=True))
    took = time.monotonic() - started
    check(0.25 < took < 1.5, f"{took:.2f} s")


@test
async def an_upstream_that_says_nothing_is_504_at_total(t):
    await t.start(talk.serving(), timeouts={"total": "300ms"})
    for request in (talk.chat(), FILES):
        await failed(t, 504, "upstream_timeout", request)


@test
async def a_stream_without_a_first_token_gets_an_error_status(t):
    await t.start(talk.serving(talk.STREAM_FIELDS + b"\r\n: hello\n\n"),
                  timeouts={"first_token": "300ms"})
    started = time.monotonic()
    answer = await t.ask(talk.chat(stream=True))
    check_eq(answer.status, 504)
    check_eq(talk.error_of(answer)["code"], "upstream_timeout")
    check(time.monotonic() - started < 1.5, "late")


@test
async def a_stalled_stream_gets_an_error_in_it(t):
    await t.start(talk.serving(talk.streamed(talk.event("a"), is_whole=False)),
                  timeouts={"between_tokens": "300ms"})
    answer = await t.ask(talk.chat(stream=True))
    check_eq(answer.body.startswith(talk.event("a")), True)
    check_eq(talk.stream_error(answer.body)["code"], "upstream_timeout")


@test
async def comments_alone_do_not_count_as_progress(t):
    async def serve(upstream, conn):
        await conn.request()
        await conn.send(talk.STREAM_FIELDS + b"\r\n" + talk.event("a"))
        while True:
            await conn.send(b": ping\n\n")
            await asyncio.sleep(0.1)

    await t.start(serve, timeouts={"between_tokens": "500ms", "total": "4s"})
    started = time.monotonic()
    answer = await t.ask(talk.chat(stream=True))
    took = time.monotonic() - started
    check_eq(talk.stream_error(answer.body)["code"], "upstream_timeout")
    t.note(f"ended after {took:.1f} s")


CUTS = {
    "before an answer": b"",
    "inside the status line": b"HTTP/1.1 20",
    "inside the head": b"HTTP/1.1 200 OK\r\nContent-Ty",
    "behind the head": talk.answer().partition(b"{")[0],
    "inside the body": talk.answer()[:-3],
    "inside a chunk": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\n20\r\n{\"a\":",
    "before the last chunk": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
}


@cases("a chat answer that is cut becomes a 502", {
    f"{how} {where}": (how, data) for where, data in CUTS.items() for how in ("close", "reset")})
async def _(t, value):
    how, data = value
    await t.start(talk.serving(data, then=how))
    await failed(t, 502, "upstream_closed" if b"\r\n\r\n" not in data else "upstream_cut")
    check_eq(len(t.upstream.requests), 1)


@cases("a download that is cut never looks whole", {
    f"{how} {where}": (how, data) for where, data in CUTS.items() if "answer" not in where
    for how in ("close", "reset")})
async def _(t, value):
    how, data = value
    await t.start(talk.serving(data, then=how))
    try:
        answer = await t.ask(FILES)
        check_eq(answer.status, 502)
    except wire.Cut:
        pass


@cases("a stream that is cut ends with an error", {
    f"{how}, {framing}": (how, framing) for how in ("close", "reset")
    for framing in ("chunked", "length", "until close", "terminal chunk")})
async def _(t, value):
    how, framing = value
    some = talk.event("a") + talk.event("b")
    data = {"chunked": talk.streamed(some, is_whole=False),
            "terminal chunk": talk.streamed(some),
            "length": talk.STREAM_FIELDS + b"Content-Length: 5000\r\n\r\n" + some,
            "until close": talk.STREAM_FIELDS + b"\r\n" + some}[framing]
    await t.start(talk.serving(data, then=how))
    answer = await t.ask(talk.chat(stream=True))
    check(answer.body.startswith(some), "lost events")
    check_eq(talk.stream_error(answer.body)["code"], "upstream_cut")
    check(talk.DONE not in answer.body, "[DONE] behind a cut")


@test
async def a_chat_answer_cut_where_only_the_end_could_tell_is_502(t):
    await t.start(talk.serving(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" +
                               talk.OK_BODY[:-9], then="close"))
    await failed(t, 502, "upstream_cut")


# --- Kept connections that turn out to be closed ---


def stale(first, then, raw=False):
    """Answers one request, then treats the next on the same connection as told; counts both."""
    async def serve(upstream, conn):
        first_one = len(upstream.conns) == 1
        upstream.requests.append(await conn.request())
        await conn.send(talk.answer())
        while True:
            if first_one:
                head = await conn.head()
                if head is None:
                    return
                upstream.requests.append(head)
                if first:
                    await conn.send(first)
                    await asyncio.sleep(0.03)
                conn.reset() if then == "reset" else conn.close()
                return
            request = await conn.request()
            if request is None:
                return
            upstream.requests.append(request)
            await conn.send(talk.answer())
    return serve


@cases("a request on a kept connection that closes is repeated once", {
    "close": "close", "reset": "reset"})
async def _(t, how):
    await t.start(stale(b"", how))
    check_eq((await t.ask(talk.chat())).status, 200)
    answer = await t.ask(talk.chat(content="again"))
    check_eq(answer.status, 200)
    check_eq(answer.body, talk.OK_BODY)
    check_eq(len(t.upstream.conns), 2, "upstream connections")
    check_eq(len(t.upstream.requests), 3, "requests at the upstream")
    check_eq(json.loads(t.upstream.requests[2].body)["messages"][0]["content"], "again")


@test
async def a_request_is_not_repeated_a_second_time(t):
    async def serve(upstream, conn):
        await conn.request()
        if len(upstream.conns) > 1:
            upstream.requests.append(1)
            return
        await conn.send(talk.answer())
        await conn.request()
        upstream.requests.append(0)

    await t.start(serve)
    check_eq((await t.ask(talk.chat())).status, 200)
    await failed(t, 502, "upstream_closed")
    check_eq(t.upstream.requests, [0, 1])


@cases("a request is not repeated where of its answer there came", {
    "a byte": b"H", "half a head": b"HTTP/1.1 200 OK\r\nCont",
    "an interim answer": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "garbage": b"\x00"})
async def _(t, first):
    await t.start(stale(first, "close"))
    check_eq((await t.ask(talk.chat())).status, 200)
    answer = await t.ask(talk.chat())
    check_eq(answer.status, 502)
    check_eq(len(t.upstream.requests), 2, "requests at the upstream")


@test
async def a_streamed_upload_is_not_repeated(t):
    await t.start(stale(b"", "close"))
    check_eq((await t.ask(talk.chat())).status, 200)
    answer = await t.ask(talk.post(b"/v1/files", b"x" * 100))
    check_eq(answer.status, 502)
    check_eq(len(t.upstream.requests), 2, "requests at the upstream")


@test
async def a_connection_closed_while_idle_is_not_used(t):
    async def serve(upstream, conn):
        upstream.requests.append(await conn.request())
        await conn.send(talk.answer())
        await asyncio.sleep(0.02)

    await t.start(serve)
    for _ in range(5):
        check_eq((await t.ask(talk.chat())).status, 200)
        await asyncio.sleep(0.05)
    check_eq(len(t.upstream.conns), 5)
    check_eq(await t.gateway.metric("sluice_upstream_stale_retries_total"), 0)


@test
async def bytes_behind_an_answer_are_no_answer_to_the_next_request(t):
    async def serve(upstream, conn):
        while (request := await conn.request()) is not None:
            upstream.requests.append(request)
            await conn.send(talk.answer() + talk.answer(b'{"evil":1}'))

    await t.start(serve)
    for _ in range(4):
        check_eq((await t.ask(talk.chat())).body, talk.OK_BODY)
        await asyncio.sleep(0.02)
    check_eq(len(t.upstream.conns), 4, "upstream connections")


@test
async def an_upstream_that_says_close_is_not_used_again(t):
    await t.start(talk.serving(talk.answer(talk.OK_BODY, b"200 OK", b"Connection: close")))
    for _ in range(3):
        check_eq((await t.ask(talk.chat())).status, 200)
    check_eq(len(t.upstream.conns), 3)


# --- Nonsense ---


@cases("nonsense is 502", {
    "garbage": b"\x00\x01\x02garbage\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status 0": b"HTTP/1.1 000 OK\r\n\r\n",
    "version 2": b"HTTP/2.0 200 OK\r\n\r\n",
    "an endless line": b"HTTP/1.1 200 " + b"a" * 70000,
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 20000,
    "too many fields": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n",
    "a folded field": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "a NUL in a field": b"HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "gzip coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "a bad chunk size": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk size past 64 bits": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                 b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
})
async def _(t, data):
    await t.start(talk.serving(data))
    await failed(t, 502, "upstream_malformed")
    await failed(t, 502, "upstream_malformed", talk.chat(stream=True))


@test
async def endless_interim_answers_are_given_up(t):
    async def serve(upstream, conn):
        await conn.request()
        try:
            while True:
                await conn.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100)
        except ConnectionError:
            pass

    await t.start(serve, timeouts={"total": "3s"})
    await failed(t, 502, "upstream_malformed")


@cases("an answer is understood", {
    "in single bytes": [bytes([b]) for b in talk.answer()],
    "with interim answers first": [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
                                   b"Link: </a>\r\n\r\n", talk.answer()],
    "without a reason": [talk.answer().replace(b"200 OK", b"200 ")],
    "without a blank behind the status": [talk.answer().replace(b"200 OK", b"200")],
    "of version 1.0": [talk.answer().replace(b"1.1", b"1.0", 1)],
    "with trailers": [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\n", talk.chunk(talk.OK_BODY),
                      b"0\r\nX-T: y\r\n\r\n"],
    "with a media type in upper case": [talk.answer(type=b"Application/JSON; charset=utf-8")],
})
async def _(t, pieces):
    async def serve(upstream, conn):
        await conn.request()
        for piece in pieces:
            await conn.send(piece)
        await asyncio.sleep(0.1)

    await t.start(serve)
    answer = await t.ask(talk.chat())
    check_eq(answer.status, 200)
    check_eq(answer.body, talk.OK_BODY)


@cases("an answer without a body is none and leaves the connection in step", {
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 50\r\n\r\n",
    "200 of length 0": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
})
async def _(t, data):
    await t.start(talk.serving(data))
    conn = await t.client()
    for _ in range(3):
        await conn.send(b"GET /v1/files/f HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await conn.answer()
        check_eq(answer.status, int(data[9:12]))
        check_eq(answer.body, b"")
    if b"304" in data:
        check_eq(answer.get(b"content-length"), b"50")
    check_eq(len(t.upstream.conns), 1, "upstream connections")


@test
async def a_204_with_a_body_poisons_nothing(t):
    async def serve(upstream, conn):
        await conn.request()
        await conn.send(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello")
        await conn.ended()

    await t.start(serve)
    conn = await t.client()
    for _ in range(3):
        await conn.send(b"DELETE /v1/files/f HTTP/1.1\r\nHost: x\r\n\r\n")
        check_eq((await conn.answer()).status, 204)


@test
async def a_length_that_is_too_short_loses_only_the_rest(t):
    await t.start(talk.serving(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               b"Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\nevil"))
    for _ in range(3):
        check_eq((await t.ask(talk.chat())).body, b"{}")


@test
async def an_answer_before_the_whole_request_reaches_the_client(t):
    async def serve(upstream, conn):
        await conn.head()
        body = json.dumps({"error": {"message": "too large", "type": "invalid_request_error",
                                     "param": None, "code": "x"}}).encode()
        await conn.send(talk.answer(body, b"413 Payload Too Large", b"Connection: close"))
        conn.finish()
        await conn.ended()

    await t.start(serve)
    conn = await t.client()
    size = 30_000_000
    await conn.send(b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)

    async def send():
        for _ in range(size // 100_000):
            await conn.send(bytes(100_000))

    sender = asyncio.create_task(send())
    answer = await conn.answer()
    check_eq(answer.status, 413)
    check_eq(talk.error_of(answer)["message"], "too large")
    check(answer.is_last, "no connection: close")
    wire.quietly(sender)


@test
async def an_early_answer_with_a_reset_behind_it_is_at_least_an_error(t):
    async def serve(upstream, conn):
        await conn.head()
        await conn.send(talk.answer(b"{}", b"413 Payload Too Large", b"Connection: close"))
        conn.close()

    await t.start(serve)
    conn = await t.client()
    await conn.send(b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n")
    sender = asyncio.create_task(conn.send(bytes(30_000_000)))
    answer = await conn.answer()
    check(answer.status in (413, 502), f"status {answer.status}")
    t.note(f"status {answer.status}")
    wire.quietly(sender)


@test
async def fields_of_an_answer_pass_but_for_what_is_between_us(t):
    odd = bytes(b for b in range(0x21, 0x100) if b != 0x7f) + b"\t x"
    await t.start(talk.serving(talk.answer(
        talk.OK_BODY, b"200 OK", b"Connection: X-Foo", b"X-Foo: 1", b"X-Odd: " + odd,
        b"Set-Cookie: a=b", b"Keep-Alive: timeout=5", b"Alt-Svc: h3", b"X-Request-Id: theirs",
        b"Proxy-Connection: close", b"Upgrade: h2c", b"X-Sluice-Evil: 1", b"X-RateLimit: 5",
        b"Trailer: X-T", b"Strict-Transport-Security: max-age=1")))
    answer = await t.ask(talk.chat(b"X-Request-Id: mine"))
    for name in (b"x-foo", b"set-cookie", b"keep-alive", b"alt-svc", b"proxy-connection",
                 b"upgrade", b"x-sluice-evil", b"trailer", b"strict-transport-security"):
        check_eq(answer.get(name), None, name)
    check_eq(answer.get(b"x-odd"), odd)
    check_eq(answer.get(b"x-ratelimit"), b"5")
    check_eq(answer.all(b"x-request-id"), [b"mine"])
    check_eq(answer.get(b"x-sluice-upstream-request-id"), b"theirs")


@cases("an error of the upstream reaches the client as it is", {
    str(status): status for status in (400, 401, 403, 404, 409, 422, 429, 500, 503, 529)})
async def _(t, status):
    body = b'{"error":{"message":"m","type":"t","param":null,"code":"c"}}'
    await t.start(talk.serving(talk.answer(body, b"%d X" % status, b"Retry-After: 7")))
    for stream in (False, True):
        answer = await t.ask(talk.chat(stream=stream))
        check_eq(answer.status, status)
        check_eq(answer.body, body)
        check_eq(answer.get(b"retry-after"), b"7")


@test
async def a_page_instead_of_an_answer_becomes_json(t):
    await t.start(talk.serving(talk.answer(b"<html>", b"503 Down", type=b"text/html")))
    answer = await t.ask(talk.chat(stream=True))
    check_eq(answer.status, 503)
    check(b"text/html" in answer.body, "the cause is not told")
    talk.error_of(answer)


@test
async def no_stream_where_one_was_asked_for_is_an_error(t):
    await t.start(talk.serving(talk.answer(talk.OK_BODY)))
    answer = await t.ask(talk.chat(stream=True))
    check_eq(answer.status, 502)
