/** A build whose node is lost in the middle, on three real hosts: it begins anew on another one, and its image runs where it was not built. */
import t from 'tap';
import type { BuildsReply, BuildView } from '../../shared/api-builds.js';
import { startCluster } from '../support/cluster.js';
import { dockerJson } from '../support/docker.js';
import { startGitServers } from '../support/git-servers.js';
import { busyboxImage } from '../support/images.js';
import { finished } from '../support/orca.js';
import type { BedHost } from '../support/testbed.js';
import { waitFor } from '../support/wait-for.js';

t.setTimeout(300_000);
const cluster = await startCluster(3, { silence: '5s', lostAfter: '8s' });
t.teardown(() => cluster.stop());
const { orca, bed } = cluster;
const [, second, third] = bed.hosts as [BedHost, BedHost, BedHost];
const servers = await startGitServers({ plainAt: bed.names.gateway });
t.teardown(() => servers.stop());
const base = { tag: 'orca-e2e/lost-base:1' };
await busyboxImage({ ...base, env: { PAUSE: '1002' }, docker: second.docker });
await busyboxImage({ ...base, env: { PAUSE: '0' }, docker: third.docker });

const app = servers.repository('app');
const commit = app.commit({
  Dockerfile: [
    'FROM orca-e2e/lost-base:1',
    'RUN ["/bin/sh","-c","/bin/sleep $PAUSE"]',
    'STOPSIGNAL SIGKILL',
    'CMD ["/bin/sleep","1000000"]\n',
  ].join('\n'),
});
const file = [
  '[[service]]\nname = "app"\nproject = "lost"\nreplicas = 2',
  '[service.readiness]\ncommand = ["/bin/echo"]\ninterval_secs = 0.2',
  `[service.build]\nrepo = "${app.http}"\ninsecure_http = true\n`,
].join('\n');
const label = async (host: string, text: string): Promise<void> => {
  const { code, stderr } = await orca.run(['nodes', 'label', host, text]);
  if (code !== 0) throw new Error(stderr);
};
const buildThat = (what: string, holds: (build: BuildView) => boolean): Promise<BuildView> =>
  waitFor(
    `the build ${what}`,
    async () => {
      const { body } = await orca.api('GET', '/builds?service=app');
      const [newest] = (JSON.parse(body) as BuildsReply).builds;
      return newest && holds(newest) && newest;
    },
    { timeoutMs: 60_000, everyMs: 50 },
  );
const steps = (host: BedHost): string => host.run(['docker', '-H', host.docker, 'ps', '--no-trunc']);

t.test(
  'it begins anew on another node, says so, and what was begun ends when its node is back',
  async (t) => {
    for (const host of ['h1', 'h3']) await label(host, 'orca.build=false');
    orca.write('services/default/service.toml', file);
    const deploying = finished(orca.spawn(['deploy']));
    const begun = await buildThat('to be in its step', ({ reason }) =>
      /^step \d+\/\d+: RUN/.test(reason ?? ''),
    );
    t.equal(begun.node, 'h2');
    await label('h3', 'orca.build-');
    second.cut();
    const moved = await buildThat('to be moved', ({ node }) => node === 'h3');
    t.equal(moved.id, begun.id);
    const { code, stdout, stderr } = await deploying;
    t.equal(code, 0, stdout + stderr);
    const words = /its build begins anew on h3: h2, where it was to be, is lost/;
    t.match(stdout, words);
    t.match((await orca.run(['events'])).stdout, words);
    t.match(await buildThat('to be done', ({ ended_at }) => ended_at !== null), {
      state: 'done',
      node: 'h3',
      commit,
    });
    const { allocations } = await orca.service('app');
    t.same(allocations.map(({ node }) => node).sort(), ['h1', 'h3'], 'it runs where it was not built too');
    t.match((await orca.run(['builds', 'logs', begun.id])).stdout, /orca: built orca-build\/lost\/app:/);
    t.match(steps(second), /sleep \$PAUSE/);
    second.heal();
    await waitFor('what was begun to end', () => !steps(second).includes('$PAUSE'), { timeoutMs: 60_000 });
    const reference = encodeURIComponent(JSON.stringify({ reference: ['orca-build/lost/*'] }));
    t.same(await dockerJson('GET', `/images/json?filters=${reference}`, undefined, second.docker), []);
  },
);
