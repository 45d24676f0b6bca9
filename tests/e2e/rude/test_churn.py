"""A few seconds of churn; tests/long/churn has ten minutes of it."""
import churn
import gateway
from trial import check, test

QUICK = churn.Form(churn_s=8, calm_s=3, vanishing=100, slow=20)
# Memory may grow by so much from what a warm-up has left.
GROWTH = 1.05
GROWTH_BYTES = 1 << 20


def config():
    """A model as it is by default: what recovers and retries keeps more, and must let go of it."""
    target = {"provider": "up"}
    return {**churn.CONFIG, "models": [{"name": "*", "targets": [target],
                                        "timeouts": {"total": "1h"}}]}


async def run(t, form, binary=None):
    await t.start(churn.serve, config(), binary=binary)
    return await churn.Churn(t, form).run()


def check_memory(t, binary, before, after):
    if gateway.is_sanitized(binary):
        t.note("memory not judged: a sanitizer keeps what is freed")
        return
    check(after <= before * GROWTH + GROWTH_BYTES, f"memory grew from {before} to {after}")


@test(alone=True, timeout_s=90)
async def amid_vanishing_and_slow_clients_the_others_are_served_and_nothing_is_kept(t):
    binary = gateway.BINARY
    if gateway.is_sanitized(binary) and gateway.RELEASE.exists():
        binary = gateway.RELEASE
    before, after = await run(t, QUICK, binary)
    check_memory(t, binary, before, after)


if gateway.is_sanitized():
    @test(alone=True, timeout_s=60)
    async def amid_vanishing_and_slow_clients_no_sanitizer_has_anything_to_say(t):
        await run(t, QUICK._replace(churn_s=4, calm_s=1))
