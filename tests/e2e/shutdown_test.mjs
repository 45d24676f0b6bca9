// SIGTERM: what is under way is finished, within a grace; nothing new is taken.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { until } from './support/children.mjs';
import { sentence, startPeer, words } from './support/peer.mjs';
import { configuration, startSluice } from './support/sluice.mjs';
import { ask, clientKey, sdks, test, textOf, thrown } from './support/suite.mjs';

const peer = await startPeer();
peer
  .on('slow', async (play) => {
    play.stream();
    await play.words(words, 200);
    await play.chunk({}, { finish: 'stop' });
    return play.done();
  })
  .on('slow-whole', async (play) => {
    await play.sleep(1000);
    play.reply({ choices: [{ message: { content: sentence } }] });
  })
  .on('endless', async (play) => {
    play.stream();
    await play.words(words);
    await play.closed;
  });

const isRefused = (port) => new Promise((resolve) => {
  const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(false); });
  socket.on('error', (e) => resolve(e.code === 'ECONNREFUSED'));
});

for (const { name, OpenAI } of sdks) {
  const serve = async (grace) => {
    const sluice = await startSluice(configuration(peer.baseURL, { drains: { grace } }));
    return { sluice, client: new OpenAI({ baseURL: sluice.baseURL, apiKey: clientKey, maxRetries: 0 }) };
  };

  test(`${name}: SIGTERM lets streams and answers finish, refuses new connections, status 0`, async (t) => {
    const { sluice, client } = await serve('20s');
    assert.equal((await sluice.admin('/readyz')).status, 200);
    const stream = await client.chat.completions.create(ask('slow', { stream: true }));
    const whole = client.chat.completions.create(ask('slow-whole'));
    const text = textOf(stream);
    await sleep(150);
    sluice.ask('SIGTERM');
    await until('/readyz is 503', async () => (await sluice.admin('/readyz')).status === 503, 2000);
    assert.equal((await sluice.admin('/healthz')).status, 200, 'alive while it finishes');
    await until('new connections are refused', () => isRefused(sluice.port), 2000);
    assert.equal(await text, sentence);
    assert.equal((await whole).choices[0].message.content, sentence);
    const before = performance.now();
    await sluice.child.ended;
    const waited = performance.now() - before;
    t.diagnostic(`measured: ended ${waited.toFixed(0)} ms after the last answer`);
    assert.ok(waited < 3000, `${waited} ms, with a grace of 20 s`);
    await sluice.end();
  });

  test(`${name}: past the grace a stream ends with an error, not as if it were whole; status 0`, async () => {
    const { sluice, client } = await serve('500ms');
    const seen = [];
    const failed = thrown(client.chat.completions.create(ask('endless', { stream: true })).then((s) => textOf(s, seen)));
    await until('the words came', () => seen.length === words.length);
    const before = performance.now();
    sluice.ask('SIGTERM');
    const e = await failed;
    assert.ok(e instanceof OpenAI.APIError, e);
    assert.equal(e.code, 'shutting_down');
    assert.equal(seen.join(''), sentence);
    await sluice.child.ended;
    const took = performance.now() - before;
    assert.ok(took >= 450 && took < 4000, `${took} ms`);
    await sluice.end();
  });

  test(`${name}: asked twice it ends at once, still with an error in the stream`, async () => {
    const { sluice, client } = await serve('60s');
    const seen = [];
    const failed = thrown(client.chat.completions.create(ask('endless', { stream: true })).then((s) => textOf(s, seen)));
    await until('the words came', () => seen.length === words.length);
    sluice.ask('SIGTERM');
    await sleep(100);
    sluice.ask('SIGTERM');
    assert.equal((await failed).code, 'shutting_down');
    await sluice.child.ended;
    await sluice.end();
  });
}

test('SIGINT without anything to finish ends it at once', async () => {
  const sluice = await startSluice(configuration(peer.baseURL));
  const before = performance.now();
  sluice.ask('SIGINT');
  await sluice.child.ended;
  assert.ok(performance.now() - before < 3000);
  await sluice.end();
});

test('the peer ends', () => peer.end());
