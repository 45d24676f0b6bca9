// The SDKs, sluice, and `sluice mock` behind it: every way to fail that the mock has a name for.
import assert from 'node:assert/strict';

import { header, startMock } from './support/mock.mjs';
import { configuration, secret, startSluice } from './support/sluice.mjs';
import { ask, test, testEachSDK, textOf, thrown } from './support/suite.mjs';

const mock = await startMock({ rules: [
  { match: { model: 'first-429', first: 1 }, error: { status: 429, code: 'rate_limit_exceeded', retry_after_ms: 100 } },
] });
const sluice = await startSluice(configuration(mock.baseURL, {
  models: [{ name: '*', targets: [{ provider: 'peer' }], timeouts: { between_tokens: '700ms', first_token: '1500ms', total: '5s' } }],
}));
const question = 'one two three four five six seven eight nine ten';
const say = (model, more) => ({ ...ask(model, more), messages: [{ role: 'user', content: question }] });

let plain;
testEachSDK('an echo, streamed and not, is the same text', sluice, async ({ client }) => {
  plain = (await client.chat.completions.create(say('mock'))).choices[0].message.content;
  assert.ok(plain.length > 10);
  assert.equal(await textOf(await client.chat.completions.create(say('mock', { stream: true }))), plain);
  assert.equal(await client.chat.completions.stream(say('mock')).finalContent(), plain);
  assert.equal(header(await mock.last('mock'), 'authorization'), `Bearer ${secret}`);
});

// Model, and the code of the error, or null where the answer is whole.
const streams = [
  ['mock-cut-5', 'upstream_cut'], ['mock-cut-1', 'upstream_cut'], ['mock-clean-5', 'upstream_cut'],
  ['mock-torn-5', 'upstream_cut'], ['mock-reset-3', 'upstream_cut'], ['mock-cutbytes-500', 'upstream_cut'],
  ['mock-resetbytes-700', 'upstream_cut'], ['mock-stall-2', 'upstream_timeout'],
  ['mock-malformed-4', 'upstream_malformed'], ['mock-nodone-nofinish', 'upstream_cut'],
  ['mock-refuse', 'upstream_closed'], ['mock-hangup', 'upstream_closed'], ['mock-silent', 'upstream_timeout'],
  ['mock-json', 'upstream_unexpected'], ['mock-html', 'upstream_unexpected'],
  ['mock-nodone', null], ['mock-crlf', null], ['mock-comments', null], ['mock-split-1', null],
  ['mock-drip-1', null], ['mock-interim', null], ['mock-pause-300', null], ['mock-gap-5', null],
];
for (const [model, code] of streams) {
  testEachSDK(`${model}: ${code ?? 'whole'}`, sluice, async ({ client, Class }) => {
    const text = client.chat.completions.create(say(model, { stream: true })).then((s) => textOf(s));
    if (!code) {
      assert.equal(await text, plain);
      return;
    }
    const e = await thrown(text);
    assert.ok(e instanceof Class.APIError, e);
    assert.equal(e.code, code);
    assert.ok(e.requestID);
    const line = await sluice.log(e.requestID);
    assert.ok(line.error);
  });
}

testEachSDK('an upstream that says [DONE] without a finish_reason is taken at its word', sluice, async ({ client }) => {
  const stream = await client.chat.completions.create(say('mock-nofinish', { stream: true }));
  assert.equal(await textOf(stream), plain);
});

testEachSDK('answers that come whole: cut, reset, lied about', sluice, async ({ client }) => {
  for (const [model, code] of [['mock-cutbytes-100', 'upstream_cut'], ['mock-resetbytes-100', 'upstream_cut'], ['mock-lie-100', 'upstream_cut'], ['mock-refuse', 'upstream_closed'], ['mock-html', 'upstream_unexpected']]) {
    const e = await thrown(client.chat.completions.create(say(model)));
    assert.equal(e.status, 502, model);
    assert.equal(e.code, code, model);
  }
});

testEachSDK('abort: the log of the mock says that its client closed', sluice, async ({ t, client }) => {
  const stream = await client.chat.completions.create(say('mock-tokens-500-gap-10', { stream: true }));
  let count = 0;
  for await (const chunk of stream) if (chunk && ++count === 20) break;
  const entry = await mock.last('mock-tokens-500-gap-10', (e) => e.ended !== null && e.client_closed_after_ms !== null);
  assert.equal(entry.ended, 'client_closed');
  assert.ok(entry.events_sent < 80, `${entry.events_sent} events`);
  t.diagnostic(`measured: 20 events were read, ${entry.events_sent} had been sent when the mock saw its client close`);
});

testEachSDK('retries reach the mock, numbered', sluice, async ({ connect, Class }) => {
  const before = (await mock.log()).length;
  const e = await thrown(connect({ maxRetries: 1 }).chat.completions.create(say('mock-500')));
  assert.ok(e instanceof Class.InternalServerError);
  const entries = (await mock.log()).slice(before);
  assert.deepEqual(entries.map((entry) => header(entry, 'x-stainless-retry-count')), ['0', '1']);
});

test('a script: the first is refused, the retry is not', async () => {
  const { default: OpenAI } = await import('openai');
  const client = new OpenAI({ baseURL: sluice.baseURL, apiKey: 'x', maxRetries: 1 });
  assert.equal((await client.chat.completions.create(say('first-429'))).choices[0].message.content, plain);
});

testEachSDK('errors by status', sluice, async ({ client, Class }) => {
  for (const [model, name] of [['mock-400', 'BadRequestError'], ['mock-401', 'AuthenticationError'], ['mock-404', 'NotFoundError'], ['mock-429-7', 'RateLimitError'], ['mock-503', 'InternalServerError']]) {
    const e = await thrown(client.chat.completions.create(say(model, { stream: true })));
    assert.ok(e instanceof Class[name], `${model}: ${e}`);
    if (model === 'mock-429-7') assert.equal(e.headers.get('retry-after'), '7');
  }
});

testEachSDK('a tool call, streamed and not', sluice, async ({ client }) => {
  const tools = [{ type: 'function', function: { name: 'mock_tool', parameters: { type: 'object' } } }];
  const whole = (await client.chat.completions.create(say('mock-tool', { tools }))).choices[0].message.tool_calls[0].function;
  const streamed = (await client.chat.completions.stream(say('mock-tool', { tools })).finalChatCompletion()).choices[0].message.tool_calls[0].function;
  assert.equal(whole.name, 'mock_tool');
  assert.deepEqual(JSON.parse(whole.arguments), { city: 'Rome', days: 3 });
  assert.equal(streamed.arguments, whole.arguments);
});

testEachSDK('embeddings as the SDK asks for them equal those asked for as numbers', sluice, async ({ client }) => {
  const body = { model: 'mock', input: ['a text', 'another'] };
  const [plainly, numbers] = [await client.embeddings.create(body), await client.embeddings.create({ ...body, encoding_format: 'float' })];
  assert.equal(plainly.data.length, 2);
  for (const [i, { embedding }] of plainly.data.entries()) {
    assert.ok(embedding.length > 0);
    assert.deepEqual([...embedding].map(Math.fround), numbers.data[i].embedding.map(Math.fround));
  }
});

testEachSDK('responses, whole and streamed', sluice, async ({ client }) => {
  const whole = await client.responses.create({ model: 'mock', input: question });
  assert.ok(whole.output_text.length > 5);
  assert.equal((await client.responses.stream({ model: 'mock', input: question }).finalResponse()).output_text, whole.output_text);
});

for (const model of ['mock-cut-5', 'mock-clean-5', 'mock-stall-4', 'mock-nodone']) {
  testEachSDK(`responses, ${model}: an error event with a code`, sluice, async ({ client }) => {
    let failure;
    const e = await thrown((async () => {
      for await (const event of await client.responses.create({ model, input: question, stream: true })) {
        if (event.type === 'error') failure = event;
        if (event.type === 'response.failed') failure = event.response.error;
      }
      if (failure) throw Object.assign(new Error(failure.message), { code: failure.code });
    })());
    assert.match(e.code, /^upstream_(cut|timeout)$/);
  });
}

testEachSDK('models', sluice, async ({ client }) => {
  assert.ok((await client.models.list()).data.length > 0);
});

test('sluice and the mock end orderly', async () => {
  await sluice.end();
  await mock.end();
});
