/** An attacker without a token, and one with: slow, half-open, huge, deep and crooked requests, against a master that answers all the while. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { bareServer } from '../support/bare-server.js';
import { waitFor } from '../support/wait-for.js';

const server = await bareServer();
t.teardown(() => server.stop());
const MANY = 10_000;
/** Of what one connection of them is held for. */
const HARD_LIMIT = 1_500;

async function isAnswering(t: Test, what: string): Promise<void> {
  const beganMs = Date.now();
  const { status } = await server.call('GET', '/api/v1/cluster/info');
  t.equal(status, 200, `the API answers ${what}`);
  t.ok(Date.now() - beganMs < 5_000, `in time: ${Date.now() - beganMs} ms`);
}

const overTls = (): TLSSocket => {
  const ca = readFileSync(join(server.home, 'ca.pem'));
  const socket = connectTls({ host: '127.0.0.1', port: server.port, ca, servername: 'localhost' });
  return socket.on('error', () => undefined);
};

t.test('10,000 half-open connections are bounded, and memory comes back', async (t) => {
  await isAnswering(t, 'before');
  const rounds: number[] = [];
  const beginningOfHello = Buffer.from([0x16, 0x03, 0x01]);
  for (const first of [beginningOfHello, Buffer.alloc(0), beginningOfHello]) {
    const sockets = await openMany(first);
    await waitFor('the oldest to be closed', () => openOf(sockets) <= HARD_LIMIT + 50);
    t.ok(openOf(sockets) > 0, `${openOf(sockets)} of ${MANY} are still open`);
    await isAnswering(t, 'under them');
    for (const socket of sockets) socket.destroy();
    await isAnswering(t, 'behind them');
    rounds.push(server.rssMiB());
  }
  const [, once = 0, twice = 0] = rounds;
  t.ok(twice < 600, `${Math.round(twice)} MiB`);
  t.ok(
    twice - once < 120,
    `one more round costs nothing more: ${Math.round(once)}, then ${Math.round(twice)} MiB`,
  );
  t.match(server.said(), /too many connections that prove nothing/);
});

t.test('who has proved who they are is closed for no crowd', async (t) => {
  const follower = overTls();
  const token = readFileSync(join(server.home, 'cluster.token'), 'utf8').trim();
  const asked = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`;
  let heard = '';
  follower.setEncoding('utf8').on('data', (text: string) => {
    heard += text;
  });
  // The second says nothing before something happens: what shows that it has come is the answer to the first.
  follower.write(asked('/api/v1/cluster/info') + asked('/api/v1/events?follow=true'));
  await waitFor('the events to be followed', () => heard.includes('200 OK'));
  const sockets = await openMany(Buffer.alloc(0));
  await waitFor('the oldest to be closed', () => openOf(sockets) <= HARD_LIMIT + 50);
  t.equal(follower.closed, false);
  for (const socket of sockets) socket.destroy();
  follower.destroy();
});

/** Begun behind the crowd, which would end it, and judged at the end of the file: its limits are longer than the rest takes. */
let slow: Promise<{ afterMs: number }> | null = null;

t.test('bodies are bounded, whoever sends them', async (t) => {
  slow = slowRequest();
  const before = server.rssMiB();
  const body = 'x'.repeat(8 * 1024 * 1024);
  const large = await server.call('POST', '/api/v1/deploy', body);
  t.match(JSON.parse(large.body), { code: 'BODY_TOO_LARGE' });
  const answers = await Promise.all(Array.from({ length: 4 }, () => endless('POST /api/v1/deploy')));
  for (const answer of answers) t.match(answer, /^HTTP\/1\.1 (401|413)/, 'said before it has come');
  t.match(await endless('POST /api/v1/join'), /^HTTP\/1\.1 413/);
  t.ok(server.rssMiB() - before < 150, `${Math.round(server.rssMiB() - before)} MiB more`);
  await isAnswering(t, 'behind them');
});

t.test('what is deep, crooked or doubled in JSON is refused or means what it says', async (t) => {
  const deploy = async (text: string) => {
    const { status, body } = await server.call('POST', '/api/v1/deploy', text);
    return { status, json: JSON.parse(body) };
  };
  for (const depth of [100, 10_000, 1_000_000]) {
    const answer = await deploy(
      `{"services":[{"name":"a","image":"b","env":${'['.repeat(depth)}${']'.repeat(depth)}}]}`,
    );
    t.equal(answer.status, 400, `${depth} deep`);
    t.match(answer.json, { code: /CONFIG_INVALID|BODY_INVALID/ });
  }
  for (const body of [
    '{"services":[{"name":"a","image":"b","__proto__":{"replicas":1}}]}',
    '{"services":[{"name":"a","image":"b","env":{"__proto__":"x"}}]}',
    '{"services":[{"name":"a","image":"b","constructor":{"prototype":{"x":1}}}]}',
    '{"__proto__":{"services":[{"name":"a","image":"b"}]}}',
    '{"services":[{"name":"a\\u0000b","image":"b"}]}',
    '{"services":[{"name":"a\\u202eb","image":"b"}]}',
    '{"services":[{"name":"../../etc","image":"b"}]}',
    '{"services":[{"name":"a","image":"b","project":"../.."}]}',
    '{"services":[{"name":"a","image":"--privileged"}]}',
    '{"services":[{"name":"a","image":"b","volumes":[{"name":"../x","path":"/d"}]}]}',
    '{"services":[{"name":"a","image":"b","mounts":["/srv/../etc/shadow:/x"]}]}',
    '{"services":[{"name":"a","image":"b","port":80,"domain":"{http.request.host}"}]}',
    '{"services":[{"name":"a","image":"b","port":80,"domain":"a.b\\r\\nx: y"}]}',
    '{"services":[{"name":"a","image":"b","port":80,"domain":"a.b","routes":["/{env.HOME}/*"]}]}',
    '{"services":[{"name":"a","image":"b","port":80,"domain":"a.b","strip_prefix":"/{env.HOME}"}]}',
    '{"services":[{"name":"a","image":"b","port":80,"domain":"a.b","health":"/x HTTP/1.1\\r\\nx: y"}]}',
  ]) {
    const { status, json } = await deploy(body);
    t.ok([400, 403].includes(status), `${status} ${body}`);
    t.match(json, { code: /CONFIG_INVALID|BODY_INVALID|NOT_ALLOWED/, hint: /./ });
  }
  t.notOk('polluted' in {});
  t.match(
    JSON.parse((await server.call('GET', '/api/v1/status')).body),
    { services: [] },
    'nothing was deployed',
  );
});

t.test('a service that would cost much is refused by its size, and costs little', async (t) => {
  const texts = (count: number, of: (at: number) => unknown) =>
    Array.from({ length: count }, (_, at) => of(at));
  const wide = {
    port: 80,
    domains: texts(5_000, (at) => `d${at}.example.com`),
    routes: texts(5_000, (at) => `/${at}`),
  };
  for (const more of [
    wide,
    { cap_add: ['A'.repeat(4_000_000)] },
    { cap_add: texts(600_000, () => 'AAA') },
    { volumes: texts(30_000, (at) => ({ name: `v${at}`, path: `/${at}` })) },
    { mounts: texts(100_000, (at) => `/a${at}:/b${at}`) },
    { secret_files: texts(50_000, (at) => ({ secret: 'a', path: `/${at}` })) },
    { tmpfs: texts(100_000, (at) => `/t${at}`) },
    { extra_ports: texts(100_000, (at) => `${1 + (at % 65_535)}:1`) },
    { ['k'.repeat(4_000_000)]: 1 },
    { pull: 'x'.repeat(4_000_000) },
    { image: `${'a'.repeat(2_000_000)}:${'b'.repeat(2_000_000)}` },
  ]) {
    for (const path of ['/api/v1/plan', '/api/v1/deploy']) {
      const beganMs = server.cpuMs();
      const body = JSON.stringify({ services: [{ name: 'a', image: 'b:1', ...more }] });
      const answer = await server.call('POST', path, body);
      const [key = ''] = Object.keys(more);
      t.equal(answer.status, 400, `${path} ${key.slice(0, 20)}`);
      t.ok(answer.body.length < 5_000, `said in ${answer.body.length} bytes`);
      t.comment(`${Math.round(server.cpuMs() - beganMs)} ms of CPU`);
    }
  }
});

t.test('a signal that opens the inspector of Node opens nothing', async (t) => {
  process.kill(server.pid, 'SIGUSR1');
  await isAnswering(t, 'behind the signal');
  t.notMatch(server.said(), /Debugger listening/);
  t.rejects(fetch('http://127.0.0.1:9229/json/version'), 'nobody listens there');
});

t.test('paths lead nowhere but where they say', async (t) => {
  for (const path of [
    '/node/files/..%2f..%2fcluster.token',
    '/node/files/../../cluster.token',
    '/node/files/%2e%2e/%2e%2e/master.key',
    '/node/files//etc/passwd',
    '/node/files/a%00b',
    '/api/v1/services/..%2f..%2fx/logs',
    '/api/v1/services/%00/stop',
    '/api/v1/secrets/..%2fx',
    '/api/v1/certificates/..%2f..%2fca.key',
    `/api/v1/services/${'a'.repeat(10_000)}`,
    '/api/v1/rollouts/__proto__',
    '/api/v1/services/__proto__/logs',
    '/%',
  ]) {
    const { status, body } = await server.call('GET', path);
    t.ok(status >= 400 && status < 500, `${status} ${path.slice(0, 60)}`);
    t.notMatch(body, /PRIVATE KEY|root:/);
  }
});

t.test('no page of another site is let read', async (t) => {
  const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
  for (const [method, path] of [
    ['GET', '/api/v1/health'],
    ['GET', '/api/v1/status'],
    ['OPTIONS', '/api/v1/deploy'],
    ['POST', '/api/v1/join'],
  ] as const) {
    const answer = await server.call(method, path, undefined, headers);
    const names = Object.keys(answer.headers).filter((name) => name.startsWith('access-control'));
    t.same(names, [], `${method} ${path}`);
    t.notOk(answer.headers['set-cookie'], 'nothing is implied by a browser');
  }
});

t.test('a request that never ends is ended', async (t) => {
  const { afterMs = 0 } = (await slow) ?? {};
  t.ok(afterMs > 10_000 && afterMs < 40_000, `after ${afterMs} ms`);
  await isAnswering(t, 'still');
});

/** Says a header a second and never the last. */
async function slowRequest(): Promise<{ afterMs: number }> {
  const beganMs = Date.now();
  const socket = overTls();
  socket.write('GET /api/v1/health HTTP/1.1\r\nhost: x\r\n');
  const drip = setInterval(() => socket.write('x-a: b\r\n'), 1_000);
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
  clearInterval(drip);
  return { afterMs: Date.now() - beganMs };
}

/** What is answered to a body of 100 MB that is sent as long as somebody takes it. */
async function endless(line: string): Promise<string> {
  const socket = overTls();
  let heard = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    heard += text;
  });
  socket.write(`${line} HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n`);
  const piece = Buffer.alloc(64 * 1024, 0x20);
  let sent = 0;
  const send = (): void => {
    while (sent < 100_000_000 && socket.writable) {
      sent += piece.length;
      if (!socket.write(piece)) return void socket.once('drain', send);
    }
  };
  // Only then the body: who closes a connection with data that nobody has read takes back what was said on it (RFC 9293, 3.6.1).
  await waitFor('an answer', () => heard.includes('\r\n\r\n') || socket.closed);
  send();
  await waitFor('its end', () => socket.closed || sent >= 100_000_000);
  socket.destroy();
  return heard;
}

/** So many TCP connections that say `first` and nothing more. */
async function openMany(first: Buffer): Promise<Socket[]> {
  const sockets: Socket[] = [];
  let settled = 0;
  const open = (): void => {
    const socket = connect({ host: '127.0.0.1', port: server.port });
    let isSettled = false;
    const settle = (): void => {
      if (!isSettled) settled += 1;
      isSettled = true;
    };
    socket.once('connect', () => {
      if (first.length > 0) socket.write(first);
      settle();
    });
    socket.on('error', settle).once('close', settle).resume();
    sockets.push(socket);
  };
  while (sockets.length < MANY) {
    for (let count = 0; count < 500; count += 1) open();
    await waitFor('them to connect', () => settled >= sockets.length - 100);
  }
  return sockets;
}

const openOf = (sockets: readonly Socket[]): number =>
  sockets.filter((socket) => !socket.closed && socket.readyState === 'open').length;
