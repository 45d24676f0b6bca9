// Every error reaches the SDK as the class, code and request id that its users program against.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';

import { completion, sentence } from './support/peer.mjs';
import { configuration, startSluice } from './support/sluice.mjs';
import { ask, endTogether, startTogether, test, testEachSDK, textOf, thrown } from './support/suite.mjs';

const seen = new Map(); // how often each model was asked
const unused = await new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});
const together = await startTogether();
const { peer, sluice } = together;
const named = await startSluice(configuration(peer.baseURL, {
  providers: [
    { name: 'peer', base_url: peer.baseURL },
    { name: 'nobody', base_url: `http://127.0.0.1:${unused}/v1` },
  ],
  models: [
    { name: 'known', targets: [{ provider: 'peer', model: 'any' }] },
    { name: 'nobody', targets: [{ provider: 'nobody' }] },
    { name: 'late', targets: [{ provider: 'peer' }], timeouts: { total: '400ms' } },
    { name: 'late-token', targets: [{ provider: 'peer' }], timeouts: { first_token: '400ms' } },
  ],
}));

function failingFirst(status, headers) {
  return (play) => {
    const { model } = play.json;
    seen.set(model, (seen.get(model) ?? 0) + 1);
    if (seen.get(model) === 1) return play.error(status, 'first_fails', headers);
    return play.reply(completion({ content: sentence }));
  };
}

peer
  .on('once-500', failingFirst(500, { 'retry-after-ms': '50' }))
  .on('once-429', failingFirst(429, { 'retry-after-ms': '200', 'x-ratelimit-remaining-requests': '0' }))
  .on('never', failingFirst(500, { 'x-should-retry': 'false' }))
  .on('html', (play) => play.answer(502, { 'content-type': 'text/html' }, '<html><h1>Bad Gateway</h1></html>'))
  .on('html-429', (play) => play.answer(429, { 'content-type': 'text/plain', 'retry-after': '2' }, 'slow down'))
  .on('not-a-stream', (play) => play.reply(completion({ content: sentence })))
  .on('stream-error', (play) => play.error(400, 'context_length_exceeded'))
  .on('late', (play) => play.closed)
  .on('late-token', async (play) => {
    play.stream();
    await play.closed;
  })
  .on('hang-up', (play) => play.res.socket.end())
  .on('reset', (play) => play.reset())
  .on('half', (play) => {
    play.res.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    play.res.write('{"id":"chatcmpl-1","choices":[{"mess', () => play.fin());
  });

const classes = [
  [400, 'BadRequestError'], [401, 'AuthenticationError'], [403, 'PermissionDeniedError'],
  [404, 'NotFoundError'], [409, 'ConflictError'], [422, 'UnprocessableEntityError'],
  [429, 'RateLimitError'], [500, 'InternalServerError'], [503, 'InternalServerError'],
];

testEachSDK("an upstream's errors keep status, class, code and type", sluice, async ({ client, Class }) => {
  for (const [status, name] of classes) {
    peer.on(`status-${status}`, (play) => play.error(status, `code_${status}`, { 'x-request-id': 'req_of_the_upstream' }));
    const e = await thrown(client.chat.completions.create(ask(`status-${status}`)));
    assert.ok(e instanceof Class[name], `${status}: ${e}`);
    assert.equal(e.status, status);
    assert.equal(e.code, `code_${status}`);
    assert.equal(e.type, 'told');
    assert.equal(e.requestID, e.headers.get('x-request-id'));
    assert.equal(e.headers.get('x-sluice-upstream-request-id'), 'req_of_the_upstream');
    assert.match(e.requestID, /^req_[0-9a-f]{24}$/);
  }
});

test('the request id of the answer is the one the upstream got and the log has', async () => {
  const res = await fetch(`${sluice.baseURL}/chat/completions`, {
    method: 'POST', body: JSON.stringify(ask('any')), headers: { 'content-type': 'application/json' } });
  await res.text();
  const id = res.headers.get('x-request-id');
  assert.equal(peer.requests.at(-1).headers['x-request-id'], id);
  assert.equal((await sluice.log(id)).status, 200);
});

testEachSDK("the client's own request id is kept", sluice, async ({ client }) => {
  const headers = { 'x-request-id': 'my-own-id-42' };
  const { response } = await client.chat.completions.create(ask('any'), { headers }).withResponse();
  assert.equal(response.headers.get('x-request-id'), 'my-own-id-42');
  assert.equal(peer.requests.at(-1).headers['x-request-id'], 'my-own-id-42');
});

testEachSDK('an id that could end up anywhere is replaced', sluice, async ({ client }) => {
  for (const id of ['with space', '"quoted"', 'x'.repeat(129)]) {
    const { response } = await client.chat.completions.create(ask('any'), { headers: { 'x-request-id': id } }).withResponse();
    assert.match(response.headers.get('x-request-id'), /^req_[0-9a-f]{24}$/);
  }
});

testEachSDK('an unknown model is a 404 with code model_not_found', named, async ({ client, Class }) => {
  for (const stream of [false, true]) {
    const e = await thrown(client.chat.completions.create(ask('unknown', { stream })));
    assert.ok(e instanceof Class.NotFoundError, e);
    assert.equal(e.code, 'model_not_found');
    assert.equal(e.type, 'invalid_request_error');
    assert.match(e.message, /'unknown' does not exist/);
    assert.equal(e.requestID, e.headers.get('x-request-id'));
  }
});

testEachSDK('a body that names no model is a 400', named, async ({ client, Class }) => {
  const e = await thrown(client.chat.completions.create({ messages: [] }));
  assert.ok(e instanceof Class.BadRequestError, e);
  assert.match(e.message, /model/);
});

testEachSDK('nobody at the address of a provider is a 502 upstream_unreachable', named, async ({ client, Class }) => {
  const e = await thrown(client.chat.completions.create(ask('nobody')));
  assert.ok(e instanceof Class.InternalServerError, e);
  assert.equal(e.status, 502);
  assert.equal(e.code, 'upstream_unreachable');
});

testEachSDK('an answer that takes too long is a 504 upstream_timeout', named, async ({ client }) => {
  for (const body of [ask('late'), ask('late', { stream: true })]) {
    const before = performance.now();
    const e = await thrown(client.chat.completions.create(body));
    assert.equal(e.status, 504);
    assert.equal(e.code, 'upstream_timeout');
    assert.ok(performance.now() - before < 1500);
    await peer.last('late').closed;
  }
});

testEachSDK('a first token that takes too long is an error in the stream', named, async ({ client, Class }) => {
  const e = await thrown(client.chat.completions.create(ask('late-token', { stream: true })).then(textOf));
  assert.ok(e instanceof Class.APIError, e);
  assert.equal(e.code, 'upstream_timeout');
});

testEachSDK('a connection that ends without an answer is a 502', sluice, async ({ client }) => {
  for (const model of ['hang-up', 'reset']) {
    const e = await thrown(client.chat.completions.create(ask(model)));
    assert.equal(e.status, 502, `${model}: ${e}`);
    assert.equal(e.code, 'upstream_closed');
  }
});

testEachSDK('half of an answer in one piece is a 502, not a stump', sluice, async ({ client }) => {
  const e = await thrown(client.chat.completions.create(ask('half')));
  assert.equal(e.status, 502);
  assert.equal(e.code, 'upstream_cut');
});

testEachSDK('a page of HTML becomes a JSON error', sluice, async ({ client, Class }) => {
  for (const stream of [false, true]) {
    const e = await thrown(client.chat.completions.create(ask('html', { stream })));
    assert.ok(e instanceof Class.InternalServerError, e);
    assert.equal(e.status, 502);
    assert.equal(e.code, 'upstream_unexpected');
    assert.doesNotMatch(e.message, /<h1>/);
  }
  const e = await thrown(client.chat.completions.create(ask('html-429')));
  assert.ok(e instanceof Class.RateLimitError, e);
  assert.equal(e.headers.get('retry-after'), '2', 'when to come again is not lost');
});

testEachSDK('JSON where a stream was asked for becomes an error, not an empty stream', sluice, async ({ client }) => {
  const e = await thrown(client.chat.completions.create(ask('not-a-stream', { stream: true })).then(textOf));
  assert.equal(e.status, 502);
  assert.equal(e.code, 'upstream_unexpected');
});

testEachSDK('an error in answer to a stream stays what it was', sluice, async ({ client, Class }) => {
  const e = await thrown(client.chat.completions.create(ask('stream-error', { stream: true })));
  assert.ok(e instanceof Class.BadRequestError, e);
  assert.equal(e.code, 'context_length_exceeded');
});

testEachSDK('the SDK retries a 500 and a 429 as the upstream says', sluice, async ({ connect }) => {
  seen.clear();
  const client = connect({ maxRetries: 2 });
  for (const [model, wait_ms] of [['once-500', 50], ['once-429', 200]]) {
    const before = performance.now();
    const answer = await client.chat.completions.create(ask(model));
    assert.equal(answer.choices[0].message.content, sentence);
    assert.equal(seen.get(model), 2, model);
    assert.equal(peer.last(model).headers['x-stainless-retry-count'], '1');
    const took = performance.now() - before;
    assert.ok(took >= wait_ms && took < wait_ms + 450, `${model} took ${took} ms`);
  }
});

testEachSDK('the SDK does not retry where the upstream says so', sluice, async ({ connect }) => {
  seen.clear();
  const e = await thrown(connect({ maxRetries: 2 }).chat.completions.create(ask('never')));
  assert.equal(e.status, 500);
  assert.equal(seen.get('never'), 1);
});

testEachSDK('no gateway at all is a connection error', sluice, async ({ connect, Class }) => {
  const client = connect({ baseURL: `http://127.0.0.1:${unused}/v1` });
  assert.ok((await thrown(client.chat.completions.create(ask('any')))) instanceof Class.APIConnectionError);
});

test('the second sluice ends orderly', () => named.end());
endTogether(together);
