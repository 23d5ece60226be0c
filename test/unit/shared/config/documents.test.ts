import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { beginDeploy } from '../../../../master/plan/begin.js';
import { parseClusterToml } from '../../../../shared/config/cluster.js';
import { parseServiceFile } from '../../../../shared/config/service-file.js';
import { serviceSchema } from '../../../../shared/config/service-schema.js';

const request = { id: 'r-1', nowMs: 1, by: 'me', source: 'cli' } as const;
const configuration = readFileSync('docs/configuration.md', 'utf8');

t.test('every example loads, and comes to a rollout', async (t) => {
  const files = readdirSync('examples', { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.(toml|ya?ml)$/.test(file),
  );
  t.ok(files.length >= 7);
  for (const file of files) {
    const folder = dirname(join('examples', file));
    const project = basename(dirname(folder)) === 'services' ? basename(folder) : 'default';
    const { services } = await parseServiceFile(readFileSync(join('examples', file), 'utf8'), file, project);
    t.ok(services.length > 0, file);
    for (const { spec } of services)
      t.match(beginDeploy(null, spec, request), { action: 'create', rollout: { spec } }, spec.name);
  }
});

t.test('every block of the documents loads', async (t) => {
  const more = ['docs/canary.md', 'docs/tls.md', 'docs/hardening.md'].map((file) =>
    readFileSync(file, 'utf8'),
  );
  const blocks = [
    ...[configuration, ...more].join('\n').matchAll(/^```toml (service|cluster)\.toml\n(.*?)^```/gms),
  ];
  t.ok(blocks.length >= 3);
  for (const [, kind, text = ''] of blocks) {
    if (kind === 'cluster') await parseClusterToml(text, 'cluster.toml');
    else await parseServiceFile(text, 'service.toml', 'default');
    t.pass(text.slice(0, 40));
  }
});

t.test('every key of a service is documented', async (t) => {
  for (const key of keysOf(serviceSchema))
    t.ok(configuration.includes(`\`${key}`) || configuration.includes(`service.${key}]`), key);
});

function keysOf(schema: unknown): string[] {
  if (schema instanceof z.ZodOptional) return keysOf(schema.unwrap());
  if (schema instanceof z.ZodArray) return keysOf(schema.element);
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape).flatMap(([key, child]) => [key, ...keysOf(child)]);
}
