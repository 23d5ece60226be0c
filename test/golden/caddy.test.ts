/**
 * Golden files: an ingress and the Caddy JSON it compiles to, in one file each. `ORCA_UPDATE_GOLDEN=1` writes them anew;
 * the contract suite loads every one into a real Caddy.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { compile } from '../../proxy-config/compile.js';
import { ingressSchema } from '../../proxy-config/route.js';

const folder = new URL('../../../test/golden/', import.meta.url);
const files = readdirSync(folder).filter((name) => /^caddy-.*\.json$/.test(name));

t.ok(files.length >= 3, 'there are golden files');
for (const file of files) {
  t.test(`${file} compiles to what it says`, async (t) => {
    const golden = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
    const { config, refused } = compile({
      ingress: ingressSchema.parse(golden.input.ingress),
      resolver: golden.input.resolver,
      trafficPort: golden.input.trafficPort ?? null,
      adminSocketPath: '/var/lib/orca/caddy.sock',
      storageRoot: '/var/lib/orca/ingress/caddy/storage',
      logFile: '/var/lib/orca/logs/caddy.log',
      traits: { keepsBodies: false, servesAccepted: true, keepsStreams: false },
      closingFolder: '/var/lib/orca/ingress/closing',
      fallback: new Map(Object.entries(golden.input.fallback)),
    });
    const expected = { config, refused };
    if (process.env.ORCA_UPDATE_GOLDEN) {
      writeFileSync(new URL(file, folder), `${JSON.stringify({ ...golden, expected }, null, 2)}\n`);
    } else t.strictSame(JSON.parse(JSON.stringify(expected)), golden.expected);
  });
}
