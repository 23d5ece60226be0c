/** A node's builder for tests, on git servers that are real and an engine that builds nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { type Builder, createBuilder } from '../../agent/build/builder.js';
import { openSecretFiles } from '../../agent/secret-files.js';
import { makeKey } from '../../master/control/deploy-keys.js';
import type { BuildOrder } from '../../shared/build.js';
import type { SentSecrets } from '../../shared/protocol.js';
import { type FakeEngine, fakeEngine } from './fake-engine.js';
import type { GitServers } from './git-servers.js';

/** `key` and `token` are let in. */
export function letIn(servers: GitServers): SentSecrets {
  const key = makeKey('test');
  servers.letIn(key.publicKey);
  return {
    key: { value: key.privateKey, reason: null },
    wrong: { value: makeKey('other').privateKey, reason: null },
    none: { value: 'no key at all', reason: null },
    token: { value: servers.token, reason: null },
  };
}

export function aBuilder(t: { teardown(work: () => void): void }): {
  builder: Builder;
  engine: FakeEngine;
  folder: string;
} {
  const folder = mkdtempSync('/tmp/orca-builder-');
  const secretFiles = openSecretFiles(folder);
  t.teardown(() => {
    secretFiles.keep(new Set());
    rmSync(folder, { recursive: true });
  });
  const engine = fakeEngine();
  return { builder: createBuilder({ engine, folder, secretFiles }), engine, folder };
}

/** Each call with an id of its own, which sorts after those before. */
export function orders(): (repo: string, change?: Partial<BuildOrder>) => BuildOrder {
  let count = 0;
  return (repo, change = {}) => {
    count += 1;
    return {
      ...{ id: `b-${String(count).padStart(4, '0')}`, project: 'shop', service: 'api', repo },
      ...{ ref: 'refs/heads/main', commit: null, dockerfile: 'Dockerfile', context: '.' },
      ...{ target: null, platform: null, args: {}, deployKey: null, token: null },
      ...{ insecureHttp: repo.startsWith('http:'), timeoutMs: 60_000, memoryBytes: null, cpus: null },
      ...change,
    };
  };
}

export async function logOf(builder: Builder, { id }: BuildOrder): Promise<string> {
  const lines: string[] = [];
  for await (const { text } of builder.log(id, { tail: null, follow: false }, new AbortController().signal))
    lines.push(text);
  return lines.join('\n');
}
