/**
 * Secrets: kept sealed, each value for its project, name and version, so that one put in the place of another is refused and
 * named. An older value is kept as long as a release that was deployed with it can run again. No value is in an answer, an event
 * or an error.
 */
import { randomBytes } from 'node:crypto';
import { MAX_SECRET_BYTES } from '../../shared/api-secrets.js';
import { OrcaError } from '../../shared/errors.js';
import { secretKey, secretNameProblem, secretWords, valueId } from '../../shared/secret-reference.js';
import { heldValues, type Newest, type SecretUse, usesOf } from '../plan/secrets.js';
import { bindOfSecret } from '../store/sealed.js';
import type { Store } from '../store/store.js';
import type { SecretRecord } from '../store/tables.js';
import type { Transaction } from '../store/transaction.js';
import type { States } from './states.js';

export interface SecretFacts {
  project: string | null;
  name: string;
  /** Previews may have it. */
  isForPreviews: boolean;
  version: string;
  setAtMs: number;
  by: string;
  uses: readonly SecretUse[];
}

export interface SetSecret {
  project: string | null;
  name: string;
  value: string;
  /** Absent: as before. */
  isForPreviews?: boolean;
}

export interface SecretsOptions {
  store: Store;
  states: Pick<States, 'all'>;
  seal: (plain: string, bind: string) => string;
  /** Throws when it can't be opened for that. */
  unseal: (sealed: string, bind: string) => string;
  /** Of those of all projects, the ones that cluster.toml refers to; absent: none. */
  inCluster?: () => readonly string[];
}

export type Secrets = ReturnType<typeof createSecrets>;

export function createSecrets(options: SecretsOptions) {
  const { store, states } = options;
  const newest = newestIn(store);
  const find = (project: string | null, name: string): SecretRecord => {
    const found = store.secret(secretKey(project, name));
    if (found) return found;
    throw new OrcaError('SECRET_NOT_FOUND', `there is no secret ${secretWords(secretKey(project, name))}`);
  };
  const usesNow = () => usesOf(states.all(), newest);
  const factsOf = (secret: SecretRecord, uses: ReturnType<typeof usesOf>): SecretFacts => {
    const { project, name, values } = secret;
    const { version = '', setAtMs = 0, by = '' } = values.at(-1) ?? {};
    const isForPreviews = secret.preview === true;
    const used = uses.get(secretKey(project, name)) ?? [];
    return { project, name, isForPreviews, version, setAtMs, by, uses: used };
  };
  return {
    list(): SecretFacts[] {
      const uses = usesNow();
      return store.secrets().map((secret) => factsOf(secret, uses));
    },
    one: (project: string | null, name: string): SecretFacts => factsOf(find(project, name), usesNow()),
    /** Of any of them; a service may be there several times. */
    uses(project: string | null, names: readonly string[]): SecretUse[] {
      const uses = usesNow();
      return names.flatMap((name) => uses.get(secretKey(project, name)) ?? []);
    },
    /** All of them or none; the same value again is no change. */
    set(secrets: readonly SetSecret[], by: string): ('added' | 'changed' | 'unchanged')[] {
      store.requireRoom();
      for (const secret of secrets) refuseBad(secret);
      const nowMs = Date.now();
      return store.write((tx) => {
        const changes = secrets.map((secret) => setOne(tx, options, secret, by, nowMs));
        sweep(tx, heldValues(states.all()));
        return changes;
      });
    },
    /** Refuses with SECRET_IN_USE what a service uses, unless it is `forced`. */
    remove(project: string | null, name: string, isForced: boolean, by: string): readonly SecretUse[] {
      find(project, name);
      const key = secretKey(project, name);
      const uses = usesNow().get(key) ?? [];
      const isInCluster = project === null && options.inCluster?.().includes(name) === true;
      if ((uses.length > 0 || isInCluster) && !isForced) throw inUse(key, uses, isInCluster);
      store.write((tx) => {
        tx.deleteSecret(key);
        tellEvent(tx, Date.now(), 'removed', `${secretWords(key)}: removed by ${by}`);
        sweep(tx, heldValues(states.all()));
      });
      return uses;
    },
    /** Drops the values that nothing can run with again. */
    sweep: (): void => store.write((tx) => sweep(tx, heldValues(states.all()))),
  };
}

/** The newest value of each secret by its id. */
export function newestIn(store: Pick<Store, 'secret'>): Newest {
  return (key) => {
    const last = store.secret(key)?.values.at(-1);
    return last ? valueId(key, last.version) : null;
  };
}

function setOne(
  tx: Transaction,
  { seal, unseal }: SecretsOptions,
  { project, name, value, isForPreviews }: SetSecret,
  by: string,
  nowMs: number,
): 'added' | 'changed' | 'unchanged' {
  const key = secretKey(project, name);
  const before = tx.secret(key);
  const last = before?.values.at(-1);
  const isMarked = isForPreviews ?? before?.preview === true;
  const mark = isMarked ? { preview: true as const } : {};
  if (before && last && isSame(() => unseal(last.sealed, bindOfSecret(key, last.version)), value)) {
    if (isMarked === (before.preview === true)) return 'unchanged';
    tx.putSecret(key, { project, name, ...mark, values: before.values });
    const what = isMarked ? 'previews may have it' : 'previews may not have it any more';
    tellEvent(tx, nowMs, 'marked', `${secretWords(key)}: ${what}, by ${by}`);
    return 'changed';
  }
  const version = newVersion(nowMs);
  const one = { version, sealed: seal(value, bindOfSecret(key, version)), setAtMs: nowMs, by };
  tx.putSecret(key, { project, name, ...mark, values: [...(before?.values ?? []), one] });
  tellEvent(tx, nowMs, 'set', `${secretWords(key)}: ${before ? 'changed' : 'set'} by ${by}`);
  return before ? 'changed' : 'added';
}

/** One that can't be read is another. */
function isSame(read: () => string, value: string): boolean {
  try {
    return read() === value;
  } catch {
    return false;
  }
}

/** Never given twice, also not by a master whose store was lost: what agents keep goes by it. */
const newVersion = (nowMs: number): string =>
  `${nowMs.toString(36).padStart(9, '0')}${randomBytes(6).toString('hex')}`;

function sweep(tx: Transaction, held: ReadonlySet<string>): void {
  for (const secret of tx.secrets()) {
    const key = secretKey(secret.project, secret.name);
    const values = secret.values.filter(
      (one, at) => at === secret.values.length - 1 || held.has(valueId(key, one.version)),
    );
    if (values.length < secret.values.length) tx.putSecret(key, { ...secret, values });
  }
}

function refuseBad({ name, value }: SetSecret): void {
  const problem = secretNameProblem(name) ?? valueProblem(value);
  if (problem !== null) throw new OrcaError('BODY_INVALID', `secret ${JSON.stringify(name)}: ${problem}`);
}

/** Says nothing of what the value is. */
function valueProblem(value: string): string | null {
  if (value === '') return 'its value must not be empty';
  if (value.includes('\0')) return 'its value must hold no NUL character: no environment variable can';
  return Buffer.byteLength(value) > MAX_SECRET_BYTES
    ? `its value may have ${MAX_SECRET_BYTES / 1024} KiB`
    : null;
}

function inUse(key: string, uses: readonly SecretUse[], isInCluster: boolean): OrcaError {
  const names = [...uses.map(({ service }) => service), ...(isInCluster ? ['cluster.toml'] : [])];
  return new OrcaError('SECRET_IN_USE', `the secret ${secretWords(key)} is used by ${names.join(', ')}`, {
    details: names,
  });
}

function tellEvent(tx: Transaction, atMs: number, kind: string, what: string): void {
  tx.addEvent({
    atMs,
    kind: `secret.${kind}`,
    service: null,
    node: null,
    rollout: null,
    message: `secret ${what}`,
  });
}
