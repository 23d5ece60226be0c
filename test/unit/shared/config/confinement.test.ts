import t from 'tap';
import { changesOf } from '../../../../master/plan/changes.js';
import { isSameContainer, releaseFingerprint } from '../../../../master/plan/releases.js';
import { parseServiceBody } from '../../../../shared/config/service.js';
import { serviceSpecSchema } from '../../../../shared/spec.js';
import { aService, refusal } from './a-service.js';

const parse = (keys: Record<string, unknown>) => parseServiceBody(aService(keys), 'services[0]');
const refused = (keys: Record<string, unknown>) => refusal(() => parse(keys));

t.test('a service that says nothing of it is the one that it was before', async (t) => {
  t.notOk('confinement' in parse({}).container);
  const said = {
    privileged: false,
    read_only: false,
    cap_drop: [],
    tmpfs: [],
    new_privileges: false,
    user: null,
  };
  t.same(parse(said), parse({}));
  t.equal(
    releaseFingerprint(parse({ pull: 'always' }).container, 'sha256:1'),
    '872757c59ea62737f0991f8aa07f525b05cdf5e66b35e738c5a4588d256cf340',
    'of a release of 1.0.0-alpha.1: another one would roll every service at an upgrade',
  );
});

t.test('each is in one form', async (t) => {
  const { container } = parse({
    cap_drop: ['cap_net_raw', 'NET_RAW', 'mknod'],
    tmpfs: ['/tmp', '/run:size=64Mi'],
    read_only: true,
    user: 'nobody:nogroup',
    resources: { pids_limit: 100 },
  });
  t.same(container.confinement, {
    capDrop: ['MKNOD', 'NET_RAW'],
    readOnly: true,
    tmpfs: [
      { path: '/tmp', sizeBytes: null },
      { path: '/run', sizeBytes: 64 * 1024 ** 2 },
    ],
    user: 'nobody:nogroup',
    pidsLimit: 100,
  });
  t.same(parse({ cap_drop: ['CHOWN', 'all'] }).container.confinement, { capDrop: ['ALL'] });
  t.same(serviceSpecSchema.parse(parse({ user: '1' })), parse({ user: '1' }));
});

t.test('what is wrong is refused with its key, and the nearest name', async (t) => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ cap_drop: ['NET_ADMN'] }, /cap_drop\[0\]: .*did you mean "NET_ADMIN"/],
    [{ cap_add: ['CHOWN'], cap_drop: ['CHOWN'] }, /cap_add: CHOWN is in cap_drop too/],
    [{ privileged: true, cap_drop: ['ALL'] }, /cap_drop: has no effect with privileged/],
    [{ privileged: true, new_privileges: true }, /new_privileges: has no effect/],
    [{ user: '1000 :1000' }, /user: must be a user/],
    [{ user: '-u' }, /user: /],
    [{ tmpfs: ['tmp'] }, /tmpfs\[0\]: must be a path/],
    [{ tmpfs: ['/tmp:size=lots'] }, /tmpfs\[0\]: /],
    [{ tmpfs: ['/tmp:exec'] }, /tmpfs\[0\]: /],
    [{ tmpfs: ['/tmp'], mounts: ['/srv:/tmp'] }, /tmpfs\[0\]: something else is mounted at \/tmp/],
    [{ resources: { pids_limit: 0 } }, /resources\.pids_limit: must be 1 or more, or -1/],
    [{ pids_limit: 10 }, /pids_limit/],
    [{ read_only: 'yes' }, /read_only: must be true or false/],
  ];
  for (const [keys, words] of cases) t.match(await refused(keys), words, JSON.stringify(keys));
});

t.test('a change of it makes a release and is shown; what was allowed then does neither', async (t) => {
  const before = parse({});
  const after = parse({ cap_drop: ['ALL'], read_only: true, tmpfs: ['/tmp'], resources: { pids_limit: -1 } });
  t.notOk(isSameContainer(before.container, after.container));
  t.same(changesOf(before, after), [
    'resources.pids_limit: none → -1',
    'cap_drop: none → ALL',
    'read_only: none → true',
    'tmpfs: none → /tmp',
  ]);
  t.ok(isSameContainer(before.container, { ...before.container, mountsWithin: ['/srv'] }));
});
