// gRPC services of others behind sluice: natively, by official clients, and as REST.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, constants } from 'node:http2';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { end, printed, run, start, until } from './support/children.mjs';
import { sentence, startPeer, words } from './support/peer.mjs';
import { binary, configuration, secret, startSluice } from './support/sluice.mjs';
import { collect, descriptorSet, grpc, startStock, stockClient, unary, v1 } from './support/stock.mjs';
import { test, thrown } from './support/suite.mjs';
import { makeAuthority } from './support/tls.mjs';

const stock = await startStock();
const peer = await startPeer();
const provider = (more = {}) =>
  ({ name: 'stock', dialect: 'grpc', base_url: stock.baseURL, descriptor_set: descriptorSet, ...more });
const configure = (...providers) => configuration('', {
  providers: [{ name: 'peer', base_url: peer.baseURL, api_key: secret }, ...providers],
});
const config = configure(provider());
const sluice = await startSluice(config);
const native = stockClient(sluice.port);
const direct = stockClient(stock.port);
const { status } = grpc;

const metadata = (fields) => {
  const m = new grpc.Metadata();
  for (const [name, value] of Object.entries(fields)) m.set(name, value);
  return m;
};
const rest = async (path, options = {}) => {
  const res = await fetch(sluice.url + path, options);
  const text = await res.text();
  return { res, text, json: /^application\/json$/.test(res.headers.get('content-type') ?? '') && text ? JSON.parse(text) : null };
};
const post = (path, body, more = {}) => rest(path, { method: 'POST', body: JSON.stringify(body), ...more });

// Every kind of field, as JSON has it.
const item = {
  name: 'items/a', raw: 'AP/+', big: '-9223372036854775808', huge: '18446744073709551615', small: -1,
  ratio: 0.1, isOpen: true, color: 'COLOR_BLUE', counts: { a: 1, '': 0 }, boxes: { '-5': { label: 'ü' } },
  tags: ['', '所有'], colors: ['COLOR_UNSPECIFIED', 'COLOR_RED'], shelf: '', wrapped: '0',
  madeAt: '2026-01-31T23:59:59.000000001Z', lasts: '-1.500s', mask: 'name,madeAt',
  extra: { '@type': 'type.googleapis.com/stock.v1.Box', label: 'any' }, maybe: 0,
  fixed: '1', zigzag: '-1', half: 0.5,
};

// --- Natively ---

test('a native call: metadata and trailers both ways, bytes untouched', async () => {
  const sent = metadata({ 'x-mine': 'a, b', 'blob-bin': Buffer.from([0, 255, 10]), traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'x-request-id': 'rpc-1' });
  const { response, head, tail } = await unary(native, 'Get', { name: 'items/a' }, sent);
  assert.equal(response.name, 'items/a');
  assert.deepEqual(response.counts, { a: 1, b: 0 });
  const seen = stock.calls.at(-1).metadata;
  assert.deepEqual(seen.get('x-mine'), ['a, b']);
  assert.deepEqual(seen.get('blob-bin'), [Buffer.from([0, 255, 10])]);
  assert.match(seen.get('traceparent')[0], /^00-0af76519/);
  assert.deepEqual(seen.get('x-request-id'), ['rpc-1']);
  assert.deepEqual(head.get('stock-bin'), [Buffer.from([0, 1, 254, 255])]);
  assert.deepEqual(head.get('x-stock'), ['head']);
  assert.deepEqual(head.get('x-request-id'), ['rpc-1']);
  assert.deepEqual(head.get('x-sluice-provider'), ['stock']);
  assert.deepEqual(tail.get('x-stock-end'), ['tail']);
  assert.deepEqual(tail.get('end-bin'), [Buffer.from([255, 0])]);
  const line = await sluice.log('rpc-1');
  assert.equal(line.route, 'rpc');
  assert.equal(line.service, 'stock.v1.Stock');
  assert.equal(line.rpc, 'Get');
  assert.equal(line.provider, 'stock');
  assert.equal(line.grpc_status, 'OK');
  assert.equal(line.status, 200);
});

test('messages pass as they are: unknown fields, fields in any order, 10 MB', async () => {
  const raw = stockClient(sluice.port, 'Create');
  const strange = Buffer.from('f80701120141f207026869120142', 'hex'); // fields 127 and 126 are unknown
  assert.deepEqual((await unary(raw, 'Create', strange)).response, strange);
  const large = Buffer.alloc(10_000_000, 'abc');
  assert.ok((await unary(raw, 'Create', large)).response.equals(large));
  assert.deepEqual((await unary(raw, 'Create', Buffer.alloc(0))).response, Buffer.alloc(0));
  raw.close();
});

test('a status passes with its message, its details and its trailers', async () => {
  for (const client of [direct, native]) {
    const e = await thrown(unary(client, 'Get', { name: 'items/none' }));
    assert.equal(e.code, status.NOT_FOUND);
    assert.equal(e.details, 'no such item: 100% "gone" ü');
    assert.equal(e.metadata.get('grpc-status-details-bin')[0].length > 20, true);
    assert.deepEqual(e.metadata.get('x-stock-end'), ['tail']);
    assert.deepEqual(e.head.get('x-stock'), ['head']);
  }
  const { status: s } = await collect(native.Watch({ name: 'w', count: 5, failAfter: 2 }));
  assert.equal(s.code, status.ABORTED);
});

test('all four kinds of calls', async () => {
  const watched = await collect(native.Watch({ name: 'w', count: 4 }));
  assert.deepEqual(watched.messages.map((m) => m.small), [1, 2, 3, 4]);
  assert.equal(watched.status.code, status.OK);
  assert.deepEqual(watched.status.metadata.get('x-stock-end'), ['tail']);

  const sent = await new Promise((done, failed) => {
    const call = native.Send((e, r) => e ? failed(e) : done(r));
    for (let i = 0; i < 100; i++) call.write({ raw: Buffer.alloc(1000) });
    call.end();
  });
  assert.deepEqual(sent, { messages: '100', bytes: '100000' });

  const chat = native.Chat();
  const heard = [];
  chat.on('data', (m) => heard.push(m));
  const ended = new Promise((done) => chat.on('status', done));
  for (let i = 0; i < 5; i++) {
    chat.write({ name: `m${i}` });
    await until('an answer to each message as it is sent', () => heard.length === i + 1);
  }
  chat.end();
  assert.equal((await ended).code, status.OK);
  assert.deepEqual(heard.map((m) => m.name), ['m0', 'm1', 'm2', 'm3', 'm4']);
});

test('a bidirectional call that fails in the middle', async () => {
  const chat = native.Chat();
  const all = collect(chat);
  chat.write({ name: 'a' });
  await sleep(50);
  chat.write({ name: 'fail' });
  const { messages, status: s } = await all;
  assert.deepEqual(messages.map((m) => m.name), ['a']);
  assert.equal(s.code, status.DATA_LOSS);
});

test('a slow reader holds the upstream up', async () => {
  let written = 0;
  const eager = createServer();
  eager.on('stream', async (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    const block = Buffer.concat([Buffer.from('0000004000', 'hex'), Buffer.alloc(16384)]);
    while (!stream.closed && written < 64 * 1024 * 1024) {
      if (!stream.write(block)) await new Promise((go) => { stream.once('drain', go); stream.once('close', go); });
      written += block.length;
    }
  });
  await new Promise((done) => eager.listen(0, '127.0.0.1', done));
  const s = await startSluice(configure(provider({ base_url: `http://127.0.0.1:${eager.address().port}` })));
  const session = connect(s.url);
  const call = session.request({ ':method': 'POST', ':path': '/stock.v1.Stock/Watch', 'content-type': 'application/grpc', te: 'trailers' });
  call.on('error', () => {});
  call.end(Buffer.alloc(5)); // and nobody reads
  await until('the first piece', () => written > 0);
  await sleep(500);
  assert.ok(written < 1024 * 1024, `${written} bytes were written ahead, by all buffers on the way`);
  call.close(constants.NGHTTP2_CANCEL);
  session.close();
  await s.end();
  eager.close();
});

test('a slow server holds the client up', async () => {
  const rude = createServer();
  const open = [];
  rude.on('session', (session) => session.on('error', () => {}));
  rude.on('stream', (stream) => { // reads nothing
    stream.on('error', () => {});
    open.push(stream);
  });
  await new Promise((done) => rude.listen(0, '127.0.0.1', done));
  const s = await startSluice(configure(provider({ base_url: `http://127.0.0.1:${rude.address().port}` })));
  const client = stockClient(s.port);
  const call = client.Send(() => {});
  call.on('error', () => {});
  let written = 0;
  while (written < 64 * 1024 * 1024 && await new Promise((done) => {
    if (call.write({ raw: Buffer.alloc(64 * 1024) })) return done(true);
    call.once('drain', () => done(true));
    setTimeout(() => done(false), 500);
  })) written += 64 * 1024;
  assert.ok(written < 4 * 1024 * 1024, `${written} bytes were taken for a server that reads nothing`);
  call.cancel();
  await until('the call gone at the upstream', () => open[0].closed);
  client.close();
  await s.end();
  rude.close();
});

test('a deadline passes on, and is kept', async () => {
  const { metadata: m } = await unary(native, 'Get', { name: 'items/a' }, undefined, { deadline: Date.now() + 5000 })
    .then(() => stock.calls.at(-1));
  assert.ok(m);
  const left = stock.calls.at(-1).deadline.valueOf() - Date.now();
  assert.ok(left > 3000 && left <= 5000, `${left} ms left`);
  const began = performance.now();
  const e = await thrown(unary(native, 'Get', { name: 'items/never' }, undefined, { deadline: Date.now() + 300 }));
  assert.equal(e.code, status.DEADLINE_EXCEEDED);
  assert.ok(performance.now() - began < 600);
  await until('the upstream hears that it is over', () => stock.calls.at(-1).cancelledAt);
});

test("the provider's own timeout bounds those who name none", async () => {
  const s = await startSluice(configure(provider({ timeout: '300ms' })));
  const client = stockClient(s.port);
  const e = await thrown(unary(client, 'Get', { name: 'items/never' }));
  assert.equal(e.code, status.DEADLINE_EXCEEDED);
  const res = await fetch(`${s.url}/stock/v1/items/never`);
  assert.equal(res.status, 504);
  assert.equal((await res.json()).status, 'DEADLINE_EXCEEDED');
  client.close();
  await s.end();
});

test('a client that cancels is heard by the upstream within 50 ms', async () => {
  const took = [];
  for (let i = 0; i < 10; i++) {
    const count = stock.calls.length;
    const call = native.Watch({ name: 'w', count: 1000, waitMs: 50 });
    const over = collect(call);
    await until('the call at the upstream', () => stock.calls.length > count);
    const seen = stock.calls.at(-1);
    await sleep(60);
    const at = performance.now();
    call.cancel();
    assert.equal((await over).status.code, status.CANCELLED);
    await until('the cancellation at the upstream', () => seen.cancelledAt);
    took.push(seen.cancelledAt - at);
  }
  took.sort((a, b) => a - b);
  assert.ok(took[5] < 50, `${took.map((t) => t.toFixed(1))} ms`);
});

test('a REST client that leaves is heard by the upstream', async () => {
  const stop = new AbortController();
  const count = stock.calls.length;
  const res = await fetch(`${sluice.url}/stock/v1/items/a:watch?count=1000&waitMs=20`, { signal: stop.signal });
  await res.body.getReader().read();
  stop.abort();
  await until('the cancellation at the upstream', () => stock.calls[count].cancelledAt);
});

test('each message of a stream arrives as it is sent', async () => {
  const before = stock.sentAt.length;
  const arrived = [];
  const call = native.Watch({ name: 'w', count: 5, waitMs: 100 });
  call.on('data', () => arrived.push(performance.now()));
  await collect(call);
  const res = await fetch(`${sluice.url}/stock/v1/items/a:watch?count=5&waitMs=100`);
  for await (const piece of res.body) if (piece.length) arrived.push(performance.now());
  const late = arrived.map((at, i) => at - stock.sentAt[before + i]);
  assert.equal(late.length, 10);
  assert.ok(late.every((ms) => ms < 50), `${late.map((ms) => ms.toFixed(1))} ms`);
});

test('a server that dies in the middle is UNAVAILABLE, never OK', async () => {
  const dying = async () => {
    const child = start(process.execPath, [fileURLToPath(new URL('./support/stock.mjs', import.meta.url))]);
    const [, port] = await printed(child, 'out', /^stock (\d+)$/m);
    const s = await startSluice(configure(provider({ base_url: `http://127.0.0.1:${port}` })));
    return { child, s };
  };
  const { child, s } = await dying();
  const client = stockClient(s.port);
  const call = client.Watch({ name: 'w', count: 100, waitMs: 50 });
  const over = collect(call);
  await once(call, 'data');
  const res = await fetch(`${s.url}/stock/v1/items/a:watch?count=100&waitMs=50`);
  const reader = res.body.getReader();
  await reader.read();
  process.kill(child.process.pid, 'SIGKILL');
  const { messages, status: told } = await over;
  assert.ok(messages.length > 0);
  assert.equal(told.code, status.UNAVAILABLE, told.details);
  let text = '';
  for (let got; !(got = await reader.read()).done;) text += Buffer.from(got.value).toString();
  const last = JSON.parse(text.trim().split('\n').at(-1));
  assert.equal(last.error.status, 'UNAVAILABLE');
  await child.ended;
  // Nobody is there any more.
  assert.equal((await thrown(unary(client, 'Get', { name: 'items/a' }))).code, status.UNAVAILABLE);
  assert.equal((await fetch(`${s.url}/stock/v1/items/a`)).status, 503);
  client.close();
  await s.end();
});

test('an upstream that is no gRPC server, or ends without a status, is told as what it is', async () => {
  const plays = {
    'items/html': (stream) => { stream.respond({ ':status': 503, 'content-type': 'text/html' }); stream.end('<p>'); },
    'items/json': (stream) => { stream.respond({ ':status': 200, 'content-type': 'application/json' }); stream.end('{}'); },
    'items/bare': (stream) => { stream.respond({ ':status': 200, 'content-type': 'application/grpc' }); stream.end(Buffer.from('0000000000', 'hex')); },
    'items/half': (stream) => { stream.respond({ ':status': 200, 'content-type': 'application/grpc' }); stream.write(Buffer.from('00000000ff', 'hex')); stream.close(constants.NGHTTP2_NO_ERROR); },
    'items/calm': (stream) => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM),
    'items/lost': (stream) => stream.session.destroy(),
  };
  const want = {
    'items/html': ['UNAVAILABLE', 503], 'items/json': ['UNKNOWN', 500], 'items/bare': ['UNKNOWN', 500],
    'items/half': ['UNKNOWN', 500], 'items/calm': ['RESOURCE_EXHAUSTED', 429], 'items/lost': ['UNAVAILABLE', 503],
  };
  const rude = createServer();
  rude.on('stream', (stream) => {
    stream.on('error', () => {});
    const got = [];
    stream.on('data', (d) => got.push(d));
    stream.on('end', () => plays[Buffer.concat(got).subarray(7).toString()](stream));
  });
  await new Promise((done) => rude.listen(0, '127.0.0.1', done));
  const s = await startSluice(configure(provider({ base_url: `http://127.0.0.1:${rude.address().port}` })));
  const client = stockClient(s.port);
  for (const [name, [code, http]] of Object.entries(want)) {
    const e = await thrown(unary(client, 'Get', { name }));
    assert.ok([code, 'UNAVAILABLE', 'INTERNAL'].includes(status[e.code]) && e.code, `${name}: ${e.message}`);
    const res = await fetch(`${s.url}/stock/v1/${name}`);
    assert.ok(res.status === http || res.status >= 500, `${name}: ${res.status}`);
    assert.ok((await res.json()).code > 0);
  }
  client.close();
  await s.end();
  rude.close();
});

test('over TLS the upstream is spoken to by ALPN', async () => {
  const authority = await makeAuthority('localhost');
  const file = (name) => readFileSync(join(authority.dir, name));
  const secure = await startStock(grpc.ServerCredentials.createSsl(null, [{ private_key: file('host.key'), cert_chain: file('host.pem') }]));
  const base_url = `https://localhost:${secure.port}`;
  const s = await startSluice(configure(provider({ base_url, ca_file: authority.ca, api_key: secret })));
  const client = stockClient(s.port);
  const { response } = await unary(client, 'Get', { name: 'items/a' }, metadata({ authorization: 'Bearer mine' }));
  assert.equal(response.name, 'items/a');
  assert.deepEqual(secure.calls[0].metadata.get('authorization'), [`Bearer ${secret}`]);
  await s.reload(configure(provider({ base_url })));
  await until('the upstream is no longer trusted', async () => {
    const e = await unary(client, 'Get', { name: 'items/a' }).catch((error) => error);
    return e.code === status.UNAVAILABLE && /No trusted TLS connection/.test(e.details);
  });
  client.close();
  await s.end();
  secure.end();
  authority.remove();
});

test('many calls at once', async () => {
  const calls = Array.from({ length: 200 }, (_, i) => i % 2
    ? unary(native, 'Get', { name: `items/${i}`, waitMs: i % 20 }).then(({ response }) => response.name)
    : rest(`/stock/v1/items/${i}?waitMs=${i % 20}`).then(({ json }) => json.name));
  assert.deepEqual(await Promise.all(calls), Array.from({ length: 200 }, (_, i) => `items/${i}`));
});

// --- As REST ---

test('every kind of field there and back', async () => {
  const { res, json } = await post('/stock/v1/items', item);
  assert.equal(res.status, 200);
  assert.deepEqual(json, item);
  // What is unset is left out, what is zero and has presence is not.
  assert.deepEqual((await post('/stock/v1/items', { small: 0, maybe: 0, wrapped: 0, tags: [], box: {} })).json, { maybe: 0, wrapped: '0', box: {} });
  assert.deepEqual((await post('/stock/v1/items', {})).json, {});
  // Names as declared, numbers as text, enums by number: all of it is read.
  assert.deepEqual((await post('/stock/v1/items', { is_open: true, small: '7', color: 1, ratio: 'NaN' })).json, { isOpen: true, small: 7, color: 'COLOR_RED', ratio: 'NaN' });
});

test('what REST sends is what a native client would', async () => {
  await post('/stock.v1.Stock/Replace', item, { headers: { 'content-type': 'application/json' } });
  const { request } = stock.calls.at(-1);
  assert.equal(stock.calls.at(-1).method, 'Replace');
  assert.deepEqual(request.raw, Buffer.from([0, 255, 254]));
  assert.equal(request.big, '-9223372036854775808');
  assert.equal(request.huge, '18446744073709551615');
  assert.equal(request.wrapped.value, undefined); // a wrapper of zero is there, and empty
  assert.equal(request.madeAt.nanos, 1);
  assert.deepEqual(request.mask.paths, ['name', 'made_at']);
  assert.equal(request.maybe, 0);
});

test('every way a rule allows', async () => {
  assert.equal((await rest('/stock/v1/items/a?count=2')).json.name, 'items/a');
  assert.deepEqual((await rest('/v1/stock/items%2Fa')).json, { a: 1, b: 0 }); // response_body
  const put = await rest('/stock/v1/items/b', { method: 'PUT', body: '{"name":"ignored","small":5}' });
  assert.deepEqual(put.json, { name: 'items/b', small: 5 });
  const patch = await rest('/stock/v1/items/c?mask=isOpen,small', { method: 'PATCH', body: '{"isOpen":true}' });
  assert.deepEqual(patch.json, { name: 'items/c', isOpen: true, mask: 'isOpen,small' });
  assert.deepEqual((await rest('/stock/v1/items/d', { method: 'DELETE' })).json, { name: 'items/d' });
  assert.deepEqual((await rest('/stock/v1/items', { method: 'SEARCH' })).json, { name: 'found' });
  const json = { 'content-type': 'application/json' };
  assert.deepEqual((await post('/stock.v1.Stock/Plain', { name: 'p' }, { headers: json })).json, { name: 'p' });
});

test('bodies that are bytes: google.api.HttpBody', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const up = await fetch(`${sluice.url}/stock/v1/files/a/b.bin`, { method: 'POST', body: bytes, headers: { 'content-type': 'image/x-own' } });
  assert.equal(up.headers.get('content-type'), 'image/x-own');
  assert.deepEqual(Buffer.from(await up.arrayBuffer()), Buffer.concat([Buffer.from('files/a/b.bin:'), bytes]));
  const down = await fetch(`${sluice.url}/stock/v1/files/x?count=3`);
  assert.equal(down.headers.get('content-type'), 'text/csv');
  assert.equal(Buffer.from(await down.arrayBuffer()).toString('latin1'), '0,\xff\n1,\xff\n2,\xff\n');
});

test('10 MB in and out as JSON', async () => {
  const raw = Buffer.alloc(10_000_000, 'xyz').toString('base64');
  const { res, json } = await post('/stock/v1/items', { raw });
  assert.equal(res.status, 200);
  assert.equal(json.raw === raw, true);
  const large = await rest('/stock/v1/items/a?size=10000000');
  assert.equal(large.json.raw.length, Math.ceil(10_000_000 / 3) * 4);
});

test('a stream as lines, and as events', async () => {
  const lines = await rest('/stock/v1/items/a:watch?count=3');
  assert.equal(lines.res.headers.get('content-type'), 'application/x-ndjson');
  assert.deepEqual(lines.text.trim().split('\n').map((l) => JSON.parse(l).small), [1, 2, 3]);
  const events = await rest('/stock/v1/items/a:watch?count=2', { headers: { accept: 'text/event-stream' } });
  assert.equal(events.text, 'data: {"name":"items/a","small":1}\n\ndata: {"name":"items/a","small":2}\n\n');
  const failed = await rest('/stock/v1/items/a:watch?count=5&failAfter=2');
  assert.equal(failed.res.status, 200);
  assert.deepEqual(JSON.parse(failed.text.trim().split('\n').at(-1)), { error: { code: 10, message: 'enough', status: 'ABORTED' } });
  const many = await rest('/stock/v1/items/a:watch?count=20000');
  assert.equal(many.text.trim().split('\n').length, 20000);
});

test('errors: a status as JSON under the HTTP status it means', async () => {
  const none = await rest('/stock/v1/items/none', { headers: { 'x-request-id': 'rest-none' } });
  assert.equal(none.res.status, 404);
  assert.deepEqual(none.json, { code: 5, message: 'no such item: 100% "gone" ü', status: 'NOT_FOUND',
    details: [{ '@type': 'type.googleapis.com/stock.v1.Box', label: 'why' }] });
  const line = await sluice.log('rest-none');
  assert.equal(line.route, 'rest');
  assert.equal(line.grpc_status, 'NOT_FOUND');
  assert.equal(line.error, 'NOT_FOUND');
  const typed = await post('/stock/v1/items', { big: 'many' });
  assert.equal(typed.res.status, 400);
  assert.match(typed.json.message, /^big: /);
  assert.equal((await rest('/stock/v1/items/a?nothing=1')).res.status, 400);
  assert.equal((await post('/stock/v1/items:send', {})).res.status, 501);
  const method = await rest('/stock/v1/items/a', { method: 'POST', body: '{}' });
  assert.equal(method.res.status, 405);
  assert.deepEqual(method.res.headers.get('allow').split(', ').sort(), ['DELETE', 'GET', 'PATCH', 'PUT']);
  const unknown = await rest('/stock/v2/items');
  assert.equal(unknown.res.status, 404);
  assert.ok(unknown.json.error);
  const text = await rest('/stock.v1.Stock/Plain', { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } });
  assert.equal(text.res.status, 415);
});

test("headers become metadata, and the upstream's become headers", async () => {
  const { res } = await rest('/stock/v1/items/a', { headers: { 'x-mine': 'm', 'blob-bin': 'AAE=', 'grpc-encoding': 'gzip', cookie: 'c=1' } });
  const seen = stock.calls.at(-1).metadata;
  assert.deepEqual(seen.get('x-mine'), ['m']);
  assert.deepEqual(seen.get('blob-bin'), [Buffer.from([0, 1])]);
  assert.deepEqual(seen.get('cookie'), ['c=1']);
  assert.equal(res.headers.get('x-stock'), 'head');
  assert.equal(res.headers.get('stock-bin'), 'AAH+/w==');
  assert.equal(res.headers.get('x-sluice-provider'), 'stock');
});

test('curl: by HTTP/1.1 and by HTTP/2', async () => {
  for (const version of ['--http1.1', '--http2', '--http2-prior-knowledge']) {
    const curl = async (...args) => (await run('curl', ['-sS', '--max-time', '20', version, ...args])).out;
    assert.equal(await curl(`${sluice.url}/stock/v1/items/a`), '{"name":"items/a","counts":{"a":1,"b":0}}');
    assert.equal(await curl('-d', '{"big":"5"}', `${sluice.url}/stock/v1/items`), '{"big":"5"}');
    assert.equal(await curl('-N', `${sluice.url}/stock/v1/items/a:watch?count=2`), '{"name":"items/a","small":1}\n{"name":"items/a","small":2}\n');
    assert.match(await curl('-i', '-X', 'DELETE', `${sluice.url}/v1/stock/x`), /^HTTP\/[0-9.]+ 405.*\r\nallow: GET\r\n/sim);
  }
});

// --- Our own chats ---

test('our own chat as REST: whole, as lines, as events, and its errors', async () => {
  const question = { model: 'say', messages: [{ role: 'ROLE_USER', parts: [{ text: 'Where does water go?' }] }] };
  const whole = await post('/sluice/v1/chat', question);
  assert.equal(whole.res.status, 200);
  assert.equal(whole.json.choices[0].message.parts.map((p) => p.text).join(''), sentence);
  assert.equal(whole.json.choices[0].finishReason, 'FINISH_REASON_STOP');
  const lines = await post('/sluice/v1/chat:stream', question);
  const texts = (events) => events.map((e) => e.delta?.text ?? '').join('');
  const told = lines.text.trim().split('\n').map((l) => JSON.parse(l));
  assert.ok(told[0].start, lines.text);
  assert.equal(texts(told), sentence, lines.text);
  const events = await post('/sluice/v1/chat:stream', question, { headers: { accept: 'text/event-stream' } });
  assert.equal(texts(events.text.trim().split('\n\n').map((e) => JSON.parse(e.replace(/^data: /, '')))), sentence);
  const bad = await post('/sluice/v1/chat', { ...question, nothing: 1 });
  assert.equal(bad.res.status, 400);
  assert.equal(bad.json.status, 'INVALID_ARGUMENT');
  peer.on('broken', async (play) => {
    play.stream();
    await play.words(words.slice(0, 2));
    play.reset();
  });
  const broken = await post('/sluice/v1/chat:stream', { ...question, model: 'broken' });
  assert.equal(JSON.parse(broken.text.trim().split('\n').at(-1)).error.status, 'UNAVAILABLE', broken.text);
  peer.on('refused', (play) => play.reply({ error: { message: 'slow down' } }, 429));
  const refused = await post('/sluice/v1/chat', { ...question, model: 'refused' });
  assert.equal(refused.res.status, 429);
  assert.equal(refused.json.message, 'slow down');
});

test('a search in a collection that is not there says so', async () => {
  const { res, json } = await post('/sluice/v1/collections/none:search', { query: 'water' });
  assert.equal(res.status, 404);
  assert.equal(json.status, 'NOT_FOUND');
  assert.match(json.message, /'none'/);
});

test("the first event of our own chat's stream goes out at once", async () => {
  let sentAt;
  peer.on('paced', async (play) => {
    play.stream();
    sentAt = performance.now();
    await play.words(words, 150);
    await play.chunk({}, { finish: 'stop' });
    return play.done();
  });
  const res = await fetch(`${sluice.url}/sluice/v1/chat:stream`, { method: 'POST',
    body: JSON.stringify({ model: 'paced', messages: [{ role: 'ROLE_USER', parts: [{ text: 'x' }] }] }) });
  const arrived = [];
  for await (const piece of res.body) if (piece.length) arrived.push(performance.now());
  assert.ok(arrived.length >= words.length, `${arrived.length} pieces`);
  assert.ok(arrived[0] - sentAt < 250, `${arrived[0] - sentAt} ms`);
});

// --- Operation ---

test('metrics count calls by their code', async () => {
  assert.ok(await sluice.metric('sluice_rpc_total{code="OK"}') > 100);
  assert.ok(await sluice.metric('sluice_rpc_total{code="NOT_FOUND"}') >= 2);
  assert.ok(await sluice.metric('sluice_rpc_total{code="CANCELLED"}') >= 11);
  assert.ok(await sluice.metric('sluice_requests_total{route="rpc"}') > 100);
  assert.ok(await sluice.metric('sluice_requests_total{route="rest"}') > 100);
});

test('a reload brings services and takes them away; a refused one changes nothing', async () => {
  const s = await startSluice(configure());
  const ask = async () => (await fetch(`${s.url}/stock/v1/items/a`)).status;
  const becomes = (code) => until(`a ${code} from each worker`, async () =>
    (await Promise.all(Array.from({ length: 8 }, ask))).every((got) => got === code));
  assert.equal(await ask(), 404);
  assert.equal(await s.reload(configure(provider())), 'reloaded');
  await becomes(200);
  const call = fetch(`${s.url}/stock/v1/items/a:watch?count=10&waitMs=50`).then((res) => res.text());
  await sleep(100);
  assert.equal(await s.reload(configure(provider(), provider({ name: 'twice' }))), 'refused');
  assert.match(s.child.err, /sluice\.yaml:\d+:\d+: provider twice: GET \/stock\/v1\/\{name=items\/\*\} of stock\.v1\.Stock\.Get and .* match the same requests/);
  assert.equal(await ask(), 200);
  assert.equal(await s.reload(configure()), 'reloaded');
  await becomes(404);
  assert.equal((await call).trim().split('\n').length, 10); // with the settings it began with
  await s.end();
});

test('check finds what could not be served, with its place', async () => {
  const s = await startSluice(configure());
  const check = async (text) => {
    s.write(text);
    return (await run(binary, ['check', '-c', s.file])).err.replaceAll(s.file, 'f');
  };
  const head = 'providers:\n  - {name: s, dialect: grpc, base_url: "http://s",\n     ';
  assert.match(await check(`${head}descriptor_set: none.bin}\n`), /^f:3:22: provider s: can't read .*none\.bin: not found/);
  assert.match(await check(`${head}descriptor_set: ${descriptorSet},\n     services: [a.B]}\n`), /^f:4:17: provider s: the service a\.B is not in /);
  assert.match(await check(`${head}descriptor_set: ${descriptorSet}}\nmodels: [{name: m, targets: [{provider: s}]}]\n`), /^f:4:41: provider: its dialect is grpc/);
  assert.match(await check(`${head}descriptor_set: f}\n`.replace('set: f', `set: ${s.file}`)), /^f:3:22: provider s: the set: no descriptor set/);
  await s.end();
});

test('sluice ends orderly: status 0, no report of a sanitizer, no key in its output', async () => {
  native.close();
  direct.close();
  await peer.end();
  await sluice.end();
  stock.end();
});
