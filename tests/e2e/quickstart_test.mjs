// ./quickstart and the example it teaches with, by the binary under test.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

import { run } from './support/children.mjs';
import { binary } from './support/sluice.mjs';
import { test } from './support/suite.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const quickstart = (...args) => run('./quickstart', args, { cwd: root, env: { ...process.env, SLUICE_BIN: binary }, ms: 90_000 });

test('quickstart --once streams an answer through sluice and leaves nothing behind', async () => {
  const { code, out, err } = await quickstart('--once');
  assert.equal(code, 0, err);
  assert.match(out, /These words went from a mock provider through sluice/);
  assert.match(out, /mock-cut-5 to see it\.\n/);
  assert.doesNotMatch(err, /Sanitizer/);
});

test('a port that is taken is said, and another one is used', async () => {
  const server = createServer();
  const isOurs = await new Promise((resolve) =>
    server.on('error', () => resolve(false)).listen(8080, '127.0.0.1', () => resolve(true)));
  const { code, out, err } = await quickstart('--once');
  if (isOurs) server.close();
  assert.equal(code, 0, err);
  assert.match(out, /port 8080 is taken, using 80\d\d/);
  assert.match(out, /These words/);
});

test('an option that it does not know is status 2', async () => {
  assert.equal((await quickstart('--twice')).code, 2);
});
