// @grpc/grpc-js at `sluice mock` itself: the judge of its services over gRPC.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { ask, collect, connect, grpc, metadataOf, textOf, unary } from './support/grpc.mjs';
import { startMock } from './support/mock.mjs';
import { test, thrown } from './support/suite.mjs';

const mock = await startMock({ rules: [
  { match: { model: 'agent' }, answer: { thinking: 'which city is it', text: 'Let me see.', tools: [
    { name: 'weather', arguments: '{"city": "Rome", "days": [1, 2]}' }, { name: 'clock' }] } },
  { match: { model: 'cached' }, answer: { text: 'yes', prompt_tokens: 50, cached_tokens: 30, cache_write_tokens: 5 } },
  { match: { model: 'busy' }, error: { status: 429, retry_after_ms: 250, message: 'slow down' } },
  { match: { model: 'page' }, error: { status: 502, content_type: 'text/html', body: '<h1>502</h1>' } },
] });
const { chat, embeddings, health, reflection } = connect(new URL(mock.baseURL).origin);
const stream = (request, options) => collect(chat.stream(request, options));
const kinds = (events) => events.map((event) => event.kind);

test('an echo, whole and streamed, is the same answer', async () => {
  const { reply, headers } = await unary(chat, 'complete', ask('mock-strict'));
  assert.deepEqual(reply.choices[0].message.parts, [{ text: 'Hello! You said: one two three', kind: 'text' }]);
  assert.equal(reply.choices[0].finishReason, 'FINISH_REASON_STOP');
  assert.deepEqual(reply.usage, { inputTokens: 3, outputTokens: 6 });
  assert.match(headers.get('x-request-id')[0], /^req_/);
  const events = await stream(ask('mock-strict'));
  assert.equal(textOf(events), reply.choices[0].message.parts[0].text);
  assert.deepEqual([...new Set(kinds(events))], ['start', 'delta', 'finish', 'usage']);
  assert.deepEqual(events.at(-1).usage, reply.usage);
  assert.equal(events[0].start.model, 'mock-strict');
});

test('thoughts, a text and two calls, whole and streamed', async () => {
  const tools = [{ name: 'weather' }, { name: 'clock' }];
  const { reply } = await unary(chat, 'complete', ask('agent', { tools }));
  const { parts } = reply.choices[0].message;
  assert.deepEqual(parts.map((part) => part.kind), ['reasoning', 'text', 'toolCall', 'toolCall']);
  assert.equal(reply.choices[0].finishReason, 'FINISH_REASON_TOOL_CALLS');
  const joined = [];
  for (const { delta } of await stream(ask('agent', { tools }))) {
    if (!delta) continue;
    const part = (joined[delta.part ?? 0] ??= { text: '', reasoning: '', signature: '', toolArguments: '' });
    if (delta.toolCall) part.call = delta.toolCall;
    else part[delta.kind] += delta[delta.kind];
  }
  assert.equal(joined[0].reasoning, parts[0].reasoning.text);
  assert.equal(joined[0].signature, parts[0].reasoning.signature);
  assert.equal(joined[1].text, parts[1].text);
  for (const i of [2, 3]) {
    assert.equal(joined[i].call.name, parts[i].toolCall.name);
    assert.equal(joined[i].toolArguments, parts[i].toolCall.arguments);
  }
});

test('several choices each have all of the answer', async () => {
  const { reply } = await unary(chat, 'complete', ask('mock', { n: 3 }));
  assert.deepEqual(reply.choices.map((choice) => choice.index ?? 0), [0, 1, 2]);
  const events = await stream(ask('mock', { n: 3 }));
  for (const n of [0, 1, 2])
    assert.equal(textOf(events.filter((e) => (e.delta?.choice ?? 0) === n)), 'Hello! You said: one two three');
  assert.equal(events.filter((event) => event.finish).length, 3);
});

test('lengths, stops, usage and images mean what they mean elsewhere', async () => {
  assert.equal((await unary(chat, 'complete', ask('mock', { maxTokens: 2 }))).reply.choices[0].finishReason, 'FINISH_REASON_LENGTH');
  const stopped = (await unary(chat, 'complete', ask('mock', { stop: [' two'] }))).reply.choices[0];
  assert.deepEqual([stopped.message.parts[0].text, stopped.stopSequence], ['Hello! You said: one', ' two']);
  assert.deepEqual((await unary(chat, 'complete', ask('cached'))).reply.usage,
    { inputTokens: 50, outputTokens: 1, cachedTokens: 30, cacheWriteTokens: 5 });
  assert.equal((await unary(chat, 'countTokens', ask('mock'))).reply.inputTokens, 3);
  const data = Buffer.from([0, 255, 1, 254]);
  const parts = [{ text: 'look' }, { image: { media: { data, mediaType: 'image/png' } } }];
  const seen = (await unary(chat, 'complete', ask('mock-images', { messages: [{ role: 'ROLE_USER', parts }] }))).reply;
  assert.ok(seen.choices[0].message.parts[0].text.includes(createHash('sha256').update(data).digest('hex')));
});

test('errors are statuses', async () => {
  const codes = { 400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 404: 'NOT_FOUND', 500: 'INTERNAL', 503: 'UNAVAILABLE', 504: 'DEADLINE_EXCEEDED' };
  for (const [status, name] of Object.entries(codes)) {
    assert.equal((await thrown(unary(chat, 'complete', ask(`mock-${status}`)))).code, grpc.status[name]);
    assert.equal((await thrown(stream(ask(`mock-${status}`)))).code, grpc.status[name]);
  }
  const busy = await thrown(unary(chat, 'complete', ask('busy')));
  assert.deepEqual([busy.code, busy.details], [grpc.status.RESOURCE_EXHAUSTED, 'slow down']);
  assert.equal(busy.metadata.get('grpc-retry-pushback-ms')[0], '250');
  assert.equal((await thrown(unary(chat, 'complete', ask('page')))).code, grpc.status.UNAVAILABLE);
  assert.equal((await thrown(unary(chat, 'complete', ask('mock-no-such')))).code, grpc.status.NOT_FOUND);
});

test('a stream that is cut never ends with OK, but where it is told to lie', async () => {
  const bad = { 'mock-cut-4': 'CANCELLED INTERNAL UNKNOWN UNAVAILABLE', 'mock-reset-4': 'INTERNAL UNKNOWN CANCELLED', 'mock-torn-4': 'INTERNAL CANCELLED UNKNOWN UNAVAILABLE',
    'mock-inband-4': 'UNAVAILABLE', 'mock-nodone': 'INTERNAL UNKNOWN', 'mock-malformed-4': 'INTERNAL', 'mock-cutbytes-60': 'INTERNAL CANCELLED UNKNOWN UNAVAILABLE' };
  for (const [model, names] of Object.entries(bad)) {
    const e = await thrown(stream(ask(model)));
    assert.ok(names.split(' ').includes(grpc.status[e.code]), `${model}: ${e.message}`);
    if (!model.startsWith('mock-nodone') && !model.includes('bytes')) assert.ok(e.events.length <= 4, `${model}: ${e.events.length}`);
  }
  assert.equal((await stream(ask('mock-clean-4'))).length, 4);
  assert.ok(!kinds(await stream(ask('mock-nofinish'))).includes('finish'));
  const late = await thrown(collect(chat.stream(ask('mock-stall-3'), metadataOf({}), { deadline: Date.now() + 400 })));
  assert.deepEqual([late.code, late.events.length], [grpc.status.DEADLINE_EXCEEDED, 3]);
  const drip = await stream(ask('mock-split-7'));
  assert.equal(textOf(drip), 'Hello! You said: one two three');
});

test('what makes no sense is refused, and with mock-strict what no model would take', async () => {
  const always = [
    [{ messages: [] }, /messages/], [{ messages: [{ parts: [{ text: 'x' }] }] }, /role/],
    [{ messages: [{ role: 'ROLE_USER', parts: [{}] }] }, /of no kind/],
    [{ messages: [{ role: 'ROLE_USER', parts: [{ image: { media: { data: Buffer.from('x') } } }] }] }, /media_type/],
    [{ messages: [{ role: 'ROLE_USER', parts: [{ toolCall: { id: 'a', name: 'b' } }] }] }, /assistant/],
    [{ tools: [{ name: '' }] }, /name/], [{ tools: [{ name: 'a', parameters: '[' }] }, /JSON/],
    [{ toolChoice: { tool: 'none' } }, /no such tool/], [{ temperature: 3 }, /temperature/], [{ topP: 1.5 }, /top_p/], [{ n: 100 }, /n/],
    [{ responseFormat: { jsonSchema: { name: 'x', schema: 'no' } } }, /schema/],
  ];
  for (const [more, words] of always) {
    const e = await thrown(unary(chat, 'complete', ask('mock', more)));
    assert.equal(e.code, grpc.status.INVALID_ARGUMENT, JSON.stringify(more));
    assert.match(e.details, words);
  }
  const call = { role: 'ROLE_ASSISTANT', parts: [{ toolCall: { id: 'c1', name: 'f', arguments: '{}' } }] };
  const result = (callId) => ({ role: 'ROLE_TOOL', parts: [{ toolResult: { callId, parts: [{ text: 'r' }] } }] });
  const user = ask('').messages[0];
  const strict = [[user, call, user], [user, call, result('c2')], [user, { role: 'ROLE_ASSISTANT' }]];
  for (const messages of strict) {
    assert.equal((await thrown(unary(chat, 'complete', ask('mock-strict', { messages })))).code, grpc.status.INVALID_ARGUMENT);
    await unary(chat, 'complete', ask('mock', { messages }));
  }
  await unary(chat, 'complete', ask('mock-strict', { messages: [user, call, result('c1'), user] }));
});

// A message with a field that nobody knows, by a client that knows no schema.
test('mock-strict refuses fields that the schema does not have', async () => {
  const client = new grpc.Client(new URL(mock.baseURL).host, grpc.credentials.createInsecure());
  const message = (name) => Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name),
    Buffer.from([0x12, 7, 0x08, 3, 0x12, 3, 0x0a, 1, 0x78]), Buffer.from([0xc8, 0x3e, 1])]);
  const call = (name) => new Promise((resolve, reject) => client.makeUnaryRequest('/sluice.v1.Chat/Complete',
    (x) => x, (x) => x, message(name), (e, reply) => (e ? reject(e) : resolve(reply))));
  assert.ok((await call('mock')).length > 0);
  assert.match((await thrown(call('mock-strict'))).details, /field 1001 of sluice.v1.ChatRequest is unknown/);
});

test('vectors are those of the other dialects', async () => {
  const texts = ['water', 'fire'];
  const { reply } = await unary(embeddings, 'embed', { model: 'mock', input: [...texts.map((text) => ({ text })), { tokens: { ids: [1, 2] } }], dimensions: 8 });
  const other = await (await fetch(`${mock.baseURL}/embeddings`, { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'mock', input: texts, dimensions: 8 }) })).json();
  for (const i of [0, 1]) assert.deepEqual(reply.embeddings[i].values, other.data[i].embedding.map(Math.fround));
  assert.equal(reply.embeddings[2].values.length, 8);
  assert.equal((await thrown(unary(embeddings, 'embed', { model: 'mock' }))).code, grpc.status.INVALID_ARGUMENT);
});

test('its health is told, and methods that it has not', async () => {
  assert.equal((await unary(health, 'check', {})).reply.status, 'SERVING');
  assert.equal((await unary(health, 'check', { service: 'sluice.v1.Chat' })).reply.status, 'SERVING');
  assert.equal((await thrown(unary(health, 'check', { service: 'no' }))).code, grpc.status.NOT_FOUND);
  assert.equal((await thrown(collect(reflection.serverReflectionInfo()))).code, grpc.status.UNIMPLEMENTED);
  const plain = await fetch(`${new URL(mock.baseURL).origin}/sluice.v1.Chat/Complete`, { method: 'POST', body: '{}' });
  assert.equal(plain.status, 415);
});

test('the mock ends orderly', async () => {
  const entries = await mock.log();
  assert.ok(entries.some((entry) => entry.path === '/sluice.v1.Chat/Stream' && entry.usage_reported));
  for (const client of [chat, embeddings, health, reflection]) client.close();
  await mock.end();
});
