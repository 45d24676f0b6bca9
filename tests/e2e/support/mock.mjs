// `sluice mock`, the upstream that users have for their own tests: names of models say how it fails.
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { end, printed, start, until } from './children.mjs';
import { binary } from './sluice.mjs';

let count = 0;

// `script`: rules, as an object.
export async function startMock(script = null) {
  const file = join(tmpdir(), `sluice-e2e-mock-${process.pid}-${count++}.yaml`);
  const args = ['mock', '--listen', '127.0.0.1:0'];
  if (script) {
    writeFileSync(file, JSON.stringify(script));
    args.push('--script', file);
  }
  const child = start(binary, args);
  const baseURL = (await printed(child, 'out', /^mock: listening on (http:\S+\/v1)$/m))[1];
  const log = async () => (await (await fetch(`${new URL(baseURL).origin}/mock/log`)).json()).data;
  return {
    child,
    baseURL,
    log,
    // The last request for a model, once `probe` holds of it.
    last: (model, probe = () => true) => until(`${model} in the log of the mock`, async () => {
      const found = (await log()).filter((entry) => entry.body_base64 && entry.path.startsWith('/v1/') && json(entry).model === model).at(-1);
      return found && probe(found) ? found : null;
    }),
    async end() {
      const code = await end(child);
      rmSync(file, { force: true });
      if (code !== 0 || /Sanitizer|runtime error:/.test(child.err)) throw new Error(`mock: status ${code}: ${child.err}`);
    },
  };
}

export function json(entry) {
  return JSON.parse(Buffer.from(entry.body_base64, 'base64').toString());
}

export function header(entry, name) {
  return entry.headers.find(([n]) => n.toLowerCase() === name)?.[1];
}
