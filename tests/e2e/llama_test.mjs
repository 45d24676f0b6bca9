// A server that nobody here wrote: llama.cpp's, with a tiny model, behind sluice.
//
// Skipped, and said so, where the server or a model can't be had. A model is looked for at
// $SLUICE_CONFORMANCE/llm/tinylm.gguf and beside the source tree, in */data/llm.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { end, run, start, until } from './support/children.mjs';
import { configuration, startSluice } from './support/sluice.mjs';
import { test, testEachSDK, textOf, thrown } from './support/suite.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));

function findModel() {
  const beside = readdirSync(join(root, '..')).map((name) => join(root, '..', name, 'data'));
  return [process.env.SLUICE_CONFORMANCE, ...beside].filter(Boolean)
    .map((dir) => join(dir, 'llm/tinylm.gguf')).find((file) => existsSync(file));
}

async function startLlama() {
  const model = findModel();
  if (!model) return { why: 'no tinylm.gguf: set SLUICE_CONFORMANCE to a folder with llm/tinylm.gguf' };
  const got = await run(fileURLToPath(new URL('support/llama-server.sh', import.meta.url)), [join(root, 'build/llama-server')], { ms: 120_000 });
  if (got.code) return { why: `llama-server can't be fetched: ${got.err.trim().split('\n').at(-1)}` };
  const port = await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address();
      server.close(() => resolve(free));
    });
  });
  const child = start(got.out.trim(), ['-m', model, '--host', '127.0.0.1', '--port', `${port}`, '-np', '2', '-c', '2048', '--alias', 'tiny', '-t', '2', '--metrics', '--slots']);
  const url = `http://127.0.0.1:${port}`;
  await until(`llama-server is healthy: ${child.err.slice(-500)}`, async () => {
    if (child.exit) throw new Error(child.err.slice(-1000));
    return (await fetch(`${url}/health`).catch(() => null))?.ok;
  }, 30_000);
  const busy = async () => (await (await fetch(`${url}/slots`)).json()).filter((slot) => slot.is_processing).length;
  return { child, url, busy };
}

const llama = await startLlama();
if (llama.why) {
  test('llama-server behind sluice', (t) => t.skip(llama.why));
} else {
  const sluice = await startSluice(configuration(`${llama.url}/v1`, {
    models: [{ name: 'm', targets: [{ provider: 'peer', model: 'tiny' }] }],
  }));
  const body = (more) => ({ model: 'm', max_tokens: 32, temperature: 0, seed: 1, messages: [{ role: 'user', content: 'What is a file?' }], ...more });

  let whole;
  testEachSDK('an answer in one piece', sluice, async ({ client }) => {
    const answer = await client.chat.completions.create(body());
    whole = answer.choices[0].message.content;
    assert.ok(whole.length > 10);
    assert.ok(answer.usage.completion_tokens > 1 && answer.usage.completion_tokens <= 32);
  });

  testEachSDK('a stream, with the same words', sluice, async ({ client }) => {
    const { data, response } = await client.chat.completions.create(body({ stream: true, stream_options: { include_usage: true } })).withResponse();
    assert.equal(await textOf(data), whole);
    const line = await sluice.log(response.headers.get('x-request-id'));
    assert.equal(line.upstream_model, 'tiny');
    assert.ok(line.output_tokens > 1);
  });

  testEachSDK('a legacy completion, streamed', sluice, async ({ client }) => {
    let text = '';
    for await (const chunk of await client.completions.create({ model: 'm', prompt: 'A file is', max_tokens: 8, stream: true })) text += chunk.choices[0]?.text ?? '';
    assert.ok(text.length > 0);
  });

  // The SDK's helper wants more of each event than this server sends; the events themselves do.
  testEachSDK('responses, streamed', sluice, async ({ client }) => {
    const types = [];
    let text = '';
    for await (const event of await client.responses.create({ model: 'm', input: 'What is a file?', max_output_tokens: 16, stream: true })) {
      types.push(event.type);
      if (event.type === 'response.output_text.delta') text += event.delta;
    }
    assert.ok(text.length > 0);
    assert.equal(types.at(-1), 'response.completed');
  });

  testEachSDK('its own errors arrive as they are', sluice, async ({ client, Class }) => {
    const e = await thrown(client.chat.completions.create(body({ messages: [{ role: 'user', content: 'word '.repeat(5000) }] })));
    assert.ok(e instanceof Class.BadRequestError, e);
    assert.match(e.message, /context|tokens/i);
  });

  testEachSDK('eight streams on two slots are each whole', sluice, async ({ client }) => {
    const texts = await Promise.all(Array.from({ length: 8 }, async () =>
      textOf(await client.chat.completions.create(body({ stream: true })))));
    assert.ok(texts.every((text) => text.length > 10));
  });

  testEachSDK('an abort frees its slot', sluice, async ({ t, client }) => {
    const stream = await client.chat.completions.create(body({ stream: true, max_tokens: 900 }));
    let count = 0;
    let leftAt = 0;
    for await (const chunk of stream) {
      if (!chunk || ++count < 5) continue;
      assert.equal(await llama.busy(), 1);
      leftAt = performance.now();
      break;
    }
    await until('the slot is free', async () => (await llama.busy()) === 0, 2000);
    t.diagnostic(`measured: the slot was free ${(performance.now() - leftAt).toFixed(0)} ms after the client went`);
  });

  test('sluice and llama-server end', async () => {
    await sluice.end();
    await end(llama.child);
  });
}
