"""fidelity: what the upstream gets is what the client sent, but for the name of the model.

The upstream answers with the SHA-256 of what it got. It is a process of its own, so that either
side of the gateway has a core's attention.
"""
import asyncio
import hashlib
import os
import random
import re
import subprocess
import sys
import time

import bodies
import gateway

COUNT = int(os.environ.get("FIDELITY_COUNT", "100000"))
CONNECTIONS = 8
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
PATHS = (b"/v1/chat/completions", b"/v1/embeddings", b"/v1/completions", b"/v1/responses")


class Digester(asyncio.Protocol):
    """Answers each request with the digest of its body."""

    def connection_made(self, transport):
        self.transport = transport
        self.data = bytearray()

    def data_received(self, data):
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            found = LENGTH.search(self.data, 0, end)
            stop = end + 4 + int(found[1])
            if len(self.data) < stop:
                return
            digest = hashlib.sha256(memoryview(self.data)[end + 4:stop]).hexdigest().encode()
            del self.data[:stop]
            self.transport.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
                                 b'Content-Length: 68\r\n\r\n{"' + digest + b'"}')


async def serve():
    server = await asyncio.get_running_loop().create_server(Digester, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The parent's end of the pipe is the sign to stop.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


class Asker(asyncio.Protocol):
    """Sends one body after the other on one connection."""

    def __init__(self, pairs, problems):
        self.pairs = pairs
        self.problems = problems
        self.done = asyncio.get_running_loop().create_future()
        self.data = b""

    def connection_made(self, transport):
        self.transport = transport
        self.ask()

    def ask(self):
        pair = next(self.pairs, None)
        if pair is None:
            self.transport.close()
            return
        path, self.sent, self.wanted = pair
        self.transport.write(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (
            path, len(self.sent), self.sent))

    def data_received(self, data):
        self.data += data
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return
        stop = end + 4 + int(LENGTH.search(self.data, 0, end)[1])
        if len(self.data) < stop:
            return
        got = self.data[end + 6:stop - 2]
        if got != hashlib.sha256(self.wanted).hexdigest().encode():
            self.problems.append((self.sent, self.wanted, self.data[:stop]))
        self.data = self.data[stop:]
        self.ask()

    def connection_lost(self, why):
        if self.data or next(self.pairs, None) is not None:
            self.problems.append((self.sent, self.wanted, b"connection lost"))
        self.done.set_result(None)


def made(rng, count, renamed):
    writer = bodies.Writer(rng)
    for _ in range(count):
        sent, wanted = writer.body("smart", renamed)
        yield rng.choice(PATHS), sent, wanted


async def half(port, seed, renamed, count):
    child = gateway.Gateway(port, {
        "models": [{"name": "smart", "targets": [
            {"provider": "up", **({"model": renamed} if renamed else {})}]}],
        "limits": {"upstream_idle_connections": 64}})
    await child.start()
    pairs = made(random.Random(f"{seed} {renamed}"), count, renamed)
    problems = []
    started = time.monotonic()
    loop = asyncio.get_running_loop()
    askers = [(await loop.create_connection(lambda: Asker(pairs, problems), "127.0.0.1",
                                            child.port))[1] for _ in range(CONNECTIONS)]
    await asyncio.gather(*(a.done for a in askers))
    await asyncio.sleep(0.1)
    # The upstream keeps its connections; the gateway may keep as many.
    child.fds += CONNECTIONS
    await child.stop()
    print(f"{'ok  ' if not problems else 'FAIL'} {count} bodies {'renamed' if renamed else 'as is'}"
          f" arrived, {len(problems)} wrong ({time.monotonic() - started:.1f} s)", flush=True)
    for sent, wanted, answer in problems[:3]:
        print(f"     sent {sent[:2000]!r}\n     wanted {wanted[:2000]!r}\n     got {answer!r}")
    return not problems


async def run(seed):
    upstream = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE,
                                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[:2])})
    results = []
    try:
        port = int(upstream.stdout.readline())
        for renamed in ("", "gpt-5-2025-08-07"):
            try:
                results.append(await half(port, seed, renamed, COUNT // 2))
            except gateway.Misbehaved as e:
                print(f"FAIL {e}")
                results.append(False)
    finally:
        upstream.stdin.close()
        upstream.wait()
    return sum(results), len(results) - sum(results)


if __name__ == "__main__":
    asyncio.run(serve())
