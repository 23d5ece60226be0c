/** What a token that is limited to a project sees and does, through the API. */
import t from 'tap';
import type { StatusReply } from '../../../../shared/api.js';
import type { SecretsReply } from '../../../../shared/api-secrets.js';
import { services, twoProjects } from '../../../support/two-projects.js';

t.test('it is shown its own part of everything', async (t) => {
  const { call, shop, store } = await twoProjects(t);
  for (const [key, project] of [
    ['a', 'shop'],
    ['b', 'blog'],
    ['c', null],
  ] as const)
    await call('POST', `/secrets/${key}${project ? `?project=${project}` : ''}`, { value: 'hush' });
  for (const service_name of ['shop/api', 'blog/api'])
    await call('POST', '/webhooks', { repo: 'org/a', service_name, branch: 'main' });
  const status = (await call('GET', '/status', undefined, shop)).json as StatusReply;
  t.same(
    status.services.map(({ project, name }) => `${project}/${name}`),
    ['shop/api'],
  );
  t.match(status.nodes, [
    { name: 'one', reason: 'it is being drained', drain_status: { moving: null, blocked: [] } },
  ]);
  t.same(
    status.certificates.flatMap((one) => one.services.filter((key) => key.startsWith('blog/'))),
    [],
  );
  t.notMatch((await call('GET', '/cluster/info', undefined, shop)).body, /blog/);
  const { events } = (await call('GET', '/events', undefined, shop)).json as {
    events: { service: string | null }[];
  };
  t.same([...new Set(events.map(({ service }) => service))], ['shop/api']);
  const { secrets } = (await call('GET', '/secrets', undefined, shop)).json as SecretsReply;
  t.same(
    secrets.map(({ key }) => key).sort(),
    ['a', 'c'],
    'names of those of all projects are seen, since services refer to them',
  );
  const { webhooks } = (await call('GET', '/webhooks', undefined, shop)).json as {
    webhooks: { id: string }[];
  };
  t.equal(webhooks.length, 1);
  t.match(await call('GET', '/status?project=blog', undefined, shop), { json: { services: [] } });
  const foreign = store.webhooks().find(({ service }) => service === 'blog/api')?.id ?? '';
  for (const [method, path] of [
    ['GET', `/webhooks/${foreign}/deliveries`],
    ['DELETE', `/webhooks/${foreign}`],
    ['GET', '/rollouts/r-blog'],
    ['GET', '/secrets/b?project=blog'],
    ['GET', '/services/blog%2Fapi/history'],
    ['GET', '/metrics'],
  ] as const)
    t.match(await call(method, path, undefined, shop), { status: 403, json: { code: 'NOT_ALLOWED' } }, path);
});

t.test(
  'a name alone means its own service, and one of others is refused as one that is not there',
  async (t) => {
    const { call, shop, asked } = await twoProjects(t);
    t.equal((await call('POST', '/services/api/scale', { replicas: 2 }, shop)).status, 200);
    t.match(asked, [{ name: 'scale', args: ['shop/api', 2] }]);
    const refusal = async (name: string) =>
      (await call('POST', `/services/${name}/stop`, {}, shop)).json as { error: string; code: string };
    const [there, not] = [await refusal('only'), await refusal('none')];
    t.match(there, {
      code: 'NOT_ALLOWED',
      error: 'the token "deployer1" is limited to the project shop: it sees no service "only"',
    });
    t.equal(not.error.replace('none', 'only'), there.error);
    t.match(await call('POST', '/services/shop%2Fnone/stop', {}, shop), {
      status: 404,
      json: { code: 'SERVICE_NOT_FOUND' },
    });
    t.match(await call('POST', '/services/api/stop?project=blog', {}, shop), { status: 403 });
    t.match(await call('POST', '/services/api/stop', {}, 'good'), {
      status: 409,
      json: { code: 'SERVICE_AMBIGUOUS' },
    });
  },
);

t.test('it deploys, plans and sets secrets in its own project alone, all or nothing', async (t) => {
  const { call, shop, eyes, asked } = await twoProjects(t);
  t.equal((await call('POST', '/deploy', { services: services('shop') }, shop)).status, 200);
  for (const body of [
    { services: services('blog') },
    { services: [...services('shop'), ...services('blog')] },
    { services: [{ name: 'new', image: 'a:1', port: 80, domain: 'a.example.com' }] },
    { services: [{ name: 'new', image: 'a:1', port: 80, domain: 'a.example.com', project: null }] },
    { project: 'blog', services: [{ name: 'new', image: 'a:1', port: 80, domain: 'a.example.com' }] },
  ]) {
    t.match(await call('POST', '/deploy', body, shop), {
      status: 403,
      json: { code: 'NOT_ALLOWED', error: /is beyond that/ },
    });
    t.match(await call('POST', '/plan', body, shop), { status: 403 });
  }
  t.equal((await call('POST', '/plan', { services: services('shop') }, eyes)).status, 200);
  t.match(await call('POST', '/deploy', { services: services('shop') }, eyes), {
    status: 403,
    json: { error: /may only read/ },
  });
  t.same(
    asked.map(({ name }) => name),
    ['deploy', 'plan'],
  );
  t.equal((await call('POST', '/secrets/a?project=shop', { value: 'x' }, shop)).status, 200);
  for (const path of ['/secrets/a', '/secrets/a?project=blog'])
    t.match(await call('POST', path, { value: 'x' }, shop), { status: 403 }, path);
  t.match(await call('DELETE', '/projects/blog', undefined, shop), { status: 403 });
});

t.test(
  'what is of the cluster is refused to it with the reason, and rules to everybody but admins',
  async (t) => {
    const { call, shop, hands, eyes } = await twoProjects(t);
    for (const [method, path, why] of [
      ['POST', '/cluster/nodes/n-1/drain', /a node is of the whole cluster/],
      ['PUT', '/certs/x', /a certificate that is sent is of the whole cluster/],
      ['POST', '/reload', /the configuration of the cluster is of the whole cluster/],
      ['GET', '/backup', /is a deployer's: a backup, which holds every secret, is for admins/],
      ['GET', '/tokens', /what tokens there are is for admins/],
    ] as const)
      t.match(
        await call(method, path, method === 'GET' ? undefined : {}, shop),
        { status: 403, json: { error: why } },
        path,
      );
    t.equal((await call('POST', '/cluster/nodes/n-1/drain', {}, hands)).status, 200);
    t.match(await call('GET', '/audit', undefined, hands), { status: 403 });
    t.match(await call('POST', '/reload', {}, eyes), { status: 403, json: { error: /may only read/ } });
  },
);
