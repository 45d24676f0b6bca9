// HTTP/2 on the port of HTTP/1.1: curl, nghttp, h2load and Node's own client.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect, constants } from 'node:http2';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { run, until } from './support/children.mjs';
import { startMock } from './support/mock.mjs';
import { sentence, startPeer, words } from './support/peer.mjs';
import { configuration, startSluice } from './support/sluice.mjs';
import { ask, clientKey, clientOf, test, textOf } from './support/suite.mjs';

const peer = await startPeer();
const mock = await startMock();
const config = configuration(peer.baseURL, { drains: { grace: '10s' } });
const sluice = await startSluice(config);
const json = ['-H', 'content-type: application/json'];
const curl = (...args) => run('curl', ['-sS', '--max-time', '20', ...args]);
const url = `${sluice.baseURL}/chat/completions`;
const file = (name, bytes) => {
  writeFileSync(join(sluice.dir, name), bytes);
  return join(sluice.dir, name);
};

peer
  .on('paced', async (play) => {
    play.stream();
    await play.words(words, 100);
    await play.chunk({}, { finish: 'stop' });
    return play.done();
  })
  .on('endless', async (play) => {
    play.stream();
    await play.words(words);
    await play.closed;
  })
  .on('GET /v1/files/cut', async (play) => {
    play.res.writeHead(200, { 'content-length': 1000 });
    await play.raw('half');
    play.fin();
  })
  .on('GET /v1/files/flood', (play) => {
    const block = randomBytes(65_536);
    play.written = 0;
    play.res.writeHead(200, { 'content-type': 'application/octet-stream' });
    const more = () => {
      while (play.res.write(block)) play.written += block.length;
      play.written += block.length;
    };
    play.res.on('drain', more);
    more();
  })
  .on('POST /v1/files', (play) => play.reply({ bytes: play.body.length }));

// A request on a session: {stream, status, headers, frames, text, error}; `done` is its end.
function request(session, path, { body, method = body ? 'POST' : 'GET', onFrame } = {}) {
  const stream = session.request({
    ':method': method, ':path': path, authorization: `Bearer ${clientKey}`,
    ...(body && !(body instanceof Buffer) ? { 'content-type': 'application/json' } : {}),
  });
  const r = { stream, text: '', frames: 0 };
  stream.on('response', (headers) => Object.assign(r, { headers, status: headers[':status'] }));
  stream.setEncoding('utf8').on('data', (text) => {
    r.text += text;
    r.frames++;
    onFrame?.(text);
  });
  r.done = new Promise((resolve) => {
    stream.on('error', (e) => (r.error = e));
    stream.on('close', () => resolve(r));
  });
  stream.end(body && (body instanceof Buffer ? body : JSON.stringify(body)));
  return r;
}

const open = (to = sluice.url) => new Promise((resolve, reject) => {
  const session = connect(to);
  session.on('connect', () => resolve(session)).on('error', reject);
});

test('curl with prior knowledge: an answer and a stream, whole', async () => {
  const { out } = await curl('--http2-prior-knowledge', '-w', '\n%{http_version}', ...json, '-d', JSON.stringify(ask('any')), url);
  assert.ok(out.includes(sentence));
  assert.ok(out.endsWith('\n2'), out.slice(-20));
  const stream = await curl('--http2-prior-knowledge', ...json, '-d', JSON.stringify(ask('any', { stream: true })), url);
  const plain = await curl('--http1.1', ...json, '-d', JSON.stringify(ask('any', { stream: true })), url);
  assert.equal(stream.out, plain.out);
});

test('curl with an upgrade: the answer to the first request comes by HTTP/2', async () => {
  const { out, err } = await curl('--http2', '-v', '-w', '\n%{http_version}', `${sluice.baseURL}/files/none`);
  assert.match(err, /< HTTP\/1\.1 101/);
  assert.match(err, /< HTTP\/2 404/);
  assert.ok(out.endsWith('\n2'));
  const post = await curl('--http2', '-w', '\n%{http_version}', ...json, '-d', JSON.stringify(ask('any')), url);
  assert.ok(post.out.includes(sentence));
  assert.ok(post.out.endsWith('\n1.1'), 'one with a body is served as it came');
});

test('HEAD has the head of the answer alone', async () => {
  const { out, code } = await curl('--http2-prior-knowledge', '-I', `${sluice.baseURL}/files`);
  assert.equal(code, 0);
  assert.match(out, /^HTTP\/2 404/);
});

test('each event is a DATA frame of its own, however they came', async () => {
  const body = file('stream.json', JSON.stringify(ask('any', { stream: true })));
  const { out } = await run('nghttp', ['-nv', '-d', body, '-H', 'content-type: application/json', url]);
  const lengths = [...out.matchAll(/recv DATA frame <length=(\d+)/g)].map((m) => Number(m[1])).filter(Boolean);
  const plain = await curl('--http1.1', ...json, '-d', JSON.stringify(ask('any', { stream: true })), url);
  const events = plain.out.split('\n\n').filter(Boolean).map((event) => Buffer.byteLength(event) + 2);
  assert.deepEqual(lengths, events);
  assert.match(out, /SETTINGS_MAX_CONCURRENT_STREAMS\(0x03\):100/);
});

test('forty streams at once on one connection, each event when it is sent', async (t) => {
  const session = await open();
  const gaps = [];
  const all = await Promise.all(Array.from({ length: 40 }, () => {
    let last = 0;
    return request(session, '/v1/chat/completions', {
      body: ask('paced', { stream: true }),
      onFrame: () => {
        const now = performance.now();
        if (last) gaps.push(now - last);
        last = now;
      },
    }).done;
  }));
  for (const r of all) {
    assert.equal(r.status, 200);
    assert.ok(r.text.endsWith('data: [DONE]\n\n'), r.text.slice(-100));
    for (const word of words) assert.ok(r.text.includes(JSON.stringify(word)));
  }
  gaps.sort((a, b) => a - b);
  t.diagnostic(`measured: 100 ms between events upstream; here ${gaps[gaps.length >> 1].toFixed(0)} in the middle`);
  session.close();
});

test('a stream that is given up ends its upstream, and no other stream', async () => {
  const session = await open();
  const kept = request(session, '/v1/chat/completions', { body: ask('paced', { stream: true }) });
  const given = request(session, '/v1/chat/completions', { body: ask('endless', { stream: true }) });
  await until('the first events', () => given.text.includes(words[0].trim()));
  const upstream = peer.last('endless');
  const at = performance.now();
  given.stream.close(constants.NGHTTP2_CANCEL);
  const closed = await upstream.closed;
  assert.ok(closed - at < 1000, `${closed - at} ms`);
  assert.ok((await kept.done).text.endsWith('data: [DONE]\n\n'));
  session.close();
});

test('an answer that breaks off is reset, not ended', async () => {
  const session = await open();
  const cut = await request(session, '/v1/files/cut').done;
  assert.equal(cut.status, 200);
  assert.equal(cut.stream.rstCode, constants.NGHTTP2_INTERNAL_ERROR);
  assert.equal((await request(session, '/v1/chat/completions', { body: ask('any') }).done).status, 200);
  session.close();
});

test('a reader that stops holds up its own upstream and nobody else', async () => {
  const session = await open();
  const slow = session.request({ ':path': '/v1/files/flood', authorization: `Bearer ${clientKey}` });
  slow.on('error', () => {});
  await until('the flood has begun', () => peer.last('GET /v1/files/flood'));
  const upstream = peer.last('GET /v1/files/flood');
  let written = -1;
  await until('the upstream is held up', async () => {
    const same = upstream.written === written;
    written = upstream.written;
    await sleep(300);
    return same;
  });
  assert.ok(sluice.memory() < 400_000, 'kB, with the sanitizers'); // what has piled up lies in the kernel
  const other = await request(session, '/v1/chat/completions', { body: ask('any', { stream: true }) }).done;
  assert.ok(other.text.endsWith('data: [DONE]\n\n'));
  slow.close(constants.NGHTTP2_CANCEL);
  await upstream.closed;
  session.close();
});

test('a body of 3 MB arrives whole', async () => {
  const session = await open();
  const large = randomBytes(3_000_000);
  const r = await request(session, '/v1/files', { body: large }).done;
  assert.equal(JSON.parse(r.text).bytes, large.length);
  session.close();
});

test('the SDKs go on with HTTP/1.1 beside it', async () => {
  const session = await open();
  const [h1, h2] = await Promise.all([
    clientOf(sluice).chat.completions.create(ask('paced', { stream: true })).then((s) => textOf(s)),
    request(session, '/v1/chat/completions', { body: ask('paced', { stream: true }) }).done,
  ]);
  assert.equal(h1, sentence);
  assert.ok(h2.text.endsWith('data: [DONE]\n\n'));
  session.close();
});

test('h2load: 3,000 requests on eight connections, none fails', async () => {
  const body = file('ask.json', JSON.stringify(ask('any')));
  const { out } = await run('h2load', ['-n', '3000', '-c', '8', '-m', '16', '-t', '1', '-d', body, '-H', 'content-type: application/json', url], { ms: 60_000 });
  assert.match(out, /3000 succeeded, 0 failed, 0 errored, 0 timeout/, out);
  assert.match(out, /status codes: 3000 2xx/);
});

test('the mock speaks it, faults and interim answers included', async () => {
  const session = await open(new URL(mock.baseURL).origin);
  const interim = request(session, '/v1/chat/completions', { body: ask('mock-interim') });
  const early = [];
  interim.stream.on('headers', (headers) => early.push(headers[':status']));
  assert.equal((await interim.done).status, 200);
  assert.deepEqual(early, [100, 103]);
  const broken = await request(session, '/v1/chat/completions', { body: ask('mock-reset-3', { stream: true }) }).done;
  assert.equal(broken.stream.rstCode, constants.NGHTTP2_INTERNAL_ERROR);
  const whole = await request(session, '/v1/chat/completions', { body: ask('mock', { stream: true }) }).done;
  assert.ok(whole.text.endsWith('data: [DONE]\n\n'));
  session.close();
});

test('bytes that are no HTTP/2 behind its preface end the connection', async () => {
  const { connect: dial } = await import('node:net');
  const ended = new Promise((resolve, reject) => {
    const socket = dial(sluice.port, '127.0.0.1', () => socket.write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\n\r\n`));
    socket.on('close', resolve).on('error', reject).resume();
  });
  await ended;
});

test('SIGTERM: a notice, streams finish, nothing new begins, status 0', async () => {
  const leaving = await startSluice(config);
  const session = await open(leaving.url);
  const goaways = [];
  session.on('goaway', (code, last) => goaways.push([code, last]));
  const under_way = request(session, '/v1/chat/completions', { body: ask('paced', { stream: true }) });
  await until('the first events', () => under_way.text.includes(words[0].trim()));
  leaving.ask('SIGTERM');
  await until('GOAWAY', () => goaways.length > 0);
  assert.equal(goaways[0][0], constants.NGHTTP2_NO_ERROR);
  assert.ok((await under_way.done).text.endsWith('data: [DONE]\n\n'));
  const at = performance.now();
  await leaving.child.ended;
  assert.ok(performance.now() - at < 3000);
  await leaving.end();
});

test('sluice and the mock end orderly: status 0, no report of a sanitizer, no key in its output', async () => {
  await peer.end();
  await sluice.end();
  await mock.end();
});
