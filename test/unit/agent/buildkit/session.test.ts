import { Readable } from 'node:stream';
import t from 'tap';
import { readFields, textField, textOf } from '../../../../agent/buildkit/protobuf.js';
import { sessionAnswers } from '../../../../agent/buildkit/session.js';
import { attributesOf } from '../../../../agent/buildkit/solve.js';

const answers = sessionAnswers({
  contextId: 'c1',
  context: Readable.from([Buffer.alloc(2_500_000, 1), Buffer.from('end')]),
  secrets: { NPM: 'hush' },
  auths: { 'registry.example.com': { username: 'deploy', password: 'sesame' } },
});
const one = async (path: string, id: string) => {
  const found = answers.get(path);
  if (found?.kind !== 'one') throw new Error(`${path} answers no message`);
  return readFields(await found.run(textField(1, id)));
};
const SECRETS = '/moby.buildkit.secrets.v1.Secrets/GetSecret';

t.test('a secret is handed over by its id, and no other', async (t) => {
  t.equal(textOf(await one(SECRETS, 'NPM'), 1), 'hush');
  for (const id of ['OTHER', 'toString', '__proto__'])
    await t.rejects(one(SECRETS, id), {
      code: 5,
      message: `the build has no secret ${id}; see build.secrets`,
    });
});

t.test('a registry is told who asks where that is known', async (t) => {
  const known = await one('/moby.filesync.v1.Auth/Credentials', 'registry.example.com');
  t.same([textOf(known, 1), textOf(known, 2)], ['deploy', 'sesame']);
  t.same(await one('/moby.filesync.v1.Auth/Credentials', 'registry-1.docker.io'), []);
});

t.test('the context comes in pieces, to who knows its name', async (t) => {
  const pull = answers.get('/moby.upload.v1.Upload/Pull');
  if (pull?.kind !== 'many') throw new Error('it answers no stream');
  const lengths: number[] = [];
  for await (const piece of pull.run({ urlpath: '/c1' }))
    lengths.push(readFields(piece)[0]?.bytes.length ?? 0);
  t.same(lengths, [1_048_576, 1_048_576, 402_848, 3]);
  await t.rejects(async () => {
    for await (const _ of pull.run({ urlpath: '/other' })) t.fail('it was given');
  }, /no such context/);
});

t.test('what the frontend is told has no secret, and no syntax of another image', async (t) => {
  const request = {
    ...{ tag: 'orca-build/a/b:1', dockerfile: 'api/Dockerfile', args: { A: '1' }, labels: { l: 'x' } },
    ...{ target: 'run', platform: null, memoryBytes: 1, cpus: 1, builder: 'buildkit' as const },
    ...{ secrets: { NPM: 'hush' }, cacheScope: 'c.shop' },
  };
  t.same(attributesOf(request, '/orca-build-b-1', 'c1'), {
    'build-arg:A': '1',
    'build-arg:BUILDKIT_CACHE_MOUNT_NS': 'c.shop',
    'label:l': 'x',
    context: 'http://buildkit-session/c1',
    filename: 'api/Dockerfile',
    cmdline: 'orca',
    target: 'run',
    'cgroup-parent': '/orca-build-b-1',
  });
});
