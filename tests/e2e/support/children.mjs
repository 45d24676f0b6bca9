// The processes a test starts: each is ended by its own id, and none outlives the test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const alive = new Set();

process.on('exit', () => {
  for (const child of alive) kill(child.process.pid, 'SIGKILL');
});
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => process.exit(1));

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false; // it has gone
  }
}

// Waits until `probe` returns something; says `what` did not happen otherwise.
export async function until(what, probe, ms = 10_000) {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(5);
  }
}

// A child in a process group of its own, with what it printed in `out` and `err`.
export function start(command, args, options = {}) {
  const child = {
    process: spawn(command, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] }),
    out: '',
    err: '',
    exit: null, // {code, signal} once it has ended
  };
  alive.add(child);
  child.process.stdout.setEncoding('utf8').on('data', (text) => (child.out += text));
  child.process.stderr.setEncoding('utf8').on('data', (text) => (child.err += text));
  child.process.on('error', (e) => (child.err += `${command}: ${e.message}\n`));
  child.ended = once(child.process, 'close').then(
    ([code, signal]) => (child.exit = { code, signal }),
    () => (child.exit = { code: 127, signal: null }),
  ).finally(() => alive.delete(child));
  return child;
}

// The first match of `pattern` in what the child prints to `stream`.
export function printed(child, stream, pattern, ms = 15_000) {
  return until(`${child.process.spawnargs.join(' ')} prints ${pattern}\n${child.err}`, () => {
    const found = pattern.exec(child[stream]);
    if (!found && child.exit) throw new Error(`it ended: ${child.out}${child.err}`);
    return found;
  }, ms);
}

// Runs to the end; never throws for a bad exit status.
export async function run(command, args, options = {}) {
  const child = start(command, args, options);
  const timer = setTimeout(() => kill(child.process.pid, 'SIGKILL'), options.ms ?? 30_000);
  await child.ended;
  clearTimeout(timer);
  return { code: child.exit.code, out: child.out, err: child.err };
}

// Asks the child to end and waits; one that does not is killed and that is an error.
export async function end(child, signal = 'SIGTERM', ms = 15_000) {
  const { pid } = child.process;
  if (!child.exit) kill(pid, signal);
  const killer = setTimeout(() => kill(pid, 'SIGKILL'), ms);
  const { code, signal: by } = await child.ended;
  clearTimeout(killer);
  if (by === 'SIGKILL') throw new Error(`${child.process.spawnfile} did not end on ${signal}`);
  if (kill(-pid, 0)) throw new Error(`${child.process.spawnfile} left processes behind`);
  return code;
}

export function signal(child, name) {
  kill(child.process.pid, name);
}
