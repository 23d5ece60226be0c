/** The share of a canary on a real Caddy: exact whatever the sizes of the groups, moved without a load, given back at once. */
import { Agent } from 'node:https';
import t from 'tap';
import type { RoutedAllocation } from '../../proxy-config/route.js';
import { anAllocation, aRoute, ask, startBackend, startEdge, startLoad, until } from './ingress-harness.js';

const REQUESTS = 4_000;

t.setTimeout(180_000);
const edge = await startEdge();
const backends = await Promise.all(['s1', 's2', 's3', 'c1', 'c2'].map((name) => startBackend(name)));
t.teardown(async () => {
  await edge.close();
  for (const backend of backends) await backend.close();
});

const of = (name: string): RoutedAllocation => {
  const backend = backends.find((one) => one.name === name);
  if (!backend) throw new Error(`no backend ${name}`);
  return anAllocation(name, backend.endpoint.port, {
    group: name.startsWith('c') ? 'canary' : 'stable',
    release: name.startsWith('c') ? 2 : 1,
  });
};
const loads = () => edge.logs.filter((line) => line.startsWith('Caddy serves')).length;
const weightInForce = () => edge.role.observed()?.weights.find((w) => w.service === 'shop/api')?.canaryWeight;

async function split(names: string[], canaryWeight: number): Promise<void> {
  edge.apply([aRoute({ canaryWeight, allocations: names.map(of) })]);
  await until(`${canaryWeight} % in force`, () => weightInForce() === canaryWeight);
  await until('all routed', () => names.every((name) => edge.traffic(name)?.state === 'routed'));
}

/** Percent of the answers that came from a canary. */
async function share(requests = REQUESTS): Promise<number> {
  const agent = new Agent({ keepAlive: true });
  let canary = 0;
  let left = requests;
  const worker = async () => {
    while (left-- > 0) if ((await ask(edge, agent)).body.startsWith('c')) canary += 1;
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  agent.destroy();
  return (canary / requests) * 100;
}

/** One percentage point, or four standard deviations where that is wider: of 15,000 such samples one is further off. */
const tolerance = (weight: number) =>
  Math.max(1, 400 * Math.sqrt(((weight / 100) * (1 - weight / 100)) / REQUESTS));

t.test('the canary gets its share whatever the sizes of the groups', async (t) => {
  for (const [names, weight] of [
    [['s1', 's2', 's3', 'c1'], 20],
    [['s1', 'c1'], 1],
    [['s1', 's2', 'c1', 'c2'], 50],
    [['s1', 's2', 'c1'], 99],
  ] as const) {
    await split([...names], weight);
    const seen = await share();
    t.ok(Math.abs(seen - weight) <= tolerance(weight), `${names.join()} at ${weight} %: ${seen} %`);
  }
});

t.test('0 and 100 mean what they say, and both groups count as routed', async (t) => {
  await split(['s1', 'c1'], 0);
  t.equal(await share(300), 0);
  await split(['s1', 'c1'], 100);
  t.equal(await share(300), 100);
});

t.test('its share stays when one of a group is down, and goes back when all of it is', async (t) => {
  await split(['s1', 's2', 'c1', 'c2'], 20);
  edge.role.setLocal(
    new Map([
      ['c1', null],
      ['s1', null],
    ]),
  );
  await until(
    'withdrawn',
    () => edge.traffic('c1')?.state === 'pending' && edge.traffic('s1')?.state === 'pending',
  );
  await until('in force again', () => weightInForce() === 20);
  const seen = await share();
  t.ok(Math.abs(seen - 20) <= tolerance(20), `${seen} %`);
  edge.role.setLocal(
    new Map([
      ['c1', null],
      ['c2', null],
    ]),
  );
  await until('withdrawn', () => edge.traffic('c2')?.state === 'pending');
  await until('in force again', () => weightInForce() === 20);
  t.equal(await share(300), 0);
  edge.role.setLocal(new Map());
});

t.test('a share moves under load with no failed request and no load of Caddy', async (t) => {
  await split(['s1', 's2', 'c1'], 5);
  const before = loads();
  const load = startLoad(edge);
  for (const weight of [25, 50, 100, 0, 5]) await split(['s1', 's2', 'c1'], weight);
  const { done, failed } = await load.stop();
  t.same(failed, []);
  t.ok(done > 100, `${done} requests`);
  t.equal(loads(), before);
});
