// What a provider says reaches the client at once, through every door: the provider says one event and
// goes on only when the client has it.
import assert from 'node:assert/strict';
import { connect } from 'node:http2';

import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

import { grpcChat } from './support/doors.mjs';
import { spread } from './support/hops.mjs';
import { startPeer } from './support/peer.mjs';
import { configuration, startSluice } from './support/sluice.mjs';
import { clientKey, test } from './support/suite.mjs';

const peer = await startPeer();
const origin = new URL(peer.baseURL).origin;
const sluice = await startSluice(configuration(peer.baseURL, {
  providers: [
    { name: 'openai', base_url: peer.baseURL }, { name: 'anthropic', dialect: 'anthropic', base_url: origin }],
  models: ['openai', 'anthropic'].map((name) => ({ name, targets: [{ provider: name }] })),
}));

const PIECES = 20;
let saidAt = 0;
let heard = null; // called when the client has a piece

// Says a piece, and waits until it was heard.
function say(play, send) {
  return new Promise((resolve) => {
    heard = resolve;
    saidAt = performance.now();
    send();
  });
}

peer
  .on('openai', async (play) => {
    play.stream();
    await play.chunk({ role: 'assistant', content: '' });
    for (let i = 0; i < PIECES; i++) await say(play, () => play.chunk({ content: `${i} ` }));
    await play.chunk({}, { finish: 'stop' });
    return play.done();
  })
  .on('anthropic', async (play) => {
    const event = (type, more) => play.event({ type, ...more }, type);
    play.stream();
    await event('message_start', { message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [],
      stop_reason: null, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } } });
    await event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
    for (let i = 0; i < PIECES; i++)
      await say(play, () => event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: `${i} ` } }));
    await event('content_block_stop', { index: 0 });
    await event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 20 } });
    await event('message_stop', {});
    play.res.end();
  });

const messages = [{ role: 'user', content: 'count' }];

// Each calls `piece` with the text of an event as it arrives.
const doors = {
  'OpenAI on HTTP/1.1': async (model, piece) => {
    const client = new OpenAI({ baseURL: sluice.baseURL, apiKey: clientKey, maxRetries: 0 });
    for await (const chunk of await client.chat.completions.create({ model, messages, stream: true }))
      piece(chunk.choices[0]?.delta?.content);
  },
  'Anthropic on HTTP/1.1': async (model, piece) => {
    const client = new Anthropic({ baseURL: sluice.url, apiKey: clientKey, maxRetries: 0 });
    for await (const event of await client.messages.create({ model, messages, max_tokens: 100, stream: true }))
      piece(event.delta?.text);
  },
  'OpenAI on HTTP/2': (model, piece) => new Promise((resolve, reject) => {
    const session = connect(sluice.url).on('error', reject);
    const req = session.request({ ':method': 'POST', ':path': '/v1/chat/completions', 'content-type': 'application/json' });
    req.setEncoding('utf8').on('data', (text) => piece(/"content":"(\d+ )"/.exec(text)?.[1]));
    req.on('end', () => session.close(resolve)).on('error', reject);
    req.end(JSON.stringify({ model, messages, stream: true }));
  }),
  gRPC: (model, piece) => new Promise((resolve, reject) => {
    const call = grpcChat(sluice).stream({ model, messages: [{ role: 'ROLE_USER', parts: [{ text: 'count' }] }] });
    call.on('data', (event) => piece(event.delta?.text)).on('end', resolve).on('error', reject);
  }),
};

for (const [name, ask] of Object.entries(doors)) {
  for (const model of ['openai', 'anthropic']) {
    test(`${name}, from a provider of ${model}: each piece arrives before the next is said`, async () => {
      const waits = [];
      const got = [];
      await ask(model, (text) => {
        if (!text) return;
        waits.push(performance.now() - saidAt);
        got.push(text);
        heard();
      });
      assert.equal(got.join(''), Array.from({ length: PIECES }, (_, i) => `${i} `).join(''));
      console.log(`# measured: ${name}, ${model}: a piece takes ${spread(waits)}`);
    });
  }
}

test('sluice ends orderly', async () => {
  await peer.end();
  await sluice.end();
});
