// A provider that speaks HTTP/2: nobody who asks sees a difference, and a stream that is reset is
// never taken for a whole one.
import assert from 'node:assert/strict';
import { constants } from 'node:http2';

import { until } from './support/children.mjs';
import { completion, sentence, words } from './support/peer.mjs';
import { startPeer2 } from './support/peer2.mjs';
import { configuration, secret, startSluice } from './support/sluice.mjs';
import { ask, clientOf, test, testEachSDK, textOf, thrown } from './support/suite.mjs';
import { makeAuthority } from './support/tls.mjs';

const authority = await makeAuthority('localhost');
const clear = await startPeer2();
const tls = await startPeer2({ authority });
const narrow = await startPeer2({ settings: { maxConcurrentStreams: 5 } });
const provider = (name, peer, more) => ({ name, base_url: peer.baseURL, api_key: secret, ...more });
const trusted = { ca_file: authority.ca };
const kinds = ['clear', 'tls'];
const sluice = await startSluice(configuration('', {
  providers: [
    provider('clear', clear, { http: '2' }),
    provider('tls', tls, trusted),
    provider('tls-2', tls, { ...trusted, http: '2' }),
    provider('tls-1.1', tls, { ...trusted, http: '1.1' }),
    provider('narrow', narrow, { http: '2' }),
    provider('unaware', clear, {}),
  ],
  // "clear:cut" is the play "cut" of the peer "clear".
  models: ['clear', 'tls', 'tls-2', 'tls-1.1', 'narrow', 'unaware'].flatMap((name) =>
    ['say', 'slow', 'cut', 'lost', 'endless', 'large', 'early', 'none'].map((play) =>
      ({ name: `${name}:${play}`, targets: [{ provider: name, model: play }] }))),
}));

for (const peer of [clear, tls, narrow]) {
  let count = 0;
  peer
    .on('slow', async (play) => {
      await play.sleep(5 + (count++ % 10) * 5);
      play.reply(completion({ content: play.json.messages[0].content }));
    })
    .on('cut', async (play) => {
      play.stream();
      await play.words(words.slice(0, 3));
      play.resetStream(Number(play.json.messages[0].content));
    })
    .on('lost', async (play) => {
      play.stream();
      await play.words(words.slice(0, 3));
      play.res.stream.session.destroy();
    })
    .on('endless', async (play) => {
      play.stream();
      await play.words(words);
      while (!play.isGone) {
        await play.sleep(20);
        if (!play.isGone) await play.chunk({ content: 'on ' });
      }
    })
    .on('large', (play) => play.reply(completion({ content: play.json.messages[0].content })))
    .on('none', (play) => play.answer(503, {}));
}

const said = (content) => [{ role: 'user', content }];

for (const kind of [...kinds, 'tls-2']) {
  testEachSDK(`${kind}: an answer, whole and streamed`, sluice, async ({ client }) => {
    const peer = kind === 'clear' ? clear : tls;
    const answer = await client.chat.completions.create(ask(`${kind}:say`));
    assert.equal(answer.choices[0].message.content, sentence);
    const stream = await client.chat.completions.create(ask(`${kind}:say`, { stream: true }));
    assert.equal(await textOf(stream), sentence);
    const { req, headers } = peer.requests.at(-1);
    assert.equal(req.httpVersion, '2.0');
    assert.equal(req.authority, new URL(peer.baseURL).host);
    assert.equal(headers.authorization, `Bearer ${secret}`);
    for (const name of ['host', 'connection', 'transfer-encoding']) assert.equal(headers[name], undefined);
  });

  testEachSDK(`${kind}: 2 MB there and back`, sluice, async ({ client }) => {
    const text = 'A long story, told again. '.repeat(80_000);
    const answer = await client.chat.completions.create(ask(`${kind}:large`, { messages: said(text) }));
    assert.ok(answer.choices[0].message.content === text);
  });
}

testEachSDK('http: "1.1" is spoken even to who could do more', sluice, async ({ client }) => {
  const answer = await client.chat.completions.create(ask('tls-1.1:say'));
  assert.equal(answer.choices[0].message.content, sentence);
  assert.equal(tls.requests.at(-1).req.httpVersion, '1.1');
});

testEachSDK('without TLS HTTP/1.1 is spoken unless told otherwise', sluice, async ({ client }) => {
  const e = await thrown(client.chat.completions.create(ask('unaware:say')));
  assert.equal(e.status, 502);
});

testEachSDK('an error without a body is one', sluice, async ({ client }) => {
  const e = await thrown(client.chat.completions.create(ask('clear:none')));
  assert.equal(e.status, 503);
});

const { NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM, NGHTTP2_CANCEL } = constants;
for (const kind of kinds) {
  for (const code of [NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM, NGHTTP2_CANCEL]) {
    testEachSDK(`${kind}: a stream that is reset with code ${code} is an error`, sluice, async ({ client, Class }) => {
      const seen = [];
      const e = await thrown(client.chat.completions
        .create(ask(`${kind}:cut`, { stream: true, messages: said(String(code)) }))
        .then((stream) => textOf(stream, seen)));
      assert.ok(e instanceof Class.APIError, e);
      assert.ok(sentence.startsWith(seen.join('')) && seen.length > 0);
    });
  }

  testEachSDK(`${kind}: a stream whose connection is lost is an error`, sluice, async ({ client, Class }) => {
    const e = await thrown(client.chat.completions
      .create(ask(`${kind}:lost`, { stream: true })).then((stream) => textOf(stream)));
    assert.ok(e instanceof Class.APIError, e);
  });

  testEachSDK(`${kind}: who leaves resets a stream, and the connection stays`, sluice, async ({ client, t }) => {
    const peer = kind === 'clear' ? clear : tls;
    const other = await client.chat.completions.create(ask(`${kind}:endless`, { stream: true }));
    const others = other[Symbol.asyncIterator]();
    await others.next();
    const staying = peer.last('endless');
    const controller = new AbortController();
    const stream = await client.chat.completions
      .create(ask(`${kind}:endless`, { stream: true }), { signal: controller.signal });
    for await (const chunk of stream) if (chunk) break;
    const play = peer.last('endless');
    assert.notEqual(play, staying);
    const leftAt = performance.now();
    controller.abort();
    await until('the stream is reset', () => play.closedAt);
    t.diagnostic(`measured: the stream was reset ${(play.closedAt - leftAt).toFixed(1)} ms after the client went`);
    assert.equal(play.resetCode, NGHTTP2_CANCEL);
    assert.ok(!play.req.stream.session?.destroyed);
    for (let i = 0; i < 20; i++) assert.ok(!(await others.next()).done);
    assert.ok(!staying.isGone);
    await other.controller.abort();
    await until('the other is reset, too', () => staying.closedAt);
  });
}

for (const kind of kinds) {
  test(`${kind}: 200 requests at once share few connections`, async (t) => {
    const peer = kind === 'clear' ? clear : tls;
    const client = clientOf(sluice);
    const before = peer.sessionCount;
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) =>
      client.chat.completions.create(ask(`${kind}:slow`, { messages: said(`number ${i}`) }))));
    answers.forEach((answer, i) => assert.equal(answer.choices[0].message.content, `number ${i}`));
    t.diagnostic(`measured: ${kind}: 200 requests at once took ${peer.sessionCount - before} more connections, ${peer.sessions.size} open`);
    assert.ok(peer.sessions.size <= 6, `${peer.sessions.size} connections`);
  });

  test(`${kind}: a provider that says goodbye again and again loses nothing`, async (t) => {
    const peer = kind === 'clear' ? clear : tls;
    const client = clientOf(sluice);
    const before = peer.goneAways;
    let isOver = false;
    const goodbyes = (async () => {
      while (!isOver) {
        peer.goAway();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    let count = 0;
    const asking = Promise.all(Array.from({ length: 20 }, async (_, i) => {
      for (let k = 0; k < 20; k++) {
        const answer = await client.chat.completions.create(ask(`${kind}:slow`, { messages: said(`${i}.${k}`) }));
        assert.equal(answer.choices[0].message.content, `${i}.${k}`);
        count++;
      }
    }));
    await asking.finally(() => (isOver = true));
    await goodbyes;
    assert.equal(count, 400);
    assert.ok(peer.goneAways - before > 5);
    t.diagnostic(`measured: ${kind}: ${count} requests through ${peer.goneAways - before} goodbyes`);
  });
}

test('a provider that bears few streams gets more connections', async () => {
  const client = clientOf(sluice);
  const ask5 = () => client.chat.completions.create(ask('narrow:slow', { messages: said('x') }));
  await Promise.all([ask5(), ask5()]);
  const answers = await Promise.all(Array.from({ length: 60 }, ask5));
  assert.equal(answers.length, 60);
  assert.ok(narrow.sessionCount >= 12, `${narrow.sessionCount} connections`);
});

test('sluice and the peers end orderly', async () => {
  await sluice.end();
  for (const peer of [clear, tls, narrow]) await peer.end();
  authority.remove();
});
