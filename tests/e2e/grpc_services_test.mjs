// What the gateway answers over gRPC by itself: its health and its reflection.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { collect, connect, grpc, metadataOf, unary } from './support/grpc.mjs';
import { startMock } from './support/mock.mjs';
import { configuration, startSluice } from './support/sluice.mjs';
import { until } from './support/children.mjs';
import { test, thrown } from './support/suite.mjs';

const mock = await startMock();
const config = configuration(mock.baseURL);
const sluice = await startSluice(config);
const { chat, health, reflection } = connect(sluice.url);
const services = ['grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection', 'sluice.v1.Chat', 'sluice.v1.Embeddings', 'sluice.v1.Retrieval'];

// The answers to `questions`, asked one after the other in one stream.
async function reflect(questions) {
  const call = reflection.serverReflectionInfo();
  const seen = [];
  call.on('data', (answer) => seen.push(answer));
  const ended = new Promise((resolve, reject) => call.on('end', resolve).on('error', reject));
  for (const [i, question] of questions.entries()) {
    call.write(question);
    await until(`an answer to ${JSON.stringify(question)}`, () => seen.length === i + 1); // as it comes
  }
  call.end();
  await ended;
  return seen;
}

test('the whole and each service are healthy', async () => {
  for (const service of ['', ...services]) {
    const { reply, headers } = await unary(health, 'check', { service }, { fields: { 'x-request-id': `h-${service}x` } });
    assert.equal(reply.status, 'SERVING', service);
    assert.equal(headers.get('x-request-id')[0], `h-${service}x`);
  }
  const e = await thrown(unary(health, 'check', { service: 'no.such' }));
  assert.equal(e.code, grpc.status.NOT_FOUND);
  const line = await sluice.log('h-sluice.v1.Chatx');
  assert.deepEqual([line.route, line.path, line.status, line.stream, line.error],
    ['health', '/grpc.health.v1.Health/Check', 200, false, undefined]);
  assert.ok(await sluice.metric('sluice_requests_total{route="health"}') >= 6);
});

test('services are listed, and their files can be had', async () => {
  const [list, file, symbol, absent] = await reflect([
    { listServices: '' }, { fileByFilename: 'sluice/v1/chat.proto' }, { fileContainingSymbol: 'sluice.v1.Embeddings.Embed' },
    { fileContainingSymbol: 'no.such' }]);
  assert.deepEqual(list.listServicesResponse.service.map((s) => s.name).sort(), services);
  assert.ok(file.fileDescriptorResponse.fileDescriptorProto.length >= 1);
  assert.ok(Buffer.concat(symbol.fileDescriptorResponse.fileDescriptorProto).includes('EmbedRequest'));
  assert.equal(absent.errorResponse.errorCode, grpc.status.NOT_FOUND);
  assert.ok(await sluice.metric('sluice_requests_total{route="reflection"}') >= 1);
});

test('thousands of questions in one stream are all answered, to a client that reads late', async () => {
  const call = reflection.serverReflectionInfo();
  const count = 3000;
  for (let i = 0; i < count; i++) call.write({ fileByFilename: 'sluice/v1/chat.proto' });
  call.end();
  await sleep(500);
  const before = sluice.memory();
  assert.equal((await collect(call)).length, count);
  console.log(`# measured: ${before} kB while ${count} questions waited`);
});

test('a call that says nothing, or too much, is told so', async () => {
  const client = new grpc.Client(new URL(sluice.url).host, grpc.credentials.createInsecure());
  const same = (x) => x;
  const none = await thrown(new Promise((resolve, reject) => {
    client.makeClientStreamRequest('/grpc.health.v1.Health/Check', same, same, (e, r) => (e ? reject(e) : resolve(r))).end();
  }));
  assert.equal(none.code, grpc.status.UNIMPLEMENTED);
  const bad = await thrown(new Promise((resolve, reject) =>
    client.makeUnaryRequest('/grpc.health.v1.Health/Check', same, same, Buffer.from([0x0a, 9]), (e, r) => (e ? reject(e) : resolve(r)))));
  assert.equal(bad.code, grpc.status.INTERNAL);
  const broken = await thrown(collect(Object.assign(client.makeServerStreamRequest('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', same, same, Buffer.from([0x0a, 9])))));
  assert.equal(broken.code, grpc.status.INVALID_ARGUMENT);
  const long = await thrown(collect(client.makeServerStreamRequest('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', same, same, Buffer.alloc(100_000))));
  assert.equal(long.code, grpc.status.RESOURCE_EXHAUSTED);
  const late = await thrown(collect(health.watch({}, metadataOf({}), { deadline: Date.now() + 300 })));
  assert.equal(late.code, grpc.status.DEADLINE_EXCEEDED);
  assert.equal((await fetch(`${sluice.url}/grpc.health.v1.Health/Check`, { method: 'POST', body: '{}' })).status, 415);
  client.close();
});

// Last: it ends the gateway.
test('a watch lives through a reload, and hears of the drain', async () => {
  const call = health.watch({ service: 'sluice.v1.Chat' });
  const seen = [];
  call.on('data', (answer) => seen.push(answer.status));
  const ended = new Promise((resolve) => call.on('error', resolve).on('end', () => resolve(null)));
  const unknown = [];
  health.watch({ service: 'no.such' }).on('data', (answer) => unknown.push(answer.status)).on('error', () => {});
  await until('the first answers', () => seen.length && unknown.length);
  assert.equal(await sluice.reload(config), 'reloaded');
  await sleep(100);
  assert.deepEqual([seen, unknown], [['SERVING'], ['SERVICE_UNKNOWN']]);
  chat.close();
  reflection.close();
  sluice.ask('SIGTERM');
  const e = await ended;
  assert.deepEqual(seen, ['SERVING', 'NOT_SERVING']);
  assert.equal(e.code, grpc.status.UNAVAILABLE);
  health.close();
  await mock.end();
  await sluice.end();
});
