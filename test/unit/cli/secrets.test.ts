import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { parseDotenv } from '../../../cli/dotenv.js';
import { startFakeApi } from './fake-api.js';
import { orca } from './fake-io.js';

const changed = (more: object = {}) => ({
  body: {
    ok: 'secret db: added',
    secrets: [{ key: 'db', project: null, change: 'added' }],
    services: [],
    ...more,
  },
});

t.test(
  'a value comes from standard input, a file, or with a warning from the argument, and is never printed',
  async (t) => {
    const fake = await startFakeApi();
    t.teardown(() => fake.stop());
    fake.on('POST /secrets/db', changed());
    writeFileSync(join(fake.home, 'key.pem'), 'hush\n');
    for (const [argv, stdin, value, warns] of [
      [['secrets', 'set', 'db'], 'hush\n', 'hush', false],
      [['secrets', 'set', 'db'], 'hush\n\n', 'hush\n', false],
      [['secrets', 'set', 'db', '--file', 'key.pem'], '', 'hush\n', false],
      [['secrets', 'set', 'db', 'hush'], '', 'hush', true],
    ] as const) {
      const { exit, out, err } = await orca([...argv], { ...fake, stdin });
      t.equal(exit, 0, err);
      t.match(out, /secret db: added/);
      t.notMatch(`${out}${err}`, 'hush');
      t.equal(/warning: a value on the command line/.test(err), warns);
      t.match(fake.asked.at(-1), { body: { value, redeploy: false } });
    }
  },
);

t.test('what is missing, too much or unknown is wrong usage', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  for (const argv of [
    ['secrets', 'set'],
    ['secrets', 'rm'],
    ['secrets', 'get', 'db'],
    ['secrets', 'list', 'db'],
    ['secrets', 'rm', 'db', 'x'],
    ['secrets', 'set', 'db', 'x', '--file', 'y'],
    ['secrets', 'set', 'db', '--file', 'nowhere'],
    ['secrets', 'import', '.'],
  ])
    t.equal((await orca(argv, fake)).exit, 2, argv.join(' '));
  t.same(fake.asked, []);
});

t.test('services that keep an older value are named, and one that failed is an exit code', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  const service = (name: string, state: string, error: string | null = null) => ({
    ...{ service: name, state, rollout: null },
    error,
  });
  fake.on(
    'POST /secrets/db',
    changed({ services: [service('shop/a', 'outdated'), service('shop/b', 'outdated')] }),
    changed({ services: [service('shop/a', 'failed', 'it is being removed')] }),
  );
  const kept = await orca(['secrets', 'set', 'db'], { ...fake, stdin: 'x' });
  t.equal(kept.exit, 0);
  t.match(kept.out, /shop\/a, shop\/b use it and keep the older value until the next deploy; --redeploy/);
  const failed = await orca(['secrets', 'set', 'db', '--redeploy', '--project', 'shop'], {
    ...fake,
    stdin: 'x',
  });
  t.equal(failed.exit, 1);
  t.match(failed.err, /shop\/a was not redeployed: it is being removed/);
});

t.test('the list has names, projects and users', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  const one = { key: 'db', version: 'v', set_at: '2099-01-31T12:00:00Z', by: 'admin' };
  const used_by = [{ service: 'shop/api', outdated: true }];
  fake.on(
    'GET /secrets',
    {
      body: {
        secrets: [
          { ...one, project: null, used_by: [] },
          { ...one, project: 'shop', preview: true, used_by },
        ],
      },
    },
    { body: { secrets: [] } },
  );
  const { out } = await orca(['secrets'], fake);
  t.match(out, /SECRET +PROJECT +SET +BY +USED BY/);
  t.match(out, /db +\(all\) +2099-01-31/);
  t.match(out, /db +shop +.*admin +shop\/api \(older value\) +yes/);
  t.match((await orca(['secrets', 'list'], fake)).out, /no secrets/);
});

t.test('a dotenv file is read as it is written', async (t) => {
  const text = [
    '\uFEFF# a comment',
    'PLAIN=a b # and a comment',
    '  export SPACED =  x  ',
    "SINGLE='a \\n # $HOME'",
    'DOUBLE="a\\n\\"b\\" \\\\ \\$c"  # after',
    'MANY="first',
    'second"',
    'HASH=a#b',
    '',
  ].join('\r\n');
  t.same(parseDotenv(text, '.env'), [
    { key: 'PLAIN', value: 'a b' },
    { key: 'SPACED', value: 'x' },
    { key: 'SINGLE', value: 'a \\n # $HOME' },
    { key: 'DOUBLE', value: 'a\n"b" \\ $c' },
    { key: 'MANY', value: 'first\nsecond' },
    { key: 'HASH', value: 'a#b' },
  ]);
});

t.test('every wrong line of a dotenv file is named with the reason, and never with the value', async (t) => {
  const text = 'A=1\nhush\nB="hush\nC=\nA=hush\n9=hush\nD="hush" hush\nE="hush\\x"\n';
  try {
    parseDotenv(text, '.env');
    t.fail('it was read');
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    t.equal(code, 'CONFIG_INVALID');
    t.notMatch(message, 'hush');
    t.match(message.split('\n'), [/^\.env:2: must be KEY=value/, /^\.env:3: /]);
  }
  const lines = (file: string): string[] => {
    try {
      parseDotenv(file, 'f');
      return [];
    } catch (error) {
      return (error as Error).message.split('\n');
    }
  };
  t.match(lines('A=1\nC=\nA=2\n9=x\nD="x" y\nE="x\\x"\nF="open'), [
    /^f:2: C has no value/,
    /^f:3: A is in line 1 already/,
    /^f:4: its name must be letters/,
    /^f:5: D: something follows its last "/,
    /^f:6: E: there is no such escape/,
    /^f:7: F begins with ", which nothing ends/,
  ]);
  t.match(lines('# nothing\n'), [/there is no KEY=value/]);
});

t.test('any text is read or refused, and a value in single quotes is what it was', async () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('A', '=', '"', "'", '\\', '\n', ' ', '#', '$', 'é') }),
      (text) => {
        try {
          parseDotenv(text, 'f');
        } catch (error) {
          if ((error as { code?: string }).code !== 'CONFIG_INVALID') throw error;
        }
      },
    ),
  );
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (value) => {
      if (/['\r]/.test(value)) return;
      const [read] = parseDotenv(`A='${value}'`, 'f');
      if (read?.value !== value) throw new Error(JSON.stringify([value, read]));
    }),
  );
});

t.test('an import sends all of a file in one request', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('POST /secrets', changed());
  writeFileSync(join(fake.home, '.env'), 'A=1\nB=2\n');
  t.equal((await orca(['secrets', 'import', '.env'], fake)).exit, 0);
  t.match(fake.asked.at(-1), {
    body: {
      secrets: [
        { key: 'A', value: '1' },
        { key: 'B', value: '2' },
      ],
    },
  });
  t.ok(readFileSync(join(fake.home, '.env'), 'utf8'));
});
