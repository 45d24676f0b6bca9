// OpenAI's SDKs at `sluice mock --strict` itself: what they send by themselves is taken, with thoughts,
// several tools and images; what OpenAI would refuse is refused.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { startMock } from './support/mock.mjs';
import { ask, test, testEachSDK, thrown } from './support/suite.mjs';

const strict = { error: { strict: true } };
const mock = await startMock({ rules: [
  { match: { model: 'agent', content: 'water' }, answer: { thinking: 'hm hm', text: 'Let me see.', tools: [
    { name: 'weather', arguments: '{"city": "Rome"}' }, { name: 'clock', arguments: '{"zone": "UTC"}' }] }, ...strict },
  { match: { model: 'cached' }, answer: { text: 'yes', prompt_tokens: 50, cached_tokens: 30 }, ...strict },
  strict,
] });
const tools = ['weather', 'clock'].map((name) => ({ type: 'function', function: { name, parameters: { type: 'object' } } }));

testEachSDK('thoughts, a text and two calls, whole and streamed, and their results', mock, async ({ client }) => {
  const { message } = (await client.chat.completions.create(ask('agent', { tools }))).choices[0];
  const streamed = (await client.chat.completions.stream(ask('agent', { tools })).finalChatCompletion()).choices[0].message;
  assert.equal(message.reasoning_content, 'hm hm');
  assert.equal(streamed.content, 'Let me see.');
  const functions = (m) => m.tool_calls.map((call) => [call.function.name, call.function.arguments]);
  assert.deepEqual(functions(message), [['weather', '{"city": "Rome"}'], ['clock', '{"zone": "UTC"}']]);
  assert.deepEqual(functions(streamed), functions(message));
  const { reasoning_content: _, ...back } = message;
  const results = message.tool_calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'sunny' }));
  const next = [{ role: 'user', content: 'Thank you.' }];
  const messages = [...ask('').messages, back, ...results, ...next];
  assert.match((await client.chat.completions.create({ model: 'agent', tools, messages })).choices[0].message.content, /Thank you/);
});

testEachSDK('what OpenAI refuses is refused, with its code and param', mock, async ({ client, Class }) => {
  const refused = [
    [{ top_k: 5 }, null, undefined, /Unrecognized request argument supplied: top_k/],
    [{ tools: [] }, 'empty_array', 'tools', /empty array/],
    [{ tool_choice: 'auto' }, null, 'tool_choice', /only allowed when 'tools' are specified/],
    [{ temperature: 3 }, 'decimal_above_max_value', 'temperature', /Expected a value <= 2/],
    [{ messages: [{ role: 'tool', tool_call_id: 'x', content: 'y' }] }, null, 'messages.[0].role', /must be a response to/],
    [{ messages: [{ role: 'user', content: [{ type: 'image', source: {} }] }] }, 'invalid_value', 'messages[0].content[0].type', /Supported values/],
  ];
  for (const [more, code, param, pattern] of refused) {
    const e = await thrown(client.chat.completions.create(ask('mock', more)));
    assert.ok(e instanceof Class.BadRequestError, e);
    assert.match(e.message, pattern);
    assert.equal(e.code, code);
    assert.equal(e.param ?? undefined, param);
  }
});

testEachSDK('images come byte for byte', mock, async ({ client }) => {
  const bytes = Buffer.from(Array.from({ length: 500 }, (_, i) => (i * 3) % 256));
  const content = [{ type: 'text', text: 'look' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${bytes.toString('base64')}` } }];
  const answer = await client.chat.completions.create({ model: 'mock-images', messages: [{ role: 'user', content }] });
  assert.equal(answer.choices[0].message.content,
    `images: 1, documents: 0\nimage image/png 500 bytes sha256 ${createHash('sha256').update(bytes).digest('hex')}`);
});

testEachSDK('tokens of caches are in prompt_tokens', mock, async ({ client }) => {
  const { usage } = await client.chat.completions.create(ask('cached'));
  assert.deepEqual([usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens], [50, 30]);
});

testEachSDK('a response has its reasoning before its text', mock, async ({ client }) => {
  const response = await client.responses.stream({ model: 'mock-think-3', input: 'a' }).finalResponse();
  assert.deepEqual(response.output.map((item) => item.type), ['reasoning', 'message']);
  assert.equal(response.output[0].summary[0].text, 'stream of words');
});

test('the mock ends orderly', () => mock.end());
