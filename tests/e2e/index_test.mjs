// `sluice index`: an index made of a file of vectors or of texts, searched, checked, mended, measured.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { signal, start, until } from './support/children.mjs';
import { startMock } from './support/mock.mjs';
import { binary } from './support/sluice.mjs';
import { test } from './support/suite.mjs';

const folder = mkdtempSync(join(tmpdir(), 'sluice-e2e-index-'));
const at = (name) => join(folder, name);
const mock = await startMock();
process.on('exit', () => rmSync(folder, { recursive: true }));

// {code, out, err} of a subcommand.
const index = (...words) => new Promise((resolve) => {
  execFile(binary, ['index', ...words], { maxBuffer: 1 << 24 }, (error, out, err) => resolve({ code: error ? error.code : 0, out, err }));
});

async function good(...words) {
  const run = await index(...words);
  assert.equal(run.code, 0, `${words.join(' ')}: ${run.err}`);
  return run.out;
}

const lines = (text) => text.trim().split('\n').map((line) => JSON.parse(line));

const DIM = 24;
const ROWS = 3000;
let state = 7;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5;
const rows = Array.from({ length: ROWS }, () => Float32Array.from({ length: DIM }, random));
const distance = (a, b) => a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0);

// .fvecs and .ivecs: each row after its length.
function write(name, table, Type = Float32Array) {
  writeFileSync(at(name), Buffer.concat(table.map((row) =>
    Buffer.concat([Buffer.from(Int32Array.of(row.length).buffer), Buffer.from(Type.from(row).buffer)]))));
  return at(name);
}

const nearest = (query, keep = () => true) => rows.map((row, key) => ({ key, d: distance(query, row) }))
  .filter(({ key }) => keep(key)).sort((a, b) => a.d - b.d).slice(0, 10).map(({ key }) => key);

const vectors = write('rows.fvecs', rows);
writeFileSync(at('values.jsonl'), rows.map((_, i) => JSON.stringify({ year: 1990 + i % 30, lang: i % 3 ? 'en' : 'de' })).join('\n'));
const withValues = ['--metric', 'l2', '--columns', 'year:i64,lang:string', '--values', at('values.jsonl')];

test('what was imported is found, and told', async () => {
  assert.match(await good('import', at('a'), vectors, ...withValues), /3000 rows of 24 dimensions put in/);
  const [info] = lines(await good('info', at('a'), '--json'));
  assert.deepEqual([info.rows, info.dim, info.metric, info.segments], [ROWS, DIM, 'l2', 1]);
  assert.match(await good('info', at('a')), /^rows +3000$/m);
  for (const key of [0, 17, ROWS - 1]) {
    const hits = lines(await good('search', at('a'), '--like', String(key)));
    assert.deepEqual(hits.map((hit) => hit.key), nearest(rows[key]));
    assert.deepEqual(hits[0], { key, distance: 0, year: 1990 + key % 30, lang: key % 3 ? 'en' : 'de' });
  }
});

test('a filter keeps what matches, and its mistakes are told', async () => {
  const filter = { and: [{ field: 'year', gte: 2000, lt: 2003 }, { lang: 'de' }] };
  const hits = lines(await good('search', at('a'), '--like', '5', '--filter', JSON.stringify(filter)));
  assert.deepEqual(hits.map((hit) => hit.key), nearest(rows[5], (key) => key % 30 >= 10 && key % 30 < 13 && key % 3 === 0));
  const wrong = await index('search', at('a'), '--like', '5', '--filter', '{"yaer": 2000}');
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /yaer.*year/s);
});

test('rows of the same keys are replaced, and compact gives back what they held', async () => {
  const half = write('half.fvecs', rows.slice(0, 1500).map((row) => row.map((x) => -x)));
  await good('import', at('a'), half, '--first-key', '1000');
  const [before] = lines(await good('info', at('a'), '--json'));
  assert.deepEqual([before.rows, before.dead], [ROWS, 1500]);
  const hits = lines(await good('search', at('a'), '--like', '1000', '-k', '1', '--recall', '100'));
  assert.deepEqual(hits, [{ key: 1000, distance: 0 }]);
  await good('compact', at('a'));
  const [after] = lines(await good('info', at('a'), '--json'));
  assert.deepEqual([after.rows, after.dead, after.segments], [ROWS, 0, 1]);
  assert.ok(after.disk_bytes < before.disk_bytes);
});

test('bench measures recall against the true nearest', async () => {
  await good('import', at('b'), vectors, '--metric', 'l2');
  const queries = rows.slice(0, 50);
  write('q.fvecs', queries);
  write('truth.ivecs', queries.map((query) => nearest(query)), Int32Array);
  const figures = lines(await good('bench', at('b'), at('q.fvecs'), '--truth', at('truth.ivecs'), '--rounds', '1', '--exact', '--json'));
  assert.equal(figures[0].kind, 'open');
  const exact = figures.find((figure) => figure.setting === 'exact');
  assert.equal(exact.recall, 1);
  for (const point of figures.filter((figure) => figure.kind === 'point')) assert.ok(point.recall >= 0.8 && point.us > 0);
  write('wrong.ivecs', queries.map(() => Array(10).fill(7)), Int32Array);
  const wrong = lines(await good('bench', at('b'), at('q.fvecs'), '--truth', at('wrong.ivecs'), '--rounds', '1', '--json'));
  assert.ok(wrong.at(-1).recall < 0.2, 'recall is compared with the file');
  assert.match((await index('bench', at('b'), at('q.fvecs'), '--truth', at('truth.ivecs'), '-k', '11')).err, /11 nearest of each of 50/);
});

test('a backup is an index of its own', async () => {
  assert.match(await good('backup', at('a'), at('a.backup')), /3000 rows in 1 segments/);
  const before = await good('search', at('a'), '--like', '1000');
  await good('import', at('a'), vectors);
  assert.equal(await good('search', at('a.backup'), '--like', '1000'), before);
  assert.notEqual(await good('search', at('a'), '--like', '1000'), before);
  await good('verify', at('a.backup'));
  const again = await index('backup', at('a'), at('a.backup'));
  assert.deepEqual([again.code, /is there already/.test(again.err)], [1, true]);
});

test('verify finds a changed byte and says where', async () => {
  assert.match(await good('verify', at('b')), /nothing is damaged in 3000 rows/);
  const segment = readdirSync(at('b')).find((name) => /seg/.test(name));
  const bytes = readFileSync(join(at('b'), segment));
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(join(at('b'), segment), bytes);
  const run = await index('verify', at('b'));
  assert.equal(run.code, 1);
  assert.match(run.out, new RegExp(`^${segment}: .*, block \\d+: `, 'm'));
});

test('lines are embedded once, and found by a text', async () => {
  const texts = Array.from({ length: 40 }, (_, i) => ({ id: i + 1, text: `passage ${i} of many`, year: 2000 + i }));
  writeFileSync(at('texts.jsonl'), texts.map((line) => JSON.stringify(line)).join('\n') + '\n{"id": 99}\n');
  const service = ['--url', mock.baseURL, '--model', 'mock'];
  const words = ['embed', at('c'), at('texts.jsonl'), ...service, '--columns', 'year:i64'];
  const first = await index(...words);
  assert.match(first.out, /40 lines embedded, 0 were there, 0 failed, 1 of no use/);
  assert.match(first.err, /texts\.jsonl:41: no "text"/);
  assert.match((await index(...words)).out, /0 lines embedded, 40 were there/);
  rmSync(at('c'), { recursive: true }); // but not what lies beside it
  assert.match((await index(...words)).out, /40 lines embedded, 0 were there/);
  const [hit] = lines(await good('search', at('c'), 'passage 7 of many', ...service, '-k', '1'));
  assert.deepEqual([hit.key, hit.year], [8, 2007]);
});

test('a run that is killed goes on where it was, and no line is lost', async () => {
  const count = 30_000;
  writeFileSync(at('many.txt'), Array.from({ length: count }, (_, i) => `line ${i}`).join('\n'));
  const words = ['embed', at('k'), at('many.txt'), '--url', mock.baseURL, '--model', 'mock', '--workers', '2'];
  const remembered = () => (existsSync(at('k.journal')) ? statSync(at('k.journal')).size : 0);
  for (let kills = 0; kills < 3; kills++) {
    const before = remembered();
    const child = start(binary, ['index', ...words]);
    await until('lines that last', () => child.exit || remembered() > before);
    signal(child, 'SIGKILL');
    await child.ended;
  }
  const [, now, known] = /(\d+) lines embedded, (\d+) were there, 0 failed/.exec(await good(...words)).map(Number);
  assert.equal(now + known, count);
  assert.ok(now > 0 && known > 0, `${now} and ${known}`);
  const [info] = lines(await good('info', at('k'), '--json'));
  assert.equal(info.rows, count);
  await good('verify', at('k'));
  for (const i of [0, 1234, count - 1]) {
    const [hit] = lines(await good('search', at('k'), `line ${i}`, '--url', mock.baseURL, '--model', 'mock', '-k', '1'));
    assert.ok(hit.distance < 1e-6);
  }
});

test('a tenant is asked for by name where rows have tenants', async () => {
  writeFileSync(at('tenants.jsonl'), rows.map((_, i) => JSON.stringify({ tenant: i % 2 ? 'odd' : 'even' })).join('\n'));
  await good('import', at('d'), vectors, '--metric', 'l2', '--columns', 'tenant:string:partition', '--values', at('tenants.jsonl'));
  const hits = lines(await good('search', at('d'), '--like', '4', '--filter', '{"tenant": "odd"}'));
  assert.deepEqual(hits.map((hit) => hit.key), nearest(rows[4], (key) => key % 2));
  for (const filter of [[], ['--filter', '{"or": [{"tenant": "odd"}, {"tenant": "even"}]}']]) {
    const run = await index('search', at('d'), '--like', '4', ...filter);
    assert.equal(run.code, 1);
    assert.match(run.err, /partition/);
  }
});

test('mistakes are told with what to do', async () => {
  writeFileSync(at('bad.jsonl'), '{}\n{"year": 1.5}\n');
  writeFileSync(at('cut.fvecs'), readFileSync(vectors).subarray(0, 1001));
  write('nan.fvecs', [[1, 2], [NaN, 0]]);
  for (const [words, code, message] of [
    [[], 2, /which subcommand/],
    [['inof'], 2, /unknown subcommand "inof"/],
    [['info', at('none')], 1, /no index is there/],
    [['import', at('e'), at('none.fvecs')], 1, /none\.fvecs: /],
    [['import', at('e'), at('cut.fvecs')], 1, /cut\.fvecs: /],
    [['import', at('e'), at('nan.fvecs')], 1, /row 1: a number is not finite; nothing was put in/],
    [['import', at('none/e'), vectors], 1, /folder/],
    [['import', at('a'), write('two.fvecs', [[1, 2]])], 1, /vectors of 24 numbers, these have 2/],
    [['import', at('a'), vectors, '--metric', 'ip'], 1, /a is of the metric l2/],
    [['import', at('a'), vectors, '--metric', 'dot'], 2, /cosine, l2 or ip/],
    [['import', at('e2'), at('two.fvecs'), '--columns', 'year:int'], 2, /"year:int"/],
    [['import', at('e3'), at('two.fvecs'), '--columns', 'year:i64', '--values', at('bad.jsonl')], 1, /bad\.jsonl:2: /],
    [['search', at('a')], 2, /TEXT or --like/],
    [['search', at('a'), '--like', '5000'], 1, /no row of key 5000/],
    [['search', at('a'), 'text'], 2, /--url and --model/],
    [['verify'], 2, /which folder/],
  ]) {
    const run = await index(...words);
    assert.equal(run.code, code, `${words.join(' ')}: ${run.out}${run.err}`);
    assert.match(run.err, message);
  }
});

test('the mock ends orderly', () => mock.end());
