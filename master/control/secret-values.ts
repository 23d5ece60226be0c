/**
 * What deploys and assignments ask of secrets: specs with the values that they get from now on (by id), and the values themselves,
 * opened at the moment when an assignment is sent. A value that can't be had is a reason that the node shows, never a crash.
 */
import { OrcaError } from '../../shared/errors.js';
import type { AllocationAssignment, ImageWant, SentSecrets } from '../../shared/protocol.js';
import { keyOfValue, namesIn, secretKey, secretWords, valueId } from '../../shared/secret-reference.js';
import type { ServiceSpec } from '../../shared/spec.js';
import { type Newest, withSecrets } from '../plan/secrets.js';
import { bindOfSecret } from '../store/sealed.js';
import type { Store } from '../store/store.js';
import { newestIn } from './secrets.js';

export interface SecretValues {
  /** The specs with the newest values of their secrets. Throws SECRET_MISSING with all that are not set, or SECRET_UNREADABLE. */
  pin(specs: readonly ServiceSpec[]): ServiceSpec[];
  /** Throws SECRET_MISSING when a value that the spec was deployed with is not kept any more. */
  refuseForgotten(spec: ServiceSpec): void;
  /** The newest value of a secret of all projects, for what the master does itself; null: there is none that can be read. */
  ofAll(name: string): string | null;
  /** What a node needs for its allocations and builds; absent: nothing. */
  sentFor(
    allocations: readonly AllocationAssignment[],
    images?: readonly ImageWant[],
  ): SentSecrets | undefined;
}

export function createSecretValues(
  store: Pick<Store, 'secret'>,
  unseal: (sealed: string, bind: string) => string,
): SecretValues {
  const newest = newestIn(store);
  /** Of those that previews may have. */
  const marked: Newest = (key) => (store.secret(key)?.preview === true ? newest(key) : null);
  const reveal = (id: string): SentSecrets[string] => {
    const key = keyOfValue(id);
    const kept = store.secret(key)?.values.find(({ version }) => valueId(key, version) === id);
    if (!kept) return { value: null, reason: `the value of the secret ${secretWords(key)} was removed` };
    try {
      return { value: unseal(kept.sealed, bindOfSecret(key, kept.version)), reason: null };
    } catch {
      return { value: null, reason: unreadable(key) };
    }
  };
  return {
    ofAll(name) {
      const id = newest(secretKey(null, name));
      return id === null ? null : reveal(id).value;
    },
    pin(specs) {
      const pinned = specs.map((spec) => withSecrets(spec, newest, spec.preview ? marked : newest));
      const lines = pinned.flatMap(({ spec, missing }) =>
        missing.flatMap((name) => missingLines(spec, name)),
      );
      if (lines.length > 0) throw new OrcaError('SECRET_MISSING', lines.join('\n'), { details: lines });
      for (const { spec } of pinned)
        for (const id of [...idsOf(spec), ...Object.values(spec.build?.secrets ?? {})])
          if (reveal(id).value === null)
            throw new OrcaError('SECRET_UNREADABLE', `${spec.name}: ${unreadable(keyOfValue(id))}`);
      return pinned.map(({ spec }) => spec);
    },
    refuseForgotten(spec) {
      const unmarked = spec.preview ? idsOf(spec).find((id) => marked(keyOfValue(id)) === null) : undefined;
      if (unmarked !== undefined)
        throw new OrcaError(
          'SECRET_MISSING',
          `${spec.name}: the secret ${secretWords(keyOfValue(unmarked))} that this release was deployed with is not for previews any more`,
        );
      const gone = idsOf(spec).find((id) => reveal(id).value === null);
      if (gone === undefined) return;
      throw new OrcaError(
        'SECRET_MISSING',
        `${spec.name}: the value of the secret ${secretWords(keyOfValue(gone))} that this release was deployed with is not kept any more`,
        { hint: 'Deploy what you want to run instead: it gets the values that are set now.' },
      );
    },
    sentFor(allocations, images = []) {
      const ids = new Set([
        ...allocations
          .filter(({ desired }) => desired === 'running')
          .flatMap(({ container }) => Object.values(container.secrets ?? {})),
        ...images.flatMap(({ build }) => [
          ...[build?.deployKey ?? [], build?.token ?? []].flat(),
          ...Object.values(build?.secrets ?? {}),
        ]),
      ]);
      return ids.size === 0 ? undefined : Object.fromEntries([...ids].sort().map((id) => [id, reveal(id)]));
    },
  };
}

const idsOf = ({ container }: ServiceSpec): string[] => Object.values(container.secrets ?? {});

const unreadable = (key: string): string =>
  `the stored value of the secret ${secretWords(key)} can't be read: it was changed or moved outside of Orca`;

function missingLines(
  { name: service, project, container, build, preview }: ServiceSpec,
  name: string,
): string[] {
  const keys = build
    ? (['deployKey', 'token'] as const).filter((key) => namesIn(build[key] ?? '').includes(name))
    : [];
  const env = Object.entries(container.env).filter(([, value]) => namesIn(value).includes(name));
  const files = (container.secretFiles ?? []).filter(({ secret }) => secret === name);
  // Before its first deploy nobody knows of which project a service is: a key that was made without saying it is that of `default`.
  const made = `; \`orca deploy-key create ${project}/${service}\` makes one`;
  const source = keys.map((key) =>
    key === 'token'
      ? `build.token needs the secret "${name}", which is not set`
      : `build.deploy_key needs the secret "${name}", which is not set for ${project}${made}`,
  );
  const mounted = Object.entries(build?.mounted ?? {}).filter(([, value]) => namesIn(value).includes(name));
  const own = [
    ...env.map(([key]) => `env.${key}`),
    ...files.map(({ path }) => `secret_files ${path}`),
    ...mounted.map(([id]) => `build.secrets ${id}`),
  ];
  const lack = preview ? 'which is not set for previews (`orca secrets set --preview`)' : 'which is not set';
  return [
    ...own.map((what) => `${service}: ${what} needs the secret "${name}", ${lack}`),
    ...source.map((what) => `${service}: ${what}`),
  ];
}
