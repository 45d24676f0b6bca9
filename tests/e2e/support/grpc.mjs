// Our own services over gRPC, as @grpc/grpc-js calls them by the protos of this repository.
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';

const proto = fileURLToPath(new URL('../../../proto/', import.meta.url));
const loaded = grpc.loadPackageDefinition(protoLoader.loadSync(
  ['sluice/v1/chat.proto', 'sluice/v1/embeddings.proto', 'grpc/health/v1/health.proto', 'grpc/reflection/v1/reflection.proto'],
  { includeDirs: [proto], longs: Number, enums: String, defaults: false, oneofs: true }));

export { grpc };

// Clients of all services at an http URL.
export function connect(url) {
  const at = (Service) => new Service(new URL(url).host, grpc.credentials.createInsecure());
  return {
    chat: at(loaded.sluice.v1.Chat),
    embeddings: at(loaded.sluice.v1.Embeddings),
    health: at(loaded.grpc.health.v1.Health),
    reflection: at(loaded.grpc.reflection.v1.ServerReflection),
  };
}

export function metadataOf(fields) {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
  return metadata;
}

// {reply, headers, trailers} of a call with one answer; throws its status.
export function unary(client, method, request, { fields = {}, ms } = {}) {
  const options = ms ? { deadline: Date.now() + ms } : {};
  let headers, trailers;
  return new Promise((resolve, reject) => {
    const call = client[method](request, metadataOf(fields), options, (e, reply) =>
      setImmediate(() => (e ? reject(e) : resolve({ reply, headers, trailers }))));
    call.on('metadata', (metadata) => (headers = metadata));
    call.on('status', (status) => (trailers = status.metadata));
  });
}

// All events of a stream; what it throws has those that came in `events`.
export async function collect(call) {
  const events = [];
  try {
    for await (const event of call) events.push(event);
  } catch (e) {
    throw Object.assign(e, { events });
  }
  return events;
}

export const ask = (model, more = {}) =>
  ({ model, messages: [{ role: 'ROLE_USER', parts: [{ text: 'one two three' }] }], ...more });

export const textOf = (events) => events.map((event) => event.delta?.text ?? '').join('');
