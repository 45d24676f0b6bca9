// HTTP as curl and telnet speak it: what an SDK never sends, others do.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

import { run } from './support/children.mjs';
import { sentence, words } from './support/peer.mjs';
import { ask, endTogether, startTogether, test } from './support/suite.mjs';

const together = await startTogether({ limits: { comment_interval: '1s', header_timeout: '1s' } });
const { peer, sluice } = together;
const url = `${sluice.baseURL}/chat/completions`;
const json = ['-H', 'content-type: application/json'];
const curl = (...args) => run('curl', ['-sS', '--max-time', '20', ...args]);

const large = join(sluice.dir, 'large.json');
writeFileSync(large, JSON.stringify({ ...ask('large'), padding: randomBytes(1_000_000).toString('hex') }));

peer
  .on('paced', async (play) => {
    play.stream();
    await play.words(words, 100);
    await play.chunk({}, { finish: 'stop' });
    return play.done();
  })
  .on('silent', async (play) => {
    play.stream();
    await play.sleep(3500);
    await play.words(words);
    await play.chunk({}, { finish: 'stop' });
    return play.done();
  })
  .on('large', (play) => play.reply({ bytes: play.body.length }));

// Sends bytes as they are; resolves with everything that came until the other side closed.
function raw(bytes, { ms = 10_000 } = {}) {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(sluice.port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(ms, () => reject(new Error(`no end within ${ms} ms: ${text}`)));
    socket.setEncoding('utf8').on('data', (piece) => (text += piece));
    socket.on('close', () => resolve(text)).on('error', reject);
  });
}

test('HTTP/1.0 gets a whole answer and the connection is closed', async () => {
  const { out } = await curl('-0', '-i', ...json, '-d', JSON.stringify(ask('any')), url);
  assert.match(out, /^HTTP\/1\.[01] 200 /);
  assert.doesNotMatch(out, /transfer-encoding/i);
  assert.ok(out.includes('"finish_reason":"stop"'));
});

test('HTTP/1.0 gets a stream that ends with the connection', async () => {
  const { out, code } = await curl('-0', '-i', '-N', ...json, '-d', JSON.stringify(ask('paced', { stream: true })), url);
  assert.equal(code, 0);
  assert.doesNotMatch(out, /transfer-encoding|content-length/i);
  assert.ok(out.endsWith('data: [DONE]\n\n'), out.slice(-100));
});

test('HEAD has the head of the answer alone', async () => {
  const { out, code } = await curl('-I', `${sluice.baseURL}/files`);
  assert.equal(code, 0);
  assert.match(out, /^HTTP\/1\.1 404 /);
  assert.equal(peer.requests.at(-1).method, 'HEAD');
});

test('Expect: 100-continue with 2 MB: curl is told to go on', async () => {
  const { out, err } = await curl('-v', ...json, '-H', 'expect: 100-continue', '--expect100-timeout', '10', '--data-binary', `@${large}`, url);
  assert.match(err, /< HTTP\/1\.1 100/);
  assert.ok(JSON.parse(out).bytes > 2_000_000);
  assert.equal(peer.requests.at(-1).headers.expect, undefined);
});

test('a body in chunks arrives whole', async () => {
  const { out } = await curl(...json, '-H', 'transfer-encoding: chunked', '--data-binary', `@${large}`, url);
  assert.ok(JSON.parse(out).bytes > 2_000_000);
  const upload = await curl('-H', 'transfer-encoding: chunked', '--data-binary', `@${large}`, `${sluice.baseURL}/files`);
  assert.match(upload.out, /no_such_play/);
  assert.ok(peer.requests.at(-1).body.length > 2_000_000);
});

test('one connection serves request after request', async () => {
  const body = JSON.stringify(ask('any'));
  const { err } = await curl('-v', ...json, '-d', body, url, url, url);
  assert.equal(err.match(/Re-using existing connection/g)?.length, 2, err);
});

test('events arrive one by one, when they are sent', async (t) => {
  const headers = { 'content-type': 'application/json' };
  const res = await fetch(url, { method: 'POST', headers, body: JSON.stringify(ask('paced', { stream: true })) });
  const at = [];
  let text = '';
  for await (const piece of res.body.pipeThrough(new TextDecoderStream())) {
    at.push(performance.now());
    text += piece;
  }
  assert.ok(at.length >= words.length, `${at.length} pieces`); // the role comes with the first word
  const gaps = at.slice(1, words.length).map((ms, i) => ms - at[i]);
  t.diagnostic(`measured: 100 ms between events upstream; here ${gaps.map((g) => g.toFixed(0)).join(' ')}`);
  for (const gap of gaps.slice(1)) assert.ok(gap > 40 && gap < 300, `${gaps}`);
  assert.ok(text.indexOf('Water ') < text.indexOf('[DONE]'));
});

test('curl -N shows the same bytes that the upstream sent', async () => {
  const straight = await curl('-N', ...json, '-d', JSON.stringify(ask('any', { stream: true })), `${peer.baseURL}/chat/completions`);
  const through = await curl('--http1.1', '-N', ...json, '-d', JSON.stringify(ask('any', { stream: true })), url);
  assert.equal(through.out, straight.out);
  assert.ok(through.out.includes(words[0]) && sentence.endsWith('.'));
});

test('a silent stream is kept warm by comments', async () => {
  const { out } = await curl('-N', ...json, '-d', JSON.stringify(ask('silent', { stream: true })), url);
  const comments = out.match(/^: keep-alive$/gm)?.length ?? 0;
  assert.ok(comments >= 2 && comments <= 3, `${comments} comments`);
  assert.ok(out.indexOf(': keep-alive') < out.indexOf('data: '));
  assert.ok(out.endsWith('data: [DONE]\n\n'));
});

const refused = [
  ['two lengths', 'POST /v1/files HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
  ['a length and chunks', 'POST /v1/files HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['no host', 'GET /v1/models HTTP/1.1\r\n\r\n'],
  ['a space before the colon', 'GET /v1/models HTTP/1.1\r\nhost: x\r\nx-a : b\r\n\r\n'],
  ['a bare line feed', 'GET /v1/models HTTP/1.1\nhost: x\n\n'],
];
for (const [what, bytes] of refused) {
  test(`${what}: 400 in the dialect, nothing reaches the upstream, the connection closes`, async () => {
    const before = peer.requests.length;
    const text = await raw(bytes);
    assert.match(text, /^HTTP\/1\.1 400 /);
    const { error } = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4));
    assert.equal(error.type, 'invalid_request_error');
    assert.equal(peer.requests.length, before);
  });
}

test('a head that does not come is given up', async () => {
  const before = performance.now();
  const text = await raw('GET /v1/models HTTP/1.1\r\nhost: x\r\n');
  assert.ok(performance.now() - before < 5000);
  assert.match(text, /^(HTTP\/1\.1 408 |$)/);
});

test('a head that is too large is a 431', async () => {
  const { out } = await curl('-i', '-H', `x-large: ${'y'.repeat(40_000)}`, `${sluice.baseURL}/models`);
  assert.match(out, /^HTTP\/1\.1 431 /);
});

test('a path outside of /v1 is a 404 in the dialect', async () => {
  for (const path of ['/', '/v2/models', '/v1/../admin', '/v1/%2e%2e/admin']) {
    const { out } = await curl('--path-as-is', '-i', sluice.url + path);
    assert.match(out, /^HTTP\/1\.1 404 /);
    assert.match(out, /"code":"unknown_url"/);
  }
});

test('a body over the limit is a 413', async () => {
  const text = await raw(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${65 * 1024 * 1024}\r\n\r\n`);
  assert.match(text, /^HTTP\/1\.1 413 /);
});

endTogether(together);
