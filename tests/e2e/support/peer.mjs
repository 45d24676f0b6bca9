// A provider whose every byte a test decides, and which keeps what it was asked.
//
// A *play* is a function of one request that writes its answer; it is chosen by the request's model,
// else by "METHOD /path". What a play leaves open stays open: that is how a stall is played.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

class Play {
  constructor(req, res) {
    this.req = req;
    this.res = res;
    this.method = req.method;
    this.path = req.url;
    this.headers = req.headers;
    this.startedAt = performance.now();
    this.isGone = false; // the connection ended before the answer did
    this.closed = new Promise((resolve) => {
      res.on('close', () => {
        this.closedAt = performance.now();
        this.resetCode = res.stream?.rstCode; // of HTTP/2
        this.isGone = res.stream ? this.resetCode !== 0 : !res.writableFinished;
        resolve(this.closedAt);
      });
    });
  }

  async read() {
    const pieces = [];
    for await (const piece of this.req) pieces.push(piece);
    this.body = Buffer.concat(pieces);
    if (/json/.test(this.headers['content-type'] ?? '')) this.json = JSON.parse(this.body.toString());
  }

  sleep(ms) {
    return sleep(ms);
  }

  answer(status, headers, body = '') {
    this.res.writeHead(status, headers).end(body);
  }

  reply(value, status = 200, headers = {}) {
    this.answer(status, { 'content-type': 'application/json', ...headers }, JSON.stringify(value));
  }

  error(status, code, headers = {}) {
    this.reply({ error: { message: `told to: ${code}`, type: 'told', param: null, code } }, status, headers);
  }

  // Begins a stream of events.
  stream(headers = {}) {
    this.res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', ...headers });
    this.res.flushHeaders();
  }

  // Each write is a piece of its own on the wire.
  raw(text) {
    return new Promise((resolve) => this.res.write(text, () => resolve()));
  }

  event(value, type) {
    return this.raw(`${type ? `event: ${type}\n` : ''}data: ${JSON.stringify(value)}\n\n`);
  }

  chunk(delta, more = {}) {
    const { choice = 0, finish = null, ...members } = more;
    return this.event({
      id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_760_000_000, model: 'peer-model',
      choices: [{ index: choice, delta, finish_reason: finish }], ...members,
    });
  }

  // The words of an answer, without its end.
  async words(list, gap_ms = 0) {
    await this.chunk({ role: 'assistant', content: '' });
    for (const word of list) {
      if (gap_ms) await sleep(gap_ms);
      await this.chunk({ content: word });
    }
  }

  async done() {
    await this.raw('data: [DONE]\n\n');
    this.res.end();
  }

  // FIN without the end of the body.
  fin() {
    this.res.socket.end();
  }

  reset() {
    this.res.socket.resetAndDestroy();
  }

  // Resets the stream of HTTP/2, with a code of RFC 9113, section 7.
  resetStream(code) {
    this.res.stream.close(code);
  }
}

export const words = ['Water ', 'finds ', 'its ', 'level, ', 'für ', '所有人', '.'];
export const sentence = words.join('');

export function completion(message, more = {}) {
  return {
    id: 'chatcmpl-1', object: 'chat.completion', created: 1_760_000_000, model: 'peer-model',
    choices: [{ index: 0, message: { role: 'assistant', refusal: null, ...message }, logprobs: null, finish_reason: 'stop' }],
    usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
    ...more,
  };
}

// What a model does that no test has given another play.
async function say(play) {
  if (!play.json?.stream) return play.reply(completion({ content: sentence }));
  play.stream();
  await play.words(words);
  await play.chunk({}, { finish: 'stop' });
  return play.done();
}

export class Peer {
  plays = new Map([['POST /v1/chat/completions', say]]);
  requests = [];

  on(key, play) {
    this.plays.set(key, play);
    return this;
  }

  // The last request that was for this model or path.
  last(key) {
    return this.requests.findLast?.((r) => r.key === key) ??
      [...this.requests].reverse().find((r) => r.key === key);
  }

  async take(req, res) {
    const play = new Play(req, res);
    await play.read();
    const path = `${req.method} ${req.url.split('?')[0]}`;
    play.key = this.plays.has(play.json?.model) ? play.json.model : path;
    this.requests.push(play);
    const perform = this.plays.get(play.key);
    if (perform) await perform(play);
    else play.error(404, 'no_such_play');
  }

  serve(take) {
    return createServer({ keepAliveTimeout: 60_000 }, take);
  }

  async listen() {
    this.server = this.serve((req, res) => {
      this.take(req, res).catch(() => (res.stream ?? res).destroy()); // the other side has gone
    });
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    this.baseURL = `http://127.0.0.1:${this.port}/v1`;
    return this;
  }

  end() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

export function startPeer() {
  return new Peer().listen();
}
