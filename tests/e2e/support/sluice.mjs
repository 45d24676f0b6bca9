// The program under test, as its users run it: a process with a configuration file.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { end, printed, signal, start, until } from './children.mjs';

const root = fileURLToPath(new URL('../../../', import.meta.url));
export const binary = process.env.SLUICE_BIN ?? join(root, 'build/dev/sluice');
if (!existsSync(binary)) throw new Error(`${binary} is not there: build it, or set SLUICE_BIN`);

export const secret = 'sk-upstream-do-not-print';

// One attempt and no more: most tests say what becomes of that.
const once = { retry: { attempts: 1 }, breaker: { trip_after: 0 }, recovery: 'error' };

// A configuration with one provider, `base_url`, for every model; `more` overrides. A model is
// asked once unless it says otherwise.
export function configuration(base_url, more = {}) {
  const config = {
    listen: { address: '127.0.0.1:0', workers: 2 },
    admin: { address: '127.0.0.1:0' },
    providers: [{ name: 'peer', base_url, api_key: secret }],
    models: [{ name: '*', targets: [{ provider: 'peer' }] }],
    ...more,
  };
  return { ...config, models: config.models.map((model) => ({ ...once, ...model })) };
}

class Sluice {
  // JSON is YAML too.
  write(config) {
    writeFileSync(this.file, typeof config === 'string' ? config : JSON.stringify(config, null, 2));
  }

  async start(env) {
    this.child = start(binary, ['serve', '-c', this.file], { env: { ...process.env, ...env } });
    this.url = (await printed(this.child, 'err', /^sluice: serving (https?:\S+)$/m))[1];
    this.adminURL = (await printed(this.child, 'err', /^sluice: admin (http:\S+)$/m))[1];
    this.baseURL = `${this.url}/v1`;
    this.port = Number(new URL(this.url).port);
  }

  get pid() {
    return this.child.process.pid;
  }

  // {status, text} of a path of the admin port.
  async admin(path) {
    const res = await fetch(this.adminURL + path, { headers: { connection: 'close' } });
    return { status: res.status, text: await res.text() };
  }

  // The value of a metric such as `sluice_requests_total{route="chat"}`.
  async metric(name) {
    const line = (await this.admin('/metrics')).text.split('\n').find((l) => l.startsWith(`${name} `));
    assert.ok(line, `no metric ${name}`);
    return Number(line.slice(name.length + 1));
  }

  // The lines of the access log so far; each must be JSON.
  logged() {
    return this.child.out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  // The access log's line of one request, waited for.
  log(request_id) {
    return until(`a log line of ${request_id}`, () =>
      this.logged().find((line) => line.request_id === request_id));
  }

  async reload(config) {
    const before = this.child.err.length;
    this.write(config);
    signal(this.child, 'SIGHUP');
    return until('an answer to SIGHUP', () =>
      /configuration (reloaded|refused)/.exec(this.child.err.slice(before))?.[1]);
  }

  memory() {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]);
  }

  ask(name) {
    signal(this.child, name);
  }

  // What must hold of every run, whatever the test was about.
  async end() {
    if (!this.child) return;
    const code = await end(this.child);
    const { err } = this.child;
    rmSync(this.dir, { recursive: true, force: true });
    assert.doesNotMatch(err, /AddressSanitizer|LeakSanitizer|runtime error:|Assertion/, err);
    assert.equal(code, 0, `sluice ended with status ${code}: ${err}`);
    assert.ok(!`${this.child.out}${err}`.includes(secret), 'a key of a provider was printed');
    this.logged(); // throws where a line is no JSON
  }
}

export async function startSluice(config, env = {}) {
  const s = new Sluice();
  s.dir = mkdtempSync(join(tmpdir(), 'sluice-e2e-'));
  s.file = join(s.dir, 'sluice.yaml');
  s.write(config);
  await s.start(env);
  return s;
}
