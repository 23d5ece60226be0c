/** What is refused says no more to who may not see it, and in the shape of every error. */
import t from 'tap';
import { errorTable } from '../../../../shared/errors.js';
import { aDelivery, aWebhook } from '../../../support/a-webhook.js';
import { anApi } from '../../../support/an-api.js';
import { services, twoProjects } from '../../../support/two-projects.js';

t.test("an id of another project's is refused in the words of one that is not there", async (t) => {
  const { call, store, shop } = await twoProjects(t);
  store.write((tx) => {
    tx.putWebhook(aWebhook({ id: 'wh-blog', service: 'blog/api' }));
    const ended = { state: 'skipped', reason: 'not meant', endedAtMs: 1 } as const;
    tx.putDelivery(aDelivery({ id: 'd-blog', webhook: 'wh-blog', service: 'blog/api', ...ended }));
  });
  for (const [method, path, id] of [
    ['GET', '/rollouts/:id', 'r-blog'],
    ['GET', '/rollouts/:id/events', 'r-blog'],
    ['POST', '/webhooks/deliveries/:id/redeliver', 'd-blog'],
    ['GET', '/webhooks/:id/deliveries', 'wh-blog'],
  ] as const) {
    const ask = async (which: string) => await call(method, path.replace(':id', which), undefined, shop);
    const [there, not] = [await ask(id), await ask('xyzzy')];
    t.equal(there.status, 403, path);
    t.equal(not.body.replaceAll('xyzzy', id), there.body, path);
    t.notMatch(there.body, /project blog/);
  }
  t.match(await call('GET', '/rollouts/none'), { status: 404 }, 'who sees everything is told');
});

t.test('a deploy key tells nobody which project has a service of that name', async (t) => {
  const { call, shop } = await twoProjects(t);
  const ask = async (service: string) => await call('POST', '/keys/deploy', { service }, shop);
  const [there, not] = [await ask('only'), await ask('none')];
  t.match(there, { status: 403, json: { code: 'NOT_ALLOWED', error: /the project default is beyond that/ } });
  t.equal(there.body, not.body);
  t.match(await ask('api'), { status: 201, json: { project: 'shop' } }, 'its own, though blog has one too');
  t.match(await call('POST', '/keys/deploy', { service: 'only' }), { json: { project: 'blog' } });
});

t.test('a path that can not be decoded, or is endless, is an error as any other', async (t) => {
  const { app } = await anApi(t);
  for (const url of [
    '/%zz',
    '/api/v1/services/%/logs',
    '/api/v1/%c0%ae',
    `/api/v1/services/${'a'.repeat(301)}/logs`,
  ])
    for (const method of ['GET', 'POST', 'DELETE'] as const) {
      const answer = await app.inject({ method, url, headers: { authorization: 'Bearer good' } });
      const json = answer.json();
      t.ok(
        answer.statusCode === 400 || answer.statusCode === 404,
        `${answer.statusCode} ${method} ${url.slice(0, 40)}`,
      );
      t.ok(json.code in errorTable, json.code);
      t.match(json, { error: /./, hint: /./ });
    }
});

t.test('a key that stands twice in a body is refused, wherever it stands', async (t) => {
  const { call, asked } = await anApi(t);
  const [one] = services('shop');
  const text = JSON.stringify({ services: [one] });
  for (const body of [
    text.replace('{"services"', '{"services":[],"services"'),
    text.replace('"image"', '"image":"evil:1","im\\u0061ge"'),
  ])
    t.match(await call('POST', '/deploy', body), {
      status: 400,
      json: { code: 'BODY_INVALID', error: /the body has the key "(services|image)" twice/, deployed: [] },
    });
  t.same(asked, []);
});
