/** Nodes as if each had joined: ids that the store of a master that does not run knows, and a certificate for each. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openAuthority } from '../../master/authority.js';
import { openStore } from '../../master/store/store.js';
import { type Identity, writeIdentity } from '../../shared/identity-files.js';

/** `folder/0` to `folder/(count - 1)` get the files of an identity each; answers what is in them. */
export async function enrolNodes(home: string, folder: string, count: number): Promise<Identity[]> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const authority = openAuthority(home, Date.now());
  const store = openStore(join(home, 'cluster.db'));
  const nowMs = Date.now();
  const made = Array.from({ length: count }, (_, agent) => {
    const node = `n-${String(agent).padStart(8, '0')}`;
    const { certPem, keyPem, notAfterMs } = authority.issueNode(node, nowMs);
    const identity = { ca: authority.caPem, cert: certPem, key: keyPem };
    writeIdentity(join(folder, String(agent)), identity);
    return {
      known: { node, name: `agent-${agent}`, labels: {}, issuedAtMs: nowMs, notAfterMs },
      identity,
    };
  });
  store.write((tx) => {
    for (const { known } of made) tx.putIdentity(known);
  });
  await store.close();
  return made.map(({ identity }) => identity);
}
