// SIGHUP: a good configuration rules from the next request on, a bad one changes nothing.
import assert from 'node:assert/strict';

import { sentence, startPeer, words } from './support/peer.mjs';
import { configuration, startSluice } from './support/sluice.mjs';
import { ask, test, testEachSDK, textOf, thrown } from './support/suite.mjs';

const peer = await startPeer();
const other = await startPeer();
const mapped = (model, base_url = peer.baseURL) =>
  configuration(base_url, { models: [{ name: 'm', targets: [{ provider: 'peer', model }] }] });
const sluice = await startSluice(mapped('first'));

for (const p of [peer, other]) {
  p.on('slow', async (play) => {
    play.stream();
    await play.words(words, 150);
    await play.chunk({}, { finish: 'stop' });
    return play.done();
  });
}
const status = async () => JSON.parse((await sluice.admin('/readyz')).text);

testEachSDK('a new mapping rules from the next request on', sluice, async ({ client }) => {
  for (const name of ['second', 'third']) {
    assert.equal(await sluice.reload(mapped(name)), 'reloaded');
    await client.chat.completions.create(ask('m'));
    assert.equal(peer.requests.at(-1).json.model, name);
  }
});

testEachSDK('streams that run are not harmed, even where their provider has gone', sluice, async ({ client }) => {
  await sluice.reload(mapped('slow'));
  const streams = await Promise.all(Array.from({ length: 20 }, () => client.chat.completions.create(ask('m', { stream: true }))));
  const texts = streams.map((s) => textOf(s));
  assert.equal(await sluice.reload(mapped('fast', other.baseURL)), 'reloaded');
  const answer = await client.chat.completions.create(ask('m'));
  assert.equal(answer.choices[0].message.content, sentence);
  assert.equal(other.requests.at(-1).json.model, 'fast');
  assert.deepEqual(new Set(await Promise.all(texts)), new Set([sentence]));
});

testEachSDK('ten reloads a second under load lose nothing', sluice, async ({ client }) => {
  let isOver = false;
  let count = 0;
  const load = Array.from({ length: 4 }, async () => {
    for (; !isOver; count++) assert.equal(await textOf(await client.chat.completions.create(ask('m', { stream: true }))), sentence);
  });
  for (let i = 0; i < 20; i++) {
    assert.equal(await sluice.reload(mapped(`n${i}`, i % 2 ? peer.baseURL : other.baseURL)), 'reloaded');
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  isOver = true;
  await Promise.all(load);
  assert.ok(count > 20, `${count}`);
});

testEachSDK('a bad configuration is refused whole; the last good one rules on', sluice, async ({ client, Class }) => {
  await sluice.reload(mapped('good'));
  const bad = [
    ['not yaml: [', /sluice\.yaml:\d+:\d+: not YAML/],
    [JSON.stringify({ ...mapped('x'), modles: [] }), /modles.*\n?.*models/],
    [JSON.stringify({ ...mapped('x'), models: [{ name: 'm', targets: [{ provider: 'nobody' }] }] }), /nobody/],
  ];
  for (const [text, message] of bad) {
    assert.equal(await sluice.reload(text), 'refused');
    const now = await status();
    assert.equal(now.status, 'ready');
    assert.match(now.config_refused, message);
    await client.chat.completions.create(ask('m'));
    assert.equal(peer.requests.at(-1).json.model, 'good');
    assert.ok((await thrown(client.chat.completions.create(ask('x')))) instanceof Class.NotFoundError);
  }
  assert.equal(await sluice.reload(mapped('better')), 'reloaded');
  assert.equal((await status()).config_refused, undefined);
});

test('what needs a restart is said', async () => {
  await sluice.reload({ ...mapped('x'), listen: { address: '127.0.0.1:1', workers: 2 } });
  assert.match(sluice.child.err, /takes effect at the next start: .*listen\.address/);
});

test('sluice ends orderly', async () => {
  await peer.end();
  await other.end();
  await sluice.end();
});
