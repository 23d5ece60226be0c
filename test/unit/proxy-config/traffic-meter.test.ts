import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Route } from '../../../proxy-config/route.js';
import { createTrafficMeter } from '../../../proxy-config/traffic-meter.js';
import { plainRoute } from '../../support/plain-route.js';
import { waitFor } from '../../support/wait-for.js';

function aMeter(t: Test, file: string) {
  const said: string[] = [];
  const meter = createTrafficMeter(file, (message) => said.push(message));
  t.teardown(() => meter.close());
  return { meter, said };
}
const portIn = (file: string): number => JSON.parse(readFileSync(file, 'utf8')).port;

async function taken(t: Test): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  t.teardown(() => socket.close());
  await once(socket, 'listening');
  return socket.address().port;
}

const route: Route = {
  service: 'shop/api',
  srvName: 'api.shop.orca',
  domains: ['a.test'],
  paths: ['/*'],
  stripPrefix: null,
  ...plainRoute,
  measured: true,
  allocations: [{ id: 'a', node: 'n1', group: 'stable', release: 3, desired: 'routed', endpoint: null }],
};

t.test('a port is chosen once and kept over a restart', async (t) => {
  const file = join(t.testdir(), 'traffic.json');
  const { meter } = aMeter(t, file);
  t.equal(meter.port(), undefined);
  t.equal(await meter.open(), true);
  t.equal(await meter.open(), false, 'it is open');
  const port = meter.port();
  t.equal(portIn(file), port);
  meter.close();
  const again = aMeter(t, file);
  await again.meter.open();
  t.equal(again.meter.port(), port);
});

t.test('another port is chosen when the kept one is taken, and kept from then on', async (t) => {
  const port = await taken(t);
  const file = join(t.testdir({ 'traffic.json': JSON.stringify({ port }) }), 'traffic.json');
  const { meter, said } = aMeter(t, file);
  await meter.open();
  t.type(meter.port(), 'number');
  t.not(meter.port(), port);
  t.equal(portIn(file), meter.port());
  t.same(said, []);
});

t.test('a file that says no port is as good as none', async (t) => {
  for (const text of ['', '7', 'null', '{"port":"x"}', '{"port":-1}', '{"port":70000}', '{"port":1.5}']) {
    const file = join(t.testdir({ 'traffic.json': text }), 'traffic.json');
    const { meter } = aMeter(t, file);
    await meter.open();
    t.equal(portIn(file), meter.port(), text);
  }
});

t.test('a port that can not be kept is used all the same, and that is said', async (t) => {
  const { meter, said } = aMeter(t, join(t.testdir(), 'nowhere', 'traffic.json'));
  await meter.open();
  t.type(meter.port(), 'number');
  t.match(said, [/not on the same port again: ENOENT/]);
});

t.test('what comes in is counted under one epoch; what is no line is let go', async (t) => {
  const file = join(t.testdir(), 'traffic.json');
  const { meter } = aMeter(t, file);
  t.equal(meter.figures(), null);
  await meter.open();
  meter.follow([route], () => ({ address: '10.0.0.1', port: 80 }));
  const sender = createSocket('udp4');
  t.teardown(() => sender.close());
  const send = (text: string) => sender.send(text, meter.port() ?? 0, '127.0.0.1');
  for (const text of ['', 'nonsense', '{"user_id":7}', '\u0000'.repeat(9_000)]) send(text);
  send('{"user_id":"10.0.0.1:80|||","status":204,"duration":0.001}');
  await waitFor('it to be counted', () => meter.figures()?.figures[0]);
  t.match(meter.figures(), {
    epoch: /^[0-9a-f-]{36}$/,
    figures: [{ service: 'shop/api', release: 3, requests: 1, classes: [0, 1, 0, 0, 0] }],
  });
  t.not(aMeter(t, file).meter.figures()?.epoch, meter.figures()?.epoch);
});
