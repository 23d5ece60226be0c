import t from 'tap';
import { startConverge } from '../../../agent/converge.js';
import { createLog } from '../../../agent/log.js';
import { fakeEngine } from '../../support/fake-engine.js';
import { waitFor } from '../../support/wait-for.js';
import { anAllocation, anAssignment } from './an.js';

t.test('a container waits until it is known whom it asks about names', async (t) => {
  const engine = fakeEngine();
  engine.images.set('app:1', { id: 'sha256:app1', digest: null });
  const known: { dns?: { servers: string[]; search: string[] } } = {};
  const converger = startConverge({
    engine,
    publishAddress: null,
    dnsFor: () => known.dns,
    remembered: [],
    ownTags: [],
    onChange: () => undefined,
    log: createLog(() => undefined),
  });
  t.teardown(() => converger.stop());
  t.equal(converger.networks(), null);
  converger.assign(anAssignment({ allocations: [anAllocation()] }));
  await waitFor('its network', () => converger.networks()?.length === 1);
  t.notMatch(engine.calls.join(), /create shop/);
  known.dns = { servers: ['10.213.0.2'], search: ['shop.orca'] };
  converger.wake();
  await waitFor('the container', () => converger.facts().containers.size === 1);
});
