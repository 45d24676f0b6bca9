// A stream that is cut within its answer is finished by another one where that can be done without a
// seam, and reported where it can't: nobody gets half of one answer and half of another.
import assert from 'node:assert/strict';

import { always, assertWhole, attempts, begin, broken, essay, failing, follow, fresh, startRivals, tell, upTo, whole } from './support/rivals.mjs';
import { ask, endTogether, test, testEachSDK, thrown } from './support/suite.mjs';

const kinds = ['plain', 'prefix', 'vllm'];
// Several tests cut the same of these, and that is not the time to leave the primary alone.
const pair = (fallback) => ({ targets: [{ provider: 'primary' }], fallback: [{ provider: 'backup', ...fallback }], breaker: { trip_after: 0 } });
const together = await startRivals({
  models: [
    { name: 'reports', recovery: 'error', ...pair() },
    { ...pair(), name: 'alone', fallback: [] },
    ...kinds.map((prefill) => ({ name: `goes on: ${prefill}`, ...pair({ prefill }) })),
  ],
});
const { primary, backup, sluice } = together;
const cut = (play) => play.fin();

// What the client has got is a beginning of the essay, and it was told that the rest is missing.
function assertTold(got, Class, code = 'upstream_cut') {
  assert.ok(got.error instanceof Class.APIError, `${got.error?.stack ?? got.text}`);
  assert.equal(got.error.code, code);
  assert.equal(got.error.requestID, got.id);
}

testEachSDK('a replay that tells something else: an error, and not one byte of the other answer', sluice, async ({ client, Class }) => {
  for (const at of [0, 1, 20, 39]) {
    const model = fresh('diverges');
    const other = essay.map((word, i) => (i >= at ? `other${i} ` : word));
    primary.on(model, always(broken(40, cut)));
    backup.on(model, always((play) => tell(play, other)));
    const got = await follow(client, ask(model));
    assertTold(got, Class);
    assert.equal(got.text, upTo(40));
    assert.equal(attempts(backup, model).length, 1);
    const line = await sluice.log(got.id);
    assert.equal(line.attempts.at(-1).failure, 'diverged');
    assert.ok((await thrown(client.chat.completions.stream(ask(model)).finalContent())) instanceof Class.OpenAIError);
  }
});

testEachSDK('a replay that differs within a word, or stops before it was there: an error', sluice, async ({ client, Class }) => {
  const others = [
    [...essay.slice(0, 39), essay[39].replace('39', '93'), ...essay.slice(40)],
    essay.slice(0, 30), // a shorter answer, with a proper end
    [],
  ];
  for (const other of others) {
    const model = fresh('differs');
    primary.on(model, always(broken(40, cut)));
    backup.on(model, always((play) => tell(play, other)));
    const got = await follow(client, ask(model));
    assertTold(got, Class);
    assert.equal(got.text, upTo(40));
  }
});

testEachSDK('a replay in other pieces: the whole answer, without a seam', sluice, async ({ client }) => {
  for (const size of [1, 7, 10_000]) {
    const model = fresh('pieces');
    const letters = Array.from(whole);
    const other = [];
    for (let i = 0; i < letters.length; i += size) other.push(letters.slice(i, i + size).join(''));
    primary.on(model, always(broken(33, cut)));
    backup.on(model, always((play) => tell(play, other)));
    assertWhole(await follow(client, ask(model)));
  }
});

testEachSDK('an answer told to the last word, but not ended: ended by the replay', sluice, async ({ client }) => {
  const model = fresh('endless');
  primary.on(model, always(broken(60, cut)));
  assertWhole(await follow(client, ask(model, { stream_options: { include_usage: true } })));
  assert.equal(attempts(backup, model).length, 1);
});

testEachSDK('a replay that is cut as well: the next one goes on from where the text is', sluice, async ({ client }) => {
  const model = fresh('cut-twice');
  primary.on(model, failing(1, broken(20, cut)));
  backup.on(model, failing(1, broken(45, cut)));
  assertWhole(await follow(client, ask(model)));
  assert.ok(attempts(primary, model).length + attempts(backup, model).length >= 3);
});

testEachSDK('with nobody else the same target is asked for a replay', sluice, async ({ client, Class }) => {
  primary.on('alone', failing(1, broken(40, cut)));
  assertWhole(await follow(client, ask('alone')));
  const before = attempts(primary, 'alone').length;
  primary.on('alone', always(broken(40, cut)));
  const got = await follow(client, ask('alone'));
  assertTold(got, Class);
  assert.equal(got.text, upTo(40));
  const asked = attempts(primary, 'alone').length - before;
  assert.ok(asked <= 5, `${asked} attempts: it does not go on for ever`);
});

testEachSDK('a cut call of a tool is never spliced', sluice, async ({ client, Class }) => {
  const model = fresh('tool');
  const call = (args, more) => ({ tool_calls: [{ index: 0, ...more, function: { arguments: args, ...more?.function } }] });
  for (const isText of [true, false]) {
    primary.on(model, always(async (play) => {
      await begin(play, isText ? essay.slice(0, 3) : []);
      await play.chunk(call('', { id: 'call_1', type: 'function', function: { name: 'pour' } }));
      await play.chunk(call('{"cups":'));
      cut(play);
    }));
    const tools = [{ type: 'function', function: { name: 'pour', parameters: { type: 'object', properties: {} } } }];
    const got = await follow(client, ask(model, { tools }));
    assertTold(got, Class);
  }
  assert.equal(attempts(backup, model).length, 0);
});

testEachSDK('two choices, logprobs: a cut is reported', sluice, async ({ client, Class }) => {
  for (const more of [{ n: 2 }, { logprobs: true }]) {
    const model = fresh('more');
    primary.on(model, always(broken(40, cut)));
    const got = await follow(client, ask(model, more));
    assertTold(got, Class);
    assert.equal(got.text, upTo(40));
    assert.equal(attempts(backup, model).length, 0);
  }
});

testEachSDK('recovery: error reports a cut at once', sluice, async ({ client, Class }) => {
  primary.on('reports', always(broken(40, cut)));
  const before = attempts(primary, 'reports').length;
  const got = await follow(client, ask('reports'));
  assertTold(got, Class);
  assert.equal(got.text, upTo(40));
  assert.equal(attempts(primary, 'reports').length - before, 1);
  assert.equal(attempts(backup, 'reports').length, 0);
});

const oom = { error: { message: 'out of memory', type: 'server_error', param: null, code: 'oom' } };

testEachSDK('an error event before the first token: the backup answers', sluice, async ({ client }) => {
  for (const withRole of [true, false]) {
    const model = fresh('broke-early');
    primary.on(model, always(async (play) => {
      play.stream();
      if (withRole) await play.chunk({ role: 'assistant', content: '' });
      await play.event(oom);
      play.res.end();
    }));
    const got = await follow(client, ask(model));
    assertWhole(got);
    assert.equal(got.headers.get('x-sluice-provider'), 'backup');
    assert.ok(attempts(primary, model).length <= 3);
  }
});

testEachSDK('an error event after some words: the replay finishes them', sluice, async ({ client }) => {
  const model = fresh('broke-late');
  primary.on(model, always(broken(25, (play) => play.event(oom).then(() => play.res.end()))));
  const got = await follow(client, ask(model));
  assertWhole(got);
  const line = await sluice.log(got.id);
  assert.equal(line.attempts[0].failure, 'server_error');
});

testEachSDK('an error event that nobody makes good stays as it is', sluice, async ({ client, Class }) => {
  const model = fresh('broke-both');
  for (const peer of [primary, backup]) peer.on(model, always(broken(25, (play) => play.event(oom).then(() => play.res.end()))));
  const got = await follow(client, ask(model));
  assertTold(got, Class, 'oom');
  assert.equal(got.text, upTo(25));
});

// --- Going on from a prefill ---

const told = {
  plain: { role: 'assistant', content: upTo(40).trimEnd() },
  prefix: { role: 'assistant', content: upTo(40).trimEnd(), prefix: true },
  vllm: { role: 'assistant', content: upTo(40).trimEnd() },
};
// Models differ in whether they write the space again that was left out of their prefill.
for (const space of ['', ' ']) {
  for (const kind of kinds) {
    testEachSDK(`a continuation (${kind}), which ${space ? 'repeats' : 'goes on behind'} the space: no seam`, sluice, async ({ client }) => {
      const model = `goes on: ${kind}`;
      const rest = [`${space}${essay[40]}`, ...essay.slice(41)];
      primary.on(model, always(broken(40, cut)));
      backup.on(model, (play) => tell(play, rest));
      const request = ask(model, { max_tokens: 500, temperature: 0.25 });
      const got = await follow(client, request);
      assertWhole(got);
      assert.equal(got.chunks.filter((chunk) => chunk.choices[0]?.delta?.role).length, 1);

      const { json } = attempts(backup, model).at(-1);
      const { messages, max_tokens, ...others } = json;
      assert.deepEqual(messages, [...request.messages, told[kind]]);
      assert.equal(max_tokens, 460);
      assert.deepEqual(others, { model, stream: true, temperature: 0.25,
        ...(kind === 'vllm' && { continue_final_message: true, add_generation_prompt: false }) });
      const line = await sluice.log(got.id);
      assert.equal(line.attempts.at(-1).as, 'continuation');
    });
  }
}

testEachSDK('a continuation that is nothing but an end ends the answer', sluice, async ({ client }) => {
  const model = 'goes on: plain';
  primary.on(model, always(broken(60, cut)));
  backup.on(model, (play) => tell(play, []));
  assertWhole(await follow(client, ask(model)));
});

testEachSDK('a request with tools is not continued but replayed', sluice, async ({ client }) => {
  const model = 'goes on: vllm';
  primary.on(model, always(broken(40, cut)));
  backup.on(model, (play) => tell(play));
  const tools = [{ type: 'function', function: { name: 'pour', parameters: { type: 'object', properties: {} } } }];
  assertWhole(await follow(client, ask(model, { tools })));
  assert.equal(attempts(backup, model).at(-1).json.messages.length, 1);
});

test('each recovery was counted', async () => {
  assert.ok((await sluice.metric('sluice_streams_recovered_total')) >= 20);
});

endTogether(together);
