"""Requests of 50 MB full of images, ten at a time: as they came, and in another dialect."""
import asyncio
import base64
import hashlib
import json
import random

import gateway
import talk
import wire
from test_bodies import Growth
from trial import check, check_eq, test

MIB = 1 << 20
AT_ONCE = 10
IMAGES, IMAGE_BYTES = 5, 7_800_000  # 52 MB as base64: what OpenAI's API takes at most
SLACK = 4 * MIB  # of all that is not the bodies, sockets in flight included

ANTHROPIC_BODY = json.dumps({
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
    "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn",
    "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}}).encode()


def body_of(images):
    parts = [{"type": "text", "text": "What differs?"}]
    parts += [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + digits}}
              for digits in images]
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": parts}]}).encode()


async def serve_large(upstream, conn):
    """Keeps the first body, and of each its digest."""
    while (head := await conn.head()) is not None:
        digest, kept = hashlib.sha256(), bytearray()
        is_first = not upstream.requests
        upstream.requests.append(head)
        async for piece in conn.pieces(head):
            digest.update(piece)
            if is_first:
                kept += piece
        if is_first:
            upstream.body = bytes(kept)
        head.digest = digest.hexdigest()
        is_anthropic = b"/v1/messages" in head.line
        await conn.send(talk.answer(ANTHROPIC_BODY if is_anthropic else talk.OK_BODY))


async def ask(t, request):
    conn = await t.client()
    await conn.send(request)
    answer = await conn.answer(timeout_s=110)
    check_eq(answer.status, 200)
    check_eq(json.loads(answer.body)["choices"][0]["message"]["content"], "hello")
    conn.close()


async def ask_ten(t, dialect):
    """The first body that arrived, and the images it should have."""
    binary = gateway.BINARY
    if gateway.is_sanitized(binary) and gateway.RELEASE.exists():
        binary = gateway.RELEASE
    rng = random.Random(1)
    images = [base64.b64encode(rng.randbytes(IMAGE_BYTES)).decode() for _ in range(IMAGES)]
    body = body_of(images)
    request = talk.post(b"/v1/chat/completions", body, b"Content-Type: application/json")
    t.upstream = await wire.Upstream(serve_large).start()
    provider = {"name": "up", "dialect": dialect,
                "base_url": f"http://127.0.0.1:{t.upstream.port}/v1"}
    t.gateway = gateway.Gateway(t.upstream.port, {"providers": [provider]}, binary=binary)
    await t.gateway.start()
    await t.ask(talk.chat())
    t.upstream.requests.clear()
    growth = Growth(t)
    await asyncio.gather(*(ask(t, request) for _ in range(AT_ONCE)))
    await asyncio.sleep(0.3)
    left = t.gateway.memory() - growth.before
    growth.task.cancel()
    t.note(f"{AT_ONCE} bodies of {len(body) >> 10} KiB: memory grew by {growth.most >> 10} KiB at "
           f"most, {left >> 10} KiB behind it")
    check_eq({r.digest for r in t.upstream.requests}, {t.upstream.requests[0].digest})
    if not gateway.is_sanitized(binary):
        check(growth.most < AT_ONCE * len(body) + SLACK, "the bodies were copied")
        check(left < SLACK, "memory was kept")
    return body, images


@test(alone=True, timeout_s=240)
async def ten_bodies_of_50_MB_pass_in_the_memory_of_one_copy_each(t):
    body, _ = await ask_ten(t, "openai")
    check(t.upstream.body == body, "another body arrived")


@test(alone=True, timeout_s=240)
async def ten_bodies_of_50_MB_are_translated_in_the_memory_of_one_copy_each(t):
    _, images = await ask_ten(t, "anthropic")
    blocks = json.loads(t.upstream.body)["messages"][0]["content"]
    check_eq([b["type"] for b in blocks], ["text"] + ["image"] * IMAGES)
    check(all(b["source"] == {"type": "base64", "media_type": "image/png", "data": digits}
              for b, digits in zip(blocks[1:], images)), "other images arrived")
