import t from 'tap';
import { NOTHING_ALLOWED } from '../../../../shared/permit.js';
import { anApi } from '../../../support/an-api.js';
import { services as servicesOf, twoProjects } from '../../../support/two-projects.js';

const services = [{ name: 'web', image: 'web:1', mounts: ['/srv/web:/data'] }];

t.test(
  'what the cluster does not allow is refused before anything is asked, by deploy and by plan',
  async (t) => {
    const { call, asked } = await anApi(t);
    t.match(await call('POST', '/deploy', { services }), {
      status: 403,
      json: {
        code: 'NOT_ALLOWED',
        error: /^web: mounts\[0\]: \/srv\/web/,
        hint: /allowed_mounts = \["\/srv\/web"\]/,
      },
    });
    t.match(await call('POST', '/plan', { services }), {
      status: 200,
      json: { services: [{ service: 'web', code: 'NOT_ALLOWED', hint: /allowed_mounts/ }] },
    });
    t.same(asked, []);
  },
);

t.test('one of several is enough: nothing of the call is deployed', async (t) => {
  const { call, asked } = await anApi(t);
  const both = [
    { name: 'api', image: 'api:1' },
    { ...services[0], mounts: [], privileged: true },
  ];
  t.match((await call('POST', '/deploy', { services: both })).json, {
    code: 'NOT_ALLOWED',
    error: /^web: privileged/,
  });
  t.same(asked, []);
});

t.test('what is allowed is deployed, with what its nodes hold it to', async (t) => {
  const { call, asked } = await anApi(t, { security: { ...NOTHING_ALLOWED, allowedMounts: ['/srv'] } });
  t.equal((await call('POST', '/deploy', { services })).status, 200);
  t.match(asked, [{ name: 'deploy', args: [[{ container: { mountsWithin: ['/srv'] } }]] }]);
});

t.test(
  'to a token of some projects the images of others are no images, in a plan as in a deploy',
  async (t) => {
    const { call, shop, eyes, asked } = await twoProjects(t);
    const [service] = servicesOf('shop');
    const body = { services: [{ ...service, image: 'orca-build/blog/api:abc' }] };
    t.match(await call('POST', '/deploy', body, shop), {
      status: 403,
      json: {
        code: 'NOT_ALLOWED',
        error: /new: the image orca-build\/blog\/api:abc was built for the project blog/,
      },
    });
    for (const token of [shop, eyes])
      t.match((await call('POST', '/plan', body, token)).json, { services: [{ code: 'NOT_ALLOWED' }] });
    t.same(asked, []);
    t.equal((await call('POST', '/deploy', body)).status, 200, 'who is limited to none may');
  },
);
