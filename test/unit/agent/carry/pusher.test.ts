import t, { type Test } from 'tap';
import { createPusher } from '../../../../agent/carry/pusher.js';
import { EngineError } from '../../../../agent/engine.js';
import { fakeEngine } from '../../../support/fake-engine.js';
import { waitFor } from '../../../support/wait-for.js';

const imageId = 'sha256:1';
const wanted = [{ imageId, ref: 'app:1', to: 'r.test/orca/app:1' }];
const at = 'r.test/orca/app@sha256:d';
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

function aPusher(_: Test) {
  const engine = fakeEngine();
  engine.images.set('r.test/orca/app:1', { id: imageId, digest: at });
  const auths: unknown[] = [];
  engine.push = async (reference, auth) => {
    await engine.before(`push ${reference}`);
    auths.push(auth);
  };
  const auth = { username: 'me', password: 'p', serveraddress: 'r.test' };
  const pusher = createPusher({ engine, log, auth: () => auth, onChange: () => undefined });
  const result = () => waitFor('it to be over', () => pusher.pushed()[0] ?? false);
  return { engine, pusher, auths, auth, result };
}

t.test('an image is pushed once, as who the master said, and leaves no tag behind', async (t) => {
  const { engine, pusher, auths, auth, result } = aPusher(t);
  pusher.pass(wanted);
  pusher.pass(wanted);
  t.same(await result(), { imageId, at, reason: null });
  t.same(auths, [auth]);
  t.same([...engine.tags], []);
  pusher.pass(wanted);
  t.equal(auths.length, 1);
  pusher.pass([]);
  t.same(pusher.pushed(), []);
});

t.test('what the registry refused is told, and tried again with other credentials', async (t) => {
  const { engine, pusher, result } = aPusher(t);
  engine.before = (call) => {
    if (call.startsWith('push')) throw new EngineError('refused', 'unauthorized: authentication required');
  };
  pusher.pass(wanted);
  t.match(await result(), {
    at: null,
    reason:
      /^r.test\/orca\/app:1 could not be pushed: unauthorized: authentication required; log in to that registry: `orca registry login HOST/,
  });
  engine.before = () => undefined;
  pusher.pass(wanted);
  t.match(pusher.pushed(), [{ at: null }], 'not at once');
  pusher.again();
  pusher.pass(wanted);
  await waitFor('it to be there', () => pusher.pushed()[0]?.at === at);
});
