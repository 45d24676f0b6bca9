// A provider behind TLS: nginx with a certificate of an authority that only some configurations know.
import assert from 'node:assert/strict';

import { sentence } from './support/peer.mjs';
import { startPeer } from './support/peer.mjs';
import { configuration, secret, startSluice } from './support/sluice.mjs';
import { ask, test, testEachSDK, textOf, thrown } from './support/suite.mjs';
import { makeAuthority, startNginx } from './support/tls.mjs';

const authority = await makeAuthority('localhost');
const stranger = await makeAuthority('localhost');
const peer = await startPeer();
const nginx = await startNginx(authority, `http://127.0.0.1:${peer.port}`);
const provider = (name, host, more) =>
  ({ name, base_url: `https://${host}:${nginx.port}/v1`, api_key: secret, ...more });
const sluice = await startSluice(configuration('', {
  providers: [
    provider('trusted', 'localhost', { ca_file: authority.ca }),
    provider('unknown', 'localhost'),
    provider('stranger', 'localhost', { ca_file: stranger.ca }),
    provider('misnamed', '127.0.0.1', { ca_file: authority.ca }),
    provider('unverified', '127.0.0.1', { tls_verify: false }),
    { name: 'plain', base_url: `http://localhost:${nginx.port}/v1`, api_key: secret },
    { name: 'not-tls', base_url: `https://localhost:${peer.port}/v1`, api_key: secret },
  ],
  models: ['trusted', 'unknown', 'stranger', 'misnamed', 'unverified', 'plain', 'not-tls'].map((name) =>
    ({ name, targets: [{ provider: name, model: 'any' }] })),
}));

testEachSDK('a certificate of the authority in ca_file is trusted', sluice, async ({ client }) => {
  const answer = await client.chat.completions.create(ask('trusted'));
  assert.equal(answer.choices[0].message.content, sentence);
  const stream = await client.chat.completions.create(ask('trusted', { stream: true }));
  assert.equal(await textOf(stream), sentence);
  assert.equal(peer.requests.at(-1).headers.authorization, `Bearer ${secret}`);
});

testEachSDK('1 MB through TLS and back', sluice, async ({ client }) => {
  const text = 'A long story. '.repeat(75_000);
  const answer = await client.chat.completions.create({ model: 'trusted', messages: [{ role: 'user', content: text }] });
  assert.equal(answer.choices[0].message.content, sentence);
  assert.equal(peer.requests.at(-1).json.messages[0].content, text);
});

testEachSDK('connections to it are kept', sluice, async ({ client }) => {
  const opened = () => sluice.metric('sluice_upstream_connections_total{kind="opened"}');
  for (let i = 0; i < 4; i++) await client.chat.completions.create(ask('trusted'));
  const before = await opened();
  for (let i = 0; i < 8; i++) await client.chat.completions.create(ask('trusted'));
  assert.ok((await opened()) - before <= 2, 'at most one more for each worker');
});

for (const [model, why] of [
  ['unknown', 'an authority nobody named'], ['stranger', 'the certificate of another authority'],
  ['misnamed', 'a certificate for another host'], ['not-tls', 'a server without TLS'],
]) {
  testEachSDK(`${why} is refused as 502 upstream_tls, and nothing is sent`, sluice, async ({ client }) => {
    const before = peer.requests.length;
    for (const stream of [false, true]) {
      const e = await thrown(client.chat.completions.create(ask(model, { stream })));
      assert.equal(e.status, 502);
      assert.equal(e.code, 'upstream_tls');
      assert.doesNotMatch(JSON.stringify(e.error), /localhost|127\.0\.0\.1|\.pem|SSL/, 'what the inside looks like is not told');
    }
    assert.equal(peer.requests.length, before);
  });
}

testEachSDK('tls_verify: false trusts anybody', sluice, async ({ client }) => {
  const answer = await client.chat.completions.create(ask('unverified'));
  assert.equal(answer.choices[0].message.content, sentence);
});

testEachSDK('http to a TLS port is the error that the server makes of it, in JSON', sluice, async ({ client }) => {
  const e = await thrown(client.chat.completions.create(ask('plain')));
  assert.equal(e.code, 'upstream_unexpected');
});

test('nginx, sluice and the peer end orderly', async () => {
  await sluice.end();
  assert.equal(await nginx.end(), 0);
  await peer.end();
  authority.remove();
  stranger.remove();
});
