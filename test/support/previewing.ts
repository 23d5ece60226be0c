/** Pull requests brought out as a master does: the real loops over a store of their own, a service that is built, and a clock of the test's. */
import type { Test } from 'tap';
import { commitBuilder, createBringOut } from '../../master/control/bring-out.js';
import { createCommands } from '../../master/control/commands.js';
import { startDeliver } from '../../master/control/deliver.js';
import { startPreviewEnds } from '../../master/control/preview-ends.js';
import { createPreviews } from '../../master/control/previews.js';
import { createReceive } from '../../master/control/receive.js';
import { createSecretValues } from '../../master/control/secret-values.js';
import { createStates } from '../../master/control/states.js';
import { createSpecCheck } from '../../master/http/check-specs.js';
import { QUIET_MS } from '../../master/plan/bursts.js';
import { createPreviewCheck } from '../../master/webhooks.js';
import { NOTHING_ALLOWED } from '../../shared/permit.js';
import type { Delivery } from '../../shared/webhook.js';
import { aNode, aRelease, aService, aSpec } from './a-model.js';
import { aStore } from './a-store.js';
import { aWebhook } from './a-webhook.js';
import { aCommit } from './hook-payloads.js';
import { githubPull, type PullOptions } from './pull-payloads.js';
import { waitFor } from './wait-for.js';

const log = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  debug: () => undefined,
};
export const ttlMs = 60_000;

/** A store with a service that is built and a webhook with two previews, what takes calls in, and both loops; the clock is the test's. */
export function previewing(t: Test, keys: object = {}, forks = false) {
  const store = aStore(t);
  const built = { image: undefined, build: { repo: 'https://git.example.com/a.git' }, ...keys };
  store.write((tx) => {
    tx.putService(aService({ spec: aSpec(built) }));
    tx.putRelease(aRelease());
    tx.putNode(aNode());
    tx.putWebhook(aWebhook({ previews: { limit: 2, ttlMs, forks } }));
  });
  const states = createStates(store);
  const values = createSecretValues(store, (sealed) => sealed);
  const commands = createCommands(store, states, values);
  const clock = { nowMs: Date.now() };
  const nowMs = () => clock.nowMs;
  const settings = () => ({
    ...{ domain: null, home: '/var/lib/orca', security: NOTHING_ALLOWED, ownPorts: [], imagesPrefix: null },
  });
  const check = createPreviewCheck(createSpecCheck(store, { problemOf: () => null }, settings));
  const options = {
    ...{ store, nowMs, log: log as never, commands },
    bringOut: createBringOut(commands.redeploy, commitBuilder(commands.rebuild)),
    bringPreview: createPreviews({ store, commands, check }),
  };
  const loops = [startDeliver(options), startPreviewEnds(options)];
  t.teardown(() => Promise.all(loops.map((loop) => loop.stop())));
  const { receive } = createReceive(store, nowMs);
  const call = async (of: PullOptions = {}): Promise<Delivery> => {
    const { deliveries } = await receive({
      ...{ provider: 'github', signedFor: ['wh-1'], event: 'pull_request', remoteId: null },
      digest: aCommit().padEnd(64, '0'),
      payload: githubPull(of),
    });
    if (!deliveries[0]) throw new Error('nothing was taken in');
    return deliveries[0].delivery;
  };
  const pass = (ms: number) => {
    clock.nowMs += ms;
    for (const loop of loops) loop.wake();
  };
  const that = ({ id }: Delivery, state: Delivery['state']) =>
    waitFor(`${id} to be ${state}`, () => store.delivery(id)?.state === state && store.delivery(id), {
      timeoutMs: 5_000,
      everyMs: 5,
    });
  const opened = async (of: PullOptions = {}) => {
    const one = await call(of);
    pass(QUIET_MS);
    return await that(one, 'deploying');
  };
  const gone = (key: string) =>
    waitFor(`${key} to go`, () => store.service(key)?.desired === 'removed', {
      timeoutMs: 5_000,
      everyMs: 5,
    });
  return { store, commands, call, pass, that, opened, gone, webhooks: { nowMs } };
}
