// A provider that fails is answered for by another one: sixteen ways to fail, each seen from both
// ends. How often the primary is asked matters as much as that the client gets its answer.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { until } from './support/children.mjs';
import { always, assertWhole, attempts, begin, broken, essay, failing, follow, fresh, refuse, startRivals, tell, whole } from './support/rivals.mjs';
import { ask, clientOf, endTogether, test, testEachSDK, thrown } from './support/suite.mjs';

const slack_ms = 1500; // with sanitizers, on a busy machine

const together = await startRivals({
  models: [
    { name: 'flaps', targets: [{ provider: 'primary' }], fallback: [{ provider: 'backup' }],
      breaker: { open: ['300ms', '2s'], look: '500ms', ramp: '500ms' } },
    { name: 'bills', targets: [{ provider: 'primary', model: 'costly' }], fallback: [{ provider: 'backup', model: 'cheap' }],
      breaker: { trip_after: 0 } },
    ...['none', 'plain'].map((prefill) => ({ name: `prefill ${prefill}`, targets: [{ provider: 'primary' }],
      fallback: [{ provider: 'backup', prefill }] })),
  ],
});
const { primary, backup, sluice } = together;
const client = clientOf(sluice);
const workers = 2;

// Who was asked how often for a model.
const counts = (model) => [attempts(primary, model).length, attempts(backup, model).length];

async function timed(promise) {
  const before = performance.now();
  const value = await promise;
  return { value, ms: performance.now() - before };
}

testEachSDK('429 with Retry-After: the primary is asked again, no sooner than it said', sluice, async ({ t, client }) => {
  const model = fresh('limited-once');
  primary.on(model, failing(1, refuse(429, 'rate_limit_exceeded', { 'retry-after': '1' })));
  assertWhole(await follow(client, ask(model)));
  assert.deepEqual(counts(model), [2, 0]);
  const [first, second] = attempts(primary, model);
  const gap = second.startedAt - first.startedAt;
  t.diagnostic(`measured: asked again after ${gap.toFixed(0)} ms, told 1000`);
  assert.ok(gap >= 900 && gap < 1000 + slack_ms, `${gap} ms`);
});

testEachSDK('429 for ever: three attempts that back off, then the backup', sluice, async ({ t, client }) => {
  const model = fresh('limited');
  primary.on(model, always(refuse(429, 'rate_limit_exceeded')));
  const { value, ms } = await timed(follow(client, ask(model)));
  t.diagnostic(`measured: answered by the backup after ${ms.toFixed(0)} ms`);
  assertWhole(value);
  assert.deepEqual(counts(model), [3, 1]);
  const gaps = attempts(primary, model).slice(1).map((play, i) => play.startedAt - attempts(primary, model)[i].startedAt);
  assert.ok(gaps.every((gap) => gap >= 100), `${gaps}`);
});

testEachSDK('500 once: the primary is asked again and answers', sluice, async ({ client }) => {
  const model = fresh('failed-once');
  primary.on(model, failing(1, refuse(500, 'server_error')));
  assertWhole(await follow(client, ask(model)));
  assert.deepEqual(counts(model), [2, 0]);
});

testEachSDK('503 for ever: three attempts, then the backup', sluice, async ({ client }) => {
  const model = fresh('overloaded');
  primary.on(model, always(refuse(503, 'overloaded')));
  assertWhole(await follow(client, ask(model)));
  const [first, second] = counts(model);
  assert.ok(first >= 1 && first <= 3, `${first} attempts`);
  assert.equal(second, 1);
});

testEachSDK('a reset before the head: asked again, and answered', sluice, async ({ client }) => {
  const model = fresh('reset');
  primary.on(model, failing(1, (play) => play.reset()));
  assertWhole(await follow(client, ask(model)));
  assert.deepEqual(counts(model), [2, 0]);
  const plain = await client.chat.completions.create(ask(fresh('reset-never')));
  assert.equal(plain.choices[0].message.content, whole);
});

testEachSDK('resets for ever: the backup answers, streamed and whole', sluice, async ({ client }) => {
  const model = fresh('resets');
  primary.on(model, always((play) => play.reset()));
  const before = await sluice.metric('sluice_upstream_stale_retries_total');
  assertWhole(await follow(client, ask(model)));
  const answer = await client.chat.completions.create(ask(model));
  assert.equal(answer.choices[0].message.content, whole);
  // A reset of a kept connection may mean that it was stale: such a request goes out once more, and
  // is no attempt of its own.
  const stale = await sluice.metric('sluice_upstream_stale_retries_total') - before;
  const [asked, other] = counts(model);
  assert.ok(asked - stale <= 6, `${asked} requests, ${stale} of them on new connections`);
  assert.equal(other, 2);
});

testEachSDK('no response at all: the primary is asked once, and left for the backup', sluice, async ({ t, client }) => {
  const model = fresh('silent');
  primary.on(model, always((play) => play.closed));
  const { value, ms } = await timed(follow(client, ask(model)));
  t.diagnostic(`measured: answered by the backup after ${ms.toFixed(0)} ms, first_token 1000`);
  assertWhole(value);
  assert.deepEqual(counts(model), [1, 1]);
  assert.ok(ms >= 950 && ms < 1000 + slack_ms, `${ms} ms`);
  assert.ok(attempts(primary, model)[0].isGone);
});

testEachSDK('a late first token behind a prompt head: the backup answers in time', sluice, async ({ t, client }) => {
  const model = fresh('late');
  primary.on(model, always(async (play) => {
    play.stream();
    await play.chunk({ role: 'assistant', content: '' });
    await Promise.race([play.closed, play.sleep(20_000)]);
  }));
  const { value, ms } = await timed(follow(client, ask(model)));
  t.diagnostic(`measured: answered by the backup after ${ms.toFixed(0)} ms, first_token 1000`);
  assertWhole(value);
  assert.ok(ms < 1000 + slack_ms, `${ms} ms`);
  assert.deepEqual(counts(model), [1, 1]);
  assert.equal(value.headers.get('x-sluice-provider'), 'backup');
  const [late] = attempts(primary, model);
  await until('the primary is left', () => late.closedAt);
  assert.ok(late.isGone);
  // Nobody paid for both: the late one was left before the other was asked, or in the same moment.
  assert.ok(late.closedAt - attempts(backup, model)[0].startedAt < 200);
});

const cuts = [
  ['cut after 40 of 60 words', (play) => play.fin()],
  ['ended in good order after 40 of 60 words, without a finish', (play) => play.res.end()],
  ['reset after 40 of 60 words', async (play) => { await play.sleep(50); play.reset(); }],
];
for (const [what, rest] of cuts) {
  testEachSDK(`a stream ${what}: the client gets all 60 exactly`, sluice, async ({ client }) => {
    const model = fresh('cut');
    primary.on(model, always(broken(40, rest)));
    const got = await follow(client, ask(model));
    assertWhole(got);
    assert.deepEqual(counts(model), [1, 1]);
    assert.equal(got.chunks.filter((chunk) => chunk.choices[0]?.delta?.role).length, 1, 'one answer begins once');
    const line = await sluice.log(got.id);
    assert.deepEqual(line.attempts.map((a) => [a.provider, a.failure, a.as]), [['primary', 'cut', undefined], ['backup', undefined, 'replay']]);
    // The helper that SDKs have for whole answers sees no seam either.
    primary.on(model, always(broken(40, rest)));
    assert.equal(await client.chat.completions.stream(ask(model)).finalContent(), whole);
  });
}

testEachSDK('a stall after 20 words: the client gets all 60', sluice, async ({ t, client }) => {
  const model = fresh('stall');
  primary.on(model, always(broken(20, (play) => play.closed)));
  const { value, ms } = await timed(follow(client, ask(model)));
  t.diagnostic(`measured: whole after ${ms.toFixed(0)} ms, between_tokens 1000`);
  assertWhole(value);
  assert.ok(ms >= 950 && ms < 1000 + slack_ms, `${ms} ms`);
  assert.deepEqual(counts(model), [1, 1]);
  assert.ok(attempts(primary, model)[0].isGone);
});

testEachSDK('a malformed event in the stream: the whole answer, once', sluice, async ({ client }) => {
  const model = fresh('malformed');
  primary.on(model, always(async (play) => {
    await begin(play, essay.slice(0, 10));
    await play.raw('data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":\n\n');
    for (const content of essay.slice(10)) await play.chunk({ content });
    await play.chunk({}, { finish: 'stop' });
    await play.done();
  }));
  assertWhole(await follow(client, ask(model)));
  assert.equal(counts(model)[1], 1);
  assertWhole(await follow(client, ask(fresh('malformed-not')))); // and sluice is well
});

testEachSDK('no [DONE]: the answer ends at once, with its usage', sluice, async ({ t, client }) => {
  const model = fresh('no-done');
  primary.on(model, always(async (play) => {
    await begin(play);
    await play.chunk({}, { finish: 'stop' });
    await play.chunk({}, { choices: [], usage: { prompt_tokens: 11, completion_tokens: 60, total_tokens: 71 } });
    play.res.end();
  }));
  const { value, ms } = await timed(follow(client, ask(model, { stream_options: { include_usage: true } })));
  t.diagnostic(`measured: ended after ${ms.toFixed(0)} ms`);
  assertWhole(value);
  assert.equal(value.usage.completion_tokens, 60);
  assert.ok(ms < 1000, `${ms} ms`);
  assert.deepEqual(counts(model), [1, 0]);
});

testEachSDK('context_length_exceeded: asked once, the backup answers', sluice, async ({ client }) => {
  const model = fresh('too-long');
  primary.on(model, always(refuse(400, 'context_length_exceeded')));
  assertWhole(await follow(client, ask(model)));
  assert.deepEqual(counts(model), [1, 1]);
  const answer = await client.chat.completions.create(ask(model));
  assert.equal(answer.choices[0].message.content, whole);
  assert.deepEqual(counts(model), [2, 2]);
});

testEachSDK('content_policy_violation: the client gets that error, and nobody else is asked', sluice, async ({ client, Class }) => {
  const model = fresh('filtered');
  primary.on(model, always(refuse(400, 'content_policy_violation')));
  for (const stream of [true, false]) {
    const e = await thrown(client.chat.completions.create(ask(model, { stream })));
    assert.ok(e instanceof Class.BadRequestError, `${e?.stack}`);
    assert.equal(e.code, 'content_policy_violation');
  }
  assert.deepEqual(counts(model), [2, 0]);
});

for (const prefill of ['plain', 'none']) {
  test(`a cut, and a backup that refuses a prefill (configured: ${prefill}): the whole answer`, async () => {
    const name = `prefill ${prefill}`;
    const isPrefilled = (play) => play.json.messages.at(-1).role === 'assistant';
    primary.on(name, always(broken(40, (play) => play.fin())));
    backup.on(name, (play) => isPrefilled(play)
      ? play.reply({ error: { message: 'This model does not support assistant message prefill.', type: 'invalid_request_error', param: 'messages', code: null } }, 400)
      : tell(play));
    const rounds = 5;
    for (let i = 0; i < rounds; i++) assertWhole(await follow(client, ask(name)));
    const refused = attempts(backup, name).filter(isPrefilled).length;
    assert.equal(attempts(backup, name).length, refused + rounds);
    // Each worker learns it from the first refusal.
    assert.ok(prefill === 'plain' ? refused >= 1 && refused <= workers : refused === 0, `${refused} refusals`);
  });
}

test('a primary that flaps: few attempts while it is down, and it is used again after', async (t) => {
  let isDown = true;
  let served = 0;
  let spared = 0; // requests that went to the backup at once
  primary.on('flaps', (play) => (isDown ? play.error(503, 'overloaded') : tell(play)));
  for (const end = performance.now() + 3000; performance.now() < end; served++) {
    const got = await follow(client, ask('flaps'));
    assertWhole(got);
    assert.equal(got.headers.get('x-sluice-provider'), 'backup');
    spared += got.headers.get('x-sluice-attempts') === '1';
    await sleep(80);
  }
  const [asked] = counts('flaps');
  t.diagnostic(`measured: ${asked} attempts on the primary for ${served} requests of an outage of 3 s`);
  assert.ok(asked >= 2 && asked <= 14, `${asked} attempts`);
  assert.ok(spared >= served / 2, `${spared} of ${served} went to the backup at once`);

  isDown = false;
  const upAt = performance.now();
  let by = '';
  for (let i = 0; i < 40 && by !== 'primary'; i++) {
    const got = await follow(client, ask('flaps'));
    assertWhole(got);
    by = got.headers.get('x-sluice-provider');
    if (by !== 'primary') await sleep(100);
  }
  assert.equal(by, 'primary', 'it was never used again');
  const ms = performance.now() - upAt;
  t.diagnostic(`measured: the primary was used again ${ms.toFixed(0)} ms after it was back`);
  assert.ok(ms < 2000 + slack_ms, `${ms} ms`);
});

testEachSDK('accounting: model and usage are those of who answered, and nobody else is billed', sluice, async ({ client }) => {
  primary.on('costly', always(refuse(503, 'overloaded')));
  const before = await sluice.metric('sluice_tokens_total{direction="output"}');
  const got = await follow(client, ask('bills', { stream_options: { include_usage: true } }));
  assertWhole(got);
  assert.equal(got.model, 'cheap');
  assert.equal(got.usage.completion_tokens, 60);
  assert.equal(got.headers.get('x-sluice-provider'), 'backup');
  assert.equal(got.headers.get('x-sluice-model'), 'cheap');
  const line = await sluice.log(got.id);
  assert.equal(line.provider, 'backup');
  assert.equal(line.upstream_model, 'cheap');
  assert.deepEqual([line.input_tokens, line.output_tokens, line.is_estimated], [11, 60, undefined]);
  const failed = line.attempts.slice(0, -1);
  assert.ok(failed.length > 0);
  for (const a of failed) {
    assert.deepEqual([a.provider, a.model, a.status, a.failure], ['primary', 'costly', 503, 'overloaded']);
    assert.equal(a.input_tokens ?? a.output_tokens, undefined, 'one that failed has no tokens');
  }
  const last = line.attempts.at(-1);
  assert.deepEqual([last.provider, last.model, last.status, last.failure], ['backup', 'cheap', 200, undefined]);
  assert.deepEqual([last.input_tokens, last.output_tokens], [11, 60]);
  assert.equal(Number(got.headers.get('x-sluice-attempts')), line.attempts.length);
  assert.equal(await sluice.metric('sluice_tokens_total{direction="output"}'), before + 60);

  const answer = await client.chat.completions.create(ask('bills'));
  assert.equal(answer.model, 'cheap');
  assert.equal(answer.usage.completion_tokens, 60);
  const plain = await sluice.log(answer._request_id);
  assert.deepEqual([plain.attempts.at(-1).provider, plain.input_tokens, plain.output_tokens], ['backup', 11, 60]);
});

testEachSDK('an answer that comes whole and is cut inside its body: asked again, and answered', sluice, async ({ client }) => {
  const model = fresh('stump');
  primary.on(model, failing(1, async (play) => {
    play.res.writeHead(200, { 'content-type': 'application/json', 'content-length': 500 });
    await play.raw('{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"mess');
    play.fin();
  }));
  const answer = await client.chat.completions.create(ask(model));
  assert.equal(answer.choices[0].message.content, whole);
  assert.deepEqual(counts(model), [2, 0]);
});

testEachSDK('when everybody fails the client gets the last word of an upstream', sluice, async ({ client, Class }) => {
  for (const stream of [true, false]) {
    const model = fresh('hopeless');
    primary.on(model, always(refuse(503, 'primary_overloaded')));
    backup.on(model, always(refuse(500, 'backup_broke')));
    const e = await thrown(client.chat.completions.create(ask(model, { stream })));
    assert.ok(e instanceof Class.InternalServerError, `${e?.stack}`);
    assert.equal(e.code, 'backup_broke');
    assert.deepEqual(counts(model), [3, 3]);
  }
});

endTogether(together);
