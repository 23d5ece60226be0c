/** What the CLI says when what it is given, or answered, is not what it could be. */
import t from 'tap';
import { startFakeApi } from './fake-api.js';
import { orca } from './fake-io.js';

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const OBEYED = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

t.test('arguments are echoed without what a terminal would obey', async (t) => {
  const home = t.testdir();
  for (const argv of [
    ['sta\x1b[31mx'],
    ['status', '--json\x1b]0;owned\x07'],
    ['status', '--no\u202ewatch'],
    ['help', 'sta\x9b31mtus'],
    ['scale', 'api', '\x1b[2J'],
  ]) {
    const { exit, out, err } = await orca(argv, { home });
    t.equal(exit, argv[0] === 'help' ? exit : 2, JSON.stringify(argv));
    t.notMatch(out + err, OBEYED, JSON.stringify(argv));
  }
});

t.test('an answer of another shape is said to be one', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  for (const body of [{}, [], null, 'text', 7, { services: {} }, { services: [null] }, { nodes: 1 }]) {
    for (const [route, argv] of [
      ['GET /status', ['status']],
      ['GET /status', ['nodes']],
      ['GET /webhooks', ['webhooks']],
      ['GET /services/api/history', ['history', 'api']],
      ['GET /certs', ['certs']],
    ] as const) {
      fake.on(route, { body });
      const { err } = await orca([...argv], { home: fake.home });
      t.notMatch(
        err,
        /Cannot read|is not (a function|iterable)|undefined/,
        `${argv} ${JSON.stringify(body)}`,
      );
    }
  }
  fake.on('GET /status', { body: {} });
  const { exit, err } = await orca(['status'], { home: fake.home });
  t.equal(exit, 3);
  t.match(err, /^error: https:\S+ answered what this command can't read\nhint: Is it Orca's API/);
  const debugged = await orca(['status'], { home: fake.home, env: { ORCA_DEBUG: '1' } });
  t.match(debugged.err, /TypeError/);
});
