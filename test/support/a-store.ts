/** A real store in a folder of its own, gone with the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { openStore, type Store, type StoreOptions } from '../../master/store/store.js';

export function aStore(t: Test, options: StoreOptions = {}): Store {
  const folder = mkdtempSync(join(tmpdir(), 'orca-store-'));
  const store = openStore(join(folder, 'cluster.db'), options);
  t.teardown(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return store;
}
