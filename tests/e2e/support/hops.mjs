// Requests with a budget, and several sluices one behind the other, with a *door* before each that
// keeps what was sent through it.
import { Agent, request as httpRequest } from 'node:http';

import { startPeer } from './peer.mjs';
import { configuration, startSluice } from './sluice.mjs';

const agent = new Agent({ keepAlive: true, noDelay: true });

// A request without an SDK, which would add a budget of its own. `body` may be a list of pieces, of
// which a number is a rest of so many ms. {status, headers, head_ms, ms, text}, by the clock of the
// request's start.
export function post(baseURL, body, headers = {}) {
  const started = performance.now();
  const pieces = Array.isArray(body) ? body : [JSON.stringify(body)];
  const length = pieces.reduce((sum, piece) => sum + (typeof piece === 'number' ? 0 : Buffer.byteLength(piece)), 0);
  return new Promise((resolve, reject) => {
    const req = httpRequest(`${baseURL}/chat/completions`, {
      agent, method: 'POST', headers: { 'content-type': 'application/json', 'content-length': length, ...headers },
    }, (res) => {
      const got = { status: res.statusCode, headers: res.headers, head_at: performance.now(), text: '' };
      got.head_ms = got.head_at - started;
      res.setEncoding('utf8').on('data', (text) => (got.text += text));
      res.on('end', () => resolve({ ...got, ended_at: performance.now(), ms: performance.now() - started }));
      res.on('error', reject);
    });
    req.on('error', reject);
    (async () => {
      req.flushHeaders();
      for (const piece of pieces) {
        if (typeof piece === 'number') await new Promise((done) => setTimeout(done, piece));
        else req.write(piece);
      }
      req.end();
    })();
  });
}

// Passes everything on, and leaves as soon as its client does.
const passOn = (to) => (play) => new Promise((resolve) => {
  const req = httpRequest(to + play.path.slice('/v1'.length), { agent, method: play.method, headers: play.headers }, (res) => {
    const { connection, 'keep-alive': _, 'transfer-encoding': __, ...headers } = res.headers;
    play.res.writeHead(res.statusCode, headers);
    play.res.flushHeaders();
    res.on('error', () => play.res.destroy());
    res.pipe(play.res).on('close', resolve);
  });
  req.on('error', () => play.res.destroy());
  play.closed.then(() => req.destroy());
  req.end(play.body);
});

// One sluice for each total, the last of them before `peer`; `doors[i]` is before the i-th, and
// `baseURL` before all of them.
export async function startChain(totals, peer) {
  const chain = { doors: [], sluices: [], baseURL: peer.baseURL };
  for (const total of [...totals].reverse()) {
    const sluice = await startSluice(configuration(chain.baseURL, {
      listen: { address: '127.0.0.1:0', workers: 1 },
      models: [{ name: '*', targets: [{ provider: 'peer' }], timeouts: { total } }],
    }));
    const door = await startPeer();
    door.on('POST /v1/chat/completions', passOn(sluice.baseURL));
    chain.sluices.unshift(sluice);
    chain.doors.unshift(door);
    chain.baseURL = door.baseURL;
  }
  return {
    ...chain,
    async end() {
      await Promise.all(chain.doors.map((door) => door.end()));
      for (const sluice of chain.sluices) await sluice.end();
    },
  };
}

// Figures for a summary: the least, the middle and the most.
export function spread(list, unit = 'ms') {
  const sorted = [...list].sort((a, b) => a - b);
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))].toFixed(1);
  return `${at(0)} .. ${at(0.5)} .. ${at(1)} ${unit}`;
}
