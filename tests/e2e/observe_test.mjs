// What an operator sees: the access log, the metrics, the health pages, the memory.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { run } from './support/children.mjs';
import { binary, secret } from './support/sluice.mjs';
import { ask, clientKey, endTogether, startTogether, test, testEachSDK, textOf } from './support/suite.mjs';

const together = await startTogether({ models: [{ name: '*', targets: [{ provider: 'peer' }] }, { name: 'mapped', targets: [{ provider: 'peer', model: 'any' }] }] });
const { peer, sluice } = together;
peer.on('GET /v1/files', (play) => play.reply({ object: 'list', data: [], has_more: false }));

test('check --print shows what takes effect, and no secret', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-check-'));
  try {
    const file = join(folder, 'sluice.yaml');
    writeFileSync(file, 'providers: [{name: p, base_url: "http://127.0.0.1:1/v1", api_key: "${E2E_KEY}"}]\n');
    const printed = execFileSync(binary, ['check', '--print', '-c', file],
      { encoding: 'utf8', env: { ...process.env, E2E_KEY: secret } });
    assert.match(printed, /^ {4}api_key: "\*\*\*"$/m);
    assert.match(printed, /^ {2}address: "127\.0\.0\.1:8080"$/m);
    assert.ok(!printed.includes(secret));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('memory of an idle process', (t) => {
  t.diagnostic(`measured: ${(sluice.memory() / 1024).toFixed(1)} MiB resident, idle (${binary.includes('/dev/') ? 'with sanitizers' : binary})`);
});

testEachSDK('a line of the access log is JSON with what happened, and without secrets', sluice, async ({ client }) => {
  const question = 'PRIVATE-QUESTION-4711';
  const body = { ...ask('mapped', { stream: true }), messages: [{ role: 'user', content: question }] };
  const { data, response } = await client.chat.completions.create(body).withResponse();
  const answer = await textOf(data);
  const line = await sluice.log(response.headers.get('x-request-id'));
  assert.deepEqual(Object.keys(line), ['time', 'request_id', 'client', 'method', 'path', 'route', 'model', 'provider',
    'upstream_model', 'upstream_status', 'status', 'stream', 'received_bytes', 'sent_bytes', 'duration_us', 'first_byte_us', 'own_us',
    'input_tokens', 'output_tokens', 'is_estimated']);
  assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Math.abs(Date.parse(line.time) - Date.now()) < 60_000);
  assert.equal(line.path, '/v1/chat/completions');
  assert.equal(line.model, 'mapped');
  assert.equal(line.upstream_model, 'any');
  assert.equal(line.status, 200);
  assert.equal(line.stream, true);
  assert.equal(line.received_bytes, JSON.stringify(body).length);
  assert.ok(line.own_us <= line.first_byte_us && line.first_byte_us <= line.duration_us);
  const all = sluice.child.out + sluice.child.err;
  for (const hidden of [secret, clientKey, question, answer.slice(0, 12)]) assert.ok(!all.includes(hidden), hidden);
});

testEachSDK('the query of a request is not logged', sluice, async ({ client }) => {
  const { response } = await client.files.list({ after: 'PRIVATE-FILE' }).withResponse();
  const line = await sluice.log(response.headers.get('x-request-id'));
  assert.equal(line.path, '/v1/files');
  assert.ok(!sluice.child.out.includes('PRIVATE-FILE'));
});

test('hostile words in a request stay inside one line of JSON', async () => {
  const model = 'm"},\n{"forged":"';
  const res = await fetch(`${sluice.baseURL}/chat/completions`, { method: 'POST', body: JSON.stringify(ask(model)), headers: { 'content-type': 'application/json' } });
  await res.text();
  const line = await sluice.log(res.headers.get('x-request-id'));
  assert.equal(line.model, model);
  assert.ok(sluice.logged().every((l) => l.forged === undefined));
});

// The text format 0.0.4 of Prometheus: HELP and TYPE before the samples of a name, each name once.
function parseMetrics(text) {
  const types = new Map();
  const samples = new Map();
  let current = '';
  assert.ok(text.endsWith('\n'));
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment) {
      const [, what, name, rest] = comment;
      if (what === 'TYPE') {
        assert.ok(!types.has(name), `TYPE of ${name} stands twice`);
        assert.match(rest, /^(counter|gauge|histogram)$/);
        types.set(name, rest);
      }
      current = name;
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)$/.exec(line);
    assert.ok(sample, `malformed: ${line}`);
    const [, name, labels = '', value] = sample;
    const family = types.get(current) === 'histogram' ? name.replace(/_(bucket|sum|count)$/, '') : name;
    assert.equal(family, current, `${line} stands outside of its family`);
    assert.ok(Number.isFinite(Number(value)), line);
    assert.ok(!samples.has(name + labels), `${name}${labels} stands twice`);
    samples.set(name + labels, Number(value));
  }
  return { types, samples };
}

test('every line of the metrics is well formed, and the counts move', async () => {
  const before = parseMetrics((await sluice.admin('/metrics')).text);
  const res = await fetch(`${sluice.baseURL}/chat/completions`, { method: 'POST', body: JSON.stringify(ask('any')), headers: { 'content-type': 'application/json' } });
  await res.text();
  await sluice.log(res.headers.get('x-request-id'));
  await fetch(`${sluice.url}/nothing`).then((r) => r.text());
  const after = parseMetrics((await sluice.admin('/metrics')).text);
  const moved = (name) => after.samples.get(name) - before.samples.get(name);
  assert.equal(moved('sluice_requests_total{route="chat"}'), 1);
  assert.equal(moved('sluice_requests_total{route="unknown"}'), 1);
  assert.equal(moved('sluice_answers_total{class="2xx"}'), 1);
  assert.equal(moved('sluice_answers_total{class="4xx"}'), 1);
  assert.equal(moved('sluice_tokens_total{direction="input"}'), 11);
  assert.equal(moved('sluice_tokens_total{direction="output"}'), 7);
  assert.ok(moved('sluice_bytes_total{direction="sent"}') > 100);
  for (const [name, type] of after.types) {
    if (type !== 'histogram') continue;
    const buckets = [...after.samples].filter(([key]) => key.startsWith(`${name}_bucket{`)).map(([, value]) => value);
    assert.ok(buckets.length > 3 && buckets.every((value, i) => !i || value >= buckets[i - 1]), `${name} is cumulative`);
    assert.equal(buckets.at(-1), after.samples.get(`${name}_count`), `${name}: +Inf is the count`);
  }
});

test('the admin port knows its pages and no others', async () => {
  assert.deepEqual(JSON.parse((await sluice.admin('/healthz')).text), { status: 'ok' });
  assert.deepEqual(JSON.parse((await sluice.admin('/readyz')).text), { status: 'ready' });
  assert.equal((await sluice.admin('/v1/models')).status, 404);
  const res = await fetch(`${sluice.adminURL}/metrics`, { method: 'POST', body: 'x' });
  assert.equal(res.status, 405);
});

test('serve refuses what it is not told right, with status and hint', async () => {
  for (const [args, code, hint] of [
    [['serve', '-c', '/nowhere.yaml'], 1, /\/nowhere\.yaml/], [['serve', '--confg', 'x'], 2, /--confg.*usage/],
    [['serve', 'extra'], 2, /extra/], [['sevre'], 2, /serve/],
  ]) {
    const { code: got, err } = await run(binary, args);
    assert.equal(got, code, `${args}: ${err}`);
    assert.match(err, hint);
  }
});

endTogether(together);
