import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { fetchImage } from '../../../../agent/carry/fetch.js';
import { openLoopback } from '../../../../agent/carry/loopback.js';
import { EngineError } from '../../../../agent/engine.js';
import type { CarrySource, Prepared } from '../../../../shared/carry.js';
import { fakeEngine } from '../../../support/fake-engine.js';

const hex = 'a'.repeat(64);
const imageId = `sha256:${hex}`;
const digest = `sha256:${'d'.repeat(64)}`;
const tags = ['orca.local/c/p/s:v1'];
const source = (name: string): CarrySource => ({ node: name, name, address: '10.0.0.1', port: 6_881 });
const wanted = (...names: string[]) => ({ imageId, ref: 'app:1', sources: names.map(source), reason: null });

/** `says`: what each node answers, one after the other; a text: it can't be reached. */
async function aNode(t: Test, says: Record<string, Prepared[] | string>) {
  const engine = fakeEngine();
  const pulls: string[] = [];
  engine.pull = async (reference, onPercent) => {
    pulls.push(reference);
    await engine.before(`pull ${reference}`);
    onPercent(40);
    engine.images.set(reference, { id: imageId, digest: reference });
  };
  const loopback = openLoopback(
    () => 0,
    () => undefined,
  );
  const far = createServer((request, answer) => {
    const name = String(request.socket.remotePort && names.get(request.socket.remotePort));
    const left = says[name];
    const now = Array.isArray(left) ? (left.length > 1 ? left.shift() : left[0]) : null;
    answer.end(JSON.stringify(now));
  });
  const names = new Map<number, string>();
  await new Promise<void>((resolve) => far.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    await loopback.stop();
    far.close();
    far.closeAllConnections();
  });
  const reach = async ({ name }: CarrySource) => {
    const how = says[name];
    if (typeof how === 'string') throw new Error(how);
    const socket = connect((far.address() as AddressInfo).port, '127.0.0.1');
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    names.set(socket.localPort ?? 0, name);
    return { socket: socket as unknown as TLSSocket, via: 'direct' as const };
  };
  const told: string[] = [];
  const fetch = (from: ReturnType<typeof wanted> & { from?: string }) =>
    fetchImage(
      from,
      tags,
      { engine, loopback, reach, auth: () => null, signal: new AbortController().signal },
      (words) => told.push(words),
    );
  return { engine, fetch, told, pulls };
}

const ready: Prepared = { state: 'ready', digest };

t.test(
  'it is made ready there, pulled by digest, kept here under its tags, and how far it is is told',
  async (t) => {
    const { engine, fetch, told, pulls } = await aNode(t, {
      w2: [{ state: 'preparing', percent: 7 }, ready],
    });
    t.match(await fetch(wanted('w2')), { from: 'w2', via: 'direct' });
    t.match(pulls, [new RegExp(`^127\\.0\\.0\\.1:\\d+/from/${hex}@${digest}$`)]);
    t.same([...engine.tags], [[tags[0], imageId]]);
    t.ok(engine.calls.includes(`untag ${pulls[0]}`));
    t.same(told, [
      'asking w2 for app:1',
      'w2 gets app:1 ready, 7 %',
      'fetching app:1 from w2, 0 %',
      'fetching app:1 from w2, 40 %',
    ]);
  },
);

t.test('where one can not be reached, or can not serve it, the next one is asked', async (t) => {
  const { fetch } = await aNode(t, {
    w1: "w1 has it and can't be reached: no route",
    w2: [{ state: 'failed', reason: 'no docker-registry' }],
    w3: [ready],
  });
  t.match(await fetch(wanted('w1', 'w2', 'w3')), { from: 'w3' });
  await t.rejects(fetch(wanted('w1', 'w2')), {
    kind: 'refused',
    message:
      "app:1 is not on this node; w1 has it and can't be reached: no route; w2 has it and can't serve it: no docker-registry",
  });
});

t.test(
  'a pull that breaks off goes on with the next one; a Docker that is down is no fault of theirs',
  async (t) => {
    const { engine, fetch, pulls } = await aNode(t, { w1: [ready], w2: [ready] });
    engine.before = () => {
      if (pulls.length === 1) throw new EngineError('refused', 'unexpected EOF');
    };
    t.match(await fetch(wanted('w1', 'w2')), { from: 'w2' });
    engine.before = (call) => {
      if (call.startsWith('pull')) throw new EngineError('down', 'Docker does not answer');
    };
    await t.rejects(fetch(wanted('w1', 'w2')), { kind: 'down', message: 'Docker does not answer' });
  },
);

t.test('what is another image than the release was made from is not taken', async (t) => {
  const { engine, fetch } = await aNode(t, { w2: [ready] });
  engine.pull = async (reference) => {
    engine.images.set(reference, { id: `sha256:${'b'.repeat(64)}`, digest: null });
  };
  await t.rejects(fetch(wanted('w2')), {
    message: /what came from w2 for app:1 is not the image that this release/,
  });
  t.same([...engine.tags], []);
});

t.test('from a registry it is pulled as it stands there', async (t) => {
  const { engine, fetch, told, pulls } = await aNode(t, {});
  const from = `r.test/orca/app@${digest}`;
  t.same(await fetch({ ...wanted(), from }), { from: 'r.test', via: 'registry', bytes: null });
  t.same(pulls, [from]);
  t.same([...engine.tags.values()], [imageId]);
  t.equal(told.at(-1), 'fetching app:1 from r.test, 40 %');
  engine.before = () => {
    throw new EngineError('refused', 'unauthorized');
  };
  await t.rejects(fetch({ ...wanted(), from }), {
    message: `app:1 could not be fetched from ${from}: unauthorized`,
  });
});
