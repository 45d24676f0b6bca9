// Anthropic's SDK, the newest and the line before 1.0, at `sluice mock` itself: the judge of its dialect.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import Anthropic from '@anthropic-ai/sdk';
import Anthropic0 from 'anthropic-0';

import { header, startMock } from './support/mock.mjs';
import { test, thrown } from './support/suite.mjs';

const mock = await startMock({ rules: [
  { match: { model: 'busy-once', first: 1 }, error: { status: 529, retry_after_ms: 50 } },
  { match: { model: 'cached' }, answer: { text: 'yes', prompt_tokens: 50, cached_tokens: 30, cache_write_tokens: 5 } },
  { match: { model: 'agent' }, answer: { thinking: 'which city is it', text: 'Let me see.', tools: [
    { name: 'weather', arguments: '{"city": "Rome", "days": [1, 2]}' }, { name: 'clock' }] } },
] });
const origin = new URL(mock.baseURL).origin;

const sdks = [{ name: 'anthropic 1', Class: Anthropic }, { name: 'anthropic 0', Class: Anthropic0 }];

function testEachSDK(name, run) {
  for (const { name: version, Class } of sdks) {
    const connect = (options) => new Class({ baseURL: origin, apiKey: 'sk-ant-mock', maxRetries: 0, ...options });
    test(`${version}: ${name}`, (t) => run({ t, Class, connect, client: connect() }));
  }
}

const ask = (model, more = {}) => ({ model, max_tokens: 1000, messages: [{ role: 'user', content: 'one two three' }], ...more });
const tools = ['weather', 'clock', 'mock_tool', 'mock_other'].map((name) => ({ name, input_schema: { type: 'object' } }));
const types = (message) => message.content.map((block) => block.type);

testEachSDK('an echo, whole and streamed, is the same message', async ({ client }) => {
  const whole = await client.messages.create(ask('mock-strict'));
  const streamed = await client.messages.stream(ask('mock-strict')).finalMessage();
  assert.equal(whole.content[0].text, 'Hello! You said: one two three');
  assert.deepEqual(streamed.content, whole.content);
  assert.equal(streamed.stop_reason, 'end_turn');
  assert.equal(streamed.usage.output_tokens, whole.usage.output_tokens);
  assert.deepEqual([whole.usage.input_tokens, whole.usage.output_tokens], [3, 6]);
  assert.match(whole._request_id, /^req_/);
});

testEachSDK('events come in the documented order', async ({ client }) => {
  const seen = [];
  for await (const event of await client.messages.create(ask('mock', { stream: true }))) seen.push(event.type);
  assert.deepEqual(seen.filter((type) => type !== 'content_block_delta' && type !== 'ping'),
    ['message_start', 'content_block_start', 'content_block_stop', 'message_delta', 'message_stop']);
  assert.equal(seen.filter((type) => type === 'content_block_delta').length, 6);
});

testEachSDK('tokens are counted, and models listed', async ({ client }) => {
  assert.equal((await client.messages.countTokens({ model: 'mock-strict', messages: ask('').messages })).input_tokens, 3);
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes('mock') && ids.includes('mock-529'));
  assert.equal((await client.models.retrieve('any')).id, 'any');
});

testEachSDK('thoughts, a text and two calls, whole and streamed', async ({ client }) => {
  const whole = await client.messages.create(ask('agent', { tools }));
  const streamed = await client.messages.stream(ask('agent', { tools })).finalMessage();
  assert.deepEqual(types(whole), ['thinking', 'text', 'tool_use', 'tool_use']);
  const plain = (message) => JSON.parse(JSON.stringify(message.content));
  const known = plain(streamed).map(({ id, ...block }) => block);
  assert.deepEqual(known, plain(whole).map(({ id, ...block }) => block));
  assert.deepEqual(whole.content[2].input, { city: 'Rome', days: [1, 2] });
  assert.notEqual(streamed.content[2].id, streamed.content[3].id);
  assert.equal(streamed.stop_reason, 'tool_use');
});

testEachSDK('results go back with the thoughts as they were; altered ones are refused', async ({ client, Class }) => {
  const thinking = { type: 'enabled', budget_tokens: 1024 };
  const first = await client.messages.stream(ask('agent', { tools, thinking, max_tokens: 2000 })).finalMessage();
  const results = first.content.filter((block) => block.type === 'tool_use')
    .map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'sunny' }));
  const again = (content) => client.messages.create(ask('mock-strict', { tools, thinking, max_tokens: 2000, messages: [
    ...ask('').messages, { role: 'assistant', content }, { role: 'user', content: results }] }));
  assert.deepEqual(types(await again(first.content)), ['thinking', 'text']);
  const altered = first.content.map((block) => (block.type === 'thinking' ? { ...block, thinking: 'what city is it' } : block));
  const e = await thrown(again(altered));
  assert.ok(e instanceof Class.BadRequestError);
  assert.match(e.message, /messages\.1\.content\.0: Invalid `signature`/);
  assert.match((await thrown(again(first.content.slice(1)))).message, /Expected `thinking`/);
});

testEachSDK('thinking is streamed where it is asked for', async ({ client }) => {
  const deltas = [];
  const stream = client.messages.stream(ask('mock-think-3'));
  stream.on('thinking', (delta) => deltas.push(delta));
  const message = await stream.finalMessage();
  assert.deepEqual(deltas, ['stream', ' of', ' words']);
  assert.equal(message.content[0].thinking, 'stream of words');
  assert.ok(message.content[0].signature.length > 40);
});

testEachSDK('partial JSON joins to the arguments', async ({ client }) => {
  const pieces = [];
  for await (const event of await client.messages.create(ask('mock-tool', { stream: true, tools }))) {
    if (event.delta?.type === 'input_json_delta') pieces.push(event.delta.partial_json);
  }
  assert.equal(pieces[0], '');
  assert.ok(pieces.length > 3);
  assert.deepEqual(JSON.parse(pieces.join('')), { city: 'Rome', days: 3 });
});

testEachSDK('bounds and stop sequences end a message', async ({ client }) => {
  const short = await client.messages.stream(ask('mock-tokens-50', { max_tokens: 7 })).finalMessage();
  assert.deepEqual([short.stop_reason, short.usage.output_tokens], ['max_tokens', 7]);
  const stopped = await client.messages.stream(ask('mock', { stop_sequences: [' two'] })).finalMessage();
  assert.deepEqual([stopped.stop_reason, stopped.stop_sequence], ['stop_sequence', ' two']);
  assert.equal(stopped.content[0].text, 'Hello! You said: one');
});

testEachSDK('tokens of caches are not in input_tokens', async ({ client }) => {
  for (const { usage } of [await client.messages.create(ask('cached')), await client.messages.stream(ask('cached')).finalMessage()])
    assert.deepEqual([usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens], [15, 30, 5]);
});

testEachSDK('images come byte for byte', async ({ client }) => {
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * 7) % 256));
  const content = [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: bytes.toString('base64') } },
    { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }];
  const { content: [{ text }] } = await client.messages.create(ask('mock-images', { messages: [{ role: 'user', content }] }));
  assert.equal(text, `images: 2, documents: 0\nimage image/png 1000 bytes sha256 ${createHash('sha256').update(bytes).digest('hex')}`
    + '\nimage https://example.com/a.png');
});

const failures = [
  ['mock-400', 400, 'BadRequestError', 'invalid_request_error'], ['mock-401', 401, 'AuthenticationError', 'authentication_error'],
  ['mock-404', 404, 'NotFoundError', 'not_found_error'], ['mock-429-7', 429, 'RateLimitError', 'rate_limit_error'],
  ['mock-500', 500, 'InternalServerError', 'api_error'], ['mock-529', 529, 'InternalServerError', 'overloaded_error'],
];
for (const [model, status, name, type] of failures) {
  testEachSDK(`${model}: ${name} with ${type}`, async ({ client, Class }) => {
    for (const stream of [false, true]) {
      const e = await thrown(client.messages.create(ask(model, { stream })));
      assert.ok(e instanceof Class[name], e);
      assert.equal(e.status, status);
      assert.equal(e.error.error.type, type);
      assert.equal(e.requestID, e.error.request_id);
      if (status === 429) assert.equal(e.headers.get('retry-after'), '7');
    }
  });
}

test('529 is an error of its own in the newest SDK', async () => {
  const client = new Anthropic({ baseURL: origin, apiKey: 'x', maxRetries: 0 });
  const e = await thrown(client.messages.create(ask('mock-529')));
  assert.equal(e.constructor.name, 'OverloadedError');
});

test('an overload that passes is retried', async () => {
  const client = new Anthropic({ baseURL: origin, apiKey: 'x', maxRetries: 1 });
  assert.equal((await client.messages.create(ask('busy-once'))).stop_reason, 'end_turn');
  assert.equal(header(await mock.last('busy-once'), 'x-stainless-retry-count'), '1');
});

for (const model of ['mock-cut-5', 'mock-clean-5', 'mock-torn-5', 'mock-reset-5', 'mock-malformed-4', 'mock-inband-4']) {
  testEachSDK(`${model}: a stream that ends ill throws`, async ({ client, Class }) => {
    const e = await thrown(client.messages.stream(ask(model)).finalMessage());
    if (model !== 'mock-inband-4') return;
    assert.ok(e instanceof Class.APIError, e);
    assert.match(e.message, /overloaded_error/);
    assert.match(e.requestID, /^req_/);
  });
}

for (const model of ['mock-crlf', 'mock-comments', 'mock-split-1', 'mock-drip-1', 'mock-pause-200']) {
  testEachSDK(`${model}: whole all the same`, async ({ client }) => {
    const message = await client.messages.stream(ask(model)).finalMessage();
    assert.equal(message.content[0].text, 'Hello! You said: one two three');
  });
}

testEachSDK('what Anthropic refuses is refused', async ({ client, Class }) => {
  const refused = [
    [{ messages: [] }, /at least one message/],
    [{ messages: [{ role: 'assistant', content: 'a' }] }, /first message must use the/],
    [{ messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] }, /text content blocks must be non-empty/],
    [{ messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'x', content: 'y' }] }] }, /unexpected `tool_use_id`/],
    [{ max_tokens: undefined }, /max_tokens: Field required/],
    [{ temperature: 1.5 }, /temperature: Input should be less than or equal to 1/],
    [{ n: 2 }, /n: Extra inputs are not permitted/],
  ];
  for (const [more, pattern] of refused) {
    const e = await thrown(client.messages.create(ask('mock-strict', more)));
    assert.ok(e instanceof Class.BadRequestError, e);
    assert.match(e.message, pattern);
  }
});

testEachSDK('either way to send a key is taken, where one is needed', async ({ connect, Class }) => {
  const withToken = connect({ apiKey: null, authToken: 'token' });
  assert.equal((await withToken.messages.create(ask('mock-strict'))).role, 'assistant');
  const entry = await mock.last('mock-strict');
  assert.equal(header(entry, 'authorization'), 'Bearer token');
  const bare = connect({ defaultHeaders: { 'x-api-key': null, authorization: null } });
  assert.ok(await thrown(bare.messages.create(ask('mock-strict'))) instanceof Class.AuthenticationError);
});

test('the mock ends orderly', () => mock.end());
