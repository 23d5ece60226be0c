import t from 'tap';
import { beginRedeploy } from '../../../../master/plan/begin.js';
import { isFieldPath, withTag } from '../../../../master/plan/image-tag.js';
import { aRelease, aService } from '../../../support/a-model.js';

t.test('a tag takes the place of the one there was, and of nothing else', async (t) => {
  t.equal(withTag('app', '2'), 'app:2');
  t.equal(withTag('app:1', '2'), 'app:2');
  t.equal(withTag('registry:5000/org/app', '2'), 'registry:5000/org/app:2');
  t.equal(withTag('registry:5000/org/app:1', '2'), 'registry:5000/org/app:2');
  t.throws(() => withTag(`app@sha256:${'a'.repeat(64)}`, '2'), { code: 'CONFLICT', message: /pinned/ });
});

t.test('a field is named by words and numbers with dots between them', async (t) => {
  for (const good of ['tag', 'push_data.tag', 'images.0.tag']) t.ok(isFieldPath(good), good);
  for (const bad of ['', '.', 'a..b', 'a b', '__proto__.x', 'a[0]', 'x'.repeat(201)])
    t.notOk(isFieldPath(bad), bad);
});

t.test('a redeploy with a tag brings that image, and leaves what runs as it is until then', async (t) => {
  const current = {
    service: aService(),
    releases: [aRelease()],
    rollout: null,
    allocations: [],
    history: [],
  };
  const context = { id: 'r-9', nowMs: 5, by: 'carol', source: 'webhook' as const };
  const begun = beginRedeploy(current, context, { tag: '2' });
  t.match(begun.rollout, { kind: 'redeploy', spec: { container: { image: 'app:2' } }, source: 'webhook' });
  t.same(begun.changes, ['image: app:1 → app:2']);
  t.equal(begun.service.spec.container.image, 'app:1');
  t.equal(beginRedeploy(current, context).rollout?.spec.container.image, 'app:1');
});
