// One conversation through each door: the same questions asked by the official SDK of each dialect, and
// what came of them in terms that can be compared.
import Anthropic from '@anthropic-ai/sdk';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import OpenAI from 'openai';
import { fileURLToPath } from 'node:url';

import { clientKey } from './suite.mjs';

// A JSON schema whose spelling must survive.
export const schema = {
  type: 'object',
  properties: { days: { type: 'integer', minimum: 1 }, city: { type: 'string', description: 'a "place"\n' } },
  required: ['city'],
};

// Each door turns a *question* into a call of its SDK, and the answer into {text, reasoning, tools,
// finish, usage}. A question: {model, turns, system, tools, stream, maxTokens, think, image, more}. A
// turn: {role: 'user' | 'assistant' | 'tool', text, calls, id, result}.
function openaiMessage(turn) {
  if (turn.role === 'tool') return { role: 'tool', tool_call_id: turn.id, content: turn.result };
  const message = { role: turn.role, content: turn.text ?? null };
  if (turn.image)
    message.content = [{ type: 'text', text: turn.text },
      { type: 'image_url', image_url: { url: `data:${turn.image.type};base64,${turn.image.data.toString('base64')}` } }];
  if (turn.calls) message.tool_calls = turn.calls.map(({ id, name, input }) =>
    ({ id, type: 'function', function: { name, arguments: JSON.stringify(input) } }));
  return message;
}

function openaiRequest(q) {
  const body = { model: q.model, messages: q.turns.map(openaiMessage), max_completion_tokens: q.maxTokens ?? 200, ...q.more };
  if (q.system) body.messages.unshift({ role: 'system', content: q.system });
  if (q.tools) body.tools = q.tools.map(({ name, input }) => ({ type: 'function', function: { name, parameters: input } }));
  if (q.think) body.reasoning_effort = 'low';
  if (q.stream) Object.assign(body, { stream: true, stream_options: { include_usage: true } });
  return body;
}

const openaiUsage = (u) => u && ({
  input: u.prompt_tokens, output: u.completion_tokens,
  cached: u.prompt_tokens_details?.cached_tokens ?? 0,
});

const openaiFinish = { stop: 'stop', length: 'length', tool_calls: 'tools', content_filter: 'filter' };

async function openaiStream(stream) {
  const got = { text: '', reasoning: '', tools: [], finish: null, usage: null };
  for await (const chunk of stream) {
    if (chunk.usage) got.usage = openaiUsage(chunk.usage);
    const choice = chunk.choices[0];
    if (!choice) continue;
    got.text += choice.delta.content ?? '';
    got.reasoning += choice.delta.reasoning_content ?? '';
    for (const call of choice.delta.tool_calls ?? []) {
      const tool = (got.tools[call.index] ??= { id: '', name: '', json: '' });
      tool.id += call.id ?? '';
      tool.name += call.function?.name ?? '';
      tool.json += call.function?.arguments ?? '';
    }
    if (choice.finish_reason) got.finish = openaiFinish[choice.finish_reason];
  }
  return got;
}

const openaiDoor = {
  name: 'OpenAI',
  errors: OpenAI,
  connect: (sluice) => new OpenAI({ baseURL: sluice.baseURL, apiKey: clientKey, maxRetries: 0 }),
  async ask(client, q) {
    const { data, response } = await client.chat.completions.create(openaiRequest(q)).withResponse();
    const headers = response.headers;
    if (q.stream) return { ...await openaiStream(data), headers };
    const { message, finish_reason } = data.choices[0];
    return {
      text: message.content ?? '', reasoning: message.reasoning_content ?? '', headers, id: data.id,
      tools: (message.tool_calls ?? []).map((t) => ({ id: t.id, name: t.function.name, json: t.function.arguments })),
      finish: openaiFinish[finish_reason], usage: openaiUsage(data.usage),
    };
  },
};

function anthropicMessage(turn) {
  if (turn.role === 'tool')
    return { role: 'user', content: [{ type: 'tool_result', tool_use_id: turn.id, content: turn.result }] };
  if (turn.image) {
    const source = { type: 'base64', media_type: turn.image.type, data: turn.image.data.toString('base64') };
    return { role: turn.role, content: [{ type: 'text', text: turn.text }, { type: 'image', source }] };
  }
  if (!turn.calls) return { role: turn.role, content: turn.text };
  return { role: turn.role, content: turn.calls.map(({ id, name, input }) => ({ type: 'tool_use', id, name, input })) };
}

function anthropicRequest(q) {
  const body = { model: q.model, max_tokens: q.maxTokens ?? 200, messages: q.turns.map(anthropicMessage), ...q.more };
  if (q.system) body.system = q.system;
  if (q.tools) body.tools = q.tools.map(({ name, input }) => ({ name, input_schema: input }));
  if (q.think) Object.assign(body, { max_tokens: 3000, thinking: { type: 'enabled', budget_tokens: 1024 } });
  return body;
}

const anthropicFinish = { end_turn: 'stop', stop_sequence: 'stop', max_tokens: 'length', tool_use: 'tools', refusal: 'filter' };

const anthropicUsage = (u) => ({
  input: u.input_tokens + (u.cache_read_input_tokens ?? 0) + (u.cache_creation_input_tokens ?? 0),
  output: u.output_tokens, cached: u.cache_read_input_tokens ?? 0,
});

const anthropicDoor = {
  name: 'Anthropic',
  errors: Anthropic,
  connect: (sluice) => new Anthropic({ baseURL: sluice.url, apiKey: clientKey, maxRetries: 0 }),
  async ask(client, q) {
    let message, headers;
    if (q.stream) {
      const stream = client.messages.stream(anthropicRequest(q));
      message = await stream.finalMessage();
      headers = (await stream.withResponse()).response.headers;
    } else {
      const { data, response } = await client.messages.create(anthropicRequest(q)).withResponse();
      message = data;
      headers = response.headers;
    }
    const of = (type) => message.content.filter((block) => block.type === type);
    return {
      text: of('text').map((b) => b.text).join(''), reasoning: of('thinking').map((b) => b.thinking).join(''),
      tools: of('tool_use').map((b) => ({ id: b.id, name: b.name, json: JSON.stringify(b.input) })),
      finish: anthropicFinish[message.stop_reason], usage: anthropicUsage(message.usage), headers, id: message.id,
    };
  },
};

const proto = fileURLToPath(new URL('../../../proto/', import.meta.url));
const { sluice: { v1 } } = grpc.loadPackageDefinition(protoLoader.loadSync(
  ['sluice/v1/chat.proto', 'sluice/v1/embeddings.proto'],
  { includeDirs: [proto], longs: Number, enums: String, defaults: false, oneofs: true }));

function grpcMessage(turn) {
  if (turn.role === 'tool')
    return { role: 'ROLE_TOOL', parts: [{ toolResult: { callId: turn.id, parts: [{ text: turn.result }] } }] };
  const parts = turn.calls
    ? turn.calls.map(({ id, name, input }) => ({ toolCall: { id, name, arguments: JSON.stringify(input) } }))
    : [{ text: turn.text }];
  if (turn.image) parts.push({ image: { media: { data: turn.image.data, mediaType: turn.image.type } } });
  return { role: `ROLE_${turn.role.toUpperCase()}`, parts };
}

function grpcRequest(q) {
  const request = { model: q.model, messages: q.turns.map(grpcMessage), maxTokens: q.maxTokens ?? 200, ...q.more };
  if (q.system) request.messages.unshift({ role: 'ROLE_SYSTEM', parts: [{ text: q.system }] });
  if (q.tools) request.tools = q.tools.map(({ name, input }) => ({ name, parameters: JSON.stringify(input) }));
  if (q.think) Object.assign(request, { reasoning: { effort: 'REASONING_EFFORT_LOW', budgetTokens: 1024 }, maxTokens: 3000 });
  return request;
}

const grpcFinish = { FINISH_REASON_STOP: 'stop', FINISH_REASON_LENGTH: 'length', FINISH_REASON_TOOL_CALLS: 'tools', FINISH_REASON_CONTENT_FILTER: 'filter' };
const grpcUsage = (u) => u && ({ input: u.inputTokens ?? 0, output: u.outputTokens ?? 0, cached: u.cachedTokens ?? 0 });

function grpcWhole(reply) {
  const { message, finishReason } = reply.choices[0];
  const of = (kind) => (message.parts ?? []).filter((part) => part.kind === kind).map((part) => part[kind]);
  return {
    id: reply.id, text: of('text').join(''), reasoning: of('reasoning').map((r) => r.text).join(''),
    tools: of('toolCall').map((t) => ({ id: t.id, name: t.name, json: t.arguments })),
    finish: grpcFinish[finishReason], usage: grpcUsage(reply.usage),
  };
}

function grpcEvents(events) {
  const got = { text: '', reasoning: '', tools: [], finish: null, usage: null };
  const tools = new Map();
  for (const event of events) {
    if (event.start) got.id = event.start.id;
    if (event.usage) got.usage = grpcUsage(event.usage);
    if (event.finish) got.finish = grpcFinish[event.finish.reason];
    if (!event.delta) continue;
    const { kind, part = 0 } = event.delta;
    if (kind === 'text') got.text += event.delta.text;
    if (kind === 'reasoning') got.reasoning += event.delta.reasoning;
    if (kind === 'toolCall') {
      tools.set(part, { id: event.delta.toolCall.id, name: event.delta.toolCall.name, json: '' });
      got.tools.push(tools.get(part));
    }
    if (kind === 'toolArguments') tools.get(part).json += event.delta.toolArguments;
  }
  return got;
}

export const grpcChat = (sluice) => new v1.Chat(new URL(sluice.url).host, grpc.credentials.createInsecure());

const grpcDoor = {
  name: 'gRPC',
  connect: grpcChat,
  ask(client, q) {
    let headers;
    const keep = (call) => call.on('metadata', (metadata) => (headers = { get: (name) => metadata.get(name)[0] ?? null }));
    return new Promise((resolve, reject) => {
      if (!q.stream) {
        keep(client.complete(grpcRequest(q), (e, reply) => (e ? reject(e) : resolve({ ...grpcWhole(reply), headers }))));
        return;
      }
      const call = keep(client.stream(grpcRequest(q)));
      const events = [];
      call.on('data', (event) => events.push(event));
      call.on('error', (e) => reject(Object.assign(e, { events })));
      call.on('end', () => resolve({ ...grpcEvents(events), headers }));
    });
  },
};

// The canonical JSON of a request: bytes as base64.
const restRequest = (q) => JSON.stringify(grpcRequest(q), (_, value) =>
  (value?.type === 'Buffer' ? Buffer.from(value.data).toString('base64') : value));

// Messages of the JSON mapping, in the form that grpc-js gives: kinds named, numbers no texts.
const kindsOf = (object, names) => (object ? { ...object, kind: names.find((name) => name in object) } : object);
const partKinds = ['text', 'toolCall', 'reasoning'];
const deltaKinds = ['text', 'reasoning', 'toolCall', 'toolArguments'];
const numbersOf = (usage) => usage && Object.fromEntries(Object.entries(usage).map(([key, value]) => [key, Number(value)]));

function restWhole(reply) {
  for (const choice of reply.choices)
    choice.message.parts = (choice.message.parts ?? []).map((part) => kindsOf(part, partKinds));
  return { ...reply, usage: numbersOf(reply.usage) };
}

class RestError extends Error {
  constructor(status, headers, { code, message }) {
    super(message);
    Object.assign(this, { status, headers, code });
  }
}

const restDoor = {
  name: 'REST',
  connect: (sluice) => sluice.url,
  async ask(url, q) {
    const path = q.stream ? '/sluice/v1/chat:stream' : '/sluice/v1/chat';
    const res = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: restRequest(q) });
    const { headers } = res;
    if (!res.ok) throw new RestError(res.status, headers, await res.json());
    if (!q.stream) return { ...grpcWhole(restWhole(await res.json())), headers };
    const events = (await res.text()).trim().split('\n').map((line) => JSON.parse(line));
    const broken = events.find((event) => event.error);
    if (broken) throw new RestError(res.status, headers, broken.error);
    return { ...grpcEvents(events.map((event) => ({ ...event, usage: numbersOf(event.usage), delta: kindsOf(event.delta, deltaKinds) }))), headers };
  },
};

export { grpc };
export const doors = [openaiDoor, anthropicDoor, grpcDoor, restDoor];
