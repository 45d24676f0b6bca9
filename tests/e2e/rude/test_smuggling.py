"""Requests that two servers could read differently: refused, and nothing of them forwarded."""
import asyncio

import talk
import wire
from trial import cases, check, check_eq

BODY = b'{"model":"m"}'
START = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
HIDDEN = b"GET /v1/hidden HTTP/1.1\r\nHost: x\r\n\r\n"


def fields(*lines, body=b"0\r\n\r\n"):
    return START + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def length(value):
    return fields(b"Content-Length: " + value, body=BODY)


def chunked(body):
    return fields(b"Transfer-Encoding: chunked", body=body)


CHUNKED = b"Transfer-Encoding: chunked"
HEADS = {
    "length and chunked": fields(b"Content-Length: 5", CHUNKED),
    "chunked and length": fields(CHUNKED, b"Content-Length: 5"),
    "two codings fields": fields(CHUNKED, CHUNKED),
    "chunked twice": fields(b"Transfer-Encoding: chunked, chunked"),
    "chunked, then identity": fields(b"Transfer-Encoding: chunked, identity"),
    "identity": fields(b"Transfer-Encoding: identity"),
    "gzip, chunked": fields(b"Transfer-Encoding: gzip, chunked"),
    "an unknown coding": fields(b"Transfer-Encoding: xchunked"),
    "a coding with a vertical tab": fields(b"Transfer-Encoding: \x0bchunked"),
    "a coding with a parameter": fields(b"Transfer-Encoding: chunked;q=1"),
    "a coding in quotes": fields(b'Transfer-Encoding: "chunked"'),
    "an empty coding": fields(b"Transfer-Encoding:"),
    "a coding under HTTP/1.0": fields(CHUNKED).replace(b"1.1", b"1.0"),
    "two lengths": fields(b"Content-Length: 13", b"Content-Length: 5", body=BODY),
    "the same length twice": fields(b"Content-Length: 13", b"Content-Length: 13", body=BODY),
    "a list of lengths": length(b"13, 13"),
    "a length with a plus": length(b"+13"),
    "a negative length": length(b"-1"),
    "a hexadecimal length": length(b"0xd"),
    "a length with a blank inside": length(b"1 3"),
    "an empty length": length(b""),
    "a length past 64 bits": length(b"18446744073709551629"),
    "a length past 63 bits": length(b"9223372036854775808"),
    "a length with a point": length(b"13.0"),
    "a length with an underscore": length(b"1_3"),
    "a folded field": fields(b"X-A: b\r\n c", b"Content-Length: 13", body=BODY),
    "a folded first field": START.replace(b"Host", b" Host") + b"\r\n",
    "a bare LF behind the request line": START.replace(b"1.1\r\n", b"1.1\n") + b"\r\n",
    "a bare LF behind a field": fields(b"X-A: b\nX-C: d", b"Content-Length: 13", body=BODY),
    "a bare LF for the blank line": START + b"Content-Length: 13\r\n\n" + BODY,
    "a bare CR in a value": fields(b"X-A: b\rContent-Length: 13", body=BODY),
    "a bare CR for a line end": fields(b"X-A: b\r\rX-C: d", body=BODY),
    "a blank before the colon": fields(b"Content-Length : 13", body=BODY),
    "a tab before the colon": fields(b"Transfer-Encoding\t: chunked"),
    "a NUL in a value": fields(b"X-A: b\0c", b"Content-Length: 13", body=BODY),
    "a NUL in a name": fields(b"X-\0A: b", b"Content-Length: 13", body=BODY),
    "a field without a colon": fields(b"X-A", b"Content-Length: 13", body=BODY),
    "a field without a name": fields(b": b", b"Content-Length: 13", body=BODY),
    "a name with a byte above 127": fields(b"X-\xe9: b", body=BODY),
    "a control byte in a value": fields(b"X-A: \x01", body=BODY),
    "a DEL in a value": fields(b"X-A: \x7f", body=BODY),
    "no Host": b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 13\r\n\r\n" + BODY,
    "two Hosts": fields(b"Host: y", b"Content-Length: 13", body=BODY),
    "a Host with a path": START.replace(b"Host: x", b"Host: x/y") + b"\r\n",
    "a Host with a user": START.replace(b"Host: x", b"Host: a@x") + b"\r\n",
    "a Host with a blank": START.replace(b"Host: x", b"Host: x y") + b"\r\n",
    "two blanks in the request line": START.replace(b"POST ", b"POST  ") + b"\r\n",
    "a tab in the request line": START.replace(b"POST ", b"POST\t") + b"\r\n",
    "no version": START.replace(b" HTTP/1.1", b"") + b"\r\n",
    "a version in lower case": START.replace(b"HTTP", b"http") + b"\r\n",
    "version 1.10": START.replace(b"1.1", b"1.10") + b"\r\n",
    "version 2.0": START.replace(b"1.1", b"2.0") + b"\r\n",
    "version 0.9": START.replace(b"1.1", b"0.9") + b"\r\n",
    "a method with a bracket": START.replace(b"POST", b"PO(T") + b"\r\n",
    "a target without a slash": START.replace(b"/v1", b"v1") + b"\r\n",
    "a target with a byte above 127": START.replace(b"/chat", b"/ch\xe9t") + b"\r\n",
    "a target with a fragment": START.replace(b"ons ", b"ons#x ") + b"\r\n",
    "CONNECT": b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n",
    "another scheme": b"GET ftp://x/v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
    "half the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nXM\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "two empty lines first": b"\r\n\r\n" + talk.chat(),
    "only line feeds": b"\n\n\n\n",
}
BODIES = {
    "a chunk size past 64 bits": chunked(b"10000000000000005\r\nab"),
    "a chunk size past 63 bits": chunked(b"ffffffffffffffff\r\nab"),
    "a negative chunk size": chunked(b"-5\r\nab"),
    "a chunk size with a plus": chunked(b"+5\r\nab"),
    "a chunk size with 0x": chunked(b"0x5\r\nabcde\r\n0\r\n\r\n"),
    "no chunk size": chunked(b"\r\nabcde\r\n0\r\n\r\n"),
    "a blank before a chunk size": chunked(b" 5\r\nabcde\r\n0\r\n\r\n"),
    "a chunk size with a bare LF": chunked(b"5\nabcde\r\n0\r\n\r\n"),
    "a chunk that ends with a bare LF": chunked(b"5\r\nabcde\n0\r\n\r\n"),
    "a chunk longer than its size": chunked(b"3\r\nabcde\r\n0\r\n\r\n"),
    "an extension with a bare LF": chunked(b"5;a\nb\r\nabcde\r\n0\r\n\r\n"),
    "an extension with a bare CR": chunked(b"5;a\rb\r\nabcde\r\n0\r\n\r\n"),
    "a chunk size behind a blank": chunked(b"5 5\r\nabcde\r\n0\r\n\r\n"),
    "an endless extension": chunked(b"5;" + b"a" * 10000 + b"\r\n"),
    "an endless trailer": chunked(b"0\r\n" + b"A: b\r\n" * 3000 + b"\r\n"),
    "a trailer without a colon": chunked(b"0\r\nA\r\n\r\n"),
    "a folded trailer": chunked(b"0\r\nA: b\r\n c\r\n\r\n"),
    "a trailer with a bare LF": chunked(b"0\r\nA: b\n\r\n"),
    "a trailer with a NUL": chunked(b"0\r\nA: \0\r\n\r\n"),
}


async def refused(t, data, statuses):
    await t.start(talk.serve_answers, {"limits": {"header_timeout": "1s", "body_timeout": "1s"}})
    conn = await t.client()
    try:
        await conn.send(data, HIDDEN)
    except ConnectionError:
        pass
    answer = await conn.answer()
    check(answer.status in statuses, f"status {answer.status}: {answer.body!r}")
    check(answer.is_last, "no connection: close")
    check_eq(answer.get(b"content-type"), b"application/json")
    check(talk.error_of(answer)["message"], "no message")
    check_eq(await conn.ended(), "eof")
    await asyncio.sleep(0.02)
    check_eq(t.upstream.requests, [])
    conn.close()


@cases("a head is refused", HEADS)
async def _(t, data):
    await refused(t, data, (400, 501))


@cases("a head is refused behind a good request", {
    k: v for k, v in HEADS.items() if "two empty" not in k})
async def _(t, data):
    await t.start(talk.serve_answers)
    conn = await t.client()
    await conn.send(talk.chat(), data, HIDDEN)
    check_eq((await conn.answer()).status, 200)
    check((await conn.answer()).status in (400, 501), "not refused")
    check_eq(await conn.ended(), "eof")
    check_eq(len(t.upstream.requests), 1)


@cases("a body is refused", BODIES)
async def _(t, data):
    await refused(t, data, (400, 413))


@cases("an upload is refused, and its upstream sees it cut", BODIES)
async def _(t, data):
    seen = []

    async def serve(upstream, conn):
        try:
            seen.append(await conn.request())
        except wire.Cut:
            seen.append("cut")

    await t.start(serve)
    conn = await t.client()
    await conn.send(data.replace(b"/v1/chat/completions", b"/v1/files"), HIDDEN)
    answer = await conn.answer()
    check(answer.status in (400, 413), f"status {answer.status}")
    check_eq(await conn.ended(), "eof")
    await asyncio.sleep(0.02)
    check(seen in ([], ["cut"], [None]), f"the upstream saw {seen}")


@cases("an unusual but sound request is served", {
    "a chunk extension": chunked(b'd;a=b;c="d"\r\n' + BODY + b"\r\n0\r\n\r\n"),
    "a blank behind a chunk size": chunked(b"d ;a\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "leading zeros": chunked(b"00000d\r\n" + BODY + b"\r\n000\r\n\r\n"),
    "upper case": chunked(b"D\r\n" + BODY + b"\r\n0\r\n\r\n").replace(b"chunked", b"ChUnKeD"),
    # Empty elements of a list are none (RFC 9110 section 5.6.1.2).
    "a coding with a comma behind": fields(b"Transfer-Encoding: chunked,",
                                           body=b"d\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "trailers": chunked(b"d\r\n" + BODY + b"\r\n0\r\nContent-Length: 5\r\nHost: y\r\n\r\n"),
    "a length with zeros": length(b"0013"),
    "no blank behind a colon": fields(b"Content-Length:13", body=BODY),
    "blanks around a value": fields(b"Content-Length: \t 13 \t", body=BODY),
})
async def _(t, data):
    await t.start(talk.serve_answers)
    conn = await t.client()
    await conn.send(data, data)
    check_eq((await conn.answer()).status, 200)
    check_eq((await conn.answer()).status, 200)
    request = t.upstream.requests[0]
    check_eq(request.body, BODY)
    check_eq(request.all(b"host"), [b"127.0.0.1:%d" % t.upstream.port])
    check_eq(request.all(b"content-length"), [b"13"])
