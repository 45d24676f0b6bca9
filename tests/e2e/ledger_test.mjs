// The tokens of the access log are those that the upstream would bill: `sluice mock` keeps the bill,
// and each way in which an answer may end is held against it, attempt by attempt.
import assert from 'node:assert/strict';

import { startMock } from './support/mock.mjs';
import { until } from './support/children.mjs';
import { configuration, startSluice } from './support/sluice.mjs';
import { ask, test } from './support/suite.mjs';

const mock = await startMock({ rules: [
  { match: { model: 'zero' }, answer: { prompt_tokens: 0, completion_tokens: 0 } },
  { match: { model: 'odd' }, answer: { prompt_tokens: 70, completion_tokens: 90 } },
] });
const patient = { first_token: '3s', between_tokens: '400ms', total: '10s' };
const to = (provider, model) => ({ provider, ...(model ? { model } : {}) });
const sluice = await startSluice(configuration(mock.baseURL, {
  providers: [
    { name: 'peer', base_url: mock.baseURL },
    { name: 'counted', base_url: mock.baseURL, usage: 'always' },
  ],
  models: [
    { name: 'counted', targets: [to('counted', 'mock-tokens-7')] },
    { name: 'counted-odd', targets: [to('counted', 'odd')] },
    { name: 'counted-cut', targets: [to('counted', 'mock-tokens-9-gap-2-cut-5')] },
    { name: 'failing', targets: [to('peer', 'mock-503')], fallback: [to('peer', 'mock-tokens-6')] },
    { name: 'recovering', targets: [to('peer', 'mock-tokens-9-gap-2-cut-5')], fallback: [to('peer', 'mock-tokens-9')], recovery: 'continue' },
    { name: 'recovering-counted', targets: [to('peer', 'mock-tokens-9-gap-2-cut-5')], fallback: [to('counted', 'mock-tokens-9')], recovery: 'continue' },
    { name: '*', targets: [to('peer')], timeouts: patient },
  ],
}));

const usage = { stream: true, stream_options: { include_usage: true } };
const stream = { stream: true };

// An ending, the request that has it, and for each attempt whether the upstream reported its usage:
// what it did not is an estimate; null where it said nothing at all.
const endings = [
  ['a whole JSON', 'mock-tokens-7', {}, [true]],
  ['a whole JSON, reported otherwise', 'odd', {}, [true]],
  ['a stream with its usage', 'mock-tokens-7', usage, [true]],
  ['a stream with its usage, reported otherwise', 'odd', usage, [true]],
  ['a stream without', 'mock-tokens-7', stream, [false]],
  ['a stream without, of a provider that always counts', 'counted', stream, [true]],
  ['the same, reported otherwise', 'counted-odd', stream, [true]],
  ['the same, cut', 'counted-cut', stream, [false]],
  ['zero tokens reported', 'zero', {}, [true]],
  ['zero tokens reported by a stream', 'zero', usage, [true]],
  ['an end by length', 'mock-tokens-50', { ...stream, max_tokens: 4 }, [false]],
  ['an end by length, reported', 'mock-tokens-50', { ...usage, max_tokens: 4 }, [true]],
  ['a cut', 'mock-tokens-9-gap-2-cut-5', stream, [false]],
  ['a cut where usage was asked for', 'mock-tokens-9-gap-2-cut-5', usage, [false]],
  ['a stall', 'mock-tokens-9-gap-2-stall-4', stream, [false]],
  ['an error within the stream', 'mock-tokens-9-gap-2-inband-6', stream, [false]],
  ['a client that leaves', 'mock-tokens-9-gap-200', stream, [false], { leavesBehind: 3 }],
  ['a 503, then the fallback', 'failing', stream, [null, false]],
  ['a 503, then the fallback with its usage', 'failing', usage, [null, true]],
  ['a cut, recovered by a replay', 'recovering', stream, [false, false]],
  ['a cut, recovered by a replay with its usage', 'recovering-counted', stream, [false, true]],
  ['a bad request', 'mock-400', stream, [null]],
  ['two choices without usage', 'mock-tokens-7', { ...stream, n: 2 }, [false]],
  // Without its usage the estimate is one more than the bill: the name of the tool comes as a part.
  ['a call of a tool with its usage', 'mock-tool', usage, [true]],
  ['a completion of the old kind, cut', 'mock-tokens-9-gap-2-cut-5', stream, [false], { path: 'completions', prompt: 'Where does water go?' }],
  ['a response', 'mock-tokens-7', stream, [true], { path: 'responses', input: 'Where does water go?' }],
  ['a response, cut', 'mock-tokens-9-gap-2-cut-9', stream, [false], { path: 'responses', input: 'Where does water go?' }],
];

// Sends it and takes what comes; leaves behind so many words where asked to.
async function perform(model, more, { leavesBehind = Infinity, path = 'chat/completions', ...input } = {}) {
  const leave = new AbortController();
  const answer = await fetch(`${sluice.baseURL}/${path}`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...ask(model, more), ...input }), signal: leave.signal,
  });
  const id = answer.headers.get('x-request-id');
  let text = '';
  try {
    for await (const piece of answer.body) {
      text += Buffer.from(piece).toString();
      if (text.split('"content":"').length - 2 >= leavesBehind) leave.abort(); // the first is empty
    }
  } catch (e) {
    assert.ok(leave.signal.aborted, `${e}: ${text}`);
  }
  return id;
}

const sum = (list, key) => list.reduce((total, each) => total + (each[key] ?? 0), 0);
const row = (cells) => cells.map((cell, i) => String(cell).padEnd([52, 8, 9, 9, 9][i] ?? 0)).join(' ').trimEnd();
const ledger = [];
let seen = 0;

for (const [name, model, more, reports, how] of endings) {
  test(`the log's tokens are the upstream's bill: ${name}`, async () => {
    const id = await perform(model, more, how);
    const line = await sluice.log(id);
    const bills = await until('the bill is closed', async () => {
      const entries = (await mock.log()).filter((entry) => entry.id > seen);
      return entries.every((entry) => entry.ended !== 'open') && entries;
    });
    seen = Math.max(seen, ...bills.map((bill) => bill.id));
    // One attempt that went well has no list of its own: the line is its account.
    const attempts = line.attempts ?? [line];
    ledger.push([name, reports.map((r) => (r === null ? '-' : r ? 'yes' : 'no')).join(', '),
      `${line.input_tokens ?? '-'}/${line.output_tokens ?? '-'}${line.is_estimated ? '~' : ''}`,
      `${sum(bills, 'prompt_tokens')}/${sum(bills, 'completion_tokens')}`,
      attempts.map((a) => `${a.input_tokens ?? '-'}/${a.output_tokens ?? '-'}${a.is_estimated ? '~' : ''}`).join(' + ')]);

    assert.deepEqual(bills.map((bill) => bill.usage_reported), reports.map(Boolean), 'what the mock reported');
    assert.equal(attempts.length, bills.length, 'attempts');
    for (const [i, attempt] of attempts.entries()) {
      if (reports[i] === null) {
        assert.equal(attempt.output_tokens, undefined, `attempt ${i + 1} has tokens`);
        assert.equal(bills[i].prompt_tokens + bills[i].completion_tokens, 0);
        continue;
      }
      assert.equal(attempt.output_tokens, bills[i].completion_tokens, `output tokens of attempt ${i + 1}`);
      assert.equal(attempt.is_estimated ?? false, !reports[i], `is_estimated of attempt ${i + 1}`);
      if (reports[i]) assert.equal(attempt.input_tokens, bills[i].prompt_tokens, `input tokens of attempt ${i + 1}`);
      else assert.ok(attempt.input_tokens > 0, 'an estimate of the input');
    }
    const isKnown = reports.some((r) => r !== null);
    assert.equal(line.output_tokens, isKnown ? sum(bills, 'completion_tokens') : undefined, 'output tokens');
    assert.equal(line.input_tokens, isKnown ? sum(attempts, 'input_tokens') : undefined, 'input tokens');
    assert.equal(line.is_estimated ?? false, reports.includes(false), 'is_estimated');
  });
}

test('the sums of all lines are the sums of the bill', async (t) => {
  t.diagnostic(`measured: ${row(['ending', 'reported', 'log', 'bill', 'attempts'])}`);
  for (const cells of ledger) t.diagnostic(`measured: ${row(cells)}`);
  const stats = await (await fetch(`${new URL(mock.baseURL).origin}/mock/stats`)).json();
  assert.equal(sum(sluice.logged(), 'output_tokens'), stats.completion_tokens);
});

test('sluice and the mock end orderly', async () => {
  await sluice.end();
  await mock.end();
});
