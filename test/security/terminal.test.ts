/** A container, a node and a user write what a terminal would obey: the commands that show it print none of it. */
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { joined } from '../support/a-host.js';
import { aHello, type FakeAgent } from '../support/fake-agent.js';
import { aBody, agentOf, serviceOf } from '../support/master-words.js';
import { testMaster } from '../support/test-master.js';
import { waitFor } from '../support/wait-for.js';
import { orca } from '../unit/cli/fake-io.js';

/** Clears the screen, sets the title, answers a question on the keyboard, moves text about, turns it around, and begins a line of its own. */
const EVIL = '\x1b[2J\x1b]0;owned\x07\x1b[6n\x9b31m\rfine\b\b\u202egnp\u2066\nerror: faked line';
/** The colours that the CLI sets itself on a terminal are none of others'. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const OBEYED = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

const m = await testMaster();
t.teardown(() => m.stop());
const host = await joined(m);
const facts = { ...aHello().facts, version: EVIL.slice(0, 60), os: EVIL.slice(0, 60), recalls: true };
const agent = await agentOf(m, { credentials: host, hello: { facts } });
t.teardown(() => agent.close());
const own = await agentOf(m);
own.obey();
t.teardown(() => own.close());

/** The second copy fails with words of its own. */
agent.obey((status) => ({
  ...status,
  engine: { ...status.engine, version: EVIL },
  allocations: status.allocations.map((one) => ({
    ...one,
    ...{
      state: 'exited' as const,
      exitCode: 7,
      reason: `exited: ${EVIL}`,
      lastLogs: [EVIL, 'the end'],
      restarts: 0,
    },
  })),
  disk: EVIL,
}));
answerLogs(agent);

t.test('a deploy that fails, with the last lines of its container', async (t) => {
  const toml = [
    '[[service]]',
    'name = "api"',
    'image = "app:1"',
    '[service.placement]',
    'node = "worker-1"',
    '[service.deploy]',
    'progress_deadline_secs = 5',
  ].join('\n');
  writeFileSync(`${m.home}/service.toml`, toml);
  const said = await orca(['deploy', '-f', `${m.home}/service.toml`], { home: m.home });
  t.equal(said.exit, 1, said.out + said.err);
  t.match(said.out + said.err, /the end/);
  t.notMatch(said.out + said.err, OBEYED);
});

t.test('each command that shows words of others', async (t) => {
  await m.api('POST', '/deploy', { services: [aBody({ name: 'logged', placement: { node: 'worker-1' } })] });
  await m.api('POST', '/services/logged/maintenance', { on: true, message: EVIL });
  await waitFor('a copy to have ended', async () => (await serviceOf(m, 'logged'))?.allocations.length !== 0);
  for (const argv of [
    ['status'],
    ['status', 'api'],
    ['status', 'logged'],
    ['history', 'api'],
    ['events'],
    ['nodes'],
    ['logs', 'logged'],
    ['certs'],
    ['secrets', 'list'],
    ['webhooks'],
    ['status', EVIL],
    ['logs', EVIL],
  ]) {
    const said = await orca(argv, { home: m.home });
    t.ok(said.out.length + said.err.length > 0, argv.join(' '));
    t.notMatch(said.out + said.err, OBEYED, JSON.stringify(argv));
  }
  const events = await orca(['events'], { home: m.home });
  t.notMatch(events.out, /^error: faked/m, 'an event is one line, whatever stands in it');
});

t.test('as JSON it is whole, and escaped', async (t) => {
  for (const argv of [['status'], ['events'], ['nodes'], ['logs', 'logged']]) {
    const { out } = await orca([...argv, '--json'], { home: m.home });
    t.notMatch(out, OBEYED, argv.join(' '));
  }
  const { out } = await orca(['logs', 'logged', '--json'], { home: m.home });
  t.ok(out.includes('\\u001b[2J') && out.includes('\\u202e'), 'what it printed can be had as it was');
});

/** Whatever logs are asked for are these. */
function answerLogs(from: FakeAgent): void {
  const answered = new Set<string>();
  const timer = setInterval(() => {
    for (const message of from.received)
      if (message.type === 'logs-open' && !answered.has(message.id)) {
        answered.add(message.id);
        from.send({
          type: 'logs-lines',
          id: message.id,
          lines: [{ atMs: 1_000, stream: 'stdout', text: EVIL }],
        });
        from.send({ type: 'logs-end', id: message.id, reason: null });
      }
  }, 20);
  t.teardown(() => clearInterval(timer));
}
