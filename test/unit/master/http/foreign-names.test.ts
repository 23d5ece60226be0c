import t from 'tap';
import { aService, aSpec } from '../../../support/a-model.js';
import { services as servicesOf, twoProjects } from '../../../support/two-projects.js';

const [service] = servicesOf('shop');

/** Of blog: its site, and what has a wildcard. */
async function served(t: Parameters<typeof twoProjects>[0]) {
  const made = await twoProjects(t);
  const put = (name: string, domain: string, project = 'blog') =>
    made.store.write((tx) => {
      const spec = aSpec({ project, name, domain, routes: ['/*'] });
      tx.putService(aService({ project, name, key: `${project}/${name}`, spec }));
    });
  put('site', 'blog.test');
  put('wild', '*.blog.test');
  const deploy = (more: object, token = made.shop) =>
    made.call('POST', '/deploy', { services: [{ ...service, ...more }] }, token);
  return { ...made, put, deploy };
}

t.test('a name of another project is refused, whichever paths of it are asked for', async (t) => {
  const { call, deploy, shop, eyes, asked } = await served(t);
  for (const routes of [['/index.html', '/login/*'], ['/**', '//*'], ['/*']]) {
    const { status, json } = await deploy({ domain: 'blog.test', routes });
    t.match(
      { status, json },
      { status: 403, json: { code: 'NOT_ALLOWED', error: /blog\.test is served for another project/ } },
    );
    t.notMatch(json.error, /blog\/|"site"/, 'not whose');
    for (const token of [shop, eyes])
      t.equal(
        (await call('POST', '/plan', { services: [{ ...service, domain: 'blog.test', routes }] }, token))
          .status,
        403,
      );
  }
  t.same(asked, []);
});

t.test(
  "nor a name that another project's wildcard answers, but one beside it, and the wildcard above a name",
  async (t) => {
    const { deploy, put } = await served(t);
    t.match((await deploy({ domain: 'login.blog.test' })).json, {
      error: /login\.blog\.test is one of \*\.blog\.test, which is served for another project/,
    });
    t.equal((await deploy({ domain: '*.blog.test', routes: ['/x'] })).status, 403);
    t.equal((await deploy({ domain: 'a.login.blog.test' })).status, 200);
    put('deep', 'deep.free.test');
    t.equal((await deploy({ domain: '*.free.test' })).status, 200, 'the exact name goes first');
  },
);

t.test('who may change both shares a name between them, and each then keeps what it has', async (t) => {
  const { call, deploy, put, hands } = await served(t);
  t.equal((await deploy({ domain: 'blog.test', routes: ['/shop/*'] }, hands)).status, 200);
  t.equal(
    (await call('POST', '/deploy', { services: [{ ...service, domain: 'blog.test', routes: ['/shop/*'] }] }))
      .status,
    200,
    'an admin',
  );
  put('new', 'blog.test', 'shop');
  t.equal((await deploy({ domain: 'blog.test', routes: ['/more'] })).status, 403, 'no more than it has');
});

t.test('what a service had is deployed again by its own project', async (t) => {
  const { deploy, store } = await served(t);
  const spec = aSpec({
    project: 'shop',
    name: 'new',
    domain: 'blog.test',
    routes: ['/shop/*', '/basket'],
  });
  store.write((tx) => tx.putService(aService({ project: 'shop', name: 'new', key: 'shop/new', spec })));
  t.equal((await deploy({ domain: 'blog.test', routes: ['/shop/*'] })).status, 200);
});
