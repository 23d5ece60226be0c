import { join } from 'node:path';
import t from 'tap';
import { watchRoom } from '../../../../agent/build/room.js';
import type { EngineError } from '../../../../agent/engine.js';

interface Tap {
  teardown(work: () => void): void;
}

const reasonOf = (t: Tap, folder: string, maxBytes: number, leaveBytes: number): Promise<EngineError> =>
  new Promise((onFull) => {
    const places = [folder, join(folder, 'not-there')];
    t.teardown(watchRoom({ folder, maxBytes, places, leaveBytes, onFull }));
  });

t.test('a clone that grows too large ends, and says what to do', async (t) => {
  const folder = t.testdir({ source: { large: 'x'.repeat(2 * 1024 ** 2) } });
  const { kind, message } = await reasonOf(t, folder, 1024 ** 2, 0);
  t.equal(kind, 'refused');
  t.match(message, /the repository is larger than 1 MiB when it is cloned/);
});
