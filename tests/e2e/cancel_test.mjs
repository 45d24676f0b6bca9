// A client that goes away is noticed: the provider is left at once, so that nobody pays for the rest.
import assert from 'node:assert/strict';

import { words } from './support/peer.mjs';
import { ask, endTogether, startTogether, testEachSDK, thrown } from './support/suite.mjs';
import { until } from './support/children.mjs';

const together = await startTogether();
const { peer, sluice } = together;
const patience_ms = 500; // with sanitizers, on a busy machine; what is meant is 50

let hasStarted;
peer
  .on('endless', async (play) => {
    play.stream();
    await play.words(words);
    while (!play.isGone) {
      await play.sleep(20);
      if (!play.isGone) await play.chunk({ content: 'on ' });
    }
  })
  .on('mute', async (play) => {
    play.stream();
    hasStarted?.();
    await play.closed;
  })
  .on('deaf', async (play) => {
    hasStarted?.();
    await play.closed; // not even a head
  });

async function assertLeft(t, key, leftAt, id) {
  const play = peer.last(key);
  const closedAt = await Promise.race([play.closed, until('the upstream is left', () => play.closedAt)]);
  t.diagnostic(`measured: the upstream was left ${(closedAt - leftAt).toFixed(1)} ms after the client went`);
  assert.ok(play.isGone);
  assert.ok(closedAt - leftAt < patience_ms, `${closedAt - leftAt} ms`);
  if (id) assert.equal((await sluice.log(id)).error, 'client_gone');
}

testEachSDK('abort in the middle of a stream', sluice, async ({ t, client }) => {
  const controller = new AbortController();
  const { data: stream, response } = await client.chat.completions
    .create(ask('endless', { stream: true }), { signal: controller.signal }).withResponse();
  let leftAt = 0;
  let count = 0;
  for await (const chunk of stream) {
    if (++count < 12) continue;
    leftAt = performance.now();
    controller.abort();
    break;
  }
  await assertLeft(t, 'endless', leftAt, response.headers.get('x-request-id'));
});

testEachSDK('breaking out of the loop', sluice, async ({ t, client }) => {
  const stream = await client.chat.completions.create(ask('endless', { stream: true }));
  let leftAt = 0;
  for await (const chunk of stream) {
    leftAt = performance.now();
    if (chunk) break;
  }
  await assertLeft(t, 'endless', leftAt);
});

for (const model of ['mute', 'deaf']) {
  testEachSDK(`abort before the first token (${model} upstream)`, sluice, async ({ t, client, Class }) => {
    const controller = new AbortController();
    const started = new Promise((resolve) => (hasStarted = resolve));
    const pending = (async () => {
      for await (const chunk of await client.chat.completions.create(ask(model, { stream: true }), { signal: controller.signal })) assert.fail(JSON.stringify(chunk));
    })();
    await started;
    const leftAt = performance.now();
    controller.abort();
    await pending.catch((e) => assert.ok(e instanceof Class.APIUserAbortError || e.name === 'AbortError', e));
    await assertLeft(t, model, leftAt);
  });
}

testEachSDK('abort of an answer that comes whole', sluice, async ({ t, client, Class }) => {
  const controller = new AbortController();
  const started = new Promise((resolve) => (hasStarted = resolve));
  const pending = thrown(client.chat.completions.create(ask('deaf'), { signal: controller.signal }));
  await started;
  const leftAt = performance.now();
  controller.abort();
  assert.ok((await pending) instanceof Class.APIUserAbortError);
  await assertLeft(t, 'deaf', leftAt);
});

testEachSDK("the SDK's own timeout", sluice, async ({ t, client, Class }) => {
  const before = performance.now();
  const e = await thrown(client.chat.completions.create(ask('deaf'), { timeout: 300 }));
  assert.ok(e instanceof Class.APIConnectionTimeoutError, e);
  assert.ok(performance.now() - before >= 295);
  await assertLeft(t, 'deaf', performance.now());
});

testEachSDK('what was left is counted and nothing stays open', sluice, async () => {
  assert.ok((await sluice.metric('sluice_clients_gone_total')) >= 6);
  await until('no request in flight', async () => (await sluice.metric('sluice_requests_in_flight')) === 0);
});

endTogether(together);
