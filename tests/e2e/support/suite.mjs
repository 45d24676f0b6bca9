// What the tests share: test(), a peer with sluice before it, and the official SDKs.
import { File } from 'node:buffer';
import { test as nodeTest } from 'node:test';

import OpenAI from 'openai';
import OpenAI6 from 'openai-6';

import { startPeer } from './peer.mjs';
import { configuration, startSluice } from './sluice.mjs';

export const sdks = [
  { name: 'openai 7', OpenAI },
  { name: 'openai 6', OpenAI: OpenAI6 },
];

// Node 18 has the class, but not as a global one, which the SDKs want.
globalThis.File ??= File;

export const clientKey = 'sk-client-do-not-print';

export function test(name, run) {
  nodeTest(name, { timeout: 60_000 }, run);
}

const clientOfClass = (Class, sluice, options) =>
  new Class({ baseURL: sluice.baseURL, apiKey: clientKey, maxRetries: 0, ...options });

// A client of the newest SDK, for tests that are about something else.
export const clientOf = (sluice, options) => clientOfClass(sdks[0].OpenAI, sluice, options);

// One test for each version of the SDK; `run` gets its class and a maker of clients.
export function testEachSDK(name, sluice, run) {
  for (const { name: version, OpenAI: Class } of sdks) {
    const connect = (options) => clientOfClass(Class, sluice, options);
    test(`${version}: ${name}`, (t) => run({ t, Class, connect, client: connect() }));
  }
}

// A peer and sluice before it, for one file of tests; endTogether() belongs at the file's end.
export async function startTogether(more = {}) {
  const peer = await startPeer();
  const config = configuration(peer.baseURL, more);
  const sluice = await startSluice(config);
  return { peer, sluice, config };
}

export function endTogether({ peer, sluice }) {
  test('sluice ends orderly: status 0, no report of a sanitizer, no key in its output', async () => {
    await peer.end();
    await sluice.end();
  });
}

export const ask = (model, more = {}) =>
  ({ model, messages: [{ role: 'user', content: 'Where does water go?' }], ...more });

// What `promise` throws; an error where it does not.
export async function thrown(promise) {
  let value;
  try {
    value = await promise;
  } catch (e) {
    return e;
  }
  throw new Error(`nothing was thrown, but returned: ${JSON.stringify(value)?.slice(0, 300)}`);
}

// All text of a chat stream; what was received before an error is in `seen`.
export async function textOf(stream, seen = []) {
  for await (const chunk of stream) {
    const piece = chunk.choices[0]?.delta?.content;
    if (piece) seen.push(piece);
  }
  return seen.join('');
}
