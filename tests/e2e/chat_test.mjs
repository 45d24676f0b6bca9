// Chat completions through the official SDKs: what a user sees when nothing goes wrong.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { completion, sentence, words } from './support/peer.mjs';
import { secret } from './support/sluice.mjs';
import { ask, clientKey, endTogether, startTogether, testEachSDK, textOf } from './support/suite.mjs';

const together = await startTogether({
  limits: { comment_interval: '1s' },
  models: [
    { name: 'small', targets: [{ provider: 'peer', model: 'peer-small' }] },
    { name: '*', targets: [{ provider: 'peer' }] },
  ],
});
const { peer, sluice } = together;

const call = { name: 'weather', arguments: '{"city":"Zürich","unit":"c"}' };
const tools = [{
  type: 'function',
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
}];

peer
  .on('tools', async (play) => {
    if (!play.json.stream) {
      return play.reply(completion(
        { content: null, tool_calls: [{ id: 'call_1', type: 'function', function: call }] },
      ));
    }
    play.stream();
    await play.chunk({ role: 'assistant', content: null, tool_calls: [
      { index: 0, id: 'call_1', type: 'function', function: { name: call.name, arguments: '' } }] });
    for (const piece of call.arguments.match(/.{1,5}/gsu)) {
      await play.chunk({ tool_calls: [{ index: 0, function: { arguments: piece } }] });
    }
    await play.chunk({}, { finish: 'tool_calls' });
    return play.done();
  })
  .on('two', async (play) => {
    play.stream();
    for (const choice of [0, 1]) await play.chunk({ role: 'assistant', content: '' }, { choice });
    for (const choice of [1, 0, 1, 0]) await play.chunk({ content: `${choice}` }, { choice });
    for (const choice of [1, 0]) await play.chunk({}, { choice, finish: 'stop' });
    return play.done();
  })
  .on('usage', async (play) => {
    play.stream();
    await play.words(words);
    await play.chunk({}, { finish: 'stop' });
    await play.event({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [],
      usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 } });
    return play.done();
  })
  .on('dribble', async (play) => {
    const bytes = Buffer.from(words.map((w) => `data: ${JSON.stringify({
      id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm',
      choices: [{ index: 0, delta: { content: w }, finish_reason: null }] })}\r\n\r\n`).join(''));
    play.stream();
    for (let at = 0; at < bytes.length; at += 3) await play.raw(bytes.subarray(at, at + 3));
    await play.chunk({}, { finish: 'stop' });
    return play.done();
  })
  .on('slow', async (play) => {
    play.stream();
    await play.sleep(2500);
    await play.words(words);
    await play.chunk({}, { finish: 'stop' });
    return play.done();
  });

testEachSDK('an answer in one piece', sluice, async ({ client }) => {
  const answer = await client.chat.completions.create(ask('any'));
  assert.equal(answer.choices[0].message.content, sentence);
  assert.equal(answer.usage.total_tokens, 18);
});

testEachSDK('a stream, iterated', sluice, async ({ client }) => {
  assert.equal(await textOf(await client.chat.completions.create(ask('any', { stream: true }))), sentence);
});

testEachSDK('a stream, by the helper', sluice, async ({ client }) => {
  const seen = [];
  const stream = client.chat.completions.stream(ask('any')).on('content', (piece) => seen.push(piece));
  assert.equal(await stream.finalContent(), sentence);
  assert.equal(seen.join(''), sentence);
  assert.equal((await stream.finalChatCompletion()).choices[0].finish_reason, 'stop');
});

testEachSDK('usage at the end of a stream', sluice, async ({ client }) => {
  const body = ask('usage', { stream: true, stream_options: { include_usage: true } });
  const { data: stream, response } = await client.chat.completions.create(body).withResponse();
  let last;
  for await (const chunk of stream) last = chunk;
  assert.equal(last.usage.completion_tokens, 7);
  const line = await sluice.log(response.headers.get('x-request-id'));
  assert.equal(line.input_tokens, 11);
  assert.equal(line.output_tokens, 7);
});

testEachSDK('tools go out byte by byte as written, and calls come back', sluice, async ({ client }) => {
  const answer = await client.chat.completions.create(ask('tools', { tools }));
  assert.deepEqual(answer.choices[0].message.tool_calls[0].function, call);
  assert.equal(peer.last('tools').body.toString(), JSON.stringify(ask('tools', { tools })));
});

testEachSDK('tool calls, streamed', sluice, async ({ client }) => {
  const stream = client.chat.completions.stream(ask('tools', { tools }));
  const { choices: [choice] } = await stream.finalChatCompletion();
  assert.equal(choice.finish_reason, 'tool_calls');
  assert.equal(choice.message.tool_calls[0].id, 'call_1');
  assert.equal(choice.message.tool_calls[0].function.arguments, call.arguments);
});

testEachSDK('an image of 1 MB inside the request arrives unchanged', sluice, async ({ client }) => {
  const url = `data:image/png;base64,${randomBytes(1_000_000).toString('base64')}`;
  const messages = [{ role: 'user', content: [{ type: 'text', text: 'What?' }, { type: 'image_url', image_url: { url } }] }];
  const stream = await client.chat.completions.create({ model: 'small', messages, stream: true });
  assert.equal(await textOf(stream), sentence);
  const { json } = peer.requests.at(-1);
  assert.equal(json.model, 'peer-small');
  assert.equal(json.messages[0].content[1].image_url.url, url);
});

testEachSDK('n=2, streamed', sluice, async ({ client }) => {
  const { choices } = await client.chat.completions.stream(ask('two', { n: 2 })).finalChatCompletion();
  assert.deepEqual(choices.map((c) => c.message.content), ['00', '11']);
});

testEachSDK('events cut anywhere, with CRLF and many-byte letters', sluice, async ({ client }) => {
  assert.equal(await textOf(await client.chat.completions.create(ask('dribble', { stream: true }))), sentence);
});

testEachSDK('comments while the upstream is silent go unnoticed', sluice, async ({ client }) => {
  assert.equal(await textOf(await client.chat.completions.create(ask('slow', { stream: true }))), sentence);
});

testEachSDK('the headers tell who answered', sluice, async ({ client }) => {
  const { data, response } = await client.chat.completions.create(ask('small')).withResponse();
  assert.equal(response.headers.get('x-sluice-provider'), 'peer');
  assert.equal(response.headers.get('x-sluice-model'), 'peer-small');
  assert.equal(response.headers.get('x-sluice-attempts'), '1');
  assert.match(response.headers.get('server-timing'), /^upstream;dur=\d+\.\d{3}, own;dur=\d+\.\d{3}$/);
  assert.equal(data._request_id, response.headers.get('x-request-id'));
});

testEachSDK("the provider's key is sent in place of the client's", sluice, async ({ client }) => {
  await client.chat.completions.create(ask('any'), { headers: { 'x-extra': 'kept', 'x-sluice-spoof': 'dropped' } });
  const { headers } = peer.requests.at(-1);
  assert.equal(headers.authorization, `Bearer ${secret}`);
  assert.ok(!JSON.stringify(headers).includes(clientKey));
  assert.equal(headers['x-extra'], 'kept');
  assert.equal(headers['x-sluice-spoof'], undefined);
  assert.match(headers['user-agent'], /^OpenAI\/JS /);
});

testEachSDK('fifty streams at once are each whole', sluice, async ({ client }) => {
  const answers = await Promise.all(Array.from({ length: 50 }, async () =>
    textOf(await client.chat.completions.create(ask('any', { stream: true })))));
  assert.deepEqual(new Set(answers), new Set([sentence]));
});

endTogether(together);
