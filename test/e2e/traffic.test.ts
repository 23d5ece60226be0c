/** What an app behind the ingress gets, and what a client gets from the ingress when there is no app. */

import { randomBytes } from 'node:crypto';
import http2 from 'node:http2';
import t from 'tap';
import WebSocket from 'ws';
import { nodeAppImage } from '../support/images.js';
import { anyName, startOrca } from '../support/orca.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

const orca = await startOrca();
t.teardown(() => orca.stop());
await nodeAppImage({ tag: 'orca-e2e/traffic:v1', env: { RELEASE: 'v1', FROM_IMAGE: 'yes' } });
const image = 'orca-e2e/traffic:v1';
const deployed = await orca.deploy(
  serviceToml(
    { name: 'back', image, lines: ['aliases = ["storage"]'], env: { RELEASE: 'back' } },
    {
      name: 'front',
      image,
      domain: 'front.localhost',
      lines: ['depends_on = ["back"]', 'command = ["/bin/node", "/app/app.js", "an argument"]'],
      env: { GREETING: 'hello "you"' },
    },
    {
      name: 'api',
      image,
      domain: 'front.localhost',
      lines: ['routes = ["/api/*"]', 'strip_prefix = "/api"'],
      env: { RELEASE: 'api' },
    },
    {
      name: 'late',
      image,
      domain: 'late.localhost',
      env: { NEVER_READY: '1' },
      deploy: ['progress_deadline_secs = 3600'],
    },
  ),
  ['--detach'],
);

t.test('services that wait for one another all come up', async (t) => {
  t.equal(deployed.code, 0, deployed.stdout + deployed.stderr);
  for (const name of ['back', 'front', 'api'])
    await orca.serviceThat(name, 'to run', (seen) => seen.status === 'running');
});

t.test('environment and command reach the app', async (t) => {
  const env = JSON.parse((await orca.get('front.localhost', '/env')).body);
  t.match(env, { GREETING: 'hello "you"', FROM_IMAGE: 'yes' });
  t.match((await orca.get('front.localhost', '/argv')).body, /an argument/);
});

t.test('services of a project reach each other by name and alias', async (t) => {
  for (const name of ['back', 'storage']) {
    const answer = await orca.get(
      'front.localhost',
      `/fetch?url=${encodeURIComponent(`http://${name}:8080/`)}`,
    );
    t.equal(answer.body, 'hello from back\n', name);
  }
});

t.test('a path goes to its own service, without the prefix', async (t) => {
  const answer = await orca.get('front.localhost', '/api/url?x=1');
  t.equal(answer.headers['x-release'], 'api');
  t.equal(answer.body.trim(), '"/url?x=1"');
});

t.test('forwarded headers say who asked, and cannot be forged', async (t) => {
  const headers = { 'x-forwarded-for': '6.6.6.6', 'x-forwarded-proto': 'gopher', 'x-forwarded-host': 'evil' };
  const seen = JSON.parse((await orca.get('front.localhost', '/headers', { headers })).body);
  t.equal(seen['x-forwarded-proto'], 'https');
  t.equal(seen['x-forwarded-for'], '127.0.0.1');
  t.match(seen['x-forwarded-host'], /^front\.localhost/);
  t.match(seen.host, /^front\.localhost/);
});

t.test('a large upload arrives whole', async (t) => {
  const body = randomBytes(20 * 1_024 * 1_024);
  const { createHash } = await import('node:crypto');
  const answer = await orca.get('front.localhost', '/echo', { method: 'POST', body });
  t.same(JSON.parse(answer.body), {
    method: 'POST',
    bytes: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
  });
});

t.test('HTTP/2 is spoken', async (t) => {
  const { address, port, domain, caPem } = orca.target('front.localhost');
  const session = http2.connect(`https://${address}:${port}`, { ca: caPem, servername: domain });
  t.teardown(() => session.destroy());
  const status = await new Promise((resolve, reject) => {
    const request = session.request({ ':path': '/', ':authority': `${domain}:${port}` });
    request.on('response', (headers) => resolve(headers[':status']));
    request.on('error', reject);
    session.on('error', reject);
  });
  t.equal(status, 200);
});

t.test('a WebSocket echoes', async (t) => {
  const { address, port, domain, caPem } = orca.target('front.localhost');
  const options = { ca: caPem, servername: domain, headers: { host: `${domain}:${port}` } };
  const socket = new WebSocket(`wss://${address}:${port}/ws`, options);
  t.teardown(() => socket.terminate());
  const echoed = await new Promise((resolve, reject) => {
    socket.on('open', () => socket.send('are you there'));
    socket.on('message', (data) => resolve(String(data)));
    socket.on('error', reject);
  });
  t.equal(echoed, 'are you there');
});

t.test('a host that nobody asked for gets a 404 page', async (t) => {
  const answer = await orca.get('nobody.localhost', '/', anyName);
  t.equal(answer.status, 404);
  t.ok(answer.body.length > 0);
});

t.test('a known host with nothing ready gets 503 and when to come back', async (t) => {
  const answer = await waitFor('503', async () => {
    const seen = await orca.get('late.localhost');
    return seen.status === 503 && seen;
  });
  t.ok(Number(answer.headers['retry-after']) > 0);
  const service = await orca.service('late');
  t.equal(service.status, 'deploying');
  t.ok(service.reason);
});
