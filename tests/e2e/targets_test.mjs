// Who is asked: another key where one is refused, nobody who could not serve what a request needs,
// and what streams are asked to report.
import assert from 'node:assert/strict';

import { always, assertWhole, attempts, broken, essay, follow, fresh, startRivals, tell, whole } from './support/rivals.mjs';
import { secret } from './support/sluice.mjs';
import { ask, clientOf, endTogether, test, testEachSDK, thrown } from './support/suite.mjs';

const keys = ['one', 'two'].map((name) => ({ name, key: `${secret}-${name}` }));
const keyOf = (play) => /-(one|two)$/.exec(play.headers.authorization)?.[1];
const limited = (limits) => ({ targets: [{ provider: 'primary', ...limits }], fallback: [{ provider: 'backup' }] });
const together = await startRivals({
  providers: { primary: { api_key: undefined, api_keys: keys }, backup: { usage: 'always' } },
  models: [
    { name: 'blind', ...limited({ images: false }) },
    { name: 'clumsy', ...limited({ tools: false }) },
    { name: 'short', ...limited({ context: 300 }) },
    { name: 'nobody sees', targets: [{ provider: 'primary', images: false }] },
    { name: 'two keys', targets: [{ provider: 'primary' }] },
    { name: 'counts', targets: [{ provider: 'backup' }] },
    { name: 'counts and goes on', targets: [{ provider: 'primary' }], fallback: [{ provider: 'backup', prefill: 'plain' }], breaker: { trip_after: 0 } },
  ],
});
const { primary, backup, sluice } = together;
const client = clientOf(sluice);
const cut = (play) => play.fin();

// --- Keys ---

const denied = (bad) => (play) => (bad(keyOf(play)) ? play.error(401, 'invalid_api_key') : tell(play));

testEachSDK('a key that is refused: the other one is used, for the same request', sluice, async ({ client }) => {
  for (const bad of ['one', 'two']) {
    for (let i = 0; i < 4; i++) { // which key is first, is drawn
      const model = fresh('denied');
      primary.on(model, denied((key) => key === bad));
      const got = await follow(client, ask(model));
      assertWhole(got);
      const used = attempts(primary, model).map(keyOf);
      assert.equal(used.at(-1), bad === 'one' ? 'two' : 'one', `${used}`);
      assert.ok(used.length <= 2, `${used}`);
      assert.equal(attempts(backup, model).length, 0, `the backup was asked, after ${used}`);
    }
  }
});

test('where nobody else could answer, the other key does', async () => {
  primary.on('two keys', denied((key) => key === 'one'));
  for (let i = 0; i < 8; i++) {
    const answer = await client.chat.completions.create(ask('two keys'));
    assert.equal(answer.choices[0].message.content, whole);
  }
  // Each worker learns it once.
  const refused = attempts(primary, 'two keys').filter((play) => keyOf(play) === 'one').length;
  assert.ok(refused <= 2, `${refused} times the bad key`);
});

testEachSDK('keys that are all refused: the backup answers', sluice, async ({ client }) => {
  const model = fresh('denied-all');
  primary.on(model, denied(() => true));
  assertWhole(await follow(client, ask(model)));
  assertWhole(await follow(client, ask(model)));
  assert.ok(attempts(primary, model).length <= 4);
});

testEachSDK('a key at its limit: the other one is used meanwhile', sluice, async ({ t, client }) => {
  const model = fresh('limited-key');
  let limitedKey = '';
  primary.on(model, (play) => {
    limitedKey ||= keyOf(play);
    return keyOf(play) === limitedKey ? play.error(429, 'rate_limit_exceeded', { 'retry-after': '3' }) : tell(play);
  });
  const before = performance.now();
  assertWhole(await follow(client, ask(model)));
  const ms = performance.now() - before;
  t.diagnostic(`measured: answered with the other key after ${ms.toFixed(0)} ms, retry-after was 3000`);
  assert.ok(ms < 2000, `${ms} ms`);
});

// --- What a target can do ---

const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
const tools = [{ type: 'function', function: { name: 'pour', parameters: { type: 'object', properties: {} } } }];
const needs = [
  ['blind', { messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, image] }] }],
  ['clumsy', { tools }],
  ['short', { messages: [{ role: 'user', content: 'word '.repeat(400) }] }],
];
for (const [model, more] of needs) {
  testEachSDK(`a target that is ${model} is passed over by a request that needs more, and asked by others`, sluice, async ({ client }) => {
    for (const stream of [true, false]) {
      const before = attempts(primary, model).length;
      const { response } = await client.chat.completions.create({ ...ask(model, { stream }), ...more }).withResponse();
      assert.equal(response.headers.get('x-sluice-provider'), 'backup');
      assert.equal(attempts(primary, model).length, before);
      const { response: usual } = await client.chat.completions.create(ask(model, { stream })).withResponse();
      assert.equal(usual.headers.get('x-sluice-provider'), 'primary');
    }
  });
}

testEachSDK('where no target can serve it the client is told so, at once', sluice, async ({ client, Class }) => {
  const e = await thrown(client.chat.completions.create({ ...ask('nobody sees'), ...needs[0][1] }));
  assert.ok(e instanceof Class.BadRequestError, `${e?.stack}`);
  assert.equal(e.code, 'no_target');
  assert.equal(attempts(primary, 'nobody sees').length, 0);
});

// --- usage: always ---

testEachSDK('usage is asked for, logged, and kept from a client that did not ask', sluice, async ({ client }) => {
  const got = await follow(client, ask('counts'));
  assertWhole(got);
  assert.deepEqual(attempts(backup, 'counts').at(-1).json.stream_options, { include_usage: true });
  assert.ok(got.chunks.every((chunk) => chunk.choices.length === 1 && !chunk.usage));
  const line = await sluice.log(got.id);
  assert.deepEqual([line.input_tokens, line.output_tokens, line.is_estimated], [11, 60, undefined]);
});

testEachSDK('usage that the client asked for, or refused, stays its own affair', sluice, async ({ client }) => {
  const got = await follow(client, ask('counts', { stream_options: { include_usage: true } }));
  assertWhole(got);
  assert.equal(got.usage.completion_tokens, 60);
  assert.deepEqual(attempts(backup, 'counts').at(-1).json.stream_options, { include_usage: true });
  const other = await follow(client, ask('counts', { stream_options: { include_usage: false } }));
  assertWhole(other);
  assert.equal(other.usage, undefined);
  const plain = await client.chat.completions.create(ask('counts'));
  assert.equal(plain.usage.completion_tokens, 60);
  assert.equal(attempts(backup, 'counts').at(-1).json.stream_options, undefined);
});

testEachSDK('a stream that reports no usage is estimated, and the log says so', sluice, async ({ client }) => {
  const model = fresh('uncounted');
  const got = await follow(client, ask(model));
  assertWhole(got);
  const line = await sluice.log(got.id);
  assert.equal(line.is_estimated, true);
  assert.equal(line.output_tokens, 60);
});

testEachSDK('a continuation is asked for its usage too, and both parts are accounted', sluice, async ({ client }) => {
  const model = 'counts and goes on';
  primary.on(model, always(broken(40, cut)));
  backup.on(model, (play) => tell(play, essay.slice(40)));
  const got = await follow(client, ask(model));
  assertWhole(got);
  const { json } = attempts(backup, model).at(-1);
  assert.equal(json.messages.at(-1).role, 'assistant');
  assert.deepEqual(json.stream_options, { include_usage: true });
  assert.ok(got.chunks.every((chunk) => chunk.choices.length === 1 && !chunk.usage));
  const line = await sluice.log(got.id);
  assert.deepEqual(line.attempts.map((a) => [a.provider, a.output_tokens, a.is_estimated]),
    [['primary', 40, true], ['backup', 20, undefined]]);
  assert.equal(line.output_tokens, 60);
});

endTogether(together);
