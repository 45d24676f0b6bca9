// An upstream's stream that is cut, stalls or breaks is never passed off as a whole answer: the
// SDKs would accept it silently, so each of these must throw, with a code.
import assert from 'node:assert/strict';

import { sentence, words } from './support/peer.mjs';
import { ask, endTogether, startTogether, test, testEachSDK, textOf, thrown } from './support/suite.mjs';

const together = await startTogether({
  limits: { event_bytes: '64KiB' },
  models: [{ name: '*', targets: [{ provider: 'peer' }], timeouts: { between_tokens: '500ms', first_token: '5s' } }],
});
const { peer, sluice } = together;

// Some words, then `rest` in place of the end.
const broken = (rest) => async (play) => {
  play.stream();
  await play.words(words.slice(0, 4));
  await rest(play);
};
const finish = (play) => play.chunk({}, { finish: 'stop' });
const half = 'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"ha';

// What the upstream does, and the code of the error that the SDK must throw.
const faults = [
  ['ends its body between two events', 'upstream_cut', (play) => play.res.end()],
  ['ends its body inside an event', 'upstream_cut', async (play) => { await play.raw(half); play.res.end(); }],
  ['closes between two events, without the last chunk', 'upstream_cut', (play) => play.fin()],
  ['closes inside an event', 'upstream_cut', async (play) => { await play.raw(half); play.fin(); }],
  ['closes inside a chunk of the transfer coding', 'upstream_cut', (play) => play.res.socket.end(`fff\r\n${half}`)],
  ['resets between two events', 'upstream_cut', async (play) => { await play.sleep(50); play.reset(); }],
  ['resets inside an event', 'upstream_cut', async (play) => { await play.raw(half); await play.sleep(50); play.reset(); }],
  ['falls silent between two events', 'upstream_timeout', (play) => play.closed],
  ['falls silent inside an event', 'upstream_timeout', async (play) => { await play.raw(half); await play.closed; }],
  ['falls silent behind its finish', null, async (play) => { await finish(play); await play.closed; }],
  ['sends an event that is no JSON', 'upstream_malformed', async (play) => { await play.raw('data: {"id": oops}\n\n'); await finish(play); await play.done(); }],
  ['sends a page of HTML for an event', 'upstream_malformed', (play) => play.raw('data: <html>\n\n').then(() => play.res.end())],
  ['sends an event without an end', 'upstream_malformed', async (play) => { await play.raw(`data: {"x":"${'y'.repeat(200_000)}`); await play.closed; }],
  ['sends a chunk size that is none', 'upstream_malformed', async (play) => { await play.sleep(50); play.res.socket.write('zz\r\ndata\r\n'); }],
  ['leaves out [DONE]', null, async (play) => { await finish(play); play.res.end(); }],
  ['leaves out [DONE] and the last chunk', null, async (play) => { await finish(play); play.fin(); }],
  ['closes behind [DONE], without the last chunk', null, async (play) => { await finish(play); await play.raw('data: [DONE]\n\n'); play.fin(); }],
  ['resets behind [DONE]', null, async (play) => { await finish(play); await play.raw('data: [DONE]\n\n'); await play.sleep(50); play.reset(); }],
  ['falls silent behind [DONE]', null, async (play) => { await finish(play); await play.raw('data: [DONE]\n\n'); await play.closed; }],
  ['leaves out the finish but sends [DONE]', null, (play) => play.done()],
  ['finishes one choice of two', 'upstream_cut', async (play) => { await play.chunk({ content: 'b' }, { choice: 1 }); await finish(play); play.res.end(); }],
  ['finishes one choice of two that were asked for', 'upstream_cut', async (play) => { await finish(play); play.res.end(); }, { n: 2 }],
  ['says [DONE] with one choice of two that were asked for', null, async (play) => { await finish(play); await play.done(); }, { n: 2 }],
  ['leaves out the blank line behind the last event', null, async (play) => { await finish(play); await play.raw('data: [DONE]'); play.res.end(); }],
];

for (const [what, code, rest, more] of faults) {
  peer.on(what, broken(rest));
  testEachSDK(`an upstream that ${what}: ${code ?? 'a whole answer'}`, sluice, async ({ client, Class }) => {
    const { data: stream, response } = await client.chat.completions
      .create(ask(what, { stream: true, ...more })).withResponse();
    const seen = [];
    if (!code) {
      await textOf(stream, seen);
      assert.equal(seen.join(''), words.slice(0, 4).join(''));
      return;
    }
    const e = await thrown(textOf(stream, seen));
    assert.ok(e instanceof Class.APIError, `${e?.stack}`);
    assert.equal(e.code, code);
    assert.equal(e.requestID, response.headers.get('x-request-id'));
    // What came before is not lost.
    assert.equal(seen.slice(0, 4).join(''), words.slice(0, 4).join(''));
    const line = await sluice.log(e.requestID);
    assert.ok(line.error, 'the log says why');
    const helper = client.chat.completions.stream(ask(what, more));
    assert.ok((await thrown(helper.finalContent())) instanceof Class.OpenAIError);
  });
}

testEachSDK("an upstream's own error inside a stream stays as it is", sluice, async ({ client, Class }) => {
  peer.on('own-error', broken(async (play) => {
    await play.event({ error: { message: 'out of memory', type: 'server_error', param: null, code: 'oom' } });
    play.res.end();
  }));
  const e = await thrown(client.chat.completions.create(ask('own-error', { stream: true })).then(textOf));
  assert.ok(e instanceof Class.APIError);
  assert.equal(e.code, 'oom');
});

// Events of the responses API, up to `last`.
const response = (status) => ({ id: 'resp_1', object: 'response', created_at: 1, status, model: 'm',
  output: status === 'completed' ? [{ type: 'message', id: 'msg_1', role: 'assistant', status, content: [{ type: 'output_text', text: sentence, annotations: [] }] }] : [],
  usage: status === 'completed' ? { input_tokens: 11, output_tokens: 7, total_tokens: 18 } : null });
async function respond(play, isWhole) {
  let sequence_number = 0;
  const send = (type, more) => play.event({ type, sequence_number: sequence_number++, ...more }, type);
  const at = { item_id: 'msg_1', output_index: 0, content_index: 0 };
  if (!play.json.stream) return play.reply(response('completed'));
  play.stream();
  await send('response.created', { response: response('in_progress') });
  await send('response.output_item.added', { output_index: 0, item: { type: 'message', id: 'msg_1', role: 'assistant', status: 'in_progress', content: [] } });
  await send('response.content_part.added', { ...at, part: { type: 'output_text', text: '', annotations: [] } });
  for (const delta of words) await send('response.output_text.delta', { ...at, delta });
  if (isWhole) await send('response.completed', { response: response('completed') });
  return play.res.end();
}
peer.on('respond', (play) => respond(play, true)).on('respond-cut', (play) => respond(play, false));

testEachSDK('responses: whole and streamed', sluice, async ({ client }) => {
  assert.equal((await client.responses.create({ model: 'respond', input: 'x' })).output_text, sentence);
  const stream = await client.responses.create({ model: 'respond', input: 'x', stream: true });
  const seen = [];
  for await (const event of stream) seen.push(event.type === 'response.output_text.delta' ? event.delta : '');
  assert.equal(seen.join(''), sentence);
  const final = await client.responses.stream({ model: 'respond', input: 'x' }).finalResponse();
  assert.equal(final.status, 'completed');
});

testEachSDK('responses: a cut stream throws, with the code', sluice, async ({ client }) => {
  const types = [];
  const e = await thrown((async () => {
    for await (const event of await client.responses.create({ model: 'respond-cut', input: 'x', stream: true })) {
      types.push(event.type);
      if (event.type === 'error' || event.type === 'response.failed') throw Object.assign(new Error(), event.response?.error ?? event);
    }
  })());
  assert.equal(e.code, 'upstream_cut', `${types}`);
});

test('each cut was counted', async () => {
  assert.ok((await sluice.metric('sluice_streams_cut_total')) >= 40);
  assert.ok((await sluice.metric('sluice_upstream_timeouts_total')) >= 4);
});

endTogether(together);
