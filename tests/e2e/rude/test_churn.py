"""A few seconds of churn; tests/long/churn has ten minutes of it."""
import asyncio

import churn
import gateway
import talk
import wire
from trial import check, test

QUICK = churn.Form(warm_s=5, calm_s=3, churn_s=8, vanishing=100, slow=20)


@test(alone=True, timeout_s=90)
async def amid_vanishing_and_slow_clients_the_others_are_served_and_nothing_is_kept(t):
    binary = gateway.BINARY
    if gateway.is_sanitized(binary) and gateway.RELEASE.exists():
        binary = gateway.RELEASE
    await churn.run(t, QUICK, binary)
    t.note(f"binary {binary.parent.name}")


if gateway.is_sanitized():
    @test(alone=True, timeout_s=60)
    async def amid_vanishing_and_slow_clients_no_sanitizer_has_anything_to_say(t):
        await churn.run(t, QUICK._replace(churn_s=4, calm_s=1), gateway.BINARY)


@test
async def a_client_that_reads_steadily_is_not_cut_for_being_slow(t):
    """It takes bytes all the time, if fewer than the kernel's buffers hold."""
    await t.start(churn.serve, {"limits": {"write_timeout": "2s"}})
    conn = await churn.connect_narrow(t.gateway.port)
    t.conns.append(conn)
    await conn.send(talk.chat(stream=True, model="bulk"))
    for read in range(48):
        try:
            await conn.exactly(1024)
        except wire.Cut:
            check(False, f"cut after {read / 4:.2f} s, though it took 4 KB a second")
        await asyncio.sleep(0.25)
