// The same provider, speaking HTTP/2: over TLS with the certificate of an authority, and then
// HTTP/1.1 too, or in the clear to those who know.
import { readFileSync } from 'node:fs';
import { createSecureServer, createServer } from 'node:http2';
import { join } from 'node:path';

import { Peer } from './peer.mjs';

class Peer2 extends Peer {
  sessions = new Set(); // open now
  sessionCount = 0;
  goneAways = 0;

  constructor({ authority, settings = {} } = {}) {
    super();
    this.authority = authority;
    this.settings = settings;
  }

  serve(take) {
    const { settings } = this;
    const file = (name) => readFileSync(join(this.authority.dir, name));
    const server = this.authority
      ? createSecureServer({ settings, allowHTTP1: true, cert: file('host.pem'), key: file('host.key') }, take)
      : createServer({ settings }, take);
    server.on('session', (session) => {
      this.sessionCount++;
      this.sessions.add(session);
      session.on('close', () => this.sessions.delete(session));
      session.on('error', () => {}); // the other side has gone
    });
    return server;
  }

  async listen() {
    await super.listen();
    if (this.authority) this.baseURL = `https://localhost:${this.port}/v1`;
    return this;
  }

  // Takes no more streams on the connections there are, and ends them when theirs are over.
  goAway() {
    for (const session of this.sessions) {
      if (!session.closed) this.goneAways++;
      session.close();
    }
  }

  end() {
    for (const session of this.sessions) session.destroy();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

export function startPeer2(options) {
  return new Peer2(options).listen();
}
