import { join } from 'node:path';
import t from 'tap';
import { openEnvironment } from '../../../../master/store/database.js';
import { migrate, SCHEMA } from '../../../../master/store/migrations.js';
import { openTables } from '../../../../master/store/tables.js';
import { aNode, aRelease, aRollout, aService } from '../../../support/a-model.js';

/** As schema 1 had it. */
function before<T extends object>(thing: T): T {
  const later = [
    'maintenance',
    'paused',
    'canary',
    'acts',
    'weights',
    'takesBack',
    'replaces',
    'undo',
    'presence',
    'awaySinceMs',
  ];
  const laterOfDeploy = ['canarySteps', 'stepMs', 'autoPromote', 'analysis', 'groupHeader', 'preDeploy'];
  return JSON.parse(JSON.stringify(thing), function (this: object, key, value) {
    const isShare = key === 'canaryWeight' && 'nextRelease' in this;
    return isShare || later.includes(key) || laterOfDeploy.includes(key) ? undefined : value;
  });
}

t.test('a store of before canaries reads as one that has had none', async (t) => {
  const env = openEnvironment(join(t.testdir(), 'cluster.db'));
  t.teardown(() => env.close());
  const tables = openTables(env);
  migrate(env, tables, []);
  const things = { service: aService(), release: aRelease(), rollout: aRollout(), node: aNode() };
  tables.services.put('s', before(things.service));
  tables.releases.put('s', before(things.release));
  tables.rollouts.put('s', before(things.rollout));
  tables.nodes.put('n', before(things.node));
  t.notSame(tables.services.get('s'), things.service);
  migrate(env, tables);
  t.equal(tables.meta.get('schema-version'), SCHEMA);
  t.same(tables.services.get('s'), things.service);
  t.same(tables.releases.get('s'), things.release);
  t.same(tables.rollouts.get('s'), things.rollout);
  t.same(tables.nodes.get('n'), things.node);
});
