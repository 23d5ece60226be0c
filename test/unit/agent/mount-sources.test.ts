import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { EngineError } from '../../../agent/engine.js';
import { mountLock, realMounts } from '../../../agent/mount-sources.js';

/** Folders `allowed` and `secret` beside each other, with what is in them. */
function aHost(t: Test) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'orca-mounts-')));
  t.teardown(() => rmSync(root, { recursive: true }));
  for (const folder of ['allowed/data', 'secret', 'home/agent'])
    mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'secret/key'), 'k');
  return { root, at: (path: string) => join(root, path) };
}

const mount = (source: string) => ({ source, target: '/in', readOnly: true });

async function outcome(
  source: string,
  { within, own, home = '/nowhere' }: { within?: string[]; own?: string; home?: string },
): Promise<string | undefined> {
  const lock = mountLock(home, own === undefined ? {} : { ORCA_ALLOWED_MOUNTS: own });
  try {
    const [real] = await realMounts(
      { mounts: [mount(source)], ...(within ? { mountsWithin: within } : {}) },
      lock,
    );
    return real?.source;
  } catch (error) {
    t.ok(error instanceof EngineError && error.kind === 'refused');
    return (error as Error).message;
  }
}

t.test('a link out of the allowed folders is refused, one within is followed', async (t) => {
  const { at } = aHost(t);
  symlinkSync(at('secret'), at('allowed/way-out'));
  symlinkSync(at('allowed/data'), at('allowed/current'));
  const within = [at('allowed')];
  t.equal(await outcome(at('allowed/data'), { within }), at('allowed/data'));
  t.equal(await outcome(at('allowed/current'), { within }), at('allowed/data'), 'Docker gets no link');
  t.match(
    await outcome(at('allowed/way-out/key'), { within }),
    /leads to .*secret\/key.*cluster\.toml allows/,
  );
  t.match(await outcome(at('allowed/../secret'), { within }), /no folder that cluster\.toml allows/);
});

t.test(
  'an allowed folder may be a link itself; a path that can not be followed is mounted by nobody',
  async (t) => {
    const { at } = aHost(t);
    symlinkSync(at('allowed'), at('srv'));
    t.equal(await outcome(at('srv/data'), { within: [at('srv')] }), at('allowed/data'));
    t.match(
      await outcome(at('allowed/none'), { within: [at('allowed')] }),
      /none does not exist on this host/,
    );
    // Docker may get where this look does not: what can't be followed to its end is refused, for whatever reason.
    symlinkSync(at('allowed/b'), at('allowed/a'));
    symlinkSync(at('allowed/a'), at('allowed/b'));
    t.match(await outcome(at('allowed/a'), { within: [at('allowed')] }), /leads can't be seen \(ELOOP\)/);
    t.match(await outcome(at('allowed/a'), { own: at('allowed') }), /leads can't be seen \(ELOOP\)/);
  },
);

t.test('a link to the home of Orca is refused, wherever that is', async (t) => {
  const { root, at } = aHost(t);
  symlinkSync(at('home/agent'), at('allowed/agent'));
  const seen = await outcome(at('allowed/agent'), { within: [root], home: at('home') });
  t.match(seen, /home is allowed by its own name only/);
});

t.test('a node may allow less than its cluster, and nothing at all', async (t) => {
  const { root, at } = aHost(t);
  const within = [root];
  t.match(
    await outcome(at('secret'), { within, own: at('allowed') }),
    /this node allows \(ORCA_ALLOWED_MOUNTS\)/,
  );
  t.equal(await outcome(at('allowed/data'), { within, own: `${at('allowed')}:/srv` }), at('allowed/data'));
  t.match(
    await outcome(at('allowed/data'), { own: '' }),
    /this node allows/,
    'also what an older master sends',
  );
  t.equal(await outcome(at('secret'), {}), at('secret'), 'nothing is said of it: as it was before');
});
