// SPDX-License-Identifier: Apache-2.0
'use strict';
// Node's http with the workload handlers of Spindle: node server.js PROCESSES

const cluster = require('node:cluster');
const http = require('node:http');

const processes = Number(process.argv[2] ?? 1);
const nobody = new Int32Array(new SharedArrayBuffer(4));

function burn(microseconds) {
  const start = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(start);
    if (user + system >= microseconds) return;
  }
}

const block = (milliseconds) => Atomics.wait(nobody, 0, 0, milliseconds);

function answer(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

function workload(request, response, path) {
  const query = new URLSearchParams(request.url.slice(path.length + 1));
  const amount = Number(query.get(path === '/cpu' ? 'us' : 'ms') ?? NaN);
  if (!Number.isInteger(amount) || amount < 0) return answer(response, 400, 'a whole number\n');
  const done = () => answer(response, 200, `done for ${amount}\n`);
  if (path === '/sleep') return setTimeout(done, amount);
  (path === '/cpu' ? burn : block)(amount);
  done();
}

function serve(request, response) {
  if (request.url === '/plaintext') return answer(response, 200, 'Hello, World!');
  const path = request.url.split('?', 1)[0];
  if (['/cpu', '/block', '/sleep'].includes(path)) return workload(request, response, path);
  answer(response, 404, 'not found\n');
}

function listen(then) {
  const server = http.createServer(serve);
  // Idle connections are part of what is measured.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.listen({ port: Number(process.env.PORT ?? 0), host: '127.0.0.1', backlog: 4096 }, () => then(server.address().port));
}

const announce = (port) => process.stderr.write(`listening on http://127.0.0.1:${port}\n`);

if (processes === 1) {
  listen(announce);
} else if (cluster.isPrimary) {
  // Port 0 is shared by the workers: the primary opens it once.
  let ready = 0;
  cluster.on('listening', (_, address) => {
    if (++ready === processes) announce(address.port);
  });
  for (let i = 0; i < processes; ++i) cluster.fork();
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL');
    process.exit(0);
  });
} else {
  listen(() => {});
}
