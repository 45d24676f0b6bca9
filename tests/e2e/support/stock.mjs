// A gRPC server of tests/rpc/stock.proto, whose requests say how it behaves; and clients of it. Run
// as a program it serves until it is ended, and prints its port.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const path = (name) => fileURLToPath(new URL(`../../../${name}`, import.meta.url));
const options = { longs: String, enums: String, defaults: false, oneofs: true, bytes: Buffer,
  includeDirs: [path('tests/rpc'), path('tests/transcode'), path('proto')] };

export const descriptorSet = path('tests/rpc/descriptors.bin');
export const { stock: { v1 } } = grpc.loadPackageDefinition(protoLoader.loadSync('stock.proto', options));
export { grpc };

const unlimited = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };

// The same service, of which the methods `names` have their messages as bytes.
export function rawService(...names) {
  const same = (bytes) => bytes;
  const raw = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
  return Object.fromEntries(Object.entries(v1.Stock.service).map(([name, method]) =>
    [name, names.includes(name) ? { ...method, ...raw } : method]));
}

const fail = (code, details, trailers) => Object.assign(new Error(details), { code, details, metadata: trailers });

// google.rpc.Status with one detail: an Any of stock.v1.Box.
function richStatus() {
  const field = (number, bytes) => Buffer.concat([Buffer.from([number << 3 | 2, bytes.length]), bytes]);
  const box = field(1, Buffer.from('why'));
  const any = Buffer.concat([field(1, Buffer.from('type.googleapis.com/stock.v1.Box')), field(2, box)]);
  return Buffer.concat([Buffer.from([8, 5]), field(2, Buffer.from('no such item')), field(3, any)]);
}

// What the server has seen: {method, metadata, request, deadline, at, cancelledAt}.
class Stock {
  calls = [];
  sentAt = [];

  note(method, call) {
    const seen = { method, metadata: call.metadata, request: call.request, deadline: call.getDeadline(), at: performance.now() };
    call.on('cancelled', () => (seen.cancelledAt = performance.now()));
    this.calls.push(seen);
    const metadata = new grpc.Metadata();
    metadata.set('x-stock', 'head');
    metadata.set('stock-bin', Buffer.from([0, 1, 254, 255]));
    call.sendMetadata(metadata);
    return seen;
  }

  trailers() {
    const metadata = new grpc.Metadata();
    metadata.set('x-stock-end', 'tail');
    metadata.set('end-bin', Buffer.from([255, 0]));
    return metadata;
  }

  async get(call, callback) {
    this.note('Get', call);
    const { name = '', waitMs = 0, size = 0 } = call.request;
    if (name.endsWith('/none')) {
      const trailers = this.trailers();
      trailers.set('grpc-status-details-bin', richStatus());
      callback(fail(grpc.status.NOT_FOUND, 'no such item: 100% "gone" ü', trailers));
    } else if (!name.endsWith('/never')) {
      if (waitMs) await sleep(waitMs);
      const raw = size ? { raw: Buffer.alloc(size, 7) } : {};
      callback(null, { name, counts: { a: 1, b: 0 }, small: 0, ...raw }, this.trailers());
    }
  }

  async watch(call) {
    this.note('Watch', call);
    const { name, count = 3, waitMs = 0, failAfter = 0, size = 0 } = call.request;
    for (let i = 0; i < count && !call.cancelled; i++) {
      if (failAfter && i === failAfter) {
        call.emit('error', fail(grpc.status.ABORTED, 'enough', this.trailers()));
        return;
      }
      if (waitMs) await sleep(waitMs);
      if (call.cancelled) return;
      this.sentAt.push(performance.now());
      if (!call.write({ name, small: i + 1, raw: Buffer.alloc(size, i) }))
        await Promise.race([once(call, 'drain'), once(call, 'cancelled')]);
    }
    call.end(this.trailers());
  }

  send(call, callback) {
    this.note('Send', call);
    let messages = 0, bytes = 0;
    call.on('data', (item) => { messages++; bytes += item.raw?.length ?? 0; });
    call.on('end', () => callback(null, { messages, bytes }, this.trailers()));
  }

  chat(call) {
    this.note('Chat', call);
    call.on('data', (item) => {
      if (item.name === 'fail') call.emit('error', fail(grpc.status.DATA_LOSS, 'you said so'));
      else call.write({ ...item, tags: [...(item.tags ?? []), 'seen'] });
    });
    call.on('end', () => call.end(this.trailers()));
  }

  async download(call) {
    this.note('Download', call);
    const { count = 2 } = call.request;
    for (let i = 0; i < count; i++) call.write({ contentType: 'text/csv', data: Buffer.from(`${i},\xff\n`, 'latin1') });
    call.end();
  }

  implementation() {
    const echo = (name, of = (r) => r) => (call, callback) => {
      this.note(name, call);
      callback(null, of(call.request), this.trailers());
    };
    return {
      Get: (call, callback) => this.get(call, callback),
      Create: echo('Create'), Replace: echo('Replace'),
      Update: echo('Update', ({ item, mask }) => ({ ...item, mask })),
      Remove: echo('Remove', ({ name }) => ({ name })),
      Search: echo('Search', () => ({ name: 'found' })),
      Plain: echo('Plain', ({ name }) => ({ name })),
      Upload: echo('Upload', ({ name, file }) => ({ contentType: file.contentType, data: Buffer.concat([Buffer.from(`${name}:`), file.data]) })),
      Watch: (call) => this.watch(call),
      Send: (call, callback) => this.send(call, callback),
      Chat: (call) => this.chat(call),
      Download: (call) => this.download(call),
    };
  }

  async start(credentials) {
    this.server = new grpc.Server(unlimited);
    this.server.addService(rawService('Create'), this.implementation());
    this.port = await new Promise((found, failed) => this.server.bindAsync('127.0.0.1:0', credentials,
      (e, port) => e ? failed(e) : found(port)));
    this.baseURL = `http://127.0.0.1:${this.port}`;
  }

  end() {
    this.server.forceShutdown();
  }
}

export async function startStock(credentials = grpc.ServerCredentials.createInsecure()) {
  const stock = new Stock();
  await stock.start(credentials);
  return stock;
}

export function stockClient(port, ...raw) {
  const Client = raw.length ? grpc.makeClientConstructor(rawService(...raw), 'Stock') : v1.Stock;
  return new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), { ...unlimited, 'grpc.enable_retries': 0 });
}

// A unary call as a promise of {response, head, tail}; what it fails with is thrown, with both.
export function unary(client, method, request, metadata = new grpc.Metadata(), callOptions = {}) {
  return new Promise((done, failed) => {
    let head, tail;
    const call = client[method](request, metadata, callOptions, (e, response) =>
      setImmediate(() => e ? failed(Object.assign(e, { head })) : done({ response, head, tail })));
    call.on('metadata', (m) => (head = m));
    call.on('status', (s) => (tail = s.metadata));
  });
}

// All messages of a stream, and its status.
export function collect(call) {
  const messages = [];
  return new Promise((done) => {
    let status;
    call.on('data', (m) => messages.push(m));
    call.on('error', () => {}); // the status says it
    call.on('status', (s) => { status = s; done({ messages, status }); });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stock = await startStock();
  console.log(`stock ${stock.port}`);
}
