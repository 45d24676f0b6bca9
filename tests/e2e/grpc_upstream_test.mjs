// A provider that speaks gRPC: the mock, and another sluice before it.
import assert from 'node:assert/strict';

import { doors, grpc } from './support/doors.mjs';
import { header, startMock } from './support/mock.mjs';
import { configuration, secret, startSluice } from './support/sluice.mjs';
import { test, thrown } from './support/suite.mjs';

const mock = await startMock({ rules: [
  { match: { model: 'once', first: 1 }, error: { status: 503, retry_after_ms: 20 } },
  { match: { model: 'broken', first: 1 }, answer: { text: 'a b c d e f g h' }, fault: { end: 'reset', after_events: 5 } },
  { match: { model: 'broken' }, answer: { text: 'a b c d e f g h' } },
  { match: { model: 'late', first: 1 }, answer: { text: 'a b c d e f g h' }, fault: { error_event: 6 } },
  { match: { model: 'late' }, answer: { text: 'a b c d e f g h' } },
  { match: { model: 'page' }, error: { status: 502, content_type: 'text/html', body: '<h1>502</h1>' } },
  { match: { model: 'plain' }, answer: { body: '{"choices": []}', content_type: 'application/json' } },
  { match: { model: 'context' }, error: { status: 400, message: "This model's maximum context length is 10 tokens, however you requested 20." } },
] });
const origin = new URL(mock.baseURL).origin;
const again = { retry: { attempts: 3 }, recovery: 'continue' };
const names = ['mock', 'mock-nodone', 'mock-nofinish', 'mock-clean-5', 'mock-cut-5', 'mock-torn-5', 'mock-reset-5',
  'mock-cutbytes-90', 'mock-malformed-4', 'mock-duplicate-3', 'mock-split-3', 'mock-inband-5', 'mock-400', 'mock-401', 'page', 'plain'];
const inner = await startSluice(configuration(mock.baseURL, { providers: [{ name: 'openai', base_url: mock.baseURL }],
  models: [{ name: '*', targets: [{ provider: 'openai' }] }] }));
const sluice = await startSluice(configuration(mock.baseURL, {
  providers: [{ name: 'grpc', dialect: 'sluice', base_url: origin, api_key: secret },
    { name: 'openai', base_url: mock.baseURL }, { name: 'inner', dialect: 'sluice', base_url: inner.url }],
  models: [
    ...names.map((name) => ({ name, targets: [{ provider: 'grpc', model: name }] })),
    { name: 'once', targets: [{ provider: 'grpc' }], ...again }, { name: 'broken', targets: [{ provider: 'grpc' }], ...again },
    { name: 'late', targets: [{ provider: 'grpc' }], ...again },
    { name: 'context', targets: [{ provider: 'grpc' }], fallback: [{ provider: 'openai', model: 'mock' }] },
    { name: 'other', targets: [{ provider: 'grpc', model: 'mock-529' }], fallback: [{ provider: 'openai', model: 'mock' }] },
    { name: 'inner-*', targets: [{ provider: 'inner', model: 'mock' }] },
    { name: 'inner-error', targets: [{ provider: 'inner', model: 'mock-429' }] },
  ],
}));

const turns = [{ role: 'user', text: 'one two three' }];

// One test for each door, plain and streamed.
function testEach(name, run, streams = [false, true]) {
  for (const door of doors) {
    for (const stream of streams) {
      test(`${name}: ${door.name}${stream ? ', streamed' : ''}`, () =>
        run({ door, stream, ask: (model) => door.ask(door.connect(sluice), { model, turns, stream }) }));
    }
  }
}

testEach('what goes out is a call with a key and a deadline', async ({ ask, stream }) => {
  assert.equal((await ask('mock')).text, 'Hello! You said: one two three');
  const entry = (await mock.log()).at(-1);
  assert.equal(entry.path, `/sluice.v1.Chat/${stream ? 'Stream' : 'Complete'}`);
  const fields = Object.fromEntries(['content-type', 'te', 'grpc-accept-encoding', 'authorization'].map((name) => [name, header(entry, name)]));
  assert.deepEqual(fields, { 'content-type': 'application/grpc', te: 'trailers', 'grpc-accept-encoding': 'identity', authorization: `Bearer ${secret}` });
  assert.match(header(entry, 'grpc-timeout'), /^\d+[mSu]$/);
  assert.equal(entry.headers.filter(([name]) => name.startsWith('grpc-') || name === 'content-type').length, 3);
});

testEach('a stream that has not ended well is never whole', async ({ ask, door }) => {
  for (const model of ['mock-nodone', 'mock-nofinish', 'mock-clean-5', 'mock-cut-5', 'mock-torn-5', 'mock-reset-5', 'mock-cutbytes-90',
    'mock-malformed-4', 'mock-inband-5']) {
    const e = await thrown(ask(model));
    assert.ok(/gRPC|REST/.test(door.name) ? e.code : e instanceof door.errors.APIError, `${model}: ${e.name} ${e.message}`);
  }
}, [true]);

testEach('an answer without its status is none', async ({ ask, door }) => {
  for (const model of ['mock-nodone', 'page', 'plain']) {
    const e = await thrown(ask(model));
    if (door.name === 'gRPC') assert.equal(e.code, grpc.status.UNAVAILABLE, `${model}: ${e.message}`);
    else if (door.name === 'REST') assert.equal(e.code, grpc.status.UNAVAILABLE, `${model}: ${e.message}`);
    else assert.equal(e.status, model === 'mock-nodone' || door.name !== 'Anthropic' ? 502 : e.status, `${model}: ${e.message}`);
  }
}, [false]);

testEach('split at random it is the same', async ({ ask }) => {
  assert.equal((await ask('mock-split-3')).text, 'Hello! You said: one two three');
});

testEach('errors keep what the upstream said of them', async ({ ask, door }) => {
  const e = await thrown(ask('mock-400'));
  if (door.name === 'gRPC') assert.deepEqual([e.code, e.details], [grpc.status.INVALID_ARGUMENT, 'The mock was told to fail here.']);
  else assert.deepEqual([e.status, /told to fail here/.test(e.message)], [400, true]);
  const denied = await thrown(ask('mock-401'));
  assert.equal(door.name === 'gRPC' ? denied.code : denied.status, door.name === 'gRPC' ? grpc.status.UNAUTHENTICATED : 401);
});

testEach('another sluice is asked as any provider', async ({ ask, door, stream }) => {
  assert.equal((await ask('inner-mock')).text, 'Hello! You said: one two three');
  const e = await thrown(ask('inner-error'));
  assert.equal(door.name === 'gRPC' ? e.code : e.status, door.name === 'gRPC' ? grpc.status.RESOURCE_EXHAUSTED : 429, `${stream}`);
});

// Each of these has one fate for each run of the mock, so one door after the other asks for it anew.
test('a call that failed is asked again, or elsewhere', async () => {
  const [openai] = doors;
  const client = openai.connect(sluice);
  assert.equal((await openai.ask(client, { model: 'once', turns })).text, 'Hello! You said: one two three');
  assert.equal((await openai.ask(client, { model: 'other', turns, stream: true })).text, 'Hello! You said: one two three');
  assert.equal((await openai.ask(client, { model: 'context', turns })).text, 'Hello! You said: one two three');
});

for (const [i, model] of ['broken', 'late'].entries()) {
  test(`a stream that breaks is finished by another one: ${model}`, async () => {
    const door = doors[2 * i];
    const got = await door.ask(door.connect(sluice), { model, turns, stream: true });
    assert.equal(got.text, 'a b c d e f g h');
    assert.equal(got.finish, 'stop');
  });
}

test('both end orderly', async () => {
  assert.ok(await sluice.metric('sluice_streams_recovered_total') >= 2);
  await mock.end();
  await inner.end();
  await sluice.end();
});
