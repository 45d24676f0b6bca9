"""talk: the requests and answers that most tests speak."""
import asyncio
import json

OK_BODY = json.dumps({
    "id": "c", "object": "chat.completion", "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"},
                 "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}).encode()
STREAM_FIELDS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
DONE = b"data: [DONE]\n\n"


def post(path, body, *fields, version=b"1.1", host=True):
    head = [b"POST %s HTTP/%s" % (path, version), *([b"Host: x"] if host else []), *fields,
            b"Content-Length: %d" % len(body)]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def chat(*fields, stream=False, model="m", content="hi", **options):
    body = {"model": model, "messages": [{"role": "user", "content": content}]}
    if stream:
        body["stream"] = True
    return post(b"/v1/chat/completions", json.dumps(body).encode(), *fields, **options)


def answer(body=OK_BODY, status=b"200 OK", *fields, type=b"application/json"):
    lines = [b"HTTP/1.1 " + status, b"Content-Type: " + type, *fields,
             b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def event(content, finish=None, index=0):
    choice = {"index": index, "delta": {"content": content} if content is not None else {},
              "finish_reason": finish}
    value = {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def events(count=3):
    """A whole stream."""
    return b"".join(event(f"t{i} ") for i in range(count)) + event(None, "stop") + DONE


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def streamed(data, is_whole=True):
    return STREAM_FIELDS + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(data) + \
        (b"0\r\n\r\n" if is_whole else b"")


def error_of(message):
    """The error object of an answer in OpenAI's shape."""
    error = json.loads(message.body)["error"]
    assert set(error) >= {"message", "type", "code", "param"}, error
    return error


def stream_data(body):
    """The data of each event, as a strict reader of event streams takes them."""
    text = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if text.startswith(b"\xef\xbb\xbf"):
        text = text[3:]
    out = []
    for block in text.split(b"\n\n"):
        lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n")
                 if line.startswith(b"data:")]
        if lines:
            out.append(b"\n".join(lines))
    return out


def stream_error(body):
    """The error event of a stream, None where there is none."""
    for data in stream_data(body):
        if data != b"[DONE]" and "error" in json.loads(data):
            return json.loads(data)["error"]
    return None


async def serve_answers(upstream, conn):
    """Answers each request whole, or with a stream where one is asked for."""
    while (request := await conn.request(timeout_s=3600)) is not None:
        upstream.requests.append(request)
        is_stream = b'"stream": true' in request.body
        await conn.send(streamed(events()) if is_stream else answer())


def serving(*pieces, then=None):
    """Reads one request at a time, sends the pieces, then ends as told: close, reset or None."""
    async def serve(upstream, conn):
        while (request := await conn.request(timeout_s=3600)) is not None:
            upstream.requests.append(request)
            for piece in pieces:
                await conn.send(piece)
                if len(pieces) > 1:
                    await asyncio.sleep(0.01)
            if then == "reset":
                await asyncio.sleep(0.02)
                conn.reset()
                return
            if then == "close":
                return
    return serve
