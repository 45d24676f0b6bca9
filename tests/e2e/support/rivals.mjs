// Two providers that a test sets against each other: the *primary* is asked first, the *backup* when
// it fails. What sluice learns of a model stays with that model, so each test asks for a fresh one.
import assert from 'node:assert/strict';

import { startPeer } from './peer.mjs';
import { configuration, secret, startSluice } from './sluice.mjs';

// Words that are easily damaged: quotes, escapes, characters of several bytes, space at an end.
const sorts = ['water', 'für', '"level"', 'back\\slash', '所有人', 'line\n', '🌊', '</p>'];
export const essay = Array.from({ length: 60 }, (_, i) => `${sorts[i % sorts.length]}${i} `);
export const whole = essay.join('');
export const upTo = (count) => essay.slice(0, count).join('');

// All that may follow a failure, with times that a test can wait for.
export const resilient = {
  retry: { attempts: 3 },
  breaker: {},
  recovery: 'continue',
  timeouts: { first_token: '1s', between_tokens: '1s' },
};

let count = 0;
export const fresh = (name) => `${name}-${++count}`;

// What a peer was asked for one model, in order.
export const attempts = (peer, model) => peer.requests.filter((play) => play.json?.model === model);

const usageOf = (list) =>
  ({ prompt_tokens: 11, completion_tokens: list.length, total_tokens: 11 + list.length });

// Begins a stream and tells these words of the essay, without an end.
export async function begin(play, list = essay) {
  const { model } = play.json;
  play.stream();
  await play.chunk({ role: 'assistant', content: '' }, { model });
  for (const content of list) await play.chunk({ content }, { model });
}

// A whole answer, streamed or not, as it was asked for; its usage as providers report it.
export async function tell(play, list = essay) {
  const { model } = play.json;
  const usage = usageOf(list);
  if (!play.json.stream) {
    return play.reply({
      id: 'chatcmpl-1', object: 'chat.completion', created: 1_760_000_000, model, usage,
      choices: [{ index: 0, message: { role: 'assistant', content: list.join(''), refusal: null }, logprobs: null, finish_reason: 'stop' }],
    });
  }
  await begin(play, list);
  await play.chunk({}, { model, finish: 'stop' });
  if (play.json.stream_options?.include_usage) await play.chunk({}, { model, usage, choices: [] });
  return play.done();
}

// A play that does `fault` the first `times` times, and tells the whole answer from then on.
export function failing(times, fault) {
  let asked = 0;
  return (play) => (asked++ < times ? fault(play) : tell(play));
}

export const always = (fault) => failing(Infinity, fault);
export const refuse = (status, code, headers) => (play) => play.error(status, code, headers);

// The first `count` words, and then `rest` in place of the others.
export const broken = (count, rest) => async (play) => {
  await begin(play, essay.slice(0, count));
  await rest(play);
};

// Both providers with sluice before them; `models` are added to "*", which asks the primary for any
// name and then the backup for the same; `providers` overrides members of theirs.
export async function startRivals({ models = [], providers = {}, ...more } = {}) {
  const [primary, backup] = await Promise.all([startPeer(), startPeer()]);
  const any = { name: '*', targets: [{ provider: 'primary' }], fallback: [{ provider: 'backup' }] };
  for (const peer of [primary, backup]) peer.plays.set('POST /v1/chat/completions', tell);
  const sluice = await startSluice(configuration(primary.baseURL, {
    providers: [
      { name: 'primary', base_url: primary.baseURL, api_key: secret, ...providers.primary },
      { name: 'backup', base_url: backup.baseURL, api_key: secret, ...providers.backup },
    ],
    models: [any, ...models].map((model) => ({ ...resilient, ...model })),
    ...more,
  }));
  const peer = { end: () => Promise.all([primary.end(), backup.end()]) }; // both, for endTogether()
  return { primary, backup, peer, sluice };
}

// What a client gets of a stream: its text, its last usage and model, and who answered.
export async function follow(client, request) {
  const { data: stream, response } = await client.chat.completions
    .create({ stream: true, ...request }).withResponse();
  const got = { text: '', headers: response.headers, id: response.headers.get('x-request-id'), chunks: [], error: null };
  try {
    for await (const chunk of stream) {
      got.chunks.push(chunk);
      got.text += chunk.choices[0]?.delta?.content ?? '';
      got.model = chunk.model;
      got.usage = chunk.usage ?? got.usage;
      got.finish = chunk.choices[0]?.finish_reason ?? got.finish;
    }
  } catch (e) {
    got.error = e;
  }
  return got;
}

// The whole answer came, once, with its end.
export function assertWhole(got) {
  assert.equal(got.error, null, `${got.error?.stack}`);
  assert.equal(got.text, whole);
  assert.equal(got.finish, 'stop');
}
