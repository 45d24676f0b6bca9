// An authority of our own, certificates of its, and nginx that serves with them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';

import { end, run, start, until } from './children.mjs';

async function openssl(dir, ...args) {
  const { code, err } = await run('openssl', args, { cwd: dir });
  if (code) throw new Error(`openssl ${args.join(' ')}: ${err}`);
}

const ecKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

// A certificate of the authority: `file`.pem and `file`.key in its folder. `names` as openssl.cnf
// writes them ("DNS:a.example,IP:127.0.0.1"), none for a client's.
export async function issue({ dir }, file, subject, names = '') {
  writeFileSync(join(dir, `${file}.ext`), names ? `subjectAltName=${names}\n` : 'extendedKeyUsage=clientAuth\n');
  await openssl(dir, 'req', ...ecKey, '-keyout', `${file}.key`, '-out', `${file}.csr`, '-subj', subject);
  await openssl(dir, 'x509', '-req', '-in', `${file}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', `${file}.pem`, '-days', '2', '-extfile', `${file}.ext`);
  return { certificate: join(dir, `${file}.pem`), key: join(dir, `${file}.key`) };
}

// A folder with ca.pem, and host.pem and host.key for `host`.
export async function makeAuthority(host) {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-e2e-tls-'));
  await openssl(dir, 'req', '-x509', ...ecKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=e2e authority');
  await issue({ dir }, 'host', `/CN=${host}`, `DNS:${host}`);
  return { dir, ca: join(dir, 'ca.pem'), remove: () => rmSync(dir, { recursive: true, force: true }) };
}

function unusedPort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// nginx before `upstream` ("http://host:port"), with the certificate of the folder.
export async function startNginx(authority, upstream) {
  const { dir } = authority;
  const port = await unusedPort(); // nginx can't choose one itself
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${dir}/${n};`).join(' ');
  writeFileSync(join(dir, 'nginx.conf'), `
daemon off; master_process off; worker_processes 1; pid ${dir}/nginx.pid; error_log stderr warn;
events { worker_connections 512; }
http {
  access_log off; ${temp}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate host.pem; ssl_certificate_key host.key;
    client_max_body_size 0; keepalive_timeout 60s;
    location / { proxy_pass ${upstream}; proxy_http_version 1.1; proxy_buffering off; proxy_request_buffering off; proxy_set_header Connection ""; }
  }
}
`);
  const child = start('nginx', ['-p', dir, '-e', 'stderr', '-c', 'nginx.conf'], { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  await until(`nginx accepts: ${child.err}`, () => {
    if (child.exit) throw new Error(child.err);
    return new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => { socket.destroy(); resolve(true); });
      socket.on('error', () => sleep(20).then(() => resolve(false)));
    });
  });
  return { port, child, end: () => end(child, 'SIGTERM') };
}
