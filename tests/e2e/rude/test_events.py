"""Event streams in every shape that the standard allows, and some that it does not."""
import asyncio
import json

import talk
from trial import cases, check, check_eq, test

WHOLE = talk.events()
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


async def relayed(t, body, wanted=None, config=None, **options):
    """The body, in one chunk, comes out as wanted, or as it is."""
    await t.start(talk.serving(talk.streamed(body)), config)
    answer = await t.ask(talk.chat(stream=True, **options))
    check_eq(answer.status, 200)
    check_eq(answer.body, body if wanted is None else wanted)
    return answer


@cases("a stream passes byte for byte", {
    "LF": WHOLE,
    "CRLF": WHOLE.replace(b"\n", b"\r\n"),
    "CR": WHOLE.replace(b"\n", b"\r"),
    "mixed line ends": talk.event("a").replace(b"\n", b"\r\n") + talk.event("b") +
                       talk.event(None, "stop").replace(b"\n", b"\r") + talk.DONE,
    "comments": b": hello\n\n" + talk.event("a") + b":\n: x\n\n" + WHOLE,
    "a byte order mark": b"\xef\xbb\xbf" + WHOLE,
    "other fields": b"event: message\nid: 7\nretry: 10\n" + WHOLE,
    "no blank behind the colon": WHOLE.replace(b"data: ", b"data:"),
    "data in several lines": b'data: {"choices":\ndata: [{"index":0,"delta":{},\n'
                             b'data: "finish_reason":"stop"}]}\n\n' + talk.DONE,
    "blank lines between events": WHOLE.replace(b"\n\n", b"\n\n\n\n"),
    "an unknown field": b"what: ever\n\n" + WHOLE,
    "a usage event behind the finish": talk.event(None, "stop") +
        b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n' + talk.DONE,
    "two choices": talk.event("a") + talk.event("b", None, 1) + talk.event(None, "stop", 1) +
                   talk.event(None, "stop") + talk.DONE,
    "an error of the upstream": talk.event("a") +
        b'data: {"error":{"message":"m","type":"t","param":null,"code":null}}\n\n',
    "nulls and odd text": b'data: {"choices":[{"index":0,"delta":{"content":"\\u0000\xf0\x9f\x98\x80'
                          b'"},"finish_reason":"stop","logprobs":null}],"x":1e400}\n\n' + talk.DONE,
})
async def _(t, body):
    await relayed(t, body)


@test
async def a_finished_stream_without_its_done_gets_one(t):
    body = talk.event("a") + talk.event(None, "stop")
    await relayed(t, body, body + talk.DONE)


@test
async def a_last_event_without_its_blank_line_counts(t):
    body = talk.event("a") + talk.event(None, "stop")
    await relayed(t, body[:-2], body + talk.DONE)


@cases("a stream that ends before it says anything is an error status", {
    "empty": b"",
    "comments alone": b": a\n\n: b\n\n",
    "a role": b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n',
})
async def _(t, body):
    await t.start(talk.serving(talk.streamed(body)))
    answer = await t.ask(talk.chat(stream=True))
    check_eq(answer.status, 502)
    check_eq(talk.error_of(answer)["code"], "upstream_cut")


@cases("a stream that is not complete is told as cut", {
    "no finish": talk.event("a") + talk.event("b"),
    "one of two choices": talk.event("a") + talk.event("b", None, 1) + talk.event(None, "stop"),
    "half an event behind": talk.event("a") + talk.event("b")[:-9],
    "a finish in half": talk.event("a") + talk.event(None, "stop")[:-4],
    "half a DONE": talk.event("a") + b"data: [DON",
    "a finish that is null": talk.event("a") + talk.event(None, None),
    "a finish in a comment": talk.event("a") + b": " + talk.event(None, "stop"),
    "a finish as content": talk.event('"finish_reason":"stop"'),
    "DONE as content": talk.event("[DONE]"),
})
async def _(t, body):
    await t.start(talk.serving(talk.streamed(body)))
    answer = await t.ask(talk.chat(stream=True))
    check_eq(answer.status, 200)
    check_eq(talk.stream_error(answer.body)["code"], "upstream_cut")
    check(talk.DONE not in answer.body, "[DONE] behind a cut")


@cases("an event that can't be read ends the stream with an error", {
    "no JSON": b"data: hello\n\n",
    "cut JSON": b'data: {"choices":[\n\n',
    "bad UTF-8": b'data: {"choices":[{"index":0,"delta":{"content":"\xff"}}]}\n\n',
    "an array": b"data: []\n\n",
    "two texts": b"data: {}{}\n\n",
    "a NUL": b'data: {"a":"\0"}\n\n',
    "deep nesting": b"data: " + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b"\n\n",
})
async def _(t, bad):
    good = talk.event("a")
    await t.start(talk.serving(talk.streamed(good + bad + WHOLE)))
    answer = await t.ask(talk.chat(stream=True))
    check(answer.body.startswith(good), "the good event was lost")
    check_eq(talk.stream_error(answer.body)["code"], "upstream_malformed")


@test
async def a_stream_split_at_every_byte_passes_each_time(t):
    body = b"\xef\xbb\xbf: c\r\n\r\n" + talk.event("é😀").replace(b"\n", b"\r\n") + WHOLE

    async def serve(upstream, conn):
        while (request := await conn.request(timeout_s=3600)) is not None:
            at = json.loads(request.body)["messages"][0]["content"]
            await conn.send(talk.STREAM_FIELDS + CHUNKED)
            if at:
                await conn.send(talk.chunk(body[:at]))
                await asyncio.sleep(0.001)
            await conn.send(talk.chunk(body[at:]), b"0\r\n\r\n")

    await t.start(serve)
    conn = await t.client()
    for at in range(len(body)):
        await conn.send(talk.chat(stream=True, content=at))
        check_eq((await conn.answer()).body, body, f"split at {at}")


@test
async def a_stream_in_single_bytes_passes(t):
    async def serve(upstream, conn):
        await conn.request()
        await conn.send(talk.STREAM_FIELDS + CHUNKED)
        for byte in WHOLE:
            await conn.send(b"1\r\n%c\r\n" % byte)
        await conn.send(b"0\r\n\r\n")

    await t.start(serve)
    check_eq((await t.ask(talk.chat(stream=True))).body, WHOLE)


@test
async def a_cut_stream_whose_head_came_in_two_pieces_keeps_its_events(t):
    body = talk.event("a") + talk.event("b")
    raw = talk.streamed(body)

    async def serve(upstream, conn):
        while await conn.request(timeout_s=3600) is not None:
            await conn.send(raw[:20])
            await asyncio.sleep(0.02)
            await conn.send(raw[20:])

    await t.start(serve)
    for _ in range(3):
        answer = await t.ask(talk.chat(stream=True))
        check(answer.body.startswith(body), f"{answer.body!r}")
        check_eq(talk.stream_error(answer.body)["code"], "upstream_cut")


@test
async def an_event_reaches_the_client_when_it_is_whole(t):
    go_on = asyncio.Event()

    async def serve(upstream, conn):
        await conn.request()
        await conn.send(talk.STREAM_FIELDS + CHUNKED, talk.chunk(talk.event("a")))
        await go_on.wait()
        await conn.send(talk.chunk(talk.events()), b"0\r\n\r\n")

    await t.start(serve)
    conn = await t.client()
    await conn.send(talk.chat(stream=True))
    async with asyncio.timeout(2):
        await conn.reader.readuntil(talk.event("a"))
    go_on.set()
    async with asyncio.timeout(2):
        await conn.reader.readuntil(talk.DONE)


@test
async def an_event_just_below_a_mebibyte_passes(t):
    empty = len(talk.event(""))
    await relayed(t, talk.event("x" * (1024 * 1024 - empty)) + WHOLE)


@test
async def an_event_larger_than_event_bytes_is_an_error_in_the_stream(t):
    body = talk.event("a") + talk.event("x" * 70_000) + WHOLE
    await t.start(talk.serving(talk.streamed(body)), {"limits": {"event_bytes": "64KiB"}})
    for _ in range(2):
        answer = await t.ask(talk.chat(stream=True))
        error = talk.stream_error(answer.body)
        check(error, f"passed: {len(answer.body)} bytes")
        check_eq(error["code"], "upstream_malformed")
        check(talk.event("a") in answer.body, "the good event was lost")


@test
async def an_endless_event_is_given_up(t):
    async def serve(upstream, conn):
        await conn.request()
        await conn.send(talk.STREAM_FIELDS + b"\r\ndata: ")
        try:
            while True:
                await conn.send(b"x" * 60_000)
        except ConnectionError:
            upstream.requests.append(conn.sent)

    await t.start(serve)
    answer = await t.ask(talk.chat(stream=True))
    check_eq(answer.status, 502)
    check_eq(talk.error_of(answer)["code"], "upstream_malformed")


@test
async def an_event_of_ten_mebibytes_passes_to_a_slow_client(t):
    body = talk.event("x" * (10 << 20)) + WHOLE
    await t.start(talk.serving(talk.streamed(body)), {"limits": {"event_bytes": "16MiB"}})
    conn = await t.client(rcvbuf=8192, limit=4096)
    await conn.send(talk.chat(stream=True))
    await asyncio.sleep(0.5)
    check_eq((await conn.answer()).body, body)


@test
async def a_silent_stream_is_kept_warm_with_comments(t):
    async def serve(upstream, conn):
        await conn.request()
        await conn.send(talk.STREAM_FIELDS + CHUNKED, talk.chunk(talk.event("a")))
        await asyncio.sleep(2.5)
        await conn.send(talk.chunk(WHOLE), b"0\r\n\r\n")

    await t.start(serve, {"limits": {"comment_interval": "1s"}})
    answer = await t.ask(talk.chat(stream=True))
    check(answer.body.count(b": keep-alive\n\n") == 2, f"{answer.body!r}")
    check_eq(answer.body.replace(b": keep-alive\n\n", b""), talk.event("a") + WHOLE)


@test
async def a_compressed_stream_was_not_asked_for_and_is_refused(t):
    data = talk.STREAM_FIELDS + b"Content-Encoding: gzip\r\n" + CHUNKED + \
        talk.chunk(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + bytes(40)) + b"0\r\n\r\n"
    await t.start(talk.serving(data))
    answer = await t.ask(talk.chat(b"Accept-Encoding: gzip", stream=True))
    check_eq(t.upstream.requests[0].get(b"accept-encoding"), None)
    check(answer.status == 502, f"status {answer.status}")


@test
async def a_stream_that_goes_on_behind_its_done_is_ended_by_it_or_passed(t):
    body = WHOLE + b": bye\n\n"
    await t.start(talk.serving(talk.streamed(body)))
    answer = await t.ask(talk.chat(stream=True))
    check(answer.body in (WHOLE, body), f"{answer.body!r}")


@test
async def an_upstream_that_never_ends_behind_its_done_does_not_hold_the_client(t):
    async def serve(upstream, conn):
        await conn.request()
        await conn.send(talk.STREAM_FIELDS + CHUNKED, talk.chunk(WHOLE))
        await conn.ended(60)

    await t.start(serve, timeouts={"between_tokens": "1s"})
    answer = await t.ask(talk.chat(stream=True))
    check(answer.body.startswith(WHOLE), "lost events")
    check(talk.stream_error(answer.body) is None, "an error behind a whole answer")


RESPONSES = (b'event: response.created\ndata: {"type":"response.created","sequence_number":0}\n\n'
             b'event: response.output_text.delta\n'
             b'data: {"type":"response.output_text.delta","sequence_number":1,"delta":"a"}\n\n')
COMPLETED = b'event: response.completed\n' \
            b'data: {"type":"response.completed","sequence_number":2,"response":{}}\n\n'


@cases("a stream of the responses API", {
    "is whole with its completed": (RESPONSES + COMPLETED, None),
    "is cut without it": (RESPONSES, "upstream_cut"),
    "is not whole by [DONE] in a delta": (RESPONSES.replace(b'"a"', b'"[DONE]"'), "upstream_cut"),
    "is not whole by its name in a delta": (
        RESPONSES.replace(b'"a"', b'"response.completed"'), "upstream_cut"),
    "is not whole by the event's name alone": (
        RESPONSES + b"event: response.completed\ndata: {}\n\n", "upstream_cut"),
})
async def _(t, value):
    body, code = value
    await t.start(talk.serving(talk.streamed(body)))
    answer = await t.ask(talk.post(b"/v1/responses", b'{"model":"m","stream":true,"input":"x"}'))
    if code is None:
        check_eq(answer.body, body)
        return
    check(answer.body.startswith(body), "lost events")
    last = json.loads(talk.stream_data(answer.body)[-1])
    check_eq((last["type"], last["code"]), ("error", code))
    check_eq(last["sequence_number"], 2)
