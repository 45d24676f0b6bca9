// How long a client waits is told by fields that SDKs send anyway. The answer comes before that, an
// upstream that can't make it is left, and the next hop learns what is left.
import assert from 'node:assert/strict';

import { until } from './support/children.mjs';
import { post, spread, startChain } from './support/hops.mjs';
import { sentence, words } from './support/peer.mjs';
import { ask, clientOf, endTogether, startTogether, test, testEachSDK, textOf, thrown } from './support/suite.mjs';

// Generous, for sanitizers on a busy machine; what is meant is printed.
const early_ms = 30;
const late_ms = 250;
const rounds = 5;

const together = await startTogether({
  models: [
    { name: '*', targets: [{ provider: 'peer' }], timeouts: { total: '10s', first_token: '10s', between_tokens: '10s' } },
    { name: 'again', targets: [{ provider: 'peer' }], timeouts: { total: '10s' }, retry: { attempts: 2 } },
    { name: 'bounded', targets: [{ provider: 'peer' }], timeouts: { total: '300ms' } },
  ],
});
const { peer, sluice } = together;

const drip = (gap_ms) => async (play) => {
  play.stream();
  await play.chunk({ role: 'assistant', content: '' });
  while (!play.isGone) {
    await play.chunk({ content: 'on ' });
    await play.sleep(gap_ms);
  }
};
peer
  .on('deaf', (play) => play.closed)
  .on('mute', async (play) => { play.stream(); await play.closed; })
  .on('role only', async (play) => { play.stream(); await play.chunk({ role: 'assistant', content: '' }); await play.closed; })
  .on('endless', drip(20))
  .on('stalls', async (play) => { play.stream(); await play.words(words); await play.closed; })
  .on('slow', async (play) => {
    if (!play.json.stream) return play.error(400, 'streams_only');
    play.stream();
    await play.words(words, 250);
    await play.chunk({}, { finish: 'stop' });
    return play.done();
  });

const seconds = (ms) => String(ms / 1000);
const fields = {
  'x-sluice-deadline-ms': String,
  'x-server-timeout': seconds,
  'grpc-timeout': (ms) => `${ms}m`,
  'x-stainless-timeout': seconds,
  'x-stainless-read-timeout': seconds,
};
const ofTheWhole = ['x-sluice-deadline-ms', 'x-server-timeout', 'grpc-timeout'];

function assertTimely(deviation) {
  assert.ok(deviation >= -early_ms && deviation <= late_ms, `${deviation.toFixed(1)} ms past its budget`);
}

// OpenAI's shape, so that any SDK throws and says why.
function assertError(error) {
  assert.deepEqual(Object.keys(error).sort(), ['code', 'message', 'param', 'type']);
  assert.equal(error.code, 'upstream_timeout');
  assert.equal(typeof error.message, 'string');
}

async function left(key) {
  const play = peer.last(key);
  await until('the upstream is left', () => play.closedAt);
  assert.ok(play.isGone);
  return play;
}

// Asks `rounds` times with a budget; `endedAt` says when the answer or its error was there.
async function measure(t, model, more, headers, budget_ms, check) {
  const deviations = [];
  const closings = [];
  for (let i = 0; i < rounds; i++) {
    const got = await post(sluice.baseURL, ask(model, more), headers);
    check(got);
    const play = await left(model);
    deviations.push(got.ms - budget_ms);
    closings.push(play.closedAt - got.ended_at);
    assertTimely(got.ms - budget_ms);
    assert.ok(play.closedAt - got.ended_at < late_ms, `left after ${play.closedAt - got.ended_at} ms`);
  }
  t.diagnostic(`measured: ${Object.keys(headers)[0]}, ${model}${more.stream ? ' stream' : ''}: answered ${spread(deviations)} past the budget, upstream closed ${spread(closings)} after the answer`);
}

function check504(got) {
  assert.equal(got.status, 504, got.text);
  assert.match(got.headers['content-type'], /^application\/json/);
  assertError(JSON.parse(got.text).error);
}

test('a first request, that what is measured is not the start of the process', async () => {
  await post(sluice.baseURL, ask('any'));
  await post(sluice.baseURL, ask('deaf'), { 'x-sluice-deadline-ms': '50' });
});

for (const [name, write] of Object.entries(fields)) {
  for (const stream of [false, true]) {
    test(`${name}: 504 within the budget, ${stream ? 'streamed' : 'plain'}, and the upstream is left`, (t) =>
      measure(t, 'deaf', { stream }, { [name]: write(300) }, 300, check504));
  }
}

for (const name of ofTheWhole) {
  for (const model of ['mute', 'role only']) {
    test(`${name}: 504 within the budget though the upstream's head came (${model})`, (t) =>
      measure(t, model, { stream: true }, { [name]: fields[name](300) }, 300, check504));
  }

  test(`${name}: a stream that goes on too long ends with an error, in the budget`, (t) =>
    measure(t, 'endless', { stream: true }, { [name]: fields[name](400) }, 400, (got) => {
      assert.equal(got.status, 200);
      assert.ok(got.head_ms < 400);
      const events = got.text.trim().split('\n\n').filter((event) => event.startsWith('data: '));
      assert.ok(events.length > 5);
      assertError(JSON.parse(events.at(-1).slice('data: '.length)).error);
    }));
}

test('other spellings of the same', async () => {
  for (const [name, value, ms] of [['grpc-timeout', '300000u', 300], ['grpc-timeout', '1S', 1000], ['X-Server-Timeout', '0.25', 250], ['x-stainless-read-timeout', '0.125', 125]]) {
    const got = await post(sluice.baseURL, ask('deaf'), { [name]: value });
    check504(got);
    assertTimely(got.ms - ms);
  }
});

test('of several budgets the least counts, and the route has one of its own', async () => {
  const both = { 'x-sluice-deadline-ms': '5000', 'x-server-timeout': '4', 'x-stainless-timeout': '3', 'grpc-timeout': '200m' };
  const got = await post(sluice.baseURL, ask('deaf'), both);
  check504(got);
  assertTimely(got.ms - 200);
  peer.on('bounded', (play) => play.closed);
  const bounded = await post(sluice.baseURL, ask('bounded'), { 'x-sluice-deadline-ms': '5000' });
  check504(bounded);
  assertTimely(bounded.ms - 300);
});

test('a field that says nothing is no budget', async () => {
  for (const headers of [{ 'x-sluice-deadline-ms': 'soon' }, { 'grpc-timeout': '5' }, { 'x-server-timeout': '-1' }, { 'x-stainless-timeout': '' }]) {
    const got = await post(sluice.baseURL, ask('any'), headers);
    assert.equal(got.status, 200, JSON.stringify(headers));
    assert.equal(JSON.parse(got.text).choices[0].message.content, sentence);
  }
});

test('a stream goes on past x-stainless-timeout once it has begun', async () => {
  const got = await post(sluice.baseURL, ask('slow', { stream: true }), { 'x-stainless-timeout': '1' });
  assert.equal(got.status, 200);
  assert.ok(got.ms > 1500, `${got.ms} ms`);
  assert.match(got.text, /data: \[DONE\]\n\n$/);
});

test("x-stainless-timeout: the head comes in the budget, where only the upstream's head has come", async () => {
  const pending = post(sluice.baseURL, ask('mute', { stream: true }), { 'x-stainless-timeout': '0.3' });
  const play = await until('it is asked', () => peer.last('mute')?.closedAt ? null : peer.last('mute'));
  await play.sleep(1000);
  await play.words(words);
  await play.chunk({}, { finish: 'stop' });
  await play.done();
  const got = await pending;
  assert.equal(got.status, 200);
  assertTimely(got.head_ms - 300);
  assert.ok(got.ms >= 950);
});

test('x-stainless-read-timeout: no silence is longer, and a stall ends with an error', async (t) => {
  const silence_ms = 400;
  const deviations = [];
  for (let i = 0; i < rounds; i++) {
    const got = await post(sluice.baseURL, ask('stalls', { stream: true }), { 'x-stainless-read-timeout': seconds(silence_ms) });
    assert.equal(got.status, 200);
    assertError(JSON.parse(got.text.trim().split('\n\n').at(-1).slice('data: '.length)).error);
    deviations.push(got.ms - got.head_ms - silence_ms);
    assertTimely(deviations.at(-1));
    await left('stalls');
  }
  t.diagnostic(`measured: x-stainless-read-timeout, stall: told ${spread(deviations)} past the budget`);
});

// --- What the next hop is told ---

const told = (play) => Number(play.headers['x-sluice-deadline-ms']);

test('the upstream is told what is left, in the spelling of each field', async () => {
  const readers = { 'x-sluice-deadline-ms': Number, 'x-server-timeout': (v) => v * 1000, 'grpc-timeout': (v) => Number(/^(\d+)m$/.exec(v)[1]) };
  for (const [name, read] of Object.entries(readers)) {
    await post(sluice.baseURL, ask('any'), { [name]: fields[name](2000) });
    const { headers } = peer.last('POST /v1/chat/completions');
    const value = read(headers[name]);
    assert.ok(value < 2000 && value > 2000 - late_ms, `${name}: ${headers[name]}`);
    assert.ok(Math.abs(Number(headers['x-sluice-deadline-ms']) - value) <= 1);
  }
});

test("without a client's budget it is told the route's", async () => {
  await post(sluice.baseURL, ask('any'));
  const value = told(peer.last('POST /v1/chat/completions'));
  assert.ok(value <= 10_000 && value > 10_000 - late_ms, `${value}`);
});

test('time that the request itself took counts', async () => {
  const text = JSON.stringify(ask('deaf'));
  const got = await post(sluice.baseURL, [text.slice(0, 10), 300, text.slice(10)], { 'x-sluice-deadline-ms': '600' });
  check504(got);
  assertTimely(got.ms - 600);
  const value = told(peer.last('deaf'));
  assert.ok(value <= 300 && value > 300 - late_ms, `${value}`);
});

test('a second attempt is told less than the first, and gets no more', async () => {
  let asked = 0;
  peer.on('again', (play) => (asked++ ? play.closed : play.error(429, 'slow_down', { 'retry-after-ms': '300' })));
  const got = await post(sluice.baseURL, ask('again'), { 'x-sluice-deadline-ms': '1000' });
  check504(got);
  assertTimely(got.ms - 1000);
  const [first, second] = peer.requests.filter((play) => play.key === 'again');
  const gap = second.startedAt - first.startedAt;
  assert.ok(gap >= 290, `${gap} ms`);
  assert.ok(Math.abs(told(first) - told(second) - gap) < 50, `${told(first)} and ${told(second)}, ${gap} ms later`);
});

test('the budget until the head is told as what is left of it, too', async () => {
  let asked = 0;
  peer.on('again', (play) => (asked++ ? play.reply({ choices: [] }) : play.error(429, 'slow_down', { 'retry-after-ms': '500' })));
  await post(sluice.baseURL, ask('again'), { 'x-stainless-timeout': '2' });
  const value = Number(peer.last('again').headers['x-stainless-timeout']);
  assert.ok(value <= 1.5 && value > 1, `${value} s, when 1.5 s were left`);
});

test('what would end too late is not waited for', async () => {
  peer.on('again', (play) => play.error(429, 'slow_down', { 'retry-after': '3' }));
  const got = await post(sluice.baseURL, ask('again'), { 'x-sluice-deadline-ms': '1000' });
  assert.equal(got.status, 429);
  assert.ok(got.ms < 500, `${got.ms} ms`);
  assert.equal(got.headers['retry-after'], '3');
});

// --- SDKs ---

testEachSDK('the timeout option of an SDK: an error in time, by whoever is first, and the upstream is left', sluice, async ({ t, client, Class }) => {
  const deviations = [];
  let in504 = 0;
  for (const stream of [false, true]) {
    const before = performance.now();
    const e = await thrown(client.chat.completions.create(ask('deaf', { stream }), { timeout: 1000 }));
    deviations.push(performance.now() - before - 1000);
    assert.ok(e instanceof Class.APIConnectionTimeoutError || (e instanceof Class.InternalServerError && e.code === 'upstream_timeout'), `${e?.stack}`);
    in504 += e.status === 504;
    assertTimely(deviations.at(-1));
    const told = Number(peer.last('deaf').headers['x-stainless-timeout']);
    assert.ok(told > 0.8 && told <= 1, `${told} s of 1 s were told`);
    await left('deaf');
  }
  t.diagnostic(`measured: SDK timeout 1000 ms: thrown ${spread(deviations)} past it, ${in504} of 2 by our 504`);
});

testEachSDK('the timeout option of an SDK does not end a stream that has begun', sluice, async ({ client }) => {
  const stream = await client.chat.completions.create(ask('slow', { stream: true }), { timeout: 1000 });
  assert.equal(await textOf(stream), sentence);
});

testEachSDK('a budget in the headers of a client throws with our code', sluice, async ({ connect, Class }) => {
  const hurried = connect({ defaultHeaders: { 'x-sluice-deadline-ms': '300' } });
  const e = await thrown(hurried.chat.completions.create(ask('deaf')));
  assert.ok(e instanceof Class.InternalServerError, `${e?.stack}`);
  assert.deepEqual([e.status, e.code], [504, 'upstream_timeout']);
  const seen = [];
  const late = await thrown(hurried.chat.completions.create(ask('endless', { stream: true })).then((s) => textOf(s, seen)));
  assert.ok(late instanceof Class.APIError);
  assert.equal(late.code, 'upstream_timeout');
  assert.ok(seen.length > 3);
  assert.equal((await sluice.log(late.requestID)).error, 'client_deadline');
});

// --- Three in a row ---

const totals = [500, 100, 200];
const chain = await startChain(totals.map((ms) => `${ms}ms`), peer);

// What arrives at each: never more than the least so far, and little less.
function assertShrinks(t, spent, kind) {
  const at = [...chain.doors, peer].map((hop) => told(hop.requests.at(-1)));
  at.slice(1).forEach((value, i) => {
    const most = Math.min(totals[i], at[i]);
    assert.ok(value <= most && value >= most - 10 - 60, `hop ${i + 1}: ${value} of ${most} ms`);
  });
  t.diagnostic(`measured: three hops, ${kind}, ${spent} ms spent: ${at.join(' > ')} ms left`);
}

for (let spent = 0; spent <= 450; spent += 50) {
  const budget_ms = Math.min(...totals, 500 - spent);
  const headers = { 'x-sluice-deadline-ms': String(500 - spent) };

  test(`three sluices (${totals} ms), ${spent} of 500 ms spent: each is told the rest, plain`, async (t) => {
    const got = await post(chain.baseURL, ask('deaf'), headers);
    check504(got);
    assertShrinks(t, spent, 'plain');
    assertTimely(got.ms - budget_ms);
    await left('deaf');
  });

  test(`three sluices (${totals} ms), ${spent} of 500 ms spent: each is told the rest, streamed`, async (t) => {
    const got = await post(chain.baseURL, ask('endless', { stream: true }), headers);
    assert.equal(got.status, 200, got.text);
    assertError(JSON.parse(got.text.trim().split('\n\n').at(-1).slice('data: '.length)).error);
    assertShrinks(t, spent, 'stream');
    assertTimely(got.ms - budget_ms);
    await left('endless');
  });
}

test('three sluices that have time pass the answer on', async () => {
  const through = clientOf({ baseURL: chain.baseURL });
  assert.equal((await through.chat.completions.create(ask('any'))).choices[0].message.content, sentence);
  assert.equal(await textOf(await through.chat.completions.create(ask('any', { stream: true }))), sentence);
  await chain.end();
});

endTogether(together);
