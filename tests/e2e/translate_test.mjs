// Each door to each dialect behind it: what comes of the same question, asked by the official SDK of one
// dialect and answered by an upstream of another. Ends with a table.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';

import { doors, grpc, schema } from './support/doors.mjs';
import { startMock } from './support/mock.mjs';
import { startSluice, configuration } from './support/sluice.mjs';
import { test, thrown } from './support/suite.mjs';

const dialects = [['openai', 'OpenAI'], ['anthropic', 'Anthropic'], ['sluice', 'gRPC']];
const names = ['mock-strict', 'mock-tools', 'mock-think-7', 'mock-images', 'mock-429', 'mock-529', 'mock-400',
  'mock-503', 'mock-cached', ...['cut', 'clean', 'torn', 'reset', 'stall', 'inband', 'malformed'].map((fault) => `mock-${fault}-5`)];
const mock = await startMock({ rules: [
  { match: { model: 'mock-cached' }, answer: { text: 'from a cache', cached_tokens: 20, cache_write_tokens: 4 } },
] });
const origin = new URL(mock.baseURL).origin;
const sluice = await startSluice(configuration(mock.baseURL, {
  providers: dialects.map(([dialect]) =>
    ({ name: dialect, dialect, base_url: dialect === 'openai' ? mock.baseURL : origin, api_key: 'sk-upstream' })),
  models: dialects.flatMap(([dialect]) => names.map((name) => ({
    name: `${dialect}/${name}`, targets: [{ provider: dialect, model: name }],
    timeouts: { total: '20s', first_token: '3s', between_tokens: '1s' },
  }))),
}));

const user = (text) => ({ role: 'user', text });
const tools = [{ name: 'mock_tool', input: schema }, { name: 'mock_other', input: { type: 'object' } }];
const cells = new Map(); // "row|door|dialect" -> what is shown

function testPair(row, run) {
  for (const door of doors) {
    for (const [dialect, label] of dialects) {
      const key = `${row}|${door.name}|${label}`;
      cells.set(key, 'FAILED');
      test(`${row}: ${door.name} to ${label}`, async () => {
        const client = door.connect(sluice);
        const shown = await run({
          door, client, dialect, model: (name) => `${dialect}/${name}`,
          ask: (name, q) => door.ask(client, { model: `${dialect}/${name}`, turns: [user('Where does water go?')], ...q }),
        });
        cells.set(key, shown ?? 'ok');
      });
    }
  }
}

testPair('text', async ({ ask }) => {
  const got = await ask('mock-strict', { system: 'Be brief.' });
  assert.match(got.text, /Where does water go\?/);
  assert.equal(got.finish, 'stop');
  assert.equal(got.tools.length, 0);
});

testPair('several turns', async ({ ask }) => {
  const got = await ask('mock-strict', { system: 'Be brief.', turns: [
    user('one'), { role: 'assistant', text: 'two' }, user('Ünïcode "quotes" \\ \u2028 😀')] });
  assert.match(got.text, /Ünïcode "quotes" \\ \u2028 😀/);
});

testPair('stream', async ({ ask }) => {
  const whole = await ask('mock-strict', {});
  const got = await ask('mock-strict', { stream: true });
  assert.equal(got.text, whole.text);
  assert.equal(got.finish, 'stop');
  assert.deepEqual(got.usage, whole.usage);
});

testPair('length', async ({ ask }) => {
  for (const stream of [false, true]) {
    const got = await ask('mock-strict', { stream, maxTokens: 2 });
    assert.equal(got.finish, 'length');
  }
});

testPair('tools', async ({ ask }) => {
  const got = await ask('mock-tools', { tools });
  assert.equal(got.finish, 'tools');
  assert.deepEqual(got.tools.map((t) => t.name), ['mock_tool', 'mock_other']);
  assert.deepEqual(JSON.parse(got.tools[0].json), { city: 'Rome', days: 3 });
  assert.deepEqual(JSON.parse(got.tools[1].json), { list: [1, 2] });
  assert.notEqual(got.tools[0].id, got.tools[1].id);
  assert.ok(got.tools[0].id.length > 0);
});

testPair('tools streamed', async ({ ask }) => {
  const got = await ask('mock-tools', { tools, stream: true });
  assert.equal(got.finish, 'tools');
  assert.deepEqual(got.tools.map((t) => [t.name, JSON.parse(t.json)]),
    [['mock_tool', { city: 'Rome', days: 3 }], ['mock_other', { list: [1, 2] }]]);
});

testPair('tool results', async ({ ask }) => {
  const got = await ask('mock-strict', { tools, turns: [
    user('the weather?'),
    { role: 'assistant', calls: [
      { id: 'call_1', name: 'mock_tool', input: { city: 'Rome' } }, { id: 'call_2', name: 'mock_other', input: {} }] },
    { role: 'tool', id: 'call_1', result: '{"sun": true}' },
    { role: 'tool', id: 'call_2', result: 'none' },
    user('and so?')] });
  assert.match(got.text, /and so\?/);
});

testPair('images', async ({ ask }) => {
  const data = randomBytes(200_000);
  const got = await ask('mock-images', { turns: [{ ...user('what is it?'), image: { type: 'image/png', data } }] });
  assert.ok(got.text.includes(createHash('sha256').update(data).digest('hex')), got.text);
  assert.match(got.text, /image\/png/);
});

testPair('reasoning', async ({ ask }) => {
  for (const stream of [false, true]) {
    const got = await ask('mock-think-7', { stream, think: true });
    assert.equal(got.reasoning.trim().split(/\s+/).length, 7, got.reasoning);
    assert.ok(got.text.length > 0);
  }
});

testPair('usage with a cache', async ({ ask }) => {
  for (const stream of [false, true]) {
    const got = await ask('mock-cached', { stream, turns: [user('many words '.repeat(30))] });
    assert.equal(got.text, 'from a cache');
    assert.equal(got.usage.cached, 20);
    assert.ok(got.usage.input > 24, `${got.usage.input}`);
    assert.equal(got.usage.output, 3);
  }
});

testPair('errors', async ({ door, client, model }) => {
  if (door.name === 'REST') {
    for (const [status, code] of Object.entries({ 429: 8, 400: 3, 503: 14, 529: 14 })) {
      const e = await thrown(door.ask(client, { model: model(`mock-${status}`), turns: [user('?')] }));
      assert.equal(e.status, status === '529' ? 503 : Number(status), e.message);
      assert.equal(e.code, code);
      assert.ok(e.message.length > 0 && e.headers.get('x-request-id'));
    }
    return;
  }
  if (door.name === 'gRPC') {
    const codes = { 429: 'RESOURCE_EXHAUSTED', 400: 'INVALID_ARGUMENT', 503: 'UNAVAILABLE', 529: 'UNAVAILABLE' };
    for (const [status, name] of Object.entries(codes)) {
      const e = await thrown(door.ask(client, { model: model(`mock-${status}`), turns: [user('?')] }));
      assert.equal(e.code, grpc.status[name], `${status}: ${e.message}`);
      assert.ok(e.details.length > 0);
      assert.ok(e.metadata.get('x-request-id')[0]);
    }
    return;
  }
  const classes = { 429: 'RateLimitError', 400: 'BadRequestError', 503: 'InternalServerError', 529: 'InternalServerError' };
  for (const [status, name] of Object.entries(classes)) {
    const e = await thrown(door.ask(client, { model: model(`mock-${status}`), turns: [user('?')] }));
    const overload = door.name === 'Anthropic' && Number(status) >= 503;
    assert.ok(e instanceof door.errors[name] || (overload && e.status === 529), `${status}: ${e.name} ${e.message}`);
    assert.ok(e.requestID ?? e.request_id, `${status} has a request id`);
    const body = e.error;
    assert.ok((body.error ?? body).message.length > 0);
    assert.ok((body.error ?? body).type.length > 0);
  }
});

testPair('never cut in silence', async ({ door, client, model }) => {
  for (const name of names.filter((n) => n.endsWith('-5'))) {
    const e = await thrown(door.ask(client, { model: model(name), turns: [user('one two three four five six seven eight nine')], stream: true }));
    const codes = name.includes('stall') ? [grpc.status.DEADLINE_EXCEEDED] : [grpc.status.UNAVAILABLE, grpc.status.INTERNAL];
    if (/gRPC|REST/.test(door.name)) assert.ok(codes.includes(e.code), `${name}: ${e.message}`);
    else assert.ok(e instanceof door.errors.APIError, `${name}: ${e.name}: ${e.message}`);
  }
});

testPair('what has no target is told', async ({ door, dialect, ask }) => {
  if (/gRPC|REST/.test(door.name)) {
    const got = await ask('mock-strict', { more: { seed: 7, topK: 5, logitBias: { 50256: -100 } } });
    const dropped = (got.headers.get('x-sluice-dropped-fields') ?? '').split(', ').sort();
    assert.deepEqual(dropped, { openai: ['top_k'], anthropic: ['logit_bias', 'seed'], sluice: [''] }[dialect]);
    return dialect === 'sluice' ? 'all passes' : 'dropped, told';
  }
  if (door.name === 'OpenAI') {
    const got = await ask('mock-strict', { more: { seed: 7, logit_bias: { 50256: -100 }, presence_penalty: 0.5 } });
    const dropped = (got.headers.get('x-sluice-dropped-fields') ?? '').split(', ').sort();
    assert.deepEqual(dropped, dialect !== 'anthropic' ? [''] : ['logit_bias', 'presence_penalty', 'seed']);
    return dialect !== 'anthropic' ? 'all passes' : 'dropped, told';
  }
  const got = await ask('mock-strict', { more: { top_k: 5 } });
  const dropped = got.headers.get('x-sluice-dropped-fields');
  assert.equal(dropped, dialect === 'openai' ? 'top_k' : null);
  return dialect === 'openai' ? 'dropped, told' : 'all passes';
});

testPair('ids do not leak', async ({ door, ask }) => {
  const got = await ask('mock-strict', {});
  assert.match(got.id, { OpenAI: /^chatcmpl-/, Anthropic: /^msg_/, gRPC: /^chat-/, REST: /^chat-/ }[door.name]);
});

test('one conversation has one answer and one bill, whatever the door and the provider', async () => {
  const turns = [user('Where does water go?'), { role: 'assistant', text: 'Down.' }, user('Always?')];
  for (const stream of [false, true]) {
    const said = new Map(); // dialect -> what the first door got
    for (const door of doors) {
      const client = door.connect(sluice);
      for (const [dialect] of dialects) {
        const { text, finish, usage } = await door.ask(client, { model: `${dialect}/mock-strict`, system: 'Be brief.', turns, stream });
        if (!said.has(dialect)) said.set(dialect, { text, finish, usage });
        assert.deepEqual({ text, finish, usage }, said.get(dialect), `${door.name} to ${dialect}`);
        assert.equal(text, said.get('openai').text);
      }
    }
  }
});

test('the table', () => {
  const rows = [...new Set([...cells.keys()].map((key) => key.split('|')[0]))];
  const columns = doors.flatMap((door) => dialects.map(([, label]) => `${door.name}|${label}`));
  const line = (first, rest) => `# | ${first.padEnd(28)} | ${rest.map((c) => c.padEnd(22)).join(' | ')} |`;
  console.log(line('', columns.map((c) => c.replace('|', ' to '))));
  for (const row of rows) console.log(line(row, columns.map((c) => cells.get(`${row}|${c}`))));
  assert.ok(![...cells.values()].includes('FAILED'));
});

test('sluice ends orderly', async () => {
  await mock.end();
  await sluice.end();
});
