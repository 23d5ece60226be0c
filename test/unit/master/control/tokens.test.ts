import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { settleAdminToken, writeAdminToken } from '../../../../master/admin-token.js';
import type { ConfiguredToken } from '../../../../master/control/known-tokens.js';
import { createTokenUses } from '../../../../master/control/token-use.js';
import { createTokens } from '../../../../master/control/tokens.js';
import { createLogger } from '../../../../master/http/logger.js';
import { parseToken } from '../../../../shared/token-text.js';
import { aStore } from '../../../support/a-store.js';

const ca = 'ab'.repeat(32);
const DAY_MS = 86_400_000;

function someTokens(t: Test, configured: ConfiguredToken[] = []) {
  const home = mkdtempSync(join(tmpdir(), 'orca-tokens-'));
  t.teardown(() => rmSync(home, { recursive: true }));
  const store = aStore(t);
  const clock = { nowMs: Date.now() };
  settleAdminToken(home, store, ca);
  const log = createLogger('silent');
  const start = () =>
    createTokens({
      ...{ store, caFingerprint: ca, nowMs: () => clock.nowMs },
      configured: () => configured,
      uses: createTokenUses(store, log),
      writeAdmin: (text) => writeAdminToken(home, text),
    });
  const tokens = start();
  t.teardown(() => tokens.stop());
  const file = (): string => readFileSync(join(home, 'cluster.token'), 'utf8').trim();
  const known = (text: string, of = tokens): string => {
    const judged = of.judge(text);
    return judged.ok ? judged.token.name : judged.refusal.message;
  };
  return { tokens, store, home, clock, file, known, start };
}

const ci = { name: 'ci', role: 'deployer', projects: ['shop'] } as const;
const aRequest = () => ({ ...ci, projects: [...ci.projects] });

t.test(
  'a token is known by its text, with its fingerprint or without, and the store has no part of its secret',
  async (t) => {
    const { tokens, store, known } = someTokens(t);
    const { text, facts } = tokens.create({ ...aRequest(), ttl_secs: 60 }, 'admin');
    t.match(facts, { name: 'ci', role: 'deployer', projects: ['shop'], source: 'made', lastUse: null });
    const parts = parseToken(text);
    t.equal(parts?.caFingerprint, ca);
    t.equal(known(text), 'ci');
    t.equal(known(parts?.core ?? ''), 'ci');
    t.notMatch(JSON.stringify([store.tokens(), store.events(10)]), text.slice(17, 40));
    t.equal(known(text.replace(/_[^_.]{5}/, '_AAAAA')), 'the token is not known here');
    t.match(store.events(1), [
      { kind: 'token.made', message: 'token "ci" (deployer of shop): made by admin' },
    ]);
  },
);

t.test('it ends by its time and by being revoked, and is told which', async (t) => {
  const { tokens, clock, known, store } = someTokens(t);
  const short = tokens.create({ name: 'short', role: 'viewer', ttl_secs: 60 }, 'admin').text;
  const long = tokens.create({ name: 'long', role: 'viewer' }, 'admin').text;
  clock.nowMs += 59_000;
  t.equal(known(short), 'short');
  clock.nowMs += 1_000;
  t.match(known(short), /^the token "short" expired at 2/);
  tokens.revoke('long', 'admin');
  tokens.revoke('long', 'admin');
  t.match(known(long), /^the token "long" was revoked at 2/);
  t.match(tokens.judge(long), { isGuess: false });
  t.equal(store.events(10).filter(({ kind }) => kind === 'token.revoked').length, 1);
  clock.nowMs += 31 * DAY_MS;
  tokens.create({ name: 'later', role: 'viewer' }, 'admin');
  t.equal(known(long), 'the token is not known here', 'and is forgotten after a month');
});

t.test('a rotated one has another text, and the old one ends at once or after its overlap', async (t) => {
  const { tokens, clock, known } = someTokens(t);
  const first = tokens.create({ ...aRequest(), ttl_secs: 600 }, 'admin').text;
  const second = tokens.rotate('ci', 0, 'admin').text;
  t.equal(parseToken(second)?.id, parseToken(first)?.id);
  t.match([known(first), known(second)], [/not known/, 'ci']);
  clock.nowMs += 500_000;
  const { text: third, facts } = tokens.rotate('ci', 60_000, 'admin');
  t.equal(facts.expiresAtMs, clock.nowMs + 600_000, 'it lasts as long as it was made to');
  t.same([known(second), known(third)], ['ci', 'ci']);
  clock.nowMs += 60_001;
  t.match([known(second), known(third)], [/was replaced, and was good until/, 'ci']);
  tokens.revoke('ci', 'admin');
  t.throws(() => tokens.rotate('ci', 0, 'admin'), { code: 'CONFLICT' });
});

t.test(
  "the admin's own is rotated in its file too, and a master that died in between takes the file for right",
  async (t) => {
    const { tokens, file, known, store, home, start } = someTokens(t);
    const first = file();
    t.equal(known(first), 'admin');
    const { text } = tokens.rotate('admin', 0, 'admin');
    t.equal(file(), text);
    t.equal(statSync(join(home, 'cluster.token')).mode & 0o777, 0o600);
    t.match([known(first), known(text)], [/not known/, 'admin']);
    const { write } = store;
    store.write = (body) => {
      write((tx) => tx.putMeta('so far', body(tx)));
      throw new Error('no room');
    };
    t.throws(() => tokens.rotate('admin', 0, 'admin'));
    store.write = write;
    t.equal(file(), text, 'what could not be stored is taken back');
    // As `kill -9` between the file and the store leaves it.
    const orphan = `orca_0123456789_${'x'.repeat(43)}`;
    writeFileSync(join(home, 'cluster.token'), `${orphan}\n`);
    settleAdminToken(home, store, ca);
    const again = start();
    t.teardown(() => again.stop());
    t.match([known(text, again), known(orphan, again)], [/not known/, 'admin']);
  },
);

t.test('an overlap of the admin outlives a restart', async (t) => {
  const { tokens, file, known, store, home, start } = someTokens(t);
  const first = file();
  tokens.rotate('admin', 3_600_000, 'admin');
  settleAdminToken(home, store, ca);
  const again = start();
  t.teardown(() => again.stop());
  t.same([known(first, again), known(file(), again)], ['admin', 'admin']);
});

t.test('a home of before keeps its token, whatever it looks like', async (t) => {
  const { store, home, start, known } = someTokens(t);
  writeFileSync(join(home, 'cluster.token'), 'an-older-text\n');
  settleAdminToken(home, store, ca);
  const tokens = start();
  t.teardown(() => tokens.stop());
  t.equal(known('an-older-text', tokens), 'admin');
  const { text } = tokens.rotate('admin', 60_000, 'admin');
  t.same([known('an-older-text', tokens), known(text, tokens)], ['admin', 'admin']);
});

t.test('those of cluster.toml are known and listed, and changed there alone', async (t) => {
  const configured: ConfiguredToken[] = [{ name: 'hands', role: 'deployer', projects: null, value: 'push' }];
  const { tokens, known } = someTokens(t, configured);
  t.equal(known('push'), 'hands');
  t.match(tokens.list().at(-1), { name: 'hands', source: 'cluster.toml', row: null });
  for (const change of [() => tokens.revoke('hands', 'admin'), () => tokens.rotate('hands', 0, 'admin')])
    t.throws(change, { code: 'CONFLICT', hint: /orca reload/ });
  t.throws(() => tokens.create({ name: 'hands', role: 'viewer' }, 'admin'), { code: 'CONFLICT' });
  t.throws(() => tokens.create({ name: 'admin', role: 'viewer' }, 'admin'), { code: 'CONFLICT' });
  t.throws(() => tokens.create({ name: 'x', role: 'admin', projects: ['a'] }, 'admin'), {
    code: 'BODY_INVALID',
  });
  t.throws(() => tokens.revoke('admin', 'admin'), { code: 'CONFLICT', hint: /rotate/ });
  t.throws(() => tokens.revoke('nobody', 'admin'), { code: 'NOT_FOUND' });
});

t.test('whoever reads along hears when the token is good no more', async (t) => {
  const configured: ConfiguredToken[] = [{ name: 'hands', role: 'deployer', projects: null, value: 'push' }];
  const { tokens } = someTokens(t, configured);
  const ended: string[] = [];
  const follow = (text: string, name: string): (() => void) => {
    const judged = tokens.judge(text);
    if (!judged.ok) throw judged.refusal;
    return tokens.attend(judged.token, () => ended.push(name));
  };
  follow(tokens.create({ name: 'a', role: 'viewer' }, 'admin').text, 'a');
  follow(tokens.create({ name: 'b', role: 'viewer' }, 'admin').text, 'b');
  follow(tokens.create({ name: 'c', role: 'viewer' }, 'admin').text, 'c')();
  follow('push', 'hands');
  tokens.revoke('c', 'admin');
  t.same(ended, []);
  tokens.revoke('a', 'admin');
  t.same(ended, ['a']);
  tokens.rotate('b', 0, 'admin');
  t.same(ended, ['a', 'b']);
  configured.splice(0);
  tokens.changed();
  t.same(ended, ['a', 'b', 'hands']);
});

t.test('a reader hears of an expiry when it comes', async (t) => {
  const { tokens, clock } = someTokens(t);
  const { text } = tokens.create({ name: 'a', role: 'viewer', ttl_secs: 1 }, 'admin');
  const judged = tokens.judge(text);
  if (!judged.ok) throw judged.refusal;
  clock.nowMs += 990;
  const ended = new Promise<void>((resolve) => {
    tokens.attend(judged.token, resolve);
    clock.nowMs += 20;
  });
  // The tokens' timers keep no process.
  const awake = setInterval(() => undefined, 1_000);
  await ended;
  clearInterval(awake);
});

t.test('when it was last used is known at once, and written at the end', async (t) => {
  const { tokens, store, clock } = someTokens(t);
  const { text } = tokens.create(aRequest(), 'admin');
  const judged = tokens.judge(text);
  if (!judged.ok) throw judged.refusal;
  tokens.used(judged.token, '192.0.2.1');
  t.match(tokens.list().find(({ name }) => name === 'ci')?.lastUse, { atMs: clock.nowMs, from: '192.0.2.1' });
  t.equal(store.meta('token-use|made:ci'), undefined);
  tokens.stop();
  t.match(store.meta('token-use|made:ci'), { from: '192.0.2.1' });
});
