// The rest of the API through the official SDKs: embeddings, models, files, images, audio, batches.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';

import { configuration, startSluice } from './support/sluice.mjs';
import { endTogether, startTogether, test, testEachSDK, thrown } from './support/suite.mjs';

const together = await startTogether();
const { peer, sluice } = together;
const named = await startSluice(configuration(peer.baseURL, {
  models: [
    { name: 'one', targets: [{ provider: 'peer' }] },
    { name: 'org/two', targets: [{ provider: 'peer', model: 'peer-two' }] },
  ],
}));

const vectors = [[0.25, -1.5, 3.0e-5], [1, 0, -0.125]].map((v) => v.map(Math.fround));
const base64 = (v) => Buffer.from(new Float32Array(v).buffer).toString('base64');
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const picture = randomBytes(300_000);
const sound = randomBytes(700_000);

peer
  .on('POST /v1/embeddings', (play) => play.reply({
    object: 'list', model: play.json.model, usage: { prompt_tokens: 2, total_tokens: 2 },
    data: vectors.map((v, index) => ({
      object: 'embedding', index, embedding: play.json.encoding_format === 'base64' ? base64(v) : v })),
  }))
  .on('GET /v1/models', (play) => play.reply({ object: 'list', data: [{ id: 'from-the-peer', object: 'model', created: 1, owned_by: 'x' }] }))
  .on('POST /v1/files', (play) => play.reply({ id: `file-${sha256(play.body)}`, object: 'file', bytes: play.body.length, created_at: 1, filename: 'f', purpose: 'batch', status: 'processed' }))
  .on('GET /v1/files/file-1/content', (play) => play.answer(200, { 'content-type': 'application/octet-stream' }, sound))
  .on('DELETE /v1/files/file-1', (play) => play.reply({ id: 'file-1', object: 'file', deleted: true }))
  .on('POST /v1/images/generations', (play) => play.reply({ created: 1, data: [{ b64_json: picture.toString('base64') }] }))
  .on('POST /v1/images/edits', (play) => play.reply({ created: 1, data: [{ url: `https://example.org/${play.body.includes(picture)}` }] }))
  .on('POST /v1/audio/speech', (play) => play.answer(200, { 'content-type': 'audio/mpeg' }, sound))
  .on('POST /v1/audio/transcriptions', (play) => play.reply({ text: `heard ${play.body.includes(sound)}` }))
  .on('POST /v1/moderations', (play) => play.reply({ id: 'modr-1', model: 'm', results: [{ flagged: false }] }))
  .on('POST /v1/batches', (play) => play.reply({ id: 'batch_1', object: 'batch', endpoint: play.json.endpoint, status: 'validating' }))
  .on('GET /v1/batches', (play) => play.reply({ object: 'list', data: [{ id: 'batch_1', object: 'batch' }], has_more: false }))
  .on('GET /v1/batches/batch_1', (play) => play.reply({ id: 'batch_1', object: 'batch', status: 'completed' }));

testEachSDK('embeddings: what the SDK asks for by itself equals what it asks for as numbers', sluice, async ({ client }) => {
  const body = { model: 'e', input: ['a', 'b'] };
  const plain = await client.embeddings.create(body);
  assert.equal(peer.requests.at(-1).json.encoding_format, 'base64');
  const numbers = await client.embeddings.create({ ...body, encoding_format: 'float' });
  assert.deepEqual(plain.data.map((d) => [...d.embedding]), vectors);
  assert.deepEqual(numbers.data.map((d) => [...d.embedding]), vectors);
});

testEachSDK('models: with "*" alone the list is the upstream\'s', sluice, async ({ client }) => {
  assert.equal((await client.models.list()).data[0].id, 'from-the-peer');
});

testEachSDK('models: with names the list is the configuration\'s', named, async ({ client, Class }) => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.deepEqual(ids, ['one', 'org/two']);
  assert.equal((await client.models.retrieve('one')).object, 'model');
  const e = await thrown(client.models.retrieve('three'));
  assert.ok(e instanceof Class.NotFoundError, e);
  assert.equal(e.code, 'model_not_found');
});

testEachSDK('models: a name with a slash, as the SDK encodes it', named, async ({ client }) => {
  assert.equal((await client.models.retrieve('org/two')).id, 'org/two');
});

testEachSDK('files: a multipart upload arrives byte by byte', sluice, async ({ client }) => {
  const content = randomBytes(3_000_000);
  const file = await client.files.create({ file: new File([content], 'f.jsonl'), purpose: 'batch' });
  const { body, headers } = peer.requests.at(-1);
  assert.match(headers['content-type'], /^multipart\/form-data; boundary=/);
  assert.equal(file.id, `file-${sha256(body)}`);
  assert.ok(body.includes(content));
});

testEachSDK('files: a download and a DELETE', sluice, async ({ client }) => {
  const content = Buffer.from(await (await client.files.content('file-1')).arrayBuffer());
  assert.ok(content.equals(sound));
  const gone = await (client.files.delete ?? client.files.del).call(client.files, 'file-1');
  assert.equal(gone.deleted, true);
});

testEachSDK('images: generated and edited', sluice, async ({ client }) => {
  const made = await client.images.generate({ model: 'i', prompt: 'x' });
  assert.equal(made.data[0].b64_json, picture.toString('base64'));
  const edited = await client.images.edit({ model: 'i', prompt: 'x', image: new File([picture], 'p.png', { type: 'image/png' }) });
  assert.equal(edited.data[0].url, 'https://example.org/true');
});

testEachSDK('audio: spoken and transcribed', sluice, async ({ client }) => {
  const speech = await client.audio.speech.create({ model: 'a', voice: 'alloy', input: 'x' });
  assert.equal(speech.headers.get('content-type'), 'audio/mpeg');
  assert.ok(Buffer.from(await speech.arrayBuffer()).equals(sound));
  const heard = await client.audio.transcriptions.create({ model: 'a', file: new File([sound], 's.mp3') });
  assert.equal(heard.text, 'heard true');
});

testEachSDK('moderations and batches', sluice, async ({ client }) => {
  assert.equal((await client.moderations.create({ model: 'm', input: 'x' })).results[0].flagged, false);
  const body = { input_file_id: 'file-1', endpoint: '/v1/chat/completions', completion_window: '24h' };
  assert.equal((await client.batches.create(body)).endpoint, body.endpoint);
  assert.equal((await client.batches.retrieve('batch_1')).status, 'completed');
  const ids = [];
  for await (const batch of client.batches.list({ limit: 5, after: 'batch_0' })) ids.push(batch.id);
  assert.deepEqual(ids, ['batch_1']);
  assert.equal(peer.last('GET /v1/batches').path, '/v1/batches?limit=5&after=batch_0');
});

test('the second sluice ends orderly', () => named.end());
endTogether(together);
