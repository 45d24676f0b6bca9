"""A storm of 503s: what retries add to it, and how soon all is well behind it.

Requests leave on a schedule, RATE a second, whatever becomes of those before them; which calls the
upstream refuses is a matter of the seed, of the request and of how often it came. STORM_SECONDS
(3; 10 is the long form) is how long a storm lasts.
"""
import asyncio
import bisect
import collections
import json
import os
import random
import time

import talk
import wire
from trial import check, check_eq, test

RATE = 100
STORM_S = float(os.environ.get("STORM_SECONDS", "3"))
RECOVERED_S = 2  # all must be well again so long after a storm
# As in docs/examples/sluice.yaml: a share of the requests of the last ten seconds, or a floor.
BUDGET = 0.2
FLOOR = 5
BUDGET_WINDOW_S = 10
# It forgets in steps of a second, and a retry that it allowed leaves up to half a second later.
BUDGET_BLUR_S = 2
REFUSAL = talk.answer(
    json.dumps({"error": {"message": "busy", "type": "server_error", "param": None,
                          "code": None}}).encode(),
    b"503 Service Unavailable")

OFF = {"trip_after": 0}
# The default rests for half a minute at least; this one may be back within RECOVERED_S.
BRISK = {"open": ["500ms", "1s"], "ramp": "500ms"}


def single(breaker):
    """One target, with the retries that a model has by default."""
    return {"models": [{"name": "*", "targets": [{"provider": "up"}], "breaker": breaker}]}


class Storm:
    """A share of the calls is refused while it lasts; times count from the first request's."""

    def __init__(self, trial, calm_s=0, storm_s=STORM_S, after_s=RECOVERED_S + 1, share=0.5):
        self.trial = trial
        self.begins = calm_s
        self.ends = calm_s + storm_s
        self.share = share
        self.whole_s = self.ends + after_s
        self.seed = trial.random.random()
        self.calls = collections.Counter()  # of each request, as the upstream counts them
        self.call_times = []
        self.retry_times = []
        self.outcomes = []                  # (scheduled, status, ended), times since the start
        self.codes = collections.Counter()  # (status, code) of answers that are errors

    def now(self):
        return time.monotonic() - self.started

    def is_refused(self, number):
        if not self.begins <= self.now() < self.ends:
            return False
        return random.Random(f"{self.seed} {number} {self.calls[number]}").random() < self.share

    async def serve(self, upstream, conn):
        while (request := await conn.request(timeout_s=3600)) is not None:
            number = int(json.loads(request.body)["messages"][0]["content"])
            self.calls[number] += 1
            self.call_times.append(self.now())
            if self.calls[number] > 1:
                self.retry_times.append(self.now())
            if self.is_refused(number):
                await conn.send(REFUSAL)
            elif b'"stream": true' in request.body:
                await conn.send(talk.streamed(talk.events()))
            else:
                await conn.send(talk.answer())

    async def ask(self, number):
        conn = await wire.connect(self.trial.gateway.port)
        try:
            await conn.send(talk.chat(stream=number % 2 == 0, content=str(number)))
            answer = await conn.answer()
            is_good = answer.status == 200 and talk.stream_error(answer.body) is None \
                if number % 2 == 0 else answer.status == 200
            status = 200 if is_good else answer.status
            if answer.status != 200:
                self.codes[status, talk.error_of(answer)["code"]] += 1
        except wire.Cut:
            status = 0
        finally:
            conn.close()
        self.outcomes.append((number / RATE, status, self.now()))

    async def blow(self):
        tasks = []
        self.started = time.monotonic() + 0.05
        for number in range(int(self.whole_s * RATE)):
            await asyncio.sleep(self.started + number / RATE - time.monotonic())
            tasks.append(asyncio.create_task(self.ask(number)))
        await asyncio.gather(*tasks)

    @property
    def asked(self):
        """The numbers of the requests that were sent while it lasted."""
        return range(int(self.begins * RATE), int(self.ends * RATE))

    @property
    def amplification(self):
        return sum(self.calls[n] for n in self.asked) / len(self.asked)

    @property
    def worst_second(self):
        """The most calls that came within a second of the storm, to each request of it."""
        within = [t for t in self.call_times if self.begins <= t < self.ends]
        first, most = 0, 0
        for last, at in enumerate(within):
            while within[first] <= at - 1:
                first += 1
            most = max(most, last - first + 1)
        return most / RATE

    @property
    def recovered_s(self):
        """From the storm's end until the last answer that is not good has been told."""
        return max((ended - self.ends for _, status, ended in self.outcomes if status != 200),
                   default=0)

    @property
    def good_share(self):
        good = sum(status == 200 for at, status, _ in self.outcomes
                   if self.begins <= at < self.ends)
        return good / len(self.asked)

    def note(self):
        statuses = collections.Counter(status for at, status, _ in self.outcomes
                                       if self.begins <= at < self.ends)
        self.trial.note(f"{len(self.asked)} requests in a storm of {self.ends - self.begins:g} s, "
                        f"amplification {self.amplification:.3f}, of its worst second "
                        f"{self.worst_second:.2f}, answers {dict(sorted(statuses.items()))}, "
                        f"recovered after {self.recovered_s:.2f} s")

    def check_windows(self):
        """At no time more retries than the budget allows; it counts the requests of calm too."""
        for last, at in enumerate(self.retry_times):
            first = bisect.bisect(self.retry_times, at - BUDGET_WINDOW_S + BUDGET_BLUR_S)
            asked = int(min(at, BUDGET_WINDOW_S) * RATE) + 1
            check(last - first + 1 <= max(BUDGET * asked, FLOOR),
                  f"{last - first + 1} retries in a window at {at:.2f} s, for {asked} requests")

    def check_recovered(self):
        check(self.recovered_s <= RECOVERED_S, f"recovered after {self.recovered_s:.2f} s")
        late = [status for at, status, _ in self.outcomes if at > self.ends + RECOVERED_S]
        check(late and set(late) == {200}, f"answers at the end: {collections.Counter(late)}")


def check_amplification(storm):
    bound = 1 + BUDGET + FLOOR / len(storm.asked)
    check(storm.amplification <= bound, f"amplification {storm.amplification:.3f} over {bound:.3f}")


@test(alone=True)
async def retries_add_a_fifth_to_a_storm_and_nothing_behind_it(t):
    storm = Storm(t)
    await t.start(storm.serve, single(OFF))
    await storm.blow()
    storm.note()
    check_amplification(storm)
    storm.check_recovered()
    check(storm.good_share > 0.5, f"{storm.good_share:.0%} good: no retry helped")
    retries = await t.gateway.metric("sluice_retries_total")
    check_eq(retries, len(storm.retry_times), "retries counted")
    storm.check_windows()


@test(alone=True)
async def a_breaker_that_may_be_back_soon_spares_the_upstream_and_is_back(t):
    storm = Storm(t)
    await t.start(storm.serve, single(BRISK))
    await storm.blow()
    storm.note()
    check_amplification(storm)
    check(storm.amplification < 1, "the breaker spared the upstream nothing")
    storm.check_recovered()


@test(alone=True)
async def whom_a_breaker_keeps_out_is_told_to_come_again_and_never_that_the_request_is_bad(t):
    storm = Storm(t, storm_s=1, after_s=2, share=1)
    await t.start(storm.serve, single(BRISK))
    await storm.blow()
    t.note(f"errors {dict(storm.codes)}")
    check_eq({status for status, _ in storm.codes}, {503}, "statuses of errors")


@test(alone=True, timeout_s=120)
async def calm_before_a_storm_earns_retries_of_one_window_and_no_more(t):
    calm_s = STORM_S
    storm = Storm(t, calm_s)
    await t.start(storm.serve, single(OFF))
    await storm.blow()
    storm.note()
    t.note(f"{calm_s:g} s of calm before")
    storm.check_windows()
    storm.check_recovered()


if STORM_S >= 10:
    @test(alone=True, timeout_s=120)
    async def the_breaker_of_a_model_by_default_comes_back_within_its_rest_and_ramp(t):
        storm = Storm(t, after_s=45)
        await t.start(storm.serve, single({}))
        await storm.blow()
        storm.note()
        check_amplification(storm)
        rest_s, ramp_s = 30, 10
        check(storm.recovered_s <= rest_s + ramp_s, f"after {storm.recovered_s:.1f} s")
