import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startConverge } from '../../../agent/converge.js';
import { toCreateOptions } from '../../../agent/docker-create.js';
import { containerLabels, readSource } from '../../../agent/labels.js';
import { createLog } from '../../../agent/log.js';
import { openMemory } from '../../../agent/memory.js';
import { openSecretFiles } from '../../../agent/secret-files.js';
import { envWith, filesWith, hideValues, keptSecrets, missingSecret } from '../../../agent/secrets.js';
import type { SentSecrets } from '../../../shared/protocol.js';
import { fakeEngine } from '../../support/fake-engine.js';
import { waitFor } from '../../support/wait-for.js';
import { anAllocation, anAssignment, aRequest } from './an.js';

const reference = (name: string): string => `$${`{secrets.${name}}`}`;
const container = {
  env: { URL: `db://${reference('pw')}@db`, PLAIN: 'x' },
  secrets: { pw: 'shop/pw@1' },
};
const allocation = anAllocation({ container, origin: {} });
const held = (value: string | null, reason: string | null = null): SentSecrets => ({
  'shop/pw@1': { value, reason },
});

t.test('a value takes the place of its reference when the container is made, and only there', async (t) => {
  const env = envWith(allocation.container, held('hush'));
  t.same(env, { URL: 'db://hush@db', PLAIN: 'x' });
  const body = toCreateOptions(aRequest({ allocation, env }));
  t.same(body.Env, ['URL=db://hush@db', 'PLAIN=x']);
  t.notMatch(JSON.stringify(body.Labels), 'hush');
  t.throws(() => envWith(allocation.container, {}));
});

t.test('an allocation is known again by its labels, with the reference in place of the value', async (t) => {
  const labels = containerLabels('test', allocation, 1, 0);
  t.same(readSource(labels, ['PATH=/bin', 'URL=db://hush@db', 'PLAIN=x']), allocation);
});

t.test('what is missing is waited for with the reason', async (t) => {
  t.equal(missingSecret(allocation.container, held('hush')), null);
  t.match(
    missingSecret(allocation.container, {}),
    /^waits for the secret pw of shop: the master has not sent it/,
  );
  t.match(missingSecret(allocation.container, held(null, 'it was removed')), /pw of shop: it was removed/);
  t.match(missingSecret({ ...allocation.container, secrets: {} }, held('hush')), /does not name/);
});

t.test('a value that a newer assignment does not bring is kept as long as it is needed', async (t) => {
  const needs = anAssignment({ allocations: [allocation] });
  t.same(keptSecrets({}, { ...needs, secrets: held('one') }), held('one'));
  t.same(keptSecrets(held('one'), needs), held('one'));
  t.same(keptSecrets(held('one'), { ...needs, secrets: held(null, 'gone') }), held('one'));
  t.same(keptSecrets(held(null, 'gone'), { ...needs, secrets: held('one') }), held('one'));
  t.same(keptSecrets(held('one'), anAssignment({ allocations: [] })), {});
});

t.test('values are on disk only sealed with the key of the node, and without that key nowhere', async (t) => {
  const folder = join(t.testdir(), 'agent');
  const memory = openMemory(folder, (problem) => t.equal(problem, null));
  memory.keepAssignment({
    ...anAssignment({ revision: 4, allocations: [allocation] }),
    secrets: held('hush'),
  });
  await memory.settled();
  for (const name of readdirSync(folder)) {
    t.notMatch(readFileSync(join(folder, name), 'utf8'), 'hush', name);
    t.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  }
  t.match(await openMemory(folder, () => undefined).assignment(), { revision: 4, secrets: held('hush') });
  rmSync(join(folder, 'memory.key'));
  const without = await openMemory(folder, () => undefined).assignment();
  t.equal(without?.revision, 4);
  t.notOk(without && 'secrets' in without);
});

t.test('words that are told on have no value in them', async (t) => {
  const two = { ...held('hush-hush'), b: { value: 'first line\nsecond line', reason: null } };
  t.equal(hideValues('it said hush-hush, then second line', two), 'it said ***, then ***');
  t.equal(
    hideValues('x is 1', { a: { value: '1', reason: null } }),
    'x is 1',
    'too short to tell from other text',
  );
});

t.test('of a value that begins another one nothing is left', async (t) => {
  const two = { a: { value: 'hunter22', reason: null }, b: { value: 'hunter22-prod', reason: null } };
  t.equal(hideValues('it is hunter22-prod, or hunter22', two), 'it is ***, or ***');
});

t.test('a folder that somebody else has put in the place is neither used nor emptied', async (t) => {
  const place = mkdtempSync('/dev/shm/orca-test-');
  const precious = t.testdir({ 'shop.api.1': { file: 'precious' } });
  t.teardown(() => rmSync(place, { recursive: true, force: true }));
  const kept = openSecretFiles('/some/home', [place]);
  const files = [{ path: '/run/secrets/pw', mode: 0o400, value: 'hush' }];
  await kept.write('shop.api.1', files);
  const [own = ''] = readdirSync(place);
  rmSync(join(place, own), { recursive: true });
  symlinkSync(precious, join(place, own));
  kept.keep(new Set());
  await t.rejects(kept.write('shop.api.1', files), { message: /need a tmpfs/ });
  t.equal(readFileSync(join(precious, 'shop.api.1', 'file'), 'utf8'), 'precious');
  rmSync(join(place, own));
  mkdirSync(join(place, own, 'shop.api.1'), { recursive: true, mode: 0o755 });
  kept.keep(new Set());
  await t.rejects(kept.write('shop.api.1', files), { message: /need a tmpfs/ });
  t.same(readdirSync(join(place, own)), ['shop.api.1'], 'others can enter it');
});

t.test('files are on a tmpfs only, for nobody else to enter, and go with the allocation', async (t) => {
  const place = mkdtempSync('/dev/shm/orca-test-');
  t.teardown(() => rmSync(place, { recursive: true, force: true }));
  const secretFiles = [{ secret: 'pw', path: '/run/secrets/pw', mode: 0o440 }];
  const files = filesWith({ ...allocation.container, secretFiles }, held('hush'));
  t.same(files, [{ path: '/run/secrets/pw', mode: 0o440, value: 'hush' }]);
  const kept = openSecretFiles('/some/home', ['/proc', place]);
  const [mounted] = await kept.write('shop.api.1', files);
  const source = mounted?.source ?? '';
  t.equal(mounted?.target, '/run/secrets/pw');
  t.ok(source.startsWith(place));
  t.equal(readFileSync(source, 'utf8'), 'hush');
  t.equal(statSync(source).mode & 0o777, 0o440);
  t.equal(statSync(join(source, '..')).mode & 0o777, 0o700);
  const body = toCreateOptions(aRequest({ files: [{ source, target: '/run/secrets/pw' }] }));
  t.match(body.HostConfig?.Mounts, [
    { Type: 'bind', Source: source, Target: '/run/secrets/pw', ReadOnly: true },
  ]);
  kept.keep(new Set(['shop.api.1']));
  t.ok(existsSync(source));
  kept.keep(new Set());
  t.notOk(existsSync(source));
  await t.rejects(openSecretFiles('/some/home', ['/proc', t.testdir()]).write('shop.api.1', files), {
    message: /need a tmpfs/,
  });
  await t.rejects(kept.write('../../etc', files));
  await waitFor('nothing is left', () => readdirSync(join(place, readdirSync(place)[0] ?? '')).length === 0);
});

t.test('a container is made when the values are here; what is told until then is the reason', async (t) => {
  const engine = fakeEngine();
  engine.images.set('app:1', { id: allocation.imageId, digest: null });
  const log: string[] = [];
  const converger = startConverge({
    ...{ engine, publishAddress: null, remembered: [], ownTags: [] },
    onChange: () => undefined,
    log: createLog((line) => log.push(line)),
  });
  t.teardown(() => converger.stop());
  const needs = anAssignment({ allocations: [allocation] });
  converger.assign(needs);
  await waitFor('the reason', () =>
    /waits for the secret pw of shop/.test(converger.observe()?.allocations[0]?.reason ?? ''),
  );
  t.match(converger.observe()?.allocations, [{ state: 'pending' }]);
  t.equal(converger.facts().containers.size, 0);
  converger.assign({ ...needs, secrets: held('hush-hush') });
  await waitFor('the container', () => converger.facts().containers.size === 1);
  const [id = ''] = converger.facts().containers.keys();
  const made = await engine.madeWith(id);
  t.ok(made?.env.includes('URL=db://hush-hush@db'));
  t.same(readSource(made?.labels ?? {}, made?.env ?? []), allocation);
  t.notMatch(JSON.stringify([converger.assignment(), converger.observe(), made?.labels, log]), 'hush');
});
