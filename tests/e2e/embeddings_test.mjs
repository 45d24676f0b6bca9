// Texts as vectors through every door, and counts of tokens: by both majors of OpenAI's SDK, by gRPC and by
// Anthropic's, from upstreams that speak any dialect and some that ignore what they are asked.
import assert from 'node:assert/strict';

import Anthropic from '@anthropic-ai/sdk';

import { ask, connect, grpc, unary } from './support/grpc.mjs';
import { json, startMock } from './support/mock.mjs';
import { configuration, startSluice } from './support/sluice.mjs';
import { clientKey, test, testEachSDK, thrown } from './support/suite.mjs';

const vectors = [[1, -2.5, 0.1], [3.4028234663852886e38, 1e-45, -0.75]].map((v) => v.map(Math.fround));
const base64 = (v) => Buffer.from(new Float32Array(v).buffer).toString('base64');
const answer = (embed) => JSON.stringify({ object: 'list', extra: { kept: [1.50] }, model: 'up',
  data: vectors.map((v, index) => ({ object: 'embedding', index, embedding: embed(v) })), usage: { prompt_tokens: 7, total_tokens: 7 } });
const mock = await startMock({ rules: [
  { match: { model: 'floats-only' }, answer: { body: answer((v) => v) } },
  { match: { model: 'base64-only' }, answer: { body: answer(base64) } },
  { match: { model: 'broken' }, answer: { body: answer(() => ['x']) } },
  { match: { model: 'one-only' }, answer: { body: JSON.stringify({ data: [{ index: 0, embedding: [1] }] }) } },
  { match: { model: 'busy', first: 1 }, error: { status: 503, retry_after_ms: 10 } },
] });
const origin = new URL(mock.baseURL).origin;
const targets = (provider, model) => ({ targets: [{ provider, ...(model ? { model } : {}) }] });
const sluice = await startSluice(configuration(mock.baseURL, {
  providers: [{ name: 'openai', base_url: mock.baseURL }, { name: 'claude', dialect: 'anthropic', base_url: origin, api_key: 'sk-ant' },
    { name: 'grpc', dialect: 'sluice', base_url: origin }],
  models: [
    { name: 'busy', ...targets('openai'), retry: { attempts: 2 } },
    { name: 'claude-only', ...targets('claude', 'mock') },
    { name: 'either', targets: [{ provider: 'claude', model: 'mock', weight: 9 }, { provider: 'openai', model: 'mock', weight: 1 }] },
    { name: 'over-grpc', ...targets('grpc', 'mock') },
    { name: 'claude-strict', ...targets('claude', 'mock-strict') },
    { name: '*', ...targets('openai') },
  ],
}));
const { chat, embeddings } = connect(sluice.url);
const embed = (model, texts, more = {}) => unary(embeddings, 'embed', { model, input: texts.map((text) => ({ text })), ...more });
const texts = ['water', 'fire'];

testEachSDK('vectors are the same, as numbers or as the SDK asks by itself', sluice, async ({ client }) => {
  for (const model of ['mock', 'over-grpc', 'either']) {
    const numbers = await client.embeddings.create({ model, input: texts, dimensions: 16, encoding_format: 'float' });
    const own = await client.embeddings.create({ model, input: texts, dimensions: 16 });
    assert.equal(own.data.length, 2);
    for (const i of [0, 1]) {
      assert.equal(own.data[i].embedding.length, 16);
      assert.deepEqual(own.data[i].embedding.map(Math.fround), numbers.data[i].embedding.map(Math.fround), model);
    }
    assert.equal(own.usage.prompt_tokens, 2);
  }
});

testEachSDK('an upstream that ignores the encoding asked for is mended', sluice, async ({ client }) => {
  for (const model of ['floats-only', 'base64-only']) {
    for (const encoding_format of [undefined, 'float', 'base64']) {
      const body = { model, input: texts, ...(encoding_format ? { encoding_format } : {}) };
      const got = await client.embeddings.create(body);
      const read = got.data.map(({ embedding }) =>
        typeof embedding === 'string' ? [...new Float32Array(Uint8Array.from(Buffer.from(embedding, 'base64')).buffer)] : embedding.map(Math.fround));
      assert.deepEqual(read, vectors, `${model} ${encoding_format}`);
      assert.deepEqual(got.extra, { kept: [1.5] });
    }
  }
});

test('bytes pass where the answer has the encoding asked for', async () => {
  const post = async (body) => {
    const response = await fetch(`${sluice.baseURL}/embeddings`, { method: 'POST', body: JSON.stringify(body) });
    return { response, text: await response.text() };
  };
  assert.equal((await post({ model: 'floats-only', input: texts })).text, answer((v) => v));
  assert.equal((await post({ model: 'base64-only', input: texts, encoding_format: 'base64' })).text, answer(base64));
  const mended = await post({ model: 'floats-only', input: texts, encoding_format: 'base64' });
  assert.equal(mended.text, answer(base64));
  assert.equal(Number(mended.response.headers.get('content-length')), mended.text.length);
  const bad = await post({ model: 'broken', input: texts, encoding_format: 'base64' });
  assert.equal(bad.response.status, 502);
  assert.equal(JSON.parse(bad.text).error.code, 'upstream_malformed');
  // What is sent is what the client sent.
  assert.deepEqual(json(await mock.last('floats-only')), { model: 'floats-only', input: texts, encoding_format: 'base64' });
});

testEachSDK('2048 texts at once', sluice, async ({ client }) => {
  const input = Array.from({ length: 2048 }, (_, i) => `text ${i}`);
  for (const model of ['mock', 'over-grpc']) {
    const { data } = await client.embeddings.create({ model, input, dimensions: 256 });
    assert.deepEqual(data.map((d) => d.index), input.map((_, i) => i));
    assert.ok(data.every((d) => d.embedding.length === 256));
  }
});

test('over gRPC they are exact, whoever made them', async () => {
  for (const model of ['floats-only', 'base64-only']) {
    const { reply } = await embed(model, texts);
    assert.deepEqual(reply.embeddings.map((e) => e.values), vectors);
    assert.equal(reply.usage.inputTokens, 7);
    assert.equal(reply.model, model);
  }
  const direct = await unary(connect(origin).embeddings, 'embed', { model: 'mock', input: texts.map((text) => ({ text })) });
  for (const model of ['mock', 'over-grpc', 'either']) {
    const { reply, headers } = await embed(model, texts);
    assert.deepEqual(reply.embeddings, direct.reply.embeddings, model);
    assert.equal(headers.get('x-sluice-provider')[0], model === 'over-grpc' ? 'grpc' : 'openai');
  }
  const tokens = await unary(embeddings, 'embed', { model: 'mock', input: [{ tokens: { ids: [1, 70000] } }, { tokens: { ids: [7] } }], dimensions: 4, user: 'u' });
  assert.equal(tokens.reply.embeddings.length, 2);
  assert.deepEqual(json((await mock.log()).at(-1)), { model: 'mock', input: [[1, 70000], [7]], encoding_format: 'base64', dimensions: 4, user: 'u' });
});

test('what no target can say is told', async () => {
  const none = await thrown(embed('claude-only', texts));
  assert.equal(none.code, grpc.status.INVALID_ARGUMENT);
  const post = await fetch(`${sluice.baseURL}/embeddings`, { method: 'POST', body: JSON.stringify({ model: 'claude-only', input: 'x' }) });
  assert.deepEqual([post.status, (await post.json()).error.code], [400, 'no_target']);
  const mixed = await thrown(unary(embeddings, 'embed', { model: 'mock', input: [{ text: 'a' }, { tokens: { ids: [1] } }] }));
  assert.equal(mixed.code, grpc.status.INVALID_ARGUMENT);
  const empty = await thrown(unary(embeddings, 'embed', { model: 'mock' }));
  assert.match(empty.details, /nothing to embed/);
  // Fewer vectors than texts are no answer.
  assert.equal((await thrown(embed('one-only', texts))).code, grpc.status.UNAVAILABLE);
  assert.equal((await thrown(embed('mock-429', texts))).code, grpc.status.RESOURCE_EXHAUSTED);
});

test('one that fails is asked again, and the log has its tokens', async () => {
  const id = 'embedded-again';
  const { reply } = await unary(embeddings, 'embed', { model: 'busy', input: [{ text: 'two words' }] }, { fields: { 'x-request-id': id } });
  assert.equal(reply.embeddings.length, 1);
  const line = await sluice.log(id);
  assert.deepEqual([line.route, line.model, line.input_tokens, line.attempts.length], ['embeddings', 'busy', 2, 2]);
  assert.ok(await sluice.metric('sluice_requests_total{route="embeddings"}') > 0);
});

// --- Counts of tokens ---

const claude = new Anthropic({ baseURL: sluice.url, apiKey: clientKey, maxRetries: 0 });
const messages = [{ role: 'user', content: 'one two three' }];

test('tokens are counted by who can, for clients of either kind', async () => {
  for (const model of ['claude-only', 'claude-strict', 'either', 'over-grpc']) {
    const { data, response } = await claude.messages.countTokens({ model, messages, system: 'be brief' }).withResponse();
    assert.equal(data.input_tokens, 5, model);
    assert.equal(response.headers.get('x-sluice-estimated'), null);
    const { reply, headers } = await unary(chat, 'countTokens', ask(model, { temperature: 0.5, stop: ['x'], user: 'u', maxTokens: 5 }));
    assert.equal(reply.inputTokens, 3, model);
    assert.deepEqual(headers.get('x-sluice-estimated'), []);
  }
  const entry = await mock.last('mock-strict', (found) => found.path === '/v1/messages/count_tokens');
  assert.deepEqual(Object.keys(json(entry)).sort(), ['messages', 'model']);
});

test('where nobody can, an estimate says that it is one', async () => {
  const before = (await mock.log()).length;
  const long = 'word '.repeat(400);
  const { data, response } = await claude.messages.countTokens({ model: 'mock', messages: [{ role: 'user', content: long }] }).withResponse();
  assert.equal(data.input_tokens, 500);
  assert.equal(response.headers.get('x-sluice-estimated'), 'true');
  const { reply, headers } = await unary(chat, 'countTokens', ask('mock', { messages: [{ role: 'ROLE_USER', parts: [{ text: long }] }] }));
  assert.equal(reply.inputTokens, 500);
  assert.deepEqual(headers.get('x-sluice-estimated'), ['true']);
  assert.deepEqual(headers.get('server-timing'), []); // nobody was asked
  assert.equal((await mock.log()).length, before);
  const bad = await thrown(claude.messages.countTokens({ model: 'mock', messages: [{ role: 'nobody', content: 'x' }] }));
  assert.equal(bad.status, 400);
  assert.equal((await thrown(unary(chat, 'countTokens', ask('mock', { messages: [] })))).code, grpc.status.INVALID_ARGUMENT);
  assert.ok(await sluice.metric('sluice_requests_total{route="count_tokens"}') > 0);
});

test('both are there as REST, too', async () => {
  const post = async (path, body) => {
    const response = await fetch(`${sluice.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  const vectors_of = await post('/sluice/v1/embeddings', { model: 'floats-only', input: [{ text: 'a' }, { text: 'b' }] });
  assert.equal(vectors_of.status, 200);
  assert.deepEqual(vectors_of.body.embeddings.map((e) => e.values.map(Math.fround)), vectors);
  const question = { model: 'claude-only', messages: [{ role: 'ROLE_USER', parts: [{ text: 'one two three' }] }] };
  assert.deepEqual((await post('/sluice/v1/chat:countTokens', question)).body, { inputTokens: '3' });
  const estimated = await post('/sluice/v1/chat:countTokens', { ...question, model: 'mock' });
  assert.deepEqual([estimated.status, estimated.headers.get('x-sluice-estimated'), estimated.body], [200, 'true', { inputTokens: '3' }]);
  const bad = await post('/sluice/v1/embeddings', { model: 'claude-only', input: [{ text: 'a' }] });
  assert.deepEqual([bad.status, bad.body.code], [400, grpc.status.INVALID_ARGUMENT]);
});

test('all end orderly', async () => {
  chat.close();
  embeddings.close();
  await mock.end();
  await sluice.end();
});
