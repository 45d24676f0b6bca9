"""trial: named tests, each with a gateway, an upstream and clients of its own.

A test is an async function; its name is a sentence. What it opens through its Trial is ended
behind it, and how the gateway ends is part of the test: no sanitizer report, no leaked file
descriptor, exit status 0.
"""
import argparse
import asyncio
import os
import random
import sys
import time
import traceback

import gateway as gateways
import wire

TESTS = []
AT_A_TIME = 3


class Failed(Exception):
    pass


def check(is_good, what):
    if not is_good:
        raise Failed(what)


def check_eq(got, wanted, what=""):
    if got != wanted:
        raise Failed(f"{what or 'value'}: got {got!r:.600}, wanted {wanted!r:.600}")


def test(function=None, *, alone=False, timeout_s=60):
    """`alone` for tests whose figures other tests would disturb."""
    def add(f):
        TESTS.append((f.__name__.replace("_", " "), f, alone, timeout_s))
        return f
    return add(function) if function else add


def cases(name, table):
    """A test for each entry of `table`; the function takes the entry's value last."""
    def add(f):
        for key, value in table.items():
            async def one(t, value=value):
                await f(t, value)
            TESTS.append((f"{name}: {key}", one, False, 60))
        return f
    return add


class Trial:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.notes = []
        self.conns = []
        self.upstream = None
        self.gateway = None
        self.others = []

    def note(self, text):
        self.notes.append(text)

    async def start(self, serve, config=None, timeouts=None, model=None, rcvbuf=None, binary=None):
        """Starts an upstream and a gateway in front of it."""
        self.upstream = await wire.Upstream(serve, rcvbuf).start()
        self.gateway = gateways.Gateway(self.upstream.port, config, timeouts, model, binary)
        await self.gateway.start()

    async def client(self, **options):
        conn = await wire.connect(self.gateway.port, **options)
        self.conns.append(conn)
        return conn

    async def ask(self, *pieces, method="GET", **options):
        """One request on a connection of its own."""
        conn = await self.client()
        await conn.send(*pieces)
        answer = await conn.answer(method, **options)
        conn.close()
        return answer

    async def end(self):
        for conn in self.conns:
            conn.close()
        if self.upstream:
            await self.upstream.stop()
        try:
            if self.gateway:
                await self.gateway.stop()
        finally:
            if self.upstream and self.upstream.errors:
                raise Failed(f"in the upstream: {self.upstream.errors[0]!r}")


async def run_one(name, function, timeout_s, seed):
    trial = Trial(f"{seed} {name}")
    problem = None
    started = time.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            await function(trial)
    except (Exception, asyncio.CancelledError) as e:
        problem = e
    try:
        await trial.end()
    except gateways.Misbehaved as e:
        problem = e if problem is None else Failed(f"{problem!r}\nand {e}")
    except Exception as e:
        problem = problem or e
    took = time.monotonic() - started
    notes = "".join(f"; {note}" for note in trial.notes)
    print(f"{'ok  ' if problem is None else 'FAIL'} {name} ({took:.2f} s{notes})", flush=True)
    if problem is not None:
        is_plain = isinstance(problem, (Failed, gateways.Misbehaved))
        text = str(problem) if is_plain else "".join(traceback.format_exception(problem))
        print("     " + text.strip().replace("\n", "\n     "), flush=True)
    return problem is None


async def run_all(tests, seed):
    at_once = asyncio.Semaphore(AT_A_TIME)

    async def bounded(name, function, timeout_s):
        async with at_once:
            return await run_one(name, function, timeout_s, seed)

    together = [bounded(n, f, s) for n, f, alone, s in tests if not alone]
    results = list(await asyncio.gather(*together))
    for name, function, alone, timeout_s in tests:
        if alone:
            results.append(await run_one(name, function, timeout_s, seed))
    return results


def main():
    parser = argparse.ArgumentParser(description="Runs the tests whose names hold a given text.")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    seed = os.environ.get("SEED") or str(random.SystemRandom().getrandbits(32))
    tests = [t for t in TESTS if not args.names or any(n in t[0] for n in args.names)]
    print(f"binary {gateways.BINARY}, seed {seed} (SEED={seed} repeats it)")
    results = asyncio.run(run_all(tests, seed))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(0 if tests and all(results) else 1)
