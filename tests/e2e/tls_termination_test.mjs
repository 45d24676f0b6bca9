// TLS towards clients: what openssl, node and the official SDKs see of it.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';

import { run, until } from './support/children.mjs';
import { sentence, startPeer } from './support/peer.mjs';
import { binary, configuration, startSluice } from './support/sluice.mjs';
import { ask, sdks, test } from './support/suite.mjs';
import { issue, makeAuthority } from './support/tls.mjs';

const peer = await startPeer();
const authority = await makeAuthority('localhost');
const stranger = await makeAuthority('stranger.test');
const main = await issue(authority, 'main', '/CN=main', 'DNS:localhost,IP:127.0.0.1');
const wild = await issue(authority, 'wild', '/CN=wild', 'DNS:*.models.example');
const client = await issue(authority, 'client', '/O=Water Works/CN=client one');
const intruder = await issue(stranger, 'intruder', '/CN=intruder');
const caFile = authority.ca;

const secured = (tls, more = {}) => configuration(peer.baseURL, {
  listen: { address: '127.0.0.1:0', workers: 2, tls: { certificates: [main, wild], ...tls } }, ...more,
});
const question = 'GET /v1/models HTTP/1.1\\r\\nhost: localhost\\r\\nconnection: close\\r\\n\\r\\n';

// What `openssl s_client` prints of one request.
async function sClient(sluice, ...args) {
  const { out, err } = await run('sh', ['-c',
    `printf '${question}' | openssl s_client -ign_eof -connect 127.0.0.1:${sluice.port} -CAfile ${caFile} "$@"`, 'sh', ...args]);
  return out + err;
}

// A chat by node's own client; {status, text}.
function send(sluice, body, options = {}) {
  return new Promise((resolve, reject) => {
    const req = request(`https://localhost:${sluice.port}/v1/chat/completions`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, ca: readFileSync(caFile), ...options,
    }, (res) => {
      const answer = { status: res.statusCode, text: '' };
      res.setEncoding('utf8').on('data', (piece) => (answer.text += piece));
      res.on('end', () => resolve(answer)).on('error', reject);
    });
    req.on('error', reject);
    req.end(JSON.stringify(body));
  });
}

const textOf = (answer) => JSON.parse(answer.text).choices[0].message.content;
const sluice = await startSluice(secured({}, { limits: { header_timeout: '2s' } }));

test('the address that is served is an https one', () => {
  assert.match(sluice.url, /^https:/);
});

test('openssl shakes hands with TLS 1.3 and 1.2, ALPN, X25519 and a cheap cipher', async () => {
  const newest = await sClient(sluice, '-alpn', 'h2,http/1.1', '-verify_return_error');
  assert.match(newest, /New, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256/);
  assert.match(newest, /ALPN protocol: (h2|http\/1\.1)/);
  assert.match(newest, /Server Temp Key: X25519/);
  assert.match(newest, /Verify return code: 0 \(ok\)/);
  const older = await sClient(sluice, '-tls1_2', '-alpn', 'http/1.1');
  assert.match(older, /New, TLSv1.2, Cipher is ECDHE-ECDSA-AES/);
  assert.match(older, /ALPN protocol: http\/1\.1/);
  assert.match(older, /Secure Renegotiation IS supported/);
  assert.match(older, /Compression: NONE/);
  const none = await sClient(sluice);
  assert.match(none, /No ALPN negotiated/);
  assert.match(none, /HTTP\/1\.1 \d\d\d /);
});

test('an answer with connection: close ends with a close_notify, at once', async () => {
  const started = performance.now();
  const took = await new Promise((resolve, reject) => {
    const socket = connect({ port: sluice.port, host: '127.0.0.1', servername: 'localhost', ca: readFileSync(caFile), allowHalfOpen: true },
      () => socket.write('GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
    socket.resume().on('end', () => { resolve(performance.now() - started); socket.end(); }).on('error', reject);
  });
  assert.ok(took < 1000, `${took}`);
});

test('TLS 1.1 is refused, and so is TLS 1.2 where 1.3 is the least', async () => {
  assert.match(await sClient(sluice, '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'), /alert protocol version/);
  const strict = await startSluice(secured({ min_version: '1.3' }));
  assert.match(await sClient(strict, '-tls1_2'), /alert protocol version/);
  assert.match(await sClient(strict), /New, TLSv1.3/);
  await strict.end();
});

test('sessions are resumed at any worker, and after a reload', async () => {
  const file = join(authority.dir, 'session.pem');
  for (const version of ['-tls1_2', '-tls1_3']) {
    assert.match(await sClient(sluice, version, '-sess_out', file), /New, TLSv/);
    for (let i = 0; i < 6; i++) assert.match(await sClient(sluice, version, '-sess_in', file), /Reused, TLSv/);
    assert.equal(await sluice.reload(secured({}, { limits: { header_timeout: '2s' } })), 'reloaded');
    assert.match(await sClient(sluice, version, '-sess_in', file), /Reused, TLSv/);
  }
  await until('metrics follow', async () => (await sluice.metric('sluice_tls_handshakes_total{version="1.3",kind="resumed"}')) >= 7);
  assert.ok((await sluice.metric('sluice_tls_handshakes_total{version="1.2",kind="resumed"}')) >= 7);
});

test('the certificate is the one of the host that is named', async () => {
  for (const [host, subject] of [['localhost', 'main'], ['a.models.example', 'wild'], ['models.example', 'main'], ['other.test', 'main']]) {
    assert.match(await sClient(sluice, '-servername', host), new RegExp(`subject=CN = ${subject}\n`), host);
  }
  assert.match(await sClient(sluice, '-noservername'), /subject=CN = main\n/);
});

for (const { name } of sdks) {
  test(`${name}: answers and streams over https, verified`, async () => {
    const script = `
      import OpenAI from '${name === 'openai 7' ? 'openai' : 'openai-6'}';
      const client = new OpenAI({ baseURL: '${sluice.baseURL.replace('127.0.0.1', 'localhost')}', apiKey: 'sk-client', maxRetries: 0 });
      const ask = ${JSON.stringify(ask('any'))};
      const answer = await client.chat.completions.create(ask);
      const stream = await client.chat.completions.create({ ...ask, stream: true });
      let text = '';
      for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? '';
      console.log(JSON.stringify([answer.choices[0].message.content, text]));`;
    const options = { cwd: fileURLToPath(new URL('.', import.meta.url)), env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile } };
    const { out, err } = await run('node', ['--input-type=module', '-e', script], options);
    assert.deepEqual(JSON.parse(out || '[]'), [sentence, sentence], err);
    const { out: nothing, err: why } = await run('node', ['--input-type=module', '-e', script], { cwd: options.cwd });
    assert.equal(nothing, '');
    assert.match(why, /certificate/, 'who does not know the authority is not fooled');
  });
}

test('connections are kept, and the log tells the version', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const before = await sluice.metric('sluice_connections_total{outcome="accepted"}');
  for (let i = 0; i < 20; i++) assert.equal(textOf(await send(sluice, ask('any'), { agent })), sentence);
  await sleep(300);
  assert.equal((await sluice.metric('sluice_connections_total{outcome="accepted"}')) - before, 1);
  agent.destroy();
  const line = await until('a line', () => sluice.logged().at(-1));
  assert.equal(line.tls, '1.3');
  assert.equal(line.client_subject, undefined);
});

test('1 MB through TLS and back', async () => {
  const text = 'A long story. '.repeat(75_000);
  assert.equal(textOf(await send(sluice, { model: 'any', messages: [{ role: 'user', content: text }] })), sentence);
  assert.equal(peer.requests.at(-1).json.messages[0].content, text);
});

// All that comes over a plain connection until it closes.
function talkPlain(port, text) {
  return new Promise((resolve, reject) => {
    const socket = connectPlain(port, '127.0.0.1', () => socket.write(text));
    let got = '';
    socket.setEncoding('latin1').on('data', (piece) => (got += piece));
    socket.on('close', () => resolve(got)).on('error', reject);
  });
}
const plainQuestion = 'GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n';

test('a plain request gets a 400 that says why, and the connection closes', async () => {
  const answer = await talkPlain(sluice.port, plainQuestion);
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.match(answer, /connection: close\r\n/);
  assert.match(answer, /this port speaks TLS/);
  await until('it is counted', async () => (await sluice.metric('sluice_tls_failures_total{reason="plaintext"}')) === 1);
});

test('plaintext: allow serves both on one port', async () => {
  const both = await startSluice(secured({ plaintext: 'allow' }));
  assert.match(await talkPlain(both.port, plainQuestion.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n')), /^HTTP\/1\.1 404 /);
  assert.equal(textOf(await send(both, ask('any'))), sentence);
  await both.end();
});

test('client certificates: required, optional, and whose', async () => {
  const shown = ({ certificate, key }) => ({ cert: readFileSync(certificate), key: readFileSync(key), agent: false });
  const strict = await startSluice(secured({ client_ca: caFile, client_auth: 'required' }));
  assert.equal(textOf(await send(strict, ask('any'), shown(client))), sentence);
  await assert.rejects(send(strict, ask('any'), { agent: false }));
  await assert.rejects(send(strict, ask('any'), shown(intruder)));
  const line = await until('a line', () => strict.logged().at(-1));
  assert.equal(line.client_subject, 'CN=client one,O=Water Works');
  await until('they are counted', async () => (await strict.metric('sluice_tls_failures_total{reason="client_certificate"}')) === 2);
  assert.equal(strict.logged().length, 1);
  // A session from before clients were asked opens nothing.
  const file = join(authority.dir, 'open.pem');
  const open = await startSluice(secured({}));
  assert.match(await sClient(open, '-sess_out', file), /HTTP\/1\.1 404/);
  assert.equal(await open.reload(secured({ client_ca: caFile, client_auth: 'required' })), 'reloaded');
  assert.doesNotMatch(await sClient(open, '-sess_in', file), /HTTP\/1\.1/);
  assert.equal(await open.reload(secured({ client_ca: caFile, client_auth: 'optional' })), 'reloaded');
  assert.match(await sClient(open, '-sess_in', file), /HTTP\/1\.1 404/);
  await open.end();
  await strict.end();
});

// Puts a new pair in place of `to`, each file at once, as certificate tools do.
function install(from, to) {
  for (const part of ['certificate', 'key']) {
    copyFileSync(from[part], `${to[part]}.new`);
    renameSync(`${to[part]}.new`, to[part]);
  }
}
const serialOf = (s) => new Promise((resolve, reject) => {
  const socket = connect({ port: s.port, host: '127.0.0.1', servername: 'localhost', ca: readFileSync(caFile) }, () => {
    resolve(socket.getPeerCertificate().serialNumber);
    socket.destroy();
  }).on('error', reject);
});

test('certificates that change are taken over by themselves, under load, and nothing fails', async () => {
  const live = await issue(authority, 'live', '/CN=live', 'DNS:localhost');
  const next = await issue(authority, 'next', '/CN=next', 'DNS:localhost');
  const swapped = await startSluice(secured({ certificates: [live] }));
  const before = await serialOf(swapped);
  let isOver = false;
  let count = 0;
  const kept = new Agent({ keepAlive: true });
  const load = Array.from({ length: 4 }, async (_, i) => {
    for (; !isOver; count++) assert.equal(textOf(await send(swapped, ask('any'), { agent: i % 2 ? kept : false })), sentence);
  });
  await sleep(300);
  install(next, live);
  await until('another certificate', async () => (await serialOf(swapped)) !== before);
  assert.match(swapped.child.err, /certificates reloaded/);
  // Half of a new pair: said, and nothing happens.
  const now = await serialOf(swapped);
  copyFileSync(main.key, live.key);
  const told = async () => JSON.parse((await swapped.admin('/readyz')).text);
  await until('/readyz says so', async () => /live\.key: key values mismatch/.test((await told()).certificates_refused));
  assert.equal((await told()).status, 'ready');
  assert.equal(await serialOf(swapped), now);
  copyFileSync(next.key, live.key);
  await until('it is forgotten', async () => (await told()).certificates_refused === undefined);
  isOver = true;
  await Promise.all(load);
  kept.destroy();
  assert.ok(count > 100, `${count}`);
  assert.equal(swapped.child.err.match(/certificates refused/g).length, 1);
  await swapped.end();
});

test('TLS comes and goes with a reload', async () => {
  const plain = configuration(peer.baseURL);
  const turned = await startSluice(plain);
  assert.equal(await turned.reload(secured({})), 'reloaded');
  await sleep(500); // each worker hears of it in its own time
  assert.equal(textOf(await send(turned, ask('any'))), sentence);
  assert.equal(await turned.reload(plain), 'reloaded');
  await sleep(500);
  assert.match(await talkPlain(turned.port, plainQuestion.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n')), /^HTTP\/1\.1 404 /);
  await turned.end();
});

test('files that can not be used are findings with their place', async () => {
  const file = join(authority.dir, 'check.yaml');
  writeFileSync(file, 'listen:\n  tls:\n    certificates:\n      - certificate: host.pem\n        key: nowhere.key\n      - {certificate: ca.key, key: ca.key}\n'
    + '    client_ca: host.key\n    client_auth: optional\n');
  const { code, err } = await run(binary, ['check', '-c', file]);
  assert.equal(code, 1);
  assert.match(err, /check\.yaml:5:14: can't use \/.*nowhere\.key: No such file or directory \(/);
  assert.match(err, /check\.yaml:6:23: can't use \/.*ca\.key: no start line \(/);
  assert.match(err, /check\.yaml:7:16: can't use \/.*host\.key: /);
  assert.equal((await run(binary, ['serve', '-c', file])).code, 1);
  writeFileSync(file, 'listen: {tls: {certificates: [{certificate: host.pem, key: host.key}]}}\n');
  for (const options of [{}, { cwd: authority.dir }]) {
    assert.equal((await run(binary, ['check', '-c', options.cwd ? 'check.yaml' : file], options)).code, 0, 'paths count from the file');
  }
});

// Sockets that begin a handshake and stop there; `hello` of how many bytes.
const stall = (port, hello) => new Promise((resolve, reject) => {
  const socket = connectPlain(port, '127.0.0.1', () => {
    if (hello) socket.write(Buffer.from('16030102000100', 'hex').subarray(0, hello));
    resolve(socket);
  });
  const openedAt = performance.now();
  socket.life = new Promise((done) => socket.on('close', () => done(performance.now() - openedAt)));
  socket.on('error', (e) => (e.code === 'ECONNRESET' ? null : reject(e)));
  socket.resume();
});

test('200 half handshakes block nobody and end at their deadline', async (t) => {
  const stalled = await Promise.all(Array.from({ length: 200 }, (_, i) => stall(sluice.port, [0, 1, 7][i % 3])));
  const started = performance.now();
  for (let i = 0; i < 10; i++) assert.equal(textOf(await send(sluice, ask('any'), { agent: false })), sentence);
  const took = performance.now() - started;
  t.diagnostic(`measured: 10 new connections while 200 stall: ${took.toFixed(0)} ms`);
  assert.ok(took < 2000, `${took}`);
  const lives = await Promise.all(stalled.map((socket) => socket.life));
  assert.ok(Math.min(...lives) > 1800 && Math.max(...lives) < 4000, `${Math.min(...lives)} to ${Math.max(...lives)}`);
  await until('they are counted', async () => (await sluice.metric('sluice_tls_failures_total{reason="late"}')) === 200);
});

test('a drain closes half handshakes at once; sluice ends orderly', async () => {
  const stalled = await Promise.all(Array.from({ length: 20 }, (_, i) => stall(sluice.port, i % 2 ? 7 : 0)));
  const started = performance.now();
  await sluice.end();
  assert.ok(performance.now() - started < 1500);
  await Promise.all(stalled.map((socket) => socket.life));
  await peer.end();
  authority.remove();
  stranger.remove();
});
