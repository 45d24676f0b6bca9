"""What well-behaved but unusual clients may rely on: pipelining, keep-alive, old versions."""
import asyncio
import json

import talk
import wire
from trial import cases, check, check_eq, test

GET = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
NAMED = {"models": [{"name": "m", "targets": [{"provider": "up"}]}]}


@test
async def three_pipelined_requests_are_answered_in_order(t):
    await t.start(talk.serve_answers, NAMED)
    conn = await t.client()
    await conn.send(GET, talk.chat(), b"GET /v1/models/m HTTP/1.1\r\nHost: x\r\n\r\n")
    check_eq(json.loads((await conn.answer()).body)["object"], "list")
    check_eq((await conn.answer()).body, talk.OK_BODY)
    check_eq(json.loads((await conn.answer()).body)["id"], "m")


@test
async def a_stream_in_the_middle_of_a_pipeline_is_whole(t):
    await t.start(talk.serve_answers, NAMED)
    conn = await t.client()
    await conn.send(talk.chat(content="a"), talk.chat(stream=True), talk.chat(content="b"))
    check_eq((await conn.answer()).body, talk.OK_BODY)
    check_eq((await conn.answer()).body, talk.events())
    check_eq((await conn.answer()).body, talk.OK_BODY)
    wanted = [b"a", b"hi", b"b"]
    contents = [json.loads(r.body)["messages"][0]["content"].encode() for r in t.upstream.requests]
    check_eq(contents, wanted)


@test
async def a_pipeline_in_single_bytes_is_read_the_same(t):
    await t.start(talk.serve_answers, NAMED)
    conn = await t.client()
    sender = asyncio.create_task(conn.drip(GET + talk.chat() + GET, 0))
    check_eq(json.loads((await conn.answer()).body)["object"], "list")
    check_eq((await conn.answer()).body, talk.OK_BODY)
    check_eq(json.loads((await conn.answer()).body)["object"], "list")
    await sender


@test
async def a_hundred_pipelined_streams_are_answered_in_order(t):
    await t.start(talk.serve_answers, NAMED)
    conn = await t.client()
    sender = asyncio.create_task(conn.send(*[talk.chat(stream=True)] * 100))
    for _ in range(100):
        check_eq((await conn.answer()).body, talk.events())
    await sender


@test
async def garbage_behind_a_body_is_refused_after_its_answer(t):
    await t.start(talk.serve_answers)
    conn = await t.client()
    await conn.send(talk.chat(), b"\x00\x01garbage\r\n\r\n")
    check_eq((await conn.answer()).status, 200)
    check_eq((await conn.answer()).status, 400)
    check_eq(await conn.ended(), "eof")
    check_eq(len(t.upstream.requests), 1)


@test(alone=True)
async def a_thousand_requests_on_one_connection(t):
    await t.start(talk.serve_answers)
    conn = await t.client()
    for i in range(1000):
        await conn.send(talk.chat(stream=i % 3 == 0))
        answer = await conn.answer()
        check_eq(answer.body, talk.events() if i % 3 == 0 else talk.OK_BODY)
    check_eq(len(t.upstream.conns), 1, "upstream connections")


@test
async def http_1_0_is_answered_and_closed(t):
    await t.start(talk.serve_answers)
    conn = await t.client()
    await conn.send(talk.chat(version=b"1.0", host=False))
    answer = await conn.answer()
    check_eq(answer.body, talk.OK_BODY)
    check(answer.is_last, "no connection: close")
    check_eq(await conn.ended(), "eof")


@test
async def http_1_0_with_keep_alive_is_kept(t):
    await t.start(talk.serve_answers)
    conn = await t.client()
    for _ in range(3):
        await conn.send(talk.chat(b"Connection: Keep-Alive", version=b"1.0"))
        answer = await conn.answer()
        check_eq(answer.body, talk.OK_BODY)
        check_eq(answer.get(b"connection"), b"keep-alive")


@test
async def http_1_0_gets_a_stream_that_ends_with_the_connection(t):
    await t.start(talk.serve_answers)
    conn = await t.client()
    await conn.send(talk.chat(stream=True, version=b"1.0"))
    answer = await conn.answer()
    check_eq(answer.get(b"transfer-encoding"), None)
    check_eq(answer.body, talk.events())


@test
async def an_absolute_form_target_is_taken_as_its_path(t):
    await t.start(talk.serve_answers, NAMED)
    answer = await t.ask(b"GET http://other.example/v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
    check_eq(answer.status, 200)
    answer = await t.ask(b"GET http://other.example/v1/files?a=b HTTP/1.1\r\nHost: x\r\n\r\n")
    check_eq(answer.status, 200)
    request = t.upstream.requests[-1]
    check_eq(request.line, b"GET /v1/files?a=b HTTP/1.1")
    check_eq(request.get(b"host"), b"127.0.0.1:%d" % t.upstream.port)


@cases("a target that is none of ours is answered 404 and goes nowhere", {
    "above": b"/v1/../secret",
    "above, encoded": b"/v1/%2e%2e/secret",
    "above, half encoded": b"/v1/.%2E/secret",
    "same": b"/v1/./files",
    "backslashes": b"/v1/..\\..\\secret",
    "above, with a query": b"/v1/..?x",
    "elsewhere": b"/v2/models",
    "root": b"/",
    "no slash": b"/v1",
    "absolute, above": b"http://x/v1/%2e%2e/secret",
    "absolute, no path": b"http://x",
})
async def _(t, target):
    await t.start(talk.serve_answers)
    for method in (b"GET", b"DELETE"):
        answer = await t.ask(b"%b %b HTTP/1.1\r\nHost: x\r\n\r\n" % (method, target))
        check_eq(answer.status, 404)
        check(talk.error_of(answer)["message"], "no message")
    check_eq(t.upstream.requests, [])


@test
async def options_star_is_answered(t):
    await t.start(talk.serve_answers)
    answer = await t.ask(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
    check(400 <= answer.status < 500, f"status {answer.status}")


@test
async def head_gets_no_body_and_the_length_of_the_upstream(t):
    async def serve(upstream, conn):
        while (request := await conn.request()) is not None:
            upstream.requests.append(request)
            await conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-A: b\r\n\r\n")

    await t.start(serve)
    conn = await t.client()
    for _ in range(2):
        await conn.send(b"HEAD /v1/files/f HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await conn.answer("HEAD")
        check_eq(answer.status, 200)
        check_eq(answer.get(b"x-a"), b"b")
        check_eq(answer.get(b"content-length"), b"1234")
    check_eq(len(t.upstream.conns), 1, "upstream connections")
    await conn.send(b"HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
    check_eq((await conn.answer("HEAD")).status, 404)
    await conn.send(b"HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
    check_eq((await conn.answer("HEAD")).status, 404)


@test
async def a_head_answer_without_a_length_makes_none_up(t):
    await t.start(talk.serving(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
    conn = await t.client()
    for _ in range(2):
        await conn.send(b"HEAD /v1/files/f HTTP/1.1\r\nHost: x\r\n\r\n")
        check_eq((await conn.answer("HEAD")).get(b"content-length"), None)


@test
async def a_body_that_waits_for_permission_gets_it_once(t):
    await t.start(talk.serve_answers)
    conn = await t.client()
    head, _, body = talk.chat(b"Expect: 100-continue").partition(b"\r\n\r\n")
    await conn.send(head, b"\r\n\r\n")
    check_eq(await conn.exactly(25), b"HTTP/1.1 100 Continue\r\n\r\n")
    await conn.send(body)
    check_eq((await conn.answer()).status, 200)
    check_eq(t.upstream.requests[0].get(b"expect"), None)


@test
async def a_permission_that_need_not_be_is_not_given(t):
    await t.start(talk.serve_answers, {"limits": {"body_bytes": "1KiB"}})
    conn = await t.client()
    await conn.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                    b"Expect: 100-continue\r\nContent-Length: 5000\r\n\r\n")
    line = await conn.line()
    check_eq(line.split(b" ")[1], b"413")


@test
async def connection_close_is_obeyed(t):
    await t.start(talk.serve_answers)
    conn = await t.client()
    await conn.send(talk.chat(b"Connection: close"), talk.chat())
    check(( await conn.answer()).is_last, "no connection: close")
    check_eq(await conn.ended(), "eof")
    check_eq(len(t.upstream.requests), 1)


@test
async def hop_by_hop_fields_of_the_client_stay_behind(t):
    await t.start(talk.serve_answers)
    answer = await t.ask(talk.chat(
        b"Connection: X-Foo, keep-alive", b"X-Foo: 1", b"X-Bar: 2", b"Keep-Alive: 5", b"TE: gzip",
        b"Upgrade: websocket", b"Proxy-Connection: close", b"Accept-Encoding: gzip, br",
        b"X-Sluice-Evil: 1", b"X-Forwarded-For: 1.2.3.4", b"Authorization: Bearer k"))
    check_eq(answer.status, 200)
    request = t.upstream.requests[0]
    for name in (b"x-foo", b"keep-alive", b"te", b"upgrade", b"proxy-connection",
                 b"accept-encoding", b"x-sluice-evil", b"x-forwarded-for"):
        check_eq(request.get(name), None, name)
    check_eq(request.get(b"x-bar"), b"2")
    check_eq(request.get(b"authorization"), b"Bearer k")
    check_eq(request.all(b"content-length"), [b"%d" % len(request.body)])
    check_eq(len(request.all(b"host")), 1)


@test
async def field_values_pass_as_they_are(t):
    await t.start(talk.serve_answers)
    odd = bytes(b for b in range(0x21, 0x100) if b != 0x7f) + b" a\t b"
    await t.ask(talk.chat(b"X-Odd: \t" + odd + b" \t", b"X-Empty:", b"!#$%&'*+-.^_`|~9: tokens"))
    request = t.upstream.requests[0]
    check_eq(request.get(b"x-odd"), odd)
    check_eq(request.get(b"x-empty"), b"")
    check_eq(request.get(b"!#$%&'*+-.^_`|~9"), b"tokens")


@test
async def one_empty_line_before_a_request_is_skipped(t):
    await t.start(talk.serve_answers)
    conn = await t.client()
    await conn.send(talk.chat(), b"\r\n", talk.chat())
    check_eq((await conn.answer()).status, 200)
    check_eq((await conn.answer()).status, 200)


@test
async def requests_without_a_body_get_none_upstream(t):
    await t.start(talk.serve_answers)
    await t.ask(b"GET /v1/files HTTP/1.1\r\nHost: x\r\n\r\n")
    await t.ask(b"DELETE /v1/files/f HTTP/1.1\r\nHost: x\r\n\r\n")
    await t.ask(b"POST /v1/files/f/cancel HTTP/1.1\r\nHost: x\r\n\r\n")
    lengths = [r.get(b"content-length") for r in t.upstream.requests]
    check_eq(lengths, [None, None, b"0"])


@test
async def a_chunked_chat_arrives_with_a_length(t):
    await t.start(talk.serve_answers)
    body = json.dumps({"model": "m", "messages": []}).encode()
    chunks = b"".join(talk.chunk(body[i:i + 3]) for i in range(0, len(body), 3))
    answer = await t.ask(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n", chunks, b"0\r\nTrailer: x\r\n\r\n")
    check_eq(answer.status, 200)
    check_eq(t.upstream.requests[0].body, body)
    check_eq(t.upstream.requests[0].get(b"content-length"), b"%d" % len(body))
    check_eq(t.upstream.requests[0].get(b"transfer-encoding"), None)


@test
async def a_cut_pipeline_leaves_no_request_unanswered_before_the_cut(t):
    await t.start(talk.serve_answers)
    conn = await t.client()
    await conn.send(talk.chat(), talk.chat(), talk.chat()[:50])
    check_eq((await conn.answer()).status, 200)
    check_eq((await conn.answer()).status, 200)
    conn.finish()
    try:
        answer = await conn.answer()
        check(answer.status == 400, f"status {answer.status}")
    except wire.Cut:
        pass
